"""Neighbour search: pairs of points closer than a cutoff, in any unit cell.

Time and memory grow with the number of pairs that are found. A k-d tree serves points
without a cell and those in rectangular ones; MDAnalysis's grid the others.
"""

import numpy as np
from MDAnalysis.lib.distances import capped_distance, self_capped_distance
from scipy.spatial import cKDTree

from openmm_cgvae.molecules.periodic_box import nearest_images, search_box

__all__ = ["is_among", "pairs_among", "pairs_between"]

_SLACK = 1e-6  # [Å]; candidates are found a little wide, then measured exactly


def pairs_among(
    points: np.ndarray, cutoff: float, box: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the pairs of points closer than a cutoff.

    Parameters
    ----------
    points : ndarray of float64, shape (n_points, 3)
        Points [Å]; those that are not finite are near nothing.
    cutoff : float
        Pairs at less than this distance are found [Å].
    box : ndarray, shape (6,), optional
        Unit cell [Å, degrees], zero along directions without images.

    Returns
    -------
    pairs : ndarray of int, shape (n_pairs, 2)
        Pairs, the first less than the second, each once.
    distances : ndarray, shape (n_pairs,)
        Distances of the nearest images [Å].

    Examples
    --------
    >>> points = np.array([[0.5, 0, 0], [9.5, 0, 0], [5.0, 0, 0]])
    >>> pairs, distances = pairs_among(points, 2.0, np.array([10, 10, 0, 90, 90, 90]))
    >>> pairs.tolist(), distances.tolist()
    ([[0, 1]], [1.0])
    """
    present = np.flatnonzero(np.isfinite(points).all(axis=1))
    if len(present) < 2:
        return np.empty((0, 2), dtype=np.int64), np.empty(0)
    there = points[present]
    edges = _edges(box)
    if edges is None:
        found, _ = self_capped_distance(
            there.astype(np.float32), cutoff, box=search_box(box, there, cutoff)
        )
        pairs = np.sort(np.asarray(found, dtype=np.int64).reshape(-1, 2), axis=1)
    else:
        pairs = _tree(there, edges).query_pairs(cutoff + _SLACK, output_type="ndarray")
    distances = _distances(there[pairs[:, 1]] - there[pairs[:, 0]], box, edges)
    near = distances < cutoff
    return present[pairs[near]], distances[near]


def pairs_between(
    points: np.ndarray,
    others: np.ndarray,
    cutoff: float,
    box: np.ndarray | None = None,
) -> np.ndarray:
    """Find the pairs of two sets of points closer than a cutoff, or a little farther.

    Parameters
    ----------
    points, others : ndarray of float64, shapes (n_points, 3) and (n_others, 3)
        Two sets of points [Å], all finite.
    cutoff : float
        Pairs at less than this distance are found [Å].
    box : ndarray, shape (6,), optional
        Unit cell [Å, degrees], zero along directions without images.

    Returns
    -------
    ndarray of int, shape (n_pairs, 2)
        Numbers of a point and of another, each pair once.

    Examples
    --------
    >>> points, others = np.zeros((1, 3)), np.array([[3.0, 0, 0], [1.0, 0, 0]])
    >>> pairs_between(points, others, 2.0).tolist()
    [[0, 1]]
    """
    if not len(points) or not len(others):
        return np.empty((0, 2), dtype=np.int64)
    edges = _edges(box)
    if edges is None:
        both = np.concatenate([points, others])
        found = capped_distance(
            points.astype(np.float32),
            others.astype(np.float32),
            cutoff,
            box=search_box(box, both, cutoff),
            return_distances=False,
        )
        return np.asarray(found, dtype=np.int64).reshape(-1, 2)
    found = _tree(points, edges).sparse_distance_matrix(
        _tree(others, edges), cutoff + _SLACK, output_type="ndarray"
    )
    return np.stack([found["i"], found["j"]], axis=1).astype(np.int64)


def is_among(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return which keys are among some that are sorted.

    `numpy.isin` takes several times as long for millions of keys.

    Parameters
    ----------
    keys : ndarray of int, shape (n_keys,)
        Keys.
    known : ndarray of int, shape (n_known,)
        Others, rising.

    Returns
    -------
    ndarray of bool, shape (n_keys,)
        Whether each is known.

    Examples
    --------
    >>> is_among(np.array([4, 1, 9]), np.array([1, 2, 4])).tolist()
    [True, True, False]
    """
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    where = np.searchsorted(known, keys)
    return known[np.minimum(where, len(known) - 1)] == keys


def _edges(box: np.ndarray | None) -> np.ndarray | None:
    """Return the edges of a rectangular cell, zero where there is none [Å]."""
    if box is None or not np.any(box[:3]):
        return np.zeros(3)
    if np.any(np.asarray(box[3:]) != 90.0):
        return None
    return np.asarray(box[:3], dtype=np.float64)


def _tree(points: np.ndarray, edges: np.ndarray) -> cKDTree:
    """Return the tree of points, wrapped into their cell."""
    if not edges.any():
        return cKDTree(points)
    periods = np.where(edges > 0, edges, 1.0)
    wrapped = np.where(edges > 0, np.mod(points, periods), points)
    # What is just below zero is rounded to the edge, where the tree has no points.
    wrapped = np.where((edges > 0) & (wrapped >= edges), 0.0, wrapped)
    return cKDTree(wrapped, boxsize=edges)


def _distances(
    gaps: np.ndarray, box: np.ndarray | None, edges: np.ndarray | None
) -> np.ndarray:
    """Compute the lengths of the shortest images of vectors, in double precision."""
    if edges is None:
        gaps = nearest_images(gaps, box)
    elif edges.any():
        periods = np.where(edges > 0, edges, np.inf)
        gaps = gaps - np.where(edges > 0, edges * np.round(gaps / periods), 0.0)
    return np.sqrt(np.sum(gaps**2, axis=-1))
