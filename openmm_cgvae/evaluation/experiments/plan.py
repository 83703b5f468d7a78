"""What a benchmark runs: which molecules, beads, models, splits and folds."""

from dataclasses import dataclass, field, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

from openmm_cgvae.data import data_path
from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.training import configure

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
# Without the divergence the prior learns nothing: there are no samples to polish.
_AUTO_ENCODER = {"kl_weight": 0.0, "fine_tuning_epochs": 0}

Options = dict[str, Any]

# Random cuts leave beads of one atom beside beads of a dozen: more channels and steps.
_FINE_BEADS: Options = {"n_channels": 128, "n_epochs": 24, "refinement_steps": 60}


@dataclass(frozen=True, kw_only=True)
class System:
    """A molecule of the paper's benchmark and how it is run.

    Parameters
    ----------
    name : str
        Its name, also of its data files.
    mappings : dict of int to str
        For every number of beads the default mapping, as `make_mapping` spells it.
    model_options, training_options : dict of str to dict
        By preset, what differs from it for this molecule.
    options_of_beads : dict of (str, int) to dict
        By preset and number of beads, what differs in network or training.
    published_training : dict
        How the published recipe is trained beside the preset ``fast``.
    """

    name: str
    mappings: dict[int, str]
    model_options: dict[str, Options] = field(default_factory=dict)
    training_options: dict[str, Options] = field(default_factory=dict)
    options_of_beads: dict[tuple[str, int], Options] = field(default_factory=dict)
    published_training: Options = field(default_factory=dict)


SYSTEMS = {
    system.name: system
    for system in (
        System(
            name="alanine-dipeptide",
            mappings={3: "residues", 5: "peptide-units", 8: "peptide-units:split"},
            published_training={"n_epochs": 6},
            # A third of the epochs of the shipped models, and settling for a polish.
            model_options={"fast": {"refinement_steps": 30}},
            training_options={
                "fast": {
                    "n_epochs": 36,
                    "fine_tuning_epochs": 0,
                    "fits_prior_temperature": True,
                }
            },
            options_of_beads={
                ("fast", 5): {"kl_weight": 5e-4},
                ("fast", 8): {"kl_weight": 5e-4},
            },
        ),
        System(
            name="chignolin",
            mappings={
                6: "autograin",
                10: "joined-residues",
                20: "backbone",
                30: "backbone",
            },
            model_options={
                # Table 4; but the printed sums, not normalised, overflow at ten beads.
                "paper": {
                    "n_radial": 10,
                    "encoder_layers": 2,
                    "prior_layers": 2,
                    "decoder_layers": 9,
                    "atom_cutoff": 12.0,
                    "bead_cutoff": 25.0,
                    "normalises_sums": True,
                },
                "fast": {
                    "encoder": "bonded_frames",
                    "decoder": "bonded_frames",
                    "prior_input": "bonded_frames",
                    "refinement_steps": 30,
                },
            },
            training_options={
                "paper": {
                    "bond_weight": 50.0,
                    "batch_size": 2,
                    "learning_rate": 1e-4,
                    "n_epochs": 100,
                },
                "fast": {
                    "n_epochs": 16,
                    "fine_tuning_epochs": 0,
                    "batch_size": 32,
                    "kl_weight": 5e-3,
                    "fits_prior_temperature": True,
                },
            },
            published_training={"batch_size": 16, "n_epochs": 3},
            options_of_beads={
                # The largest of six beads may hold more than 64 atoms.
                ("fast", 6): {"n_channels": 96, "kl_weight": 1e-2},
                ("fast", 10): {"n_channels": 96},
                ("fast", 20): _FINE_BEADS,
                ("fast", 30): _FINE_BEADS,
            },
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig:
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

    system: str
    n_beads: tuple[int, ...] = ()
    mappings: tuple[str, ...] = (DEFAULT_MAPPING,)
    models: tuple[str, ...] = ("cgvae",)
    splits: tuple[str, ...] = ("block",)
    pseudoscalar_inits: tuple[float, ...] = ()
    folds: int = N_FOLDS
    preset: str = "fast"
    model_options: Options = field(default_factory=dict)
    training_options: Options = field(default_factory=dict)
    auto_grain_epochs: int = 1500
    n_frames: int | None = None
    n_test_frames: int = 1000
    n_samples: int = 32
    n_relaxed: int = 20
    seed: int = 0
    topology: str = ""
    trajectory: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be, before anything is trained."""
        if self.system not in SYSTEMS:
            raise ValueError(
                f"`system` is {self.system!r} but must be one of "
                f"{', '.join(map(repr, SYSTEMS))}; train and evaluate take any other"
            )
        for name, known in (("models", MODELS), ("splits", SPLITS)):
            unknown = [word for word in getattr(self, name) if word not in known]
            if unknown:
                raise ValueError(
                    f"`{name}` has {unknown[0]!r} but may only have "
                    f"{', '.join(map(repr, known))}"
                )
        if not 1 <= self.folds <= N_FOLDS:
            raise ValueError(
                f"`folds` is {self.folds} but must be 1 to {N_FOLDS}: that many of "
                f"{N_FOLDS} are run"
            )
        own = SYSTEMS[self.system].mappings
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
        """List what is to be run: all of one fold, then all of the next."""
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
                self.n_beads or tuple(SYSTEMS[self.system].mappings),
            )
            if init is None or model not in _BASELINES
        ]

    def preset_of(self, cell: "Cell") -> str:
        """Name the preset of `train` for a cell: the published recipe has its own.

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
        """Give the options of `train` for a cell.

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
        system = SYSTEMS[self.system]
        model = system.model_options.get(self.preset, {})
        training = system.training_options.get(self.preset, {})
        own = system.options_of_beads.get((self.preset, n_beads), {})
        of_network = _among(own, tuple(field.name for field in fields(ModelConfig)))
        of_training = {name: own[name] for name in own if name not in of_network}
        return (
            model | of_network | self.model_options,
            training | of_training | self.training_options,
        )

    def _published(self, _: int) -> tuple[Options, Options]:
        """Give the printed forms and objective, in sizes that go with this preset."""
        system = SYSTEMS[self.system]
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
        """Make everything so small that it runs in a minute, to see that it runs."""
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
