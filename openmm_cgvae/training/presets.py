"""Presets: models and how they are trained, under one name."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from openmm_cgvae.model import ModelConfig
from openmm_cgvae.model.config import BASELINES
from openmm_cgvae.training.config import TrainingConfig

__all__ = [
    "BASELINE_PRESETS",
    "BONDED_FRAMES",
    "PRESETS",
    "Preset",
    "configure",
]


@dataclass(frozen=True)
class Preset:
    """A model and how to train it, under one name."""

    model: ModelConfig
    training: TrainingConfig


BONDED_FRAMES: Literal["bonded_frames"] = "bonded_frames"
PRESETS = {
    # Pseudoscalars start from one, as the paper has it for three beads: three beads
    # lie in a plane, and chiral molecules need it for any number.
    "paper": Preset(ModelConfig(pseudoscalar_init=1.0), TrainingConfig()),
    "fast": Preset(
        ModelConfig(
            n_channels=64,
            encoder="signed",
            encoder_layers=0,
            prior_layers=3,
            decoder="local_frames",
            decoder_layers=3,
            messages="sender",
            atom_types="identity",
            methyl_labels="canonical",
            normalises_sums=True,
            pseudoscalar_init=1.0,
        ),
        TrainingConfig(
            n_epochs=100,
            fine_tuning_epochs=10,
            batch_size=64,
            learning_rate=2e-3,
            schedule="cosine",
            kl_weight=1e-3,
            bond_warmup=0.1,
        ),
    ),
    # One model for many molecules, see `train_many`.
    "transferable": Preset(
        ModelConfig(
            n_channels=96,
            encoder=BONDED_FRAMES,
            encoder_layers=0,
            prior_input=BONDED_FRAMES,
            prior_layers=3,
            decoder=BONDED_FRAMES,
            decoder_layers=3,
            messages="oriented",
            n_latents=16,
            message_dropout=0.2,
            bead_cutoff=10.0,
            atom_types="identity",
            methyl_labels="canonical",
            normalises_sums=True,
            pseudoscalar_init=1.0,
            refinement_steps=60,
        ),
        TrainingConfig(
            n_epochs=30,
            batch_size=384,
            learning_rate=2e-3,
            schedule="cosine",
            kl_weight=5e-3,
            bond_warmup=0.1,
        ),
    ),
}

# Table 3 of the paper, and the same data as the preset of the CGVAE has.
BASELINE_PRESETS = {
    "paper": Preset(
        ModelConfig(model="linear", keeps_beads=False),
        TrainingConfig(bond_weight=5.0, learning_rate=1e-4),
    ),
    "fast": Preset(
        ModelConfig(model="linear", methyl_labels="canonical"),
        TrainingConfig(
            n_epochs=100,
            batch_size=64,
            learning_rate=2e-3,
            schedule="cosine",
            bond_weight=5.0,
        ),
    ),
}


def configure(
    preset: str,
    model_options: dict[str, Any] | None = None,
    training_options: dict[str, Any] | None = None,
) -> tuple[ModelConfig, TrainingConfig]:
    """Build the settings of a preset, some of its fields changed.

    Parameters
    ----------
    preset : str
        Name of the preset; the baselines have their own settings under the same name.
    model_options, training_options : dict, optional
        Fields that differ.

    Returns
    -------
    ModelConfig, TrainingConfig
        The settings.

    Raises
    ------
    ValueError
        If the preset or an option is unknown, or a value not possible.

    Examples
    --------
    >>> configure("fast", {"n_channels": 32})[0].n_channels
    32
    """
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ValueError(
            f"`preset` is {preset!r} but must be one of {', '.join(map(repr, PRESETS))}"
        )
    is_baseline = (model_options or {}).get("model") in BASELINES
    chosen = (BASELINE_PRESETS if is_baseline else PRESETS)[preset]
    model = ModelConfig.from_dict({**asdict(chosen.model), **(model_options or {})})
    training = TrainingConfig.from_dict(
        {**asdict(chosen.training), **(training_options or {})}
    )
    if training.fine_tuning_epochs and is_baseline:
        raise ValueError(
            f"`fine_tuning_epochs` is {training.fine_tuning_epochs} but the baseline "
            f"{model.model!r} has no samples of a prior to polish; leave it out"
        )
    _check_stages(model, training)
    return model, training


def _check_stages(model: ModelConfig, training: TrainingConfig) -> None:
    """Check that no stage is asked for that models with codes do not have."""
    if not model.n_codes:
        return
    for name in ("prior_epochs", "fine_tuning_epochs", "fits_prior_temperature"):
        value = getattr(training, name)
        if value:
            raise ValueError(
                f"`{name}` is {value} but a model with codes has no such stage; leave "
                "it out"
            )
