"""RMSD, calibration and energy score of an ensemble.

Nothing is superposed: samples share the beads of their reference, so their frames of
reference coincide already and a superposition would hide errors.
"""

from typing import Literal

import numpy as np

from openmm_cgvae.metrics._argument_checks import (
    as_mask,
    as_positions,
    masked_deviation,
)

__all__ = [
    "calibration",
    "energy_score",
    "pairwise_rmsd",
    "rmsd",
    "rmsd_gen",
    "rmsd_per_structure",
]


def rmsd(
    positions: np.ndarray, reference: np.ndarray, mask: np.ndarray | None = None
) -> float:
    r"""Compute the paper's RMSD, one number for all structures.

    .. math:: \sqrt{\langle |x_i - x_i^\mathrm{ref}|^2 \rangle_{\mathrm{frames},\,i}}

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3)
        Structures [Å].
    reference : ndarray, shape (..., n_atoms, 3)
        What they should be [Å]; its leading axes broadcast.
    mask : ndarray of bool, shape (n_atoms,), optional
        The atoms to count, such as the heavy ones; all by default.

    Returns
    -------
    float
        RMSD [Å], without superposition.

    Raises
    ------
    ValueError
        If the shapes do not go together or the mask keeps no atom.

    Examples
    --------
    >>> import numpy as np
    >>> rmsd(np.zeros((1, 2, 3)), np.array([[[3.0, 4.0, 0.0], [0.0, 0.0, 5.0]]]))
    5.0
    """
    deviation = masked_deviation(positions, reference, mask)
    return float(np.sqrt(np.mean(np.sum(deviation**2, axis=-1))))


def rmsd_per_structure(
    positions: np.ndarray, reference: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """Compute the RMSD of every structure, without superposition.

    Parameters are those of `rmsd`.

    Returns
    -------
    ndarray, shape (...)
        RMSD of each structure [Å].

    Examples
    --------
    >>> import numpy as np
    >>> rmsd_per_structure(np.zeros((2, 1, 3)), np.array([[0.0, 0.0, 2.0]]))
    array([2., 2.])
    """
    deviation = masked_deviation(positions, reference, mask)
    return np.asarray(np.sqrt(np.mean(np.sum(deviation**2, axis=-1), axis=-1)))


def rmsd_gen(
    samples: np.ndarray,
    reference: np.ndarray,
    is_valid: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    average: Literal["root mean square", "mean"] = "root mean square",
) -> float:
    """Compute the paper's RMSD_gen: valid samples against their reference.

    It measures error as much as diversity; see `calibration` and `energy_score`.

    Parameters
    ----------
    samples : ndarray, shape (n_frames, n_samples, n_atoms, 3)
        Samples of each frame's beads [Å].
    reference : ndarray, shape (n_frames, n_atoms, 3)
        The structure the beads came from [Å].
    is_valid : ndarray of bool, shape (n_frames, n_samples)
        Which samples count, from `compare_bond_graphs`.
    mask : ndarray of bool, shape (n_atoms,), optional
        The atoms to count.
    average : {"root mean square", "mean"}
        The paper's formula, or the mean of the samples' RMSDs as in its
        published code.

    Returns
    -------
    float
        RMSD_gen [Å]; nan if no sample is valid.

    Raises
    ------
    ValueError
        If shapes do not go together or `average` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.zeros((1, 2, 1, 3))
    >>> samples[0, :, 0, 0] = [3.0, 9.0]
    >>> rmsd_gen(samples, np.zeros((1, 1, 3)), np.array([[True, False]]))
    3.0
    """
    samples = _as_samples(samples)
    values = rmsd_per_structure(samples, np.asarray(reference)[:, None], mask)
    is_valid = np.asarray(is_valid, dtype=bool)
    if is_valid.shape != values.shape:
        raise ValueError(
            f"`is_valid` has shape {is_valid.shape} but must be {values.shape}; "
            "give one truth value per sample"
        )
    if average not in ("root mean square", "mean"):
        raise ValueError(
            f"`average` is {average!r} but must be 'root mean square' or 'mean'; "
            "take the first for the paper's formula"
        )
    values = values[is_valid]
    if values.size == 0:
        return float("nan")
    if average == "mean":
        return float(values.mean())
    return float(np.sqrt(np.mean(values**2)))


def pairwise_rmsd(samples: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Compute the RMSD between every two samples of the same beads.

    Parameters
    ----------
    samples : ndarray, shape (n_frames, n_samples, n_atoms, 3)
        Two samples or more of each frame's beads [Å].
    mask : ndarray of bool, shape (n_atoms,), optional
        The atoms to count.

    Returns
    -------
    ndarray, shape (n_frames, n_samples (n_samples - 1) / 2)
        RMSD of the distinct pairs (0, 1), (0, 2), ... (1, 2), ... [Å].

    Raises
    ------
    ValueError
        If there are fewer than two samples of a frame.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.zeros((1, 3, 1, 3))
    >>> samples[0, :, 0, 0] = [0.0, 1.0, 3.0]
    >>> pairwise_rmsd(samples)
    array([[1., 3., 2.]])
    """
    samples = _as_samples(samples)
    n_samples = samples.shape[1]
    if n_samples < 2:
        raise ValueError(
            f"`samples` has {n_samples} sample of each frame but pairs need 2; "
            "draw two samples or more"
        )
    if mask is not None:
        samples = samples[..., as_mask(mask, samples.shape[-2]), :]
    return np.concatenate(
        [
            rmsd_per_structure(samples[:, first + 1 :], samples[:, first : first + 1])
            for first in range(n_samples - 1)
        ],
        axis=1,
    )


def calibration(
    samples: np.ndarray, reference: np.ndarray, mask: np.ndarray | None = None
) -> float:
    """Compute the spread of samples over their error: one for a calibrated sampler.

    If truth and samples come from one distribution, a sample is as far from the truth
    as from another sample. Below one the sampler is too sure, above one too diffuse.

    Parameters
    ----------
    samples : ndarray, shape (n_frames, n_samples, n_atoms, 3)
        Two samples or more of each frame's beads [Å].
    reference : ndarray, shape (n_frames, n_atoms, 3)
        The structure the beads came from [Å].
    mask : ndarray of bool, shape (n_atoms,), optional
        The atoms to count.

    Returns
    -------
    float
        Mean pairwise RMSD over mean RMSD to the reference; nan if both are zero.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.zeros((1, 2, 1, 3))
    >>> samples[0, :, 0, 0] = [-1.0, 1.0]
    >>> calibration(samples, np.zeros((1, 1, 3)))
    2.0
    """
    error, spread = _error_and_spread(samples, reference, mask)
    if error == 0.0:
        return float("nan") if spread == 0.0 else float("inf")
    return spread / error


def energy_score(
    samples: np.ndarray, reference: np.ndarray, mask: np.ndarray | None = None
) -> float:
    r"""Compute the energy score, lower for better: collapse and noise both lose.

    .. math::
        \langle \mathrm{RMSD}(s, x) \rangle_s
            - \tfrac{1}{2} \langle \mathrm{RMSD}(s, s') \rangle_{s \ne s'}

    RMSD is a Euclidean norm, so the score is proper: its expectation is least for
    samples from the true distribution. Distinct pairs keep it unbiased in the number
    of samples.

    Parameters
    ----------
    samples : ndarray, shape (n_frames, n_samples, n_atoms, 3)
        Two samples or more of each frame's beads [Å].
    reference : ndarray, shape (n_frames, n_atoms, 3)
        The structure the beads came from [Å].
    mask : ndarray of bool, shape (n_atoms,), optional
        The atoms to count.

    Returns
    -------
    float
        Mean energy score over frames [Å].

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.zeros((1, 2, 1, 3))
    >>> samples[0, :, 0, 0] = [1.0, 2.0]
    >>> energy_score(samples, np.zeros((1, 1, 3)))
    1.0
    """
    error, spread = _error_and_spread(samples, reference, mask)
    return error - 0.5 * spread


def _as_samples(samples: np.ndarray) -> np.ndarray:
    samples = as_positions(samples, "samples")
    if samples.ndim != 4:
        raise ValueError(
            f"`samples` has shape {samples.shape} but must be "
            "(n_frames, n_samples, n_atoms, 3); add an axis for a single frame"
        )
    return samples


def _error_and_spread(
    samples: np.ndarray, reference: np.ndarray, mask: np.ndarray | None
) -> tuple[float, float]:
    samples = _as_samples(samples)
    error = rmsd_per_structure(samples, np.asarray(reference)[:, None], mask)
    return float(error.mean()), float(pairwise_rmsd(samples, mask).mean())
