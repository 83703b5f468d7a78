"""ContactSearch: pairs of a molecule's atoms that come closer than is usual in data."""

import numpy as np
from scipy.spatial import cKDTree

from openmm_cgvae.model.refinement.geometry_statistics import (
    N_BONDS_OF_PAIRS,
    GeometryStatistics,
    contact_classes,
)
from openmm_cgvae.molecules import AtomTable

__all__ = ["ContactSearch"]


class ContactSearch:
    """Search for contacts of a molecule, with the least distance of each.

    Parameters
    ----------
    geometry : GeometryStatistics
        Least distances by classes of atoms.
    atom_table : AtomTable
        The molecule.

    Examples
    --------
    >>> from openmm_cgvae.testing import dipeptide
    >>> table = dipeptide.untrained().atom_table
    >>> frames = dipeptide.positions(20)
    >>> search = ContactSearch(GeometryStatistics.learned([(table, frames)]), table)
    >>> pairs, least = search.near(frames[0], np.arange(table.n_atoms), margin=0.0)
    >>> pairs.shape[1], bool((least > 0).all())
    (2, True)
    """

    def __init__(self, geometry: GeometryStatistics, atom_table: AtomTable) -> None:
        self.geometry = geometry
        self.n_atoms = atom_table.n_atoms
        bonded = [atom_table.pairs_within(n) for n in range(1, N_BONDS_OF_PAIRS + 1)]
        codes = [pair[:, 0] * self.n_atoms + pair[:, 1] for pair in bonded]
        self.bonded, self.third = codes[1], np.setdiff1d(codes[2], codes[1])
        self.classes = contact_classes(atom_table)

    def near(
        self, positions: np.ndarray, atoms: np.ndarray, margin: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find pairs of atoms that are in contact, or nearly.

        Parameters
        ----------
        positions : ndarray, shape (n_rows, 3)
            Positions of some atoms of one structure [Å].
        atoms : ndarray of int, shape (n_rows,)
            Which atoms of the molecule these are, in rising order.
        margin : float
            Distance beyond the least at which pairs are found too [Å].

        Returns
        -------
        pairs : ndarray of int, shape (n_pairs, 2)
            Rows of the atoms of each pair.
        least : ndarray, shape (n_pairs,)
            Distance below which each is rare in data [Å].
        """
        table = self.geometry.least.numpy()
        cutoff = float(table.max()) + margin
        pairs = cKDTree(positions).query_pairs(cutoff, output_type="ndarray")
        gaps = positions[pairs[:, 0]] - positions[pairs[:, 1]]
        lengths = np.linalg.norm(gaps, axis=-1)
        one, other = self.classes[atoms[pairs]].T
        # Few pairs are near by the larger of two tables; bonds are sought for these.
        may_count = lengths < table.max(axis=0)[one, other] + margin
        pairs, lengths = pairs[may_count], lengths[may_count]
        one, other = one[may_count], other[may_count]
        first, second = atoms[pairs].T
        codes = first.astype(np.int64) * self.n_atoms + second
        # Row 0 of the table is of atoms three bonds apart, row 1 of all others.
        far = (~_in_sorted(codes, self.third)).astype(int)
        least = table[far, one, other]
        is_near = (lengths < least + margin) & ~_in_sorted(codes, self.bonded)
        return pairs[is_near], least[is_near]


def _in_sorted(codes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Find which codes are among known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(codes), dtype=bool)
    return known[np.searchsorted(known, codes).clip(max=len(known) - 1)] == codes
