"""Spacing of neighbouring beads, which tells alpha carbons from centres of mass."""

from dataclasses import dataclass

import numpy as np

from openmm_cgvae.chemistry.proteins.bead_residues import BeadResidues, has_positions
from openmm_cgvae.chemistry.proteins.residue_templates import CAPS_AFTER, CAPS_BEFORE
from openmm_cgvae.molecules.periodic_box import nearest_images

__all__ = ["ALPHA_SPACING", "Spacing", "is_on_alpha_carbons", "measure_spacing"]

ALPHA_SPACING = 3.8  # from one alpha carbon to the next, if trans [Å]
# Beads that are farther from the next are not beside each other in a chain [Å].
_FARTHEST = 17.0
# Of consecutive alpha carbons 97 % are as far apart to within this (springs of
# coarse-grained simulations included), of centres of mass 27 % [Å].
_NEAR_ALPHA = 0.4
_LOG_ODDS_NEAR = float(np.log(0.97 / 0.27))
_LOG_ODDS_ELSEWHERE = float(np.log(0.03 / 0.73))
_LOG_ODDS_OF_NAME = 4.0
# Centres of mass of these are near their alpha carbons anyway.
_SMALL = frozenset({"GLY", "ALA"})
# A stretch that speaks as much against all others is of another kind: of 4,951 chains
# of crystals none has more than 20, with noise of 0.15 Å on alpha carbons.
_LOG_ODDS_OF_STRETCH = 25.0
# Half of the side chains' centres are farther from the next, and of no crystal's
# centres of mass of whole residues [Å].
_SIDE_CHAIN_SPACING = 5.7
_FEWEST_FOR_MEDIAN = 4
# BB is on alpha carbons where so many are 3.8 Å apart to within this: of crystals at
# least 0.88 then are, and at most 0.56 of centres of mass of the backbone.
_NEAR_ALPHA_BACKBONE = 0.2
_FRACTION_OF_ALPHA = 0.8
_FEWEST_OF_BACKBONE = 5


@dataclass(frozen=True)
class Spacing:
    """What distances between neighbouring beads tell, one bead per residue.

    Parameters
    ----------
    family : {"alpha-carbon", "residue"}
        What the beads are at; of chains that mix both, most of them.
    median : float
        Median distance from one bead to the next [Å]; 0 where none is known.
    other_stretch : tuple of int, optional
        First and last residue of a stretch that is at the other of both.
    are_side_chains : bool
        Whether the beads are too far apart to be either.
    """

    family: str
    median: float
    other_stretch: tuple[int, int] | None
    are_side_chains: bool


def measure_spacing(
    residues: BeadResidues, beads: np.ndarray, *, is_named_alpha: bool
) -> Spacing:
    """Find what beads are at by their distances.

    Parameters
    ----------
    residues : BeadResidues
        The residues.
    beads : ndarray of int, shape (n_residues,)
        The bead of each, among ``residues.atoms``.
    is_named_alpha : bool
        Whether the beads are called CA, which counts as much as three distances.

    Returns
    -------
    Spacing
        By the names alone where there are no positions.
    """
    first, distances = _neighbours(residues, beads)
    prior = _LOG_ODDS_OF_NAME if is_named_alpha else -_LOG_ODDS_OF_NAME
    # For each pair the logarithm of how much likelier it is of alpha carbons.
    is_near = np.abs(distances - ALPHA_SPACING) < _NEAR_ALPHA
    odds = np.where(is_near, _LOG_ODDS_NEAR, _LOG_ODDS_ELSEWHERE)
    is_small = np.array([known.variant in _SMALL for known in residues.names])
    odds[is_near & is_small[first] & is_small[first + 1]] = 0.0
    is_alpha = bool(odds.sum() + prior > 0)
    median = float(np.median(distances)) if len(distances) else 0.0
    has_median = len(distances) >= _FEWEST_FOR_MEDIAN
    return Spacing(
        family="alpha-carbon" if is_alpha else "residue",
        median=median,
        other_stretch=_contradicting(-odds if is_alpha else odds, first),
        are_side_chains=has_median and median > _SIDE_CHAIN_SPACING,
    )


def is_on_alpha_carbons(residues: BeadResidues, beads: np.ndarray) -> bool:
    """Return whether backbone beads are alpha carbons, not centres of the backbone.

    Parameters
    ----------
    residues : BeadResidues
        The residues.
    beads : ndarray of int, shape (n_residues,)
        The backbone bead of each, among ``residues.atoms``.

    Returns
    -------
    bool
        False where too few distances are known.
    """
    _, distances = _neighbours(residues, beads)
    if len(distances) < _FEWEST_OF_BACKBONE:
        return False
    is_near = np.abs(distances - ALPHA_SPACING) < _NEAR_ALPHA_BACKBONE
    return bool(is_near.mean() > _FRACTION_OF_ALPHA)


def _neighbours(
    residues: BeadResidues, beads: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find residues that seem bonded to the next, and the distance to it."""
    if not has_positions(residues.atoms):
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    where = residues.atoms.positions[beads].astype(np.float64)
    steps = nearest_images(np.diff(where, axis=0), residues.atoms.dimensions)
    distances = np.linalg.norm(steps, axis=1)
    variants = [known.variant for known in residues.names]
    is_bonded = np.isin(np.diff(residues.ids), (0, 1)) & (distances < _FARTHEST)
    is_bonded &= np.diff(residues.segments) == 0
    # The bead of a cap is at no alpha carbon.
    is_cap = np.isin(variants, list(CAPS_BEFORE | CAPS_AFTER))
    is_bonded &= ~(is_cap[:-1] | is_cap[1:])
    first = np.flatnonzero(is_bonded)
    return first, distances[first]


def _contradicting(odds: np.ndarray, first: np.ndarray) -> tuple[int, int] | None:
    """Find the stretch of pairs with the largest sum, if that is large enough."""
    total = np.append([0.0], np.cumsum(odds))
    rise = total - np.minimum.accumulate(total)
    end = int(rise.argmax())
    if rise[end] < _LOG_ODDS_OF_STRETCH:
        return None
    begin = int(total[: end + 1].argmin())
    return int(first[begin]), int(first[end - 1]) + 1
