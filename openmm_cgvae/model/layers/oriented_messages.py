"""Oriented messages: they say where the neighbour stands, not only how far away."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from openmm_cgvae.model.config import Messages, ModelConfig
from openmm_cgvae.model.graphs import GraphBatch, radius_edges
from openmm_cgvae.model.layers.basis import RadialBasis
from openmm_cgvae.model.layers.bonded_frames import LocalFrames
from openmm_cgvae.model.layers.messages import SMALLEST_SQUARE, InvariantMessage, mlp
from openmm_cgvae.model.layers.neighbour_sums import Neighbourhood, bead_graph

__all__ = [
    "BeadGraph",
    "OrientedEdges",
    "OrientedMessage",
    "bead_graph_for",
    "scalar_message",
]

# Either's direction in the frame of the other, and how the frames are turned.
N_ORIENTATION = 3 + 3 + 9


@dataclass(frozen=True, eq=False)
class OrientedEdges:
    """Pairs of neighbouring beads and how they stand to each other.

    Parameters
    ----------
    receivers, senders : Tensor of int, shape (n_edges,)
        The beads of each edge; both directions of a pair are there.
    features : Tensor, shape (n_edges, n_functions + N_ORIENTATION)
        The radial basis; the direction of the sender in the receiver's frame and the
        other way round; the axes of the one frame in the other. Invariant under
        rotation, and of other values for the mirror image.
    envelope : Tensor, shape (n_edges, 1)
        Falls to zero at the cutoff.
    n_beads : int
        Number of beads.
    """

    receivers: Int[Tensor, " n_edges"]
    senders: Int[Tensor, " n_edges"]
    features: Float[Tensor, "n_edges n_features"]
    envelope: Float[Tensor, "n_edges 1"]
    n_beads: int

    @classmethod
    def of(cls, batch: GraphBatch, basis: RadialBasis) -> "OrientedEdges":
        """Find the edges of a batch.

        Parameters
        ----------
        batch : GraphBatch
            The beads.
        basis : RadialBasis
            Basis; its cutoff is that of the graph.

        Returns
        -------
        OrientedEdges
            The edges.
        """
        beads = batch.bead_positions
        receivers, senders = radius_edges(beads, batch.molecule_of_bead, basis.cutoff)
        steps = beads[senders] - beads[receivers]
        distances = torch.sqrt((steps**2).sum(-1) + SMALLEST_SQUARE)
        directions = (steps / distances[:, None])[:, None]  # [n_edges, 1, xyz]
        # The first frame of a bead is that of its two nearest neighbours by bonds.
        frames = LocalFrames.of(batch).axes[..., :3]  # [n_beads, xyz, axis]
        here, there = frames[receivers], frames[senders]  # [n_edges, xyz, axis]
        radial = basis(distances)
        # Row vectors times axes as columns are coordinates; of axes times axes, nine.
        numbers = [
            radial,
            (directions @ here).flatten(1),
            (-directions @ there).flatten(1),
            (here.mT @ there).flatten(1),
        ]
        return cls(
            receivers, senders, torch.cat(numbers, -1), radial[:, -1:], batch.n_beads
        )


class OrientedMessage(nn.Module):
    r"""A scalar convolution whose filter sees where the sender stands.

    .. math::

        \sum_{J \in N(I)} c(d_{IJ})\, W(\mathrm{RBF}(d_{IJ}), F_I^T E_{IJ},
        F_J^T E_{JI}, F_I^T F_J) \circ L(H_J)

    with the bonded frames F of the beads, the unit vectors E from bead to bead and
    the envelope c. In a fold, what a side chain does depends on which side the
    neighbours are, which distances do not tell.

    Parameters
    ----------
    n_channels : int
        Features.
    n_functions : int
        Radial functions.
    degree : float
        The sum is divided by it.
    dropout : float
        Fraction of the edges that is left out in training.
    """

    def __init__(
        self, n_channels: int, n_functions: int, degree: float, dropout: float
    ) -> None:
        super().__init__()
        self.of_neighbours = nn.Dropout(dropout)
        self.of_features = nn.Dropout(0.0)
        self.filters = mlp(n_functions + N_ORIENTATION, n_channels, n_channels)
        self.network = mlp(n_channels, n_channels, n_channels)
        self.degree = degree

    def set_dropout(self, fraction: float) -> None:
        """Set the dropout of edges, and of the features of the senders."""
        self.of_neighbours.p = self.of_features.p = fraction

    def forward(
        self, edges: OrientedEdges, scalars: Float[Tensor, "n c"]
    ) -> Float[Tensor, "n c"]:
        """Compute the sum of the messages to every bead."""
        envelope = self.of_neighbours(edges.envelope) / self.degree
        weights = self.filters(edges.features) * envelope
        messages = weights * self.of_features(self.network(scalars))[edges.senders]
        return torch.zeros_like(scalars).index_add(0, edges.receivers, messages)


def scalar_message(
    config: ModelConfig, n_functions: int, messages: Messages
) -> nn.Module:
    """Build the scalar convolution of a form; see `ModelConfig.messages`.

    Parameters
    ----------
    config : ModelConfig
        Sizes.
    n_functions : int
        Radial functions.
    messages : {"product", "sender", "oriented"}
        The form.

    Returns
    -------
    nn.Module
        Called with the bead graph and the features of the beads.
    """
    n_channels, degree = config.n_channels, config.bead_degree
    if messages == "oriented":
        return OrientedMessage(n_channels, n_functions, degree, config.message_dropout)
    return InvariantMessage(n_channels, n_functions, messages, degree)


BeadGraph = Neighbourhood | OrientedEdges


def bead_graph_for(
    messages: Messages, batch: GraphBatch, basis: RadialBasis
) -> BeadGraph:
    """Find the edges that messages of a form go along; see `bead_graph`.

    Parameters
    ----------
    messages : {"product", "sender", "oriented"}
        The form.
    batch : GraphBatch
        The molecules.
    basis : RadialBasis
        Basis with the bead cutoff.

    Returns
    -------
    Neighbourhood or OrientedEdges
        The bead edges.
    """
    if messages == "oriented":
        return OrientedEdges.of(batch, basis)
    return bead_graph(batch, basis)
