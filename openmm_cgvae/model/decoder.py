"""The decoder: from beads and latents to atoms around their beads."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from openmm_cgvae.model.config import Messages, ModelConfig
from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.model.layers.basis import RadialBasis
from openmm_cgvae.model.layers.bonded_frames import (
    N_AXES,
    BeadFeatures,
    LocalFrames,
    orthonormal,
)
from openmm_cgvae.model.layers.kernels.fast_linear import linear
from openmm_cgvae.model.layers.messages import (
    EquivariantMessage,
    EquivariantUpdate,
    InvariantMessage,
    filter_matrix,
    hidden_and_last_layer,
    mlp,
)
from openmm_cgvae.model.layers.neighbour_sums import Neighbourhood, bead_graph
from openmm_cgvae.model.layers.oriented_messages import (
    BeadGraph,
    bead_graph_for,
    scalar_message,
)

__all__ = ["BondedFrameDecoder", "LocalFrameDecoder", "VectorDecoder", "place_atoms"]


class VectorDecoder(nn.Module):
    """The decoder of the paper: Eqs. 5, 6 and 8.

    Parameters
    ----------
    config : ModelConfig
        Sizes and forms.
    n_types : int
        Number of atom types; not needed here.
    """

    def __init__(self, config: ModelConfig, n_types: int = 0) -> None:
        super().__init__()
        del n_types
        self.config = config
        n_channels = config.n_channels
        self.basis = RadialBasis(config.n_radial, config.bead_cutoff)
        self.messages = nn.ModuleList(
            EquivariantMessage(n_channels, self.basis.n_functions, config.bead_degree)
            for _ in range(config.decoder_layers)
        )
        self.updates = nn.ModuleList(
            EquivariantUpdate(n_channels, mixes_vectors=config.mixes_vectors)
            for _ in range(config.decoder_layers)
        )

    def forward(
        self,
        batch: GraphBatch,
        latents: Float[Tensor, "n_beads n_channels"],
        edges: Neighbourhood | None = None,
    ) -> Float[Tensor, "n_beads 3 n_channels"]:
        """Compute the vector channels of every bead.

        Parameters
        ----------
        batch : GraphBatch
            The beads.
        latents : Tensor, shape (n_beads, n_channels)
            Latents z.
        edges : Neighbourhood, optional
            The bead graph, if it has been made already.

        Returns
        -------
        Tensor, shape (n_beads, 3, n_channels)
            Vectors V [Å].
        """
        edges = edges or bead_graph(batch, self.basis)
        scalars = latents
        pseudoscalars = torch.full_like(latents, self.config.pseudoscalar_init)
        vectors: Tensor | None = None  # zero so far
        pseudovectors: Tensor | None = None
        n_layers = len(self.messages)
        for layer, (message, update) in enumerate(
            zip(self.messages, self.updates, strict=True), start=1
        ):
            is_last = layer == n_layers
            d_scalars, d_pseudoscalars, d_vectors, d_pseudovectors = message(
                edges, scalars, pseudoscalars, vectors, pseudovectors, is_last=is_last
            )
            scalars, vectors = update(
                scalars + d_scalars,
                d_vectors if vectors is None else d_vectors.add_(vectors),
                is_last=is_last,
            )
            if d_pseudoscalars is not None:
                pseudoscalars = pseudoscalars + d_pseudoscalars
            if pseudovectors is None:
                pseudovectors = d_pseudovectors
            elif d_pseudovectors is not None:
                pseudovectors = d_pseudovectors.add_(pseudovectors)
        return torch.zeros_like(latents)[:, None] if vectors is None else vectors


class LocalFrameDecoder(nn.Module):
    """A decoder that places atoms in learned local frames.

    Scalar messages between beads give each bead its features; pairs of learned sums
    of directions, made orthonormal, give it frames; a network gives the coordinates
    of every channel in each frame. The third axis is a cross product, so the frames of
    a mirror image are not mirror images of the frames. Where all directions of a bead
    are parallel a frame has no second axis: its coordinates along it fade to zero
    instead of jumping.

    Parameters
    ----------
    config : ModelConfig
        Sizes and forms.
    n_types : int
        Number of atom types; not needed here.
    """

    def __init__(self, config: ModelConfig, n_types: int = 0) -> None:
        super().__init__()
        del n_types
        self.config = config
        n_channels, n_frames = config.n_channels, config.n_frames_of_bead
        self.basis = RadialBasis(config.n_radial, config.bead_cutoff)
        n_functions = self.basis.n_functions
        self.messages = nn.ModuleList(
            InvariantMessage(n_channels, n_functions, "sender", config.bead_degree)
            for _ in range(config.decoder_layers)
        )
        self.updates = nn.ModuleList(
            mlp(2 * n_channels, n_channels, n_channels)
            for _ in range(config.decoder_layers)
        )
        self.axis_filters = filter_matrix(n_functions, 2 * n_frames)
        self.axis_senders = mlp(n_channels, n_channels, 2 * n_frames)
        self.coordinates = mlp(n_channels, 2 * n_channels, n_channels * n_frames * 3)

    def forward(
        self,
        batch: GraphBatch,
        latents: Float[Tensor, "n_beads n_channels"],
        edges: Neighbourhood | None = None,
    ) -> Float[Tensor, "n_beads 3 n_read"]:
        """Compute the vector channels that atoms read; see `VectorDecoder.forward`."""
        edges = edges or bead_graph(batch, self.basis)
        scalars = latents
        for message, update in zip(self.messages, self.updates, strict=True):
            received = message(edges, scalars)
            scalars = scalars + update(torch.cat([scalars, received], -1))
        filters = edges.prepared(self.axis_filters)
        # [n, 3, 2 g]: two vectors for each of g frames.
        axes = edges.filtered_directions(filters, self.axis_senders(scalars))
        frames = orthonormal(*axes.chunk(2, -1)).flatten(2)  # [n, 3, axis * g]
        n_axes = frames.shape[-1]
        return frames @ _coordinates(self.coordinates, scalars, n_axes, batch)


class BondedFrameDecoder(nn.Module):
    """A decoder that places atoms in the frames a bead's bonds give it.

    Like the local-frame decoder, but the frames are no matter of learning: see
    `bonded_frames.LocalFrames`. An encoder that describes the atoms in the same frames
    leaves little to learn but the shapes of the beads.

    Parameters
    ----------
    config : ModelConfig
        Sizes and forms.
    n_types : int
        Number of atom types.
    """

    def __init__(self, config: ModelConfig, n_types: int) -> None:
        super().__init__()
        n_channels = config.n_channels
        messages: Messages = "oriented" if config.messages == "oriented" else "sender"
        self.messages_form = messages
        self.basis = RadialBasis(config.n_radial, config.bead_cutoff)
        self.features = BeadFeatures(config, n_types)
        self.messages = nn.ModuleList(
            scalar_message(config, self.basis.n_functions, messages)
            for _ in range(config.decoder_layers)
        )
        self.updates = nn.ModuleList(
            mlp(2 * n_channels, n_channels, n_channels)
            for _ in range(config.decoder_layers)
        )
        self.coordinates = mlp(n_channels, 2 * n_channels, n_channels * N_AXES)

    def forward(
        self,
        batch: GraphBatch,
        latents: Float[Tensor, "n_beads n_channels"],
        edges: BeadGraph | None = None,
    ) -> Float[Tensor, "n_beads 3 n_read"]:
        """Compute the vector channels that atoms read; see `VectorDecoder.forward`."""
        edges = edges or bead_graph_for(self.messages_form, batch, self.basis)
        frames = LocalFrames.of(batch)
        scalars = latents + self.features(batch, frames)
        for message, update in zip(self.messages, self.updates, strict=True):
            received = message(edges, scalars)
            scalars = scalars + update(torch.cat([scalars, received], -1))
        return frames.axes @ _coordinates(self.coordinates, scalars, N_AXES, batch)


def _coordinates(
    network: nn.Sequential,
    scalars: Float[Tensor, "n_beads n_channels"],
    n_axes: int,
    batch: GraphBatch,
) -> Float[Tensor, "n_beads n_axes n_read"]:
    """Compute the coordinates of the channels that atoms read, of most only a few."""
    hidden, last = hidden_and_last_layer(network, scalars)
    n_read = batch.largest_bead
    # Of the last layer, [n_axes * n_channels, n_hidden], only channels that are read.
    weight, bias = (
        parameter.unflatten(0, (n_axes, -1))[:, :n_read].flatten(0, 1)
        for parameter in (last.weight, last.bias)
    )
    return linear(hidden, weight, bias).unflatten(-1, (n_axes, n_read))


def place_atoms(
    bead_vectors: Float[Tensor, "n_beads 3 n_channels"],
    bead_positions: Float[Tensor, "n_beads 3"],
    bead_of_atom: Int[Tensor, " n_atoms"],
    channel_of_atom: Int[Tensor, " n_atoms"],
    weights: Float[Tensor, " n_atoms"],
    start: Float[Tensor, "n_atoms 3"] | None = None,
) -> Float[Tensor, "n_atoms 3"]:
    r"""Place every atom around its bead so that the beads are kept exactly.

    Atom :math:`i` reads its displacement from channel :math:`c(i)` of the vectors of
    its bead :math:`m(i)`, and each bead's weighted mean displacement is taken off:

    .. math::

        x_i = X_{m(i)} + V_{m(i), c(i)} - \sum_{j \in C_{m(i)}} w_j V_{m(j), c(j)}

    Parameters
    ----------
    bead_vectors : Tensor, shape (n_beads, 3, n_channels)
        Vectors V [Å].
    bead_positions : Tensor, shape (n_beads, 3)
        Bead centres X [Å].
    bead_of_atom, channel_of_atom : Tensor of int, shape (n_atoms,)
        Bead m(i) of each atom and its rank c(i) there.
    weights : Tensor, shape (n_atoms,)
        Weights w; one in sum over every bead, zeros allowed.
    start : Tensor, shape (n_atoms, 3), optional
        Displacements that those of the vectors are added to [Å].

    Returns
    -------
    Tensor, shape (n_atoms, 3)
        Atom positions [Å].

    References
    ----------
    Section 4.3 and appendix E.2.3-4 of the paper, for any weights.

    Examples
    --------
    >>> atoms = place_atoms(
    ...     bead_vectors=torch.tensor([[[1.0, -2.0], [0.0, 0.0], [0.0, 0.0]]]),
    ...     bead_positions=torch.tensor([[10.0, 0.0, 0.0]]),
    ...     bead_of_atom=torch.tensor([0, 0]),
    ...     channel_of_atom=torch.tensor([0, 1]),
    ...     weights=torch.tensor([0.5, 0.5]),
    ... )
    >>> atoms[:, 0].tolist()
    [11.5, 8.5]
    """
    # [bead, 3, channel] -> [bead * channel, 3]: rows are faster to take, and to put
    # back, than places along the last axis.
    rows = bead_vectors.mT.flatten(0, 1)
    place = bead_of_atom * bead_vectors.shape[-1] + channel_of_atom
    displacements = rows.index_select(0, place)
    if start is not None:
        displacements = displacements + start
    mean = torch.zeros_like(bead_positions).index_add(
        0, bead_of_atom, weights[:, None] * displacements
    )
    return (bead_positions - mean).index_select(0, bead_of_atom) + displacements
