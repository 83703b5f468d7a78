"""TrainingConfig: how a model is trained, each field with its rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from openmm_cgvae._runtime.records import Record
from openmm_cgvae._runtime.rules import (
    Count,
    CountOrZero,
    Dropout,
    Group,
    Limits,
    NotNegative,
    Positive,
)
from openmm_cgvae.model.noise import N_SEEDS

__all__ = ["Schedule", "TrainingConfig"]

Schedule = Literal["plateau", "cosine"]
_Seed = Annotated[int, Limits(least=0, below=N_SEEDS)]
_Warmup = Annotated[
    float, Limits(least=0, most=1, advice="it is a fraction of the epochs")
]

_STAGES = Group("stages")
_OPTIMISER = Group("optimiser")
_LOSS = Group("loss")
_PRIOR = Group("prior")
_DATA = Group("held-out data and seed")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Record):
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
        Fraction of the neighbours, and of their messages, that is left out meanwhile
        (oriented messages only).
    fine_tuning_epochs : int
        Passes that fine-tune the decoder alone in the end, with the strain of samples
        from the prior in the loss; none in the paper.
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
    code_weight : float
        Weight of the cross entropy of codes, where beads have them.
    sample_weight : float
        Weight of the strain of samples while the decoder is fine-tuned.
    contact_weight : float
        Weight of the close contacts of samples while the decoder is fine-tuned: atoms
        more than two bonds apart that are closer than ever in the data, and than 3 Å.
    bond_warmup, kl_warmup : float
        Fractions of the epochs over which gamma and beta rise from zero. With the graph
        loss at full weight from the first step the hydrogens of a methyl can settle
        with the wrong chirality.
    clip_norm : float
        Largest norm of the gradient.
    fits_prior_temperature : bool
        Whether the temperature of the prior is fitted in the end: the factor on its
        noise with the best energy score on the validation frames; see
        `openmm_cgvae.training.fit_prior_temperature`.
    n_folds, fold : int
        One block of time in ``n_folds`` is held out for the test; see `block_split`.
    seed : int
        Seed of the initial weights, the order of the frames and the noise.

    Raises
    ------
    ValueError
        If a value is not possible.
    """

    n_epochs: Annotated[Count, _STAGES] = 500
    flow_epochs: Annotated[Count, _STAGES] = 60
    prior_epochs: Annotated[CountOrZero, _STAGES] = 0
    fine_tuning_epochs: Annotated[CountOrZero, _STAGES] = 0

    batch_size: Annotated[Count, _OPTIMISER] = 32
    learning_rate: Annotated[Positive, _OPTIMISER] = 8e-5
    schedule: Annotated[Schedule, _OPTIMISER] = "plateau"
    clip_norm: Annotated[Positive, _OPTIMISER] = 1.0

    bond_weight: Annotated[NotNegative, _LOSS] = 25.0
    kl_weight: Annotated[NotNegative, _LOSS] = 0.05
    code_weight: Annotated[NotNegative, _LOSS] = 0.05
    sample_weight: Annotated[NotNegative, _LOSS] = 25.0
    contact_weight: Annotated[NotNegative, _LOSS] = 0.0
    bond_warmup: Annotated[_Warmup, _LOSS] = 0.0
    kl_warmup: Annotated[_Warmup, _LOSS] = 0.0

    prior_dropout: Annotated[Dropout, _PRIOR] = 0.0
    fits_prior_temperature: Annotated[bool, _PRIOR] = False

    n_folds: Annotated[int, Limits(least=2), _DATA] = 5
    fold: Annotated[CountOrZero, _DATA] = 0
    seed: Annotated[_Seed, _DATA] = 0

    renamed: ClassVar[Mapping[str, str]] = {
        "widens_prior": "fits_prior_temperature",
        "polish_epochs": "fine_tuning_epochs",
    }

    def _check_together(self) -> None:
        if self.fold >= self.n_folds:
            raise ValueError(
                f"`fold` is {self.fold} of {self.n_folds} but must be less than "
                "`n_folds`"
            )
