"""Matching atoms: which of a universe are the molecules of a table, in its order.

Force fields and programs name and sort atoms as they like; what is bonded to what is
the same for all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import MDAnalysis as mda
import numpy as np
from MDAnalysis.exceptions import NoDataError
from rdkit import Chem
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from openmm_cgvae.molecules.atom_table import AtomTable
from openmm_cgvae.molecules.attributes import attribute_or
from openmm_cgvae.molecules.bond_graph import skeleton
from openmm_cgvae.molecules.elements import ATOMIC_NUMBERS
from openmm_cgvae.molecules.periodic_box import nearest_images

__all__ = ["MatchedAtoms", "match_atoms"]

_LARGEST_N_WAYS = 1000
_LARGEST_N_TYPES = 64


@dataclass(frozen=True, eq=False, repr=False)
class MatchedAtoms:
    """Molecules found among atoms.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
        Their atoms, molecule after molecule, each in the order of the table.
    others : MDAnalysis.AtomGroup
        The rest, in the order of the universe.
    by : tuple of str, one for each molecule
        ``"order"`` where names and bonds came as in the table, ``"names"`` where
        names told which atom is which, ``"graph"`` where elements and bonds did.
    """

    atoms: "mda.AtomGroup"
    others: "mda.AtomGroup"
    by: tuple[str, ...]

    @property
    def n_molecules(self) -> int:
        """Number of molecules."""
        return len(self.by)

    def __repr__(self) -> str:
        """Describe in one line what was matched how."""
        ways = [f"{self.by.count(way)} by {way}" for way in sorted(set(self.by))]
        others = f"{len(self.others)} other atoms"
        return f"<{self.n_molecules} molecules ({', '.join(ways)}), {others}>"


def match_atoms(
    universe: "mda.Universe | mda.AtomGroup", atom_table: AtomTable
) -> MatchedAtoms:
    """Find the molecules of a table among atoms, and sort theirs in its order.

    A molecule is what is bonded together. Its atoms are told by residue and atom
    names where these are the table's, otherwise by elements and bonds; of ways that
    are the same to bonds, such as to label the hydrogens of a methyl, the one nearest
    to the order in the universe is taken. Which hydrogen of a CH2 is which is known by
    names only. Mirror images are other molecules.

    Parameters
    ----------
    universe : MDAnalysis.Universe or AtomGroup
        Atoms with elements, bonds and positions.
    atom_table : AtomTable
        The molecule, such as ``model.atom_table``.

    Returns
    -------
    MatchedAtoms
        The molecules; ``coarse_grain`` takes ``atoms`` with
        ``repeat(model.mapping, n_molecules)``.

    Raises
    ------
    ValueError
        If elements or bonds are missing, or there is no such molecule.

    Examples
    --------
    >>> from openmm import app
    >>> from openmm_cgvae.data import data_path
    >>> pdb = mda.Universe(app.PDBFile(str(data_path("alanine-dipeptide.pdb"))))
    >>> matched = match_atoms(pdb.atoms[::-1], AtomTable.from_universe(pdb))
    >>> matched
    <1 molecules (1 by names), 0 other atoms>
    >>> matched.atoms == pdb.atoms
    True
    """
    group = universe.atoms
    template = _Template(atom_table)
    # Whole columns: to ask a group of atoms for every molecule is slow.
    numbers, names, where = _atomic_numbers(group), _names(group), _positions(group)
    box = group.dimensions
    found: list[np.ndarray] = []
    by = []
    n_mirrored = 0
    for atoms, bonds in _molecules(group, atom_table.n_atoms):
        ways, how = template.match(
            tuple(numbers[atoms].tolist()),
            tuple(names[atom] for atom in atoms),
            tuple(map(tuple, bonds)),
        )
        correct = [
            atoms[way]
            for way in ways
            if template.has_correct_chirality(where[atoms[way]], box)
        ]
        if correct:
            found.append(correct[0])
            by.append(how)
        n_mirrored += bool(ways) and not correct
    if not found:
        mirrored = f"; {n_mirrored} are its mirror image" if n_mirrored else ""
        raise ValueError(
            f"`universe` has no molecule with the elements and bonds of "
            f"{atom_table.describe()} among {len(group)} atoms{mirrored}; compare its "
            "elements and bonds, or choose another model"
        )
    known = np.concatenate(found)
    others = np.setdiff1d(np.arange(len(group)), known)
    return MatchedAtoms(group[known], group[others], tuple(by))


class _Template:
    """The molecule that is looked for."""

    def __init__(self, table: AtomTable) -> None:
        self.table = table
        self.numbers = tuple(table.atomic_numbers.tolist())
        residues = [table.residue_names[r] for r in table.residue_of_atom.tolist()]
        self.names = tuple(zip(residues, table.names, strict=True))
        self.bonds = tuple(map(tuple, table.bonds.tolist()))
        # Copies of one molecule are looked at once.
        self.match = lru_cache(maxsize=_LARGEST_N_TYPES)(self._match)

    def _match(
        self, numbers: Any, names: Any, bonds: Any
    ) -> tuple[list[np.ndarray], str]:
        """Return the ways to sort atoms in the order of the table, the best first."""
        if sorted(numbers) != sorted(self.numbers) or len(bonds) != len(self.bonds):
            return [], ""
        if (numbers, names, bonds) == (self.numbers, self.names, self.bonds):
            return [np.arange(len(numbers))], "order"
        if sorted(names) == sorted(self.names):
            kinds = {
                name: kind for kind, name in enumerate(sorted(set(names)), start=1)
            }
            ways = self._ways(
                _labelled(numbers, bonds, [kinds[name] for name in names]),
                [kinds[name] for name in self.names],
            )
            if ways:
                return ways, "names"
        return self._ways(_labelled(numbers, bonds), None), "graph"

    def _ways(self, molecule: Chem.Mol, labels: list[int] | None) -> list[np.ndarray]:
        pattern = _labelled(self.numbers, self.bonds, labels)
        ways = molecule.GetSubstructMatches(
            pattern, uniquify=False, maxMatches=_LARGEST_N_WAYS
        )
        natural = np.arange(len(self.numbers))
        return sorted(map(np.array, ways), key=lambda way: int((way != natural).sum()))

    def has_correct_chirality(self, where: np.ndarray, box: np.ndarray | None) -> bool:
        """Return whether every stereocentre has the chirality of the table."""
        centre, *around = self.table.stereocentres.T
        arms = np.stack([where[each] - where[centre] for each in around], axis=1)
        return bool((np.linalg.det(nearest_images(arms, box)) > 0).all())


def _labelled(numbers: Any, bonds: Any, labels: list[int] | None = None) -> Chem.Mol:
    """Build a molecule whose atoms are told apart by labels as well."""
    pairs = np.array(bonds, dtype=np.int64).reshape(-1, 2)
    molecule = skeleton(np.array(numbers), pairs)
    for atom, label in zip(molecule.GetAtoms(), labels or [], strict=False):
        atom.SetIsotope(label)
    return molecule


def _molecules(
    group: "mda.AtomGroup", n_atoms: int
) -> Iterator[tuple[np.ndarray, list[list[int]]]]:
    """Yield the molecules of a number of atoms: which of the group, and their bonds."""
    pairs = _bonds(group)
    ones = np.ones(len(pairs))
    graph = coo_array((ones, tuple(pairs.T)), shape=(len(group), len(group)))
    n_molecules, molecule_of = connected_components(graph, directed=False)
    by_molecule = np.argsort(molecule_of, kind="stable")
    starts = np.searchsorted(molecule_of[by_molecule], np.arange(n_molecules + 1))
    bond_order = np.argsort(molecule_of[pairs[:, 0]], kind="stable")
    pairs = pairs[bond_order]
    bond_starts = np.searchsorted(molecule_of[pairs[:, 0]], np.arange(n_molecules + 1))
    for number in np.flatnonzero(np.diff(starts) == n_atoms):
        atoms = by_molecule[starts[number] : starts[number + 1]]
        bonds = pairs[bond_starts[number] : bond_starts[number + 1]]
        yield atoms, np.sort(np.searchsorted(atoms, bonds), axis=1).tolist()


def _bonds(group: "mda.AtomGroup") -> np.ndarray:
    """Return the bonds inside a group, counted in the group and sorted."""
    universe = group.universe
    if not hasattr(universe, "bonds") or not len(universe.bonds):
        raise ValueError(
            "`universe` has no bonds; read a topology that holds them or call "
            "universe.guess_TopologyAttrs(to_guess=['bonds']) first"
        )
    rank = np.full(len(universe.atoms), -1)
    rank[group.indices] = np.arange(len(group))
    pairs = rank[np.asarray(universe.bonds.indices, dtype=int)]
    return np.unique(np.sort(pairs[(pairs >= 0).all(axis=1)], axis=1), axis=0)


def _atomic_numbers(group: "mda.AtomGroup") -> np.ndarray:
    try:
        symbols = [str(element).strip().capitalize() for element in group.elements]
    except NoDataError:
        symbols = [""]
    if not all(symbols):
        raise ValueError(
            "`universe` has no element for some atoms; call "
            "universe.guess_TopologyAttrs(to_guess=['elements']) first"
        )
    return np.array([ATOMIC_NUMBERS.get(symbol, 0) for symbol in symbols])


def _names(group: "mda.AtomGroup") -> list[tuple[str, str]]:
    residues, names = (attribute_or(group, name, "") for name in ("resnames", "names"))
    return list(zip(map(str, residues), map(str, names), strict=True))


def _positions(group: "mda.AtomGroup") -> np.ndarray:
    if not hasattr(group.universe, "trajectory"):
        raise ValueError(
            "`universe` has no positions; load them with universe.load_new first"
        )
    return group.positions.astype(np.float64)
