"""AtomTable: what the atoms of a molecule are and how they are bonded."""

from openmm_cgvae.molecules.atom_table import AtomTable
from openmm_cgvae.molecules.bond_graph import skeleton
from openmm_cgvae.molecules.elements import (
    ATOMIC_NUMBERS,
    CARBON,
    HYDROGEN,
    NITROGEN,
    OXYGEN,
)

__all__ = [
    "ATOMIC_NUMBERS",
    "CARBON",
    "HYDROGEN",
    "NITROGEN",
    "OXYGEN",
    "AtomTable",
    "skeleton",
]
