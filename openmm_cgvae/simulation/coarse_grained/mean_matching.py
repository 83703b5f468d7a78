r"""What force matching leaves of the free energy, taken away by relative entropy.

Forces on beads are nearly all noise, and the free energy between two minima is an
integral over forces where there are hardly any frames: thousands of frames leave it
uncertain by a few kT. How often each minimum is visited the same frames tell to a
tenth of that. So after force matching a few terms are changed until their means in a
simulation are those of the data, which is where the relative entropy of the two is
least (Shell, J. Chem. Phys. 129, 144108, 2008):

.. math:: \frac{\partial S}{\partial c_k} =
    \langle f_k \rangle_\mathrm{data} - \langle f_k \rangle_\mathrm{simulation},
    \qquad E = k_B T \sum_k c_k f_k .
"""

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from openmm_cgvae.simulation.coarse_grained.potential import BeadPotential
from openmm_cgvae.structures.openmm_bridge.units import NM_PER_ANGSTROM

__all__ = ["RIDGE", "match_means"]

# Holds a change back where no frames tell, or a series makes minima there; repeating
# makes up for it where some do. In kT^-2.
RIDGE = 1.0e-2
_FEWEST_EFFECTIVE = 0.1  # fraction of the frames


def match_means(
    potential: BeadPotential,
    simulated: npt.ArrayLike,
    reference: npt.ArrayLike,
) -> float:
    """Change the series of a potential so that a simulation has the means of the data.

    The frames of the simulation are given weights that make the means right, and the
    logarithms of these weights are what the potential lacks. Simulate again, from
    frames of the data, and repeat; two or three times will do.

    Parameters
    ----------
    potential : BeadPotential
        The potential; coefficients of its series are changed in place.
    simulated : array_like, shape (n_frames, n_beads, 3)
        Beads of a simulation with this potential, at its temperature [Å].
    reference : array_like, shape (n_frames, n_beads, 3)
        Beads of the data [Å].

    Returns
    -------
    float
        Share of the frames of the simulation that the weights leave, from 0 to 1: 1
        where nothing had to be changed. Below 0.1 a part of the way is gone.

    Raises
    ------
    ValueError
        If the two have other shapes than the potential.
    """
    wanted = _means(potential, "reference", reference).mean(0)
    found = _means(potential, "simulated", simulated)

    def misfit(change: np.ndarray) -> tuple[float, np.ndarray]:
        exponents = -found @ change
        value = logsumexp(exponents) + wanted @ change
        slope = wanted - softmax(exponents) @ found
        return value + RIDGE * change @ change, slope + 2 * RIDGE * change

    best = minimize(misfit, np.zeros(len(wanted)), jac=True, method="L-BFGS-B").x
    share = _share(-found @ best)
    # Weights that leave a few frames say little: go a part of the way.
    while _share(-found @ best) < _FEWEST_EFFECTIVE:
        best = best / 2
    coefficients = potential.series.coefficients
    coefficients += torch.as_tensor(best, dtype=coefficients.dtype)
    return share


def _share(exponents: np.ndarray) -> float:
    """Compute the effective fraction of frames with these logarithms of weights."""
    return float(1 / np.square(softmax(exponents)).sum() / len(exponents))


def _means(potential: BeadPotential, name: str, beads: npt.ArrayLike) -> np.ndarray:
    array = np.asarray(beads)
    if array.ndim != 3 or array.shape[1:] != (potential.n_beads, 3) or not len(array):
        raise ValueError(
            f"`{name}` has shape {array.shape} but must be (n_frames, "
            f"{potential.n_beads}, 3), the beads of the potential"
        )
    places = torch.as_tensor(array * NM_PER_ANGSTROM, dtype=torch.float64)
    return potential.series.features(places).numpy()
