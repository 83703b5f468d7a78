"""The training loop: PyTorch Lightning runs it and continues from its checkpoints."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from openmm_cgvae.training.callbacks import (
    BEST,
    LAST,
    LOG,
    BestAndLastCheckpoint,
    Log,
    Progress,
)
from openmm_cgvae.training.stages import Stage

__all__ = ["fit"]

ONE_DEVICE = {"devices": 1}


def fit(
    stages: Sequence[Stage],
    folder: Path,
    *,
    progress: bool,
    compiles: bool | None = False,
    trainer_options: dict[str, Any] | None = None,
) -> None:
    """Run or continue the stages of a training and load the best weights of each.

    Parameters
    ----------
    stages : sequence of Stage
        The stages, in order; their model gets the weights.
    folder : Path
        Where checkpoints and log are; a finished run is only read.
    progress : bool
        Whether to show a progress bar.
    compiles : bool, optional
        Whether steps are compiled; None leaves it to the number of steps.
    trainer_options : dict, optional
        Where to train, for Lightning's Trainer.

    Raises
    ------
    ValueError
        If the training came to values that are not numbers.
    """
    for stage in stages:
        stage.compiles = compiles
        _fit_stage(
            stage, folder / stage.folder, trainer_options or {}, progress=progress
        )


def _fit_stage(
    stage: Stage, folder: Path, trainer_options: dict[str, Any], *, progress: bool
) -> None:
    """Run or continue one stage of a training and load its best weights."""
    folder.mkdir(exist_ok=True)
    last = folder / LAST
    n_done = _read(last)["epoch"] + 1 if last.exists() else 0
    if n_done < stage.n_epochs:
        trainer = pl.Trainer(
            max_epochs=stage.n_epochs,
            **{**ONE_DEVICE, **trainer_options},
            # `TrainingDataset.parts` deals frames out by itself.
            use_distributed_sampler=False,
            gradient_clip_val=stage.config.clip_norm,
            reload_dataloaders_every_n_epochs=1,
            callbacks=[
                Log(folder / LOG),
                BestAndLastCheckpoint(folder),
                *([Progress()] if progress else []),
            ],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        _run(trainer, stage, last if n_done else None)
    best = folder / BEST
    prefix = "model."
    weights = {
        name.removeprefix(prefix): tensor
        for name, tensor in (_read(best)["state_dict"] if best.exists() else {}).items()
        if name.startswith(prefix)
    }
    if not weights:
        raise ValueError(
            "`training_options` led to losses that are not numbers in every epoch; "
            "lower learning_rate"
        )
    stage.model.load_state_dict(weights)


def _run(trainer: pl.Trainer, module: Stage, checkpoint: Path | None) -> None:
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, ckpt_path=checkpoint, weights_only=True)
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        # Lightning ends Python on Ctrl-C and leaves the key switched off.
        signal.signal(signal.SIGINT, interrupt)
        raise KeyboardInterrupt from None


def _read(checkpoint: Path) -> dict[str, Any]:
    return torch.load(checkpoint, map_location="cpu", weights_only=True)
