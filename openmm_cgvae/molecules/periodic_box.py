"""Unit cells: nearest periodic images, and boxes to search for pairs in."""

import numpy as np
from MDAnalysis.lib.distances import minimize_vectors
from MDAnalysis.lib.mdamath import triclinic_vectors

__all__ = ["cell_vectors", "nearest_images", "search_box"]

_NO_PERIOD = 1e6  # [Å], longer than any system


def cell_vectors(box: np.ndarray) -> np.ndarray:
    """Return the edges of a unit cell.

    Parameters
    ----------
    box : ndarray, shape (6,)
        Lengths and angles [Å, degrees]; zero along directions without images, as in a
        slab.

    Returns
    -------
    ndarray, shape (3, 3)
        The edges [Å], longer than any system along directions without images. All are
        zero where lengths and angles make no cell.

    Examples
    --------
    >>> bool(cell_vectors(np.array([20, 20, 20, 90, 90, 200])).any())
    False
    """
    with np.errstate(invalid="ignore"):
        return triclinic_vectors(_closed(box), dtype=np.float64)


def nearest_images(vectors: np.ndarray, box: np.ndarray | None) -> np.ndarray:
    """Return the shortest periodic image of each vector.

    Parameters
    ----------
    vectors : ndarray, shape (..., 3)
        Vectors [Å].
    box : ndarray, shape (6,), or None
        Unit cell [Å, degrees]; zero along directions without images.

    Returns
    -------
    ndarray, shape (..., 3)
        Their shortest images [Å], float64; the vectors themselves if there is no box.

    Examples
    --------
    >>> box = np.array([20, 20, 0, 90, 90, 90])
    >>> nearest_images(np.array([[19.0, 0.0, 50.0]]), box).round(3).tolist()
    [[-1.0, 0.0, 50.0]]
    """
    if box is None or not np.any(box[:3]) or not vectors.size:
        return vectors
    flat = np.ascontiguousarray(vectors.reshape(-1, 3))
    return (
        minimize_vectors(flat, _closed(box)).astype(np.float64).reshape(vectors.shape)
    )


def search_box(
    box: np.ndarray | None, positions: np.ndarray, cutoff: float
) -> np.ndarray | None:
    """Return a unit cell in which pairs can be searched for.

    Parameters
    ----------
    box : ndarray, shape (6,), or None
        Unit cell [Å, degrees]; zero along directions without images, as in a slab.
    positions : ndarray, shape (..., 3)
        All that is there [Å]; what is not finite is passed over.
    cutoff : float
        How far the search goes [Å].

    Returns
    -------
    ndarray of float32, shape (6,), or None
        The cell, so long where it was zero that images are out of reach; None if
        there is none at all.

    Examples
    --------
    >>> slab = np.array([20, 20, 0, 90, 90, 90])
    >>> search_box(slab, np.array([[0, 0, -3], [0, 0, 4]]), 2.0).tolist()
    [20.0, 20.0, 11.0, 90.0, 90.0, 90.0]
    """
    if box is None or not np.any(box[:3]):
        return None
    filled = np.array(box, dtype=np.float32)
    is_open = filled[:3] == 0
    if is_open.any():
        flat = np.asarray(positions, dtype=np.float64).reshape(-1, 3)
        flat = flat[np.isfinite(flat).all(axis=1)]
        span = np.ptp(flat) if len(flat) else 0.0
        filled[:3][is_open] = span + 2 * cutoff
    return filled


def _closed(box: np.ndarray) -> np.ndarray:
    """Return a cell that is long where it had no length, as a slab along one axis."""
    closed = np.array(box, dtype=np.float32)
    closed[:3][closed[:3] == 0] = _NO_PERIOD
    return closed
