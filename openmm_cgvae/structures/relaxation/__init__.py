"""Restrained relaxation: minimising the energy with the beads held where they are."""

from openmm_cgvae.structures.relaxation.minimiser import (
    BeadRestraint,
    RelaxationSettings,
)
from openmm_cgvae.structures.relaxation.relaxation import (
    Minimisation,
    minimise_restrained,
)

__all__ = [
    "BeadRestraint",
    "Minimisation",
    "RelaxationSettings",
    "minimise_restrained",
]
