"""Training: configs and presets, the data in batches, the loop, and `train`."""

from openmm_cgvae.training.config import PRESETS, Preset, TrainingConfig, configure
from openmm_cgvae.training.many_molecules import train_many
from openmm_cgvae.training.many_molecules_data import TrainingMolecule
from openmm_cgvae.training.molecule_sets import training_molecules
from openmm_cgvae.training.one_molecule import train
from openmm_cgvae.training.one_molecule_data import Batches, TrainingData

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
