"""The encoder, prior and decoder that models of one and of many molecules share."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from openmm_cgvae.model.base import BEADS_PER_BATCH, Molecule, Reconstruction
from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.model.decoder import (
    BondedFrameDecoder,
    LocalFrameDecoder,
    VectorDecoder,
    place_atoms,
)
from openmm_cgvae.model.encoder import (
    BondedFrameEncoder,
    DistanceEncoder,
    SignedEncoder,
)
from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.model.layers.basis import RadialBasis
from openmm_cgvae.model.layers.oriented_messages import BeadGraph, bead_graph_for
from openmm_cgvae.model.prior import Prior

__all__ = ["DECODERS", "ENCODERS", "Autoencoder", "check_channels"]

ENCODERS = {
    "distances": DistanceEncoder,
    "signed": SignedEncoder,
    "bonded_frames": BondedFrameEncoder,
}
DECODERS = {
    "vectors": VectorDecoder,
    "local_frames": LocalFrameDecoder,
    "bonded_frames": BondedFrameDecoder,
}
# Vector channels are many times the numbers of scalar ones.
BEADS_PER_BATCH_OF_VECTORS = 144


class Autoencoder(nn.Module):
    r"""A conditional variational auto-encoder of any molecules.

    Atoms and beads give a posterior of invariant latents, beads alone give their
    prior, and beads with latents give atoms,
    :math:`p(x|X) = \int p_\theta(x|X, z)\, p_\psi(z|X)\, dz` (Eq. 1), placed so that
    coarse-graining them returns the beads for any weights of the network. Which
    molecules these are, `CGVAE` and `TransferableModel` know.
    """

    config: ModelConfig
    has_prior: bool = True

    def _build_networks(self, n_types: int) -> None:
        """Build the networks of the config with random weights."""
        config = self.config
        self.encoder = ENCODERS[config.encoder](config, n_types)
        self.prior = Prior(config, n_types)
        self.decoder = DECODERS[config.decoder](config, n_types)
        self.entry: nn.Module = nn.Identity()
        if config.n_latents:
            self.entry = nn.Linear(config.n_latents, config.n_channels)
        if config.likelihood == "learned":
            # log of the standard deviation of every atom type [Å]; 0.3 Å to begin.
            self.log_noise = nn.Parameter(torch.full((n_types,), -1.2))

    def _share_networks(self, other: "Autoencoder") -> None:
        """Use the networks of another auto-encoder, not copies of them."""
        self.encoder, self.prior = other.encoder, other.prior
        self.decoder, self.entry = other.decoder, other.entry
        if self.config.likelihood == "learned":
            self.log_noise = other.log_noise

    @property
    def n_latents(self) -> int:
        """Latents of a bead."""
        return self.config.latents_of_bead

    @property
    def beads_per_batch(self) -> int:
        """Beads to decode at once where that is fastest."""
        is_large = self.config.decoder == "vectors"
        return BEADS_PER_BATCH_OF_VECTORS if is_large else BEADS_PER_BATCH

    def forward(
        self, batch: GraphBatch, noise: Float[Tensor, "n_beads n_latents"]
    ) -> Reconstruction:
        """Encode and decode.

        Parameters
        ----------
        batch : GraphBatch
            Molecules with atom positions.
        noise : Tensor, shape (n_beads, n_latents)
            Standard normal noise; zeros decode the posterior mean.

        Returns
        -------
        Reconstruction
            Atoms, posterior and the Gaussian of the prior; a flow on top of it is
            fitted afterwards and has no part here.
        """
        edges = self._bead_graph(batch)
        posterior = self.encoder(batch, edges)
        positions = self.decode(batch, posterior.draw(noise), edges)
        return Reconstruction(positions, posterior, self.prior.gaussian(batch, edges))

    def decode(
        self,
        batch: GraphBatch,
        latents: Float[Tensor, "n_beads n_latents"],
        edges: BeadGraph | None = None,
    ) -> Float[Tensor, "n_atoms 3"]:
        """Build atoms from beads and latents.

        Parameters
        ----------
        batch : GraphBatch
            The beads.
        latents : Tensor, shape (n_beads, n_latents)
            Latents z.
        edges : Neighbourhood or OrientedEdges, optional
            The bead graph, if it has been made already.

        Returns
        -------
        Tensor, shape (n_atoms, 3)
            Atom positions [Å].
        """
        return place_atoms(
            self.decoder(batch, self.entry(latents), edges),
            batch.bead_positions,
            batch.bead_of_atom,
            batch.channel_of_atom,
            batch.weights,
        )

    def reconstruct(self, batch: GraphBatch) -> Float[Tensor, "n_atoms 3"]:
        """Encode, and decode the mean of the posterior.

        Parameters
        ----------
        batch : GraphBatch
            Molecules with atom positions.

        Returns
        -------
        Tensor, shape (n_atoms, 3)
            Atom positions [Å].
        """
        return self.decode(batch, self.encoder(batch).mean)

    def _bead_graph(self, batch: GraphBatch) -> BeadGraph:
        """Build the graph that encoder, prior and decoder share."""
        basis = cast(RadialBasis, self.decoder.basis)
        return bead_graph_for(self.config.messages, batch, basis)


def check_channels(config: ModelConfig, molecule: Molecule) -> None:
    """Check that the decoder has a channel for every atom of the largest bead.

    Parameters
    ----------
    config : ModelConfig
        Sizes.
    molecule : Molecule
        A molecule to decode.

    Raises
    ------
    ValueError
        If a bead of the molecule holds more atoms than there are channels.
    """
    largest = molecule.mapping.largest_bead
    if largest > config.n_channels:
        raise ValueError(
            f"`n_channels` is {config.n_channels}, but a bead holds {largest} "
            f"atoms; use n_channels >= {largest} or smaller beads"
        )
