"""Files of structures, which appear when they are complete and were checked."""

import contextlib
import ctypes
import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import MDAnalysis as mda
import numpy as np
from MDAnalysis.coordinates.core import get_reader_for

from openmm_cgvae._runtime.atomic_files import (
    disk_explained,
    raise_incomplete,
    written_whole,
)
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.export.formats import (
    MMCIF_ENDINGS,
    check_columns,
    check_ending,
    check_positions,
    is_multiframe,
)
from openmm_cgvae.structures.export.frame_files import (
    FRAME_FORMATS,
    check_frames,
    count_frames,
)
from openmm_cgvae.structures.export.mmcif import MmcifWriter
from openmm_cgvae.structures.export.pdb_records import finish_pdb
from openmm_cgvae.structures.export.universes import make_universe

__all__ = ["StructureWriter", "structure_writer", "write_structures"]

# Trajectories without names of atoms.
_BINARY = (".ncdf", ".nc", ".h5md")
_NAMELESS = (*(f".{name}" for name in FRAME_FORMATS), *_BINARY)


def write_structures(
    atom_table: AtomTable,
    positions: np.ndarray,
    boxes: np.ndarray | None,
    path: str | os.PathLike[str],
) -> None:
    """Write samples as the frames of one file, in one step.

    Parameters
    ----------
    atom_table : AtomTable
        What the atoms are.
    positions : ndarray, shape (n_samples, n_atoms, 3)
        Where they are [Å].
    boxes : ndarray, shape (n_samples, 6), or None
        Unit cells [Å, degrees].
    path : path-like
        File to write; its ending tells the format.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    OSError
        If there is no space for the file.
    ValueError
        If the format is unknown, does not hold the structures, or holds one and there
        are more or none.
    """
    if len(positions) == 0:
        raise ValueError("`positions` holds no sample to write; write one or more")
    universe = make_universe(atom_table, positions, boxes)
    with structure_writer(atom_table.n_atoms, path, len(positions)) as writer:
        for _ in universe.trajectory:
            writer.write(universe.atoms)


@contextmanager
def structure_writer(
    n_atoms: int,
    path: str | os.PathLike[str],
    n_samples: int,
    argument: str = "path",
) -> "Iterator[StructureWriter]":
    """Return a writer of structures whose file appears when it is complete.

    Parameters
    ----------
    n_atoms : int
        How many atoms, or beads, each structure has.
    path : path-like
        File to write; its ending tells the format. What was there stays until all is
        written, and if something goes wrong.
    n_samples : int
        How many structures there will be.
    argument : str
        What errors call the path.

    Yields
    ------
    StructureWriter
        Its ``write`` takes a group of atoms, such as those of `make_universe`.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    OSError
        If there is no space for the file.
    ValueError
        If the format is unknown, does not hold the structures, or holds one and there
        are more.
    """
    path = Path(path)
    check_ending(path, n_samples, argument, n_atoms)
    multiframe = is_multiframe(path, n_samples, argument)
    with written_whole(path) as unfinished:
        writer = StructureWriter(
            unfinished, n_atoms, multiframe=multiframe, argument=argument
        )
        try:
            yield writer
        except BaseException:
            writer.abandon()
            raise
        writer.close()


class StructureWriter:
    """Write structures to a file, and check that it has them.

    Parameters
    ----------
    path : Path
        The file, which is written from its beginning.
    n_atoms : int
        How many atoms, or beads, each structure has.
    multiframe : bool
        Whether there can be more than one structure.
    argument : str
        What errors call the file.
    **options
        For the writer of MDAnalysis.
    """

    def __init__(
        self,
        path: Path,
        n_atoms: int,
        *,
        multiframe: bool = True,
        argument: str = "path",
        **options: Any,
    ) -> None:
        self._path = path
        self._argument = argument
        self._ending = path.suffix.lower()
        self._table: AtomTable | None = None
        self._n_written = 0
        self._n_checked, self._n_bytes = 0, 0
        self._writer: Any
        if self._ending in MMCIF_ENDINGS:
            self._writer = MmcifWriter(path)
            return
        if self._ending == ".h5md":
            # The one format without units of its own.
            options = {"timeunit": "ps", "lengthunit": "Angstrom"} | options
        with self._explained(), _quiet():
            self._writer = mda.Writer(
                str(path), n_atoms, multiframe=multiframe, **options
            )

    def write(self, group: "mda.AtomGroup") -> None:
        """Write a structure.

        Parameters
        ----------
        group : MDAnalysis.AtomGroup
            Its atoms, the same for every structure.

        Raises
        ------
        OSError
            If there is no space for it.
        ValueError
            If the format does not hold it.
        """
        if self._table is None and self._ending not in _NAMELESS:
            self._table = AtomTable.from_particles(group)
            check_columns(self._ending, self._table, self._argument)
        check_positions(self._ending, group.positions, group.dimensions, self._argument)
        with self._explained(), _quiet():
            if isinstance(self._writer, MmcifWriter) and self._table is not None:
                self._writer.write(group, self._table)
            else:
                self._writer.write(group)
        self._n_written += 1

    def flush(self) -> None:
        """Write what is in buffers to the file, and check that it is there.

        Raises
        ------
        OSError
            If it is not. A trajectory then ends with its last whole frame.
        """
        with self._explained():
            for stream in vars(self._writer).values():
                if isinstance(stream, io.IOBase):
                    stream.flush()
        if sys.platform != "win32":
            # The XDR library of MDAnalysis keeps a C stream and has no call to flush
            # it; this flushes all streams of the process.
            ctypes.CDLL(None).fflush(None)
        name = self._ending[1:]
        if name in FRAME_FORMATS:
            n_new, self._n_bytes = count_frames(self._path, name, self._n_bytes)
            self._n_checked += n_new
            if self._n_checked != self._n_written:
                self._fail("its last frame is not there")

    def close(self) -> None:
        """Finish the file and check it.

        Raises
        ------
        OSError
            If bytes are missing.
        """
        with self._explained(), _quiet():
            if self._ending == ".h5md" and self._n_written:
                # Errors at its end are not raised.
                self._writer.h5md_file.flush()
            self._writer.close()
        check_frames(self._path, self._n_written, self._ending[1:])
        if self._ending in _BINARY:
            self._read_back()
        if self._ending == ".pdb" and self._table is not None:
            finish_pdb(self._path, self._table)

    def abandon(self) -> None:
        """Close the file after an error, whatever state it is in."""
        with contextlib.suppress(Exception), _quiet():
            self._writer.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise the reason of the disk where a library has no word for it."""
        with disk_explained(self._path):
            try:
                yield
            except (OSError, RuntimeError) as error:
                if getattr(error, "errno", None):
                    raise
                self._fail(f"its writer says: {error}")

    def _read_back(self) -> None:
        """Check that the last frame can be read."""
        try:
            reader = get_reader_for(str(self._path))
            with _quiet(), reader(str(self._path)) as frames:
                n_frames = frames.n_frames
                frames[n_frames - 1]
        except (OSError, ValueError, KeyError, IndexError, RuntimeError) as error:
            self._fail(f"reading it says: {error}")
        if n_frames != self._n_written:
            self._fail(f"it has {n_frames} frames of {self._n_written}")

    def _fail(self, found: str) -> NoReturn:
        """Close the file, cut off what is not whole, and raise the reason."""
        self.abandon()
        name = self._ending[1:]
        if name in FRAME_FORMATS and self._path.is_file():
            os.truncate(self._path, count_frames(self._path, name)[1])
        raise_incomplete(self._path, found)


def _quiet() -> Any:
    """Ignore what writers tell of columns that generated structures do not fill."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)
