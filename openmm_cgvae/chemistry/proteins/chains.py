"""Chains of a protein: where they begin and end."""

from dataclasses import dataclass
from itertools import compress
from string import ascii_uppercase

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.chemistry.proteins.bead_residues import (
    BeadResidues,
    has_positions,
    shortlist,
)
from openmm_cgvae.chemistry.proteins.residue_templates import CAPS_AFTER, CAPS_BEFORE
from openmm_cgvae.molecules.periodic_box import nearest_images

__all__ = [
    "FAR",
    "REACH",
    "Chains",
    "distances_between",
    "distinct_chain_ids",
    "find_chains",
    "positions_of",
    "vectors_between",
    "without_lone_residues",
]

# The farthest that the first beads of bonded residues can be apart [Å].
REACH = {"alpha-carbon": 4.6, "residue": 8.5, "martini2": 5.0, "martini3": 5.0}
BOND = 3.8  # of alpha carbons, if trans
# Residues with consecutive numbers are only taken apart where no bond could be.
FAR = 2.0


@dataclass(frozen=True, eq=False)
class Chains:
    """Which residues are joined.

    Parameters
    ----------
    is_joined : ndarray of bool, shape (n_residues,)
        Whether a residue has a peptide bond to the next.
    chain_ids : tuple of str, one per residue
        Chains, told apart where they had one name.
    notes : tuple of str
        What was taken for granted.
    """

    is_joined: np.ndarray
    chain_ids: tuple[str, ...]
    notes: tuple[str, ...]


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
        Chains end where the segment or chain changes, at caps, where numbers fall or
        jump and the beads are too far apart for a peptide bond, and where they are
        twice as far. Beads that have a bond are joined.
    """
    numbers = np.array(residues.ids)
    steps = np.diff(numbers)
    variants = [known.variant for known in residues.names]
    is_other = np.diff(residues.segments) != 0
    is_other |= np.array([v in CAPS_AFTER for v in variants[:-1]], dtype=bool)
    is_other |= np.array([v in CAPS_BEFORE for v in variants[1:]], dtype=bool)
    where = positions_of(residues.atoms, backbone)
    distances = np.zeros(len(steps))
    if where is not None:
        distances = distances_between(where[:-1], where[1:], residues.atoms.dimensions)
    reach = REACH[family]
    is_odd = ~np.isin(steps, (0, 1))
    is_gap = ~is_other & (distances > np.where(is_odd, reach, FAR * reach))
    is_gap &= ~_are_bonded(residues.atoms, backbone)
    is_joined = np.append(~(is_other | is_gap), [False])
    notes = _gap_notes(residues, np.flatnonzero(is_gap).tolist(), distances)
    if where is None:
        notes.append("`beads` has no positions, so gaps in chains were not looked for")
    if family == "alpha-carbon":
        notes += _length_notes(distances[is_joined[:-1]])
    return Chains(is_joined, distinct_chain_ids(residues, is_joined), tuple(notes))


def _gap_notes(
    residues: BeadResidues, gaps: list[int], distances: np.ndarray
) -> list[str]:
    notes = [
        f"the chain is broken between {residues.label(i)} and {residues.label(i + 1)}, "
        f"which are {distances[i]:.1f} A apart; the two ends are charged"
        for i in gaps[:3]
    ]
    if len(gaps) > 3:
        notes.append(f"the chain is broken in {len(gaps) - 3} more places")
    return notes


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


def _are_bonded(atoms: "mda.AtomGroup", which: np.ndarray) -> np.ndarray:
    """Find the beads that have a bond to the next, as far as the universe knows."""
    if not hasattr(atoms.universe, "bonds"):
        return np.zeros(len(which) - 1, dtype=bool)
    known = set(map(tuple, np.sort(atoms.universe.bonds.indices, axis=1).tolist()))
    pairs = np.sort(np.stack([which[:-1], which[1:]], axis=1), axis=1)
    return np.array(
        [tuple(pair) in known for pair in atoms.indices[pairs].tolist()], dtype=bool
    )


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
    kept = Chains(
        chains.is_joined[is_bonded],
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

    Where numbers fall behind an end, another chain begins: it gets a letter that is
    free. A gap is within a chain, as in the PDB.
    """
    is_start = np.diff(residues.segments) != 0
    is_start |= ~is_joined[:-1] & (np.diff(residues.ids) < 0)
    letters = iter(sorted(set(ascii_uppercase) - set(residues.chain_ids)))
    seen: set[str] = set()
    names: list[str] = []
    for residue, name in enumerate(residues.chain_ids):
        if residue == 0 or is_start[residue - 1]:
            current = next(letters, name) if name in seen else name
            seen.add(name)
        names.append(current)
    return tuple(names)
