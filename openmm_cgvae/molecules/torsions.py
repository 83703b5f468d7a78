"""Torsions of peptides found from bonds: phi and psi, and those of side chains."""

import numpy as np

from openmm_cgvae.molecules.atom_table import AtomTable
from openmm_cgvae.molecules.elements import CARBON

__all__ = ["backbone_torsions", "side_chain_torsions"]

_PLANAR = 3  # neighbours of an atom whose substituents lie in a plane


def backbone_torsions(atom_table: AtomTable) -> np.ndarray:
    """Find phi and psi of every residue between two amides.

    Parameters
    ----------
    atom_table : AtomTable
        A peptide. Caps count as neighbours: of ACE-ALA-NME the alanine is found.

    Returns
    -------
    ndarray of int, shape (n_residues, 2, 4)
        Atoms of phi, C-N-CA-C, and of psi, N-CA-C-N, along the chain.

    Examples
    --------
    >>> table = AtomTable(
    ...     names=tuple("CAONBDPMQ"), atomic_numbers=[6, 6, 8, 7, 6, 6, 8, 7, 6],
    ...     masses=[1] * 9, residue_of_atom=[0] * 9, residue_names=("ALA",),
    ...     residue_ids=(1,), insertion_codes=("",), chain_ids=("A",), stereocentres=[],
    ...     bonds=[[0, 1], [1, 2], [1, 3], [3, 4], [4, 5], [5, 6], [5, 7], [7, 8]],
    ... )
    >>> backbone_torsions(table).tolist()
    [[[1, 3, 4, 5], [3, 4, 5, 7]]]
    """
    after = {alpha: (c, n) for alpha, c, n, _ in atom_table.amides.tolist()}
    rows = [
        ((carbon, nitrogen, alpha, after[alpha][0]), (nitrogen, alpha, *after[alpha]))
        for _, carbon, nitrogen, alpha in atom_table.amides.tolist()
        if alpha in after
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 2, 4)


def side_chain_torsions(atom_table: AtomTable) -> tuple[np.ndarray, np.ndarray]:
    """Find the chi angles of every residue between two amides.

    A side chain is followed from the alpha carbon over heavy atoms, at a branch to
    the atom of the lower number as IUPAC has it (OG1 before CG2), up to its end or
    to a ring. Where a planar end looks the same from both sides (a phenyl ring, a
    carboxylate), chi and chi + 180 are one conformation.

    Parameters
    ----------
    atom_table : AtomTable
        A peptide.

    Returns
    -------
    torsions : ndarray of int, shape (n_torsions, 4)
        Atoms of each chi, residue after residue, chi1 first.
    is_symmetric : ndarray of bool, shape (n_torsions,)
        Whether half a turn changes nothing but labels.

    Examples
    --------
    >>> no_side_chain = AtomTable(
    ...     names=("C", "O"), atomic_numbers=[6, 8], masses=[12, 16],
    ...     residue_of_atom=[0, 0], residue_names=("CO",), residue_ids=(1,),
    ...     insertion_codes=("",), chain_ids=("A",), bonds=[[0, 1]], stereocentres=[],
    ... )
    >>> [len(found) for found in side_chain_torsions(no_side_chain)]
    [0, 0]
    """
    rows: list[tuple[int, int, int, int]] = []
    symmetric: list[bool] = []
    for (_, nitrogen, alpha, carbon), _ in backbone_torsions(atom_table).tolist():
        path = [nitrogen, alpha]
        onward = _onward(atom_table, alpha, {nitrogen, carbon})
        while onward:
            path.append(onward[0])
            if _in_one_ring(atom_table, path[-2], path[-1]):
                break
            onward = _onward(atom_table, path[-1], {path[-2]})
            if onward:
                rows.append((path[-3], path[-2], path[-1], onward[0]))
                symmetric.append(_is_symmetric(atom_table, path[-1], onward))
    torsions = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return torsions, np.array(symmetric, dtype=bool)


def _onward(atom_table: AtomTable, atom: int, behind: set[int]) -> list[int]:
    """Heavy neighbours in the same residue that are not behind, lowest number first."""
    residue = atom_table.residue_of_atom
    found = [
        other
        for other in atom_table.neighbours[atom]
        if other not in behind
        and atom_table.is_heavy[other]
        and residue[other] == residue[atom]
    ]
    return sorted(found, key=lambda other: _branch(atom_table.names[other]))


def _branch(name: str) -> tuple[str, str]:
    """Sort key: the number at the end of a name, then the name."""
    return name[len(name.rstrip("0123456789")) :], name


def _in_one_ring(atom_table: AtomTable, first: int, second: int) -> bool:
    return any(first in ring and second in ring for ring in atom_table.rings)


def _is_symmetric(atom_table: AtomTable, atom: int, onward: list[int]) -> bool:
    """Return whether a planar atom bears two substituents that look alike."""
    if len(onward) != 2 or len(atom_table.neighbours[atom]) != _PLANAR:
        return False
    elements = atom_table.atomic_numbers
    first, second = (
        (elements[end], sorted(elements[list(atom_table.neighbours[end])]))
        for end in onward
    )
    return bool(elements[atom] == CARBON and first == second)
