"""Training: configs and presets, the data in batches, the loop, and `train`."""

from openmm_cgvae.training.config import PRESETS, Preset, TrainingConfig, configure
from openmm_cgvae.training.data import Batches, TrainingData
from openmm_cgvae.training.run import train

__all__ = [
    "PRESETS",
    "Batches",
    "Preset",
    "TrainingConfig",
    "TrainingData",
    "configure",
    "train",
]
