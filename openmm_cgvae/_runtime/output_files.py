"""Names of output files: that they can be written, and replace no input."""

import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["check_output", "refuse_overwriting_input"]

# Letters that names of unfinished files and of locks have besides.
_N_LETTERS_ADDED = 48
_LONGEST_NAME = 255  # bytes, where a file system does not say

_AnyPath = str | os.PathLike[str]


def check_output(path: _AnyPath, argument: str = "output") -> None:
    """Check that a file can be written, before there is anything to write.

    Parameters
    ----------
    path : path-like
        The file.
    argument : str
        What errors call it.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    IsADirectoryError
        If it is a folder.
    PermissionError
        If nothing can be written to the folder.
    ValueError
        If the name is too long, or that of a device or a pipe.

    Examples
    --------
    >>> check_output("atoms.xtc")
    """
    path = Path(path)
    name = len(os.fsencode(path.name))
    if name > _longest_name(path.parent) - _N_LETTERS_ADDED:
        raise ValueError(
            f"`{argument}` has a name of {name} letters, {path.name[:20]!r}..., which "
            f"is too long for a file; give one of less than "
            f"{_longest_name(path.parent) - _N_LETTERS_ADDED}"
        )
    given = f"`{argument}` is {str(path)!r}"
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"{given} but there is no folder {str(path.parent)!r}; make it first"
        )
    if path.is_dir():
        raise IsADirectoryError(
            f"{given}, which is a folder; give the name of a file in it"
        )
    if path.exists() and not path.is_file():
        raise ValueError(f"{given}, which is a device or a pipe; give a file")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(
            f"{given} but nothing can be written to the folder {str(path.parent)!r}; "
            "choose another, or change its permissions"
        )


def refuse_overwriting_input(
    outputs: Iterable[_AnyPath],
    inputs: Iterable[_AnyPath],
    argument: str = "output",
    reader: str = "`universe`",
) -> None:
    """Check that no output would replace what it is made from.

    Parameters
    ----------
    outputs : iterable of path-like
        Files to be written.
    inputs : iterable of path-like
        Files that are read.
    argument : str
        What errors call the outputs.
    reader : str
        What errors say is read from the inputs.

    Raises
    ------
    ValueError
        If an output is one of the inputs, by whatever name or link.

    Examples
    --------
    >>> refuse_overwriting_input(["atoms.xtc"], ["beads.pdb", "beads.xtc"])
    """
    read = [Path(path) for path in inputs]
    for output in map(Path, outputs):
        if any(_is_same(output, path) for path in read):
            raise ValueError(
                f"`{argument}` is {str(output)!r}, from which {reader} is read, and "
                "would replace it; give another name"
            )


def _is_same(first: Path, second: Path) -> bool:
    try:
        return first.samefile(second)
    except OSError:  # one of them is not there
        return first.resolve() == second.resolve()


def _longest_name(folder: Path) -> int:
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, OSError, ValueError):
        return _LONGEST_NAME
