"""Molecules as OpenMM has them: Topology, box vectors, System, State.

The package computes in Å and OpenMM in nanometre; positions and boxes cross
that border here and in the rooms above, never below.
"""

from openmm_cgvae.structures.openmm_bridge.chirality_restraint import restrain_chirality
from openmm_cgvae.structures.openmm_bridge.force_fields import (
    DEFAULT_FORCEFIELD,
    ForceFieldLike,
    load_forcefield,
    make_system,
    periodic_options,
)
from openmm_cgvae.structures.openmm_bridge.platforms import find_platform
from openmm_cgvae.structures.openmm_bridge.soft_spheres import soft_sphere_system
from openmm_cgvae.structures.openmm_bridge.states import make_state
from openmm_cgvae.structures.openmm_bridge.topologies import (
    openmm_box_vectors,
    openmm_positions,
    openmm_topology,
    shared_topology,
)
from openmm_cgvae.structures.openmm_bridge.units import ANGSTROM_PER_NM, NM_PER_ANGSTROM

__all__ = [
    "ANGSTROM_PER_NM",
    "DEFAULT_FORCEFIELD",
    "NM_PER_ANGSTROM",
    "ForceFieldLike",
    "find_platform",
    "load_forcefield",
    "make_state",
    "make_system",
    "openmm_box_vectors",
    "openmm_positions",
    "openmm_topology",
    "periodic_options",
    "restrain_chirality",
    "shared_topology",
    "soft_sphere_system",
]
