"""TransferableModel: one set of weights for any molecule with beads of a family."""

from collections.abc import Sequence

from openmm_cgvae.model.autoencoder import Autoencoder
from openmm_cgvae.model.base import Model, Molecule
from openmm_cgvae.model.cgvae import CGVAE
from openmm_cgvae.model.codebook import Codebook, bead_types_of
from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.model.refinement.any_molecule import TransferableRefinement
from openmm_cgvae.model.refinement.geometry_statistics import GeometryStatistics

__all__ = ["TransferableModel", "require_molecule"]


class TransferableModel(Autoencoder):
    """A model of many molecules, which makes models of single ones.

    It carries over to molecules it has never seen, since all it knows of a bead is
    what the bead is made of and where its neighbours are.

    Parameters
    ----------
    config : ModelConfig
        Sizes and forms.
    vocabulary : sequence of str
        Atom types, as `graphs.atom_types_of` spells them.
    bead_family : str
        Family of the beads, such as ``"alpha-carbon"``.
    geometry : GeometryStatistics
        Lengths, chirality and contacts that samples are refined to.
    provenance : dict, optional
        Where the weights came from, in plain JSON types.
    codebook : Codebook, optional
        Conformations of beads, where the config asks for codes.

    Raises
    ------
    ValueError
        If the config is of a model that is for one molecule only, or config and
        codebook do not go together.

    Examples
    --------
    >>> TransferableModel(
    ...     ModelConfig(n_channels=8),
    ...     vocabulary=["ALA:N"],
    ...     bead_family="toy",
    ...     geometry=GeometryStatistics(pairs=("ALA CA CB",)),
    ... )
    <TransferableModel for toy beads, 1 atom type, 1 pair type, 0 stereocentre types>
    """

    def __init__(
        self,
        config: ModelConfig,
        vocabulary: Sequence[str],
        bead_family: str,
        geometry: GeometryStatistics,
        provenance: dict | None = None,
        *,
        codebook: Codebook | None = None,
    ) -> None:
        super().__init__()
        if config.model != "cgvae":
            raise ValueError(
                f"`config` is of the model {config.model!r}, which is for one "
                "molecule; use a CGVAE for many"
            )
        if (codebook is not None) != bool(config.n_codes):
            raise ValueError(
                f"`codebook` is {'missing' if codebook is None else 'given'} but the "
                f"config has n_codes={config.n_codes}; give one where there are codes"
            )
        self.config = config
        self.vocabulary = tuple(vocabulary)
        self.bead_family = bead_family
        self.provenance = dict(provenance or {})
        self._build_networks(len(self.vocabulary), codebook)
        self.geometry = geometry

    def __repr__(self) -> str:
        """Return one line."""
        counts = (
            (len(self.vocabulary), "atom type"),
            (len(self.geometry.pairs), "pair type"),
            (len(self.geometry.stereocentres), "stereocentre type"),
        )
        known = ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts)
        return f"<TransferableModel for {self.bead_family} beads, {known}>"

    def for_molecule(self, molecule: Molecule) -> CGVAE:
        """Build the model of one molecule.

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
            If the molecule has atoms of a type, or beads of a size or a type, that
            the model does not know.
        """
        if self.codebook is not None:
            table, mapping = molecule.atom_table, molecule.mapping
            self.codebook.check(bead_types_of(table, mapping, self.vocabulary))
        model = CGVAE(
            self.config, self.vocabulary, molecule, self.provenance, origin=self
        )
        model.training = self.training
        if self.config.refinement_steps:
            model.refinement = TransferableRefinement(
                self.geometry, molecule, self.config.refinement_steps
            )
        return model


def require_molecule(model: Model | TransferableModel) -> Model:
    """Return a model of one molecule as it is, and refuse one of many.

    Parameters
    ----------
    model : Model or TransferableModel
        What a file holds.

    Returns
    -------
    Model
        The model.

    Raises
    ------
    ValueError
        If it is for many molecules.
    """
    if isinstance(model, TransferableModel):
        raise ValueError(
            f"`model` is for any molecule with {model.bead_family} beads, but one for "
            "a single molecule is needed; take model.for_molecule() of it"
        )
    return model
