"""From a config to the model it describes."""

from collections.abc import Sequence

from openmm_cgvae.model.base import Model, Molecule
from openmm_cgvae.model.baselines import LinearMap, Perceptron
from openmm_cgvae.model.cgvae import CGVAE
from openmm_cgvae.model.config import ModelConfig

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
    """Make the model of a config, with random weights.

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
        If molecule and config do not go together.
    """
    return MODELS[config.model](config, vocabulary, molecule, provenance)
