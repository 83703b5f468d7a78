"""What OpenMM calls a molecule: its Topology, its box vectors, its System.

The package computes in Angstrom and OpenMM in nanometre; positions and boxes cross
that border here and in the rooms above, never below.
"""

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

__all__ = [
    "DEFAULT_FORCEFIELD",
    "ForceFieldLike",
    "find_platform",
    "load_forcefield",
    "make_state",
    "make_system",
    "openmm_box_vectors",
    "openmm_positions",
    "openmm_topology",
    "periodic_options",
    "shared_topology",
    "soft_sphere_system",
]
