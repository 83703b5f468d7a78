"""Bond graphs: bonds read off distances, and how far they are from the molecule's.

Two atoms are taken as bonded if they are closer than 1.3 times the sum of their
covalent radii (paper, appendix D). The paper's numbers rest on a radii table that
RDKit has since replaced: its hydrogens are 0.08 Å smaller, so that a C-H bond of
1.09 Å may grow by 0.09 Å before it counts as broken, with today's table by 0.30 Å.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from openmm_cgvae.metrics._argument_checks import as_indices, as_positions
from openmm_cgvae.metrics.contacts import ClosePairs, close_pairs
from openmm_cgvae.metrics.neighbour_search import is_among

__all__ = [
    "BOND_TOLERANCE",
    "RADII_2022",
    "BondGraphComparison",
    "RadiiTable",
    "bond_graph",
    "compare_bond_graphs",
    "covalent_radii",
    "upper_triangle_index",
]

BOND_TOLERANCE = 1.3
# Å
RADII_2022 = MappingProxyType({1: 0.23, 6: 0.68, 7: 0.68, 8: 0.68, 16: 1.02})

RadiiTable = Literal["2022", "rdkit"]


@dataclass(frozen=True, eq=False, kw_only=True)
class BondGraphComparison:
    """Missing and extra bonds of each structure, and the ratios made of them.

    Attributes
    ----------
    n_reference : ndarray of int, shape (...)
        Bonds of the reference graph.
    n_missing : ndarray of int, shape (...)
        Bonds of the reference that are too long.
    n_extra : ndarray of int, shape (...)
        Atoms near each other that are not bonded in the reference.
    """

    n_reference: np.ndarray
    n_missing: np.ndarray
    n_extra: np.ndarray

    @property
    def graph_difference(self) -> np.ndarray:
        """The paper's lambda: symmetric difference over the reference's bonds."""
        return self._over_reference(np.asarray(self.n_missing + self.n_extra))

    @property
    def lambda_signed(self) -> np.ndarray:
        """Lambda of the published code, where missing and extra bonds cancel."""
        difference = np.abs(self.n_missing - self.n_extra)
        return self._over_reference(np.asarray(difference))

    @property
    def is_valid(self) -> np.ndarray:
        """Whether a structure has exactly the bonds of the reference."""
        return np.asarray((self.n_missing == 0) & (self.n_extra == 0))

    def _over_reference(self, counts: np.ndarray) -> np.ndarray:
        # Without a reference bond any extra one is infinitely wrong, none is right.
        least = np.where(counts > 0, np.inf, 0.0)
        return np.divide(
            counts, self.n_reference, out=least, where=self.n_reference > 0
        )


def covalent_radii(
    atomic_numbers: np.ndarray, radii: RadiiTable = "2022"
) -> np.ndarray:
    """Return covalent radii.

    Parameters
    ----------
    atomic_numbers : ndarray of int, shape (n_atoms,)
        Elements.
    radii : {"2022", "rdkit"}
        The table behind the paper's numbers (H, C, N, O, S), or that of the
        installed RDKit (all elements).

    Returns
    -------
    ndarray, shape (n_atoms,)
        Radii [Å].

    Raises
    ------
    ValueError
        If the table is unknown or lacks an element.

    Examples
    --------
    >>> import numpy as np
    >>> covalent_radii(np.array([1, 6, 16]))
    array([0.23, 0.68, 1.02])
    """
    elements, inverse = np.unique(np.asarray(atomic_numbers), return_inverse=True)
    if radii == "2022":
        unknown = [int(element) for element in elements if element not in RADII_2022]
        if unknown:
            raise ValueError(
                f"`atomic_numbers` has {unknown} but the 2022 radii are known for "
                f'{sorted(RADII_2022)} only; use `radii="rdkit"`'
            )
        table = [RADII_2022[int(element)] for element in elements]
    elif radii == "rdkit":
        from rdkit.Chem import GetPeriodicTable  # slow to import, seldom needed

        if len(elements) and (elements.min() < 1 or elements.max() > 118):
            raise ValueError(
                f"`atomic_numbers` runs from {elements.min()} to {elements.max()} but "
                "must be 1 to 118; give every atom its element"
            )
        periodic_table = GetPeriodicTable()
        table = [periodic_table.GetRcovalent(int(element)) for element in elements]
    else:
        raise ValueError(
            f"`radii` is {radii!r} but must be '2022' or 'rdkit'; take '2022' to "
            "compare with the paper"
        )
    return np.asarray(table, dtype=np.float64)[inverse]


def upper_triangle_index(
    first: np.ndarray, second: np.ndarray, n_atoms: int
) -> np.ndarray:
    """Compute the indices of pairs in the order of ``np.triu_indices(n_atoms, 1)``.

    Parameters
    ----------
    first, second : ndarray of int, shape (...)
        Atoms of each pair, ``first < second``.
    n_atoms : int
        Number of atoms.

    Returns
    -------
    ndarray of int, shape (...)
        Index of each pair in the upper triangle.

    Examples
    --------
    >>> import numpy as np
    >>> upper_triangle_index(*np.triu_indices(4, 1), 4)
    array([0, 1, 2, 3, 4, 5])
    """
    first = np.asarray(first)
    return first * (2 * n_atoms - first - 1) // 2 + np.asarray(second) - first - 1


def bond_graph(
    positions: np.ndarray, atomic_numbers: np.ndarray, radii: RadiiTable = "2022"
) -> np.ndarray:
    """Read the bonds off distances: closer than 1.3 times the sum of radii.

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3)
        Structures [Å].
    atomic_numbers : ndarray of int, shape (n_atoms,)
        Elements.
    radii : {"2022", "rdkit"}
        Table of covalent radii.

    Returns
    -------
    ndarray of bool, shape (..., n_atoms (n_atoms - 1) / 2)
        The upper triangle of the adjacency matrix, row after row: the pairs of
        ``np.triu_indices(n_atoms, 1)``.

    Raises
    ------
    ValueError
        If shapes do not go together or an element has no radius.

    Examples
    --------
    >>> import numpy as np
    >>> methylene = np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0], [0.0, 1.2, 0.0]])
    >>> bond_graph(methylene, np.array([6, 1, 1]))
    array([ True, False, False])
    """
    positions, atom_radii = _positions_and_radii(positions, atomic_numbers, radii)
    batch, n_atoms = positions.shape[:-2], positions.shape[-2]
    n_pairs = n_atoms * (n_atoms - 1) // 2
    graph = np.zeros((int(np.prod(batch)), n_pairs), dtype=bool)
    for pairs in close_pairs(positions, _largest_bond(atom_radii)):
        bonds = _bonds_among(pairs, atom_radii)
        pair = upper_triangle_index(bonds.first, bonds.second, n_atoms)
        graph[bonds.structure, pair] = True
    return graph.reshape(*batch, n_pairs)


def compare_bond_graphs(
    positions: np.ndarray,
    atomic_numbers: np.ndarray,
    reference: np.ndarray,
    radii: RadiiTable = "2022",
    *,
    heavy_only: bool = False,
    boxes: np.ndarray | None = None,
) -> BondGraphComparison:
    """Count the bonds that structures lack and those they should not have.

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3)
        Structures [Å].
    atomic_numbers : ndarray of int, shape (n_atoms,)
        Elements.
    reference : ndarray of int (n_bonds, 2) or of bool (..., n_atoms (n_atoms - 1) / 2)
        The right bonds: pairs of atoms, as the topology's, for all structures alike;
        or what `bond_graph` gave for reference frames, broadcast over structures.
    radii : {"2022", "rdkit"}
        Table of covalent radii.
    heavy_only : bool
        Drop the hydrogens, and their bonds, first.
    boxes : ndarray, shape (n_structures, 6), optional
        Unit cells [Å, degrees]; distances are those of the nearest images.

    Returns
    -------
    BondGraphComparison
        Counts per structure; `graph_difference` is the paper's lambda.

    Raises
    ------
    ValueError
        If shapes do not go together or an element has no radius.

    Examples
    --------
    >>> import numpy as np
    >>> methylene = np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0], [0.0, 1.2, 0.0]])
    >>> bonds = np.array([[0, 1], [0, 2]])
    >>> compared = compare_bond_graphs(methylene, np.array([6, 1, 1]), bonds)
    >>> float(compared.graph_difference), bool(compared.is_valid)
    (0.5, False)
    """
    positions, atom_radii = _positions_and_radii(positions, atomic_numbers, radii)
    is_kept = np.ones(len(atom_radii), dtype=bool)
    if heavy_only:
        is_kept = np.asarray(atomic_numbers) != 1
    batch = positions.shape[:-2]
    right = _right_bonds(reference, batch, is_kept)
    positions, atom_radii = positions[..., is_kept, :], atom_radii[is_kept]
    n_structures = int(np.prod(batch))
    n_found = np.zeros(n_structures, dtype=np.int64)
    n_right = np.zeros(n_structures, dtype=np.int64)
    for pairs in close_pairs(positions, _largest_bond(atom_radii), boxes):
        bonds = _bonds_among(pairs, atom_radii)
        is_right = right.hold(bonds)
        n_found += np.bincount(bonds.structure, minlength=n_structures)
        n_right += np.bincount(bonds.structure[is_right], minlength=n_structures)
    return BondGraphComparison(
        n_reference=right.counts.reshape(batch),
        n_missing=(right.counts - n_right).reshape(batch),
        n_extra=(n_found - n_right).reshape(batch),
    )


def _positions_and_radii(
    positions: np.ndarray, atomic_numbers: np.ndarray, radii: RadiiTable
) -> tuple[np.ndarray, np.ndarray]:
    positions = as_positions(positions)
    if np.shape(atomic_numbers) != positions.shape[-2:-1]:
        raise ValueError(
            f"`atomic_numbers` has shape {np.shape(atomic_numbers)} but `positions` "
            f"has {positions.shape[-2]} atoms; give one element per atom"
        )
    return positions, covalent_radii(atomic_numbers, radii)


def _largest_bond(atom_radii: np.ndarray) -> float:
    return 2 * BOND_TOLERANCE * float(atom_radii.max(initial=0.0))


def _bonds_among(pairs: ClosePairs, atom_radii: np.ndarray) -> ClosePairs:
    longest = BOND_TOLERANCE * (atom_radii[pairs.first] + atom_radii[pairs.second])
    is_bond = pairs.distance < longest
    return ClosePairs(*(column[is_bond] for column in pairs))


class _OneGraph:
    """The right bonds of all structures, by pairs of atoms."""

    def __init__(self, pairs: np.ndarray, n_structures: int, is_kept: np.ndarray):
        self.n_atoms = int(is_kept.sum())
        number = np.cumsum(is_kept) - 1  # of the atoms that are kept
        pairs = number[np.sort(pairs[is_kept[pairs].all(axis=1)], axis=1)]
        keys = np.sort(pairs[:, 0] * self.n_atoms + pairs[:, 1])
        self.keys = keys[np.diff(keys, prepend=-1) > 0]  # faster than numpy.unique
        self.counts = np.full(n_structures, len(self.keys))

    def hold(self, bonds: ClosePairs) -> np.ndarray:
        """Return whether each bond is right."""
        return is_among(bonds.first * self.n_atoms + bonds.second, self.keys)


class _ManyGraphs:
    """The right bonds of each structure, by upper triangles of adjacency matrices."""

    def __init__(
        self, triangles: np.ndarray, batch: tuple[int, ...], is_kept: np.ndarray
    ):
        self.n_atoms = int(is_kept.sum())
        first, second = np.triu_indices(len(is_kept), 1)
        # Without some atoms, the order of the other pairs in the triangle stays.
        triangles = triangles[..., is_kept[first] & is_kept[second]]
        leading, n_pairs = triangles.shape[:-1], triangles.shape[-1]
        self.graphs = triangles.reshape(int(np.prod(leading)), n_pairs)
        numbers = np.arange(len(self.graphs)).reshape(leading)
        self.graph_of_structure = np.broadcast_to(numbers, batch).reshape(-1)
        self.counts = self.graphs.sum(axis=1)[self.graph_of_structure]

    def hold(self, bonds: ClosePairs) -> np.ndarray:
        """Return whether each bond is right."""
        pair = upper_triangle_index(bonds.first, bonds.second, self.n_atoms)
        return self.graphs[self.graph_of_structure[bonds.structure], pair]


def _right_bonds(
    reference: np.ndarray, batch: tuple[int, ...], is_kept: np.ndarray
) -> "_OneGraph | _ManyGraphs":
    """Return what tells right bonds among atoms that are kept."""
    reference, n_atoms = np.asarray(reference), len(is_kept)
    if reference.dtype != np.bool_:
        pairs = as_indices(reference, 2, n_atoms, "reference")
        return _OneGraph(pairs, int(np.prod(batch)), is_kept)
    n_pairs = n_atoms * (n_atoms - 1) // 2
    if reference.shape[-1:] != (n_pairs,):
        raise ValueError(
            f"`reference` has shape {reference.shape} but must end in {n_pairs} "
            f"pairs for {n_atoms} atoms; make it with bond_graph"
        )
    return _ManyGraphs(reference, batch, is_kept)
