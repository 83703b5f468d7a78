"""The stages of a training: the steps Lightning calls, and the training of it all."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from openmm_cgvae.model import Model, TransferableModel
from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.training.compiling import CompiledLosses, pays
from openmm_cgvae.training.config import TrainingConfig
from openmm_cgvae.training.dataset import Batches, TrainingDataset
from openmm_cgvae.training.losses import objective

__all__ = ["MONITORED", "Objective", "Stage"]

MONITORED = "validation/total"
PATIENCE = 15  # epochs without a better validation loss


class _Means:
    """Means of the losses over the molecules of an epoch.

    Lightning's own take several milliseconds a step, as much as the forward pass of
    a small model.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.sums: Tensor | None = None
        self.n = 0

    def add(self, losses: dict[str, Tensor], n: int) -> None:
        self.names = list(losses)
        of_batch = n * torch.stack(list(losses.values())).detach()
        self.sums = of_batch if self.sums is None else self.sums + of_batch
        self.n += n

    def values(self) -> dict[str, Tensor]:
        means = () if self.sums is None else self.sums / self.n
        return dict(zip(self.names, means, strict=True))


class Stage(pl.LightningModule, ABC):
    """The steps Lightning calls, whatever the loss."""

    name: str
    folder = ""  # of its checkpoints, inside that of the run

    def __init__(
        self,
        model: Model | TransferableModel,
        data: TrainingDataset,
        config: TrainingConfig,
    ):
        super().__init__()
        self.model, self.data, self.config = model, data, config
        self.latest: dict[str, Tensor] = {}
        self.means = _Means()
        self.compiles: bool | None = False
        self.compiled: CompiledLosses | None = None

    @property
    @abstractmethod
    def n_epochs(self) -> int:
        """Epochs of the stage."""

    @cached_property
    def n_steps(self) -> int:
        """Steps of the stage."""
        return self.n_epochs * len(self.data.batches(self.data.train, None))

    @property
    def learning_rate(self) -> float:
        """Highest learning rate of the stage."""
        return self.config.learning_rate

    @abstractmethod
    def trained(self) -> Iterable[torch.nn.Parameter]:
        """Return the weights the stage trains."""

    def weights(self) -> tuple[float, ...]:
        """Return the weights of terms that change from step to step."""
        return ()

    @abstractmethod
    def losses(
        self, batch: GraphBatch, noise: Tensor, *weights: float | Tensor
    ) -> dict[str, Tensor]:
        """Compute the terms of the loss, among them ``total``."""

    def on_fit_start(self) -> None:
        compiles = self.compiles
        if compiles is None:
            # Nothing is known of how it pays elsewhere.
            compiles = self.device.type == "cpu" and pays(self.n_steps)
        self.compiled = (
            CompiledLosses(self.losses, self.trained()) if compiles else None
        )

    def train_dataloader(self) -> Batches:
        epoch = self.trainer.current_epoch
        return self.data.batches(self.data.train, epoch, *self._rank())

    def val_dataloader(self) -> Batches:
        return self.data.batches(self.data.validation, None, *self._rank())

    def transfer_batch_to_device(
        self, batch: GraphBatch, device: torch.device, index: int
    ) -> GraphBatch:
        # Lightning would look into every field and copy the record.
        del index
        is_there = batch.bead_positions.device == device
        return batch if is_there else batch.to(device)

    def _rank(self) -> tuple[int, int]:
        """Return the rank of this process and the world size."""
        return self.trainer.global_rank, self.trainer.world_size

    def on_train_epoch_start(self) -> None:
        self.means = _Means()

    def training_step(self, batch: GraphBatch, index: int) -> Tensor:
        del index
        noise = self._noise(batch, self.global_step + 1)
        losses = self.compiled or self.losses
        with self._own_randomness():
            self.latest = losses(batch, noise, *self.weights())
        self.means.add(self.latest, batch.n_molecules)
        if self.trainer.is_last_batch:
            self._log("train")
        return self.latest["total"]

    def on_validation_epoch_start(self) -> None:
        self.means = _Means()

    def validation_step(self, batch: GraphBatch, index: int) -> None:
        # The same noise in every epoch, so that epochs can be compared.
        noise = self._noise(batch, -1 - index)
        self.means.add(self.losses(batch, noise, *self.weights()), batch.n_molecules)

    def on_validation_epoch_end(self) -> None:
        self._log("validation")

    def on_train_epoch_end(self) -> None:
        # Lightning would do this after the checkpoint, and a continued run miss it.
        if self.config.schedule == "plateau":
            self.lr_schedulers().step(self.trainer.callback_metrics[MONITORED])

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        if metric is None:
            scheduler.step()

    def _noise(self, batch: GraphBatch, key: int) -> Tensor:
        seed = np.random.SeedSequence((self.config.seed, abs(key), int(key < 0)))
        generator = torch.Generator().manual_seed(int(seed.generate_state(1)[0]))
        # Every process draws for all, so that each frame has the noise it has alone.
        rank, n_ranks = self._rank()
        noise = torch.randn(
            batch.n_beads * n_ranks, self.model.n_latents, generator=generator
        )
        if n_ranks > 1:  # else molecules may be unlike
            each = batch.n_beads // batch.n_molecules
            shape = (batch.n_molecules, n_ranks, each, self.model.n_latents)
            noise = noise.reshape(shape)[:, rank].flatten(0, 1)
        return noise.to(batch.bead_positions.device)

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        """Seed dropout by seed and step alone, so that runs can be continued."""
        if not (self.model.config.message_dropout or self.config.prior_dropout):
            yield
            return
        is_gpu = self.device.type == "cuda"
        with torch.random.fork_rng([self.device] if is_gpu else []):
            torch.manual_seed(self.config.seed + self.global_step)
            yield

    def _log(self, part: str) -> None:
        means = self.means
        self.log_dict(
            {f"{part}/{name}": value for name, value in means.values().items()},
            on_step=False,
            on_epoch=True,
            batch_size=means.n,
            sync_dist=self.trainer.world_size > 1,
        )

    def configure_optimizers(self) -> dict[str, Any]:
        config = self.config
        optimizer = torch.optim.Adam(self.trained(), lr=self.learning_rate, fused=True)
        if config.schedule == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, patience=PATIENCE, factor=0.3
            )
            monitored = {"scheduler": plateau, "monitor": MONITORED}
            return {"optimizer": optimizer, "lr_scheduler": monitored}
        n_steps = self.n_steps
        rise = max(1, n_steps // 50)

        def factor(step: int) -> float:
            if step < rise:
                return (step + 1) / rise
            fallen = min(1.0, (step - rise) / max(1, n_steps - rise))
            return 0.5 * (1 + math.cos(math.pi * fallen))

        cosine = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        stepped = {"scheduler": cosine, "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": stepped}


class Objective(Stage):
    """The training of the whole model."""

    name = "training"

    @property
    def n_epochs(self) -> int:
        return self.config.n_epochs

    def trained(self) -> Iterable[torch.nn.Parameter]:
        return self.model.parameters()

    def weights(self) -> tuple[float, ...]:
        return (
            self._ramp(self.config.bond_warmup) * self.config.bond_weight,
            self._ramp(self.config.kl_warmup) * self.config.kl_weight,
        )

    def losses(
        self, batch: GraphBatch, noise: Tensor, *weights: float | Tensor
    ) -> dict[str, Tensor]:
        bond_weight, kl_weight = weights
        return objective(
            self.model,
            batch,
            self.model(batch, noise),
            bond_weight,
            kl_weight,
            self.config.code_weight,
        ).to_dict()

    def _ramp(self, fraction: float) -> float:
        """Return how far a weight has risen, from 0 to 1; 1 for validation."""
        if not fraction or not self.training:
            return 1.0
        return min(1.0, self.global_step / (fraction * self.n_steps))
