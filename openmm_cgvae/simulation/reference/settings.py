"""SimulationConfig: all that decides what a reference simulation gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from openmm_cgvae._runtime.records import Record
from openmm_cgvae._runtime.rules import Limits
from openmm_cgvae.simulation.reference.dynamics import TIMESTEP_FS
from openmm_cgvae.simulation.reference.systems import system_named
from openmm_cgvae.structures.openmm_bridge.platforms import find_platform

__all__ = ["SimulationConfig"]

_Kelvin = Annotated[
    float, Limits(positive=True, unit="K", advice="300 is room temperature")
]


def _check_interval(interval_ps: float) -> None:
    steps = interval_ps * 1000 / TIMESTEP_FS
    if steps < 1 or abs(steps - round(steps)) > 1e-6:
        raise ValueError(
            f"`interval_ps` is {interval_ps} but must be a positive multiple of the "
            f"time step, {TIMESTEP_FS / 1000} ps; try a round number of ps"
        )


@dataclass(frozen=True, kw_only=True)
class SimulationConfig(Record):
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

    system: Annotated[str, system_named]
    n_frames: Annotated[
        int, Limits(least=1, advice="every walker needs a frame, so ask for more")
    ]
    interval_ps: Annotated[float, Limits(unit="ps"), _check_interval]
    temperature: Sequence[_Kelvin]
    n_walkers: Annotated[int, Limits(least=1, advice="ask for one walker or more")]
    seed: Annotated[int, Limits(least=0, advice="choose another seed")]
    platform: Annotated[str, find_platform]

    def _check_together(self) -> None:
        if not self.temperature:
            raise ValueError(
                "`temperature` is empty but must be a positive number of kelvin, or "
                "several; 300 is room temperature"
            )
        if self.n_frames < self.n_walkers:
            raise ValueError(
                f"`n_frames` is {self.n_frames} but must be at least "
                f"{self.n_walkers}; every walker needs a frame, so ask for more"
            )

    @property
    def steps_per_frame(self) -> int:
        """Number of time steps between frames."""
        return round(self.interval_ps * 1000 / TIMESTEP_FS)

    @property
    def frames_of_walker(self) -> tuple[int, ...]:
        """Number of frames of each walker."""
        n_each, rest = divmod(self.n_frames, self.n_walkers)
        return tuple(n_each + (walker < rest) for walker in range(self.n_walkers))

    def temperature_of_walker(self, walker: int) -> float:
        """Return a walker's temperature [K]."""
        n_rounds = walker // len(system_named(self.system).starts)
        return self.temperature[n_rounds % len(self.temperature)]

    def seeds(self, walker: int) -> tuple[int, int]:
        """Compute a walker's seeds for its velocities and its thermostat."""
        words = np.random.SeedSequence([self.seed, walker]).generate_state(2)
        # OpenMM wants positive 32-bit integers and takes 0 as "any".
        return int(words[0] >> 1) or 1, int(words[1] >> 1) or 1
