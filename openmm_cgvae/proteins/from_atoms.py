"""The atoms of an atomistic protein in the canonical order."""

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.proteins.assembly import Residues, join_residues
from openmm_cgvae.proteins.atom_graphs import place_by_bonds
from openmm_cgvae.proteins.atom_names import Placement, place_by_names
from openmm_cgvae.proteins.bead_residues import BeadResidues, read_residues, shortlist
from openmm_cgvae.proteins.chains import distances_between, told_apart
from openmm_cgvae.proteins.residue_templates import (
    STANDARD_OF_VARIANT,
    residue_template,
)
from openmm_cgvae.topology import AtomTable

PEPTIDE_BOND = 2.0  # Angstrom, between 1.33 of the bond and 2.4 of C...CA
DISULFIDE_BOND = 2.6  # Angstrom, well over 2.05


def canonical_protein(
    atoms: "mda.Universe | mda.AtomGroup",
) -> tuple[AtomTable, np.ndarray]:
    """Put the atoms of a protein in the order that `protein_from_beads` gives them.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        A protein with all its hydrogens, in any order inside its residues, with the
        names of the PDB, Amber, CHARMM or Gromacs, or else with bonds. What is no
        amino acid is left out. Bonds or the positions of the current frame tell
        which residues are joined.

    Returns
    -------
    AtomTable
        The protein.
    ndarray of int, shape (n_atoms,)
        For each of its atoms the index in the group: ``atoms[index]`` are in the
        order of the table.

    Raises
    ------
    ValueError
        If there is no protein, or a residue is not known or not whole.

    Examples
    --------
    >>> from openmm_cgvae.data import data_path
    >>> table, index = canonical_protein(mda.Universe(data_path("chignolin.pdb")))
    >>> table.n_atoms, len(index)
    (175, 175)
    """
    residues = read_residues(atoms, "atoms")
    bonds = _bonds(residues)
    placements = _place(residues, bonds)
    templates = [residue_template(placement.variant) for placement in placements]
    order = np.concatenate(
        [
            inside[placement.order]
            for inside, placement in zip(residues.members, placements, strict=True)
        ]
    )
    starts = np.cumsum([0, *(template.n_atoms for template in templates[:-1])])
    heads, tails, sulphurs = (
        _atoms_at(order, starts, [getattr(template, end) for template in templates])
        for end in ("head", "tail", "sulphur")
    )
    is_joined = _joined(residues, heads, tails, bonds)
    table = join_residues(
        Residues(
            variants=tuple(placement.variant for placement in placements),
            ids=residues.ids,
            insertion_codes=residues.insertion_codes,
            chain_ids=told_apart(residues, is_joined),
            is_joined=is_joined,
            disulfides=_bridges(residues, sulphurs, bonds),
        )
    )
    group = atoms.atoms
    rank = np.full(len(group.universe.atoms), -1)
    rank[group.indices] = np.arange(len(group))
    return table, rank[residues.atoms.indices[order]]


def _place(residues: BeadResidues, bonds: np.ndarray) -> list[Placement]:
    """Find the template of every residue and the places of its atoms."""
    placements: list[Placement] = []
    wrong = []
    for residue, inside in enumerate(residues.members):
        variant = residues.names[residue].variant
        name = STANDARD_OF_VARIANT.get(variant, variant)
        names = tuple(residues.bead_names[atom] for atom in inside.tolist())
        found = place_by_names(name, names) or place_by_bonds(
            name, residues.atoms[inside], _inside(bonds, inside)
        )
        if found is None:
            wrong.append(residues.label(residue))
        else:
            placements.append(found)
    if wrong:
        raise ValueError(
            f"`atoms` has residues whose atoms are those of no amino acid of the "
            f"force field: {shortlist(wrong)}; complete them, hydrogens and OXT "
            "included, for instance with PDBFixer"
        )
    return placements


def _inside(bonds: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Give the bonds inside a residue, counted in it."""
    first, last = np.searchsorted(bonds[:, 0], [members.min(), members.max() + 1])
    near = bonds[first:last]
    near = near[np.isin(near, members).all(axis=1)]
    return np.searchsorted(members, near)


def _atoms_at(order: np.ndarray, starts: np.ndarray, places: list[int]) -> np.ndarray:
    """Give the atoms at one place of each residue, -1 where it has none."""
    at = np.array(places)
    return np.where(at < 0, -1, order[starts + np.maximum(at, 0)])


def _bonds(residues: BeadResidues) -> np.ndarray:
    """Give the bonds among the atoms, counted among them and sorted."""
    atoms = residues.atoms
    universe = atoms.universe
    pairs = np.empty((0, 2), dtype=np.int64)
    if hasattr(universe, "bonds"):
        rank = np.full(len(universe.atoms), -1)
        rank[atoms.indices] = np.arange(len(atoms))
        pairs = rank[np.asarray(universe.bonds.indices, dtype=np.int64).reshape(-1, 2)]
        pairs = pairs[(pairs >= 0).all(axis=1)]
    return np.unique(np.sort(pairs, axis=1), axis=0)


def _joined(
    residues: BeadResidues, heads: np.ndarray, tails: np.ndarray, bonds: np.ndarray
) -> np.ndarray:
    """Tell which residues have a peptide bond to the next."""
    carbons, nitrogens = tails[:-1], heads[1:]
    is_open = (carbons >= 0) & (nitrogens >= 0)
    pairs = np.stack([carbons, nitrogens], axis=1)
    is_bond = _among(pairs, bonds) | _nearer_than(residues, pairs, PEPTIDE_BOND)
    is_joined = np.append(is_open & is_bond, [False])
    lacking = (tails >= 0) & ~is_joined
    lacking |= (heads >= 0) & ~np.append([False], is_joined[:-1])
    if lacking.any():
        labels = [residues.label(r) for r in np.flatnonzero(lacking).tolist()]
        raise ValueError(
            f"`atoms` has residues bonded to none beside them that lack the atoms of "
            f"an end: {shortlist(labels)}; complete the ends (OXT, three hydrogens), "
            "cap them, or load positions or bonds"
        )
    return is_joined


def _bridges(
    residues: BeadResidues, sulphurs: np.ndarray, bonds: np.ndarray
) -> np.ndarray:
    """Find which of the cysteines without a hydrogen are bonded."""
    bridged = np.flatnonzero(sulphurs >= 0)
    one, other = np.triu_indices(len(bridged), k=1)
    rows = np.stack([bridged[one], bridged[other]], axis=1)
    pairs = sulphurs[rows]
    is_bond = _among(pairs, bonds) | _nearer_than(residues, pairs, DISULFIDE_BOND)
    found = rows[is_bond]
    counts = np.bincount(found.ravel(), minlength=residues.n_residues)[bridged]
    if (counts != 1).any():
        labels = [residues.label(r) for r in bridged[counts != 1].tolist()]
        raise ValueError(
            f"`atoms` has cysteines without a hydrogen on the sulphur and without one "
            f"partner: {shortlist(labels)}; add the hydrogen, or load bonds"
        )
    return found


def _among(pairs: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Tell which pairs are bonds."""
    known = {(i, j) for i, j in bonds.tolist()}
    return np.array(
        [(min(i, j), max(i, j)) in known for i, j in pairs.tolist()], dtype=bool
    )


def _nearer_than(
    residues: BeadResidues, pairs: np.ndarray, cutoff: float
) -> np.ndarray:
    """Tell which pairs are near, none if there are no positions."""
    if not hasattr(residues.atoms.universe, "trajectory"):
        return np.zeros(len(pairs), dtype=bool)
    where = residues.atoms.positions.astype(np.float64)
    box = residues.atoms.dimensions
    return distances_between(where[pairs[:, 0]], where[pairs[:, 1]], box) < cutoff
