"""The prior: what the beads alone say about their latents."""

import torch
from torch import Tensor, nn

from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.model.flow import Coupling, FlowDistribution
from openmm_cgvae.model.gaussian import Gaussian, GaussianHead
from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.model.layers.basis import RadialBasis
from openmm_cgvae.model.layers.bonded_frames import (
    BeadFeatures,
    LocalFrames,
    composition,
)
from openmm_cgvae.model.layers.messages import mlp
from openmm_cgvae.model.layers.oriented_messages import (
    BeadGraph,
    bead_graph_for,
    scalar_message,
)

__all__ = ["Prior"]


class Prior(nn.Module):
    """The prior of the paper (section 4.2, appendix E.1).

    A bead starts as the sum of the embeddings of its atoms' types, so it knows what
    it is made of but not where its atoms are. Distances between beads are the same
    in the mirror image; with ``prior_input="bonded_frames"`` a bead knows from the
    start where the beads are that it is bonded to, which differs in the mirror image.

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
        if config.prior_input == "types":
            self.embedding = nn.Embedding(n_types, config.n_channels)
        else:
            self.features = BeadFeatures(config, n_types)
        self.basis = RadialBasis(config.n_radial, config.bead_cutoff)
        self.messages = nn.ModuleList(
            scalar_message(config, self.basis.n_functions, config.messages)
            for _ in range(config.prior_layers)
        )
        if config.messages == "oriented":
            self.updates = nn.ModuleList(
                mlp(2 * config.n_channels, config.n_channels, config.n_channels)
                for _ in range(config.prior_layers)
            )
        self.head = GaussianHead(config.n_channels, config.latents_of_bead)
        if config.prior == "flow":
            couplings = [
                Coupling(config, self.basis.n_functions, moves_first=bool(layer % 2))
                for layer in range(config.flow_layers)
            ]
            self.flow = nn.ModuleList(couplings)

    def forward(
        self, batch: GraphBatch, edges: BeadGraph | None = None
    ) -> Gaussian | FlowDistribution:
        """Compute the prior of the latents.

        Parameters
        ----------
        batch : GraphBatch
            Molecules; atom positions are not looked at.
        edges : Neighbourhood or OrientedEdges, optional
            The bead graph, if it has been made already.

        Returns
        -------
        Gaussian or FlowDistribution
            What draws latents of shape (n_beads, n_latents) and gives their density.
        """
        edges = edges or bead_graph_for(self.config.messages, batch, self.basis)
        features = self._features(batch, edges)
        base = self.head(features)
        if self.config.prior == "gaussian":
            return base
        return FlowDistribution(base, list(self.flow), features, edges)  # type: ignore[arg-type]

    def gaussian(self, batch: GraphBatch, edges: BeadGraph | None = None) -> Gaussian:
        """Compute the Gaussian of the prior, without a flow on top of it.

        Parameters
        ----------
        batch : GraphBatch
            Molecules; atom positions are not looked at.
        edges : Neighbourhood or OrientedEdges, optional
            The bead graph, if it has been made already.

        Returns
        -------
        Gaussian
            Mean and standard deviation, shape (n_beads, n_latents).
        """
        edges = edges or bead_graph_for(self.config.messages, batch, self.basis)
        return self.head(self._features(batch, edges))

    def _features(
        self, batch: GraphBatch, edges: BeadGraph, known: Tensor | None = None
    ) -> Tensor:
        """Compute features of beads; ``known`` is added before the first message."""
        if self.config.prior_input == "types":
            made_of = self.embedding.weight / self.config.pool_degree
            scalars = composition(made_of, batch)
        else:
            scalars = self.features(batch, LocalFrames.of(batch))
        if known is not None:
            scalars = scalars + known
        for layer, message in enumerate(self.messages):
            received = message(edges, scalars)
            if self.config.messages == "oriented":
                received = self.updates[layer](torch.cat([scalars, received], -1))
            scalars = scalars + received
        return scalars
