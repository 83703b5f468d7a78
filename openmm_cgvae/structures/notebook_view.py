"""Notebook views of structures, drawn by 3Dmol.js."""

from typing import Any

from jaxtyping import Float
from numpy import ndarray
from rdkit import Chem

from openmm_cgvae.molecules import AtomTable

__all__ = ["view_structures"]

WIDTH, HEIGHT = 640, 420  # [px]
STICK_RADIUS = 0.12  # [Å]
BEAD_RADIUS = 1.3  # [Å]
BEAD_OPACITY = 0.35
# Okabe and Ito (2008): told apart by colour-blind readers.
BEAD_COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#0072B2", "#D55E00")


def view_structures(
    atom_table: AtomTable,
    positions: Float[ndarray, "n_samples n_atoms 3"],
    beads: Float[ndarray, "n_beads 3"] | None,
) -> Any:
    """Build a view of structures over each other, with beads as spheres.

    Parameters
    ----------
    atom_table : AtomTable
        The molecule; its bonds are drawn, not guessed.
    positions : ndarray, shape (n_samples, n_atoms, 3)
        Structures [Å].
    beads : ndarray, shape (n_beads, 3), or None
        Beads [Å].

    Returns
    -------
    py3Dmol.view
        What a notebook shows.

    Raises
    ------
    ImportError
        If py3Dmol is not installed.
    """
    try:
        import py3Dmol
    except ImportError as error:
        raise ImportError(
            "views in notebooks need py3Dmol, which is not installed; run "
            "pip install 'openmm_cgvae[view]', or write a page with openmm-cgvae "
            "report --html, which needs nothing else"
        ) from error
    view = py3Dmol.view(width=WIDTH, height=HEIGHT)
    for structure in positions:
        view.addModel(_molfile(atom_table, structure), "sdf")
    view.setStyle({}, {"stick": {"radius": STICK_RADIUS}})
    for number, bead in enumerate([] if beads is None else beads.tolist()):
        view.addSphere(
            {
                "center": dict(zip("xyz", bead, strict=True)),
                "radius": BEAD_RADIUS,
                "color": BEAD_COLOURS[number % len(BEAD_COLOURS)],
                "opacity": BEAD_OPACITY,
            }
        )
    view.zoomTo()
    return view


def _molfile(atom_table: AtomTable, positions: Float[ndarray, "n_atoms 3"]) -> str:
    """Write a structure as an MDL molfile (V3000), which has elements and bonds."""
    symbol = Chem.GetPeriodicTable().GetElementSymbol
    numbers = atom_table.atomic_numbers.tolist()
    atoms = [
        f"{k} {symbol(number)} {x:.3f} {y:.3f} {z:.3f} 0"
        for k, (number, (x, y, z)) in enumerate(zip(numbers, positions, strict=True), 1)
    ]
    bonds = [
        f"{k} 1 {i + 1} {j + 1}"
        for k, (i, j) in enumerate(atom_table.bonds.tolist(), start=1)
    ]
    lines = [
        "BEGIN CTAB",
        f"COUNTS {len(atoms)} {len(bonds)} 0 0 0",
        *("BEGIN ATOM", *atoms, "END ATOM"),
        *("BEGIN BOND", *bonds, "END BOND"),
        "END CTAB",
    ]
    head = ["", "", "", "  0  0  0     0  0            999 V3000"]
    return "\n".join([*head, *(f"M  V30 {line}" for line in lines), "M  END", ""])
