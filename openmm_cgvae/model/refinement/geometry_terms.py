"""GeometryTerms: distances, stereocentres and amides of a molecule, as in data."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from openmm_cgvae.model.base import Molecule
from openmm_cgvae.model.refinement.geometry_refinement import N_NATURAL_DEVIATIONS
from openmm_cgvae.model.refinement.geometry_statistics import (
    N_BONDS_OF_PAIRS,
    GeometryStatistics,
    atom_pair_types,
    stereocentre_types,
)
from openmm_cgvae.molecules import CARBON, AtomTable

__all__ = ["GeometryTerms"]

_CARBONS_OF_SECONDARY = 2  # beside the nitrogen of an amide that has a hydrogen
_LARGEST_RING = 8  # that holds amides cis


@dataclass(frozen=True, eq=False, kw_only=True)
class GeometryTerms:
    """What the statistics of many molecules say about one.

    Parameters
    ----------
    pairs : Tensor of int, shape (n_pairs, 2)
        Pairs of atoms at most three bonds apart whose type is known.
    n_bonds : Tensor of int, shape (n_pairs,)
        How many bonds they are apart.
    mean, tolerance : Tensor, shape (n_pairs,)
        Their mean distance, and how far from it they are left alone [Å].
    centres : Tensor of int, shape (n_centres, 4)
        Stereocentres of known type, each with three of its neighbours.
    least_volume : Tensor, shape (n_centres,)
        Least volume that these neighbours span about it [Å³].
    amides : Tensor of int, shape (n_amides, 4)
        Torsions omega.
    may_be_cis : Tensor of bool, shape (n_amides,)
        Whether an amide is cis as well as trans: before proline and wherever else
        nitrogen bears no hydrogen, and in rings.

    Examples
    --------
    >>> from openmm_cgvae.testing import dipeptide
    >>> model = dipeptide.untrained()
    >>> molecule = Molecule(model.atom_table, model.mapping)
    >>> geometry = GeometryStatistics.learned(
    ...     [(model.atom_table, dipeptide.positions(20))])
    >>> GeometryTerms.of(geometry, molecule).may_be_cis.tolist()
    [False, False]
    """

    pairs: Int[Tensor, "n_pairs 2"]
    n_bonds: Int[Tensor, " n_pairs"]
    mean: Float[Tensor, " n_pairs"]
    tolerance: Float[Tensor, " n_pairs"]
    centres: Int[Tensor, "n_centres 4"]
    least_volume: Float[Tensor, " n_centres"]
    amides: Int[Tensor, "n_amides 4"]
    may_be_cis: Bool[Tensor, " n_amides"]

    @classmethod
    def of(cls, geometry: GeometryStatistics, molecule: Molecule) -> "GeometryTerms":
        """Find the terms of a molecule.

        Parameters
        ----------
        geometry : GeometryStatistics
            The statistics.
        molecule : Molecule
            The molecule.

        Returns
        -------
        GeometryTerms
            Its terms; what is of no known type is left out.
        """
        table = molecule.atom_table
        pairs = table.pairs_within(N_BONDS_OF_PAIRS)
        types = _numbers(atom_pair_types(table, pairs), geometry.pairs)
        known = torch.from_numpy(types[types >= 0])
        of_centres = _numbers(stereocentre_types(table), geometry.stereocentres)
        known_centres = torch.from_numpy(of_centres[of_centres >= 0])
        volume = geometry.volume_mean[known_centres]
        tolerance = N_NATURAL_DEVIATIONS * geometry.volume_deviation[known_centres]
        return cls(
            pairs=torch.from_numpy(pairs[types >= 0]),
            n_bonds=torch.from_numpy(_bonds_between(table, pairs[types >= 0])),
            mean=geometry.pair_mean[known],
            tolerance=N_NATURAL_DEVIATIONS * geometry.pair_deviation[known],
            centres=torch.tensor(table.stereocentres[of_centres >= 0]),
            least_volume=volume - tolerance,
            amides=torch.tensor(table.amides),
            may_be_cis=torch.from_numpy(_may_be_cis(table)),
        )


def _numbers(words: list[str], known: tuple[str, ...]) -> np.ndarray:
    """Find the number of each word among those known; -1 for others."""
    number = {word: rank for rank, word in enumerate(known)}
    return np.array([number.get(word, -1) for word in words], dtype=np.int64)


def _bonds_between(table: AtomTable, pairs: np.ndarray) -> np.ndarray:
    codes = pairs @ [table.n_atoms, 1]
    n_bonds = np.full(len(pairs), N_BONDS_OF_PAIRS)
    for n in range(N_BONDS_OF_PAIRS - 1, 0, -1):
        n_bonds[np.isin(codes, table.pairs_within(n) @ [table.n_atoms, 1])] = n
    return n_bonds


def _may_be_cis(table: AtomTable) -> np.ndarray:
    # Rings that a disulfide closes are large and hold trans amides.
    rings = [set(ring) for ring in table.rings if len(ring) <= _LARGEST_RING]
    is_carbon = table.atomic_numbers == CARBON
    found = []
    for _, carbon, nitrogen, _ in table.amides.tolist():
        n_carbons = sum(is_carbon[near] for near in table.neighbours[nitrogen])
        is_tertiary = n_carbons > _CARBONS_OF_SECONDARY
        found.append(is_tertiary or any({carbon, nitrogen} <= ring for ring in rings))
    return np.array(found, dtype=bool)
