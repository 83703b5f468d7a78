"""Frames: the positions of a molecule over time, and blocks of time to hold out."""

from dataclasses import dataclass
from pathlib import Path
from typing import no_type_check

import MDAnalysis as mda
import numpy as np
from jaxtyping import Float

__all__ = ["Frames", "Split", "block_split"]


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


@dataclass(frozen=True, eq=False)
class Split:
    """Frame indices for training, validation and test; int arrays, rising."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def block_split(
    n_frames: int, n_folds: int = 5, fold: int = 0, n_blocks: int | None = None
) -> Split:
    """Split a trajectory into whole blocks of time.

    Neighbouring frames are nearly the same structure, so a random split tests a
    model on what it has seen. Here the trajectory is cut into equal blocks of time;
    every ``n_folds``-th block is held out for the test, and half a block in front of
    each test block is held out for validation.

    Parameters
    ----------
    n_frames : int
        Number of frames.
    n_folds : int
        One block in so many is for the test.
    fold : int
        Which of them, ``0 <= fold < n_folds``.
    n_blocks : int, optional
        Number of blocks; four for every fold by default.

    Returns
    -------
    Split
        The three sets of frames; they do not overlap and together are all frames.

    Raises
    ------
    ValueError
        If the numbers do not fit together.

    Examples
    --------
    >>> split = block_split(100, n_folds=5, n_blocks=5, fold=1)
    >>> split.test.tolist() == list(range(20, 40))
    True
    >>> len(split.train), len(split.validation), len(split.test)
    (70, 10, 20)
    """
    n_blocks = 4 * n_folds if n_blocks is None else n_blocks
    if n_folds < 2 or not 0 <= fold < n_folds:
        raise ValueError(
            f"`fold` is {fold} of {n_folds} but must be at least 0 and less than "
            "`n_folds`, which must be at least 2"
        )
    if n_blocks < n_folds or n_frames < 2 * n_blocks:
        raise ValueError(
            f"`n_frames` is {n_frames} for {n_blocks} blocks and {n_folds} folds; "
            "there must be a block for every fold and two frames for every block"
        )
    edges = np.arange(n_blocks + 1) * n_frames // n_blocks
    role = np.zeros(n_frames, dtype=np.int64)
    for block in range(fold, n_blocks, n_folds):
        begin, end = edges[block], edges[block + 1]
        role[begin:end] = 2
        before = (block - 1) % n_blocks
        half = (edges[before] + edges[before + 1]) // 2
        role[half : edges[before + 1]] = 1
    return Split(*(np.flatnonzero(role == which) for which in range(3)))
