"""Strain energy of lengths, chirality, amides and contacts, and its gradient."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from openmm_cgvae.model.refinement.geometry_refinement import (
    SMALLEST_DISTANCE,
    ContactList,
)
from openmm_cgvae.model.refinement.geometry_terms import GeometryTerms

__all__ = ["Strain", "amide_twists", "torsion_gradients", "volume_gradients"]

# Stiffness of bonds, of atoms two bonds apart and three [1/Å²], of volumes [1/Å⁶], of
# amides [1/rad²] and of contacts [1/Å²]: bonds are the last to give way.
STIFFNESS_OF_PAIRS = (100.0, 20.0, 2.0)
STIFFNESS_OF_VOLUMES, STIFFNESS_OF_AMIDES, STIFFNESS_OF_CONTACTS = 5.0, 30.0, 20.0
FLAT_AMIDE = float(np.radians(25.0))  # so far from planar they are left alone


@dataclass(frozen=True, eq=False, kw_only=True)
class Strain:
    """Terms of a strain energy, on rows of a flat tensor of positions.

    Each is the square of what is beyond a tolerance, so that what is as the data have
    it bears no strain.

    Parameters
    ----------
    pairs : Tensor of int, shape (n_pairs, 2)
        Rows of pairs of atoms.
    mean, tolerance, stiffness : Tensor, each of shape (n_pairs,)
        Mean distance, what is left alone [Å], and the stiffness of each.
    centres : Tensor of int, shape (n_centres, 4)
        Rows of stereocentres, each with three neighbours.
    least_volume : Tensor, shape (n_centres,)
        Least volume of each [Å³].
    amides : Tensor of int, shape (n_amides, 4)
        Rows of the torsions omega.
    may_be_cis : Tensor of bool, shape (n_amides,)
        Whether an amide is cis as well as trans.
    """

    pairs: Int[Tensor, "n_pairs 2"]
    mean: Float[Tensor, " n_pairs"]
    tolerance: Float[Tensor, " n_pairs"]
    stiffness: Float[Tensor, " n_pairs"]
    centres: Int[Tensor, "n_centres 4"]
    least_volume: Float[Tensor, " n_centres"]
    amides: Int[Tensor, "n_amides 4"]
    may_be_cis: Bool[Tensor, " n_amides"]

    @classmethod
    def around(
        cls, terms: GeometryTerms, moves: Bool[Tensor, "n_copies n_atoms"]
    ) -> "Strain":
        """Collect the terms of all copies that atoms which move have a part in.

        Parameters
        ----------
        terms : GeometryTerms
            Terms of the molecule.
        moves : Tensor of bool, shape (n_copies, n_atoms)
            Which atoms move.

        Returns
        -------
        Strain
            With rows of the positions of all copies, one after the other.
        """
        n_atoms = moves.shape[1]

        def touched(atoms: Tensor) -> tuple[Tensor, Tensor]:
            copy, term = moves[:, atoms].any(-1).nonzero(as_tuple=True)
            return copy[:, None] * n_atoms + atoms[term], term

        pairs, of_pairs = touched(terms.pairs)
        centres, of_centres = touched(terms.centres)
        amides, of_amides = touched(terms.amides)
        stiffness = terms.mean.new_tensor(STIFFNESS_OF_PAIRS)
        return cls(
            pairs=pairs,
            mean=terms.mean[of_pairs],
            tolerance=terms.tolerance[of_pairs],
            stiffness=stiffness[terms.n_bonds[of_pairs] - 1],
            centres=centres,
            least_volume=terms.least_volume[of_centres],
            amides=amides,
            may_be_cis=terms.may_be_cis[of_amides],
        )

    def on(self, rows: Tensor, n_rows: int) -> "Strain":
        """Return the terms with rows numbered anew, by those that are kept.

        Parameters
        ----------
        rows : Tensor of int, shape (n_kept,)
            The rows that are kept, every one that a term names among them.
        n_rows : int
            Number of rows there were.

        Returns
        -------
        Strain
            The same terms.
        """
        numbers = torch.zeros(n_rows, dtype=torch.long)
        numbers[rows] = torch.arange(len(rows))
        kept = dict(vars(self))
        for name in ("pairs", "centres", "amides"):
            kept[name] = numbers[kept[name]]
        return Strain(**kept)

    def gradient(
        self, positions: Float[Tensor, "n_rows 3"], contacts: ContactList
    ) -> Float[Tensor, "n_rows 3"]:
        """Compute the gradient of the strain energy.

        Parameters
        ----------
        positions : Tensor, shape (n_rows, 3)
            Positions [Å].
        contacts : tuple of Tensor
            Rows of pairs in contact, and the least distance of each [Å].

        Returns
        -------
        Tensor, shape (n_rows, 3)
            The gradient [1/Å].
        """
        total = torch.zeros_like(positions)
        first, second, least = contacts
        _add_pairs(total, positions, first, second, least, None, STIFFNESS_OF_CONTACTS)
        first, second = self.pairs.unbind(1)
        low, high = self.mean - self.tolerance, self.mean + self.tolerance
        _add_pairs(total, positions, first, second, low, high, self.stiffness)
        ends = [positions[row] for row in self.centres.unbind(1)]
        volumes, slopes = volume_gradients(ends)
        lacking = torch.relu(self.least_volume - volumes)
        for row, slope in zip(self.centres.unbind(1), slopes, strict=True):
            total.index_add_(0, row, (-STIFFNESS_OF_VOLUMES * lacking)[:, None] * slope)
        torsions, slopes = torsion_gradients(
            [positions[r] for r in self.amides.unbind(1)]
        )
        twists = amide_twists(torsions, self.may_be_cis)
        excess = torch.sign(twists) * torch.relu(twists.abs() - FLAT_AMIDE)
        for row, slope in zip(self.amides.unbind(1), slopes, strict=True):
            total.index_add_(0, row, (STIFFNESS_OF_AMIDES * excess)[:, None] * slope)
        return total


def _add_pairs(  # noqa: PLR0913 - the terms of a pair
    total: Tensor,
    positions: Tensor,
    first: Tensor,
    second: Tensor,
    low: Tensor,
    high: Tensor | None,
    stiffness: Tensor | float,
) -> None:
    """Add the gradient of distances below the lowest, or above the highest."""
    gaps = positions[first] - positions[second]
    lengths = torch.linalg.vector_norm(gaps, dim=-1).clamp(min=SMALLEST_DISTANCE)
    slope = stiffness * (lengths - torch.clamp(lengths, low, high)) / lengths
    push = slope[:, None] * gaps
    total.index_add_(0, first, push).index_add_(0, second, -push)


def volume_gradients(ends: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Compute the volumes that three neighbours span about a centre, and gradients.

    Parameters
    ----------
    ends : list of Tensor, each of shape (..., 3)
        The centre and three of its neighbours [Å].

    Returns
    -------
    volumes : Tensor, shape (...)
        Signed volumes ``a . (b x c)`` [Å³].
    gradients : list of Tensor, each of shape (..., 3)
        Their gradients by the four positions [Å²].
    """
    a, b, c = (end - ends[0] for end in ends[1:])
    by_ends = [
        torch.linalg.cross(b, c, dim=-1),
        torch.linalg.cross(c, a, dim=-1),
        torch.linalg.cross(a, b, dim=-1),
    ]
    # All shifted together leave the volume as it is, which gives that by the centre.
    by_centre = -(by_ends[0] + by_ends[1] + by_ends[2])
    return (a * by_ends[0]).sum(-1), [by_centre, *by_ends]


def torsion_gradients(ends: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Compute torsions of four atoms in a row, and their gradients.

    Parameters
    ----------
    ends : list of Tensor, each of shape (..., 3)
        The four positions [Å].

    Returns
    -------
    torsions : Tensor, shape (...)
        From -pi to pi, pi for trans.
    gradients : list of Tensor, each of shape (..., 3)
        Gradients by the four positions [1/Å].
    """
    before, axis, after = (b - a for a, b in zip(ends, ends[1:], strict=False))
    one = torch.linalg.cross(before, axis, dim=-1)  # normals of the two planes
    other = torch.linalg.cross(axis, after, dim=-1)
    length = torch.linalg.vector_norm(axis, dim=-1).clamp(min=SMALLEST_DISTANCE)
    torsions = torch.atan2(length * (before * other).sum(-1), (one * other).sum(-1))
    length = length[..., None]
    by_first = -length * one / _square(one)
    by_last = length * other / _square(other)
    # What the two in the middle take of the turn of either end.
    near = (before * axis).sum(-1, keepdim=True) / length**2
    far = (after * axis).sum(-1, keepdim=True) / length**2
    by_second = far * by_last - (1 + near) * by_first
    by_third = near * by_first - (1 + far) * by_last
    return torsions, [by_first, by_second, by_third, by_last]


def _square(vectors: Tensor) -> Tensor:
    return (vectors**2).sum(-1, keepdim=True).clamp(min=SMALLEST_DISTANCE)


def amide_twists(torsions: Tensor, may_be_cis: Tensor) -> Tensor:
    """Compute how far amides are from trans, or from the nearer plane.

    Parameters
    ----------
    torsions : Tensor, shape (..., n_amides)
        Torsions omega, from -pi to pi.
    may_be_cis : Tensor of bool, shape (n_amides,)
        Whether the nearer of cis and trans counts.

    Returns
    -------
    Tensor, shape (..., n_amides)
        Omega less that of the plane, from -pi to pi.

    Examples
    --------
    >>> omega = torch.tensor([3.0, -3.0, 0.5])
    >>> amide_twists(omega, torch.tensor([False, False, True]))
    tensor([-0.1416,  0.1416,  0.5000])
    """
    from_trans = torsions - torch.pi * torch.where(torsions < 0, -1.0, 1.0)
    is_cis = may_be_cis & (torsions.abs() < torch.pi / 2)
    return torch.where(is_cis, torsions, from_trans)
