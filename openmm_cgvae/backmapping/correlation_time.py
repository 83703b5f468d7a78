"""Latent correlation time, with which samples move as atoms do between frames."""

import math

import numpy as np
import numpy.typing as npt

from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.metrics.coherence import step_lengths
from openmm_cgvae.model import Model

__all__ = ["estimate_correlation_time"]

# Standard errors by which samples have to move more than the reference.
_SIGNIFICANT = 2.0


def estimate_correlation_time(
    model: Model, positions: npt.ArrayLike, *, time_step: float = 1.0, seed: int = 0
) -> float:
    r"""Estimate the latent correlation time of samples that move as a reference does.

    The mean square displacement of heavy atoms within their beads, from frame to
    frame, is measured for the reference, :math:`D`, for independent samples of its
    beads, :math:`J`, and for samples whose noise never changes, :math:`F`: what the
    beads alone make them move. Noise whose correlation falls by a factor
    :math:`\rho` from one frame to the next lies in between,

    .. math:: D = F + (1 - \rho) (J - F), \qquad \tau = -\Delta t / \ln \rho.

    Parameters
    ----------
    model : Model
        A model with a molecule.
    positions : array_like, shape (n_frames, n_atoms, 3)
        A reference trajectory of that molecule, as finely spaced in time as the beads
        that are to be backmapped [Å].
    time_step : float
        Time between its frames, and the unit of the result; 1 gives frames.
    seed : int
        Seed of the samples.

    Returns
    -------
    float
        For ``Backmapper.run(correlation_time=...)``, in ps if ``time_step`` is. 0 if
        independent samples move no more than the reference, so that the option is
        better left out; infinite if even the beads alone move them more, so that no
        time is long enough.

    Raises
    ------
    ValueError
        If there are not two frames, the shape does not fit, or ``time_step`` is not
        positive.
    """
    if not 0 < time_step < math.inf:
        raise ValueError(f"`time_step` is {time_step} but must be positive")
    reference = np.asarray(positions, dtype=np.float64)
    measured = _square_steps(model, reference)
    beads = model.mapping.project(reference)
    sampler, numbers = Sampler(model), np.arange(len(reference))
    jumping, frozen = (
        _square_steps(model, sampler.sample(beads, frames, 1, seed)[:, 0])
        for frames in (numbers, np.zeros_like(numbers))
    )
    excess = jumping - measured
    error = excess.std() / math.sqrt(len(excess))
    if excess.mean() <= _SIGNIFICANT * error:
        return 0.0
    rho = excess.mean() / (jumping - frozen).mean()
    return -time_step / math.log(rho) if 0 < rho < 1 else math.inf


def _square_steps(model: Model, positions: np.ndarray) -> np.ndarray:
    """Compute the mean square displacement of heavy atoms [Å²], one for each step."""
    steps = step_lengths(positions, model.mapping)[:, model.atom_table.is_heavy]
    return np.square(steps).mean(1)
