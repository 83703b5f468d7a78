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

_SHORTEST_BOND, _LONGEST_BOND = 0.5, 3.5  # [Å], S-S and heat included


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
        _check_entry(name, entry)
        yield _read(index.parent / name, {"name": name} | entry)


def _check_entry(name: str, entry: Any) -> None:
    """Check what the index says of a molecule."""
    fault = ""
    if Path(name).name != name:
        fault = "its name is a path"
    elif not isinstance(entry, dict):
        fault = "what it says is no record"
    elif any(type(entry.get(key)) is not int for key in ("n_atoms", "n_frames")):
        fault = "its n_atoms or n_frames is no whole number"
    elif entry.get("split") not in ("train", "validation"):
        fault = "its split is neither 'train' nor 'validation'"
    elif not isinstance(entry.get("sequence"), str):
        fault = "its sequence is no text"
    if fault:
        raise ValueError(
            f"`folder` has the molecule {name!r} in its {INDEX}, but {fault}; delete "
            "the entry and run the same command again"
        )


def _read(stem: Path, entry: dict[str, Any]) -> ReadMolecule:
    try:
        universe = mda.Universe(f"{stem}.pdb")
        with XTCFile(f"{stem}.xtc") as file:
            frames = np.array([frame.x for frame in file])
    except Exception as error:  # noqa: BLE001 - whatever a parser trips over
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
    try:
        table, index = canonical_protein(universe)
    except Exception as error:  # noqa: BLE001 - atoms that are those of no protein
        raise ValueError(
            f"`folder` has the molecule {stem.name}, whose atoms are not those of a "
            f"protein ({error}); delete the entry and run the same command again"
        ) from error
    positions = frames[:, index] * np.float32(ANGSTROM_PER_NM)
    _check_bonds(stem, table, positions)
    return ReadMolecule(table, positions, entry)


def _check_bonds(stem: Path, table: AtomTable, positions: np.ndarray) -> None:
    """Check that the frames are of the atoms, by the lengths of their bonds."""
    first, second = table.bonds.T
    lengths = np.linalg.norm(positions[:, first] - positions[:, second], axis=-1)
    # Not a number is in no order either.
    if not ((lengths > _SHORTEST_BOND) & (lengths < _LONGEST_BOND)).all():
        raise ValueError(
            f"`folder` has the molecule {stem.name} with bonds of {lengths.min():.3g} "
            f"to {lengths.max():.3g} Å: its frames are not of its atoms; delete the "
            "entry and run the same command again"
        )
