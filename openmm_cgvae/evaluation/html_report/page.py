"""The page: structures, tables and pictures put into one file."""

import json
import os
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from openmm_cgvae._runtime.atomic_files import written_whole
from openmm_cgvae._runtime.version import __version__
from openmm_cgvae.evaluation.html_report.tables import check_table, sample_table
from openmm_cgvae.evaluation.html_report.torsion_maps import ramachandran_map
from openmm_cgvae.structures.ensemble import AtomisticEnsemble, Relaxation

__all__ = ["write_page"]

DIGITS = 3  # of coordinates [Å]
SMALLEST_RADIUS = 0.8  # of a bead [Å]
BOXES = {
    "relaxed": "relaxed",
    "beads": "beads",
    "hydrogens": "hydrogens",
    "all": "all samples at once",
}
CHECKED = ("beads", "hydrogens")


def write_page(
    ensemble: AtomisticEnsemble,
    path: str | os.PathLike[str],
    relaxation: Relaxation | None = None,
) -> Path:
    """Write a page about an ensemble; it is one file, and needs no network.

    Parameters
    ----------
    ensemble : AtomisticEnsemble
        At least one sample.
    path : path-like
        The file, replaced in one step.
    relaxation : Relaxation, optional
        The same samples relaxed, for energies and structures before and after.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If there is no sample, or the relaxation is of others.

    Examples
    --------
    >>> import tempfile
    >>> import MDAnalysis as mda
    >>> from openmm import app
    >>> from openmm_cgvae.data import data_path
    >>> from openmm_cgvae.molecules import AtomTable
    >>> pdb = mda.Universe(app.PDBFile(str(data_path("alanine-dipeptide.pdb"))))
    >>> table = AtomTable.from_universe(pdb)
    >>> ensemble = AtomisticEnsemble(table, pdb.atoms.positions[None])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = write_page(ensemble, f"{folder}/page.html")
    ...     written.read_text(encoding="utf-8")[:15]
    '<!doctype html>'
    """
    if len(ensemble) == 0:
        raise ValueError("`ensemble` has no sample; make at least one")
    if relaxation is not None and len(relaxation.ensemble) != len(ensemble):
        raise ValueError(
            f"`relaxation` is of {len(relaxation.ensemble)} samples but there are "
            f"{len(ensemble)}; give that of the same ensemble"
        )
    molecule = ensemble.atom_table.describe()
    is_there = {
        "relaxed": relaxation is not None,
        "beads": _beads(ensemble) is not None,
    }
    text = Template(_part("page.html")).substitute(
        title=escape(f"{len(ensemble)} samples of {molecule}"),
        subtitle=f"openmm_cgvae {__version__}",
        style=_part("page.css"),
        script=_part("viewer.js"),
        last=len(ensemble) - 1,
        controls="\n".join(
            f'<label><input type="checkbox" id="{name}"'
            f"{' checked' if name in CHECKED else ''}> {label}</label>"
            for name, label in BOXES.items()
            if is_there.get(name, True)
        ),
        sections=_sections(ensemble, relaxation),
        # In a script element nothing but "</" could end the text early.
        structures=json.dumps(_structures(ensemble, relaxation)).replace("</", "<\\/"),
    )
    target = Path(path)
    with written_whole(target) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    return target


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _sections(ensemble: AtomisticEnsemble, relaxation: Relaxation | None) -> str:
    before = ensemble.report()
    after = None if relaxation is None else relaxation.ensemble.report()
    sets = {"as made": ensemble.positions_angstrom}
    if relaxation is not None:
        sets["relaxed"] = relaxation.ensemble.positions_angstrom
    found = {
        "Checks": check_table(before, after),
        "Samples": sample_table(before, relaxation),
        "Torsions of the backbone": ramachandran_map(ensemble.atom_table, sets),
    }
    return "\n".join(
        f"<h2>{title}</h2>\n{content}" for title, content in found.items() if content
    )


def _structures(
    ensemble: AtomisticEnsemble, relaxation: Relaxation | None
) -> dict[str, object]:
    beads = _beads(ensemble)
    relaxed = None if relaxation is None else relaxation.ensemble.positions_angstrom
    return {
        "elements": ensemble.atom_table.atomic_numbers.tolist(),
        "bonds": ensemble.atom_table.bonds.tolist(),
        "samples": _rounded(ensemble.positions_angstrom),
        "relaxed": None if relaxed is None else _rounded(relaxed),
        "beads": None if beads is None else _rounded(beads),
        "bead_radii": None if beads is None else _radii(ensemble, beads),
    }


def _beads(ensemble: AtomisticEnsemble) -> np.ndarray | None:
    if ensemble.mapping is None:
        return None
    if ensemble.bead_positions is not None:
        return ensemble.bead_positions
    return ensemble.mapping.project(ensemble.positions_angstrom)


def _radii(ensemble: AtomisticEnsemble, beads: np.ndarray) -> list[float]:
    """Mean distance of each bead's heavy atoms from it, over all samples [Å]."""
    mapping = ensemble.mapping
    assert mapping is not None  # noqa: S101 - or there would be no beads
    apart = np.linalg.norm(ensemble.positions_angstrom - mapping.lift(beads), axis=-1)
    is_heavy = ensemble.atom_table.atomic_numbers > 1
    radii = []
    for bead in range(mapping.n_beads):
        heavy = [atom for atom in mapping.atoms_of_bead(bead) if is_heavy[atom]]
        mean = apart[:, heavy].mean() if heavy else 0.0
        radii.append(round(max(float(mean), SMALLEST_RADIUS), DIGITS))
    return radii


def _rounded(positions: np.ndarray) -> list:
    return np.round(positions, DIGITS).tolist()
