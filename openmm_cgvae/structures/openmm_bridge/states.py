"""OpenMM States of positions alone, from no simulation."""

import numpy as np
import openmm

from openmm_cgvae.structures.openmm_bridge.topologies import (
    openmm_box_vectors,
    openmm_positions,
)

__all__ = ["make_state"]


def make_state(
    masses: np.ndarray,
    positions: np.ndarray,
    box: np.ndarray | None = None,
    time: float = 0.0,
) -> openmm.State:
    """Build an OpenMM State: positions, box and time, no velocities.

    Parameters
    ----------
    masses : ndarray, shape (n_particles,)
        Masses [Da].
    positions : ndarray, shape (n_particles, 3)
        Where the particles are [Å].
    box : ndarray, shape (6,), optional
        Unit cell [Å, degrees].
    time : float
        Time [ps].

    Returns
    -------
    openmm.State
        For ``context.setState(state)``.

    Examples
    --------
    >>> state = make_state(np.array([12.0]), np.array([[10.0, 0.0, 0.0]]), time=3.0)
    >>> print(state.getPositions()[0], state.getTime())
    Vec3(x=1.0, y=0.0, z=0.0) nm 3.0 ps
    """
    # A State cannot be built by hand, only taken from a Context.
    system = openmm.System()
    for mass in masses.tolist():
        system.addParticle(mass)
    vectors = openmm_box_vectors(box)
    if vectors is not None:
        system.setDefaultPeriodicBoxVectors(*vectors)
    context = openmm.Context(
        system,
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    context.setPositions(openmm_positions(positions))
    context.setTime(time)
    return context.getState(positions=True)
