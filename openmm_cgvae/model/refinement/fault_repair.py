"""FaultRepair: wrong chirality, cis and twisted amides and wrong bonds put right.

Beads of a simulation may ask for what no atoms can do, and corrections that are
averaged then end in a compromise with wrong bonds. Here a strain energy is minimised in
which bonds are stiffer than angles and amides are trans; beads are kept, or stay within
a slack. Only atoms near a fault move: sound structures are left as they are.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree
from torch import Tensor

from openmm_cgvae.model.base import Molecule
from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.model.refinement.contact_search import ContactSearch
from openmm_cgvae.model.refinement.geometry_refinement import ContactList
from openmm_cgvae.model.refinement.geometry_terms import GeometryTerms
from openmm_cgvae.model.refinement.strain import (
    Strain,
    amide_twists,
    torsion_gradients,
    volume_gradients,
)

__all__ = ["FaultRepair"]

# What is a fault: so far beyond what refinement leaves alone a bond is, or a distance
# of two bonds, or a contact [Å].
BOND_FAULT, ANGLE_FAULT, CONTACT_FAULT = 0.15, 0.30, 0.80
VOLUME_FAULT = 0.5  # of the least volume of a stereocentre
AMIDE_FAULT = float(np.radians(40.0))
RESIDUES_AROUND = 2  # that move too, on either side
# Steps of the minimiser (Adam, with one length for the three coordinates of an atom, so
# that it turns with the molecule) start at this length and fall to nothing [Å].
N_STEPS, LONGEST_STEP = 300, 0.06
MEMORY_OF_GRADIENT, MEMORY_OF_SQUARE, SMALLEST_SLOPE = 0.9, 0.99, 1e-3
STEPS_OF_CONTACT_LIST, CONTACT_LIST_MARGIN = 10, 0.6
REACH = 6.0  # atoms so near to those that move may come into contact with them [Å]


class FaultRepair:
    """Repair of structures of a molecule around their faults.

    It costs `N_STEPS` steps for the atoms near faults, and next to nothing where there
    is none.

    Parameters
    ----------
    terms : GeometryTerms
        Distances, stereocentres and amides of the molecule.
    search : ContactSearch
        Contacts of its atoms.
    molecule : Molecule
        The molecule.
    counter_move : Tensor, shape (n_atoms,)
        How far each atom goes back where its bead was moved by one.
    """

    def __init__(
        self,
        terms: GeometryTerms,
        search: ContactSearch,
        molecule: Molecule,
        counter_move: Tensor,
    ) -> None:
        self.terms, self.search = terms, search
        self.counter_move = counter_move
        table, mapping = molecule.atom_table, molecule.mapping
        self.residue_of_atom = torch.tensor(table.residue_of_atom)
        self.n_residues = table.n_residues
        between = np.unique(table.residue_of_atom[table.bonds], axis=0)
        self.joined = torch.tensor(between[between[:, 0] != between[:, 1]])
        self.bead_of_atom = torch.tensor(mapping.bead_of_atom)

    def __call__(
        self,
        positions: Float[Tensor, "n_atoms 3"],
        batch: GraphBatch,
        contacts: ContactList,
        bead_slack: float = 0.0,
    ) -> Float[Tensor, "n_atoms 3"]:
        """Repair structures.

        Parameters
        ----------
        positions : Tensor, shape (n_atoms, 3)
            Atoms of all copies [Å].
        batch : GraphBatch
            Copies of the molecule.
        contacts : tuple of Tensor
            Pairs of atoms in contact, and their least distances.
        bead_slack : float
            How far beads may move [Å].

        Returns
        -------
        Tensor, shape (n_atoms, 3)
            The atoms [Å]; copies without a fault as they were.
        """
        atoms = positions.reshape(batch.n_molecules, -1, 3)
        moves = self._around(self._faulty_atoms(atoms, contacts))  # [copy, atom]
        if not moves.any():
            return positions
        strain = Strain.around(self.terms, moves)
        rows = self._rows(positions, moves, strain)
        strain = strain.on(rows, len(positions))
        minimiser = _Minimiser(batch, rows, moves.reshape(-1)[rows])
        minimiser.counter_move = self.counter_move[rows % atoms.shape[1]]
        start = now = positions[rows]
        for step in range(N_STEPS):
            if step % STEPS_OF_CONTACT_LIST == 0:
                near = self._contacts(now, rows, moves)
            length = LONGEST_STEP * (1 - step / N_STEPS)
            now = minimiser.step(now, strain.gradient(now, near), length)
            now = minimiser.keep_beads(now, start, bead_slack)
        return positions.index_copy(0, rows, now)

    def _faulty_atoms(
        self, atoms: Float[Tensor, "n_copies n_atoms 3"], contacts: ContactList
    ) -> Bool[Tensor, "n_copies n_atoms"]:
        terms = self.terms
        found = torch.zeros(atoms.shape[:2], dtype=torch.bool)

        def mark(of_terms: Tensor, is_wrong: Tensor) -> None:
            copy, term = is_wrong.nonzero(as_tuple=True)
            for atom in of_terms[term].unbind(1):
                found[copy, atom] = True

        first, second = terms.pairs.unbind(1)
        lengths = torch.linalg.vector_norm(atoms[:, first] - atoms[:, second], dim=-1)
        off = (lengths - terms.mean).abs() - terms.tolerance
        limit = atoms.new_tensor([BOND_FAULT, ANGLE_FAULT, torch.inf])
        mark(terms.pairs, off > limit[terms.n_bonds - 1])
        volumes, _ = volume_gradients([atoms[:, row] for row in terms.centres.T])
        mark(terms.centres, volumes < VOLUME_FAULT * terms.least_volume)
        torsions, _ = torsion_gradients([atoms[:, row] for row in terms.amides.T])
        mark(terms.amides, amide_twists(torsions, terms.may_be_cis).abs() > AMIDE_FAULT)
        first, second, least = contacts  # rows of the flat positions
        flat, is_faulty = atoms.reshape(-1, 3), found.view(-1)
        gaps = torch.linalg.vector_norm(flat[first] - flat[second], dim=-1)
        crowded = least - gaps > CONTACT_FAULT
        is_faulty[first[crowded]] = True
        is_faulty[second[crowded]] = True
        return found

    def _around(
        self, faulty: Bool[Tensor, "n_copies n_atoms"]
    ) -> Bool[Tensor, "n_copies n_atoms"]:
        """Find the atoms of residues near faults, and of all beads that they are in."""
        near = _any_of(faulty, self.residue_of_atom, self.n_residues)
        first, second = self.joined.unbind(1)
        for _ in range(RESIDUES_AROUND):
            grown = near.long()
            grown = grown.index_add(1, first, near[:, second].long())
            near = grown.index_add(1, second, near[:, first].long()) > 0
        atoms = near[:, self.residue_of_atom]
        n_beads = int(self.bead_of_atom.max()) + 1
        return _any_of(atoms, self.bead_of_atom, n_beads)[:, self.bead_of_atom]

    def _rows(self, positions: Tensor, moves: Tensor, strain: Strain) -> Tensor:
        """Find rows of atoms that move, that share terms with them or may bump in."""
        is_kept = moves.reshape(-1).clone()
        for rows in (strain.pairs, strain.centres, strain.amides):
            is_kept[rows.reshape(-1)] = True
        for copy, moving in enumerate(moves):
            if moving.any():
                structure = positions.reshape(*moves.shape, 3)[copy].numpy()
                distance, _ = cKDTree(structure[moving.numpy()]).query(
                    structure, distance_upper_bound=REACH
                )
                here = slice(copy * len(moving), (copy + 1) * len(moving))
                is_kept[here] |= torch.from_numpy(np.isfinite(distance))
        return is_kept.nonzero()[:, 0]

    def _contacts(self, now: Tensor, rows: Tensor, moves: Tensor) -> ContactList:
        n_atoms = moves.shape[1]
        is_moving = moves.reshape(-1)[rows].numpy()
        copies, atoms = (rows // n_atoms).numpy(), (rows % n_atoms).numpy()
        firsts, leasts = [np.empty((0, 2), dtype=np.int64)], [np.empty(0)]
        for copy in np.unique(copies):
            chosen = np.flatnonzero(copies == copy)
            pairs, least = self.search.near(
                now[chosen].numpy(), atoms[chosen], CONTACT_LIST_MARGIN
            )
            pairs = chosen[pairs]
            counts = is_moving[pairs].any(axis=1)
            firsts.append(pairs[counts])
            leasts.append(least[counts])
        first, second = torch.from_numpy(np.concatenate(firsts)).unbind(1)
        return first, second, torch.from_numpy(np.concatenate(leasts)).to(now.dtype)


class _Minimiser:
    """Steps down a gradient, their lengths by what gradients were before."""

    def __init__(self, batch: GraphBatch, rows: Tensor, moves: Tensor) -> None:
        self.moves = moves[:, None]
        self.beads, self.bead_of_row = batch.bead_of_atom[rows].unique(
            return_inverse=True
        )
        self.weights = batch.weights[rows][:, None] * self.moves
        self.counter_move: Tensor
        self.gradient = self.square = torch.zeros(1)

    def step(self, now: Tensor, gradient: Tensor, length: float) -> Tensor:
        """Go one step, each atom at most so far."""
        gradient = gradient * self.moves
        square = (gradient**2).sum(-1, keepdim=True)
        self.gradient = torch.lerp(gradient, self.gradient, MEMORY_OF_GRADIENT)
        self.square = torch.lerp(square, self.square, MEMORY_OF_SQUARE)
        return now - length * self.gradient / (self.square.sqrt() + SMALLEST_SLOPE)

    def keep_beads(self, now: Tensor, start: Tensor, slack: float) -> Tensor:
        """Put beads back to within the slack, with the least motion of atoms."""
        drift = now.new_zeros(len(self.beads), 3).index_add(
            0, self.bead_of_row, self.weights * (now - start)
        )
        far = torch.linalg.vector_norm(drift, dim=-1, keepdim=True)
        excess = drift * torch.relu(1 - slack / far.clamp(min=1e-6))
        back = self.counter_move[:, None] * excess[self.bead_of_row]
        return now - back * self.moves


def _any_of(
    found: Bool[Tensor, "n_copies n_atoms"], part_of_atom: Tensor, n_parts: int
) -> Bool[Tensor, "n_copies n_parts"]:
    """Find the parts of which any atom is found."""
    counts = torch.zeros(len(found), n_parts, dtype=torch.int64)
    return counts.index_add(1, part_of_atom, found.long()) > 0
