"""MoleculeRefinement: atoms move until no distance is one that the data never show."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from openmm_cgvae.model.graphs import GraphBatch

FARTHEST_CONTACT = 3.0  # atoms farther apart do not crowd each other [A]
N_NATURAL_DEVIATIONS = 2.0  # so far from their mean distances are left alone
STEP = 0.4  # share of an error that a step takes away; above 1/2 steps can overshoot
SMALLEST_DISTANCE = 1e-2  # [A]
# Only atoms that are so little over their least distance [A] are watched, and sought
# anew after so many steps: no step moves an atom by more than a small part of it.
MARGIN = 1.0
STEPS_OF_A_LIST = 5
FRAMES_AT_ONCE = 256


class MoleculeRefinement(nn.Module):
    """Steps that take away what is wrong with the bonds and contacts of a structure.

    What a decoder makes of latents that no encoder gave has bonds too long and atoms
    too close. Each step moves every atom some of the way towards distances that the
    training data know: atoms at most two bonds apart to within two standard
    deviations of their mean distance, all others to no less than their least
    distance. Beads stay where they are. A structure as the data have it does not
    move, and everything turns and shifts with the beads.

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
    >>> settling = MoleculeRefinement(n_pairs=1, n_atoms=2, n_steps=50)
    >>> settling.learn(torch.tensor([[[0.0, 0, 0], [1.5, 0, 0]]]),
    ...                torch.tensor([[0, 1]]))
    >>> settling.mean
    tensor([1.5000])
    """

    def __init__(self, n_pairs: int, n_atoms: int, n_steps: int) -> None:
        super().__init__()
        self.n_steps = n_steps
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
        """Take the distances from data.

        Parameters
        ----------
        frames : Tensor, shape (n_frames, n_atoms, 3)
            Structures [A].
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

    def forward(
        self, positions: Float[Tensor, "n_atoms 3"], batch: GraphBatch
    ) -> Float[Tensor, "n_atoms 3"]:
        """Settle structures.

        Parameters
        ----------
        positions : Tensor, shape (n_atoms, 3)
            Atoms of all copies [A].
        batch : GraphBatch
            Copies of the molecule.

        Returns
        -------
        Tensor, shape (n_atoms, 3)
            Where they settle [A].
        """
        for number in range(self.n_steps):
            if number % STEPS_OF_A_LIST == 0:
                crowded = self._crowded(positions, batch.n_molecules)
            step = self._bonds(positions, batch) + self._contacts(positions, *crowded)
            drift = positions.new_zeros(batch.n_beads, 3).index_add(
                0, batch.bead_of_atom, batch.weights[:, None] * step
            )
            positions = positions + step - drift[batch.bead_of_atom]
        return positions

    def _bonds(self, positions: Tensor, batch: GraphBatch) -> Tensor:
        first, second = batch.close_pairs.unbind(1)
        gaps = (positions[first] - positions[second]).reshape(batch.n_molecules, -1, 3)
        lengths = torch.linalg.vector_norm(gaps, dim=-1).clamp(min=SMALLEST_DISTANCE)
        room = N_NATURAL_DEVIATIONS * self.deviation
        wanted = torch.clamp(lengths, self.mean - room, self.mean + room)
        push = (0.5 * STEP * (wanted / lengths - 1)[..., None] * gaps).flatten(0, 1)
        return (
            torch.zeros_like(positions)
            .index_add(0, first, push)
            .index_add(0, second, -push)
        )

    def _crowded(
        self, positions: Tensor, n_molecules: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Pairs of atoms that may come too close, and the least distance of each."""
        structures = positions.detach().reshape(n_molecules, -1, 3)
        farthest = torch.where(self.least > 0, self.least + MARGIN, 0.0).triu()
        near = torch.cdist(structures, structures) < farthest
        structure, first, second = near.nonzero(as_tuple=True)
        offset = structure * structures.shape[1]
        return offset + first, offset + second, self.least[first, second]

    def _contacts(
        self, positions: Tensor, first: Tensor, second: Tensor, least: Tensor
    ) -> Tensor:
        gaps = positions[first] - positions[second]
        distances = torch.linalg.vector_norm(gaps, dim=-1)
        lacking = torch.relu(least - distances)
        share = 0.5 * STEP * lacking / distances.clamp(min=SMALLEST_DISTANCE)
        push = share[:, None] * gaps
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
        Structures [A].
    close_pairs : Tensor of int, shape (n_pairs, 2)
        Pairs at most two bonds apart, which do not count.

    Returns
    -------
    Tensor, shape (n_atoms, n_atoms)
        Least distance of each pair and at most 3 [A]; 0 for those that do not count.

    Examples
    --------
    >>> line = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [2.5, 0, 0]]])
    >>> least_distances(line, torch.tensor([[0, 1]]))
    tensor([[0.0000, 0.0000, 2.5000],
            [0.0000, 0.0000, 1.5000],
            [2.5000, 1.5000, 0.0000]])
    """
    least = frames.new_full((frames.shape[1],) * 2, FARTHEST_CONTACT)
    for part in frames.split(FRAMES_AT_ONCE):
        least = torch.minimum(least, torch.cdist(part, part).amin(0))
    first, second = close_pairs.unbind(1)
    least[first, second] = least[second, first] = 0.0
    return least.fill_diagonal_(0.0)
