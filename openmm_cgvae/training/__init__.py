"""Training: settings and presets, datasets in batches, and `train`."""

from typing import Any

from openmm_cgvae._runtime.deprecations import warn_of_old_name
from openmm_cgvae.training.config import TrainingConfig
from openmm_cgvae.training.dataset import Batches, TrainingDataset
from openmm_cgvae.training.many_molecules import train_many
from openmm_cgvae.training.many_molecules_data import MolecularDataset, TrainingMolecule
from openmm_cgvae.training.one_molecule import train
from openmm_cgvae.training.one_molecule_data import TrajectoryDataset
from openmm_cgvae.training.presets import PRESETS, Preset, configure
from openmm_cgvae.training.read_training_molecules import training_molecules

__all__ = [
    "PRESETS",
    "Batches",
    "MolecularDataset",
    "Preset",
    "TrainingConfig",
    "TrainingDataset",
    "TrainingMolecule",
    "TrajectoryDataset",
    "configure",
    "train",
    "train_many",
    "training_molecules",
]


def __getattr__(name: str) -> Any:
    """Find what had another name in version 0.1."""
    if name == "TrainingData":
        warn_of_old_name(f"{__name__}.{name}", f"{__name__}.TrajectoryDataset")
        return TrajectoryDataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
