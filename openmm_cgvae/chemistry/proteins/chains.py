"""Chains of a protein: where they begin and end."""

from collections import Counter
from dataclasses import dataclass
from itertools import compress

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.chemistry.proteins.bead_residues import (
    BeadResidues,
    has_positions,
    shortlist,
)
from openmm_cgvae.chemistry.proteins.chain_breaks import (
    REACH,
    BackboneBonds,
    find_breaks,
)
from openmm_cgvae.molecules.chain_ids import free_chain_ids
from openmm_cgvae.molecules.periodic_box import nearest_images

__all__ = [
    "Chains",
    "distances_between",
    "distinct_chain_ids",
    "find_chains",
    "positions_of",
    "vectors_between",
    "without_lone_residues",
]

BOND = 3.8  # of alpha carbons, if trans


@dataclass(frozen=True, eq=False)
class Chains:
    """Which residues are joined.

    Parameters
    ----------
    is_joined : ndarray of bool, shape (n_residues,)
        Whether a residue has a peptide bond to the next.
    rings : ndarray of int, shape (n_rings, 2)
        Last and first residue of each chain whose ends have a peptide bond.
    chain_ids : tuple of str, one per residue
        Chains, told apart where they had one name.
    notes : tuple of str
        What was taken for granted.
    """

    is_joined: np.ndarray
    rings: np.ndarray
    chain_ids: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def has_next(self) -> np.ndarray:
        """Whether each residue has a peptide bond to one after it, in a ring too."""
        has_next = self.is_joined.copy()
        has_next[self.rings[:, 0]] = True
        return has_next

    @property
    def has_previous(self) -> np.ndarray:
        """Whether each residue has a peptide bond to one before it, in a ring too."""
        has_previous = np.append([False], self.is_joined[:-1])
        has_previous[self.rings[:, 1]] = True
        return has_previous


def find_chains(residues: BeadResidues, backbone: np.ndarray, family: str) -> Chains:
    """Find which residues are bonded to the next.

    Parameters
    ----------
    residues : BeadResidues
        The residues.
    backbone : ndarray of int, shape (n_residues,)
        Alpha carbon or backbone bead of each, among ``residues.atoms``.
    family : str
        Family of the beads.

    Returns
    -------
    Chains
        What is known best tells where chains end, see `find_breaks`. A chain whose
        last residue has a bond to its first is a ring.
    """
    where = positions_of(residues.atoms, backbone)
    distances = np.zeros(residues.n_residues - 1)
    if where is not None:
        box = residues.atoms.dimensions
        distances = distances_between(where[:-1], where[1:], box)
    bonds = BackboneBonds.of(residues, backbone)
    breaks = find_breaks(residues, bonds, distances, family)
    is_joined = np.append(~breaks.is_end, [False])
    rings, notes = _find_rings(residues, bonds, is_joined, where, family)
    notes = [*breaks.notes, *notes]
    if where is None:
        notes.append("`beads` has no positions, so gaps in chains were not looked for")
    if family == "alpha-carbon":
        notes += _length_notes(distances[is_joined[:-1]])
    chain_ids = distinct_chain_ids(residues, is_joined)
    return Chains(is_joined, rings, chain_ids, tuple(notes))


def _find_rings(
    residues: BeadResidues,
    bonds: BackboneBonds,
    is_joined: np.ndarray,
    where: np.ndarray | None,
    family: str,
) -> tuple[np.ndarray, list[str]]:
    """Find chains that are closed by a bond from the last residue to the first.

    An elastic network has such bonds too, but others besides, or longer ones.
    """
    n_bonds = Counter(residue for pair in bonds.pairs for residue in pair)
    lasts = np.flatnonzero(~is_joined)
    firsts = np.append([0], lasts[:-1] + 1)
    rings: list[tuple[int, int]] = []
    notes = []
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        if last - first < 2 or (first, last) not in bonds.pairs:
            continue
        pair = f"{residues.label(last)} and {residues.label(first)}"
        is_near = where is None or (
            distances_between(where[[last]], where[[first]], residues.atoms.dimensions)[
                0
            ]
            < REACH[family]
        )
        if is_near and n_bonds[first] == n_bonds[last] == 2:
            rings.append((last, first))
            notes.append(f"{pair} are bonded, so that their chain is a ring")
        elif is_near:
            notes.append(
                f"{pair} are ends of a chain, though the topology has a bond between "
                "them, as it has to other beads"
            )
    return np.array(rings, dtype=np.int64).reshape(-1, 2), notes


def _length_notes(distances: np.ndarray) -> list[str]:
    """Check that beads are as far from the next as alpha carbons are."""
    typical = np.median(distances) if distances.any() else BOND
    if abs(typical - BOND) < 0.5:
        return []
    return [
        f"beads named CA are {typical:.1f} A from the next, where alpha carbons are "
        f"{BOND}; give family='residue' if they are centres of mass"
    ]


def positions_of(atoms: "mda.AtomGroup", which: np.ndarray) -> np.ndarray | None:
    """Return positions in double precision, None if there are none [Å]."""
    if not has_positions(atoms):
        return None
    return np.asarray(atoms.positions[which], dtype=np.float64)


def without_lone_residues(
    residues: BeadResidues, chains: Chains
) -> tuple[BeadResidues, Chains]:
    """Return the residues without those that are chains of their own, with a note.

    They are ligands or what gaps leave; force fields have no free amino acids.

    Raises
    ------
    ValueError
        If no other is left.
    """
    is_bonded = chains.is_joined | np.append([False], chains.is_joined[:-1])
    if is_bonded.all():
        return residues, chains
    labels = shortlist(
        [residues.label(residue) for residue in np.flatnonzero(~is_bonded).tolist()]
    )
    if not is_bonded.any():
        raise ValueError(
            f"`beads` has no residues that are bonded to each other, only {labels}; "
            "there is no force field for free amino acids"
        )
    note = f"{labels} is bonded to no other residue and left out"
    rank = np.cumsum(is_bonded) - 1
    kept = Chains(
        chains.is_joined[is_bonded],
        rank[chains.rings],
        tuple(compress(chains.chain_ids, is_bonded)),
        (*chains.notes, note),
    )
    return residues.only(is_bonded), kept


def vectors_between(a: np.ndarray, b: np.ndarray, box: np.ndarray | None) -> np.ndarray:
    """Compute the vectors from points to their partners, by the nearest image."""
    return nearest_images(np.asarray(b - a, dtype=np.float64), box)


def distances_between(
    a: np.ndarray, b: np.ndarray, box: np.ndarray | None
) -> np.ndarray:
    """Compute the distances of points to their partners, by the nearest image."""
    return np.linalg.norm(vectors_between(a, b, box), axis=1)


def distinct_chain_ids(
    residues: BeadResidues, is_joined: np.ndarray
) -> tuple[str, ...]:
    """Return the chain of every residue, so that chains of one name differ.

    Where numbers fall or go on behind an end, another chain begins: it gets letters
    that are free. Where they jump, a part of the chain is missing, as in the PDB.
    """
    is_start = np.diff(residues.segments) != 0
    is_start |= ~is_joined[:-1] & (np.diff(residues.ids) <= 1)
    letters = free_chain_ids(set(residues.chain_ids))
    seen: set[str] = set()
    names: list[str] = []
    for residue, name in enumerate(residues.chain_ids):
        if residue == 0 or is_start[residue - 1]:
            current = next(letters) if name in seen else name
            seen.add(name)
        names.append(current)
    return tuple(names)
