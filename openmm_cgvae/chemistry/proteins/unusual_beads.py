"""Unusual beads: distances and angles of neighbours that crystals hardly ever have."""

import numpy as np

from openmm_cgvae.chemistry.proteins.family_mappings import CAPS, checked_family
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import AtomTable

__all__ = ["USUAL_ANGLES", "USUAL_DISTANCES", "NeighbourGeometry"]

Ranges = tuple[tuple[float, float], ...]

# Where 99.9 % of the distances between backbone beads of bonded residues [Å], and of
# the angles of three in a row [degrees], are in crystals: the fewest bins of 0.05 Å and
# 2 degrees that hold so many. Made by benchmarks/bead_statistics.py of 600 chains.
USUAL_DISTANCES: dict[str, Ranges] = {
    "alpha-carbon": ((2.85, 3.05), (3.65, 3.95)),
    "residue": ((2.8, 8.1),),
    "martini2": ((2.7, 4.05),),
    "martini3": ((2.65, 4.0),),
}
USUAL_ANGLES: dict[str, Ranges] = {
    "alpha-carbon": ((80.0, 154.0),),
    "residue": ((40.0, 176.0),),
    "martini2": ((74.0, 180.0),),
    "martini3": ((74.0, 178.0),),
}
# Twenty times what crystals have.
_LARGEST_USUAL_FRACTION = 0.02


class NeighbourGeometry:
    """Distances and angles of beads that are neighbours in the chains of a protein.

    Parameters
    ----------
    family : str
        Family of the beads.
    atom_table : AtomTable
        The protein.
    mapping : Mapping
        Its beads, as `family_mapping` makes them.

    Raises
    ------
    ValueError
        If there is no such family.
    """

    def __init__(self, family: str, atom_table: AtomTable, mapping: Mapping) -> None:
        self.family = checked_family(family)
        bead = _backbone_beads(atom_table, mapping)
        first = _bonded_to_next(atom_table)
        first = first[(bead[first] >= 0) & (bead[first + 1] >= 0)]
        self.pairs = bead[first[:, None] + np.arange(2)]  # [pair, 2]
        in_a_row = first[np.isin(first + 1, first)]
        self.triples = bead[in_a_row[:, None] + np.arange(3)]  # [triple, 3]

    def distances(self, positions: np.ndarray) -> np.ndarray:
        """Compute the distances of bonded neighbours.

        Parameters
        ----------
        positions : ndarray, shape (..., n_beads, 3)
            Beads, every chain whole [Å].

        Returns
        -------
        ndarray, shape (..., n_pairs)
            The distances [Å].
        """
        ends = positions[..., self.pairs, :]
        return np.linalg.norm(ends[..., 1, :] - ends[..., 0, :], axis=-1)

    def angles(self, positions: np.ndarray) -> np.ndarray:
        """Compute the angles of three neighbours in a row.

        Parameters
        ----------
        positions : ndarray, shape (..., n_beads, 3)
            Beads, every chain whole [Å].

        Returns
        -------
        ndarray, shape (..., n_triples)
            The angles [degrees]; not a number where two beads are in one place.
        """
        beads = positions[..., self.triples, :]
        arms = beads[..., [0, 2], :] - beads[..., [1], :]
        with np.errstate(invalid="ignore"):
            units = arms / np.linalg.norm(arms, axis=-1, keepdims=True)
        cosines = (units[..., 0, :] * units[..., 1, :]).sum(-1)
        return np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))

    def unusual_fraction(self, positions: np.ndarray) -> np.ndarray:
        """Compute the fraction of distances and angles that are unusual.

        Parameters
        ----------
        positions : ndarray, shape (..., n_beads, 3)
            Beads, every chain whole [Å].

        Returns
        -------
        ndarray, shape (...)
            From 0 to 1: about 0.001 in crystal structures, of which 99.9 % of the
            numbers are usual; 0 where there are no neighbours.
        """
        positions = np.asarray(positions)
        n_numbers = len(self.pairs) + len(self.triples)
        unusual = _n_outside(self.distances(positions), USUAL_DISTANCES[self.family])
        unusual = unusual + _n_outside(
            self.angles(positions), USUAL_ANGLES[self.family]
        )
        return np.asarray(unusual / max(n_numbers, 1))

    def notes(self, positions: np.ndarray) -> tuple[str, ...]:
        """Check beads, and say how unusual they are where they are.

        Parameters
        ----------
        positions : ndarray, shape (..., n_beads, 3)
            Beads, every chain whole [Å]; the most unusual count.

        Returns
        -------
        tuple of str
            One sentence, or none.
        """
        fraction = float(self.unusual_fraction(positions).max())
        if fraction <= _LARGEST_USUAL_FRACTION:
            return ()
        return (
            f"{100 * fraction:.0f} % of the distances and angles between neighbouring "
            f"{self.family} beads are such as crystals hardly ever have (0.1 % of "
            "theirs are), so look at the report of what is made of them",
        )


def _n_outside(numbers: np.ndarray, ranges: Ranges) -> np.ndarray:
    is_usual = np.zeros(numbers.shape, dtype=bool)
    for lowest, highest in ranges:
        is_usual |= (lowest <= numbers) & (numbers <= highest)
    return np.asarray(np.sum(~is_usual, axis=-1))


def _backbone_beads(table: AtomTable, mapping: Mapping) -> np.ndarray:
    """Find the first bead of each residue; -1 for caps and where there is none."""
    beads = np.full(table.n_residues, -1)
    counted = np.flatnonzero(mapping.weights)[::-1]
    # The bead of the first atom is written last.
    beads[table.residue_of_atom[counted]] = mapping.bead_of_atom[counted]
    beads[np.isin(table.residue_names, list(CAPS))] = -1
    return beads


def _bonded_to_next(table: AtomTable) -> np.ndarray:
    """Find the residues that have a peptide bond to the next."""
    names = np.array(table.names)
    ends = np.sort(table.bonds, axis=1)
    is_peptide = (names[ends[:, 0]] == "C") & (names[ends[:, 1]] == "N")
    residues = table.residue_of_atom[ends[is_peptide]]
    return np.unique(residues[np.diff(residues, axis=1)[:, 0] == 1, 0])
