"""Files that are there whole or not at all."""

import errno
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from openmm_cgvae._runtime.output_files import check_output

__all__ = [
    "disk_explained",
    "raise_incomplete",
    "write_atomically",
    "write_json",
    "written_whole",
]

_FULL = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file size limit is reached (ulimit -f, or that of the disk)",
}
# More than any buffer that a writer could have lost.
_PROBE_BYTES = 2**20
_LONGEST_END = 64  # letters of a name, with the ending


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary name to write to, and move the file to its place afterwards.

    Parameters
    ----------
    path : Path
        Where the file is to be. If the block fails, what was there before stays.

    Yields
    ------
    Path
        A name in the same folder that nobody can foresee, with the same ending, since
        that may tell a format.

    Raises
    ------
    OSError
        If there is no space for the file, with the reason in a sentence, or if
        something that is no file has its name.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     target = Path(folder) / "note.txt"
    ...     with written_whole(target) as unfinished:
    ...         _ = unfinished.write_text("whole")
    ...     [path.name for path in Path(folder).iterdir()]
    ['note.txt']
    """
    if path.exists() and not path.is_file():
        check_output(path, "path")
    # No longer than the longest name that a file can have, if that of the path is not.
    end = path.name[-_LONGEST_END:]
    unfinished = path.with_name(f".{uuid.uuid4().hex}-{end}")
    try:
        with disk_explained(path):
            yield unfinished
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def disk_explained(path: Path) -> Iterator[None]:
    """Raise a sentence where the disk has no space for a file.

    Parameters
    ----------
    path : Path
        The file that is written in the block.

    Raises
    ------
    OSError
        If there is no space, a quota is used up, or a file is as large as it may be.

    Examples
    --------
    >>> with disk_explained(Path("atoms.xtc")):  # doctest: +ELLIPSIS
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
        ...
    OSError: no space is left on the disk, so 'atoms.xtc' was not written; make room ...
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise _disk_error(path, error.errno) from error


def raise_incomplete(unfinished: Path, found: str) -> NoReturn:
    """Raise the reason why a file lacks what was written, which its writer hid.

    Parameters
    ----------
    unfinished : Path
        The file. More is written to it to learn what the disk says, and removed.
    found : str
        What is wrong with it.

    Raises
    ------
    OSError
        That of the disk, or else one that says what was found.
    """
    n_bytes = unfinished.stat().st_size if unfinished.is_file() else 0
    try:
        with disk_explained(unfinished), unfinished.open("ab", buffering=0) as file:
            # A write may be cut short first and refused when it is tried again.
            for _ in range(2):
                file.write(bytes(_PROBE_BYTES))
            os.fsync(file.fileno())
    finally:
        if unfinished.is_file():
            os.truncate(unfinished, n_bytes)
    raise OSError(
        f"a file was not written whole, {found}; write it again, or to another disk"
    )


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Parameters
    ----------
    path : Path
        Where the file is to be.
    content : bytes
        All of it.
    """
    with written_whole(path) as unfinished:
        unfinished.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Write plain values as readable JSON, whole or not at all.

    Parameters
    ----------
    path : Path
        Where the file is to be.
    content : object
        Plain JSON types; no number that is infinite or none.

    Raises
    ------
    ValueError
        If a number is infinite or none.
    """
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    write_atomically(path, text.encode())


def _disk_error(path: Path, number: int) -> OSError:
    """Return the error of a full disk in a sentence."""
    error = OSError(
        f"{_FULL[number]}, so {str(path)!r} was not written; make room or write "
        "elsewhere, and try again"
    )
    error.errno = number
    return error
