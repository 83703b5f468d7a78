"""Unwrapping: molecules that a unit cell cuts are made whole along their bonds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from openmm_cgvae.molecules.periodic_box import cell_vectors, nearest_images

__all__ = ["BondTree"]


@dataclass(frozen=True, eq=False)
class BondTree:
    """A way along the bonds to every point, and the molecules that these make.

    Parameters
    ----------
    parents : ndarray of int, shape (n_points,)
        The point before each on the way; the first point of a molecule is its own.
    molecules : ndarray of int, shape (n_points,)
        Which molecule each point belongs to, counted from 0.

    Examples
    --------
    >>> tree = BondTree.from_bonds(4, [[0, 2], [1, 3]])
    >>> tree.molecules.tolist(), tree.n_molecules
    ([0, 1, 0, 1], 2)
    """

    parents: np.ndarray
    molecules: np.ndarray

    @classmethod
    def from_bonds(cls, n_points: int, bonds: npt.ArrayLike) -> "BondTree":
        """Build the tree from bonds.

        Parameters
        ----------
        n_points : int
            Number of points, such as atoms or beads.
        bonds : array_like of int, shape (n_bonds, 2)
            Bonded pairs.

        Returns
        -------
        BondTree
            Ways of the fewest bonds from the first point of each molecule.
        """
        pairs = np.asarray(bonds, dtype=np.int64).reshape(-1, 2)
        graph = coo_array(
            (np.ones(len(pairs)), pairs.T), shape=(n_points, n_points)
        ).tocsr()
        _, molecules = connected_components(graph, directed=False)
        parents = np.arange(n_points)
        for first in np.unique(molecules, return_index=True)[1].tolist():
            order, before = breadth_first_order(graph, first, directed=False)
            parents[order[1:]] = before[order[1:]]
        return cls(parents, molecules.astype(np.int64))

    @property
    def n_molecules(self) -> int:
        """Number of molecules."""
        return int(self.molecules.max(initial=-1)) + 1

    def whole(self, positions: np.ndarray, box: np.ndarray | None) -> np.ndarray:
        """Unwrap: every point at its image nearest to the point before.

        Each molecule is made whole for itself, in the image that most of its points
        are in: what was whole does not move.

        Parameters
        ----------
        positions : ndarray, shape (..., n_points, 3)
            Points [Å].
        box : ndarray, shape (6,), or None
            Unit cell [Å, degrees]; zero along directions without images.

        Returns
        -------
        ndarray, shape (..., n_points, 3)
            The points, moved by whole edges of the cell [Å].

        Examples
        --------
        >>> tree = BondTree.from_bonds(4, [[0, 1], [1, 2]])
        >>> cut = np.array([[9.0, 0, 0], [0.5, 0, 0], [2.0, 0, 0], [30.0, 0, 0]])
        >>> box = np.array([10, 10, 10, 90, 90, 90])
        >>> tree.whole(cut, box)[:, 0].tolist()
        [-1.0, 0.5, 2.0, 30.0]
        """
        if box is None or not np.any(box[:3]) or not positions.size:
            return positions
        edges = cell_vectors(box)
        steps = positions - positions[..., self.parents, :]
        moves = (nearest_images(steps, box) - steps) @ np.linalg.inv(edges)
        # How many edges to move each point by, if the point before stays.
        shifts = np.rint(moves)
        if not shifts.any():
            return positions
        for ancestors in self._ancestors:
            shifts = shifts + shifts[..., ancestors, :]
        shifts = shifts - self._of_most_points(shifts)
        # Term by term: a product of matrices rounds by the shape of its arguments.
        return positions + sum(shifts[..., [i]] * edges[i] for i in range(3))

    @cached_property
    def _ancestors(self) -> list[np.ndarray]:
        """The parents, their parents two steps away, four, eight, as far as ways go."""
        found = [self.parents]
        while (self.parents[found[-1]] != found[-1]).any():
            found.append(found[-1][found[-1]])
        return found

    def _of_most_points(self, shifts: np.ndarray) -> np.ndarray:
        """Return for each point the median of the shifts of its molecule."""
        span = 2 * np.abs(shifts).max() + 1
        floors = span * np.arange(self.n_molecules)[:, None]
        # Sorted inside each molecule, molecules one after the other.
        ranked = np.sort(shifts + floors[self.molecules], axis=-2)
        sizes = np.bincount(self.molecules)
        middles = np.cumsum(sizes) - sizes + (sizes - 1) // 2
        return (ranked[..., middles, :] - floors)[..., self.molecules, :]
