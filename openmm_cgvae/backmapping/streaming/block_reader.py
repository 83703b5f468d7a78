"""Blocks of frames of beads, without a Timestep for each where a format allows it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from MDAnalysis.coordinates.base import ProtoReader
from MDAnalysis.coordinates.TRR import TRRReader
from MDAnalysis.coordinates.XTC import XTCReader
from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile
from MDAnalysis.lib.mdamath import triclinic_box
from MDAnalysis.units import get_conversion_factor

from openmm_cgvae.backmapping.bead_reader import (
    UNREADABLE,
    BadFrameError,
    BeadBlock,
    Beads,
)

__all__ = [
    "BlockReader",
    "about_torn_end",
    "chosen_frames",
    "distinct_rows",
    "staying_at_frame",
]

_FILES = {XTCReader: XTCFile, TRRReader: TRRFile}


class BlockReader:
    """Read the beads of many frames at once.

    XTC and TRR files are read by MDAnalysis's file objects, since its reader takes
    several times as long to fill a timestep as to read a small frame. All else, and
    every block with a bad frame, is read through the reader, and the first and last
    frame of every block by both, which have to agree.

    Parameters
    ----------
    beads : Beads
        The molecules.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(3, trajectory=True)
    >>> BlockReader(Beads(universe.atoms, 3)).read([0]).positions.shape
    (1, 1, 3, 3)
    """

    def __init__(self, beads: Beads) -> None:
        self.beads = beads
        trajectory = beads.group.universe.trajectory
        self._is_direct = (
            type(trajectory) in _FILES
            and trajectory.convert_units
            and not trajectory.transformations
            and not len(beads.others)
        )

    def read(self, numbers: Sequence[int], *, skips: bool = False) -> BeadBlock:
        """Read frames.

        Parameters
        ----------
        numbers : sequence of int
            Which.
        skips : bool
            Whether bad frames are left out; otherwise they are errors.

        Returns
        -------
        BeadBlock
            The beads of the good frames.

        Raises
        ------
        BadFrameError
            If a frame is bad and bad frames are not left out.
        """
        block = self._directly(numbers) if self._is_direct and len(numbers) else None
        return block or self._by_reader(numbers, skips=skips)

    def _by_reader(self, numbers: Sequence[int], *, skips: bool) -> BeadBlock:
        frames, skipped = [], []
        for number in numbers:
            try:
                frames.append(self.beads.read(number))
            except BadFrameError as error:
                if not skips:
                    raise
                skipped.append((number, str(error)))
        return self.beads.block_of(frames, skipped)

    def _directly(self, numbers: Sequence[int]) -> BeadBlock | None:
        """Read frames from the file, or None if the reader has to say what is bad."""
        try:
            frames = self._raw_frames(numbers)
        except UNREADABLE:
            self._is_direct = False
            return None
        # The same steps in the same order and precision as the reader takes.
        angstrom = get_conversion_factor("length", "nm", "Angstrom")
        positions = np.array([where for where, _, _ in frames])
        positions *= angstrom
        if not np.isfinite(positions).all():
            return None
        cells = np.array([cell for _, cell, _ in frames]).reshape(-1, 9)
        distinct, which = distinct_rows(cells)
        boxes = np.array([triclinic_box(*cell.reshape(3, 3)) for cell in distinct])
        boxes[:, :3] *= angstrom
        block = BeadBlock(
            numbers=np.array(numbers, dtype=np.int64),
            times=np.array([time for _, _, time in frames], dtype=np.float64),
            positions=self._whole(positions.astype(np.float64), boxes, which),
            boxes=boxes[which],
            others=np.empty((len(frames), 0, 3)),
            skipped=[],
        )
        self._is_direct = self._agrees(block, 0) and self._agrees(block, -1)
        return block if self._is_direct else None

    def _raw_frames(
        self, numbers: Sequence[int]
    ) -> list[tuple[np.ndarray, np.ndarray, float]]:
        """Read positions and cells [nm], and times [ps]."""
        file, indices = self._file, self.beads.group.indices
        takes_all = np.array_equal(indices, np.arange(file.n_atoms))
        may_lack_positions = type(file) is not XTCFile
        frames = []
        place = file.tell()
        for number in numbers:
            if place != number:
                file.seek(number)
            frame = file.read()
            place = number + 1
            if may_lack_positions and not frame.hasx:
                raise OSError("a frame without positions")
            positions = frame.x if takes_all else frame.x[indices]
            frames.append((positions, frame.box, frame.time))
        return frames

    @cached_property
    def _file(self) -> Any:
        trajectory = self.beads.group.universe.trajectory
        return _FILES[type(trajectory)](trajectory.filename)

    def _whole(
        self, positions: np.ndarray, boxes: np.ndarray, box_of_frame: np.ndarray
    ) -> np.ndarray:
        n_beads = self.beads.n_beads
        positions = positions.reshape(len(positions), -1, n_beads, 3)
        for number, box in enumerate(boxes):
            if box[:3].any():
                inside = np.flatnonzero(box_of_frame == number)
                molecules = positions[inside].reshape(-1, n_beads, 3)
                made = self.beads.tree.whole(molecules, box)
                positions[inside] = made.reshape(len(inside), -1, n_beads, 3)
        return positions

    def _agrees(self, block: BeadBlock, place: int) -> bool:
        """Whether the reader, which may have settings of its own, reads the same."""
        frame = self.beads.read(int(block.numbers[place]))
        box = np.zeros(6) if frame.box is None else frame.box
        return (
            frame.time == float(block.times[place])
            and np.array_equal(frame.positions, block.positions[place])
            and np.array_equal(box, block.boxes[place])
        )


def chosen_frames(
    trajectory: ProtoReader, chosen: slice, *, skips: bool
) -> tuple[range, str]:
    """Find the frames to be backmapped.

    Parameters
    ----------
    trajectory : MDAnalysis reader
        The trajectory of the beads.
    chosen : slice
        Which frames.
    skips : bool
        Whether bad frames are left out; otherwise they are errors.

    Returns
    -------
    frames : range
        Numbers of the frames.
    torn : str
        A sentence if a piece of a frame behind them is left out, otherwise nothing.

    Raises
    ------
    ValueError
        If there is none, or a piece of a frame that is not left out.
    """
    frames = range(int(trajectory.n_frames))[chosen]
    if not len(frames):
        raise ValueError(
            f"`start`, `stop`, `step` are {chosen.start}, {chosen.stop}, "
            f"{chosen.step}, which is no frame of {trajectory.n_frames}; choose frames "
            "that exist"
        )
    torn = "" if chosen.stop is not None else about_torn_end(trajectory)
    if torn and not skips:
        raise ValueError(torn)
    return frames, torn


def about_torn_end(trajectory: ProtoReader) -> str:
    """Find whether a file ends in the middle of a frame, as a killed program leaves it.

    MDAnalysis passes over such an end without a word.

    Parameters
    ----------
    trajectory : MDAnalysis reader
        The trajectory, of beads or of the atoms they are of.

    Returns
    -------
    str
        A sentence if an XTC or TRR file has a piece of a frame after the last whole
        one, otherwise nothing.
    """
    trajectory = getattr(trajectory, "source", trajectory)
    kind = _FILES.get(type(trajectory))
    if kind is None or not trajectory.n_frames:
        return ""
    path, n_frames = Path(trajectory.filename), trajectory.n_frames
    with kind(str(path)) as file:
        try:
            file.seek(n_frames - 1)
            file.read()
        except (OSError, EOFError, StopIteration):
            return ""  # counted as a frame: it is bad, as any other may be
        if file._bytes_tell() == path.stat().st_size:
            return ""
        try:
            file.read()
        except (OSError, EOFError, StopIteration):
            return (
                f"`universe` ends in the middle of a frame: {str(path)!r} has "
                f"{n_frames} whole frames and a piece of another; give "
                f"stop={n_frames} to take what is there"
            )
    return ""  # a simulation that still runs has written more since


@contextmanager
def staying_at_frame(trajectory: ProtoReader) -> Iterator[None]:
    """Return to the frame that a trajectory is at, whatever is read in between.

    Parameters
    ----------
    trajectory : MDAnalysis reader
        The trajectory.
    """
    here = trajectory.frame
    try:
        yield
    finally:
        with suppress(*UNREADABLE):  # where the file has lost it since
            trajectory[here]


def distinct_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of a table without repetition, and which of them each row is.

    Parameters
    ----------
    rows : ndarray, shape (n, m)
        The table, of at least one row.

    Returns
    -------
    distinct : ndarray, shape (n_distinct, m)
        Every row once.
    which : ndarray of int, shape (n,)
        ``distinct[which]`` is the table.

    Examples
    --------
    >>> distinct, which = distinct_rows(np.array([[2, 2], [1, 0], [2, 2]]))
    >>> distinct.tolist(), which.tolist()
    ([[1, 0], [2, 2]], [1, 0, 1])
    """
    if (rows == rows[0]).all():  # a box that does not change; sorting costs more
        return rows[:1].copy(), np.zeros(len(rows), dtype=np.int64)
    distinct, which = np.unique(rows, axis=0, return_inverse=True)
    return distinct, which.ravel()
