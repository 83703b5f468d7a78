"""Named ways to make a Mapping from an atomistic universe.

Every scheme numbers its beads by their first atom, in the order of the atoms given.
"""

from pathlib import Path

import MDAnalysis as mda

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.schemes.assembly import checked_group
from openmm_cgvae.schemes.backbone import backbone_partition
from openmm_cgvae.schemes.by_residue import alpha_carbon, residues, selections
from openmm_cgvae.schemes.peptides import peptide_units

__all__ = [
    "alpha_carbon",
    "backbone_partition",
    "from_spec",
    "peptide_units",
    "residues",
    "selections",
]


def from_spec(atoms: "mda.Universe | mda.AtomGroup", text: str) -> Mapping:
    """Make a mapping by the name of a scheme, as on the command line.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        The atomistic molecule.
    text : str
        "residues", "alpha-carbon", "peptide-units", "peptide-units:split",
        "backbone:N", "backbone:N:SEED", or the path of a ``.json`` mapping.

    Returns
    -------
    Mapping
        What the scheme makes with its default weights, or what the file holds.

    Raises
    ------
    ValueError
        If the text names no scheme, or the file is for other atoms.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(2, atom_resindex=[0, 0])
    >>> universe.add_TopologyAttr("masses", [12.0, 1.0])
    >>> from_spec(universe, "residues")
    <Mapping of 2 atoms to 1 beads>
    """
    if text.endswith(".json"):
        mapping = Mapping.load(Path(text))
        n_atoms = len(checked_group(atoms))
        if mapping.n_atoms != n_atoms:
            raise ValueError(
                f"`text` {text!r} maps {mapping.n_atoms} atoms but there are "
                f"{n_atoms}; give a mapping made for these atoms"
            )
        return mapping
    name, *numbers = text.split(":")
    if name == "backbone" and len(numbers) in (1, 2):
        if all(number.isdecimal() for number in numbers):
            return backbone_partition(atoms, *map(int, numbers))
    elif text in ("peptide-units", "peptide-units:split"):
        return peptide_units(atoms, split_planes=text.endswith(":split"))
    elif text == "residues":
        return residues(atoms)
    elif text == "alpha-carbon":
        return alpha_carbon(atoms)
    raise ValueError(
        f"`text` is {text!r} but must be residues, alpha-carbon, peptide-units, "
        "peptide-units:split, backbone:N, backbone:N:SEED or the path of a .json "
        "mapping; give one of these"
    )
