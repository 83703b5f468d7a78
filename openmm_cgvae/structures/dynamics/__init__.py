"""From a structure at rest to dynamics: solvent, velocities, bead springs, drift."""

from openmm_cgvae.structures.dynamics.bead_springs import minimise_held, release
from openmm_cgvae.structures.dynamics.energy_drift import EnergyDrift, energy_drift
from openmm_cgvae.structures.dynamics.solvation import (
    SOLVATED_FORCEFIELD,
    Solvated,
    Solvent,
    add_solvent,
    with_solvent,
)
from openmm_cgvae.structures.dynamics.start import start_simulation
from openmm_cgvae.structures.dynamics.velocities import (
    set_velocities,
    velocities_given_beads,
)

__all__ = [
    "SOLVATED_FORCEFIELD",
    "EnergyDrift",
    "Solvated",
    "Solvent",
    "add_solvent",
    "energy_drift",
    "minimise_held",
    "release",
    "set_velocities",
    "start_simulation",
    "velocities_given_beads",
    "with_solvent",
]
