"""Chain breaks: where bonds, residue numbers and distances say that a chain ends."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openmm_cgvae.chemistry.proteins.bead_residues import BeadResidues, shortlist
from openmm_cgvae.chemistry.proteins.residue_templates import CAPS_AFTER, CAPS_BEFORE

__all__ = ["FAR", "REACH", "BackboneBonds", "Breaks", "find_breaks"]

# The farthest that the first beads of bonded residues can be apart [Å].
REACH = {"alpha-carbon": 4.6, "residue": 8.5, "martini2": 5.0, "martini3": 5.0}
# The farthest that those of well-made structures are: of 93,699 pairs of 500 crystal
# structures, none of alpha carbons is beyond 4.1 Å, and none of BB.
_USUAL = {"alpha-carbon": 4.3, "residue": 8.5, "martini2": 4.5, "martini3": 4.5}
# Residues with consecutive numbers, of which the topology tells the chains, are only
# taken apart where no bond could be.
FAR = 2.0
_BOND = 3.8  # [Å], of alpha carbons, and of beads at centres of mass in simulations
_OUTLIER = 5.0  # standard deviations
_SMALLEST_EXCESS = 0.6  # [Å]
_TO_DEVIATION = 1.4826  # from the median absolute deviation


@dataclass(frozen=True, eq=False)
class BackboneBonds:
    """Bonds between the backbone beads of residues, as far as the topology knows.

    Parameters
    ----------
    pairs : set of (int, int)
        Residues ``i < j`` that are bonded.
    to_next : ndarray of bool, shape (n_residues - 1,)
        Whether a residue is bonded to the next.
    """

    pairs: frozenset[tuple[int, int]]
    to_next: np.ndarray

    @classmethod
    def of(cls, residues: BeadResidues, backbone: np.ndarray) -> "BackboneBonds":
        """Read the bonds of a universe.

        Parameters
        ----------
        residues : BeadResidues
            The residues.
        backbone : ndarray of int, shape (n_residues,)
            Backbone bead of each, among ``residues.atoms``.

        Returns
        -------
        BackboneBonds
            No bonds where the topology has none.
        """
        n_residues = residues.n_residues
        universe = residues.atoms.universe
        pairs = np.empty((0, 2), dtype=np.int64)
        if hasattr(universe, "bonds"):
            residue = np.full(len(universe.atoms), -1)
            residue[residues.atoms.indices[backbone]] = np.arange(n_residues)
            pairs = residue[
                np.asarray(universe.bonds.indices, dtype=int).reshape(-1, 2)
            ]
            pairs = np.sort(pairs[(pairs >= 0).all(axis=1)], axis=1)
        to_next = np.zeros(max(n_residues - 1, 0), dtype=bool)
        to_next[pairs[pairs[:, 1] - pairs[:, 0] == 1, 0]] = True
        return cls(frozenset((i, j) for i, j in pairs.tolist()), to_next)

    def decide(self, segments: np.ndarray) -> np.ndarray:
        """Find the neighbours of whose segment bonds are known: no bond parts them."""
        knowing = np.unique(segments[:-1][self.to_next])
        return np.isin(segments[:-1], knowing)


@dataclass(frozen=True, eq=False)
class Breaks:
    """Where chains end.

    Parameters
    ----------
    is_end : ndarray of bool, shape (n_residues - 1,)
        Whether a residue is not joined to the next.
    notes : tuple of str
        What was taken for granted.
    """

    is_end: np.ndarray
    notes: tuple[str, ...]


def find_breaks(
    residues: BeadResidues, bonds: BackboneBonds, distances: np.ndarray, family: str
) -> Breaks:
    """Find where chains end, by what knows best.

    Parameters
    ----------
    residues : BeadResidues
        The residues.
    bonds : BackboneBonds
        Their bonds.
    distances : ndarray, shape (n_residues - 1,)
        From the backbone bead of each to the next; zero where there are no positions
        [Å].
    family : str
        Family of the beads.

    Returns
    -------
    Breaks
        Segments, chain identifiers, molecules and caps end a chain; then bonds tell,
        if any are known in the segment; then numbers that begin again; and only then
        distances.
    """
    variants = [known.variant for known in residues.names]
    is_named = np.diff(residues.segments) != 0
    is_named |= np.array([v in CAPS_AFTER for v in variants[:-1]], dtype=bool)
    is_named |= np.array([v in CAPS_BEFORE for v in variants[1:]], dtype=bool)
    is_open = ~is_named & ~bonds.to_next
    is_unbonded = is_open & bonds.decide(residues.segments)
    is_open &= ~is_unbonded
    is_restart = is_open & _numbers_begin_again(residues.ids, is_named | is_unbonded)
    is_open &= ~is_restart
    steps = np.diff(residues.ids)
    is_odd = ~np.isin(steps, (0, 1))
    usual = _usual_distance(distances[~is_named & ~is_restart & ~is_odd], family)
    knows_chains = len(np.unique(residues.segments)) > 1
    farthest = FAR * REACH[family]
    limits = np.where(
        is_odd,
        min(usual, REACH[family]),
        farthest if knows_chains else min(usual, farthest),
    )
    is_far = is_open & (distances > limits)
    is_open &= ~is_far
    notes = [
        *_unbonded_notes(residues, np.flatnonzero(is_unbonded & ~is_odd)),
        *_gap_notes(
            residues, np.flatnonzero(is_far | (is_unbonded & is_odd)), distances
        ),
        *_restart_notes(residues, np.flatnonzero(is_restart)),
        *_fall_notes(residues, np.flatnonzero(is_open & (steps < 0))),
    ]
    if not knows_chains:
        is_doubtful = is_open & (distances > _USUAL[family]) & (family != "residue")
        notes += _distance_notes(residues, is_far & ~is_odd, is_doubtful, distances)
    is_end = is_named | is_unbonded | is_restart | is_far
    return Breaks(is_end, tuple(notes))


def _numbers_begin_again(ids: Sequence[int], is_end: np.ndarray) -> np.ndarray:
    """Find falls to a number that the chain has already.

    Numbers of a part that was put into a chain, such as 1001 to 1106 between 29 and
    30, fall as well, but to a number that is new.
    """
    found = np.zeros(len(is_end), dtype=bool)
    seen = {ids[0]}
    for residue, number in enumerate(ids[1:]):
        found[residue] = number < ids[residue] and number in seen
        if found[residue] or is_end[residue]:
            seen = set()
        seen.add(number)
    return found


def _usual_distance(distances: np.ndarray, family: str) -> float:
    """Compute how far neighbours in a chain are apart at most, in this structure [Å].

    Beads of simulations are farther apart than those of crystals, so what counts as
    far depends on how much the distances scatter.
    """
    usual = _USUAL[family]
    if not distances.any():
        return usual
    middle = float(np.median(distances))
    scatter = _TO_DEVIATION * float(np.median(np.abs(distances - middle)))
    if family == "residue" and (np.abs(distances - _BOND) < 0.4).mean() >= 0.75:
        usual = _USUAL["alpha-carbon"]  # as simulations with one bead a residue have it
    return max(usual, middle + max(_SMALLEST_EXCESS, _OUTLIER * scatter))


def _gap_notes(
    residues: BeadResidues, gaps: np.ndarray, distances: np.ndarray
) -> list[str]:
    notes = [
        f"the chain is broken between {residues.label(i)} and {residues.label(i + 1)}, "
        f"which are {distances[i]:.1f} A apart; the two ends are charged"
        for i in gaps[:3].tolist()
    ]
    if len(gaps) > 3:
        notes.append(f"the chain is broken in {len(gaps) - 3} more places")
    return notes


def _unbonded_notes(residues: BeadResidues, ends: np.ndarray) -> list[str]:
    if not len(ends):
        return []
    return [
        f"the chain is broken between {_pairs(residues, ends)}, which have no bond in "
        "the topology; the ends are charged"
    ]


def _restart_notes(residues: BeadResidues, ends: np.ndarray) -> list[str]:
    if not len(ends):
        return []
    begins = [residues.label(i + 1) for i in ends.tolist()]
    return [
        f"the chain is broken before {shortlist(begins)}, where residue numbers begin "
        "again"
    ]


def _fall_notes(residues: BeadResidues, joined: np.ndarray) -> list[str]:
    if not len(joined):
        return []
    return [
        f"{_pairs(residues, joined)} are taken to be bonded, as near as they are, "
        "though residue numbers fall"
    ]


def _distance_notes(
    residues: BeadResidues,
    is_far: np.ndarray,
    is_doubtful: np.ndarray,
    distances: np.ndarray,
) -> list[str]:
    notes = []
    if is_far.any():
        notes.append(
            "chains are told by distances, since the topology has neither bonds nor "
            "several chains; give bonds, segids or chainIDs to tell them"
        )
    if is_doubtful.any():
        worst = int(np.argmax(np.where(is_doubtful, distances, 0.0)))
        others = int(is_doubtful.sum()) - 1
        notes.append(
            f"{residues.label(worst)} and {residues.label(worst + 1)} are taken to be "
            f"bonded though they are {distances[worst]:.1f} A apart"
            + (f", and {others} more pairs of neighbours" if others else "")
            + "; give bonds, segids or chainIDs if they are of different chains"
        )
    return notes


def _pairs(residues: BeadResidues, firsts: np.ndarray) -> str:
    return shortlist(
        [f"{residues.label(i)} and {residues.label(i + 1)}" for i in firsts.tolist()]
    )
