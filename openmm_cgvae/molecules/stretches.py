"""Stretches: residues of one chain that are bonded each to the next, up to its gaps."""

import numpy as np

from openmm_cgvae.molecules.atom_table import AtomTable

__all__ = ["stretch_of_residue"]


def stretch_of_residue(table: AtomTable) -> np.ndarray:
    """Find the stretches of residues between ends and gaps of chains.

    Programs that read a structure by the names of its atoms, OpenMM among them, join
    each residue of a chain to the next. So a file has to say where no bond is.

    Parameters
    ----------
    table : AtomTable
        Atoms and bonds.

    Returns
    -------
    ndarray of int, shape (n_residues,)
        Counted from 0. Another stretch begins where the chain changes, and where a
        residue of a polymer has no bond to the next; neighbouring molecules of one
        residue, such as water, are in one stretch.

    Examples
    --------
    Three glycines without atoms but the bonded ones, and no bond before the third.

    >>> table = AtomTable(
    ...     names=("N", "C") * 3, atomic_numbers=[7, 6] * 3, masses=[14, 12] * 3,
    ...     residue_of_atom=[0, 0, 1, 1, 2, 2], residue_names=("GLY",) * 3,
    ...     residue_ids=(1, 2, 5), insertion_codes=("",) * 3, chain_ids=("A",) * 3,
    ...     bonds=[[0, 1], [1, 2], [2, 3], [4, 5]], stereocentres=[],
    ... )
    >>> stretch_of_residue(table).tolist()
    [0, 0, 1]
    """
    n_residues = table.n_residues
    ends = np.sort(table.residue_of_atom[table.bonds], axis=1)
    ends = ends[ends[:, 0] != ends[:, 1]]
    # An amino acid alone, unless nothing is known of its bonds.
    is_polymer = _named(table, "N") & _named(table, "C")
    is_polymer &= np.isin(np.arange(n_residues), table.residue_of_atom[table.bonds])
    is_polymer[ends] = True
    is_joined = np.zeros(n_residues, dtype=bool)  # to the residue before
    is_joined[ends[ends[:, 1] - ends[:, 0] == 1, 1]] = True
    chains = np.array(table.chain_ids, dtype=object)
    is_new = np.zeros(n_residues, dtype=bool)
    is_new[1:] = is_polymer[1:] | is_polymer[:-1]
    is_new &= ~is_joined
    is_new[1:] |= chains[1:] != chains[:-1]
    return np.cumsum(is_new)


def _named(table: AtomTable, name: str) -> np.ndarray:
    """Return which residues have an atom of a name."""
    found = np.zeros(table.n_residues, dtype=bool)
    atoms = [atom for atom, each in enumerate(table.names) if each == name]
    found[table.residue_of_atom[atoms]] = True
    return found
