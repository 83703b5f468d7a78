"""Figures of beads and of what a model makes of them: maps, overlays, training.

Every function gives a `matplotlib.figure.Figure`, made without pyplot, so that no
window opens and no global state is touched; with ``path`` it is written as well.
Needs matplotlib: ``pip install 'openmm_cgvae[plots]'``.
"""

try:
    import matplotlib  # noqa: F401
except ImportError as error:  # pragma: no cover
    raise ImportError(
        "figures need matplotlib, which is not installed; "
        "run pip install 'openmm_cgvae[plots]'"
    ) from error

from openmm_cgvae.evaluation.figures.bead_maps import bead_map
from openmm_cgvae.evaluation.figures.curves import training_curves
from openmm_cgvae.evaluation.figures.densities import density_maps
from openmm_cgvae.evaluation.figures.galleries import gallery
from openmm_cgvae.evaluation.figures.model_comparison import compare_models
from openmm_cgvae.evaluation.figures.overlays import overlay
from openmm_cgvae.evaluation.figures.ramachandran_maps import ramachandran

__all__ = [
    "bead_map",
    "compare_models",
    "density_maps",
    "gallery",
    "overlay",
    "ramachandran",
    "training_curves",
]
