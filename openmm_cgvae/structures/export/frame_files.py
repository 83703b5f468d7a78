"""Frames of XTC, TRR and DCD files, counted to find files that were cut short.

The libraries that write these formats hide errors of a full disk. Every frame says how
long it is, so a walk from frame to frame finds a byte that is not there without reading
positions.
"""

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from openmm_cgvae._runtime.atomic_files import raise_incomplete

__all__ = ["FRAME_FORMATS", "check_frames", "count_frames", "frames_checked"]

_XTC_HEADER, _XTC_MAGIC = 56, 1995  # bytes up to the number of atoms, the second time
_XTC_UNCOMPRESSED = 9  # atoms at most
_XTC_COMPRESSED = 36  # bytes of precision, ranges and length before the positions
_TRR_HEADER, _TRR_MAGIC = 76, 1993  # bytes up to the number of atoms, step and so on
_TRR_SIZES = slice(6, 16)  # of the parts of a frame, among the numbers of its header
_DCD_HEADER_RECORDS = 3
_DCD_HAS_CELL = 48  # place of the flag in the first record


@contextmanager
def frames_checked(path: Path, n_frames: int, file_format: str) -> Iterator[None]:
    """Check that what is written in a block is there at its end.

    Parameters
    ----------
    path : Path
        The file.
    n_frames : int
        How many frames are written.
    file_format : str
        As for `check_frames`.

    Raises
    ------
    OSError
        If bytes are missing, with the reason, which the libraries do not know.
    """
    try:
        yield
    except OSError as error:
        if error.errno:
            raise
        raise_incomplete(path, f"its writer says: {error}")
    check_frames(path, n_frames, file_format)


def check_frames(path: Path, n_frames: int, file_format: str) -> None:
    """Check that a file has all its frames, and every one of them whole.

    Parameters
    ----------
    path : Path
        The file.
    n_frames : int
        How many were written.
    file_format : str
        ``xtc``, ``trr`` or ``dcd``; files of other formats are not looked at.

    Raises
    ------
    OSError
        If bytes are missing, with the reason.
    """
    if file_format not in FRAME_FORMATS:
        return
    n_found, n_bytes = count_frames(path, file_format)
    n_left = path.stat().st_size - n_bytes
    if n_found != n_frames or n_left:
        raise_incomplete(
            path,
            f"it has {n_found} whole frames and {n_left} bytes more where {n_frames} "
            "frames were written",
        )


def count_frames(path: Path, file_format: str, start: int = 0) -> tuple[int, int]:
    """Count the whole frames of a file.

    Parameters
    ----------
    path : Path
        The file.
    file_format : str
        ``xtc``, ``trr`` or ``dcd``.
    start : int
        Where a frame begins [bytes].

    Returns
    -------
    n_frames : int
        Frames from there on, up to the first that is not whole.
    end : int
        Where the last of these ends [bytes].
    """
    n_frames, end = 0, start
    size = path.stat().st_size
    with path.open("rb") as file:
        if file_format == "dcd" and not start:
            end = _dcd_records(file, _DCD_HEADER_RECORDS)
            if not end:
                return 0, 0
        length_of = FRAME_FORMATS[file_format]
        while end < size:
            file.seek(end)
            length = length_of(file)
            if not length or end + length > size:
                break
            n_frames, end = n_frames + 1, end + length
    return n_frames, end


def _xtc_length(file: BinaryIO) -> int:
    """Return the length of the frame that begins here, 0 if there is none."""
    header = file.read(_XTC_HEADER)
    if len(header) < _XTC_HEADER:
        return 0
    magic, n_atoms = struct.unpack_from(">2i", header)
    if magic != _XTC_MAGIC:
        return 0
    if n_atoms <= _XTC_UNCOMPRESSED:
        return _XTC_HEADER + 3 * 4 * n_atoms
    rest = file.read(_XTC_COMPRESSED)
    if len(rest) < _XTC_COMPRESSED:
        return 0
    (n_bytes,) = struct.unpack_from(">i", rest, _XTC_COMPRESSED - 4)
    padded = n_bytes + -n_bytes % 4
    return _XTC_HEADER + _XTC_COMPRESSED + int(padded)


def _trr_length(file: BinaryIO) -> int:
    """Return the length of the frame that begins here, 0 if there is none."""
    header = file.read(_TRR_HEADER)
    if len(header) < _TRR_HEADER:
        return 0
    numbers = struct.unpack(f">{_TRR_HEADER // 4}i", header)
    if numbers[0] != _TRR_MAGIC:
        return 0
    parts = numbers[_TRR_SIZES]
    # Time and lambda have the precision of the box, or of the positions without one.
    box, positions, n_atoms = parts[2], parts[7], numbers[16]
    is_double = box == 9 * 8 or (not box and positions == 3 * 8 * n_atoms)
    n_reals = 2 * (8 if is_double else 4)
    return _TRR_HEADER + n_reals + sum(parts)


def _dcd_length(file: BinaryIO) -> int:
    """Return the length of the frame that begins here, 0 if it is not whole."""
    start = file.tell()
    file.seek(_DCD_HAS_CELL)
    (has_cell,) = struct.unpack("<i", file.read(4))
    file.seek(start)
    return _dcd_records(file, 4 if has_cell else 3) - start


def _dcd_records(file: BinaryIO, n_records: int) -> int:
    """Return where records end, or where they begin if one of them is not whole.

    Each has its length on both sides.
    """
    start = place = file.tell()
    for _ in range(n_records):
        before = file.read(4)
        if len(before) < 4:
            return start
        (length,) = struct.unpack("<i", before)
        place += length + 8
        if length < 0:
            return start
        file.seek(length, os.SEEK_CUR)
        if file.read(4) != before:
            return start
    return place


FRAME_FORMATS: dict[str, Callable[[BinaryIO], int]] = {
    "xtc": _xtc_length,
    "trr": _trr_length,
    "dcd": _dcd_length,
}
