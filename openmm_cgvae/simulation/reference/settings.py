"""SimulationConfig: all that decides what a reference simulation gives."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import openmm

from openmm_cgvae.simulation.reference.dynamics import TIMESTEP_FS
from openmm_cgvae.simulation.reference.systems import system_named


@dataclass(frozen=True, kw_only=True)
class SimulationConfig:
    """All that decides what a simulation gives.

    Parameters
    ----------
    system : str
        Name of a system, see ``openmm_cgvae.simulation.reference.systems.SYSTEMS``.
    n_frames : int
        Number of frames, of all walkers together.
    interval_ps : float
        Time between frames [ps], a multiple of the time step of 0.004 ps.
    temperature : sequence of float
        Temperatures [K]; walkers take them in turn, after every round of the starts.
    n_walkers : int
        Number of independent walkers.
    seed : int
        Seed of all random numbers.
    platform : str
        Name of the OpenMM platform.

    Raises
    ------
    ValueError
        If a setting is impossible.

    Examples
    --------
    >>> config = SimulationConfig(
    ...     system="chignolin", n_frames=10, interval_ps=2.0,
    ...     temperature=(300.0, 340.0), n_walkers=4, seed=0, platform="CPU",
    ... )
    >>> config.frames_of_walker
    (3, 3, 2, 2)
    """

    system: str
    n_frames: int
    interval_ps: float
    temperature: Sequence[float]
    n_walkers: int
    seed: int
    platform: str

    def __post_init__(self) -> None:  # noqa: D105
        system_named(self.system)
        for name, least, advice in (
            ("n_walkers", 1, "ask for one walker or more"),
            ("n_frames", self.n_walkers, "every walker needs a frame, so ask for more"),
            ("seed", 0, "choose another seed"),
        ):
            if getattr(self, name) < least:
                raise ValueError(
                    f"`{name}` is {getattr(self, name)} but must be at least {least}; "
                    f"{advice}"
                )
        steps = self.interval_ps * 1000 / TIMESTEP_FS
        if not 1 <= steps < np.inf or abs(steps - round(steps)) > 1e-6:
            raise ValueError(
                f"`interval_ps` is {self.interval_ps} but must be a positive multiple "
                f"of the time step, {TIMESTEP_FS / 1000} ps; try a round number of ps"
            )
        wrong = [kelvin for kelvin in self.temperature if not 0 < kelvin < np.inf]
        if wrong or not self.temperature:
            raise ValueError(
                f"`temperature` is {wrong[0] if wrong else 'empty'} but must be a "
                "positive number of kelvin, or several; 300 is room temperature"
            )
        platforms = [
            openmm.Platform.getPlatform(index).getName()
            for index in range(openmm.Platform.getNumPlatforms())
        ]
        if self.platform not in platforms:
            raise ValueError(
                f"`platform` is {self.platform!r} but this OpenMM has only "
                f"{', '.join(platforms)}; choose one of these"
            )

    @property
    def steps_per_frame(self) -> int:
        """Number of time steps between frames."""
        return round(self.interval_ps * 1000 / TIMESTEP_FS)

    @property
    def frames_of_walker(self) -> tuple[int, ...]:
        """Number of frames of each walker."""
        share, rest = divmod(self.n_frames, self.n_walkers)
        return tuple(share + (walker < rest) for walker in range(self.n_walkers))

    def temperature_of_walker(self, walker: int) -> float:
        """Tell a walker's temperature [K]."""
        n_rounds = walker // len(system_named(self.system).starts)
        return self.temperature[n_rounds % len(self.temperature)]

    def seeds(self, walker: int) -> tuple[int, int]:
        """Draw a walker's seeds for its velocities and its thermostat."""
        words = np.random.SeedSequence([self.seed, walker]).generate_state(2)
        # OpenMM wants positive 32-bit integers and takes 0 as "any".
        return int(words[0] >> 1) or 1, int(words[1] >> 1) or 1
