"""Unit cells as the searches of MDAnalysis take them."""

import numpy as np


def search_box(
    box: np.ndarray | None, positions: np.ndarray, cutoff: float
) -> np.ndarray | None:
    """Give a unit cell in which pairs can be searched for.

    Parameters
    ----------
    box : ndarray, shape (6,), or None
        Unit cell [A, degrees]; zero along directions without images, as in a slab.
    positions : ndarray, shape (..., 3)
        All that is there [A]; what is not finite is passed over.
    cutoff : float
        How far the search goes [A].

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
