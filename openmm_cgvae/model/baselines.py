"""The two baselines of the paper: a linear map and a multi-layer perceptron."""

from abc import abstractmethod
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from openmm_cgvae.model.base import Model, Molecule, Reconstruction
from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.model.gaussian import Gaussian
from openmm_cgvae.model.graphs import GraphBatch

__all__ = ["Baseline", "LinearMap", "Perceptron"]


class Baseline(Model):
    """A function of the beads alone, for one molecule.

    There are no latents: all samples of the same beads are equal, but for the labels
    of methyl hydrogens where ``methyl_labels="canonical"`` asks for random ones, and
    a reconstruction is a sample. Frames are centred on the mean of their beads. (The
    paper centres the atoms on their own mean, which nobody knows who has beads alone.)

    As printed, what a baseline makes has other beads than it was made from. With
    ``keeps_beads`` the atoms of every bead are shifted together so that it has the
    same, in training too; `sampler.Sampler` does that in any case.

    Parameters
    ----------
    config : ModelConfig
        Its forms.
    vocabulary : sequence of str
        Atom types; a baseline knows every atom by its place in the molecule.
    molecule : Molecule
        The molecule it is for; numbers of beads and atoms are the sizes of a baseline.
    provenance : dict, optional
        Where the weights came from, in plain JSON types.
    """

    @property
    def n_latents(self) -> int:
        """None."""
        return 0

    @abstractmethod
    def make(
        self, centred_beads: Float[Tensor, "n_molecules n_beads 3"]
    ) -> Float[Tensor, "n_molecules n_atoms 3"]:
        """Build atoms of beads whose mean is the origin [Å]."""

    def forward(
        self, batch: GraphBatch, noise: Float[Tensor, "n_beads 0"]
    ) -> Reconstruction:
        """Build atoms; posterior and prior are those of no latents.

        Parameters
        ----------
        batch : GraphBatch
            Copies of the model's molecule.
        noise : Tensor, shape (n_beads, 0)
            No noise.

        Returns
        -------
        Reconstruction
            The atoms, and distributions whose divergence is zero.
        """
        nothing = Gaussian(noise, noise)
        return Reconstruction(self.reconstruct(batch), nothing, nothing)

    def sample(
        self, batch: GraphBatch, noise: Float[Tensor, "n_beads 0"]
    ) -> Float[Tensor, "n_atoms 3"]:
        """Build atoms; the same ones every time."""
        del noise
        return self.reconstruct(batch)

    def reconstruct(self, batch: GraphBatch) -> Float[Tensor, "n_atoms 3"]:
        """Build atoms.

        Parameters
        ----------
        batch : GraphBatch
            Copies of the model's molecule.

        Returns
        -------
        Tensor, shape (n_atoms, 3)
            Atom positions [Å].

        Raises
        ------
        ValueError
            If the batch holds another molecule.
        """
        ours = (self.mapping.n_beads, self.mapping.n_atoms)
        if (batch.beads_each, batch.atoms_each) != ours:
            raise ValueError(
                f"`batch` is not of molecules of {ours[0]} beads and {ours[1]} atoms, "
                "the only ones this baseline knows; train one on your molecule"
            )
        beads = batch.bead_positions.reshape(-1, ours[0], 3)
        centre = beads.mean(1, keepdim=True)
        atoms = (self.make(beads - centre) + centre).reshape(-1, 3)
        return _with_beads_kept(atoms, batch) if self.config.keeps_beads else atoms


class LinearMap(Baseline):
    r"""The equivariant linear map: every atom is a combination of the beads.

    .. math:: \tilde{x}_i = \sum_I D_{iI} X_I

    It turns with the beads, and with those of a mirror image too. Atoms of three beads
    all lie in the plane of these.

    References
    ----------
    Appendix F.1 of the paper.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Sequence[str],
        molecule: Molecule,
        provenance: dict | None = None,
    ) -> None:
        super().__init__(config, vocabulary, molecule, provenance)
        self.combine = nn.Linear(self.mapping.n_beads, self.mapping.n_atoms, bias=False)

    def make(
        self, centred_beads: Float[Tensor, "n_molecules n_beads 3"]
    ) -> Float[Tensor, "n_molecules n_atoms 3"]:
        """Combine the beads."""
        return self.combine(centred_beads.mT).mT


class Perceptron(Baseline):
    """The multi-layer perceptron from all bead to all atom coordinates.

    Two hidden layers as wide as the output, with ReLU. It does not turn with the
    beads: what it knows of rotations is what the frames of the training show. As
    printed, none are added.

    References
    ----------
    Appendix F.1 of the paper.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Sequence[str],
        molecule: Molecule,
        provenance: dict | None = None,
    ) -> None:
        super().__init__(config, vocabulary, molecule, provenance)
        n_in, n_out = 3 * self.mapping.n_beads, 3 * self.mapping.n_atoms
        self.layers = nn.Sequential(
            nn.Linear(n_in, n_out),
            nn.ReLU(),
            nn.Linear(n_out, n_out),
            nn.ReLU(),
            nn.Linear(n_out, n_out),
        )

    def make(
        self, centred_beads: Float[Tensor, "n_molecules n_beads 3"]
    ) -> Float[Tensor, "n_molecules n_atoms 3"]:
        """Map the flat coordinates."""
        return self.layers(centred_beads.flatten(1)).unflatten(1, (-1, 3))


def _with_beads_kept(
    atoms: Float[Tensor, "n_atoms 3"], batch: GraphBatch
) -> Float[Tensor, "n_atoms 3"]:
    """Shift the atoms of every bead so that their weighted mean is the bead."""
    lacking = batch.bead_positions.index_add(
        0, batch.bead_of_atom, -batch.weights[:, None] * atoms
    )
    return atoms + lacking[batch.bead_of_atom]
