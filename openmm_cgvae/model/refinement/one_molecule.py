"""MoleculeRefinement: geometry refinement by the distances of one molecule's data."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.model.refinement.geometry_refinement import (
    LARGEST_LEAST_DISTANCE,
    N_NATURAL_DEVIATIONS,
    SMALLEST_DISTANCE,
    ContactList,
    GeometryRefinement,
)

__all__ = ["MoleculeRefinement", "least_distances"]

# Fraction of an error that a step takes away; above 1/2 steps can overshoot, since two
# atoms answer to one error.
STEP = 0.4
FRAMES_AT_ONCE = 256


class MoleculeRefinement(GeometryRefinement):
    """Refinement of one molecule, with distances learned from its own frames.

    Each step moves every atom some of the way towards distances that the training data
    know: atoms at most two bonds apart to within two standard deviations of their mean
    distance, all others to no less than their least distance.

    Parameters
    ----------
    n_pairs : int
        Pairs of atoms at most two bonds apart.
    n_atoms : int
        Atoms of the molecule.
    n_steps : int
        Number of steps.

    Examples
    --------
    >>> refinement = MoleculeRefinement(n_pairs=1, n_atoms=2, n_steps=50)
    >>> refinement.learn(torch.tensor([[[0.0, 0, 0], [1.5, 0, 0]]]),
    ...                  torch.tensor([[0, 1]]))
    >>> refinement.mean
    tensor([1.5000])
    """

    steps_of_contact_list = 5
    contact_list_margin = 1.0

    def __init__(self, n_pairs: int, n_atoms: int, n_steps: int) -> None:
        super().__init__(n_steps)
        self.register_buffer("mean", torch.zeros(n_pairs))
        self.register_buffer("deviation", torch.zeros(n_pairs))
        self.register_buffer("least", torch.zeros(n_atoms, n_atoms))
        self.mean: Tensor
        self.deviation: Tensor
        self.least: Tensor

    def learn(
        self,
        frames: Float[Tensor, "n_frames n_atoms 3"],
        close_pairs: Int[Tensor, "n_pairs 2"],
    ) -> None:
        """Learn the distances from data.

        Parameters
        ----------
        frames : Tensor, shape (n_frames, n_atoms, 3)
            Structures [Å].
        close_pairs : Tensor of int, shape (n_pairs, 2)
            Pairs at most two bonds apart.
        """
        first, second = close_pairs.unbind(1)
        distances = torch.linalg.vector_norm(
            frames[:, first] - frames[:, second], dim=-1
        )
        self.mean.copy_(distances.mean(0))
        self.deviation.copy_(distances.std(0, correction=0))
        self.least.copy_(least_distances(frames, close_pairs))

    def _moves(
        self, positions: Tensor, batch: GraphBatch, contacts: ContactList
    ) -> Tensor:
        return self._bond_moves(positions, batch) + _contact_moves(positions, contacts)

    def _counter_moves(self, batch: GraphBatch) -> Tensor:
        # The atoms of a bead go back together, also those without weight: weights of a
        # bead add up to one.
        return batch.weights.new_ones(1, 1)

    def _bond_moves(self, positions: Tensor, batch: GraphBatch) -> Tensor:
        first, second = batch.close_pairs.unbind(1)
        # Pairs of all copies, apart by copy to compare with the means: [copy, pair, 3].
        gaps = (positions[first] - positions[second]).reshape(batch.n_molecules, -1, 3)
        lengths = torch.linalg.vector_norm(gaps, dim=-1).clamp(min=SMALLEST_DISTANCE)
        tolerance = N_NATURAL_DEVIATIONS * self.deviation
        wanted = torch.clamp(lengths, self.mean - tolerance, self.mean + tolerance)
        push = (0.5 * STEP * (wanted / lengths - 1)[..., None] * gaps).flatten(0, 1)
        return _pushed(positions, first, second, push)

    def _contacts(self, positions: Tensor, batch: GraphBatch) -> ContactList:
        structures = positions.detach().reshape(batch.n_molecules, -1, 3)
        margin = self.contact_list_margin
        # Each pair once; a least distance of zero stands for pairs that do not count.
        farthest = torch.where(self.least > 0, self.least + margin, 0.0).triu()
        near = torch.cdist(structures, structures) < farthest  # [copy, atom, atom]
        structure, first, second = near.nonzero(as_tuple=True)
        offset = structure * structures.shape[1]
        return offset + first, offset + second, self.least[first, second]


def _contact_moves(positions: Tensor, contacts: ContactList) -> Tensor:
    first, second, least = contacts
    gaps = positions[first] - positions[second]
    distances = torch.linalg.vector_norm(gaps, dim=-1)
    lacking = torch.relu(least - distances)
    scale = 0.5 * STEP * lacking / distances.clamp(min=SMALLEST_DISTANCE)
    return _pushed(positions, first, second, scale[:, None] * gaps)


def _pushed(positions: Tensor, first: Tensor, second: Tensor, push: Tensor) -> Tensor:
    """Compute the moves of all atoms where those of pairs are pushed apart."""
    return (
        torch.zeros_like(positions)
        .index_add(0, first, push)
        .index_add(0, second, -push)
    )


def least_distances(
    frames: Float[Tensor, "n_frames n_atoms 3"], close_pairs: Int[Tensor, "n_pairs 2"]
) -> Float[Tensor, "n_atoms n_atoms"]:
    """Find how close every two atoms come in data.

    Parameters
    ----------
    frames : Tensor, shape (n_frames, n_atoms, 3)
        Structures [Å].
    close_pairs : Tensor of int, shape (n_pairs, 2)
        Pairs at most two bonds apart, which do not count.

    Returns
    -------
    Tensor, shape (n_atoms, n_atoms)
        Least distance of each pair and at most 3 [Å]; 0 for those that do not count.

    Examples
    --------
    >>> line = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [2.5, 0, 0]]])
    >>> least_distances(line, torch.tensor([[0, 1]]))
    tensor([[0.0000, 0.0000, 2.5000],
            [0.0000, 0.0000, 1.5000],
            [2.5000, 1.5000, 0.0000]])
    """
    least = frames.new_full((frames.shape[1],) * 2, LARGEST_LEAST_DISTANCE)
    for part in frames.split(FRAMES_AT_ONCE):
        least = torch.minimum(least, torch.cdist(part, part).amin(0))
    first, second = close_pairs.unbind(1)
    least[first, second] = least[second, first] = 0.0
    return least.fill_diagonal_(0.0)
