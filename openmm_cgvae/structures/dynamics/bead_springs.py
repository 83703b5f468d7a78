"""Restraints of beads: springs that hold them, released in stages."""

from collections.abc import Iterable

import numpy as np
import openmm
from openmm import app, unit

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.structures.relaxation import minimise_restrained

__all__ = ["SPRING_PARAMETER", "minimise_held", "release"]

# What `minimiser.BeadRestraint` calls the stiffness of its springs.
SPRING_PARAMETER = "bead_k"
# Stiffness [kJ/mol/nm^2] and time [ps].
RELEASE_STAGES = ((1.0e5, 1.0), (1.0e4, 1.0), (1.0e3, 1.0), (1.0e2, 1.0))


def minimise_held(
    system: openmm.System,
    positions: np.ndarray,
    mapping: Mapping,
    bead_positions: np.ndarray,
    box: np.ndarray | None = None,
) -> np.ndarray:
    """Minimise the energy of one structure, its beads held where they are.

    Parameters
    ----------
    system : openmm.System
        The forces; not changed.
    positions : ndarray, shape (n_atoms, 3)
        Atoms [Å].
    mapping : Mapping
        The beads.
    bead_positions : ndarray, shape (n_beads, 3)
        Where they are held [Å].
    box : ndarray, shape (6,), optional
        Unit cell [Å, degrees].

    Returns
    -------
    ndarray, shape (n_atoms, 3)
        Atoms [Å].
    """
    relaxed = minimise_restrained(
        system,
        positions[None],
        mapping,
        bead_positions[None],
        boxes=None if box is None else box[None],
    )
    return relaxed.positions[0]


def release(
    simulation: app.Simulation,
    stages: Iterable[tuple[float, float]] = RELEASE_STAGES,
) -> None:
    """Release the beads in stages, running the simulation for each.

    Parameters
    ----------
    simulation : openmm.app.Simulation
        One whose beads are held, see ``hold_beads`` of `AtomisticState.simulation`.
        Its thermostat takes up the heat.
    stages : iterable of (float, float)
        Stiffness of the springs [kJ/mol/nm^2] and for how long [ps]. They are released
        altogether at the end.

    Raises
    ------
    ValueError
        If no beads are held, or a stage is not possible.
    """
    context = simulation.context
    if SPRING_PARAMETER not in context.getParameters():
        raise ValueError(
            "`simulation` holds no beads; make it with state.simulation(hold_beads=k)"
        )
    stages = [(float(k), float(duration)) for k, duration in stages]
    if any(k < 0 or duration < 0 for k, duration in stages):
        raise ValueError(
            f"`stages` is {stages} but stiffness and time must be 0 or more"
        )
    timestep = simulation.integrator.getStepSize().value_in_unit(unit.picosecond)
    for k, duration in stages:
        context.setParameter(SPRING_PARAMETER, k)
        simulation.step(round(duration / timestep))
    context.setParameter(SPRING_PARAMETER, 0.0)
