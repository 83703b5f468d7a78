"""Training: configs and presets, the data in batches, the loop, and `train`."""

from openmm_cgvae.training.config import PRESETS, Preset, TrainingConfig, configure
from openmm_cgvae.training.data import Batches, TrainingData
from openmm_cgvae.training.many import TrainingMolecule
from openmm_cgvae.training.run import train
from openmm_cgvae.training.sets import training_molecules
from openmm_cgvae.training.transferable import train_many

__all__ = [
    "PRESETS",
    "Batches",
    "Preset",
    "TrainingConfig",
    "TrainingData",
    "TrainingMolecule",
    "configure",
    "train",
    "train_many",
    "training_molecules",
]
