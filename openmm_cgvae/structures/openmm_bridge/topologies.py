"""OpenMM topologies, positions and box vectors, in nanometre."""

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import openmm
from MDAnalysis.lib.mdamath import triclinic_vectors
from openmm import app, unit
from openmm.app.internal.unitcell import reducePeriodicBoxVectors

from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.stretches import stretch_of_residue
from openmm_cgvae.structures.openmm_bridge.units import NM_PER_ANGSTROM

__all__ = [
    "openmm_box_vectors",
    "openmm_positions",
    "openmm_topology",
    "shared_topology",
]


def openmm_topology(
    atom_table: AtomTable,
    box: np.ndarray | None = None,
    *,
    chain_keys: Sequence[Hashable] | None = None,
) -> app.Topology:
    """Build the OpenMM topology of a molecule.

    Numbers and insertion codes of residues, chains and bonds are kept, which a
    detour through a PDB file would not do for every molecule.

    Parameters
    ----------
    atom_table : AtomTable
        The molecule. Atoms of atomic number 0 (beads) get no element.
    box : ndarray, shape (6,), optional
        Unit cell as MDAnalysis has it [Å, degrees].
    chain_keys : sequence, optional
        One per residue; a new chain starts where the key changes. By default each
        stretch of a chain is one, since OpenMM joins the residues of a chain that is
        read from a file; stretches of one chain have its identifier.

    Returns
    -------
    openmm.app.Topology
        Atoms in the order of the table.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> from openmm_cgvae.data import data_path
    >>> pdb = app.PDBFile(str(data_path("alanine-dipeptide.pdb")))
    >>> openmm_topology(AtomTable.from_universe(mda.Universe(pdb)))
    <Topology; 1 chains, 3 residues, 22 atoms, 21 bonds>
    """
    topology = app.Topology()
    if chain_keys is None:
        chain_keys = stretch_of_residue(atom_table).tolist()
    residues: list[Any] = []
    chain = None
    for index, key in enumerate(chain_keys):
        if chain is None or key != chain_keys[index - 1]:
            chain = topology.addChain(atom_table.chain_ids[index])
        residues.append(
            topology.addResidue(
                atom_table.residue_names[index],
                chain,
                str(atom_table.residue_ids[index]),
                atom_table.insertion_codes[index],
            )
        )
    elements = [
        app.Element.getByAtomicNumber(number) if number else None
        for number in atom_table.atomic_numbers.tolist()
    ]
    atoms = [
        topology.addAtom(name, element, residues[residue])
        for name, element, residue in zip(
            atom_table.names,
            elements,
            atom_table.residue_of_atom.tolist(),
            strict=True,
        )
    ]
    for i, j in atom_table.bonds.tolist():
        topology.addBond(atoms[i], atoms[j])
    topology.setPeriodicBoxVectors(openmm_box_vectors(box))
    return topology


# A topology takes as long to build as a small molecule to relax.
@lru_cache(maxsize=16)
def shared_topology(
    atom_table: AtomTable, box: tuple[float, ...] | None = None
) -> app.Topology:
    """Return the one topology of `openmm_topology` for all who ask, not to be changed.

    Parameters
    ----------
    atom_table : AtomTable
        The molecule.
    box : tuple of 6 floats, optional
        Unit cell [Å, degrees].

    Returns
    -------
    openmm.app.Topology
        The same object for the same table and box.
    """
    return openmm_topology(atom_table, None if box is None else np.array(box))


def openmm_positions(positions: np.ndarray) -> unit.Quantity:
    """Convert positions [Å], shape (n_atoms, 3), to a Quantity in nm.

    Examples
    --------
    >>> openmm_positions(np.array([[10.0, 0.0, 0.0]]))
    [[1. 0. 0.]] nm
    """
    # Always float64 and numpy: OpenMM crashes on tensors and mixes badly with float32.
    in_nm = np.asarray(positions, dtype=np.float64) * NM_PER_ANGSTROM
    return unit.Quantity(in_nm, unit.nanometer)


def openmm_box_vectors(box: np.ndarray | None) -> unit.Quantity | None:
    """Convert a unit cell to OpenMM's reduced box vectors.

    Parameters
    ----------
    box : ndarray, shape (6,), or None
        Lengths and angles [Å, degrees]; None or zeros mean no box.

    Returns
    -------
    Quantity of three Vec3, or None
        The vectors in the reduced form that OpenMM asks for [nm].

    Examples
    --------
    >>> vectors = openmm_box_vectors(np.array([20.0, 30.0, 40.0, 90.0, 90.0, 90.0]))
    >>> vectors[1]
    Vec3(x=0.0, y=3.0, z=0.0) nm
    """
    if box is None or not np.any(box):
        return None
    # Python floats: a float32 inside a Vec3 is refused later, deep inside OpenMM.
    rows = (triclinic_vectors(box).astype(np.float64) * NM_PER_ANGSTROM).tolist()
    vectors = [openmm.Vec3(*row) for row in rows]
    return reducePeriodicBoxVectors(unit.Quantity(vectors, unit.nanometer))
