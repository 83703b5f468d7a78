"""GeometryRefinement: atoms move until lengths, chirality and contacts are right.

The constants of both refinements and of the statistics they need are here. Where two
numbers for what looks like one thing differ, shipped models were made with both.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from openmm_cgvae.model.graphs import GraphBatch

__all__ = [
    "CONTACT_CUTOFF",
    "LARGEST_LEAST_DISTANCE",
    "N_NATURAL_DEVIATIONS",
    "SMALLEST_DISTANCE",
    "ContactList",
    "GeometryRefinement",
]

N_NATURAL_DEVIATIONS = 2.0  # so far from their means things are left alone
SMALLEST_DISTANCE = 1e-2  # gaps are divided by no less [Å]
# Of one molecule the least distance of every two atoms is known, and atoms that the
# data never show closer than this need not be kept farther apart [Å].
LARGEST_LEAST_DISTANCE = 3.0
# Of many molecules only classes of atoms have a least distance. It is a quantile of the
# contacts up to here [Å], which counts them: another cutoff is another quantile.
CONTACT_CUTOFF = 4.0

# Rows of the two atoms of each pair in the flat tensor of positions, and the distance
# below which they are pushed apart [Å].
ContactList = tuple[Tensor, Tensor, Tensor]


class GeometryRefinement(nn.Module, ABC):
    """Steps that bring atoms to the geometry of data, while beads stay where they are.

    What a decoder makes of latents that no encoder gave has bonds too long and atoms
    too close. What is as the data have it does not move, and everything turns and
    shifts with the beads.

    Parameters
    ----------
    n_steps : int
        Number of steps.
    """

    # Pairs are sought anew after so many steps, in which no atom moves by more than a
    # small part of the margin [Å] by which pairs of the list may be apart too far.
    steps_of_contact_list: ClassVar[int]
    contact_list_margin: ClassVar[float]
    takes_bead_slack: ClassVar[bool] = False  # whether it can move beads a little

    def __init__(self, n_steps: int) -> None:
        super().__init__()
        self.n_steps = n_steps

    def forward(
        self, positions: Float[Tensor, "n_atoms 3"], batch: GraphBatch
    ) -> Float[Tensor, "n_atoms 3"]:
        """Refine structures.

        Parameters
        ----------
        positions : Tensor, shape (n_atoms, 3)
            Atoms of all copies [Å].
        batch : GraphBatch
            Copies of the molecule.

        Returns
        -------
        Tensor, shape (n_atoms, 3)
            The refined atoms [Å], with the same beads.
        """
        for step in range(self.n_steps):
            if step % self.steps_of_contact_list == 0:
                contacts = self._contacts(positions, batch)
            moves = self._moves(positions, batch, contacts)
            positions = positions + self._keep_beads(moves, batch)
        return positions

    @abstractmethod
    def _contacts(self, positions: Tensor, batch: GraphBatch) -> ContactList:
        """Find the pairs of atoms of all copies that may come too close."""

    @abstractmethod
    def _moves(
        self, positions: Tensor, batch: GraphBatch, contacts: ContactList
    ) -> Float[Tensor, "n_atoms 3"]:
        """Compute where atoms are drawn in a step, whatever becomes of the beads."""

    @abstractmethod
    def _counter_moves(self, batch: GraphBatch) -> Float[Tensor, "#n_atoms 1"]:
        """Compute how far each atom goes back where its bead was moved by one."""

    def _keep_beads(
        self, moves: Float[Tensor, "n_atoms 3"], batch: GraphBatch
    ) -> Float[Tensor, "n_atoms 3"]:
        """Compute the moves without what would move the beads."""
        drift = moves.new_zeros(batch.n_beads, 3).index_add(
            0, batch.bead_of_atom, batch.weights[:, None] * moves
        )
        return moves - self._counter_moves(batch) * drift[batch.bead_of_atom]
