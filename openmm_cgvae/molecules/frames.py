"""Frames: the positions of a molecule over time."""

from dataclasses import dataclass
from pathlib import Path
from typing import no_type_check

import MDAnalysis as mda
import numpy as np
from jaxtyping import Float

__all__ = ["Frames"]


@no_type_check  # a tensor is taken, and kept as an array
@dataclass(frozen=True, eq=False)
class Frames:
    """Whole-molecule positions of many frames as one array.

    Parameters
    ----------
    positions : ndarray, shape (n_frames, n_atoms, 3)
        Positions [Å], float32 where they were read from a trajectory.
    source : str
        Where they came from, for the record.

    Examples
    --------
    >>> frames = Frames(np.zeros((10, 22, 3), dtype=np.float32))
    >>> frames.n_frames, frames.n_atoms
    (10, 22)
    """

    positions: Float[np.ndarray, "n_frames n_atoms 3"]
    source: str = ""

    def __post_init__(self) -> None:
        """Keep what is no array, such as a tensor, as one."""
        object.__setattr__(self, "positions", np.asarray(self.positions))

    @classmethod
    def from_universe(
        cls,
        atoms: "mda.Universe | mda.AtomGroup",
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> "Frames":
        """Read frames of a trajectory into memory.

        Parameters
        ----------
        atoms : MDAnalysis.Universe or AtomGroup
            Which atoms to read.
        start, stop, step : int, optional
            Which frames, as in a slice.

        Returns
        -------
        Frames
            The frames, atoms in the order of the group.

        Raises
        ------
        ValueError
            If there are no atoms or no frames, or a position is not a number.

        Notes
        -----
        The universe stays at the frame it was at.
        """
        group = atoms.atoms
        if not len(group):
            raise ValueError("`atoms` is empty; select the atoms of a molecule")
        try:
            trajectory = group.universe.trajectory
        except AttributeError as error:
            raise ValueError(
                "`atoms` has no trajectory; load one with universe.load_new first"
            ) from error
        here = trajectory.frame
        # Not by `timeseries`: that of universes in memory includes `stop`.
        parts = [group.positions for _ in trajectory[slice(start, stop, step)]]
        trajectory[here]
        positions = np.array(parts, dtype=np.float32)
        if not len(positions):
            raise ValueError(
                f"`atoms` gives no frames for start={start}, stop={stop}, step={step} "
                f"of {trajectory.n_frames}; choose frames that exist"
            )
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=(1, 2)))
        if len(bad):
            raise ValueError(
                f"`atoms` has positions that are not numbers in {len(bad)} frames, "
                f"first in frame {bad[0]} of those read; mend or leave out the frame"
            )
        name = Path(str(trajectory.filename)).name if trajectory.filename else "memory"
        return cls(positions, source=name)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.positions)

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return self.positions.shape[1]
