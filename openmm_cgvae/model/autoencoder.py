"""The encoder, prior and decoder that models of one and of many molecules share."""

from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from openmm_cgvae.model.base import BEADS_PER_BATCH, Molecule, Reconstruction
from openmm_cgvae.model.code_prior import CentroidEmbedding, CodePrior
from openmm_cgvae.model.codebook import Codebook, CodedBatch
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

    With a codebook every bead has discrete latents too: atoms begin where the chosen
    conformation has them, and the decoder corrects that.
    """

    config: ModelConfig
    has_prior: bool = True

    def _build_networks(self, n_types: int, codebook: Codebook | None) -> None:
        """Build the networks of the config with random weights."""
        config = self.config
        self.encoder = ENCODERS[config.encoder](config, n_types)
        self.prior = (Prior if codebook is None else CodePrior)(config, n_types)
        self.decoder = DECODERS[config.decoder](config, n_types)
        self.codebook = codebook
        if codebook is not None:
            self.code_entry = CentroidEmbedding(n_types, config.n_channels)
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
        self.codebook = other.codebook
        if other.codebook is not None:
            self.code_entry = other.code_entry
        if self.config.likelihood == "learned":
            self.log_noise = other.log_noise

    @property
    def n_latents(self) -> int:
        """Latents of a bead, the discrete ones last."""
        return self.config.latents_of_bead + self.config.codes_of_bead

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
            Standard normal noise; zeros decode the posterior mean. Codes are those of
            the atoms, whatever their noise.

        Returns
        -------
        Reconstruction
            Atoms, posterior and the Gaussian of the prior; a flow on top of it is
            fitted afterwards and has no part here.
        """
        edges = self._bead_graph(batch)
        posterior = self.encoder(batch, edges)
        latents = posterior.draw(noise[:, : self.config.latents_of_bead])
        if self.codebook is None:
            positions = self.decode(batch, latents, edges)
            prior = self.prior.gaussian(batch, edges)
            return Reconstruction(positions, posterior, prior)
        coded = self.codebook.read(batch)
        codes = coded.codes()
        positions = self.decode_codes(coded, codes, latents, edges)
        code_prior = cast(CodePrior, self.prior)
        return Reconstruction(
            positions,
            posterior,
            code_prior.latents(coded, codes, edges),
            code_prior.cross_entropy(coded, codes, edges),
        )

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

    def decode_codes(
        self,
        coded: CodedBatch,
        codes: Int[Tensor, "n_beads 2"],
        latents: Float[Tensor, "n_beads n_latents"],
        edges: BeadGraph | None = None,
    ) -> Float[Tensor, "n_atoms 3"]:
        """Build atoms from beads, codes and latents.

        Parameters
        ----------
        coded : CodedBatch
            The beads.
        codes : Tensor of int, shape (n_beads, 2)
            Their codes and subcodes.
        latents : Tensor, shape (n_beads, n_latents)
            Latents z.
        edges : OrientedEdges, optional
            The bead graph, if it has been made already.

        Returns
        -------
        Tensor, shape (n_atoms, 3)
            Atom positions [Å].
        """
        batch = coded.batch
        atom_types = coded.codebook.atom_types[coded.bead_types]
        (features,) = self.code_entry(coded.centroids(codes), atom_types)
        return place_atoms(
            self.decoder(batch, self.entry(latents) + features, edges),
            batch.bead_positions,
            batch.bead_of_atom,
            batch.channel_of_atom,
            batch.weights,
            coded.displacements(codes),
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
        mean = self.encoder(batch).mean
        if self.codebook is None:
            return self.decode(batch, mean)
        coded = self.codebook.read(batch)
        return self.decode_codes(coded, coded.codes(), mean)

    def _draw(
        self,
        batch: GraphBatch,
        noise: Float[Tensor, "n_beads n_latents"],
        temperature: float,
    ) -> Float[Tensor, "n_atoms 3"]:
        """Build atoms from beads alone, with codes and latents from the prior."""
        edges = self._bead_graph(batch)
        n_latents = self.config.latents_of_bead
        # In this order, as the structures of seeds depend on how numbers are rounded.
        wide = self.config.prior_temperature * (temperature * noise[:, :n_latents])
        if self.codebook is None:
            return self.decode(batch, self.prior(batch, edges).draw(wide), edges)
        coded, prior = self.codebook.read(batch), cast(CodePrior, self.prior)
        uniforms = torch.special.ndtr(noise[:, n_latents:])
        codes = prior.draw_codes(coded, uniforms, edges, temperature)
        latents = prior.latents(coded, codes, edges).draw(wide)
        return self.decode_codes(coded, codes, latents, edges)

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
