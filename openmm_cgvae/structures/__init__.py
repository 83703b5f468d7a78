"""Atoms with positions: ensembles, OpenMM, relaxation, reports, other engines.

>>> from openmm_cgvae.structures import AtomisticEnsemble
>>> AtomisticEnsemble.__name__
'AtomisticEnsemble'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openmm_cgvae.structures.ensemble import (
        AtomisticEnsemble,
        AtomisticState,
        Relaxation,
    )
    from openmm_cgvae.structures.report import Report

# Imported when they are first used: `converter` is imported with the package wherever
# MDAnalysis is, and must not load OpenMM.
_HOMES = {
    "AtomisticEnsemble": "ensemble",
    "AtomisticState": "ensemble",
    "Relaxation": "ensemble",
    "Report": "report",
}

__all__ = ["AtomisticEnsemble", "AtomisticState", "Relaxation", "Report"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Name what is public."""
    return __all__
