"""TransferableRefinement: geometry refinement of any molecule, by its atom types."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from openmm_cgvae.model.base import Molecule
from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.model.refinement.contact_search import ContactSearch
from openmm_cgvae.model.refinement.fault_repair import FaultRepair
from openmm_cgvae.model.refinement.geometry_refinement import (
    SMALLEST_DISTANCE,
    ContactList,
    GeometryRefinement,
)
from openmm_cgvae.model.refinement.geometry_statistics import GeometryStatistics
from openmm_cgvae.model.refinement.geometry_terms import GeometryTerms
from openmm_cgvae.model.refinement.strain import volume_gradients

__all__ = ["TransferableRefinement"]

OVERSHOOT = 1.4  # corrections of one atom are averaged, so they may be this bold
LARGEST_STEP = 0.5  # steps that invert a centre are cut to this [Å]
# How easily an atom gives way.
HYDROGEN_MOBILITY, HEAVY_MOBILITY = 1.0, 0.3


class TransferableRefinement(GeometryRefinement):
    """Refinement of a molecule by statistics of the types of its atoms.

    In each step every atom is moved by the mean of what is asked of it: distances up
    to three bonds to within two standard deviations of their means, the volumes of
    stereocentres likewise, which brings wrong chirality right, and contacts to no less
    than what is rare in data. An atom that alone makes a bead stays where it is;
    otherwise beads are put back with the least motion. What is wrong after that is
    repaired, see `fault_repair.FaultRepair`.

    Parameters
    ----------
    geometry : GeometryStatistics
        Lengths, chirality and contacts by types of atoms.
    molecule : Molecule
        The molecule.
    n_steps : int
        Number of steps.
    """

    steps_of_contact_list = 8
    contact_list_margin = 0.6
    takes_bead_slack = True

    def __init__(
        self, geometry: GeometryStatistics, molecule: Molecule, n_steps: int
    ) -> None:
        super().__init__(n_steps)
        mapping = molecule.mapping
        self.terms = GeometryTerms.of(geometry, molecule)
        self.search = ContactSearch(geometry, molecule.atom_table)
        dtype = torch.get_default_dtype()
        heavy = torch.tensor(molecule.atom_table.is_heavy, dtype=dtype)
        mobility = HYDROGEN_MOBILITY + (HEAVY_MOBILITY - HYDROGEN_MOBILITY) * heavy
        weights = torch.tensor(mapping.weights, dtype=dtype)
        # An atom that has all the weight of its bead is the bead, which stays.
        self.mobility = torch.where(weights >= 1, 0.0, mobility)
        bead_of_atom = torch.tensor(mapping.bead_of_atom)
        squares = torch.zeros(mapping.n_beads).index_add(0, bead_of_atom, weights**2)
        # The least motion of atoms that moves their bead by one.
        self.counter_move = weights / squares[bead_of_atom]
        self.repair = FaultRepair(self.terms, self.search, molecule, self.counter_move)

    def forward(
        self,
        positions: Float[Tensor, "n_atoms 3"],
        batch: GraphBatch,
        bead_slack: float = 0.0,
    ) -> Float[Tensor, "n_atoms 3"]:
        """Refine structures, and repair what is still wrong with them.

        Parameters
        ----------
        positions : Tensor, shape (n_atoms, 3)
            Atoms of all copies [Å].
        batch : GraphBatch
            Copies of the molecule.
        bead_slack : float
            How far beads may move where something is wrong [Å].

        Returns
        -------
        Tensor, shape (n_atoms, 3)
            The refined atoms [Å], with the same beads.
        """
        refined = super().forward(positions, batch)
        contacts = self._contacts(refined, batch)
        return self.repair(refined, batch, contacts, bead_slack)

    def _moves(
        self, positions: Tensor, batch: GraphBatch, contacts: ContactList
    ) -> Tensor:
        atoms = positions.reshape(batch.n_molecules, -1, 3)  # [copy, atom, 3]
        mobility = self.mobility.to(atoms.dtype)
        corrections = _Corrections(atoms)
        self._correct_lengths(atoms, mobility, corrections)
        self._correct_chirality(atoms, mobility, corrections)
        _correct_contacts(positions, mobility, contacts, corrections)
        return corrections.mean().reshape(-1, 3)

    def _counter_moves(self, batch: GraphBatch) -> Tensor:
        of_copies = self.counter_move.to(batch.weights.dtype).repeat(batch.n_molecules)
        return of_copies[:, None]

    def _correct_lengths(
        self, atoms: Tensor, mobility: Tensor, corrections: "_Corrections"
    ) -> None:
        terms = self.terms
        first, second = terms.pairs.unbind(1)
        gaps = atoms[:, first] - atoms[:, second]  # [copy, pair, 3]
        lengths = torch.linalg.vector_norm(gaps, dim=-1).clamp(min=SMALLEST_DISTANCE)
        wanted = torch.clamp(
            lengths, terms.mean - terms.tolerance, terms.mean + terms.tolerance
        )
        push = ((wanted - lengths) / lengths)[..., None] * gaps
        fraction = _fraction(mobility[first], mobility[second])
        asks = (wanted != lengths).to(atoms.dtype)
        corrections.add(first, fraction * push, asks)
        corrections.add(second, (fraction - 1) * push, asks)

    def _correct_chirality(
        self, atoms: Tensor, mobility: Tensor, corrections: "_Corrections"
    ) -> None:
        """Follow the gradient of the volumes of stereocentres that are too small."""
        rows = self.terms.centres.unbind(1)  # the centre and three of its neighbours
        volumes, gradients = volume_gradients([atoms[:, row] for row in rows])
        lacking = torch.relu(self.terms.least_volume - volumes)
        # So far along the gradient, to first order, nothing is lacking.
        steepness = sum(
            mobility[row] * (gradient**2).sum(-1)
            for row, gradient in zip(rows, gradients, strict=True)
        )
        scale = lacking / torch.as_tensor(steepness).clamp(min=SMALLEST_DISTANCE)
        asks = (lacking > 0).to(atoms.dtype)
        for row, gradient in zip(rows, gradients, strict=True):
            step = (scale * mobility[row])[..., None] * gradient
            length = torch.linalg.vector_norm(step, dim=-1, keepdim=True)
            cut = LARGEST_STEP / length.clamp(min=LARGEST_STEP)
            corrections.add(row, step * cut, asks)

    def _contacts(self, positions: Tensor, batch: GraphBatch) -> ContactList:
        structures = positions.detach().reshape(batch.n_molecules, -1, 3).numpy()
        n_atoms = structures.shape[1]
        firsts, seconds, leasts = [], [], []
        for copy, structure in enumerate(structures):
            pairs, least = self.search.near(
                structure, np.arange(n_atoms), self.contact_list_margin
            )
            firsts.append(pairs[:, 0] + copy * n_atoms)
            seconds.append(pairs[:, 1] + copy * n_atoms)
            leasts.append(least)
        return tuple(  # type: ignore[return-value]
            torch.from_numpy(np.concatenate(part)) for part in (firsts, seconds, leasts)
        )


class _Corrections:
    """The moves asked of every atom, and by how many terms it is asked.

    Parameters
    ----------
    atoms : Tensor, shape (n_copies, n_atoms, 3)
        The atoms that move.
    """

    def __init__(self, atoms: Tensor) -> None:
        self.total = torch.zeros_like(atoms)
        self.n_asking = torch.zeros_like(atoms[..., 0])
        n_copies, n_atoms = self.n_asking.shape
        self.first_rows = n_atoms * torch.arange(n_copies)[:, None]  # [copy, 1]

    def add(self, rows: Tensor, moves: Tensor, asks: Tensor) -> None:
        """Add moves of rows of all copies, or of flat rows where copies are flat."""
        is_flat = moves.dim() == 2  # noqa: PLR2004 - [row, 3], else [copy, row, 3]
        n_asking = self.n_asking.view(-1) if is_flat else self.n_asking
        n_asking.index_add_(asks.dim() - 1, rows, asks)
        # Sums over the first of two axes are several times faster than over the
        # second of three, and the same to the bit.
        flat = rows if is_flat else (self.first_rows + rows).view(-1)
        self.total.view(-1, 3).index_add_(0, flat, moves.reshape(-1, 3))

    def mean(self) -> Tensor:
        """Compute the mean of what is asked, a little overshot where several ask."""
        return self.total * (OVERSHOOT / self.n_asking.clamp(min=OVERSHOOT))[..., None]


def _correct_contacts(
    positions: Tensor,
    mobility: Tensor,
    contacts: ContactList,
    corrections: _Corrections,
) -> None:
    first, second, least = contacts  # rows of the flat positions
    gaps = positions[first] - positions[second]
    lengths = torch.linalg.vector_norm(gaps, dim=-1).clamp(min=SMALLEST_DISTANCE)
    lacking = torch.relu(least - lengths)
    push = (lacking / lengths)[:, None] * gaps
    n_atoms = len(mobility)
    fraction = _fraction(mobility[first % n_atoms], mobility[second % n_atoms])
    asks = (lacking > 0).to(positions.dtype)
    corrections.add(first, fraction * push, asks)
    corrections.add(second, (fraction - 1) * push, asks)


def _fraction(one: Tensor, other: Tensor) -> Tensor:
    """Compute which part of a push the first of two atoms takes; none if both stay."""
    return (one / (one + other)).nan_to_num(0.0)[:, None]
