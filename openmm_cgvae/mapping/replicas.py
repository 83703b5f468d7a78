"""Replicas: several copies of an atom table or a mapping, and parts of a table."""

from itertools import islice
from typing import Any, TypeVar

import numpy as np

from openmm_cgvae.mapping.mapping import Mapping
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.chain_ids import free_chain_ids

__all__ = ["Record", "beside", "part_of", "repeat"]

_PER_RESIDUE = ("residue_names", "residue_ids", "insertion_codes", "chain_ids")

Record = TypeVar("Record", AtomTable, Mapping)


def repeat(record: Record, k: int) -> Record:
    """Build the record of several copies of a molecule, or of its mapping.

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


def beside(record: Record, other: Record) -> Record:
    """Build the record of two molecules or two mappings beside each other.

    Parameters
    ----------
    record, other : AtomTable or Mapping
        Two of the same type.

    Returns
    -------
    AtomTable or Mapping
        Of both, the second after the first.

    Raises
    ------
    TypeError
        If they are not two tables or two mappings.

    Examples
    --------
    >>> beside(Mapping([0, 0]), Mapping([0, 1])).bead_of_atom.tolist()
    [0, 0, 1, 2]
    """
    if isinstance(record, Mapping) and isinstance(other, Mapping):
        return Mapping(
            np.concatenate([record.bead_of_atom, other.bead_of_atom + record.n_beads]),
            np.concatenate([record.weights, other.weights]),
            bead_names=record.bead_names + other.bead_names,
        )
    if isinstance(record, AtomTable) and isinstance(other, AtomTable):
        return _tables_beside(record, other)
    raise TypeError(
        f"`record` and `other` are of types {type(record).__name__} and "
        f"{type(other).__name__} but must be two AtomTables or two Mappings"
    )


def part_of(table: AtomTable, is_kept: np.ndarray) -> AtomTable:
    """Leave out atoms of a table, and what they take part in.

    Parameters
    ----------
    table : AtomTable
        The table.
    is_kept : ndarray of bool, shape (n_atoms,)
        Which atoms stay.

    Returns
    -------
    AtomTable
        The rest, in the same order.
    """
    kept = np.flatnonzero(is_kept)
    rank = np.full(table.n_atoms, -1)
    rank[kept] = np.arange(len(kept))
    residues, residue_of_atom = np.unique(
        table.residue_of_atom[kept], return_inverse=True
    )
    values: dict[str, Any] = {
        name: tuple(getattr(table, name)[residue] for residue in residues)
        for name in _PER_RESIDUE
    }
    for name in ("bonds", "stereocentres"):
        rows = rank[getattr(table, name)]
        values[name] = rows[(rows >= 0).all(axis=1)]
    return AtomTable(
        names=tuple(table.names[atom] for atom in kept),
        atomic_numbers=table.atomic_numbers[kept],
        masses=table.masses[kept],
        residue_of_atom=residue_of_atom,
        **values,
    )


def _repeated_table(table: AtomTable, k: int) -> AtomTable:
    chains = [
        chain for chain in islice(free_chain_ids(), k) for _ in range(table.n_residues)
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


def _tables_beside(first: AtomTable, second: AtomTable) -> AtomTable:
    values: dict[str, Any] = {
        name: getattr(first, name) + getattr(second, name)
        for name in ("names", *_PER_RESIDUE)
    }
    for name, shift in (
        ("atomic_numbers", 0),
        ("masses", 0.0),
        ("residue_of_atom", first.n_residues),
        ("bonds", first.n_atoms),
        ("stereocentres", first.n_atoms),
    ):
        both = [getattr(first, name), getattr(second, name) + shift]
        values[name] = np.concatenate(both)
    return AtomTable(**values)


def _counted_on(index: np.ndarray, n: int, k: int) -> np.ndarray:
    """Repeat an index array, counting on by n from copy to copy."""
    shift = (np.arange(k) * n).reshape(-1, *[1] * index.ndim)
    return (index[None] + shift).reshape(-1, *index.shape[1:])
