"""Reading sets of molecules, one molecule after another."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import MDAnalysis as mda
import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import XTCFile

from openmm_cgvae.chemistry.proteins import canonical_protein
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.simulation.molecule_sets.molecule_set import INDEX
from openmm_cgvae.structures.openmm_bridge.units import ANGSTROM_PER_NM

__all__ = ["ReadMolecule", "read_molecules"]


class ReadMolecule(NamedTuple):
    """A molecule of a set.

    Parameters
    ----------
    atom_table : AtomTable
        Its atoms, in the order in which `proteins` makes them from beads.
    positions : ndarray of float32, shape (n_frames, n_atoms, 3)
        Its frames [Å].
    entry : dict
        What the index says of it, such as its ``"sequence"`` and its ``"split"``.
    """

    atom_table: AtomTable
    positions: np.ndarray
    entry: dict[str, Any]


def read_molecules(folder: str | os.PathLike[str]) -> Iterator[ReadMolecule]:
    """Read the molecules of a set in the order they were made in.

    Parameters
    ----------
    folder : path-like
        A folder that `simulate_peptides` or `simulate_proteins` wrote.

    Yields
    ------
    ReadMolecule
        Atoms, frames and what is known of the molecule; its ``"name"`` is among it.

    Raises
    ------
    FileNotFoundError
        If the folder has no index.
    ValueError
        If the index is no such index, or a molecule is not as it says.
    """
    index = Path(folder) / INDEX
    if not index.is_file():
        raise FileNotFoundError(
            f"`folder` is {str(folder)!r}, which has no {INDEX}; give a folder that "
            "`openmm-cgvae simulate peptides` or `simulate proteins` wrote"
        )
    try:
        molecules = dict(json.loads(index.read_text())["molecules"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"`folder` has an {INDEX} that lists no molecules ({error}); make the set "
            "again"
        ) from error
    for name, entry in molecules.items():
        yield _read(index.parent / name, {"name": name} | entry)


def _read(stem: Path, entry: dict[str, Any]) -> ReadMolecule:
    try:
        universe = mda.Universe(f"{stem}.pdb")
        with XTCFile(f"{stem}.xtc") as file:
            frames = np.array([frame.x for frame in file])
    except (OSError, ValueError) as error:
        raise ValueError(
            f"`folder` has the molecule {stem.name} in its {INDEX}, but its files "
            f"cannot be read ({error}); delete the entry and run the same command again"
        ) from error
    n_atoms = len(universe.atoms)
    wanted = (entry["n_frames"], entry["n_atoms"], 3)
    if frames.shape != wanted or n_atoms != wanted[1]:
        raise ValueError(
            f"`folder` has the molecule {stem.name} with {n_atoms} atoms and frames of "
            f"shape {frames.shape}, but its {INDEX} says {wanted}; delete the entry "
            "and run the same command again"
        )
    table, index = canonical_protein(universe)
    positions = frames[:, index] * np.float32(ANGSTROM_PER_NM)
    return ReadMolecule(table, positions, entry)
