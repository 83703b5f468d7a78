"""Statistics: divergence of distributions, mean and standard error of folds."""

from collections.abc import Sequence

import numpy as np

__all__ = ["jensen_shannon_divergence", "mean_and_standard_error"]

_FULL_TURN = 360.0


def jensen_shannon_divergence(
    angles: np.ndarray, reference: np.ndarray, n_bins: int = 36
) -> float:
    r"""Compute the Jensen-Shannon divergence of the histograms of two sets of angles.

    .. math:: \tfrac12 D(p \| m) + \tfrac12 D(q \| m), \quad m = \tfrac12 (p + q)

    in bits: 0 for equal histograms, 1 for disjoint ones. Bins are periodic: angles
    are wrapped into [-180, 180) first, so that 179 and -181 meet. Finite sets differ by
    chance, by about the number of occupied bins over the number of angles; compare
    two halves of the reference to see that floor.

    Parameters
    ----------
    angles : ndarray, shape (n,) or (n, 2)
        Angles, or pairs such as (phi, psi) [deg].
    reference : ndarray, shape (m,) or (m, 2)
        Those to compare with [deg].
    n_bins : int
        Bins per turn and axis; 36 are 10 degrees wide.

    Returns
    -------
    float
        Divergence, 0 to 1 [bit].

    Raises
    ------
    ValueError
        If a set is empty, not finite, or the two have different dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> jensen_shannon_divergence(np.array([0.0]), np.array([90.0]))
    1.0
    >>> jensen_shannon_divergence(np.array([179.0]), np.array([-181.0]))
    0.0
    """
    if n_bins < 1:
        raise ValueError(f"`n_bins` is {n_bins} but must be at least 1; try 36")
    p = _periodic_histogram(angles, n_bins, "angles")
    q = _periodic_histogram(reference, n_bins, "reference")
    if p.shape != q.shape:
        raise ValueError(
            f"`angles` has {p.ndim} and `reference` {q.ndim} angles per row; "
            "compare sets of the same dimension"
        )
    middle = 0.5 * (p + q)
    return float(max(0.0, 0.5 * (_divergence(p, middle) + _divergence(q, middle))))


def mean_and_standard_error(
    values: np.ndarray | Sequence[float], axis: int = 0
) -> tuple[np.ndarray, ...]:
    """Compute the mean of folds and the standard error of the mean.

    The paper's tables call their spread a standard error; its published code prints
    the standard deviation, larger by the square root of the number of folds.

    Parameters
    ----------
    values : ndarray, shape (n_folds, ...)
        A metric of each fold.
    axis : int
        The axis of the folds.

    Returns
    -------
    mean, standard_error : ndarray, shape (...)
        The standard error is the standard deviation (n - 1) over the root of n; nan
        for a single fold.

    Raises
    ------
    ValueError
        If there is no fold.

    Examples
    --------
    >>> mean, error = mean_and_standard_error([1.0, 2.0, 3.0])
    >>> float(mean), round(float(error), 4)
    (2.0, 0.5774)
    """
    values = np.asarray(values, dtype=np.float64)
    n_folds = values.shape[axis] if values.ndim else 0
    if n_folds == 0:
        raise ValueError("`values` holds no fold; give the metric of one fold or more")
    mean = np.asarray(values.mean(axis=axis))
    if n_folds == 1:
        return mean, np.full(mean.shape, np.nan)
    return mean, np.asarray(values.std(axis=axis, ddof=1) / np.sqrt(n_folds))


def _periodic_histogram(angles: np.ndarray, n_bins: int, name: str) -> np.ndarray:
    """Compute the fractions in each bin, of shape (n_bins,) or (n_bins, n_bins)."""
    angles = np.asarray(angles, dtype=np.float64)
    if angles.ndim not in (1, 2) or angles.size == 0:
        raise ValueError(
            f"`{name}` has shape {angles.shape} but must be (n,) or (n, 2) with n at "
            "least 1; give one row per structure"
        )
    if not np.isfinite(angles).all():
        raise ValueError(
            f"`{name}` holds values that are not finite; leave such structures out"
        )
    angles = angles[:, None] if angles.ndim == 1 else angles
    wrapped = np.floor((angles / _FULL_TURN + 0.5) % 1.0 * n_bins).astype(np.int64)
    wrapped = np.minimum(wrapped, n_bins - 1)  # rounding may reach the full turn
    counts = np.zeros((n_bins,) * angles.shape[1])
    np.add.at(counts, tuple(wrapped.T), 1.0)
    return counts / len(angles)


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    occupied = p > 0
    return float(np.sum(p[occupied] * np.log2(p[occupied] / q[occupied])))
