"""Start of a simulation: positions, minimisation, restraint of the beads."""

import copy

import numpy as np
import openmm
from openmm import app

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.structures.dynamics.bead_springs import SPRING_PARAMETER
from openmm_cgvae.structures.openmm_bridge import openmm_positions
from openmm_cgvae.structures.relaxation import BeadRestraint, RelaxationSettings

__all__ = ["start_simulation"]


def start_simulation(  # noqa: PLR0913 - what a simulation is made of
    topology: app.Topology,
    system: openmm.System,
    positions: np.ndarray,
    integrator: openmm.Integrator,
    platform: openmm.Platform | None = None,
    *,
    held: tuple[Mapping, np.ndarray] | None = None,
    k: float = 0.0,
    lowers_energy: bool = False,
    max_iterations: int = 0,
) -> app.Simulation:
    """Build a simulation, minimise its energy and restrain its beads.

    Parameters
    ----------
    topology : openmm.app.Topology
        The particles, and the box.
    system : openmm.System
        The forces; not changed.
    positions : ndarray, shape (n_particles, 3)
        Where to start [Å].
    integrator : openmm.Integrator
        What will step.
    platform : openmm.Platform, optional
        Where.
    held : (Mapping, ndarray of shape (n_beads, 3)), optional
        The beads, and where they are held [Å].
    k : float
        Stiffness of the springs that hold them, until `release` lets go
        [kJ/mol/nm^2].
    lowers_energy : bool
        Whether to lower the energy, beads held as stiffly as in a relaxation.
    max_iterations : int
        In how many steps at most; 0 is until forces are low.

    Returns
    -------
    openmm.app.Simulation
        Without velocities.
    """
    restraint = None
    if held and (k > 0 or lowers_energy):
        system = copy.deepcopy(system)  # a ready System is the user's own
        stiffness = RelaxationSettings.k if lowers_energy else k
        restraint = BeadRestraint(system, held[0], stiffness)
    simulation = app.Simulation(topology, system, integrator, platform)
    context, vectors = simulation.context, topology.getPeriodicBoxVectors()
    if vectors is not None:
        context.setPeriodicBoxVectors(*vectors)
    if held and restraint:
        restraint.hold(context, held[1])
    context.setPositions(openmm_positions(positions))
    if lowers_energy:
        simulation.minimizeEnergy(maxIterations=max_iterations)
    if restraint:
        context.setParameter(SPRING_PARAMETER, k)
    return simulation
