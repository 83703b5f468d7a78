"""The loop: PyTorch Lightning runs it, keeps checkpoints and continues from them."""

import csv
import math
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint
from torch import Tensor
from tqdm.auto import tqdm

from openmm_cgvae.graphs import GraphBatch
from openmm_cgvae.losses import crowding, objective, strain
from openmm_cgvae.model import CGVAE, Model, Reconstruction
from openmm_cgvae.model.gaussian import Gaussian
from openmm_cgvae.model.settling import least_distances
from openmm_cgvae.training.config import TrainingConfig
from openmm_cgvae.training.data import Batches, TrainingData
from openmm_cgvae.training.many import ManyBatches, ManyMolecules

MONITORED = "validation/total"
PATIENCE = 15  # epochs without a better validation loss
FLOW_FOLDER, POLISH_FOLDER = "prior", "polish"
POLISH_SLOWDOWN = 0.25  # the decoder is nearly where it should be
SHORT_NAMES = {
    "total": "loss",
    "reconstruction": "MSD",
    "bond_length": "graph",
    "kl_divergence": "KL",
    "strain_of_samples": "strain",
    "crowding_of_samples": "crowding",
}
ONE_DEVICE = {"devices": 1}
LAST, BEST, LOG = "last.ckpt", "best.ckpt", "metrics.csv"


def fit(
    model: Model,
    data: TrainingData | ManyMolecules,
    config: TrainingConfig,
    folder: Path,
    *,
    progress: bool,
    trainer_options: dict[str, Any] | None = None,
) -> None:
    """Run or continue a training in a folder and load the best weights.

    Parameters
    ----------
    model : Model
        The model; gets the weights.
    data : TrainingData
        Its frames, with the model's graph.
    config : TrainingConfig
        The settings.
    folder : Path
        Where checkpoints and log are; a finished run is only read.
    progress : bool
        Whether to show a progress bar.
    trainer_options : dict, optional
        Where to train, for Lightning's Trainer.

    Raises
    ------
    ValueError
        If the training came to values that are not numbers.
    """

    def fit_stage(stage: _Stage, folder: Path) -> None:
        _fit_stage(stage, folder, trainer_options or {}, progress=progress)

    fit_stage(_Objective(model, data, config), folder)
    if not isinstance(model, CGVAE):
        return  # no prior to fit, nor samples of it to polish
    if model.config.prior == "flow":
        fit_stage(_FlowFit(model, data, config), folder / FLOW_FOLDER)
    if config.polish_epochs and isinstance(data, TrainingData):
        fit_stage(_Polish(model, data, config), folder / POLISH_FOLDER)


def _fit_stage(
    stage: "_Stage", folder: Path, trainer_options: dict[str, Any], *, progress: bool
) -> None:
    """Run or continue one stage of a training and load its best weights."""
    folder.mkdir(exist_ok=True)
    last = folder / LAST
    n_done = _read(last)["epoch"] + 1 if last.exists() else 0
    if n_done < stage.n_epochs:
        trainer = pl.Trainer(
            max_epochs=stage.n_epochs,
            **{**ONE_DEVICE, **trainer_options},
            # `Batches` deals frames out by itself.
            use_distributed_sampler=False,
            gradient_clip_val=stage.config.clip_norm,
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


def _run(trainer: pl.Trainer, module: "_Stage", checkpoint: Path | None) -> None:
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


class _Stage(pl.LightningModule, ABC):
    """The steps Lightning calls, whatever the loss."""

    name: str

    def __init__(
        self, model: Model, data: TrainingData | ManyMolecules, config: TrainingConfig
    ):
        super().__init__()
        self.model, self.data, self.config = model, data, config
        self.latest: dict[str, Tensor] = {}

    @property
    @abstractmethod
    def n_epochs(self) -> int:
        """Epochs of the stage."""

    @property
    def learning_rate(self) -> float:
        """Highest learning rate of the stage."""
        return self.config.learning_rate

    @abstractmethod
    def trained(self) -> Iterable[torch.nn.Parameter]:
        """Give the weights the stage trains."""

    @abstractmethod
    def losses(self, batch: GraphBatch, noise: Tensor) -> dict[str, Tensor]:
        """Give the terms of the loss, among them ``total``."""

    def train_dataloader(self) -> Batches | ManyBatches:
        epoch = self.trainer.current_epoch
        return self.data.batches(self.data.train, epoch, *self._place())

    def val_dataloader(self) -> Batches | ManyBatches:
        return self.data.batches(self.data.validation, None, *self._place())

    def _place(self) -> tuple[int, int]:
        """Give the number of this process, and how many there are."""
        return self.trainer.global_rank, self.trainer.world_size

    def training_step(self, batch: GraphBatch, index: int) -> Tensor:
        del index
        self.latest = self._losses(batch, self.global_step + 1)
        self._log("train", batch, self.latest)
        return self.latest["total"]

    def validation_step(self, batch: GraphBatch, index: int) -> None:
        # The same noise in every epoch, so that epochs can be compared.
        self._log("validation", batch, self._losses(batch, -1 - index))

    def on_train_epoch_end(self) -> None:
        # Lightning would do this after the checkpoint, and a continued run miss it.
        if self.config.schedule == "plateau":
            self.lr_schedulers().step(self.trainer.callback_metrics[MONITORED])

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        if metric is None:
            scheduler.step()

    def _losses(self, batch: GraphBatch, key: int) -> dict[str, Tensor]:
        seed = np.random.SeedSequence((self.config.seed, abs(key), int(key < 0)))
        generator = torch.Generator().manual_seed(int(seed.generate_state(1)[0]))
        # Every process draws for all, so that each frame has the noise it has alone.
        rank, n_ranks = self._place()
        if n_ranks == 1:  # molecules may be unlike
            noise = torch.randn(
                batch.n_beads, self.model.n_latents, generator=generator
            )
            return self.losses(batch, noise.to(batch.bead_positions.device))
        each = batch.n_beads // batch.n_molecules
        shape = (batch.n_molecules, n_ranks, each, self.model.n_latents)
        noise = torch.randn(
            batch.n_beads * n_ranks, self.model.n_latents, generator=generator
        ).reshape(shape)[:, rank]
        return self.losses(batch, noise.flatten(0, 1).to(batch.bead_positions.device))

    def _log(self, part: str, batch: GraphBatch, losses: dict[str, Tensor]) -> None:
        values = {f"{part}/{name}": value.detach() for name, value in losses.items()}
        self.log_dict(
            values,
            on_step=False,
            on_epoch=True,
            batch_size=batch.n_molecules,
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
        n_steps = self.n_epochs * len(self.data.batches(self.data.train, None))
        rise = max(1, n_steps // 50)

        def factor(step: int) -> float:
            if step < rise:
                return (step + 1) / rise
            fallen = min(1.0, (step - rise) / max(1, n_steps - rise))
            return 0.5 * (1 + math.cos(math.pi * fallen))

        cosine = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        stepped = {"scheduler": cosine, "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": stepped}


class _Objective(_Stage):
    """The training of the whole model."""

    name = "training"

    @property
    def n_epochs(self) -> int:
        return self.config.n_epochs

    def trained(self) -> Iterable[torch.nn.Parameter]:
        return self.model.parameters()

    def losses(self, batch: GraphBatch, noise: Tensor) -> dict[str, Tensor]:
        terms = objective(
            self.model,
            batch,
            self.model(batch, noise),
            self._ramp(self.config.bond_warmup) * self.config.bond_weight,
            self._ramp(self.config.kl_warmup) * self.config.kl_weight,
        )
        return terms.__dict__

    def _ramp(self, share: float) -> float:
        """Give how far a weight has risen, from 0 to 1; 1 for validation."""
        if not share or not self.training:
            return 1.0
        n_steps = self.n_epochs * len(self.train_dataloader())
        return min(1.0, self.global_step / (share * n_steps))


class _FlowFit(_Stage):
    """The fit of the flow prior to the latents of the trained encoder.

    The encoder and the decoder stay as they are. The loss is an unbiased estimate of
    the divergence of the posterior from the prior.
    """

    name = "fitting the prior"
    model: CGVAE

    @property
    def n_epochs(self) -> int:
        return self.config.flow_epochs

    def trained(self) -> Iterable[torch.nn.Parameter]:
        return self.model.prior.parameters()

    def losses(self, batch: GraphBatch, noise: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            posterior = self.model.encoder(batch)
            latents = posterior.draw(noise)
        prior = self.model.prior(batch)
        divergence = posterior.log_density(latents) - prior.log_density(latents)
        return {"total": divergence.mean()}


class _Polish(_Stage):
    """The last stage: the decoder learns to make sound bonds where the prior draws.

    Between the latents of two conformations there are some that the encoder never
    gives but the prior draws, and the atoms made of them are strained. Encoder and
    prior stay as they are, and what the data allow costs nothing, so that the spread
    of the samples stays; only the strain of samples, and where asked for their
    crowding, are added to the loss, since nothing else is known of them.
    """

    name = "polishing"
    model: CGVAE

    def __init__(self, model: CGVAE, data: TrainingData, config: TrainingConfig):
        super().__init__(model, data, config)
        first, second = model.graph().close_pairs.unbind(1)
        frames = data.atom_positions[data.train]
        distances = torch.linalg.vector_norm(
            frames[:, first] - frames[:, second], dim=-1
        )
        self.register_buffer("mean", distances.mean(0), persistent=False)
        self.register_buffer("std", distances.std(0), persistent=False)
        self.mean: Tensor
        self.std: Tensor
        least = None
        if config.contact_weight:
            least = least_distances(frames, model.graph().close_pairs)
        self.register_buffer("least", least, persistent=False)
        self.least: Tensor | None

    @property
    def n_epochs(self) -> int:
        return self.config.polish_epochs

    @property
    def learning_rate(self) -> float:
        return POLISH_SLOWDOWN * self.config.learning_rate

    def trained(self) -> Iterable[torch.nn.Parameter]:
        return self.model.decoder.parameters()

    def losses(self, batch: GraphBatch, noise: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            posterior = self.model.encoder(batch)
            prior = self.model.prior(batch)
            # The noise of another bead: samples are other structures anyway.
            drawn = prior.draw(noise.roll(1, 0))
        gaussian = prior if isinstance(prior, Gaussian) else prior.base
        made = self.model.decode(batch, posterior.draw(noise))
        terms = objective(
            self.model,
            batch,
            Reconstruction(made, posterior, gaussian),
            self.config.bond_weight,
            self.config.kl_weight,
        )
        samples = self.model.decode(batch, drawn)
        extra = {"strain_of_samples": strain(samples, batch, self.mean, self.std)}
        total = terms.total + self.config.sample_weight * extra["strain_of_samples"]
        if self.least is not None:
            extra["crowding_of_samples"] = crowding(samples, batch, self.least)
            total = total + self.config.contact_weight * extra["crowding_of_samples"]
        return {**terms.__dict__, **extra, "total": total}


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
        if not trainer.is_global_zero:
            return
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

    def on_train_start(self, trainer: pl.Trainer, module: _Stage) -> None:
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
        module: _Stage,
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
