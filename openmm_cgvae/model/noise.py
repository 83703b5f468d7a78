"""Noise that is a function of seed, frame, sample and molecule, and of nothing else.

Frames can then be drawn in any order, in any process, again and again.
"""

import math
import operator
from typing import SupportsIndex

import numpy as np
import torch

__all__ = [
    "N_SEEDS",
    "attempt_seeds",
    "checked_seed",
    "correlated_noise",
    "correlation_weights",
    "molecule_seeds",
    "normal_noise",
    "random_bits",
    "seed_or_new",
]

N_SEEDS = 2**63

# Constants of the SplitMix64 generator (Steele, Lea and Flood, OOPSLA 2014).
GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)

# The noise of earlier frames is left out where it weighs less than this.
LEAST_WEIGHT = 1e-3


def random_bits(
    seed: int | np.uint64 | np.ndarray,
    frames: np.ndarray,
    copies: np.ndarray,
    n_values: int,
) -> np.ndarray:
    """Return random bits that depend on seed, frame and copy alone.

    A counter is mixed instead of a state being advanced, so all frames are drawn at
    once and in any order.

    Parameters
    ----------
    seed : int or ndarray of uint64, shape (n,)
        Seed, or one for each.
    frames, copies : ndarray of int, shape (n,)
        Which frame and which sample of it.
    n_values : int
        Values for each.

    Returns
    -------
    ndarray of uint64, shape (n, n_values)
        Random bits.

    Examples
    --------
    >>> several = random_bits(1, np.array([4, 5]), np.array([0, 0]), 3)
    >>> alone = random_bits(1, np.array([5]), np.array([0]), 3)
    >>> bool((several[1] == alone[0]).all())
    True
    """
    with np.errstate(over="ignore"):
        stream = _mixed(np.atleast_1d(np.asarray(seed, dtype=np.uint64)) + GOLDEN_GAMMA)
        stream = _mixed(stream + np.asarray(frames, dtype=np.uint64) * GOLDEN_GAMMA)
        stream = _mixed(stream + np.asarray(copies, dtype=np.uint64) * GOLDEN_GAMMA)
        steps = np.arange(1, n_values + 1, dtype=np.uint64) * GOLDEN_GAMMA
        return _mixed(stream[:, None] + steps)


def normal_noise(
    seed: int | np.uint64 | np.ndarray,
    frames: np.ndarray,
    copies: np.ndarray,
    shape: tuple[int, ...],
) -> np.ndarray:
    """Return standard normal noise that depends on seed, frame and copy alone.

    Parameters
    ----------
    seed : int or ndarray of uint64, shape (n,)
        Seed, or one for each.
    frames, copies : ndarray of int, shape (n,)
        Which frame and which sample of it.
    shape : tuple of int
        Shape of the noise of one sample.

    Returns
    -------
    ndarray, shape ``(n, *shape)``
        Noise, float32.
    """
    bits = random_bits(seed, frames, copies, int(np.prod(shape)))
    # Uniform between -1 and 1 and symmetric about 0. The inverse error function of
    # torch takes half the time of scipy's inverse of the normal distribution, and
    # agrees to 1e-15.
    bits >>= np.uint64(11)
    uniform = bits.astype(np.float64)
    uniform *= 2.0**-52
    uniform += 2.0**-53 - 1
    normal = torch.from_numpy(uniform).erfinv_().mul_(math.sqrt(2)).float().numpy()
    return normal.reshape(len(bits), *shape)


def molecule_seeds(seed: int, n_molecules: int) -> np.ndarray:
    """Return a seed for every molecule; that of the first is the one given.

    Parameters
    ----------
    seed : int
        Seed.
    n_molecules : int
        How many.

    Returns
    -------
    ndarray of uint64, shape (n_molecules,)
        The seeds.

    Examples
    --------
    >>> seeds = molecule_seeds(7, 3)
    >>> int(seeds[0]), len(set(seeds.tolist()))
    (7, 3)
    """
    numbers = np.arange(n_molecules, dtype=np.uint64)
    # Backwards, so as not to walk along the streams that frames walk along.
    with np.errstate(over="ignore"):
        base = _mixed(np.array([seed], dtype=np.uint64) + MIX_1)
        seeds = _mixed(base - numbers * GOLDEN_GAMMA)
    seeds[:1] = seed
    return seeds


def attempt_seeds(seeds: np.ndarray, attempt: int) -> np.ndarray:
    """Return seeds to draw a sample again with; those of attempt 0 are the given ones.

    Parameters
    ----------
    seeds : ndarray of uint64, shape (n,)
        Seeds.
    attempt : int
        How often the sample was drawn before.

    Returns
    -------
    ndarray of uint64, shape (n,)
        Other seeds.

    Examples
    --------
    >>> seeds = molecule_seeds(7, 2)
    >>> bool((attempt_seeds(seeds, 0) == seeds).all())
    True
    >>> bool((attempt_seeds(seeds, 1) == attempt_seeds(seeds, 2)).any())
    False
    """
    if attempt == 0:
        return seeds
    with np.errstate(over="ignore"):
        return _mixed(_mixed(seeds + MIX_2) + np.uint64(attempt) * MIX_1)


def correlated_noise(
    seed: int | np.uint64 | np.ndarray,
    frames: np.ndarray,
    copies: np.ndarray,
    shape: tuple[int, ...],
    correlation: float,
) -> np.ndarray:
    r"""Return standard normal noise that changes slowly from frame to frame.

    The noise of frame :math:`t` is a sum of independent noises,

    .. math::

        \eta_t = \sum_{j=0}^{L} w_j \varepsilon_{t-j}, \qquad
        w_j \propto e^{-j/\tau}, \qquad \sum_j w_j^2 = 1,

    so each :math:`\eta_t` is exactly standard normal, and noises :math:`k` frames
    apart are correlated by :math:`e^{-k/\tau}`, as those of a first-order
    autoregressive process are. Unlike with the recursion that usually makes one,
    every frame can be drawn alone.

    Parameters
    ----------
    seed : int or ndarray of uint64, shape (n,)
        Seed, or one for each.
    frames, copies : ndarray of int, shape (n,)
        Which frame and which sample of it.
    shape : tuple of int
        Shape of the noise of one sample.
    correlation : float
        The time :math:`\tau` [frames].

    Returns
    -------
    ndarray, shape ``(n, *shape)``
        Noise, float32.

    Raises
    ------
    ValueError
        If ``correlation`` is not a positive number.

    Examples
    --------
    >>> frames, zeros = np.arange(3), np.zeros(3, dtype=int)
    >>> several = correlated_noise(1, frames, zeros, (4,), 5.0)
    >>> alone = correlated_noise(1, frames[2:], zeros[2:], (4,), 5.0)
    >>> bool((several[2] == alone[0]).all())
    True
    """
    weights = correlation_weights(correlation)
    frames, copies = np.asarray(frames, dtype=np.int64), np.asarray(copies)
    if not len(frames):
        return np.empty((0, *shape), dtype=np.float32)
    seeds = np.broadcast_to(np.asarray(seed, dtype=np.uint64), frames.shape)
    streams = np.stack([seeds, copies.astype(np.uint64)], axis=1)
    streams, stream_of_row = np.unique(streams, axis=0, return_inverse=True)
    # Neighbouring frames share most of what they are sums of: draw it once.
    lagged = frames[:, None] - np.arange(len(weights))
    first, span = lagged.min(), np.ptp(lagged) + 1
    keys, where = np.unique(
        stream_of_row.reshape(-1, 1) * span + lagged - first, return_inverse=True
    )
    where = where.reshape(lagged.shape)
    stream, offset = np.divmod(keys, span)
    drawn = normal_noise(
        streams[stream, 0], offset + first, streams[stream, 1], shape
    ).astype(np.float64)
    total = np.zeros((len(frames), *shape))
    for lag, weight in enumerate(weights):
        total += weight * drawn[where[:, lag]]
    return total.astype(np.float32)


def correlation_weights(correlation: float) -> np.ndarray:
    """Compute the weights of earlier noises in correlated noise, the latest first.

    Parameters
    ----------
    correlation : float
        Correlation time [frames].

    Returns
    -------
    ndarray, shape (n_lags,)
        Weights whose squares sum to one.

    Raises
    ------
    ValueError
        If ``correlation`` is not a positive number.

    Examples
    --------
    >>> weights = correlation_weights(2.0)
    >>> bool(np.isclose(weights @ weights, 1.0))
    True
    """
    if not (correlation > 0 and math.isfinite(correlation)):
        raise ValueError(
            f"`correlation` is {correlation} frames but must be a positive number; "
            "leave it out to have independent frames"
        )
    n_lags = math.ceil(correlation * math.log(1 / LEAST_WEIGHT)) + 1
    weights = np.exp(-np.arange(n_lags) / correlation)
    return weights / np.sqrt(weights @ weights)


def _mixed(bits: np.ndarray) -> np.ndarray:
    """Return bits, mixed in place."""
    shifted = bits >> np.uint64(30)
    bits ^= shifted
    bits *= MIX_1
    bits ^= np.right_shift(bits, np.uint64(27), out=shifted)
    bits *= MIX_2
    bits ^= np.right_shift(bits, np.uint64(31), out=shifted)
    return bits


def checked_seed(seed: SupportsIndex) -> int:
    """Return a seed as an int, or refuse it.

    Parameters
    ----------
    seed : int
        What the user gave.

    Returns
    -------
    int
        At least 0 and less than 2**63.

    Raises
    ------
    ValueError
        If the seed is anything else.
    """
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < N_SEEDS:
        raise ValueError(
            f"`seed` is {seed!r} but must be a whole number from 0 to 2**63 - 1"
        )
    return number


def seed_or_new(seed: int | None) -> int:
    """Return a seed, drawing a new one for None.

    Parameters
    ----------
    seed : int or None
        What the user gave.

    Returns
    -------
    int
        At least 0 and less than 2**63.

    Raises
    ------
    ValueError
        If the seed is anything else.
    """
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    return checked_seed(seed)
