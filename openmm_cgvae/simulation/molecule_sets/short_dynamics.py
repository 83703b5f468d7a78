"""Short dynamics: a few frames of one molecule, of correct stereochemistry only."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from openmm import app, unit

from openmm_cgvae._runtime.records import Record
from openmm_cgvae._runtime.rules import CountOrZero, Limits
from openmm_cgvae.simulation.molecule_sets.stereochemistry import (
    Problem,
    StereochemistryCheck,
    StereochemistryError,
)
from openmm_cgvae.simulation.reference.dynamics import TIMESTEP_FS

__all__ = ["Dynamics", "SampledFrames", "sample_frames"]

# Molecules of which more is dropped than this have something wrong with them.
SMALLEST_SHARE = 1 / 6

_Time = Annotated[float, Limits(least=TIMESTEP_FS / 1000, unit="ps", advice="try 1")]


@dataclass(frozen=True, kw_only=True)
class Dynamics(Record):
    """How long a molecule is minimised and simulated.

    Parameters
    ----------
    minimiser_iterations : int
        Iterations of the minimiser, at most.
    equilibration_ps : float
        Time before the first interval [ps].
    interval_ps : float
        Time between frames [ps].
    n_frames : int
        Number of frames.

    Raises
    ------
    ValueError
        If a setting is impossible.
    """

    minimiser_iterations: CountOrZero
    equilibration_ps: _Time
    interval_ps: _Time
    n_frames: Annotated[int, Limits(least=1, advice="ask for more")]


@dataclass(frozen=True, eq=False)
class SampledFrames:
    """Frames of a molecule.

    Parameters
    ----------
    positions : ndarray, shape (n_frames, n_atoms, 3)
        Frames [Å].
    n_dropped : int
        Number of frames of wrong stereochemistry.
    """

    positions: np.ndarray
    n_dropped: int


def sample_frames(
    simulation: app.Simulation, positions: unit.Quantity, dynamics: Dynamics, seed: int
) -> SampledFrames:
    """Minimise a molecule, heat it up and take frames of it.

    Parameters
    ----------
    simulation : openmm.app.Simulation
        The molecule; its integrator holds the temperature.
    positions : Quantity, shape (n_atoms, 3)
        Start.
    dynamics : Dynamics
        How long.
    seed : int
        Seed of the velocities.

    Returns
    -------
    SampledFrames
        The frames of correct stereochemistry, and how many were not.

    Raises
    ------
    StereochemistryError
        If there are too few frames of correct stereochemistry.
    openmm.OpenMMException
        If the molecule flew apart.
    """
    stereochemistry = StereochemistryCheck(simulation.topology)
    context = simulation.context
    context.setPositions(positions)
    simulation.minimizeEnergy(maxIterations=dynamics.minimiser_iterations)
    context.setVelocitiesToTemperature(simulation.integrator.getTemperature(), seed)
    simulation.step(_n_steps(dynamics.equilibration_ps))
    frames: list[np.ndarray] = []
    problems: list[Problem] = []
    for _ in range(dynamics.n_frames):
        simulation.step(_n_steps(dynamics.interval_ps))
        state = context.getState(positions=True)
        frame = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
        problem = stereochemistry.problem(frame)
        if problem:
            problems.append(problem)
        else:
            frames.append(frame)
    if len(frames) < SMALLEST_SHARE * dynamics.n_frames:
        raise StereochemistryError(
            f"{len(problems)} of {dynamics.n_frames} frames are not sound: "
            f"in the last {problems[-1].message}",
            problems[-1],
        )
    return SampledFrames(np.array(frames), len(problems))


def _n_steps(time_ps: float) -> int:
    return round(time_ps * 1000 / TIMESTEP_FS)
