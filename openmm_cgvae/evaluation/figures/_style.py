"""One look for all figures: Okabe-Ito colours, readable fonts, atomic writing."""

import os
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from openmm_cgvae._runtime.atomic_files import written_whole

DPI = 150
TITLE_SIZE, LABEL_SIZE, TICK_SIZE = 13, 12, 10

# Okabe and Ito (2008): told apart by colour-blind readers.
BLACK, GREY = "#222222", "#8A8A8A"
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, ORANGE, YELLOW = "#56B4E9", "#E69F00", "#F0E442"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE)


def new_figure(width: float, height: float) -> Figure:
    """Build an empty figure of a size in inches whose parts keep out of each other."""
    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def tidy(axes: Axes, title: str = "", x_label: str = "", y_label: str = "") -> None:
    """Label axes and take away the frame lines that carry nothing."""
    axes.set_title(title, fontsize=TITLE_SIZE)
    axes.set_xlabel(x_label, fontsize=LABEL_SIZE)
    axes.set_ylabel(y_label, fontsize=LABEL_SIZE)
    axes.tick_params(labelsize=TICK_SIZE)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: str | os.PathLike[str] | None) -> None:
    """Write a figure in one step, or do nothing without a path."""
    if path is None:
        return
    path = Path(path)
    with written_whole(path) as unfinished:
        figure.savefig(unfinished, dpi=DPI, format=path.suffix.lstrip(".") or "png")
