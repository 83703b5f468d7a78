"""Energy drift: how well energy is conserved without a thermostat."""

import copy
from dataclasses import dataclass

import numpy as np
import openmm
from openmm import app

from openmm_cgvae._runtime.deprecations import warn_of_old_name
from openmm_cgvae.structures.dynamics.velocities import masses_of

__all__ = ["EnergyDrift", "energy_drift"]

N_POINTS = 100


@dataclass(frozen=True, kw_only=True)
class EnergyDrift:
    """Total energy of a run without a thermostat.

    Parameters
    ----------
    times : ndarray, shape (n_points,)
        Times [ps].
    energies : ndarray, shape (n_points,)
        Total energy [kJ/mol].
    n_degrees : int
        Degrees of freedom.
    """

    times: np.ndarray
    energies: np.ndarray
    n_degrees: int

    @property
    def drift(self) -> float:
        """Drift per degree of freedom [kJ/mol/ps], by a straight line."""
        return float(np.polyfit(self.times, self.energies, 1)[0]) / self.n_degrees

    @property
    def slope(self) -> float:
        """The drift by its name of version 0.1; deprecated."""
        warn_of_old_name("EnergyDrift.slope", "EnergyDrift.drift")
        return self.drift

    def __str__(self) -> str:
        """Return one line."""
        return (
            f"drift {self.drift:.2g} kJ/mol/ps per degree of freedom, fluctuation "
            f"{self.energies.std():.2g} kJ/mol, over {self.times[-1]:g} ps"
        )


def energy_drift(
    simulation: app.Simulation, duration: float = 2.0, timestep: float = 0.0005
) -> EnergyDrift:
    """Compute how well energy is conserved in the first picoseconds without a bath.

    A structure that is not at rest, or clashes, heats up at once; the drift says so.

    Parameters
    ----------
    simulation : openmm.app.Simulation
        Where to start from, velocities included; it is left as it is.
    duration : float
        For how long [ps].
    timestep : float
        Step of the Verlet integrator [ps]; more than 0.001 is too long for bonds to
        hydrogen that are not rigid.

    Returns
    -------
    EnergyDrift
        Total energy over time.

    Raises
    ------
    ValueError
        If there are not at least two points.
    """
    stride = max(1, round(duration / timestep / N_POINTS))
    n_points = round(duration / timestep / stride)
    if n_points < 2:
        raise ValueError(
            f"`duration` is {duration} ps, less than two steps of {timestep} ps"
        )
    integrator = openmm.VerletIntegrator(timestep)
    context = openmm.Context(
        _without_motion_remover(simulation.system),
        integrator,
        simulation.context.getPlatform(),
    )
    context.setState(
        simulation.context.getState(positions=True, velocities=True, parameters=True)
    )
    times, energies = [], []
    for point in range(n_points + 1):
        state = context.getState(energy=True)
        total = state.getKineticEnergy() + state.getPotentialEnergy()
        times.append(point * stride * timestep)
        energies.append(total._value)
        integrator.step(stride)
    system = simulation.system
    n_degrees = 3 * int((masses_of(system) > 0).sum()) - system.getNumConstraints()
    return EnergyDrift(
        times=np.array(times), energies=np.array(energies), n_degrees=n_degrees
    )


def _without_motion_remover(system: openmm.System) -> openmm.System:
    """Return the System without what takes energy away by stopping the whole."""
    forces = system.getForces()
    removers = [
        index
        for index, force in enumerate(forces)
        if isinstance(force, openmm.CMMotionRemover)
    ]
    if not removers:
        return system
    system = copy.deepcopy(system)
    for index in reversed(removers):
        system.removeForce(index)
    return system
