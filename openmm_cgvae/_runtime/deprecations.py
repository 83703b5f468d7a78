"""Names of version 0.1 that go on working for one release, with a warning."""

import sys
import warnings
from collections.abc import Mapping
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["OldPaths", "current_names", "forward_old_paths", "warn_of_old_name"]

PACKAGE = "openmm_cgvae"
# Modules that the documentation of 0.1 named, and those whose classes are pickled into
# the XML of a `cg_force`. Submodules of a package follow it.
OLD_PATHS = {
    "atom_matching": "molecules.atom_matching",
    "autograin": "mapping.autograin",
    "backmapper": "backmapping.backmapper",
    "bead_matching": "backmapping.model_choice.bead_matching",
    "cg_forces": "simulation.coarse_grained.openmm_force",
    "checkpoint": "model.checkpoint",
    "coherence": "metrics.coherence",
    "converter": "structures.converter",
    "demo": "cli.demo",
    "engines": "structures.export.engines",
    "ensemble": "structures.ensemble",
    "experiments": "evaluation.experiments",
    "export": "structures.export.universes",
    "figures": "evaluation.figures",
    "flips": "mapping.label_symmetry",
    "force_matching": "simulation.coarse_grained",
    "frames": "molecules.frames",
    "graphs": "model.graphs",
    "html_report": "evaluation.html_report",
    "losses": "training.losses",
    "molecule_sets": "simulation.molecule_sets",
    "noise": "model.noise",
    "openmm_system": "structures.openmm_bridge",
    "packing": "backmapping.non_overlapping",
    "plugins": "_runtime.plugins",
    "pretrained": "model.pretrained",
    "proteins": "chemistry.proteins",
    "reference": "simulation.reference.trajectories",
    "relaxation": "structures.relaxation.relaxation",
    "report": "structures.report",
    "reporter": "backmapping.openmm_reporter",
    "sampling": "backmapping.sampler",
    "schemes": "mapping.schemes",
    "solvation": "structures.dynamics.solvation",
    "state": "structures.state",
    "steadiness": "backmapping.correlation_time",
    "streaming": "backmapping.streaming",
    "thermalisation": "structures.dynamics",
    "topology": "molecules",
    "torch_scripts": "simulation.coarse_grained.torchscript",
    "torsions": "molecules.torsions",
}


def warn_of_old_name(old: str, new: str, *, stacklevel: int = 3) -> None:
    """Warn that a name has changed.

    Parameters
    ----------
    old, new : str
        The names, as a user writes them.
    stacklevel : int
        Frames up to the user's line.
    """
    warnings.warn(
        f"`{old}` is now `{new}`; the old name goes with the next release",
        DeprecationWarning,
        stacklevel=stacklevel,
    )


def current_names(
    values: Mapping[str, Any], renamed: Mapping[str, str], *, warns: bool
) -> dict[str, Any]:
    """Rename those keys of a record that had another name in version 0.1.

    Parameters
    ----------
    values : mapping
        Values by name.
    renamed : mapping of str to str
        Old names and the new ones.
    warns : bool
        Whether to warn: yes where a user wrote them, no where a file did.

    Returns
    -------
    dict
        Values by their names of today.
    """
    for old in values.keys() & renamed.keys() if warns else ():
        warn_of_old_name(old, renamed[old], stacklevel=4)
    return {renamed.get(name, name): value for name, value in values.items()}


class OldPaths(MetaPathFinder, Loader):
    """Import modules by their paths of version 0.1."""

    def __init__(self) -> None:
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self,
        fullname: str,
        path: Any = None,  # noqa: ARG002 - of the protocol
        target: Any = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Find a module by its old path."""
        return ModuleSpec(fullname, self) if _new_path(fullname) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the module by its new path."""
        new = str(_new_path(spec.name))
        module = import_module(new)
        warn_of_old_name(spec.name, new)
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it is: the import system has overwritten its spec."""
        spec = module.__spec__
        module.__spec__ = self._specs.pop(spec.name) if spec else None


def forward_old_paths() -> None:
    """Let modules be imported by their paths of version 0.1."""
    if not any(isinstance(finder, OldPaths) for finder in sys.meta_path):
        # First, or a submodule would be loaded again from the folder of its package.
        sys.meta_path.insert(0, OldPaths())


def _new_path(fullname: str) -> str | None:
    package, _, inside = fullname.partition(".")
    first, *rest = inside.split(".")
    if package != PACKAGE or first not in OLD_PATHS:
        return None
    return ".".join([PACKAGE, OLD_PATHS[first], *rest])
