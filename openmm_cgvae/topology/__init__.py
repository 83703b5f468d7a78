"""AtomTable: what the atoms of a molecule are and how they are bonded."""

from openmm_cgvae.topology.bond_graph import skeleton
from openmm_cgvae.topology.elements import (
    ATOMIC_NUMBERS,
    CARBON,
    HYDROGEN,
    NITROGEN,
    OXYGEN,
)
from openmm_cgvae.topology.record import AtomTable

__all__ = [
    "ATOMIC_NUMBERS",
    "CARBON",
    "HYDROGEN",
    "NITROGEN",
    "OXYGEN",
    "AtomTable",
    "skeleton",
]
