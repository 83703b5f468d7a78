"""Files of the command line: which are read, which are written, and never both."""

import argparse
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from openmm_cgvae._runtime.output_files import check_output, refuse_overwriting_input

if TYPE_CHECKING:
    import MDAnalysis as mda

__all__ = [
    "FileToWrite",
    "check_files",
    "file_to_write",
    "model_to_write",
    "read_universe",
]


class FileToWrite(str):
    """The name of a file that a verb writes."""

    __slots__ = ()


def file_to_write(text: str) -> FileToWrite:
    """Read the name of a file to write, whose folder has to be there."""
    folder = Path(text).parent
    if not folder.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text!r} is in the folder {str(folder)!r}, which is not there; "
            "make it first"
        )
    return FileToWrite(text)


def model_to_write(text: str) -> FileToWrite:
    """Read the name of a model file to write, whose folder is made if need be."""
    return FileToWrite(text)


def check_files(arguments: argparse.Namespace) -> None:
    """Check that the files to write can be written, and are none that are read.

    Parameters
    ----------
    arguments : Namespace
        What the command line says. Every other word may be the name of an input.

    Raises
    ------
    OSError, ValueError
        If a file cannot be written, is an input too, or two outputs are one file.
    """
    outputs: dict[str, FileToWrite] = {}
    for name, value in vars(arguments).items():
        if isinstance(value, FileToWrite):
            flag = f"--{name.replace('_', '-')}"
            refuse_overwriting_input([value], _inputs(arguments), flag, "the input")
            for other, path in outputs.items():
                if Path(value).resolve() == Path(path).resolve():
                    raise ValueError(
                        f"`{flag}` and `{other}` are both {str(value)!r}, and one "
                        "would replace the other; give two names"
                    )
            if Path(value).parent.is_dir():
                check_output(value, flag)
            outputs[flag] = value


def _inputs(arguments: argparse.Namespace) -> Iterator[Path]:
    for name, value in vars(arguments).items():
        for word in value if isinstance(value, list) else [value]:
            is_word = isinstance(word, str) and not isinstance(word, FileToWrite)
            if is_word and name != "command" and _is_file(word):
                yield Path(word)


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except (OSError, ValueError):  # too long for a name, or no name at all
        return False


def read_universe(topology: str, trajectories: list[str]) -> "mda.Universe":
    """Open the input.

    Parameters
    ----------
    topology : str
        A file.
    trajectories : list of str
        Others.

    Returns
    -------
    MDAnalysis.Universe
        At its first frame.

    Raises
    ------
    ImportError
        If a package is missing that reads one of them.
    OSError, ValueError
        If one of them cannot be read.
    """
    import MDAnalysis as mda

    names = [topology, *trajectories]
    for name in names:
        if Path(name).exists() and not Path(name).is_file():
            raise ValueError(
                f"the input {name!r} is a folder, a device or a pipe; give a file"
            )
        if Path(name).is_file() and not Path(name).stat().st_size:
            raise ValueError(f"the input {name!r} is empty; give a file with content")
        is_mmcif = name.lower().endswith((".cif", ".mmcif"))
        if is_mmcif and find_spec("gemmi") is None:
            raise ImportError(
                f"the input {name!r} is an mmCIF file, which MDAnalysis reads with "
                "gemmi, and that is not installed; pip install gemmi"
            )
    try:
        return mda.Universe(*names)
    except (ValueError, OSError, ImportError):
        raise
    except Exception as error:  # whatever a parser trips over in a damaged file
        raise ValueError(
            f"the input {', '.join(map(repr, names))} cannot be read "
            f"({type(error).__name__}: {error}); mend it, or give another file"
        ) from error
