"""Many molecules: k copies of an atom table or a mapping, and where they collide."""

import string
from typing import TypeVar

import numpy as np
from MDAnalysis.lib.distances import self_capped_distance

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.topology import AtomTable

# One letter, since formats have one column; neighbours only have to differ.
CHAIN_LETTERS = string.ascii_uppercase + string.digits + string.ascii_lowercase

Record = TypeVar("Record", AtomTable, Mapping)


def repeat(record: Record, k: int) -> Record:
    """Lay copies of a molecule, or of its mapping, side by side.

    Parameters
    ----------
    record : AtomTable or Mapping
        Of one molecule.
    k : int
        How many copies.

    Returns
    -------
    AtomTable or Mapping
        Of all of them, molecule after molecule. Every molecule is a chain of its
        own, with the residue numbers of the first.

    Raises
    ------
    TypeError
        If the record is anything else.
    ValueError
        If ``k`` is less than one.

    Examples
    --------
    >>> repeat(Mapping([0, 0, 1]), 2).bead_of_atom.tolist()
    [0, 0, 1, 2, 2, 3]
    """
    if isinstance(k, bool) or k < 1:
        raise ValueError(f"`k` is {k} but must be at least 1; ask for one copy or more")
    if k == 1:
        return record
    if isinstance(record, Mapping):
        return Mapping(
            _counted_on(record.bead_of_atom, record.n_beads, k),
            np.tile(record.weights, k),
            bead_names=record.bead_names * k,
        )
    if isinstance(record, AtomTable):
        return _repeated_table(record, k)
    raise TypeError(
        f"`record` is of type {type(record).__name__} but must be an AtomTable or a "
        "Mapping"
    )


def intermolecular_contacts(
    positions: np.ndarray,
    n_atoms_each: int,
    box: np.ndarray | None = None,
    cutoff: float = 1.5,
) -> np.ndarray:
    """Find atoms of different molecules that are too close.

    Molecules are backmapped one by one, so their atoms may collide; `relax` with a
    force field pushes them apart.

    Parameters
    ----------
    positions : ndarray, shape (n_atoms, 3)
        Atoms of one structure, molecule after molecule [A].
    n_atoms_each : int
        Atoms of one molecule.
    box : ndarray, shape (6,), optional
        Unit cell [A, degrees]; images in it are close to each other as well.
    cutoff : float
        Atoms closer than this collide [A].

    Returns
    -------
    ndarray of int, shape (n_contacts, 2)
        Pairs of atoms, rising.

    Raises
    ------
    ValueError
        If the atoms are not whole molecules or the cutoff is not positive.

    Examples
    --------
    >>> two = np.array([[0.0, 0, 0], [2, 0, 0], [9, 0, 0], [5, 0, 0]])
    >>> box = np.array([9.5, 50, 50, 90, 90, 90])
    >>> intermolecular_contacts(two, 2, box).tolist()
    [[0, 2]]
    """
    if n_atoms_each < 1 or len(positions) % n_atoms_each:
        raise ValueError(
            f"`n_atoms_each` is {n_atoms_each} but there are {len(positions)} atoms; "
            "give the number of atoms of one molecule"
        )
    if not cutoff > 0:
        raise ValueError(
            f"`cutoff` is {cutoff} but must be positive; give a distance in Angstrom"
        )
    if box is not None:
        box = np.asarray(box, dtype=np.float32)
    pairs = self_capped_distance(
        np.asarray(positions, dtype=np.float32), cutoff, box=box, return_distances=False
    )
    pairs = np.sort(np.asarray(pairs, dtype=np.int64).reshape(-1, 2), axis=1)
    molecules = pairs // n_atoms_each
    return np.unique(pairs[molecules[:, 0] != molecules[:, 1]], axis=0)


def _repeated_table(table: AtomTable, k: int) -> AtomTable:
    chains = [
        CHAIN_LETTERS[molecule % len(CHAIN_LETTERS)]
        for molecule in range(k)
        for _ in range(table.n_residues)
    ]
    return AtomTable(
        names=table.names * k,
        atomic_numbers=np.tile(table.atomic_numbers, k),
        masses=np.tile(table.masses, k),
        residue_of_atom=_counted_on(table.residue_of_atom, table.n_residues, k),
        residue_names=table.residue_names * k,
        residue_ids=table.residue_ids * k,
        insertion_codes=table.insertion_codes * k,
        chain_ids=tuple(chains),
        bonds=_counted_on(table.bonds, table.n_atoms, k),
        stereocentres=_counted_on(table.stereocentres, table.n_atoms, k),
    )


def _counted_on(index: np.ndarray, n: int, k: int) -> np.ndarray:
    """Repeat an index array, counting on by n from copy to copy."""
    shift = (np.arange(k) * n).reshape(-1, *[1] * index.ndim)
    return (index[None] + shift).reshape(-1, *index.shape[1:])
