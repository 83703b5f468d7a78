"""File formats of structures: which there are, and what each of them can hold."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from MDAnalysis.coordinates.core import get_writer_for

from openmm_cgvae._runtime.output_files import check_output
from openmm_cgvae.molecules import AtomTable

__all__ = [
    "MMCIF_ENDINGS",
    "check_columns",
    "check_ending",
    "check_positions",
    "is_multiframe",
]

MMCIF_ENDINGS = (".cif", ".mmcif")


class _Columns(NamedTuple):
    """What the columns of a text format hold."""

    name: int  # letters
    residue_name: int
    insertion_code: int
    residue_ids: tuple[int, int]
    n_atoms: int


_COLUMNS = {
    ".pdb": _Columns(4, 4, 1, (-999, 9999), 99_999),
    # Numbers of atoms and residues begin anew there, which all readers know.
    ".gro": _Columns(5, 5, 1, (-(10**9), 10**9), 10**9),
}
# [Å] Those of XTC files are whole steps of 0.01 Å, which 32 bits number: the places of
# atoms, and the differences between any two.
_RANGES = {
    ".xtc": (-1e7, 1e7),
    ".pdb": (-999.999, 9999.999),
    ".gro": (-9999.99, 99999.99),
}
_SINGLE_PRECISION = (-3e38, 3e38)


def check_ending(
    path: Path, n_samples: int, argument: str = "path", n_atoms: int = 0
) -> None:
    """Check that structures can be written to a file, before they are made.

    Parameters
    ----------
    path : Path
        The file; its ending tells the format.
    n_samples : int
        How many structures there will be.
    argument : str
        What errors call the path.
    n_atoms : int
        How many atoms each has, if it is known.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ImportError
        If the format needs a package that is not installed.
    IsADirectoryError
        If the path is a folder.
    ValueError
        If the format is unknown, holds fewer atoms, or holds one structure and there
        are more.

    Examples
    --------
    >>> check_ending(Path("atoms.xtc"), 10)
    """
    check_output(path, argument)
    is_multiframe(path, n_samples, argument)
    columns = _COLUMNS.get(path.suffix.lower())
    if columns and n_atoms > columns.n_atoms:
        raise ValueError(
            f"`{argument}` is {str(path)!r} but {path.suffix} files number "
            f"{columns.n_atoms:,} atoms, and there are {n_atoms:,}; write .cif, or "
            ".gro and .xtc"
        )
    if path.suffix == ".h5md" and find_spec("h5py") is None:
        raise ImportError(
            f"`{argument}` is {str(path)!r} but h5py, which writes this format, is not "
            "installed; pip install h5py, or use .xtc, .trr or .dcd"
        )


def is_multiframe(path: Path, n_samples: int, argument: str) -> bool:
    """Find whether a format is written as one structure or as many frames.

    Parameters
    ----------
    path : Path
        The file; its ending tells the format.
    n_samples : int
        How many structures there will be.
    argument : str
        What errors call the path.

    Returns
    -------
    bool
        True for trajectories, and for many structures in a PDB file.

    Raises
    ------
    ValueError
        If the format is unknown, or holds one structure and there are more.
    """
    if path.suffix.lower() in MMCIF_ENDINGS:
        return n_samples != 1
    # A writer of single frames first, if one frame is enough: a PDB file then has no
    # MODEL records. Trajectory formats have no such writer.
    for multiframe in (False, True) if n_samples == 1 else (True,):
        try:
            get_writer_for(str(path), multiframe=multiframe)
        except (TypeError, ValueError) as error:
            reason = error
        else:
            return multiframe
    given = f"`{argument}` is {str(path)!r}"
    try:
        get_writer_for(str(path), multiframe=False)
    except (TypeError, ValueError):
        raise ValueError(
            f"{given} but MDAnalysis has no writer for this ending; use .pdb, .gro, "
            ".xtc, .dcd or another format it writes"
        ) from reason
    raise ValueError(
        f"{given}, a format of single structures, but there are {n_samples} samples; "
        "use .pdb, .xtc or .dcd, or write one state"
    ) from reason


def check_positions(
    ending: str, positions: np.ndarray, box: np.ndarray | None, argument: str
) -> None:
    """Check that a format has numbers for the places of all atoms.

    Parameters
    ----------
    ending : str
        Of the file, such as ``.xtc``.
    positions : ndarray, shape (..., 3)
        Where the atoms are [Å].
    box : ndarray, shape (..., 6), or None
        Unit cells [Å, degrees].
    argument : str
        What errors call the file.

    Raises
    ------
    ValueError
        If one is out of range, or no number.

    Examples
    --------
    >>> check_positions(".xtc", np.zeros((1, 3)), None, "path")
    """
    lowest, highest = _RANGES.get(ending, _SINGLE_PRECISION)
    for what, values in (("an atom", positions), ("the box", box)):
        if values is None or not np.size(values):
            continue
        for extreme in (np.min(values), np.max(values)):
            # Written so that it is true of what is no number.
            if not lowest <= extreme <= highest:
                raise ValueError(
                    f"`{argument}` is a {ending} file, which has numbers from "
                    f"{lowest:g} to {highest:g} Å, and {what} is at {extreme:g} Å; "
                    "look at the beads, or write .cif or .dcd"
                )


def check_columns(ending: str, table: AtomTable, argument: str) -> None:
    """Check that names and numbers fit into the columns of a text format.

    Parameters
    ----------
    ending : str
        Of the file, such as ``.pdb``.
    table : AtomTable
        What is to be written.
    argument : str
        What errors call the file.

    Raises
    ------
    ValueError
        If a name is too long, or a residue's number too large.
    """
    columns = _COLUMNS.get(ending)
    if columns is None:
        return
    for what, words, width in (
        ("atom name", table.names, columns.name),
        ("residue name", table.residue_names, columns.residue_name),
        ("insertion code", table.insertion_codes, columns.insertion_code),
    ):
        _check_width(ending, what, words, width, argument)
    lowest, highest = columns.residue_ids
    odd = [number for number in table.residue_ids if not lowest <= number <= highest]
    if odd:
        raise ValueError(
            f"`{argument}` is a {ending} file, where residues have numbers from "
            f"{lowest} to {highest}, and there is a residue {odd[0]}; write .cif"
        )


def _check_width(
    ending: str, what: str, words: Iterable[str], width: int, argument: str
) -> None:
    odd = max(set(words), key=len, default="")
    if len(odd) > width:
        raise ValueError(
            f"`{argument}` is a {ending} file, which has room for {width} letters of "
            f"each {what}, and one is {odd!r}; write .cif"
        )
