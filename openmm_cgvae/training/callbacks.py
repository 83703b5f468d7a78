"""Callbacks of Lightning: checkpoints, the log and the progress bar."""

import csv
import math
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, Checkpoint
from tqdm.auto import tqdm

from openmm_cgvae._runtime.atomic_files import written_whole
from openmm_cgvae.training.stages import MONITORED, Stage

__all__ = ["BEST", "LAST", "LOG", "BestAndLastCheckpoint", "Log", "Progress"]

LAST, BEST, LOG = "last.ckpt", "best.ckpt", "metrics.csv"
SHORT_NAMES = {
    "total": "loss",
    "reconstruction": "MSD",
    "bond_length": "graph",
    "kl_divergence": "KL",
    "strain_of_samples": "strain",
    "crowding_of_samples": "crowding",
}


class BestAndLastCheckpoint(Checkpoint):
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


class Log(Callback):
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
        if not trainer.is_global_zero:
            return
        with (
            written_whole(self.path) as unfinished,
            unfinished.open("w", newline="") as file,
        ):
            writer = csv.DictWriter(file, self.rows[-1].keys())
            writer.writeheader()
            writer.writerows(self.rows)


class Progress(Callback):
    """One bar for the whole training, with losses and the time left."""

    def __init__(self) -> None:
        self.bar: tqdm | None = None

    def on_train_start(self, trainer: pl.Trainer, module: Stage) -> None:
        if not trainer.is_global_zero:
            return
        n_steps = len(module.data.batches(module.data.train, None))
        self.bar = tqdm(
            total=n_steps * module.n_epochs,
            initial=trainer.global_step,
            desc=module.name,
            unit="step",
            mininterval=1.0,
        )

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        module: Stage,
        *_: object,
    ) -> None:
        if self.bar is None:
            return
        self.bar.update(1)
        if trainer.global_step % 50 == 0:
            losses = (
                f"{SHORT_NAMES.get(name, name)} {loss:.4f}"
                for name, loss in module.latest.items()
            )
            self.bar.set_postfix_str(
                f"epoch {trainer.current_epoch + 1}/{module.n_epochs} "
                + " ".join(losses),
                refresh=False,
            )

    def teardown(self, *_: object, **__: object) -> None:
        if self.bar is not None:
            self.bar.close()
