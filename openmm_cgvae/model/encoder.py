"""The posterior: what the atoms say about the latents of their beads."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.model.gaussian import Gaussian, GaussianHead
from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.model.layers.basis import RadialBasis
from openmm_cgvae.model.layers.bonded_frames import (
    N_AXES,
    BeadFeatures,
    LocalFrames,
    embedded_sum,
)
from openmm_cgvae.model.layers.kernels.fused_sums import cross_product
from openmm_cgvae.model.layers.messages import (
    SMALLEST_SQUARE,
    InvariantMessage,
    filter_matrix,
    gathered_rows,
    mlp,
)
from openmm_cgvae.model.layers.neighbour_sums import (
    Neighbourhood,
    bead_graph,
    neighbourhood,
)
from openmm_cgvae.model.layers.oriented_messages import BeadGraph

__all__ = ["BondedFrameEncoder", "DistanceEncoder", "SignedEncoder"]


class DistanceEncoder(nn.Module):
    """The encoder of the paper: Eqs. 2-4 with appendix E.1.

    It sees distances alone, so it cannot tell a structure from its mirror image.

    Parameters
    ----------
    config : ModelConfig
        Sizes and forms.
    n_types : int
        Number of atom types.
    """

    def __init__(self, config: ModelConfig, n_types: int) -> None:
        super().__init__()
        self.config = config
        n_channels, layers = config.n_channels, range(config.encoder_layers)
        self.embedding = nn.Embedding(n_types, n_channels)
        self.atom_basis = RadialBasis(config.n_radial, config.atom_cutoff)
        self.bead_basis = RadialBasis(config.n_radial, config.bead_cutoff)
        n_functions = self.atom_basis.n_functions
        sizes = (n_channels, n_functions, config.messages)
        self.atom_messages = nn.ModuleList(
            InvariantMessage(*sizes, config.atom_degree) for _ in layers
        )
        self.pool_filters = nn.ParameterList(
            filter_matrix(n_functions, n_channels) for _ in layers
        )
        self.pool_networks = nn.ModuleList(
            mlp(n_channels, n_channels, n_channels) for _ in layers
        )
        self.bead_messages = nn.ModuleList(
            InvariantMessage(*sizes, config.bead_degree) for _ in layers
        )
        self.head = GaussianHead(config.n_channels, config.latents_of_bead)

    def forward(
        self, batch: GraphBatch, edges: Neighbourhood | None = None
    ) -> Gaussian:
        """Compute the posterior of the latents.

        Parameters
        ----------
        batch : GraphBatch
            Molecules with atom positions.
        edges : Neighbourhood, optional
            The bead graph, if it has been made already.

        Returns
        -------
        Gaussian
            Mean and standard deviation, shape (n_beads, n_latents).
        """
        atoms = _atom_positions(batch)
        atom_edges = neighbourhood(
            atoms, batch.molecule_of_atom, batch.atoms_each, self.atom_basis
        )
        bead_edges = edges or bead_graph(batch, self.bead_basis)
        distances = torch.linalg.vector_norm(
            atoms - batch.bead_positions[batch.bead_of_atom], dim=-1
        )
        pool_basis = self.bead_basis(distances)
        # At first the atoms of a type are alike.
        scalars: Tensor = self.embedding.weight
        types: Tensor | None = batch.atom_types
        beads = scalars.new_zeros(batch.n_beads, self.config.n_channels)
        for atom_message, filters, network, bead_message in zip(
            self.atom_messages,
            self.pool_filters,
            self.pool_networks,
            self.bead_messages,
            strict=True,
        ):
            received = atom_message(atom_edges, scalars, types)
            # [n_types, c] before the first layer, [n_atoms, c] after it.
            scalars, types = gathered_rows(scalars, types) + received, None
            messages = (pool_basis @ filters) * network(scalars)
            pooled = beads.index_add(
                0, batch.bead_of_atom, messages / self.config.pool_degree
            )
            # Eq. 4 adds the messages between the pooled features to what the bead
            # had before pooling.
            beads = beads + bead_message(bead_edges, pooled)
        return self.head(beads)


class SignedEncoder(nn.Module):
    r"""An encoder that knows a structure from its mirror image.

    Each bead sums its atoms' displacements with learned coefficients of the atom
    types, :math:`U_I = \sum_i a_i (x_i - X_I)`, and compares them with three learned
    axes of its surroundings, :math:`B_1` and :math:`B_2` sums of filtered directions
    and :math:`B_3 = B_1 \times B_2`. The products :math:`\langle U, B_m \rangle` are
    invariant under rotation; the third changes sign under reflection.

    Parameters
    ----------
    config : ModelConfig
        Sizes and forms.
    n_types : int
        Number of atom types.
    """

    def __init__(self, config: ModelConfig, n_types: int) -> None:
        super().__init__()
        self.config = config
        n_channels = config.n_channels
        self.embedding = nn.Embedding(n_types, n_channels)
        self.bead_basis = RadialBasis(config.n_radial, config.bead_cutoff)
        n_functions = self.bead_basis.n_functions
        self.axis_filters = filter_matrix(n_functions, 2 * n_channels)
        self.network = mlp(4 * n_channels, 2 * n_channels, n_channels)
        self.bead_messages = nn.ModuleList(
            InvariantMessage(
                n_channels, n_functions, config.messages, config.bead_degree
            )
            for _ in range(config.encoder_layers)
        )
        self.head = GaussianHead(config.n_channels, config.latents_of_bead)

    def forward(
        self, batch: GraphBatch, edges: Neighbourhood | None = None
    ) -> Gaussian:
        """Compute the posterior of the latents; see `DistanceEncoder.forward`."""
        bead_edges = edges or bead_graph(batch, self.bead_basis)
        scalars = self.network(self._invariants(batch, bead_edges))
        for message in self.bead_messages:
            scalars = scalars + message(bead_edges, scalars)
        return self.head(scalars)

    def _invariants(
        self, batch: GraphBatch, edges: Neighbourhood
    ) -> Float[Tensor, "n_beads features"]:
        n_channels = self.config.n_channels
        relative = _atom_positions(batch) - batch.bead_positions[batch.bead_of_atom]
        weights = self.embedding.weight / self.config.pool_degree
        inner = embedded_sum(relative, weights, batch)  # U: [n, 3, c]
        ones = inner.new_ones(batch.n_beads, 2 * n_channels)
        filters = edges.prepared(self.axis_filters)
        # [n, 3, 2 c] -> the axes B1 and B2, each [n, 3, c].
        first, second = edges.filtered_directions(filters, ones).chunk(2, -1)
        third = cross_product(first, second)
        # Over the components: four invariants of each channel, [n, 4 c] in the end.
        products = [(inner * axis).sum(1) for axis in (first, second, third)]
        return torch.cat(
            [*products, torch.sqrt((inner * inner).sum(1) + SMALLEST_SQUARE)], -1
        )


class BondedFrameEncoder(nn.Module):
    r"""An encoder that describes a bead's atoms in the frames its bonds give it.

    Like the signed encoder, with the products
    :math:`\langle U_I, e \rangle` of the sums of displacements with the axes of the
    frames of `bonded_frames.LocalFrames`, which the decoder and the prior know too.

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
        self.pool_degree = config.pool_degree
        self.features = BeadFeatures(config, n_types)
        self.embedding = nn.Embedding(n_types, n_channels)
        self.network = mlp((N_AXES + 2) * n_channels, 2 * n_channels, n_channels)
        self.head = GaussianHead(config.n_channels, config.latents_of_bead)

    def forward(self, batch: GraphBatch, edges: BeadGraph | None = None) -> Gaussian:
        """Compute the posterior of the latents; see `DistanceEncoder.forward`."""
        del edges
        frames = LocalFrames.of(batch)
        relative = _atom_positions(batch) - batch.bead_positions[batch.bead_of_atom]
        inner = embedded_sum(relative, self.embedding.weight / self.pool_degree, batch)
        lengths = torch.sqrt((inner * inner).sum(1) + SMALLEST_SQUARE)
        # [n, axis, 3] @ [n, 3, c]: coordinates in all frames, flat.
        products = (frames.axes.mT @ inner).flatten(1)
        seen = [products, lengths, self.features(batch, frames)]
        return self.head(self.network(torch.cat(seen, -1)))


def _atom_positions(batch: GraphBatch) -> Tensor:
    if batch.atom_positions is None:
        raise ValueError(
            "`batch` has no atom positions but the encoder needs them; "
            "make the batch with atom_positions="
        )
    return batch.atom_positions
