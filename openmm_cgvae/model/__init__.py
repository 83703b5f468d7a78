"""CGVAE: encoder, prior and decoder of the conditional variational auto-encoder."""

from openmm_cgvae.model.cgvae import CGVAE, Molecule, Reconstruction
from openmm_cgvae.model.config import ModelConfig

__all__ = ["CGVAE", "ModelConfig", "Molecule", "Reconstruction"]
