"""Mappings of a protein's atoms to the beads of a family."""

import numpy as np

from openmm_cgvae.chemistry.proteins.residue_templates import CAPS_AFTER, CAPS_BEFORE
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.schemes.by_residue import ALPHA_OF_CAP
from openmm_cgvae.mapping.schemes.martini_proteins import (
    CARBONYL,
    MOST_BEADS,
    Place,
    bead_places,
)
from openmm_cgvae.mapping.schemes.martini_tables import (
    OXYGENS,
    SIDE_CHAINS,
    STANDARD_ATOMS,
    STANDARD_NAMES,
)
from openmm_cgvae.molecules import HYDROGEN, AtomTable

__all__ = [
    "CAPS",
    "FAMILIES",
    "MARTINI_VERSIONS",
    "checked_family",
    "family_mapping",
    "side_chain_beads",
]

MARTINI_VERSIONS = {"martini2": 2, "martini3": 3}
FAMILIES = ("alpha-carbon", "residue", *MARTINI_VERSIONS)
CAPS = CAPS_BEFORE | CAPS_AFTER


def family_mapping(atom_table: AtomTable, family: str) -> Mapping:
    """Build the mapping of a protein's atoms to the beads of a family.

    Parameters
    ----------
    atom_table : AtomTable
        A protein of standard amino acids and the caps ACE, NME and NHE.
    family : {"alpha-carbon", "residue", "martini3", "martini2"}
        One bead per residue on its alpha carbon (of a cap: the methyl carbon, or the
        nitrogen of NHE); one at its centre of mass; or the beads of `schemes.martini`.

    Returns
    -------
    Mapping
        The beads, residue by residue.

    Raises
    ------
    ValueError
        If there is no such family, or an atom belongs to none of its beads.

    Examples
    --------
    >>> from openmm import app
    >>> import MDAnalysis as mda
    >>> from openmm_cgvae.data import data_path
    >>> pdb = mda.Universe(app.PDBFile(str(data_path("alanine-dipeptide.pdb"))))
    >>> family_mapping(AtomTable.from_universe(pdb), "alpha-carbon")
    <Mapping of 22 atoms to 3 beads>
    """
    checked_family(family)
    if family in MARTINI_VERSIONS:
        return _martini(atom_table, MARTINI_VERSIONS[family])
    weights = atom_table.masses
    name = "RES"
    if family == "alpha-carbon":
        weights, name = _is_alpha(atom_table), "CA"
    return Mapping(
        atom_table.residue_of_atom, weights, bead_names=[name] * atom_table.n_residues
    )


def checked_family(family: str) -> str:
    """Return the name of a family after checking that there is one."""
    if family not in FAMILIES:
        raise ValueError(
            f"`family` is {family!r} but must be one of {', '.join(FAMILIES)}"
        )
    return family


def side_chain_beads(residue_name: str, version: int) -> int:
    """Return the number of side chain beads of an amino acid in Martini."""
    text = SIDE_CHAINS[version][residue_name]
    return text.count("|") + 1 if text else 0


def _residue_names(table: AtomTable) -> np.ndarray:
    return np.array(table.residue_names)[table.residue_of_atom]


def _is_alpha(table: AtomTable) -> np.ndarray:
    """Find the atom of each residue that its bead is on."""
    is_alpha = np.zeros(table.n_atoms, dtype=bool)
    rows = zip(table.names, _residue_names(table).tolist(), strict=True)
    for atom, (name, residue_name) in enumerate(rows):
        is_alpha[atom] = name in ALPHA_OF_CAP.get(residue_name, ("CA",))
    found = np.bincount(table.residue_of_atom[is_alpha], minlength=table.n_residues)
    if (found != 1).any():
        residue = int(np.flatnonzero(found != 1)[0])
        raise ValueError(
            f"`atom_table` has {found[residue]} alpha carbons in "
            f"{table.residue_names[residue]} {table.residue_ids[residue]} but must "
            "have one; give a protein of standard amino acids"
        )
    return is_alpha


def _martini(table: AtomTable, version: int) -> Mapping:
    """Build Martini's beads, hydrogens in the bead of their heavy atom."""
    carrier = _carriers(table)
    owners = _owners(table)
    labels = np.zeros(table.n_atoms, dtype=np.int64)
    fractions = np.zeros(table.n_atoms)
    keeps = np.zeros(table.n_atoms, dtype=bool)
    residue_names = _residue_names(table).tolist()
    for atom in np.flatnonzero(table.is_heavy).tolist():
        owner = owners[table.residue_of_atom[atom]]
        labels[atom] = MOST_BEADS * owner
        if residue_names[atom] in CAPS:
            continue
        place = _place(residue_names[atom], table.names[atom], version)
        labels[atom] += place.bead
        fractions[atom], keeps[atom] = place.share, place.has_hydrogens
    counted = fractions[carrier] * (table.is_heavy | keeps[carrier])
    found, bead_of_atom = np.unique(labels[carrier], return_inverse=True)
    names = [f"SC{bead}" if bead else "BB" for bead in found % MOST_BEADS]
    return Mapping(bead_of_atom, counted * table.masses, bead_names=names)


def _place(residue_name: str, name: str, version: int) -> Place:
    standard = STANDARD_NAMES.get(residue_name)
    places = {} if standard is None else bead_places(standard, version)
    name = STANDARD_ATOMS.get((residue_name, name), name)
    if name in places:
        return places[name]
    if standard is not None and name in OXYGENS:
        return CARBONYL
    raise ValueError(
        f"`atom_table` has the atom {name} of {residue_name}, which Martini has no "
        "bead for; give a protein of standard amino acids"
    )


def _carriers(table: AtomTable) -> np.ndarray:
    """Find for each atom the heavy atom that it is or is bonded to."""
    carrier = np.arange(table.n_atoms)
    for first, second in (table.bonds.T, table.bonds.T[::-1]):
        is_light = table.atomic_numbers[first] == HYDROGEN
        carrier[first[is_light]] = second[is_light]
    return carrier


def _owners(table: AtomTable) -> np.ndarray:
    """Find for each residue the one whose beads hold it: of a cap, its neighbour."""
    owners = np.arange(table.n_residues)
    for residue, name in enumerate(table.residue_names):
        if name in CAPS:
            owners[residue] += 1 if name in CAPS_BEFORE else -1
    is_amino = [
        0 <= owner < table.n_residues and table.residue_names[owner] not in CAPS
        for owner in owners
    ]
    if not all(is_amino):
        raise ValueError(
            "`atom_table` has a cap with no amino acid beside it; put caps next to "
            "the residues that they cap"
        )
    return owners
