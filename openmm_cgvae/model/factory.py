"""The factory of models: from a config to the network it describes."""

from collections.abc import Sequence

from openmm_cgvae._runtime import plugins
from openmm_cgvae.model.base import Model, Molecule
from openmm_cgvae.model.baselines import LinearMap, Perceptron
from openmm_cgvae.model.cgvae import CGVAE
from openmm_cgvae.model.config import ModelConfig

__all__ = ["MODELS", "make_model"]

MODELS: dict[str, type[Model]] = {
    "cgvae": CGVAE,
    "linear": LinearMap,
    "mlp": Perceptron,
}


def make_model(
    config: ModelConfig,
    vocabulary: Sequence[str],
    molecule: Molecule,
    provenance: dict | None = None,
) -> Model:
    """Build the model of a config, with random weights.

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
    model = MODELS.get(config.model) or _registered(config.model)
    return model(config, vocabulary, molecule, provenance)


def _registered(name: str) -> type[Model]:
    found = plugins.load(plugins.registered(plugins.MODELS)[name])
    if not (isinstance(found, type) and issubclass(found, Model)):
        raise ValueError(
            f"`model` is {name!r}, which another package has registered as {found!r} "
            "but must be a subclass of openmm_cgvae.model.Model; ask its authors to "
            "mend it"
        )
    return found
