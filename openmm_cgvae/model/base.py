"""Model: what all models of a molecule share, whatever the network."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.model.gaussian import Gaussian
from openmm_cgvae.model.graphs import GraphBatch, MoleculeGraph
from openmm_cgvae.molecules import AtomTable

__all__ = ["BEADS_PER_BATCH", "FEWEST_BEADS", "Model", "Molecule", "Reconstruction"]

# What is decoded at once should stay in the cache of a core, and calls should not cost
# more than what is done in them: measured, see docs/speed.md.
BEADS_PER_BATCH = 1024
# Atoms of one bead would sit on it, those of two on the line through them.
FEWEST_BEADS = 3


@dataclass(frozen=True, eq=False)
class Molecule:
    """A molecule a model knows: its atoms and how they make beads."""

    atom_table: AtomTable
    mapping: Mapping


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Result of a forward pass: atoms [Å], posterior and Gaussian prior.

    Where beads have codes, also the cross entropy of those of the structure by the
    prior [nats].
    """

    positions: Float[Tensor, "n_atoms 3"]
    posterior: Gaussian
    prior: Gaussian
    code_cross_entropy: Float[Tensor, " n_beads"] | None = None


class Model(nn.Module, ABC):
    """A network that makes the atoms of one molecule from its beads.

    Training, model files, sampling and evaluation ask for no more than this.

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

    Attributes
    ----------
    has_prior : bool
        Whether it has the encoder, prior and decoder of a CGVAE, so that the prior can
        be fitted to the latents and the decoder to samples of the prior.
    """

    has_prior: bool = False

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Sequence[str],
        molecule: Molecule,
        provenance: dict | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.vocabulary = tuple(vocabulary)
        self.molecule = molecule
        self.provenance = dict(provenance or {})

    @property
    def mapping(self) -> Mapping:
        """How the atoms of the model's molecule make beads."""
        return self.molecule.mapping

    @property
    def atom_table(self) -> AtomTable:
        """The atoms of the model's molecule."""
        return self.molecule.atom_table

    def graph(self) -> MoleculeGraph:
        """Build the static graph of the model's molecule."""
        return MoleculeGraph.from_records(
            self.atom_table, self.mapping, self.vocabulary
        )

    @property
    def takes_bead_slack(self) -> bool:
        """Whether `sample_at` can move beads a little where no atoms fit them."""
        return False

    @property
    @abstractmethod
    def n_latents(self) -> int:
        """Latents of every bead, and so the numbers of noise a sample needs."""

    @property
    def beads_per_batch(self) -> int:
        """Beads to decode at once where that is fastest."""
        return BEADS_PER_BATCH

    def learn_geometry(self, frames: Float[Tensor, "n_frames n_atoms 3"]) -> None:
        """Learn from data what no gradient teaches; nothing, for most models.

        Parameters
        ----------
        frames : Tensor, shape (n_frames, n_atoms, 3)
            Structures to train on [Å].
        """
        del frames

    @abstractmethod
    def forward(
        self, batch: GraphBatch, noise: Float[Tensor, "n_beads n_latents"]
    ) -> Reconstruction:
        """Build the atoms of a batch again, as training compares them."""

    @abstractmethod
    def reconstruct(self, batch: GraphBatch) -> Float[Tensor, "n_atoms 3"]:
        """Build the atoms of a batch again, as well as the model can."""

    @abstractmethod
    def sample(
        self, batch: GraphBatch, noise: Float[Tensor, "n_beads n_latents"]
    ) -> Float[Tensor, "n_atoms 3"]:
        """Build atoms from beads alone."""

    def sample_at(
        self,
        batch: GraphBatch,
        noise: Float[Tensor, "n_beads n_latents"],
        temperature: float,
        bead_slack: float = 0.0,  # noqa: ARG002 - for models that take it
    ) -> Float[Tensor, "n_atoms 3"]:
        """Build atoms from beads alone, at a sampling temperature.

        Parameters
        ----------
        batch : GraphBatch
            The beads.
        noise : Tensor, shape (n_beads, n_latents)
            Standard normal noise.
        temperature : float
            From 1, samples as they are likely, to 0, the most likely structure; a
            factor on the noise, unless a model knows better.
        bead_slack : float
            How far beads may move where no atoms fit them, if `takes_bead_slack` [Å].

        Returns
        -------
        Tensor, shape (n_atoms, 3)
            Atom positions [Å].
        """
        return self.sample(batch, temperature * noise)
