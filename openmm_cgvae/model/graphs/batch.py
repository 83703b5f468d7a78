"""GraphBatch: any number of any molecules as one set of flat tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model.graphs.atom_types import atom_types_of
from openmm_cgvae.model.graphs.reference_beads import choose_references
from openmm_cgvae.molecules import AtomTable

__all__ = ["GraphBatch", "MoleculeGraph", "collate"]

N_BONDS_OF_CLOSE_PAIRS = 2  # the paper's "order for multi-hop graph", Table 4
LARGEST_PAIR_MATRIX = 256  # atoms


@dataclass(frozen=True, eq=False, kw_only=True)
class MoleculeGraph:
    """What a network needs to know of one molecule, apart from positions.

    Parameters
    ----------
    atom_types : Tensor of int, shape (n_atoms,)
        Index of each atom's type in the vocabulary of a model.
    bead_of_atom, channel_of_atom : Tensor of int, shape (n_atoms,)
        The assignment and the rank of each atom in its bead.
    weights : Tensor, shape (n_atoms,)
        Weight of each atom in its bead; sums to one over every bead.
    close_pairs : Tensor of int, shape (n_pairs, 2)
        Atoms at most two bonds apart, whose distances the graph loss compares.
    references : Tensor of int, shape (n_beads, N_REFERENCES)
        The beads nearest to each bead by bonds between beads, in the order of their
        indices' distance where that is the same, the one before it first.
    relations : Tensor of int, shape (n_beads, N_REFERENCES)
        How many bonds away each reference is, plus four if it stands after the bead;
        0 where the molecule has too few beads and one is repeated.
    n_beads : int
        Number of beads.
    """

    atom_types: Int[Tensor, " n_atoms"]
    bead_of_atom: Int[Tensor, " n_atoms"]
    channel_of_atom: Int[Tensor, " n_atoms"]
    weights: Float[Tensor, " n_atoms"]
    close_pairs: Int[Tensor, "n_pairs 2"]
    references: Int[Tensor, "n_beads n_references"]
    relations: Int[Tensor, "n_beads n_references"]
    n_beads: int
    _tiled: dict[int, "GraphBatch"] = field(default_factory=dict, repr=False)

    @classmethod
    def from_records(
        cls, atom_table: AtomTable, mapping: Mapping, vocabulary: Sequence[str]
    ) -> "MoleculeGraph":
        """Build the graph of a molecule from its atom table and mapping.

        Parameters
        ----------
        atom_table : AtomTable
            The atoms.
        mapping : Mapping
            Their beads.
        vocabulary : sequence of str
            Atom types a model knows, as `atom_types_of` spells them.

        Returns
        -------
        MoleculeGraph
            The graph.

        Raises
        ------
        ValueError
            If the records do not fit together or a type is not in the vocabulary.
        """
        if mapping.n_atoms != atom_table.n_atoms:
            raise ValueError(
                f"`mapping` maps {mapping.n_atoms} atoms but `atom_table` has "
                f"{atom_table.describe()}; make the mapping from the same atoms"
            )
        kind = "identity" if any(":" in word for word in vocabulary) else "element"
        words = atom_types_of(atom_table, kind)
        rank = {word: index for index, word in enumerate(vocabulary)}
        unknown = sorted(set(words) - set(rank))
        if unknown:
            raise ValueError(
                f"`atom_table` holds atom types the model does not know: "
                f"{', '.join(unknown[:8])}; train a model on such molecules"
            )
        references, relations = choose_references(
            mapping.bead_of_atom[atom_table.bonds], mapping.n_beads
        )
        return cls(
            references=torch.tensor(references),
            relations=torch.tensor(relations),
            atom_types=torch.tensor([rank[word] for word in words]),
            bead_of_atom=torch.tensor(mapping.bead_of_atom),
            channel_of_atom=torch.tensor(mapping.channel_of_atom),
            weights=torch.tensor(mapping.weights, dtype=torch.get_default_dtype()),
            close_pairs=torch.tensor(atom_table.pairs_within(N_BONDS_OF_CLOSE_PAIRS)),
            n_beads=mapping.n_beads,
        )

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.atom_types)

    def batch(
        self,
        bead_positions: Float[Tensor, "n_molecules n_beads 3"],
        atom_positions: Float[Tensor, "n_molecules n_atoms 3"] | None = None,
    ) -> "GraphBatch":
        """Build a batch of copies of this molecule, side by side.

        The static part is made once for each number of copies and kept.

        Parameters
        ----------
        bead_positions : Tensor, shape (n_molecules, n_beads, 3)
            Bead centres [Å].
        atom_positions : Tensor, shape (n_molecules, n_atoms, 3), optional
            Atom positions [Å]; needed to encode and to train.

        Returns
        -------
        GraphBatch
            The batch.
        """
        n_molecules = len(bead_positions)
        if n_molecules not in self._tiled:
            if len(self._tiled) > 8:
                self._tiled.clear()
            self._tiled[n_molecules] = collate([self] * n_molecules)
        static = self._tiled[n_molecules]
        return static.with_positions(
            bead_positions.reshape(-1, 3),
            None if atom_positions is None else atom_positions.reshape(-1, 3),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class GraphBatch:
    """Molecules side by side; indices count through the whole batch.

    Nothing here assumes that the molecules are alike. Where they have equally many
    beads or atoms, ``beads_each`` and ``atoms_each`` say how many, so that small
    molecules can be handled as dense blocks. ``is_pooled`` says that losses are means
    over the whole batch: for copies of one molecule that is the same as the paper's
    means over molecules, and takes less work. ``largest_bead`` is the number of atoms
    of the largest bead, and so of the channels that atoms read.

    Where all are copies of one small molecule, ``pair_matrix`` has a row for every
    close pair of it that takes the position of the second atom from that of the first:
    a matrix product and its gradient are faster than to gather and to scatter rows.
    """

    atom_types: Int[Tensor, " n_atoms"]
    bead_of_atom: Int[Tensor, " n_atoms"]
    channel_of_atom: Int[Tensor, " n_atoms"]
    weights: Float[Tensor, " n_atoms"]
    close_pairs: Int[Tensor, "n_pairs 2"]
    references: Int[Tensor, "n_beads n_references"]
    relations: Int[Tensor, "n_beads n_references"]
    molecule_of_atom: Int[Tensor, " n_atoms"]
    molecule_of_bead: Int[Tensor, " n_beads"]
    n_molecules: int
    is_pooled: bool
    largest_bead: int
    atoms_each: int | None
    beads_each: int | None
    bead_positions: Float[Tensor, "n_beads 3"]
    atom_positions: Float[Tensor, "n_atoms 3"] | None = None
    pair_matrix: Float[Tensor, "pairs_each atoms_each"] | None = None

    @property
    def n_beads(self) -> int:
        """Number of beads of all molecules together."""
        return len(self.molecule_of_bead)

    @property
    def n_atoms(self) -> int:
        """Number of atoms of all molecules together."""
        return len(self.atom_types)

    def with_positions(
        self,
        bead_positions: Float[Tensor, "n_beads 3"],
        atom_positions: Float[Tensor, "n_atoms 3"] | None = None,
    ) -> "GraphBatch":
        """Return the same batch with other positions.

        Parameters
        ----------
        bead_positions : Tensor, shape (n_beads, 3)
            Bead centres [Å].
        atom_positions : Tensor, shape (n_atoms, 3), optional
            Atom positions [Å].

        Returns
        -------
        GraphBatch
            The new batch; everything else is shared.
        """
        return replace(
            self, bead_positions=bead_positions, atom_positions=atom_positions
        )

    def to(self, device: torch.device | str) -> "GraphBatch":
        """Return the batch with every tensor on a device."""
        moved: dict[str, Any] = {
            name: value.to(device) if isinstance(value, Tensor) else value
            for name, value in self.__dict__.items()
        }
        return replace(self, **moved)


def collate(
    graphs: Sequence[MoleculeGraph],
    bead_positions: Sequence[Tensor] | None = None,
    atom_positions: Sequence[Tensor] | None = None,
    *,
    is_pooled: bool = False,
) -> GraphBatch:
    """Build a batch of any molecules, side by side.

    Parameters
    ----------
    graphs : sequence of MoleculeGraph
        The molecules.
    bead_positions, atom_positions : sequence of Tensor, optional
        Positions of the beads and atoms of each molecule [Å]; beads are put at the
        origin where none are given.
    is_pooled : bool
        Whether losses average over all atoms alike, also of unlike molecules.

    Returns
    -------
    GraphBatch
        The batch.
    """
    are_copies = all(graph is graphs[0] for graph in graphs)
    n_atoms = torch.tensor([graph.n_atoms for graph in graphs])
    n_beads = torch.tensor([graph.n_beads for graph in graphs])
    atom_starts = (n_atoms.cumsum(0) - n_atoms).tolist()
    bead_starts = (n_beads.cumsum(0) - n_beads).tolist()
    weights = torch.cat([graph.weights for graph in graphs])
    channels = torch.cat([graph.channel_of_atom for graph in graphs])
    index = torch.arange(len(graphs))
    return GraphBatch(
        atom_types=torch.cat([graph.atom_types for graph in graphs]),
        bead_of_atom=_shifted([graph.bead_of_atom for graph in graphs], bead_starts),
        channel_of_atom=channels,
        weights=weights,
        close_pairs=_shifted([graph.close_pairs for graph in graphs], atom_starts),
        references=_shifted([graph.references for graph in graphs], bead_starts),
        relations=torch.cat([graph.relations for graph in graphs]),
        molecule_of_atom=index.repeat_interleave(n_atoms),
        molecule_of_bead=index.repeat_interleave(n_beads),
        n_molecules=len(graphs),
        is_pooled=is_pooled or are_copies,
        largest_bead=int(channels.max()) + 1,
        pair_matrix=_pair_matrix(graphs[0]) if are_copies else None,
        atoms_each=int(n_atoms[0]) if len(set(n_atoms.tolist())) == 1 else None,
        beads_each=int(n_beads[0]) if len(set(n_beads.tolist())) == 1 else None,
        bead_positions=(
            weights.new_zeros(int(n_beads.sum()), 3)
            if bead_positions is None
            else torch.cat(list(bead_positions))
        ),
        atom_positions=(
            None if atom_positions is None else torch.cat(list(atom_positions))
        ),
    )


def _pair_matrix(graph: MoleculeGraph) -> Tensor | None:
    """Build the matrix of the differences of close pairs, if it is small."""
    if graph.n_atoms > LARGEST_PAIR_MATRIX:
        return None
    matrix = torch.zeros(len(graph.close_pairs), graph.n_atoms).to(graph.weights)
    for column, sign in zip(graph.close_pairs.T, (1.0, -1.0), strict=True):
        matrix[torch.arange(len(matrix)), column] = sign
    return matrix


def _shifted(parts: Sequence[Tensor], starts: Sequence[int]) -> Tensor:
    return torch.cat([p + start for p, start in zip(parts, starts, strict=True)])
