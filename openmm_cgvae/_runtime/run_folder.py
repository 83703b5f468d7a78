"""Run folders: one run at a time writes to a folder, and only one with its settings."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

__all__ = ["LOCK", "StoppedError", "check_settings", "only_run", "read_settings"]

LOCK = ".lock"
_LONGEST_VALUE = 40  # characters that a message shows of a setting


class StoppedError(RuntimeError):
    """What stops a run though its input is good: another run, or a dead worker."""


@contextmanager
def only_run(lock: Path, argument: str = "output") -> Iterator[None]:
    """Keep other runs away from a folder; a run that is killed lets go of it.

    Parameters
    ----------
    lock : Path
        The file that is locked; its folder is made if need be. It is removed in the
        end.
    argument : str
        What errors call the folder.

    Raises
    ------
    StoppedError
        If another run, in this process or another one, has the lock.
    PermissionError
        If nothing can be written to the folder.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, only_run(Path(folder, LOCK)):
    ...     print(Path(folder, LOCK).exists())
    True
    """
    held = FileLock(lock)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held.acquire(timeout=0)
    except Timeout as error:
        raise StoppedError(
            f"`{argument}` is being written by another run, which has locked "
            f"{str(lock)!r}; wait for it, or give another name"
        ) from error
    except OSError as error:
        raise PermissionError(
            f"`{argument}` cannot be written to: the folder {str(lock.parent)!r} can "
            f"neither be made nor locked ({error.strerror}); choose another, or change "
            "its permissions"
        ) from error
    try:
        yield
    finally:
        # Before others can have it: who opened it until now looks for a new one.
        lock.unlink(missing_ok=True)
        held.release()


def read_settings(path: Path) -> dict[str, Any]:
    """Read the JSON file in which a run noted its settings.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        What it holds; nothing if it is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def check_settings(
    found: Mapping[str, Any],
    wanted: Mapping[str, Any],
    path: Path,
    argument: str = "output",
) -> None:
    """Check that a run which is there already has the same settings.

    Parameters
    ----------
    found : mapping
        What the run noted; more than its settings may be among it.
    wanted : mapping
        The settings it should have, in plain types; dictionaries are compared as a
        whole.
    path : Path
        Where they were noted.
    argument : str
        What errors call the folder.

    Raises
    ------
    ValueError
        If one of the settings is another.

    Examples
    --------
    >>> check_settings({"seed": 0, "n_frames": 7}, {"seed": 0}, Path("settings.json"))
    """
    # As they would come back from a file: tuples as lists.
    wanted = json.loads(json.dumps(wanted, default=str))
    changes = [
        change
        for name, value in wanted.items()
        for change in _changes(name, found.get(name), value)
    ]
    if changes:
        raise ValueError(
            f"`{argument}` holds a run with other settings ({', '.join(changes)}; see "
            f"{str(path)!r}); give the same settings, choose another folder, or remove "
            "that one"
        )


def _changes(name: str, found: Any, wanted: Any) -> list[str]:
    """Describe where two values differ, entry by entry if both are dictionaries."""
    if found == wanted:
        return []
    if isinstance(found, dict) and isinstance(wanted, dict):
        names = {**wanted, **found}
        return [
            change
            for entry in names
            for change in _changes(
                f"{name}.{entry}", found.get(entry), wanted.get(entry)
            )
        ]
    both = repr(found), repr(wanted)
    if max(map(len, both)) > _LONGEST_VALUE:
        return [name]
    return [f"{name} was {both[0]}, now {both[1]}"]
