"""CGVAE: encoder, prior and decoder; and the baselines it is compared with."""

from openmm_cgvae.model.base import Model, Molecule, Reconstruction
from openmm_cgvae.model.baselines import LinearMap, Perceptron
from openmm_cgvae.model.cgvae import CGVAE
from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.model.factory import make_model
from openmm_cgvae.model.refinement.geometry_statistics import GeometryStatistics
from openmm_cgvae.model.transferable import TransferableModel, require_molecule

__all__ = [
    "CGVAE",
    "GeometryStatistics",
    "LinearMap",
    "Model",
    "ModelConfig",
    "Molecule",
    "Perceptron",
    "Reconstruction",
    "TransferableModel",
    "make_model",
    "require_molecule",
]
