"""What a benchmark runs: which molecules, beads, models, splits and folds."""

from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Annotated

from openmm_cgvae._runtime.records import Record, rules_of
from openmm_cgvae._runtime.rules import Choices, Count, CountOrZero, Limits
from openmm_cgvae.data import SYSTEMS, data_path
from openmm_cgvae.evaluation.experiments.benchmark_systems import (
    BENCHMARK_SYSTEMS,
    Options,
)
from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.training import PRESETS, configure

__all__ = [
    "DEFAULT_MAPPING",
    "MODELS",
    "N_FOLDS",
    "SPLITS",
    "BenchmarkConfig",
    "Cell",
]

N_FOLDS = 5
MODELS = ("cgvae", "published", "auto-encoder", "linear", "mlp")
SPLITS = ("block", "random")
DEFAULT_MAPPING = "default"
_BASELINES = ("linear", "mlp")
# What a baseline has of the settings for all models.
_OF_BASELINES = ("n_epochs", "batch_size", "learning_rate", "schedule", "clip_norm")
# Sizes in which the published recipe takes minutes, not days; the rate falls so that it
# gets far. Its messages are those of the published code: printed ones need a network an
# edge. All else is as printed.
_PUBLISHED_NETWORK = {
    "n_channels": 128,
    "messages": "sender",
    "normalises_sums": True,
}
_PUBLISHED_TRAINING = {"learning_rate": 1e-3, "schedule": "cosine"}
# Without the divergence the prior learns nothing: the decoder cannot be fine-tuned on
# its samples.
_AUTO_ENCODER = {"kl_weight": 0.0, "fine_tuning_epochs": 0}


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig(Record):
    """All that decides what a benchmark measures.

    Parameters
    ----------
    system : str
        ``"alanine-dipeptide"`` or ``"chignolin"``.
    n_beads : tuple of int
        Numbers of beads; those of the paper if empty.
    mappings : tuple of str
        Mappings, see `make_mapping`; ``"default"`` is each number's own.
    models : tuple of str
        Out of ``"cgvae"``, ``"published"`` (the printed network and objective with
        the sizes of the preset), ``"auto-encoder"`` (the CGVAE trained without
        divergence, for RMSD_recon alone), ``"linear"`` and ``"mlp"``.
    splits : tuple of str
        ``"block"`` holds out blocks of time, ``"random"`` frames at random, as the
        paper does.
    pseudoscalar_inits : tuple of float
        Starts of the pseudoscalars to compare; the preset's if empty.
    folds : int
        How many of the five folds are run.
    preset : str
        Preset of `train`.
    model_options, training_options : dict
        Fields of `ModelConfig` and `TrainingConfig` that differ from the preset;
        a baseline heeds those that it has.
    auto_grain_epochs : int
        Epochs of a mapping that is learned.
    n_frames : int, optional
        At most so many frames of the trajectory, evenly spaced.
    n_test_frames, n_samples, n_relaxed : int
        Sizes of the evaluation, see `evaluate`.
    seed : int
        Seed of trainings, random splits and samples.
    topology, trajectory : str
        Files to use instead of those that ship with the package.

    Raises
    ------
    ValueError
        If a name is unknown or a number not possible.

    Examples
    --------
    >>> config = BenchmarkConfig(system="alanine-dipeptide", n_beads=(3, 5), folds=1)
    >>> [cell.name for cell in config.cells()]
    ['3-default-cgvae-block-fold0', '5-default-cgvae-block-fold0']
    """

    system: Annotated[str, Choices(SYSTEMS, advice="train and evaluate take any other")]
    n_beads: tuple[Count, ...] = ()
    mappings: tuple[str, ...] = (DEFAULT_MAPPING,)
    models: tuple[Annotated[str, Choices(MODELS)], ...] = ("cgvae",)
    splits: tuple[Annotated[str, Choices(SPLITS)], ...] = ("block",)
    pseudoscalar_inits: tuple[Annotated[float, Limits()], ...] = ()
    folds: Annotated[
        int, Limits(least=1, most=N_FOLDS, advice=f"that many of {N_FOLDS} are run")
    ] = N_FOLDS
    preset: Annotated[str, Choices(tuple(PRESETS))] = "fast"
    model_options: Options = field(default_factory=dict)
    training_options: Options = field(default_factory=dict)
    auto_grain_epochs: Count = 1500
    n_frames: Count | None = None
    n_test_frames: Count = 1000
    n_samples: Count = 32
    n_relaxed: CountOrZero = 20
    seed: CountOrZero = 0
    topology: str = ""
    trajectory: str = ""

    def _check_together(self) -> None:
        """Check that every cell can be trained, before any is."""
        own = BENCHMARK_SYSTEMS[self.system].mappings
        lacking = [n for n in self.n_beads if n not in own]
        if lacking and DEFAULT_MAPPING in self.mappings:
            raise ValueError(
                f"`n_beads` has {lacking[0]} but default mappings are for "
                f"{', '.join(map(str, own))}; name one, such as backbone"
            )
        if bool(self.topology) != bool(self.trajectory):
            raise ValueError(
                "`topology` and `trajectory` go together; give both or neither"
            )
        for cell in self.cells():
            configure(self.preset_of(cell), *self.options(cell))

    @property
    def files(self) -> tuple[str, str]:
        """Topology and trajectory."""
        if self.topology:
            return self.topology, self.trajectory
        return (
            str(data_path(f"{self.system}.pdb")),
            str(data_path(f"{self.system}.xtc")),
        )

    def cells(self) -> list["Cell"]:
        """Return what is to be run: all of one fold, then all of the next."""
        return [
            Cell(
                n_beads=n_beads,
                mapping=mapping,
                model=model,
                split=split,
                pseudoscalar_init=init,
                fold=fold,
            )
            for fold, mapping, model, split, init, n_beads in product(
                range(self.folds),
                self.mappings,
                self.models,
                self.splits,
                self.pseudoscalar_inits or (None,),
                self.n_beads or tuple(BENCHMARK_SYSTEMS[self.system].mappings),
            )
            if init is None or model not in _BASELINES
        ]

    def preset_of(self, cell: "Cell") -> str:
        """Find the preset of `train` for a cell: the published recipe has its own.

        Parameters
        ----------
        cell : Cell
            One of `cells`.

        Returns
        -------
        str
            The preset.
        """
        return "paper" if cell.model == "published" else self.preset

    def options(self, cell: "Cell") -> tuple[Options, Options]:
        """Return the options of `train` for a cell.

        Parameters
        ----------
        cell : Cell
            One of `cells`.

        Returns
        -------
        model_options, training_options : dict
            What differs from the preset.
        """
        folds = {"n_folds": N_FOLDS, "fold": cell.fold, "seed": self.seed}
        if cell.model in _BASELINES:
            heeded = _among(self.training_options, _OF_BASELINES)
            return {"model": cell.model}, heeded | folds
        network = self._published if cell.model == "published" else self._network
        model, training = network(cell.n_beads)
        if cell.pseudoscalar_init is not None:
            model = model | {"pseudoscalar_init": cell.pseudoscalar_init}
        if cell.model == "auto-encoder":
            training = training | _AUTO_ENCODER
        return model, training | folds

    def _network(self, n_beads: int) -> tuple[Options, Options]:
        system = BENCHMARK_SYSTEMS[self.system]
        model = system.model_options.get(self.preset, {})
        training = system.training_options.get(self.preset, {})
        own = system.options_of_beads.get((self.preset, n_beads), {})
        of_network = _among(own, tuple(rules_of(ModelConfig)))
        of_training = {name: own[name] for name in own if name not in of_network}
        return (
            model | of_network | self.model_options,
            training | of_training | self.training_options,
        )

    def _published(self, _: int) -> tuple[Options, Options]:
        """Return the printed forms and objective, in sizes that go with this preset."""
        system = BENCHMARK_SYSTEMS[self.system]
        model = system.model_options.get("paper", {})
        training = system.training_options.get("paper", {})
        if self.preset != "paper":
            model = model | _PUBLISHED_NETWORK
            training = training | _PUBLISHED_TRAINING | system.published_training
        return (
            model | _among(self.model_options, ("n_channels",)),
            training | _among(self.training_options, _OF_BASELINES),
        )

    def quick(self) -> "BenchmarkConfig":
        """Return a benchmark so small that it runs in a minute, to try it out."""
        return replace(
            self,
            folds=min(self.folds, 2),
            auto_grain_epochs=20,
            n_frames=min(self.n_frames or 400, 400),
            n_test_frames=10,
            n_samples=3,
            n_relaxed=2,
            training_options=self.training_options
            | {"n_epochs": 2, "fine_tuning_epochs": 1, "flow_epochs": 1},
        )


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One model to train and measure."""

    n_beads: int
    mapping: str
    model: str
    split: str
    pseudoscalar_init: float | None
    fold: int

    @property
    def name(self) -> str:
        """Name of its folder."""
        mapping = Path(self.mapping).stem.replace(":", "-")
        words = [str(self.n_beads), mapping, self.model, self.split]
        if self.pseudoscalar_init is not None:
            words.append(f"pseudoscalar{self.pseudoscalar_init:g}")
        return "-".join([*words, f"fold{self.fold}"])


def _among(options: Options, names: tuple[str, ...]) -> Options:
    return {name: value for name, value in options.items() if name in names}
