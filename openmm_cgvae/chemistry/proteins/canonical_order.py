"""Canonical order of the atoms of an atomistic protein."""

from itertools import combinations

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.chemistry.proteins.bead_residues import (
    BeadResidues,
    has_positions,
    read_residues,
    shortlist,
)
from openmm_cgvae.chemistry.proteins.chains import distances_between, distinct_chain_ids
from openmm_cgvae.chemistry.proteins.join_residues import Residues, join_residues
from openmm_cgvae.chemistry.proteins.match_by_bonds import match_by_bonds
from openmm_cgvae.chemistry.proteins.match_by_names import TemplateMatch, match_by_names
from openmm_cgvae.chemistry.proteins.prochirality import standard_labels
from openmm_cgvae.chemistry.proteins.residue_templates import (
    STANDARD_OF_VARIANT,
    residue_template,
)
from openmm_cgvae.molecules import AtomTable

__all__ = ["canonical_protein"]

PEPTIDE_BOND = 2.0  # Å, between 1.33 of the bond and 2.4 of C...CA
DISULFIDE_BOND = 2.6  # Å, well over 2.05


def canonical_protein(
    atoms: "mda.Universe | mda.AtomGroup",
) -> tuple[AtomTable, np.ndarray]:
    """Find the order of a protein's atoms that `protein_from_beads` gives them.

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
        The protein, all its residues L.
    ndarray of int, shape (n_atoms,)
        For each of its atoms the index in the group: ``atoms[index]`` are in the
        order of the table. Which hydrogen of a CH2 is which, and which methyl of
        valine and leucine, is told by their positions as IUPAC has it.

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
    _refuse_unknown(residues)
    bonds = _bonds(residues)
    matches = _match_templates(residues, bonds)
    matches, disulfides = _bridged(residues, matches, bonds)
    templates = [residue_template(match.variant) for match in matches]
    order = np.concatenate([match.order for match in matches])
    starts = np.cumsum([0, *(template.n_atoms for template in templates[:-1])])
    heads, tails = (
        _atoms_at(order, starts, [getattr(template, end) for template in templates])
        for end in ("head", "tail")
    )
    if has_positions(residues.atoms):
        where = residues.atoms.positions.astype(np.float64)
        order = standard_labels(templates, order, where, residues.atoms.dimensions)
    is_joined = _joined(residues, heads, tails, bonds)
    table = join_residues(
        Residues(
            variants=tuple(match.variant for match in matches),
            ids=residues.ids,
            insertion_codes=residues.insertion_codes,
            chain_ids=distinct_chain_ids(residues, is_joined),
            is_joined=is_joined,
            disulfides=disulfides,
        )
    )
    group = atoms.atoms
    rank = np.full(len(group.universe.atoms), -1)
    rank[group.indices] = np.arange(len(group))
    return table, rank[residues.atoms.indices[order]]


def _match_templates(residues: BeadResidues, bonds: np.ndarray) -> list[TemplateMatch]:
    """Find the template of every residue, and which atom each of its atoms is."""
    matches: list[TemplateMatch] = []
    wrong = []
    for residue, inside in enumerate(residues.members):
        variant = residues.names[residue].variant
        name = STANDARD_OF_VARIANT.get(variant, variant)
        names = tuple(residues.bead_names[atom] for atom in inside.tolist())
        found = match_by_names(name, names) or match_by_bonds(
            name, residues.atoms[inside], _inside(bonds, inside)
        )
        if found is None:
            wrong.append(residues.label(residue))
        else:
            matches.append(TemplateMatch(found.variant, inside[found.order]))
    if wrong:
        raise ValueError(
            f"`atoms` has residues whose atoms are those of no amino acid of the "
            f"force field: {shortlist(wrong)}; complete them, hydrogens and OXT "
            "included, for instance with PDBFixer"
        )
    return matches


def _refuse_unknown(residues: BeadResidues) -> None:
    """Check that no amino acid is left out for its name."""
    outside = residues.atoms[residues.residue_of_bead < 0]
    outside = outside[~residues.is_alternate[residues.residue_of_bead < 0]]
    strange = [
        f"{residue.resname} {residue.resid}"
        for residue in outside.residues
        if {"N", "CA", "C"} <= set(residue.atoms.names)
    ]
    if strange:
        raise ValueError(
            "`atoms` has amino acids that there are no templates for: "
            f"{shortlist(strange)}; leave their molecules out"
        )


def _inside(bonds: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Find the bonds inside a residue, counted in it."""
    first, last = np.searchsorted(bonds[:, 0], [members.min(), members.max() + 1])
    near = bonds[first:last]
    near = near[np.isin(near, members).all(axis=1)]
    return np.searchsorted(members, near)


def _atoms_at(order: np.ndarray, starts: np.ndarray, ranks: list[int]) -> np.ndarray:
    """Return the atom of one rank in each residue, -1 where it has none."""
    at = np.array(ranks)
    return np.where(at < 0, -1, order[starts + np.maximum(at, 0)])


def _bonds(residues: BeadResidues) -> np.ndarray:
    """Find the bonds among the atoms, counted among them and sorted."""
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
    """Find which residues have a peptide bond to the next."""
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


def _bridged(
    residues: BeadResidues, matches: list[TemplateMatch], bonds: np.ndarray
) -> tuple[list[TemplateMatch], np.ndarray]:
    """Find which of the cysteines without a hydrogen are bonded; the rest are CYM."""
    sulphurs = {
        residue: int(found.order[residue_template(found.variant).sulphur])
        for residue, found in enumerate(matches)
        if residue_template(found.variant).sulphur >= 0
    }
    rows = np.array(list(combinations(sulphurs, 2)), dtype=np.int64).reshape(-1, 2)
    pairs = np.array(
        [(sulphurs[i], sulphurs[j]) for i, j in rows.tolist()], dtype=np.int64
    ).reshape(-1, 2)
    is_bond = _among(pairs, bonds) | _nearer_than(residues, pairs, DISULFIDE_BOND)
    disulfides = rows[is_bond]
    counts = np.bincount(disulfides.ravel(), minlength=residues.n_residues)
    wrong = [
        residues.label(residue)
        for residue in sulphurs
        if counts[residue] > 1 or not (counts[residue] or _is_inside(matches[residue]))
    ]
    if wrong:
        raise ValueError(
            f"`atoms` has cysteines without a hydrogen on the sulphur and without one "
            f"partner: {shortlist(wrong)}; add the hydrogen, or load bonds"
        )
    completed = [
        _thiolate(found) if residue in sulphurs and not counts[residue] else found
        for residue, found in enumerate(matches)
    ]
    return completed, disulfides


def _is_inside(match: TemplateMatch) -> bool:
    return match.variant == "CYX"


def _thiolate(match: TemplateMatch) -> TemplateMatch:
    """Return CYX as CYM, which has the same atoms in another order."""
    names = residue_template("CYX").names
    ranks = [names.index(name) for name in residue_template("CYM").names]
    return TemplateMatch("CYM", match.order[ranks])


def _among(pairs: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Return which pairs are bonds."""
    known = {(i, j) for i, j in bonds.tolist()}
    return np.array(
        [(min(i, j), max(i, j)) in known for i, j in pairs.tolist()], dtype=bool
    )


def _nearer_than(
    residues: BeadResidues, pairs: np.ndarray, cutoff: float
) -> np.ndarray:
    """Return which pairs are near, none if there are no positions."""
    if not has_positions(residues.atoms):
        return np.zeros(len(pairs), dtype=bool)
    where = residues.atoms.positions.astype(np.float64)
    box = residues.atoms.dimensions
    return distances_between(where[pairs[:, 0]], where[pairs[:, 1]], box) < cutoff
