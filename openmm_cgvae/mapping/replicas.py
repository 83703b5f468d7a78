"""Many molecules: k copies of an atom table or a mapping, and where they collide."""

import string
from typing import Any, TypeVar

import MDAnalysis as mda
import numpy as np
from MDAnalysis.exceptions import NoDataError
from MDAnalysis.lib.distances import self_capped_distance

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import ATOMIC_NUMBERS, AtomTable
from openmm_cgvae.molecules.periodic_box import search_box

PER_RESIDUE = ("residue_names", "residue_ids", "insertion_codes", "chain_ids")
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


def beside(record: Record, other: Record) -> Record:
    """Lay two records side by side.

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
        for name in PER_RESIDUE
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


def particle_table(group: "mda.AtomGroup") -> AtomTable:
    """Describe particles of any kind as far as a universe knows them.

    Parameters
    ----------
    group : MDAnalysis.AtomGroup
        Beads, atoms or both.

    Returns
    -------
    AtomTable
        Beads, which have no element, have the atomic number 0. A residue begins
        wherever that of the particles changes, and there are no stereocentres.

    Examples
    --------
    >>> water = mda.Universe.empty(2, 2, atom_resindex=[0, 1])
    >>> water.add_TopologyAttr("resnames", ["W", "ION"])
    >>> particle_table(water.atoms).describe()
    '2 atoms (W ION)'
    """
    is_new = np.diff(group.resindices, prepend=-1) != 0
    residues = group[is_new]
    index = np.full(len(group.universe.atoms), -1)
    index[group.indices] = np.arange(len(group))
    bonds = np.empty((0, 2), dtype=np.int64)
    if len(group) and hasattr(group.universe, "bonds"):
        ends = np.asarray(group.universe.bonds.indices, dtype=int).reshape(-1, 2)
        bonds = np.sort(index[ends], axis=1)
        bonds = np.unique(bonds[bonds[:, 0] >= 0], axis=0)
    return AtomTable(
        names=tuple(map(str, _of(group, "names", ""))),
        atomic_numbers=np.array(
            [_number_of(each) for each in _of(group, "elements", "")], dtype=int
        ),
        masses=np.array(_of(group, "masses", 0.0), dtype=float),
        residue_of_atom=np.cumsum(is_new) - 1,
        residue_names=tuple(map(str, _of(residues, "resnames", "UNK"))),
        residue_ids=tuple(map(int, _of(residues, "resids", 1))),
        insertion_codes=tuple(map(str.strip, _of(residues, "icodes", ""))),
        chain_ids=tuple(map(str, _of(residues, "chainIDs", ""))),
        bonds=bonds,
        stereocentres=np.empty((0, 4), dtype=np.int64),
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
    box = search_box(box, positions, cutoff)
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


def _tables_beside(first: AtomTable, second: AtomTable) -> AtomTable:
    values: dict[str, Any] = {
        name: getattr(first, name) + getattr(second, name)
        for name in ("names", *PER_RESIDUE)
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


def _of(group: "mda.AtomGroup", name: str, default: Any) -> list[Any]:
    try:
        return list(getattr(group, name))
    except NoDataError:
        return [default] * len(group)


def _number_of(element: str) -> int:
    """Give the atomic number; what has no element of the periodic table has 0."""
    symbol = element.strip().capitalize()
    return ATOMIC_NUMBERS.get(symbol, 0)


def _counted_on(index: np.ndarray, n: int, k: int) -> np.ndarray:
    """Repeat an index array, counting on by n from copy to copy."""
    shift = (np.arange(k) * n).reshape(-1, *[1] * index.ndim)
    return (index[None] + shift).reshape(-1, *index.shape[1:])
