"""From a config to the model it describes."""

from collections.abc import Sequence

from openmm_cgvae._runtime import plugins
from openmm_cgvae.model.base import Model, Molecule
from openmm_cgvae.model.baselines import LinearMap, Perceptron
from openmm_cgvae.model.cgvae import CGVAE
from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.model.refinement.geometry_statistics import AtomPairTypes

MODELS: dict[str, type[Model]] = {
    "cgvae": CGVAE,
    "linear": LinearMap,
    "mlp": Perceptron,
}


def make_model(
    config: ModelConfig,
    vocabulary: Sequence[str],
    molecule: Molecule | None,
    provenance: dict | None = None,
    kinds: AtomPairTypes | None = None,
) -> Model:
    """Make the model of a config, with random weights.

    Parameters
    ----------
    config : ModelConfig
        Sizes and forms.
    vocabulary : sequence of str
        Atom types, as `graphs.atom_types_of` spells them.
    molecule : Molecule or None
        The molecule it is for; None for a model of many.
    provenance : dict, optional
        Where the weights came from, in plain JSON types.
    kinds : AtomPairTypes, optional
        What a model of many molecules is for.

    Returns
    -------
    Model
        The model.

    Raises
    ------
    ValueError
        If molecule and config do not go together, or the model is one of another
        package that cannot be used.
    """
    if kinds is not None:
        if config.model != "cgvae":
            raise ValueError(
                f"`config` is of the model {config.model!r}, which is for one "
                "molecule; use a CGVAE for many"
            )
        return CGVAE(config, vocabulary, molecule, provenance, kinds)
    kind = MODELS.get(config.model) or _registered(config.model)
    return kind(config, vocabulary, molecule, provenance)


def _registered(name: str) -> type[Model]:
    kind = plugins.load(plugins.registered(plugins.MODELS)[name])
    if not (isinstance(kind, type) and issubclass(kind, Model)):
        raise ValueError(
            f"`model` is {name!r}, which another package has registered as {kind!r} "
            "but must be a subclass of openmm_cgvae.model.Model; ask its authors to "
            "mend it"
        )
    return kind
