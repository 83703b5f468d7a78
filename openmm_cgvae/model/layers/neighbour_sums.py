"""Filtered sums over neighbours, in one of two layouts with the same result."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from openmm_cgvae.model.graphs import GraphBatch, radius_edges
from openmm_cgvae.model.layers.basis import RadialBasis
from openmm_cgvae.model.layers.kernels.fused_sums import gated_sum, stacked_sum

__all__ = [
    "DenseNeighbourhood",
    "Neighbourhood",
    "SparseNeighbourhood",
    "bead_graph",
    "neighbourhood",
]

# Alike molecules of up to so many nodes are handled as dense blocks: at 175 nodes
# the dense sums are still several times faster than edge lists.
LARGEST_DENSE_BLOCK = 192
# Messages along edges are made so many numbers at a time: memory that is used again
# is in the cache, and fresh memory costs several times what is done with it.
LARGEST_PART = 2**18


class Neighbourhood(ABC):
    """The edges of a batch of graphs, ready to sum over.

    A filter is linear in the radial basis: ``W_c(d) = sum_k A[k, c] R_k(d)``. All
    sums run over the neighbours J of each node I, closer than the cutoff, itself
    left out. Values have channels last, ``[n, c]`` or ``[n, 3, c]``, so that inner
    loops run along channels.

    Sums take filters as `prepared` gives them, or channels of those: several sums
    can share one preparation.
    """

    def prepared(self, filters: Float[Tensor, "k c"]) -> Float[Tensor, "*pairs c"]:
        """Return the weights of all pairs, or the filters where there are too many."""
        return filters

    @abstractmethod
    def filtered_sum(
        self, filters: Float[Tensor, "*pairs c"], values: Float[Tensor, "n *xyz c"]
    ) -> Float[Tensor, "n *xyz c"]:
        """Compute ``sum_J W_c(d_IJ) values[J, c]`` over neighbours of all nodes I."""

    def gated_sum(
        self,
        filters: Float[Tensor, "*pairs mc"],
        gates: Float[Tensor, "n mc"],
        vectors: Float[Tensor, "n 3 c"],
    ) -> Float[Tensor, "n 3 m c"]:
        """Compute ``sum_J W_mc(d_IJ) gates[J, m, c] vectors[J, c]``.

        Filters and gates come in m groups of as many channels as the vectors have.
        """
        parts = gates.unflatten(-1, (-1, vectors.shape[-1]))
        values = (parts[:, None] * vectors[:, :, None]).flatten(2)
        return self.filtered_sum(filters, values).unflatten(2, parts.shape[1:])

    @abstractmethod
    def filtered_directions(
        self, filters: Float[Tensor, "*pairs c"], values: Float[Tensor, "n c"]
    ) -> Float[Tensor, "n 3 c"]:
        """Compute ``sum_J W_c(d_IJ) values[J, c] E_IJ``, with unit vectors E."""

    @abstractmethod
    def plain_sum(self, values: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
        """Compute ``sum_J values[J, c]`` over neighbours without a filter."""

    @abstractmethod
    def pair_sum(
        self,
        filters: Float[Tensor, "k c"],
        values: Float[Tensor, "n c"],
        network: Callable[[Tensor], Tensor],
    ) -> Float[Tensor, "n c"]:
        """Compute ``sum_J W_c(d_IJ) network(values[I] * values[J])``."""


class DenseNeighbourhood(Neighbourhood):
    """All pairs within small molecules that are alike; pairs too far weigh nothing.

    Parameters
    ----------
    positions : Tensor, shape (n_molecules * n_nodes, 3)
        Positions [Å].
    n_molecules : int
        Number of molecules.
    basis : RadialBasis
        Basis; its cutoff is the cutoff of the graph.
    """

    def __init__(
        self, positions: Float[Tensor, "n 3"], n_molecules: int, basis: RadialBasis
    ) -> None:
        blocks = positions.reshape(n_molecules, -1, 3)
        self.n_nodes = blocks.shape[1]
        # With few neighbours it is cheapest to form the weight of each; with more
        # of them than functions, to let one product sum over both.
        self.is_small = self.n_nodes <= basis.n_functions
        displacements = blocks[:, None, :, :] - blocks[:, :, None, :]  # [b, i, j, 3]
        # A node is no neighbour of its own.
        distances = torch.linalg.vector_norm(displacements, dim=-1) + torch.diag(
            positions.new_full((self.n_nodes,), basis.cutoff)
        )
        self.inside = (distances < basis.cutoff).to(positions.dtype)
        nonzero = torch.where(distances > 0, distances, 1.0)
        self.directions = displacements / nonzero[..., None]
        # The basis as [b, i, j, k], and stacked as [b, i, k * j].
        if self.is_small:
            self.basis = basis(distances)
        else:
            by_function = basis(distances, axis=2)
            self.basis = by_function.transpose(2, 3)
            self._stacked = by_function.flatten(2)
        self._turned: Tensor | None = None

    def _basis_of_turns(self) -> Tensor:
        """Basis of the pairs i, i + turn: each pair once, [b, turn, i, k]."""
        if self._turned is not None:
            return self._turned
        nodes = torch.arange(self.n_nodes, device=self.basis.device)
        turns = torch.arange(1, self.n_nodes // 2 + 1, device=self.basis.device)
        turned = self.basis[:, nodes, (nodes + turns[:, None]) % self.n_nodes]
        if self.n_nodes % 2 == 0:
            # Half a turn meets every pair from both of its ends.
            halves = torch.ones_like(turned[0, :, :1, :1])
            halves[-1] = 0.5
            turned = turned * halves
        self._turned = turned
        return turned

    def _blocks(self, values: Tensor) -> Tensor:
        return values.reshape(-1, self.n_nodes, *values.shape[1:])

    def prepared(self, filters: Float[Tensor, "k c"]) -> Float[Tensor, "*pairs c"]:
        """Return the weights of pairs, or the filters; see `Neighbourhood`."""
        return self.basis @ filters if self.is_small else filters

    def filtered_sum(
        self, filters: Float[Tensor, "*pairs c"], values: Float[Tensor, "n *xyz c"]
    ) -> Float[Tensor, "n *xyz c"]:
        """Compute sums of filtered values; see `Neighbourhood`."""
        blocks = self._blocks(values)  # [b, j, ..., c]
        blocks = blocks.reshape(*blocks.shape[:2], -1, blocks.shape[-1])
        if not self.is_small:
            return stacked_sum(self._stacked, filters, blocks).reshape(values.shape)
        # As `gated_sum` wants them, with axes x and m: [b, i, j, 1, 1, c].
        weights = filters[..., None, None, :]
        return gated_sum(weights, None, blocks[:, :, :, None]).reshape(values.shape)

    def gated_sum(
        self,
        filters: Float[Tensor, "*pairs mc"],
        gates: Float[Tensor, "n mc"],
        vectors: Float[Tensor, "n 3 c"],
    ) -> Float[Tensor, "n 3 m c"]:
        """Compute sums of gated vectors; see `Neighbourhood`."""
        if not self.is_small:
            return super().gated_sum(filters, gates, vectors)
        groups = (1, -1, vectors.shape[-1])
        # All with axes x, m and c; one of length one is repeated.
        weights = filters.unflatten(-1, groups)
        factors = self._blocks(gates).unflatten(-1, groups)
        blocks = self._blocks(vectors)[..., None, :]
        return gated_sum(weights, factors, blocks).flatten(0, 1)

    def filtered_directions(
        self, filters: Float[Tensor, "*pairs c"], values: Float[Tensor, "n c"]
    ) -> Float[Tensor, "n 3 c"]:
        """Compute sums of filtered directions; see `Neighbourhood`."""
        weights = filters if self.is_small else self.basis @ filters
        gated = weights * self._blocks(values)[:, None]  # [b, i, j, c]
        return (self.directions.transpose(-1, -2) @ gated).flatten(0, 1)

    def plain_sum(self, values: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
        """Compute sums of values; see `Neighbourhood`."""
        return torch.bmm(self.inside, self._blocks(values)).flatten(0, 1)

    def pair_sum(
        self,
        filters: Float[Tensor, "k c"],
        values: Float[Tensor, "n c"],
        network: Callable[[Tensor], Tensor],
    ) -> Float[Tensor, "n c"]:
        """Compute sums over pairs; see `Neighbourhood`."""
        if self.n_nodes == 1:
            return torch.zeros_like(values)
        # Both nodes of a pair get the same message, so each pair is looked at once.
        blocks = self._blocks(values)
        turns = range(1, self.n_nodes // 2 + 1)
        products = torch.stack([blocks * blocks.roll(-turn, 1) for turn in turns], 1)
        messages = (self._basis_of_turns() @ filters) * network(products)
        # [b, turn, i, c]: what goes to i, and turned back, to the other of the pair.
        total = messages.sum(1)
        for turn, of_turn in zip(turns, messages.unbind(1), strict=True):
            total = total + of_turn.roll(turn, 1)
        return total.flatten(0, 1)


class SparseNeighbourhood(Neighbourhood):
    """A list of edges sorted by receiver: any molecules, any sizes.

    Parameters
    ----------
    positions : Tensor, shape (n_nodes, 3)
        Positions [Å].
    edges : Tensor of int, shape (2, n_edges)
        Receivers and senders.
    basis : RadialBasis
        Basis.
    """

    def __init__(
        self,
        positions: Float[Tensor, "n 3"],
        edges: Int[Tensor, "2 e"],
        basis: RadialBasis,
    ) -> None:
        self.n_nodes = len(positions)
        self.receivers, self.senders = edges
        displacements = positions[self.senders] - positions[self.receivers]
        distances = torch.linalg.vector_norm(displacements, dim=-1)
        self.basis = basis(distances)
        nonzero = torch.where(distances > 0, distances, 1.0)
        self.directions = displacements / nonzero[:, None]

    def _parts(self, n_numbers: int) -> Iterator[slice]:
        """Cut the list so that the messages of a part stay in the cache."""
        length = max(1, LARGEST_PART // n_numbers)
        for start in range(0, len(self.receivers), length):
            yield slice(start, start + length)

    def _collect(self, messages: Tensor) -> Tensor:
        total = messages.new_zeros(self.n_nodes, *messages.shape[1:])
        return total.index_add(0, self.receivers, messages)

    def filtered_sum(
        self, filters: Float[Tensor, "*pairs c"], values: Float[Tensor, "n *xyz c"]
    ) -> Float[Tensor, "n *xyz c"]:
        """Compute sums of filtered values; see `Neighbourhood`."""
        total = torch.zeros_like(values)
        extra = (1,) * (values.dim() - 2)
        for part in self._parts(values[0].numel()):
            weights = self.basis[part] @ filters
            weights = weights.reshape(len(weights), *extra, weights.shape[1])
            messages = weights * values[self.senders[part]]
            total.index_add_(0, self.receivers[part], messages)
        return total

    def filtered_directions(
        self, filters: Float[Tensor, "*pairs c"], values: Float[Tensor, "n c"]
    ) -> Float[Tensor, "n 3 c"]:
        """Compute sums of filtered directions; see `Neighbourhood`."""
        total = values.new_zeros(self.n_nodes, 3, values.shape[1])
        for part in self._parts(total[0].numel()):
            weights = (self.basis[part] @ filters) * values[self.senders[part]]
            messages = weights[:, None, :] * self.directions[part][..., None]
            total.index_add_(0, self.receivers[part], messages)
        return total

    def plain_sum(self, values: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
        """Compute sums of values; see `Neighbourhood`."""
        return self._collect(values[self.senders])

    def pair_sum(
        self,
        filters: Float[Tensor, "k c"],
        values: Float[Tensor, "n c"],
        network: Callable[[Tensor], Tensor],
    ) -> Float[Tensor, "n c"]:
        """Compute sums over pairs; see `Neighbourhood`."""
        # Both nodes of a pair get the same message, so each pair is looked at once.
        once = torch.nonzero(self.receivers < self.senders).squeeze(1)
        first, second = self.receivers[once], self.senders[once]
        products = values[first] * values[second]
        messages = (self.basis[once] @ filters) * network(products)
        total = torch.zeros_like(values).index_add(0, first, messages)
        return total.index_add(0, second, messages)


def neighbourhood(
    positions: Float[Tensor, "n 3"],
    molecule_of_node: Int[Tensor, " n"],
    nodes_each: int | None,
    basis: RadialBasis,
) -> Neighbourhood:
    """Build the edges in the layout that is faster for a batch.

    Parameters
    ----------
    positions : Tensor, shape (n_nodes, 3)
        Positions [Å].
    molecule_of_node : Tensor of int, shape (n_nodes,)
        Molecule of every node.
    nodes_each : int or None
        Nodes of each molecule where all are alike.
    basis : RadialBasis
        Basis; its cutoff is the cutoff of the graph.

    Returns
    -------
    Neighbourhood
        The edges, ready to sum over.
    """
    if nodes_each is not None and nodes_each <= LARGEST_DENSE_BLOCK:
        return DenseNeighbourhood(positions, len(positions) // nodes_each, basis)
    edges = radius_edges(positions, molecule_of_node, basis.cutoff)
    return SparseNeighbourhood(positions, edges, basis)


def bead_graph(batch: GraphBatch, basis: RadialBasis) -> Neighbourhood:
    """Find which beads of a batch are neighbours.

    Beads closer than the cutoff are. The paper joins beads whose atoms are close,
    but when atoms are to be made from beads there are none to look at.

    Parameters
    ----------
    batch : GraphBatch
        The molecules.
    basis : RadialBasis
        Basis with the bead cutoff.

    Returns
    -------
    Neighbourhood
        The bead edges.
    """
    return neighbourhood(
        batch.bead_positions, batch.molecule_of_bead, batch.beads_each, basis
    )
