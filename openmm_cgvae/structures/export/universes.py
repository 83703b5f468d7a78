"""Export of structures: to an MDAnalysis universe, to files, to ParmEd."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import MDAnalysis as mda
import numpy as np
import parmed
from MDAnalysis.coordinates.core import get_writer_for
from openmm import app

from openmm_cgvae._runtime.atomic_files import written_whole
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.openmm_bridge import (
    ForceFieldLike,
    make_system,
    openmm_topology,
)

__all__ = [
    "check_ending",
    "make_parmed",
    "make_universe",
    "structure_writer",
    "write_structures",
]

H5MD_UNITS = {"timeunit": "ps", "lengthunit": "Angstrom"}
PLACEHOLDER_BOX_RECORDS = ("CRYST1    1.000    1.000    1.000", "REMARK     285 ")


def make_universe(
    atom_table: AtomTable, positions: np.ndarray, boxes: np.ndarray | None = None
) -> mda.Universe:
    """Build an in-memory universe, one frame a sample.

    Parameters
    ----------
    atom_table : AtomTable
        What the atoms are.
    positions : ndarray, shape (n_samples, n_atoms, 3)
        Where they are [Å].
    boxes : ndarray, shape (n_samples, 6), optional
        Unit cells [Å, degrees].

    Returns
    -------
    MDAnalysis.Universe
        With names, types, elements, masses, residues, chains, segments and bonds.
    """
    chains, segment_of_residue = _segments(atom_table.chain_ids)
    universe = mda.Universe.empty(
        atom_table.n_atoms,
        n_residues=atom_table.n_residues,
        n_segments=len(chains),
        atom_resindex=atom_table.residue_of_atom,
        residue_segindex=segment_of_residue,
        trajectory=True,
    )
    elements = [
        app.Element.getByAtomicNumber(number).symbol if number else ""
        for number in atom_table.atomic_numbers.tolist()
    ]
    chain_of_atom = np.array(atom_table.chain_ids, dtype=object)[
        atom_table.residue_of_atom
    ]
    attributes: dict[str, Any] = {
        "names": list(atom_table.names),
        "types": elements,
        "elements": elements,
        "masses": atom_table.masses,
        "chainIDs": chain_of_atom,
        "resnames": list(atom_table.residue_names),
        "resids": list(atom_table.residue_ids),
        "icodes": list(atom_table.insertion_codes),
        "segids": chains,
        "bonds": list(map(tuple, atom_table.bonds.tolist())),
    }
    for name, values in attributes.items():
        universe.add_TopologyAttr(name, values)
    universe.load_new(
        np.asarray(positions, dtype=np.float32), order="fac", dimensions=boxes
    )
    return universe


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
    ValueError
        If the format is unknown, or holds one structure and there are more or none.
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
) -> Iterator[Any]:
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
    MDAnalysis writer
        Its ``write`` takes a group of atoms, such as those of `make_universe`.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the format is unknown, or holds one structure and there are more.
    """
    path = Path(path)
    check_ending(path, n_samples, argument)
    with written_whole(path) as unfinished:
        with warnings.catch_warnings():
            # The writers tell of columns that generated structures do not fill.
            warnings.simplefilter("ignore", UserWarning)
            multiframe = _is_multiframe(path, n_samples, argument)
            # The one format without units of its own.
            units = H5MD_UNITS if path.suffix == ".h5md" else {}
            with mda.Writer(
                str(unfinished), n_atoms, multiframe=multiframe, **units
            ) as writer:
                yield writer
        if path.suffix.lower() == ".pdb":
            _drop_placeholder_box(unfinished)


def make_parmed(
    atom_table: AtomTable,
    positions: np.ndarray,
    box: np.ndarray | None = None,
    forcefield: ForceFieldLike = None,
) -> parmed.Structure:
    """Build a ParmEd structure with all samples as its coordinates.

    Parameters
    ----------
    atom_table : AtomTable
        What the atoms are.
    positions : ndarray, shape (n_samples, n_atoms, 3)
        Where they are [Å].
    box : ndarray, shape (6,), optional
        Unit cell [Å, degrees].
    forcefield : ForceField, System, str or sequence of str, optional
        If given, the structure has its parameters.

    Returns
    -------
    parmed.Structure
        ``structure.coordinates`` is the first sample and
        ``structure.get_coordinates("all")`` has them all [Å].
    """
    topology = openmm_topology(atom_table, box)
    system = None
    if forcefield is not None:
        system = make_system(atom_table, forcefield, box=box)
    structure = parmed.openmm.load_topology(topology, system, xyz=positions)
    if box is not None:
        structure.box = box
    return structure


def _segments(chain_ids: tuple[str, ...]) -> tuple[list[str], np.ndarray]:
    """Return segments, a new one wherever the chain changes."""
    is_new = np.array(
        [i == 0 or chain != chain_ids[i - 1] for i, chain in enumerate(chain_ids)]
    )
    chains = [chain for chain, new in zip(chain_ids, is_new, strict=True) if new]
    return chains, np.cumsum(is_new) - 1


def check_ending(path: Path, n_samples: int, argument: str = "path") -> None:
    """Check that structures can be written to a file, before they are made.

    Parameters
    ----------
    path : Path
        The file; its ending tells the format.
    n_samples : int
        How many structures there will be.
    argument : str
        What errors call the path.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ImportError
        If the format needs a package that is not installed.
    ValueError
        If the format is unknown, or holds one structure and there are more.

    Examples
    --------
    >>> check_ending(Path("atoms.xtc"), 10)
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"`{argument}` is {str(path)!r} but there is no folder "
            f"{str(path.parent)!r}; make it first"
        )
    _is_multiframe(path, n_samples, argument)
    if path.suffix == ".h5md" and find_spec("h5py") is None:
        raise ImportError(
            f"`{argument}` is {str(path)!r} but h5py, which writes this format, is not "
            "installed; pip install h5py, or use .xtc, .trr or .dcd"
        )


def _is_multiframe(path: Path, n_samples: int, argument: str) -> bool:
    """Find whether a format is written as one structure or as many frames."""
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


def _drop_placeholder_box(path: Path) -> None:
    """Remove the box of 1 Å that MDAnalysis writes for none.

    OpenMM would take it for a box.
    """
    without = path.with_name(f"{path.name}.without")
    try:
        with (
            path.open(encoding="utf-8") as lines,
            without.open("w", encoding="utf-8") as kept,
        ):
            kept.writelines(
                line for line in lines if not line.startswith(PLACEHOLDER_BOX_RECORDS)
            )
        without.replace(path)
    finally:
        without.unlink(missing_ok=True)
