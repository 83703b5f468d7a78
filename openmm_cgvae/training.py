"""Training: PyTorch Lightning does the loop, the checkpoints and the resuming."""

import json
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import MDAnalysis as mda
import numpy as np
import torch
from jaxtyping import Float
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor
from tqdm.auto import tqdm

from openmm_cgvae._version import __version__
from openmm_cgvae.frames import (
    Frames,
    block_split,
    canonical_labels,
    interchangeable_rotors,
)
from openmm_cgvae.graphs import GraphBatch, MoleculeGraph, atom_types_of
from openmm_cgvae.losses import LossTerms, objective
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import CGVAE, ModelConfig, Molecule
from openmm_cgvae.model.config import check_number, config_from_dict
from openmm_cgvae.topology import AtomTable

Schedule = Literal["plateau", "cosine"]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a model is trained; the defaults are the paper's Table 4.

    Parameters
    ----------
    n_epochs : int
        Passes over the training frames.
    batch_size : int
        Frames of a step.
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
    bond_warmup, kl_warmup : float
        Shares of the epochs over which gamma and beta rise from zero. With the graph
        loss at full weight from the first step the hydrogens of a methyl can settle
        the wrong way round.
    clip_norm : float
        Largest norm of the gradient.
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
    batch_size: int = 32
    learning_rate: float = 8e-5
    schedule: Schedule = "plateau"
    bond_weight: float = 25.0
    kl_weight: float = 0.05
    bond_warmup: float = 0.0
    kl_warmup: float = 0.0
    clip_norm: float = 1.0
    n_folds: int = 5
    fold: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        for name in ("n_epochs", "batch_size"):
            check_number(name, getattr(self, name), int, 1)
        for name in ("n_folds", "fold", "seed"):
            check_number(name, getattr(self, name), int)
        for name in ("learning_rate", "bond_weight", "kl_weight"):
            check_number(name, getattr(self, name), float)
        check_number("clip_norm", self.clip_norm, float)
        if self.schedule not in ("plateau", "cosine"):
            raise ValueError(
                f"`schedule` is {self.schedule!r} but must be one of "
                "'plateau', 'cosine'"
            )
        for name in ("bond_warmup", "kl_warmup"):
            check_number(name, getattr(self, name), float)
            if getattr(self, name) > 1:
                raise ValueError(
                    f"`{name}` is {getattr(self, name)} but is a share of the epochs, "
                    "at most 1"
                )

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "TrainingConfig":
        """Make a config from plain values; unknown names are refused by a sentence."""
        return config_from_dict(cls, plain)


@dataclass(frozen=True)
class Preset:
    """A model and how to train it, under one name."""

    model: ModelConfig
    training: TrainingConfig


PRESETS = {
    "paper": Preset(ModelConfig(), TrainingConfig()),
    "fast": Preset(
        ModelConfig(
            n_channels=64,
            encoder="signed",
            encoder_layers=0,
            prior_layers=3,
            messages="sender",
            atom_types="identity",
            methyl_labels="canonical",
            normalises_sums=True,
            pseudoscalar_init=1.0,
        ),
        TrainingConfig(
            n_epochs=40,
            batch_size=64,
            learning_rate=2e-3,
            schedule="cosine",
            kl_weight=5e-4,
            bond_warmup=0.1,
        ),
    ),
}


def train(
    atoms: "mda.Universe | mda.AtomGroup",
    mapping: Mapping,
    *,
    preset: str = "fast",
    model_options: dict[str, Any] | None = None,
    training_options: dict[str, Any] | None = None,
    run_directory: str | os.PathLike[str] | None = None,
    frames: Frames | None = None,
    progress: bool = True,
) -> CGVAE:
    """Train a model on a trajectory.

    Blocks of time are held out for validation and test. The weights that did best
    on the validation blocks are kept.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        The molecule and its trajectory, with elements and bonds.
    mapping : Mapping
        How its atoms make beads.
    preset : {"fast", "paper"}
        Where the settings start from.
    model_options, training_options : dict, optional
        Fields of `ModelConfig` and `TrainingConfig` that differ from the preset.
    run_directory : path-like, optional
        Where checkpoints and the log are kept. A run found there is continued; a
        finished one is only read. Without one, nothing is left behind.
    frames : Frames, optional
        The frames, if they have been read already.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    CGVAE
        The trained model, in evaluation mode, with its provenance.

    Raises
    ------
    ValueError
        If an option, the mapping or the trajectory is not possible.

    Examples
    --------
    See ``examples/train_your_own.py``.
    """
    model_config, config = configure(preset, model_options, training_options)
    atom_table = AtomTable.from_universe(atoms)
    frames = Frames.from_universe(atoms) if frames is None else frames
    data = TrainingData.prepare(frames, atom_table, mapping, model_config, config)
    torch.manual_seed(config.seed)
    model = CGVAE(
        data.normalised(model_config),
        sorted(set(atom_types_of(atom_table, model_config.atom_types))),
        molecule=Molecule(atom_table, mapping),
    )
    data = replace(data, graph=model.graph())
    if run_directory is None:
        with tempfile.TemporaryDirectory() as folder:
            _fit(model, data, config, Path(folder), progress=progress)
    else:
        _fit(model, data, config, Path(run_directory), progress=progress)
    model.provenance = _provenance(model, config, frames, preset)
    return model.eval()


def configure(
    preset: str,
    model_options: dict[str, Any] | None = None,
    training_options: dict[str, Any] | None = None,
) -> tuple[ModelConfig, TrainingConfig]:
    """Take a preset and change some of its fields.

    Parameters
    ----------
    preset : str
        Name of the preset.
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
    if preset not in PRESETS:
        raise ValueError(
            f"`preset` is {preset!r} but must be one of {', '.join(map(repr, PRESETS))}"
        )
    chosen = PRESETS[preset]
    model = {**asdict(chosen.model), **(model_options or {})}
    training = {**asdict(chosen.training), **(training_options or {})}
    return ModelConfig.from_dict(model), TrainingConfig.from_dict(training)


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingData:
    """Frames with their beads, split in blocks of time."""

    atom_positions: Float[Tensor, "n_frames n_atoms 3"]
    bead_positions: Float[Tensor, "n_frames n_beads 3"]
    train: np.ndarray
    validation: np.ndarray
    batch_size: int
    seed: int
    graph: MoleculeGraph | None = None

    @classmethod
    def prepare(
        cls,
        frames: Frames,
        atom_table: AtomTable,
        mapping: Mapping,
        model_config: ModelConfig,
        config: TrainingConfig,
    ) -> "TrainingData":
        """Map and split the frames; see `train` for the errors."""
        if mapping.n_atoms != frames.n_atoms:
            raise ValueError(
                f"`mapping` maps {mapping.n_atoms} atoms but the trajectory has "
                f"{frames.n_atoms}; make the mapping from the same atoms"
            )
        positions = frames.positions
        if model_config.methyl_labels == "canonical":
            positions, _ = canonical_labels(
                positions, interchangeable_rotors(atom_table, mapping)
            )
        beads = torch.from_numpy(mapping.project(positions.numpy()))
        # Far from the origin float32 loses digits, so each frame is centred.
        centre = beads.mean(1, keepdim=True)
        split = block_split(frames.n_frames, config.n_folds, config.fold)
        return cls(
            atom_positions=positions - centre,
            bead_positions=beads - centre,
            train=split.train,
            validation=split.validation,
            batch_size=config.batch_size,
            seed=config.seed,
        )

    def normalised(self, config: ModelConfig) -> ModelConfig:
        """Set the degrees the sums are divided by from the data, if it is asked."""
        if not config.normalises_sums:
            return config
        some = self.train[:: max(1, len(self.train) // 64)]
        n_atoms, n_beads = self.atom_positions.shape[1], self.bead_positions.shape[1]
        degrees = [
            max(1.0, float((torch.cdist(x, x) < cutoff).sum()) / x[..., 0].numel() - 1)
            for x, cutoff in (
                (self.atom_positions[some], config.atom_cutoff),
                (self.bead_positions[some], config.bead_cutoff),
            )
        ]
        return replace(
            config,
            atom_degree=degrees[0],
            bead_degree=degrees[1],
            pool_degree=max(1.0, n_atoms / n_beads),
        )

    def batches(self, which: np.ndarray, epoch: int | None) -> "Batches":
        """Give the batches of an epoch; in order where epoch is None."""
        return Batches(self, which, epoch)


class Batches:
    """The batches of one epoch, shuffled by seed and epoch alone."""

    def __init__(self, data: TrainingData, which: np.ndarray, epoch: int | None):
        self.data, self.which, self.epoch = data, which, epoch

    def __len__(self) -> int:
        """Count the batches."""
        return -(-len(self.which) // self.data.batch_size)

    def __iter__(self) -> Iterator[GraphBatch]:
        """Give one batch after another."""
        order = self.which
        if self.epoch is not None:
            order = np.random.default_rng((self.data.seed, self.epoch)).permutation(
                order
            )
        graph = self.data.graph
        if graph is None:
            raise ValueError("`data` has no graph yet; set it from the model")
        for start in range(0, len(order), self.data.batch_size):
            rows = torch.from_numpy(order[start : start + self.data.batch_size])
            yield graph.batch(
                self.data.bead_positions[rows], self.data.atom_positions[rows]
            )


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
                optimizer, patience=15, factor=0.3
            )
            monitored = {"scheduler": plateau, "monitor": "validation/total"}
            return {"optimizer": optimizer, "lr_scheduler": monitored}
        n_steps = config.n_epochs * len(self.data.batches(self.data.train, None))
        rise = max(1, n_steps // 50)

        def factor(step: int) -> float:
            if step < rise:
                return (step + 1) / rise
            return 0.5 * (1 + np.cos(np.pi * min(1.0, (step - rise) / n_steps)))

        cosine = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        stepped = {"scheduler": cosine, "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": stepped}


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

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        del trainer, module
        if self.bar is not None:
            self.bar.close()


def _fit(
    model: CGVAE,
    data: TrainingData,
    config: TrainingConfig,
    folder: Path,
    *,
    progress: bool,
) -> None:
    """Run or continue the training in a folder and load the best weights."""
    _claim(folder, model, config)
    best = ModelCheckpoint(
        folder,
        filename="best",
        monitor="validation/total",
        save_last=True,
        enable_version_counter=False,
    )
    trainer = pl.Trainer(
        max_epochs=config.n_epochs,
        gradient_clip_val=config.clip_norm,
        reload_dataloaders_every_n_epochs=1,
        callbacks=[best, *([_Progress()] if progress else [])],
        logger=CSVLogger(folder, name="", version=""),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    last = folder / "last.ckpt"
    trainer.fit(
        _Objective(model, data, config),
        ckpt_path=last if last.exists() else None,
        weights_only=False if last.exists() else None,
    )
    state = torch.load(folder / "best.ckpt", map_location="cpu", weights_only=False)
    prefix = "model."
    model.load_state_dict(
        {
            name.removeprefix(prefix): tensor
            for name, tensor in state["state_dict"].items()
            if name.startswith(prefix)
        }
    )


def _claim(folder: Path, model: CGVAE, config: TrainingConfig) -> None:
    """Note the settings of a run in its folder, or check that they are the same."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "settings.json"
    settings = {
        "model": asdict(model.config),
        "training": asdict(config),
        "mapping": model.mapping.to_dict(),
        "atoms": list(model.atom_table.names),
    }
    text = json.dumps(settings, indent=1)
    if not note.exists():
        note.write_text(text)
    elif json.loads(note.read_text()) != json.loads(text):
        raise ValueError(
            f"`run_directory` is {folder}, which holds a run with other settings; "
            "choose another folder, or give the settings in its settings.json"
        )


def _provenance(
    model: CGVAE, config: TrainingConfig, frames: Frames, preset: str
) -> dict[str, Any]:
    return {
        "preset": preset,
        "training": asdict(config),
        "source": frames.source,
        "n_frames": frames.n_frames,
        "molecule": model.atom_table.describe(),
        "date": date.today().isoformat(),
        "versions": {
            "openmm_cgvae": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
