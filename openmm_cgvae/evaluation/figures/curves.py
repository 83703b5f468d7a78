"""Training curves from a table of what was logged."""

import math
import os
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from openmm_cgvae.evaluation.figures import _style

__all__ = ["training_curves"]

_N_COLUMNS = 3
_LOG_RANGE = 10.0  # a larger ratio of values is drawn on a logarithmic axis
_NOT_DRAWN = ("step", "time")
_LOOKS: dict[str, dict[str, Any]] = {
    "train": {"color": _style.BLUE, "linestyle": "-"},
    "validation": {"color": _style.VERMILION, "linestyle": "--"},
    "test": {"color": _style.GREEN, "linestyle": ":"},
}


def training_curves(
    log: "str | os.PathLike[str] | pd.DataFrame",
    *,
    against: str = "epoch",
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw every logged quantity, training and validation in one panel.

    Parameters
    ----------
    log : path-like or pandas.DataFrame
        A CSV log, or its table: a column ``epoch`` and one per quantity, such as
        ``train/loss`` and ``validation/loss``. Empty cells are left out, several
        rows of one epoch averaged.
    against : str
        Column of the horizontal axis.
    path : path-like, optional
        Where to write the figure, PNG unless the suffix says otherwise.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per quantity; logarithmic where it spans more than a factor of 10.

    Raises
    ------
    ValueError
        If there is no such column, or nothing to draw against it.

    Examples
    --------
    >>> import pandas as pd
    >>> log = pd.DataFrame({"epoch": [0, 1], "train/loss": [2.0, 1.0]})
    >>> training_curves(log).axes[0].get_ylabel()
    'loss'
    """
    table = log if isinstance(log, pd.DataFrame) else pd.read_csv(log)
    curves = _curves(table, against)
    n_columns = 2 if len(curves) == 4 else min(_N_COLUMNS, len(curves))
    n_rows = math.ceil(len(curves) / n_columns)
    figure = _style.new_figure(3.8 * n_columns + 0.4, 2.9 * n_rows + 0.2)
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes, (quantity, parts) in zip(panels, curves.items(), strict=False):
        _draw(axes, quantity, parts, against)
    for axes in panels[len(curves) :]:
        axes.remove()
    _style.save(figure, path)
    return figure


def _curves(table: pd.DataFrame, against: str) -> dict[str, dict[str, pd.Series]]:
    """Series by quantity and part ("train", "validation", ...), both in file order."""
    if against not in table:
        raise ValueError(
            f"`log` has no column {against!r}, which `against` asks for; it has "
            f"{list(map(str, table.columns))}"
        )
    curves: dict[str, dict[str, pd.Series]] = {}
    for column in table.select_dtypes("number").columns:
        if column == against or column in _NOT_DRAWN:
            continue
        finite = table[np.isfinite(table[column]) & np.isfinite(table[against])]
        if finite.empty:
            continue
        part, _, quantity = str(column).rpartition("/")
        series = finite.groupby(against)[column].mean()
        curves.setdefault(quantity, {})[part] = series
    if not curves:
        raise ValueError(
            f"`log` has no numbers to draw against {against!r}; log a loss first"
        )
    return curves


def _draw(axes: Axes, quantity: str, parts: dict[str, pd.Series], against: str) -> None:
    for part, series in parts.items():
        look = _LOOKS.get(part, {"color": _style.BLACK, "linestyle": "-"})
        marker = "o" if len(series) == 1 else None  # a line of one point is nothing
        axes.plot(
            series.index, series, label=part, linewidth=1.8, marker=marker, **look
        )
    words = quantity.replace("_", " ").replace("kl ", "KL ")
    _style.tidy(axes, "", against, words)
    lowest = min(series.min() for series in parts.values())
    highest = max(series.max() for series in parts.values())
    if lowest > 0 and highest / lowest > _LOG_RANGE:
        axes.set_yscale("log")
    axes.grid(color=_style.GREY, alpha=0.25, linewidth=0.6)
    if any(parts):
        axes.legend(frameon=False, fontsize=_style.TICK_SIZE)
