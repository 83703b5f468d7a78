"""Files that are there whole or not at all."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["write_atomically", "write_json", "written_whole"]


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
        A name in the same folder, with the same ending, since that may tell a format.

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
    unfinished = path.with_name(f".{uuid.uuid4().hex}-{path.name}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


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
