"""TrainingConfig and the presets: how a model is trained."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, no_type_check

from openmm_cgvae.model import ModelConfig
from openmm_cgvae.model.config import BASELINES, check_number, config_from_dict
from openmm_cgvae.model.noise import N_SEEDS

Schedule = Literal["plateau", "cosine"]

_COUNTS = ("n_epochs", "flow_epochs", "batch_size")
_WEIGHTS = ("bond_weight", "kl_weight", "sample_weight", "contact_weight")
_SHARES = ("bond_warmup", "kl_warmup")


@no_type_check  # the record refuses wrong values itself, by a sentence
@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a model is trained; the defaults are the paper's Table 4.

    Parameters
    ----------
    n_epochs : int
        Passes over the training frames.
    flow_epochs : int
        Passes that fit a flow prior afterwards (flow prior only).
    prior_epochs : int
        Passes that fit a Gaussian prior afterwards, to the latents of the trained
        encoder; the epoch that is best for the validation frames is kept. None in the
        paper.
    prior_dropout : float
        Share of the neighbours, and of what they say, that is left out meanwhile
        (oriented messages only).
    fine_tuning_epochs : int
        Passes that train the decoder alone in the end, with the strain of samples in
        the loss; none in the paper.
    batch_size : int
        Frames of a step; beads, about, where many molecules are trained on.
    learning_rate : float
        Learning rate of Adam at its highest.
    schedule : {"plateau", "cosine"}
        ``"plateau"`` multiplies the rate by 0.3 after 15 epochs without a better
        validation loss, as the paper does; ``"cosine"`` lets it rise over the first
        2 % of the steps and then fall to zero along a cosine.
    bond_weight : float
        gamma, the weight of the graph loss (fixed likelihood only).
    kl_weight : float
        beta, the weight of the divergence.
    sample_weight : float
        Weight of the strain of samples while the decoder is polished.
    contact_weight : float
        Weight of the crowding of samples while the decoder is polished: atoms more
        than two bonds apart that are closer than ever in the data, and than 3 A.
    bond_warmup, kl_warmup : float
        Shares of the epochs over which gamma and beta rise from zero. With the graph
        loss at full weight from the first step the hydrogens of a methyl can settle
        the wrong way round.
    clip_norm : float
        Largest norm of the gradient.
    fits_prior_temperature : bool
        Whether the noise of the prior is widened in the end, by the factor with the
        best energy score on the validation frames; see `widening`.
    n_folds, fold : int
        One block of time in ``n_folds`` is held out for the test; see `block_split`.
    seed : int
        Seed of the initial weights, the order of the frames and the noise.

    Raises
    ------
    ValueError
        If a value is not possible.
    """

    n_epochs: int = 500
    flow_epochs: int = 60
    prior_epochs: int = 0
    prior_dropout: float = 0.0
    fine_tuning_epochs: int = 0
    batch_size: int = 32
    learning_rate: float = 8e-5
    schedule: Schedule = "plateau"
    bond_weight: float = 25.0
    kl_weight: float = 0.05
    sample_weight: float = 25.0
    contact_weight: float = 0.0
    bond_warmup: float = 0.0
    kl_warmup: float = 0.0
    clip_norm: float = 1.0
    fits_prior_temperature: bool = False
    n_folds: int = 5
    fold: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        zeros = ("n_folds", "fold", "seed", "prior_epochs", "fine_tuning_epochs")
        for name in (*_COUNTS, *zeros):
            check_number(name, getattr(self, name), int, int(name in _COUNTS))
        floats = ("learning_rate", "clip_norm", "prior_dropout", *_WEIGHTS, *_SHARES)
        for name in floats:
            check_number(name, getattr(self, name), float)
        for name in ("learning_rate", "clip_norm"):
            if getattr(self, name) == 0:
                raise ValueError(f"`{name}` is 0 but must be positive")
        for name in _SHARES:
            if getattr(self, name) > 1:
                raise ValueError(
                    f"`{name}` is {getattr(self, name)} but is a share of the epochs, "
                    "at most 1"
                )
        self._check_choices()

    def _check_choices(self) -> None:
        if self.prior_dropout >= 1:
            raise ValueError(
                f"`prior_dropout` is {self.prior_dropout} but must be less than 1"
            )
        if self.schedule not in ("plateau", "cosine"):
            raise ValueError(
                f"`schedule` is {self.schedule!r} but must be one of "
                "'plateau', 'cosine'"
            )
        if not isinstance(self.fits_prior_temperature, bool):
            raise ValueError(
                f"`fits_prior_temperature` is {self.fits_prior_temperature!r} but must "
                "be a bool"
            )
        if not self.fold < self.n_folds or self.n_folds < 2:
            raise ValueError(
                f"`fold` is {self.fold} of {self.n_folds} but must be less than "
                "`n_folds`, which must be at least 2"
            )
        if self.seed >= N_SEEDS:
            raise ValueError(f"`seed` is {self.seed} but must be less than 2**63")

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "TrainingConfig":
        """Make a config from plain values; unknown names are refused by a sentence."""
        return config_from_dict(cls, plain)


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
    """Take a preset and change some of its fields.

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
    return model, training
