"""CGVAE: encoder, prior, decoder and geometry refinement of one molecule."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from openmm_cgvae.model.autoencoder import Autoencoder, check_channels
from openmm_cgvae.model.base import Model, Molecule
from openmm_cgvae.model.codebook import Codebook, bead_types_of
from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.model.layers.straight_beads import bent_where_straight
from openmm_cgvae.model.refinement.geometry_refinement import GeometryRefinement
from openmm_cgvae.model.refinement.one_molecule import MoleculeRefinement

__all__ = ["CGVAE"]

FRAMES_AT_ONCE = 256


class CGVAE(Autoencoder, Model):
    """The conditional variational auto-encoder of the paper, for one molecule.

    See `Autoencoder` for the networks. Samples are refined where the config asks for
    it: atoms move until lengths and contacts are as in the data, and beads stay.

    Parameters
    ----------
    config : ModelConfig
        Sizes and forms.
    vocabulary : sequence of str
        Atom types, as `graphs.atom_types_of` spells them.
    molecule : Molecule
        The molecule it is for.
    provenance : dict, optional
        Where the weights came from, in plain JSON types.
    origin : Autoencoder, optional
        Whose networks it shares, see `TransferableModel.for_molecule`. By default it
        has its own, with random weights.

    Raises
    ------
    ValueError
        If a bead of the molecule holds more atoms than there are channels.

    Examples
    --------
    >>> from openmm_cgvae import load_model
    >>> trained = load_model("alanine-dipeptide-3")
    >>> model = CGVAE(ModelConfig(n_channels=10), trained.vocabulary, trained.molecule)
    >>> model.n_latents
    10
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Sequence[str],
        molecule: Molecule,
        provenance: dict | None = None,
        *,
        origin: Autoencoder | None = None,
    ) -> None:
        super().__init__(config, vocabulary, molecule, provenance)
        check_channels(config, molecule)
        # Not a part of this network: torch would list all weights twice.
        self.__dict__["origin"] = origin
        self.origin: Autoencoder | None
        self.refinement: GeometryRefinement | None = None
        if origin is not None:
            self._share_networks(origin)
            return
        codebook = None
        if config.n_codes:
            codebook = Codebook(
                bead_types_of(molecule.atom_table, molecule.mapping, self.vocabulary),
                self.vocabulary,
                config.n_codes,
                config.n_subcodes,
            )
        self._build_networks(len(self.vocabulary), codebook)
        if config.refinement_steps:
            self.refinement = MoleculeRefinement(
                len(self.graph().close_pairs),
                molecule.atom_table.n_atoms,
                config.refinement_steps,
            )

    def learn_geometry(self, frames: Float[Tensor, "n_frames n_atoms 3"]) -> None:
        """Learn the lengths and contacts that samples are refined to, and codes.

        Parameters
        ----------
        frames : Tensor, shape (n_frames, n_atoms, 3)
            Structures to train on [Å].
        """
        if isinstance(self.refinement, MoleculeRefinement):
            self.refinement.learn(frames, self.graph().close_pairs)
        if self.codebook is not None:
            graph = self.graph()
            self.codebook.learn(
                graph.batch(self._beads_of(part), part)
                for part in frames.split(FRAMES_AT_ONCE)
            )

    def _beads_of(
        self, frames: Float[Tensor, "n_frames n_atoms 3"]
    ) -> Float[Tensor, "n_frames n_beads 3"]:
        graph = self.graph()
        weighted = graph.weights.to(frames.dtype)[:, None] * frames
        beads = frames.new_zeros(len(frames), graph.n_beads, 3)
        return beads.index_add(1, graph.bead_of_atom, weighted)

    @property
    def takes_bead_slack(self) -> bool:
        """Whether `sample_at` can move beads a little where no atoms fit them."""
        return self.refinement is not None and self.refinement.takes_bead_slack

    def sample(
        self,
        batch: GraphBatch,
        noise: Float[Tensor, "n_beads n_latents"],
    ) -> Float[Tensor, "n_atoms 3"]:
        """Build atoms from beads alone, with latents from the prior, and refine them.

        Parameters
        ----------
        batch : GraphBatch
            The beads.
        noise : Tensor, shape (n_beads, n_latents)
            Standard normal noise; the caller seeds it.

        Returns
        -------
        Tensor, shape (n_atoms, 3)
            Atom positions [Å].
        """
        return self._sample(batch, noise, 1.0, 0.0)

    def sample_at(
        self,
        batch: GraphBatch,
        noise: Float[Tensor, "n_beads n_latents"],
        temperature: float,
        bead_slack: float = 0.0,
    ) -> Float[Tensor, "n_atoms 3"]:
        """Build atoms from beads alone, at a temperature; see `Model.sample_at`.

        The logarithms of the probabilities of codes are divided by it.
        """
        if self.codebook is None and not bead_slack:
            return self.sample(batch, temperature * noise)
        return self._sample(batch, noise, temperature, bead_slack)

    def _sample(
        self, batch: GraphBatch, noise: Tensor, temperature: float, bead_slack: float
    ) -> Float[Tensor, "n_atoms 3"]:
        seen = bent_where_straight(batch)
        atoms = self._draw(seen, noise, temperature)
        if seen is not batch:
            # Each bead's atoms, as they are around it, back to where it was given.
            back = batch.bead_positions - seen.bead_positions
            atoms = atoms + back[batch.bead_of_atom]
        if self.refinement is None:
            return atoms
        slack = {"bead_slack": bead_slack} if bead_slack else {}
        return self.refinement(atoms, batch, **slack)
