"""How good a model is: metrics, figures, pages, and the experiments of the paper."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openmm_cgvae.evaluation.evaluation import (
        Evaluation,
        evaluate,
        held_out_frames,
    )

__all__ = ["Evaluation", "evaluate", "held_out_frames"]


def __getattr__(name: str) -> Any:
    """Import `evaluate` and its like when first used: figures need no networks."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.evaluation"), name)
