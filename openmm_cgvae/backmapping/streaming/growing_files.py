"""Files that grow block by block, and can be cut back to a whole number of them."""

import os
import shutil
import struct
from pathlib import Path

__all__ = ["append_part", "cut", "wait_for_disk", "size_of"]

_COPIED_AT_ONCE = 2**22  # bytes
_DCD_HEADER_RECORDS = 3
_DCD_N_FRAMES_OFFSET = 8  # bytes, behind the length of the first record and "CORD"


def append_part(whole: Path, part: Path, n_frames: int) -> None:
    """Write the frames of a part behind those that are already there.

    Parameters
    ----------
    whole : Path
        File that grows; made if it is not there.
    part : Path
        File of the same format.
    n_frames : int
        Frames in the whole file afterwards, for formats that say so.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     whole, part = Path(folder, "whole.xtc"), Path(folder, "part.xtc")
    ...     _ = part.write_bytes(b"frames")
    ...     append_part(whole, part, 1)
    ...     append_part(whole, part, 2)
    ...     whole.read_bytes()
    b'framesframes'
    """
    is_dcd = whole.suffix == ".dcd"
    with whole.open("ab") as target, part.open("rb") as source:
        if is_dcd and target.tell():
            source.seek(_dcd_header_length(source.read(2**16)))
        shutil.copyfileobj(source, target, _COPIED_AT_ONCE)
    if is_dcd:
        with whole.open("r+b") as target:
            target.seek(_DCD_N_FRAMES_OFFSET)
            target.write(struct.pack("<i", n_frames))


def wait_for_disk(whole: Path) -> None:
    """Wait until what was written is on the disk, so that no crash can lose it.

    Parameters
    ----------
    whole : Path
        The file, which need not be there yet.
    """
    if whole.is_file():
        with whole.open("r+b") as file:
            os.fsync(file.fileno())


def cut(whole: Path, n_bytes: int) -> bool:
    """Remove what was written last and not finished.

    Parameters
    ----------
    whole : Path
        The file.
    n_bytes : int
        What is known to be good.

    Returns
    -------
    bool
        Whether all of it is there.
    """
    if n_bytes == 0:
        whole.unlink(missing_ok=True)
        return True
    if not whole.is_file() or whole.stat().st_size < n_bytes:
        return False
    os.truncate(whole, n_bytes)
    return True


def size_of(whole: Path) -> int:
    """Return the size of a file [bytes], 0 if it is not there."""
    return whole.stat().st_size if whole.is_file() else 0


def _dcd_header_length(start: bytes) -> int:
    """Compute the length of the records in front; each has its own on both sides."""
    place = 0
    for _ in range(_DCD_HEADER_RECORDS):
        place += struct.unpack_from("<i", start, place)[0] + 8
    return place
