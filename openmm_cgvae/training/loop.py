"""The loop: PyTorch Lightning runs it, keeps checkpoints and continues from them."""

import csv
import math
import signal
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint
from torch import Tensor
from tqdm.auto import tqdm

from openmm_cgvae.graphs import GraphBatch
from openmm_cgvae.losses import LossTerms, objective
from openmm_cgvae.model import CGVAE
from openmm_cgvae.training.config import TrainingConfig
from openmm_cgvae.training.data import Batches, TrainingData

MONITORED = "validation/total"
PATIENCE = 15  # epochs without a better validation loss
LAST, BEST, LOG = "last.ckpt", "best.ckpt", "metrics.csv"


def fit(
    model: CGVAE,
    data: TrainingData,
    config: TrainingConfig,
    folder: Path,
    *,
    progress: bool,
) -> None:
    """Run or continue a training in a folder and load the best weights.

    Parameters
    ----------
    model : CGVAE
        The model; gets the weights.
    data : TrainingData
        Its frames, with the model's graph.
    config : TrainingConfig
        The settings.
    folder : Path
        Where checkpoints and log are; a finished run is only read.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    ValueError
        If the training came to values that are not numbers.
    """
    last = folder / LAST
    n_done = _read(last)["epoch"] + 1 if last.exists() else 0
    if n_done < config.n_epochs:
        trainer = pl.Trainer(
            max_epochs=config.n_epochs,
            # One device: the batches are not dealt out to several.
            devices=1,
            gradient_clip_val=config.clip_norm,
            reload_dataloaders_every_n_epochs=1,
            callbacks=[
                _Log(folder / LOG),
                _Keeper(folder),
                *([_Progress()] if progress else []),
            ],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        _run(trainer, _Objective(model, data, config), last if n_done else None)
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
    model.load_state_dict(weights)


def _run(trainer: pl.Trainer, module: "_Objective", checkpoint: Path | None) -> None:
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


class _Objective(pl.LightningModule):
    """The steps Lightning calls."""

    def __init__(self, model: CGVAE, data: TrainingData, config: TrainingConfig):
        super().__init__()
        self.model, self.data, self.config = model, data, config
        self.latest: LossTerms | None = None

    def train_dataloader(self) -> Batches:
        return self.data.batches(self.data.train, self.trainer.current_epoch)

    def val_dataloader(self) -> Batches:
        return self.data.batches(self.data.validation, None)

    def training_step(self, batch: GraphBatch, index: int) -> Tensor:
        del index
        terms = self._terms(
            batch,
            self.global_step + 1,
            bond_ramp=self._ramp(self.config.bond_warmup),
            kl_ramp=self._ramp(self.config.kl_warmup),
        )
        self._log(terms, "train", batch)
        self.latest = terms
        return terms.total

    def validation_step(self, batch: GraphBatch, index: int) -> None:
        # The same noise in every epoch, so that epochs can be compared.
        self._log(self._terms(batch, -1 - index), "validation", batch)

    def on_train_epoch_end(self) -> None:
        # Lightning would do this after the checkpoint, and a continued run miss it.
        if self.config.schedule == "plateau":
            self.lr_schedulers().step(self.trainer.callback_metrics[MONITORED])

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        if metric is None:
            scheduler.step()

    def _ramp(self, share: float) -> float:
        """Give how far a weight has risen, from 0 to 1, at this step."""
        n_steps = self.config.n_epochs * len(self.train_dataloader())
        return min(1.0, self.global_step / (share * n_steps)) if share else 1.0

    def _terms(
        self, batch: GraphBatch, key: int, bond_ramp: float = 1, kl_ramp: float = 1
    ) -> LossTerms:
        seed = np.random.SeedSequence((self.config.seed, abs(key), int(key < 0)))
        generator = torch.Generator().manual_seed(int(seed.generate_state(1)[0]))
        noise = torch.randn(
            batch.n_beads, self.model.config.n_channels, generator=generator
        ).to(batch.bead_positions.device)
        return objective(
            self.model,
            batch,
            self.model(batch, noise),
            bond_ramp * self.config.bond_weight,
            kl_ramp * self.config.kl_weight,
        )

    def _log(self, terms: LossTerms, stage: str, batch: GraphBatch) -> None:
        values = {
            f"{stage}/{name}": value.detach() for name, value in terms.__dict__.items()
        }
        self.log_dict(
            values, on_step=False, on_epoch=True, batch_size=batch.n_molecules
        )

    def configure_optimizers(self) -> dict[str, Any]:
        config = self.config
        optimizer = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate)
        if config.schedule == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, patience=PATIENCE, factor=0.3
            )
            monitored = {"scheduler": plateau, "monitor": MONITORED}
            return {"optimizer": optimizer, "lr_scheduler": monitored}
        n_steps = config.n_epochs * len(self.data.batches(self.data.train, None))
        rise = max(1, n_steps // 50)

        def factor(step: int) -> float:
            if step < rise:
                return (step + 1) / rise
            fallen = min(1.0, (step - rise) / max(1, n_steps - rise))
            return 0.5 * (1 + math.cos(math.pi * fallen))

        cosine = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        stepped = {"scheduler": cosine, "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": stepped}


class _Keeper(Checkpoint):
    """Keep the last epoch, to continue from, and the best one, to use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lowest = math.inf

    def state_dict(self) -> dict[str, Any]:
        return {"lowest": self.lowest}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.lowest = state_dict["lowest"]

    def on_train_epoch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule
    ) -> None:
        del module
        loss = float(trainer.callback_metrics[MONITORED])
        if loss < self.lowest:
            self.lowest = loss
            trainer.save_checkpoint(self.folder / BEST, weights_only=False)
        trainer.save_checkpoint(self.folder / LAST, weights_only=False)


class _Log(Callback):
    """One row an epoch in a CSV file, which goes on when the run does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        del module
        if self.path.exists():
            with self.path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            # An epoch that was logged but not kept is run again.
            self.rows = [r for r in rows if int(r["epoch"]) < trainer.current_epoch]

    def on_train_epoch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule
    ) -> None:
        del module
        losses = {name: float(v) for name, v in trainer.callback_metrics.items()}
        position = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        self.rows.append({**position, "learning_rate": rate, **losses})
        unfinished = self.path.with_suffix(".new")
        with unfinished.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.rows[-1].keys())
            writer.writeheader()
            writer.writerows(self.rows)
        unfinished.replace(self.path)


class _Progress(Callback):
    """One bar for the whole training, with losses and the time left."""

    def __init__(self) -> None:
        self.bar: tqdm | None = None

    def on_train_start(self, trainer: pl.Trainer, module: _Objective) -> None:
        n_steps = len(module.data.batches(module.data.train, None))
        self.bar = tqdm(
            total=n_steps * module.config.n_epochs,
            initial=trainer.global_step,
            desc="training",
            unit="step",
            mininterval=1.0,
        )

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        module: _Objective,
        *_: object,
    ) -> None:
        if self.bar is None:
            return
        self.bar.update(1)
        if trainer.global_step % 50 == 0 and module.latest is not None:
            terms = module.latest
            self.bar.set_postfix_str(
                f"epoch {trainer.current_epoch + 1}/{module.config.n_epochs} "
                f"MSD {terms.reconstruction:.4f} graph {terms.bond_length:.4f} "
                f"KL {terms.kl_divergence:.2f}",
                refresh=False,
            )

    def teardown(self, *_: object, **__: object) -> None:
        if self.bar is not None:
            self.bar.close()
