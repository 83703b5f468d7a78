"""Universes of MDAnalysis and structures of ParmEd, made of samples."""

from typing import Any

import MDAnalysis as mda
import numpy as np
import parmed
from openmm import app

from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.openmm_bridge import (
    ForceFieldLike,
    make_system,
    openmm_topology,
)

__all__ = ["make_parmed", "make_universe"]


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
