"""AtomTable: what the atoms of a molecule are and how they are bonded."""

from importlib import import_module
from operator import attrgetter
from typing import Any

from openmm_cgvae._runtime.deprecations import warn_of_old_name
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

# What the module of this name held in version 0.1, by module and name of today.
_MOVED = {
    "beside": ("openmm_cgvae.mapping.replicas", "beside"),
    "intermolecular_contacts": ("openmm_cgvae.metrics", "intermolecular_contacts"),
    "part_of": ("openmm_cgvae.mapping.replicas", "part_of"),
    "particle_table": ("openmm_cgvae.molecules", "AtomTable.from_particles"),
    "repeat": ("openmm_cgvae.mapping.replicas", "repeat"),
}


def __getattr__(name: str) -> Any:
    """Import what has moved to another room, with a warning."""
    if name not in _MOVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, new = _MOVED[name]
    warn_of_old_name(f"{__name__}.{name}", f"{home}.{new}")
    return attrgetter(new)(import_module(home))
