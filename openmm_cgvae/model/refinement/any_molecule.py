"""MoleculeRefinement of any molecule, by what is known of the kinds of its atoms."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from openmm_cgvae.model.base import Molecule
from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.model.refinement.geometry_statistics import (
    N_BONDS_OF_PAIRS,
    GeometryStatistics,
    atom_pair_types,
    contact_classes,
    contacts_within,
    stereocentre_types,
)

N_NATURAL_DEVIATIONS = 2.0  # so far from their means things are left alone
OVERSHOOT = 1.4  # corrections of one atom are averaged, so they may be this bold
LARGEST_STEP = 0.5  # [A]
STEPS_OF_A_LIST = 8  # contacts are looked for anew after so many steps
ROOM = 0.6  # pairs so much farther apart than in contact are kept in the list [A]
SMALLEST_DISTANCE = 1e-2  # [A]
# How easily an atom gives way.
HYDROGEN_GIVES, HEAVY_GIVES = 1.0, 0.3


class TransferableRefinement(nn.Module):
    """Steps that take strain, wrong hands and clashes off a structure of a molecule.

    In each step every atom is moved by the mean of what is asked of it: distances up
    to three bonds to within two standard deviations of their means, the volumes of
    stereocentres likewise, and contacts to no less than what is rare in data. An
    atom that alone makes a bead stays where it is; otherwise beads are put back with
    the least motion. What is as the data have it does not move.

    Parameters
    ----------
    geometry : GeometryStatistics
        What is known of kinds of atoms.
    molecule : Molecule
        The molecule.
    n_steps : int
        Number of steps.
    """

    def __init__(
        self, geometry: GeometryStatistics, molecule: Molecule, n_steps: int
    ) -> None:
        super().__init__()
        table, mapping = molecule.atom_table, molecule.mapping
        self.n_steps = n_steps
        pairs, self.mean, self.room = _known_pairs(geometry, molecule)
        self.first, self.second = pairs.T
        self.centres, self.smallest = _known_centres(geometry, molecule)
        bonded = [table.pairs_within(n) for n in range(1, N_BONDS_OF_PAIRS + 1)]
        codes = [pair[:, 0] * table.n_atoms + pair[:, 1] for pair in bonded]
        self.bonded, self.third = codes[1], np.setdiff1d(codes[2], codes[1])
        self.classes = contact_classes(table)
        self.least = geometry.least.numpy()
        dtype = torch.get_default_dtype()
        heavy = torch.tensor(table.is_heavy, dtype=dtype)
        gives = HYDROGEN_GIVES + (HEAVY_GIVES - HYDROGEN_GIVES) * heavy
        weights = torch.tensor(mapping.weights, dtype=dtype)
        self.gives = torch.where(weights >= 1, 0.0, gives)
        bead_of_atom = torch.tensor(mapping.bead_of_atom)
        squares = torch.zeros(mapping.n_beads).index_add(0, bead_of_atom, weights**2)
        # The least motion of atoms that moves their bead by one.
        self.back = weights / squares[bead_of_atom]

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
        copies = batch.n_molecules
        atoms = positions.reshape(copies, -1, 3)
        gives = self.gives.to(atoms.dtype)
        for step in range(self.n_steps):
            if step % STEPS_OF_A_LIST == 0:
                contacts = self._contacts(atoms)
            moves, counts = torch.zeros_like(atoms), torch.zeros_like(atoms[..., 0])
            self._lengths(atoms, gives, moves, counts)
            self._hands(atoms, gives, moves, counts)
            _crowding(atoms, gives, contacts, moves, counts)
            moves *= OVERSHOOT / counts.clamp(min=OVERSHOOT)[..., None]
            atoms = atoms + self._bead_free(moves, batch)
        return atoms.reshape(-1, 3)

    def _bead_free(self, moves: Tensor, batch: GraphBatch) -> Tensor:
        """Take off what would move beads, with the least motion."""
        flat = moves.reshape(-1, 3)
        drift = flat.new_zeros(batch.n_beads, 3).index_add(
            0, batch.bead_of_atom, batch.weights[:, None] * flat
        )
        back = self.back.to(flat.dtype).repeat(batch.n_molecules)[:, None]
        return (flat - back * drift[batch.bead_of_atom]).reshape(moves.shape)

    def _lengths(
        self, atoms: Tensor, gives: Tensor, moves: Tensor, counts: Tensor
    ) -> None:
        gaps = atoms[:, self.first] - atoms[:, self.second]
        lengths = torch.linalg.vector_norm(gaps, dim=-1).clamp(min=SMALLEST_DISTANCE)
        wanted = torch.clamp(lengths, self.mean - self.room, self.mean + self.room)
        push = ((wanted - lengths) / lengths)[..., None] * gaps
        share = gives[self.first] / (gives[self.first] + gives[self.second])
        share = share.nan_to_num(0.0)[:, None]  # two atoms that both stay
        moves.index_add_(1, self.first, share * push)
        moves.index_add_(1, self.second, (share - 1) * push)
        active = (wanted != lengths).to(atoms.dtype)
        counts.index_add_(1, self.first, active)
        counts.index_add_(1, self.second, active)

    def _hands(
        self, atoms: Tensor, gives: Tensor, moves: Tensor, counts: Tensor
    ) -> None:
        centre, *ends = self.centres.unbind(1)
        a, b, c = (atoms[:, end] - atoms[:, centre] for end in ends)
        slopes = [
            torch.linalg.cross(b, c, dim=-1),
            torch.linalg.cross(c, a, dim=-1),
            torch.linalg.cross(a, b, dim=-1),
        ]
        slopes = [-(slopes[0] + slopes[1] + slopes[2]), *slopes]
        lacking = torch.relu(self.smallest - (a * slopes[1]).sum(-1))
        rows = self.centres.unbind(1)
        steepness = sum(
            gives[row] * (slope**2).sum(-1)
            for row, slope in zip(rows, slopes, strict=True)
        )
        scale = lacking / torch.as_tensor(steepness).clamp(min=SMALLEST_DISTANCE)
        active = (lacking > 0).to(atoms.dtype)
        for row, slope in zip(rows, slopes, strict=True):
            step = (scale * gives[row])[..., None] * slope
            length = torch.linalg.vector_norm(step, dim=-1, keepdim=True)
            moves.index_add_(1, row, step * (LARGEST_STEP / length.clamp(min=0.5)))
            counts.index_add_(1, row, active)

    def _contacts(self, atoms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """List the pairs of all copies that may be too close, and how close may be."""
        n_atoms = atoms.shape[1]
        firsts, seconds, leasts = [], [], []
        cutoff = float(self.least.max()) + ROOM
        for copy, structure in enumerate(atoms.detach().numpy()):
            pairs = contacts_within(structure, cutoff, self.bonded)
            codes = pairs[:, 0].astype(np.int64) * n_atoms + pairs[:, 1]
            far = (~np.isin(codes, self.third)).astype(int)
            one, other = self.classes[pairs].T
            least = self.least[far, one, other]
            gaps = structure[pairs[:, 0]] - structure[pairs[:, 1]]
            near = np.linalg.norm(gaps, axis=-1) < least + ROOM
            firsts.append(pairs[near, 0] + copy * n_atoms)
            seconds.append(pairs[near, 1] + copy * n_atoms)
            leasts.append(least[near])
        return tuple(  # type: ignore[return-value]
            torch.from_numpy(np.concatenate(part)) for part in (firsts, seconds, leasts)
        )


def _crowding(
    atoms: Tensor,
    gives: Tensor,
    contacts: tuple[Tensor, Tensor, Tensor],
    moves: Tensor,
    counts: Tensor,
) -> None:
    first, second, least = contacts
    flat, n_atoms = atoms.reshape(-1, 3), atoms.shape[1]
    gaps = flat[first] - flat[second]
    lengths = torch.linalg.vector_norm(gaps, dim=-1).clamp(min=SMALLEST_DISTANCE)
    lacking = torch.relu(least - lengths)
    push = (lacking / lengths)[:, None] * gaps
    one, other = gives[first % n_atoms], gives[second % n_atoms]
    share = (one / (one + other)).nan_to_num(0.0)[:, None]
    moves.reshape(-1, 3).index_add_(0, first, share * push)
    moves.reshape(-1, 3).index_add_(0, second, (share - 1) * push)
    active = (lacking > 0).to(atoms.dtype)
    counts.reshape(-1).index_add_(0, first, active)
    counts.reshape(-1).index_add_(0, second, active)


def _known_pairs(
    geometry: GeometryStatistics, molecule: Molecule
) -> tuple[Tensor, Tensor, Tensor]:
    """Give the pairs whose kind is known, their mean distances and their room."""
    pairs = molecule.atom_table.pairs_within(N_BONDS_OF_PAIRS)
    rank = {word: number for number, word in enumerate(geometry.kinds.pairs)}
    kinds = np.array(
        [rank.get(word, -1) for word in atom_pair_types(molecule.atom_table, pairs)],
        dtype=np.int64,
    )
    known = torch.from_numpy(kinds[kinds >= 0])
    room = N_NATURAL_DEVIATIONS * geometry.pair_deviation[known]
    return torch.from_numpy(pairs[kinds >= 0]), geometry.pair_mean[known], room


def _known_centres(
    geometry: GeometryStatistics, molecule: Molecule
) -> tuple[Tensor, Tensor]:
    """Give the stereocentres whose kind is known, and the least volume of each."""
    table = molecule.atom_table
    rank = {word: number for number, word in enumerate(geometry.kinds.centres)}
    kinds = np.array(
        [rank.get(word, -1) for word in stereocentre_types(table)], dtype=np.int64
    )
    known = torch.from_numpy(kinds[kinds >= 0])
    room = N_NATURAL_DEVIATIONS * geometry.volume_deviation[known]
    centres = torch.tensor(table.stereocentres)[torch.from_numpy(kinds >= 0)]
    return centres, geometry.volume_mean[known] - room
