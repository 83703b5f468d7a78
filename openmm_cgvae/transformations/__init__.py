"""Coarse-grained universes whose frames are mapped as they are read."""

from openmm_cgvae.transformations.bead_centres import MapToBeads
from openmm_cgvae.transformations.reader import CoarseGrainReader, coarse_grain

__all__ = ["CoarseGrainReader", "MapToBeads", "coarse_grain"]
