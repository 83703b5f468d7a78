"""Backmapping of coarse-grained beads to atoms with CGVAE.

>>> import openmm_cgvae
>>> openmm_cgvae.Backmapper.__name__
'Backmapper'
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from openmm_cgvae._runtime.deprecations import forward_old_paths
from openmm_cgvae._runtime.version import __version__

if TYPE_CHECKING:
    from openmm_cgvae.backmapping.backmapper import Backmapper
    from openmm_cgvae.backmapping.openmm_reporter import BackmapReporter
    from openmm_cgvae.chemistry.proteins import protein_from_beads
    from openmm_cgvae.evaluation.evaluation import evaluate
    from openmm_cgvae.mapping import Mapping
    from openmm_cgvae.model import CGVAE, ModelConfig
    from openmm_cgvae.model.checkpoint import save_model
    from openmm_cgvae.model.pretrained import list_models, load_model
    from openmm_cgvae.molecules import AtomTable
    from openmm_cgvae.molecules.atom_matching import match_atoms
    from openmm_cgvae.molecules.frames import Frames
    from openmm_cgvae.simulation.coarse_grained.openmm_force import cg_force
    from openmm_cgvae.simulation.reference.trajectories import simulate
    from openmm_cgvae.structures.dynamics import Solvent
    from openmm_cgvae.structures.ensemble import AtomisticEnsemble, AtomisticState
    from openmm_cgvae.training import TrainingConfig, train
    from openmm_cgvae.transformations import MapToBeads, coarse_grain

# Where each public name lives. They are imported when they are first used, so that
# `import openmm_cgvae` loads neither torch nor openmm.
_HOMES = {
    "AtomTable": "molecules",
    "AtomisticEnsemble": "structures.ensemble",
    "AtomisticState": "structures.ensemble",
    "BackmapReporter": "backmapping.openmm_reporter",
    "Backmapper": "backmapping.backmapper",
    "CGVAE": "model",
    "Frames": "molecules.frames",
    "MapToBeads": "transformations",
    "Mapping": "mapping",
    "ModelConfig": "model",
    "Solvent": "structures.dynamics",
    "TrainingConfig": "training",
    "cg_force": "simulation.coarse_grained.openmm_force",
    "coarse_grain": "transformations",
    "evaluate": "evaluation.evaluation",
    "list_models": "model.pretrained",
    "load_model": "model.pretrained",
    "match_atoms": "molecules.atom_matching",
    "protein_from_beads": "chemistry.proteins",
    "save_model": "model.checkpoint",
    "simulate": "simulation.reference.trajectories",
    "train": "training",
}

__all__ = [
    "CGVAE",
    "AtomTable",
    "AtomisticEnsemble",
    "AtomisticState",
    "BackmapReporter",
    "Backmapper",
    "Frames",
    "MapToBeads",
    "Mapping",
    "ModelConfig",
    "Solvent",
    "TrainingConfig",
    "__version__",
    "cg_force",
    "coarse_grain",
    "evaluate",
    "list_models",
    "load_model",
    "match_atoms",
    "protein_from_beads",
    "save_model",
    "simulate",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_HOMES[name]}")
    return getattr(module, name)


def __dir__() -> list[str]:
    """Name what is public."""
    return __all__


forward_old_paths()

# Where MDAnalysis is already there, `atoms.convert_to("OPENMM")` works from now on;
# elsewhere from the first use of a name that needs it.
if "MDAnalysis" in sys.modules:
    import_module(f"{__name__}.structures.converter")
