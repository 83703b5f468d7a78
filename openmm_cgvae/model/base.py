"""Model: what all models share, whatever the network."""

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


@dataclass(frozen=True, eq=False)
class Molecule:
    """A molecule a model knows: its atoms and how they make beads."""

    atom_table: AtomTable
    mapping: Mapping


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What a forward pass gives: atoms [A], posterior and Gaussian prior."""

    positions: Float[Tensor, "n_atoms 3"]
    posterior: Gaussian
    prior: Gaussian


class Model(nn.Module, ABC):
    """A network that makes atoms of beads, and what is needed to use it.

    Training, model files, sampling and evaluation ask for no more than this.

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
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Sequence[str],
        molecule: Molecule | None = None,
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
        return self._known().mapping

    @property
    def atom_table(self) -> AtomTable:
        """The atoms of the model's molecule."""
        return self._known().atom_table

    def graph(self) -> MoleculeGraph:
        """Make the static graph of the model's molecule."""
        molecule = self._known()
        return MoleculeGraph.from_records(
            molecule.atom_table, molecule.mapping, self.vocabulary
        )

    @property
    @abstractmethod
    def n_latents(self) -> int:
        """Latents of every bead, and so the numbers of noise a sample needs."""

    @abstractmethod
    def forward(
        self, batch: GraphBatch, noise: Float[Tensor, "n_beads n_latents"]
    ) -> Reconstruction:
        """Make the atoms of a batch again, as training compares them."""

    @abstractmethod
    def reconstruct(self, batch: GraphBatch) -> Float[Tensor, "n_atoms 3"]:
        """Make the atoms of a batch again, as well as the model can."""

    @abstractmethod
    def sample(
        self, batch: GraphBatch, noise: Float[Tensor, "n_beads n_latents"]
    ) -> Float[Tensor, "n_atoms 3"]:
        """Make atoms of beads alone."""

    def _known(self) -> Molecule:
        if self.molecule is None:
            raise ValueError(
                "`model` was made without a molecule; give "
                f"{type(self).__name__}(..., molecule=), or take model.for_molecule() "
                "of a model for many"
            )
        return self.molecule
