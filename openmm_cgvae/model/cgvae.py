"""CGVAE: encoder, prior and decoder put together."""

import copy
from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from openmm_cgvae.model.base import Model, Molecule, Reconstruction
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
from openmm_cgvae.model.refinement.any_molecule import TransferableRefinement
from openmm_cgvae.model.refinement.geometry_statistics import (
    AtomPairTypes,
    GeometryStatistics,
)
from openmm_cgvae.model.refinement.one_molecule import MoleculeRefinement

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


class CGVAE(Model):
    r"""The conditional variational auto-encoder of the paper.

    Atoms and beads give a posterior of invariant latents, beads alone give their
    prior, and beads with latents give atoms,
    :math:`p(x|X) = \int p_\theta(x|X, z)\, p_\psi(z|X)\, dz` (Eq. 1), placed so that
    coarse-graining them returns the beads for any weights of the network.

    Parameters
    ----------
    config : ModelConfig
        Sizes and forms.
    vocabulary : sequence of str
        Atom types, as `graphs.atom_types_of` spells them.
    molecule : Molecule, optional
        The molecule it was made for.
    provenance : dict, optional
        Where the weights came from, in plain JSON types.
    kinds : AtomPairTypes, optional
        For a model of many molecules, what it knows beside the vocabulary.

    Raises
    ------
    ValueError
        If a bead of the molecule holds more atoms than there are channels.

    Examples
    --------
    >>> model = CGVAE(ModelConfig(n_channels=8), vocabulary=["1", "6"])
    >>> model.config.n_channels
    8
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Sequence[str],
        molecule: Molecule | None = None,
        provenance: dict | None = None,
        kinds: AtomPairTypes | None = None,
    ) -> None:
        super().__init__(config, vocabulary, molecule, provenance)
        _check_channels(config, molecule)
        n_types = len(self.vocabulary)
        self.encoder = ENCODERS[config.encoder](config, n_types)
        self.prior = Prior(config, n_types)
        self.decoder = DECODERS[config.decoder](config, n_types)
        self.entry: nn.Module = nn.Identity()
        if config.n_latents:
            self.entry = nn.Linear(config.n_latents, config.n_channels)
        if config.likelihood == "learned":
            # log of the standard deviation of every atom type [A]; 0.3 A to begin.
            self.log_noise = nn.Parameter(torch.full((n_types,), -1.2))
        self.refinement: MoleculeRefinement | TransferableRefinement | None = None
        self.geometry = None if kinds is None else GeometryStatistics(kinds)
        if config.refinement_steps and molecule:
            self.refinement = MoleculeRefinement(
                len(self.graph().close_pairs),
                molecule.atom_table.n_atoms,
                config.refinement_steps,
            )

    @property
    def n_latents(self) -> int:
        """Latents of a bead."""
        return self.config.latents_of_bead

    @property
    def kinds(self) -> AtomPairTypes | None:
        """What a model for many molecules is for; None for a model of one."""
        return None if self.geometry is None else self.geometry.kinds

    def for_molecule(self, molecule: Molecule) -> "CGVAE":
        """Give the model of one molecule from a model for many.

        Parameters
        ----------
        molecule : Molecule
            The molecule, with beads of the model's family.

        Returns
        -------
        CGVAE
            A model that shares all weights with this one.

        Raises
        ------
        ValueError
            If the model is for one molecule only, or the molecule has atoms of a type
            or beads of a size that it does not know.
        """
        if self.geometry is None:
            raise ValueError(
                f"`model` was trained for {self.atom_table.describe()} alone; use a "
                "model for many molecules"
            )
        _check_channels(self.config, molecule)
        model = copy.copy(self)
        # A copy shares its parts with the original; the settling is its own.
        model._modules = dict(self._modules)
        model.molecule = molecule
        if self.config.refinement_steps:
            model.refinement = TransferableRefinement(
                self.geometry, molecule, self.config.refinement_steps
            )
        return model

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
        """Make atoms from beads and latents.

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
            Atom positions [A].
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
            Atom positions [A].
        """
        return self.decode(batch, self.encoder(batch).mean)

    def sample(
        self, batch: GraphBatch, noise: Float[Tensor, "n_beads n_latents"]
    ) -> Float[Tensor, "n_atoms 3"]:
        """Make atoms from beads alone, with latents from the prior, and settle them.

        Parameters
        ----------
        batch : GraphBatch
            The beads.
        noise : Tensor, shape (n_beads, n_latents)
            Standard normal noise; the caller seeds it.

        Returns
        -------
        Tensor, shape (n_atoms, 3)
            Atom positions [A].
        """
        edges = self._bead_graph(batch)
        wide = self.config.prior_temperature * noise
        latents = self.prior(batch, edges).draw(wide)
        atoms = self.decode(batch, latents, edges)
        return self.refinement(atoms, batch) if self.refinement else atoms

    def _bead_graph(self, batch: GraphBatch) -> BeadGraph:
        """Make the graph that encoder, prior and decoder share."""
        basis = cast(RadialBasis, self.decoder.basis)
        return bead_graph_for(self.config.messages, batch, basis)


def _check_channels(config: ModelConfig, molecule: Molecule | None) -> None:
    largest = molecule.mapping.largest_bead if molecule else 0
    if largest > config.n_channels:
        raise ValueError(
            f"`n_channels` is {config.n_channels}, but a bead holds {largest} "
            f"atoms; use n_channels >= {largest} or smaller beads"
        )
