"""Blocks of structures to files, as MDAnalysis's writers write them but in bulk."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import TRRFile, XTCFile
from MDAnalysis.lib.mdamath import triclinic_vectors
from MDAnalysis.units import get_conversion_factor

from openmm_cgvae.backmapping.bead_reader import BeadBlock
from openmm_cgvae.backmapping.streaming.block_reader import distinct_rows
from openmm_cgvae.structures.export.formats import check_positions
from openmm_cgvae.structures.export.frame_files import frames_checked

__all__ = ["write_block"]

_XTC_PRECISION = 1000.0  # steps in a nm, the writer's default


def write_block(
    path: Path, file_format: str, block: BeadBlock, atoms: np.ndarray, dt: float | None
) -> None:
    """Write the structures of a block as the frames of one file.

    XTC and TRR files are written by MDAnalysis's file objects, without the detour of
    a timestep for each structure; the files are the same, byte for byte.

    Parameters
    ----------
    path : Path
        The file.
    file_format : str
        ``xtc``, ``trr``, ``dcd`` or another format of many frames.
    block : BeadBlock
        Number, time and box of every frame.
    atoms : ndarray, shape (n_frames, n, n_atoms, 3)
        Structures, n for each frame [Å].
    dt : float or None
        Time between frames, for formats that do not have a time for each [ps].

    Raises
    ------
    OSError
        If the file cannot be written, or lacks something afterwards.
    ValueError
        If the format has no numbers for the places of the atoms.
    """
    check_positions(f".{file_format}", atoms, block.boxes, "output")
    with frames_checked(path, atoms.shape[0] * atoms.shape[1], file_format):
        _write_frames(path, file_format, block, atoms, dt)


def _write_frames(
    path: Path, file_format: str, block: BeadBlock, atoms: np.ndarray, dt: float | None
) -> None:
    if file_format == "xtc":
        with XTCFile(str(path), "w") as file:
            for where, box, step, time in _native(block, atoms):
                file.write(where, box, step, time, _XTC_PRECISION)
    elif file_format == "trr":
        n_atoms = atoms.shape[-2]
        with TRRFile(str(path), "w") as file:
            for where, box, step, time in _native(block, atoms):
                file.write(where, None, None, box, step, time, 0, n_atoms)
    else:
        options = {} if dt is None else {"dt": dt}
        with (
            # The writers tell of a box that is not there.
            warnings.catch_warnings(action="ignore", category=UserWarning),
            mda.Writer(str(path), atoms.shape[-2], format=file_format, **options) as w,
        ):
            for universe in _universes(block, atoms):
                w.write(universe)


def _native(
    block: BeadBlock, atoms: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, int, float]]:
    """Yield positions and cell [nm], number and time [ps] of every structure."""
    nm = get_conversion_factor("length", "Angstrom", "nm")
    # In the order and precision of the writers, so that the files are theirs.
    native = atoms.astype(np.float32)
    native *= nm
    distinct, which = distinct_rows(block.boxes)
    distinct[:, :3] *= nm
    cells = [triclinic_vectors(box) for box in distinct]
    n_samples = native.shape[1]
    columns = (which, block.numbers, block.times)
    boxes, steps, times = (np.repeat(each, n_samples).tolist() for each in columns)
    structures = native.reshape(-1, *native.shape[2:])
    yield from zip(structures, map(cells.__getitem__, boxes), steps, times, strict=True)


def _universes(block: BeadBlock, atoms: np.ndarray) -> Iterator[mda.Universe]:
    """Yield structure after structure in a universe without names."""
    universe = mda.Universe.empty(atoms.shape[-2], trajectory=True)
    timestep = universe.trajectory.ts
    for samples, box, number, time in zip(
        atoms, block.boxes, block.numbers.tolist(), block.times.tolist(), strict=True
    ):
        for structure in samples:
            timestep.positions = structure
            timestep.dimensions = box
            timestep.time = time
            timestep.frame = number
            yield universe
