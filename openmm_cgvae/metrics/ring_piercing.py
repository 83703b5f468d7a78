"""Ring piercing: bonds that pass through rings, where no minimiser gets them out."""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from openmm_cgvae.metrics._argument_checks import as_indices, as_positions
from openmm_cgvae.metrics.neighbour_search import pairs_between
from openmm_cgvae.molecules.periodic_box import nearest_images

__all__ = ["count_pierced_rings"]

LARGEST_RING = 8  # atoms; through larger ones a chain can go back and forth
FURTHEST = 20.0  # [Å], more than the middle of a bond is from a ring it pierces
_PARALLEL = 1e-9
# As far as a ring of eight and half a bond reach unless they are stretched [Å].
_USUAL_RING, _USUAL_HALF = 2.5, 1.25
_N_STRETCHED = 256  # rings compared at once where one or the other is stretched
_N_PAIRS = 2**16  # of a ring and a bond, so that memory does not grow


def count_pierced_rings(
    positions: np.ndarray,
    rings: Sequence[Sequence[int]],
    bonds: np.ndarray,
    boxes: np.ndarray | None = None,
) -> np.ndarray:
    """Count rings that a bond of other atoms passes through.

    A ring is a fan of triangles from its centre to its sides. Rings of more than
    eight atoms are passed over, since a chain may go through them.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3)
        Structures [Å].
    rings : sequence of sequences of int
        Atoms of each ring, neighbour after neighbour, such as ``AtomTable.rings``.
    bonds : ndarray of int, shape (n_bonds, 2)
        Bonded pairs.
    boxes : ndarray, shape (n_structures, 6), optional
        Unit cells [Å, degrees]; bonds in other images count as well.

    Returns
    -------
    ndarray of int, shape (n_structures,)
        Pierced rings of each structure.

    Raises
    ------
    ValueError
        If there are no such atoms.

    Examples
    --------
    >>> square = np.array([[1.0, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0]])
    >>> through = np.array([[0.1, 0.2, -0.7], [0.1, 0.2, 0.7]])
    >>> both = np.concatenate([square, through])
    >>> bonds = [(0, 1), (1, 2), (2, 3), (0, 3), (4, 5)]
    >>> count_pierced_rings(both[None], [(0, 1, 2, 3)], np.array(bonds)).tolist()
    [1]
    """
    positions = as_positions(positions)
    n_atoms = positions.shape[-2]
    bonds = as_indices(bonds, 2, n_atoms, "bonds")
    small = [ring for ring in rings if len(ring) <= LARGEST_RING]
    counts = np.zeros(len(positions), dtype=np.int64)
    for size in sorted({len(ring) for ring in small}):
        chosen = np.array([ring for ring in small if len(ring) == size])
        as_indices(chosen, size, n_atoms, "rings")
        for number, atoms in enumerate(positions):
            box = None if boxes is None else boxes[number]
            counts[number] += _count(atoms, chosen, bonds, box)
    return counts


def _count(
    atoms: np.ndarray, rings: np.ndarray, bonds: np.ndarray, box: np.ndarray | None
) -> int:
    """Count the pierced of some rings of one size in one structure."""
    first = atoms[rings[:, :1]]
    corners = nearest_images(atoms[rings] - first, box)
    centres = first[:, 0] + corners.mean(axis=1)
    corners = corners - corners.mean(axis=1, keepdims=True)
    halves = nearest_images(atoms[bonds[:, 1]] - atoms[bonds[:, 0]], box) / 2
    middles = atoms[bonds[:, 0]] + halves
    pierced = np.zeros(len(rings), dtype=bool)
    for ring, bond in _near_each_other(corners, centres, halves, middles, box):
        ends = bonds[bond]
        is_apart = ~(rings[ring][:, :, None] == ends[:, None]).any(axis=(1, 2))
        ring, bond = ring[is_apart], bond[is_apart]
        offsets = nearest_images(middles[bond] - centres[ring], box)
        crosses = _crosses_fan(corners[ring], offsets - halves[bond], 2 * halves[bond])
        pierced[ring[crosses]] = True
    return int(pierced.sum())


def _near_each_other(
    corners: np.ndarray,
    centres: np.ndarray,
    halves: np.ndarray,
    middles: np.ndarray,
    box: np.ndarray | None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield numbers of rings and of bonds that may pierce them, some at a time.

    What is stretched reaches far, so it is searched for apart: with one bond that is
    broken there would else be many candidates for every ring.
    """
    reach_of_rings = np.linalg.norm(corners, axis=-1).max(axis=1)
    reach_of_bonds = np.linalg.norm(halves, axis=-1)
    there = [np.isfinite(centres).all(axis=1), np.isfinite(middles).all(axis=1)]
    is_wide, is_long = reach_of_rings > _USUAL_RING, reach_of_bonds > _USUAL_HALF
    for wide, long in product((False, True), repeat=2):
        rings = np.flatnonzero(there[0] & (is_wide == wide))
        bonds = np.flatnonzero(there[1] & (is_long == long))
        if not len(rings) or not len(bonds):
            continue
        n_at_once = _N_STRETCHED if wide or long else len(rings)
        for start in range(0, len(rings), n_at_once):
            some = rings[start : start + n_at_once]
            reach = reach_of_rings[some].max() + reach_of_bonds[bonds].max()
            pairs = pairs_between(
                centres[some], middles[bonds], min(reach, FURTHEST), box
            )
            for part in range(0, len(pairs), _N_PAIRS):
                ring, bond = pairs[part : part + _N_PAIRS].T
                yield some[ring], bonds[bond]


def _crosses_fan(
    corners: np.ndarray, starts: np.ndarray, directions: np.ndarray
) -> np.ndarray:
    """Return whether segments cross triangles from the origin to the sides of polygons.

    Each of the three scaled sums has to be that of a point inside of the triangle and
    of the segment (Moller and Trumbore, 1997).
    """
    one, other = corners, np.roll(corners, -1, axis=1)
    starts, directions = starts[:, None], directions[:, None]
    normal = np.cross(directions, other)
    volume = np.sum(one * normal, axis=-1)
    is_parallel = np.abs(volume) < _PARALLEL
    volume = np.where(is_parallel, 1.0, volume)
    u = np.sum(starts * normal, axis=-1) / volume
    across = np.cross(starts, one)
    v = np.sum(directions * across, axis=-1) / volume
    t = np.sum(other * across, axis=-1) / volume
    is_inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (t >= 0) & (t <= 1)
    return (is_inside & ~is_parallel).any(axis=1)
