"""Metrics of several models against the number of beads."""

import os

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from openmm_cgvae.evaluation.figures import _style

__all__ = ["compare_models"]

_NEEDED = ("series", "n_beads", "quantity", "value", "error", "is_printed")
_MARKERS = "osD^vP"
_SPREAD = 0.012  # of the width of a panel, between series that would hide each other


def compare_models(
    table: pd.DataFrame,
    quantities: dict[str, str],
    *,
    title: str = "",
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw metrics against the number of beads, printed ones dashed.

    Parameters
    ----------
    table : pandas.DataFrame
        A row a point: ``series`` (name of the line; what is printed of a model and
        what was measured share name and colour), ``n_beads``, ``quantity``,
        ``value``, ``error`` (nan for none), ``is_printed``.
    quantities : dict of str to str
        Quantities to draw, one panel each, and their labels.
    title : str
        Title of the figure.
    path : path-like, optional
        Where to write the figure, PNG unless the suffix says otherwise.

    Returns
    -------
    matplotlib.figure.Figure
        Panels in a row, with one legend.

    Raises
    ------
    ValueError
        If a column is missing or there is nothing to draw.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "series": "CGVAE", "n_beads": [3, 5], "quantity": "valid",
    ...     "value": [0.9, 1.0], "error": np.nan, "is_printed": False,
    ... })
    >>> compare_models(table, {"valid": "valid graphs"}).axes[0].get_ylabel()
    'valid graphs'
    """
    missing = [name for name in _NEEDED if name not in table]
    if missing:
        raise ValueError(
            f"`table` has no column {missing[0]!r}; it needs {', '.join(_NEEDED)}"
        )
    table = table[table["quantity"].isin(quantities)]
    if table.empty:
        raise ValueError(
            f"`table` has no row of {', '.join(quantities)}; measure one of these first"
        )
    figure = _style.new_figure(3.4 * len(quantities) + 0.4, 3.8)
    panels = figure.subplots(1, len(quantities), squeeze=False)[0]
    series = list(dict.fromkeys(table["series"]))
    for axes, (quantity, label) in zip(panels, quantities.items(), strict=True):
        _draw(axes, table[table["quantity"] == quantity], series, label)
    lines = {
        line.get_label(): line
        for axes in panels
        for line in axes.get_legend_handles_labels()[0]
    }
    if title:
        figure.suptitle(title, fontsize=_style.TITLE_SIZE)
    figure.legend(
        handles=list(lines.values()),
        loc="outside lower center",
        ncols=min(len(lines), 6),
        frameon=False,
        fontsize=_style.TICK_SIZE,
    )
    _style.save(figure, path)
    return figure


def _draw(axes: Axes, table: pd.DataFrame, series: list[str], label: str) -> None:
    _style.tidy(axes, "", "beads N", label)
    if table.empty:
        return
    beads = sorted(set(table["n_beads"]))
    width = (beads[-1] - beads[0] if len(beads) > 1 else 1) * _SPREAD
    for number, name in enumerate(series):
        colour = _style.CYCLE[number % len(_style.CYCLE)]
        for is_printed in (True, False):
            of_this = (table["series"] == name) & (table["is_printed"] == is_printed)
            points = table[of_this].sort_values("n_beads")
            if points.empty:
                continue
            shift = width * (2 * number + is_printed - len(series))
            axes.errorbar(
                points["n_beads"].to_numpy(float) + shift,
                points["value"].to_numpy(float),
                yerr=points["error"].fillna(0.0).to_numpy(float),
                color=colour,
                linestyle="--" if is_printed else "-",
                linewidth=1.6,
                marker=_MARKERS[number % len(_MARKERS)],
                markersize=6,
                markerfacecolor="white" if is_printed else colour,
                capsize=3,
                label=f"{name}, printed" if is_printed else name,
            )
    axes.set_xticks(beads)
    axes.set_ylim(bottom=min(0.0, np.nanmin(table["value"])))
    axes.grid(color=_style.GREY, alpha=0.25, linewidth=0.6)
