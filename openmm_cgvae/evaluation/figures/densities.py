"""Maps of where structures are in two coordinates, several side by side."""

import os
from collections.abc import Mapping as MappingABC

import numpy as np
from matplotlib.figure import Figure

from openmm_cgvae.evaluation.figures import _style

__all__ = ["density_maps"]

_COLOURS = "viridis"
_DEGREES = (-180, -90, 0, 90, 180)


def density_maps(
    points: MappingABC[str, np.ndarray],
    labels: tuple[str, str],
    *,
    limits: tuple[float, float] | None = None,
    n_bins: int = 45,
    title: str = "",
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    r"""Draw the free energy of sets of points in the same two coordinates.

    :math:`F / kT = -\ln p` of a histogram, zero in the most populated bin of all, so
    that one colour means one density everywhere. Bins without a count stay white.

    Parameters
    ----------
    points : dict of str to ndarray of shape (n, 2)
        Sets by their titles; rows that are not finite are left out.
    labels : pair of str
        Names of the coordinates.
    limits : pair of float, optional
        Range of both axes; by default that of the first set and a fifth more, each
        axis its own. Points outside are counted but not drawn.
    n_bins : int
        Bins of an axis.
    title : str
        Title of the figure.
    path : path-like, optional
        Where to write the figure, PNG unless the suffix says otherwise.

    Returns
    -------
    matplotlib.figure.Figure
        Maps in a row, with one colour bar.

    Raises
    ------
    ValueError
        If a set is empty or not made of pairs.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.random.default_rng(0).normal(size=(500, 2))
    >>> figure = density_maps({"data": points, "samples": points + 1}, ("x", "y"))
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['data (n = 500)', 'samples (n = 500)']
    """
    sets = {name: _finite_pairs(values, name) for name, values in points.items()}
    ends = [limits] * 2 if limits else _range(next(iter(sets.values())))
    edges = [np.linspace(low, high, n_bins + 1) for low, high in ends]
    densities = {
        name: np.histogram2d(values[:, 0], values[:, 1], bins=edges)[0] / len(values)
        for name, values in sets.items()
    }
    largest = max(density.max() for density in densities.values())
    energies = {
        name: -np.log(np.where(density > 0, density / largest, np.nan))
        for name, density in densities.items()
    }
    seen = np.stack(list(densities.values()))
    highest = max(1.0, np.log(largest / seen[seen > 0].min()))
    figure = _style.new_figure(3.5 * len(sets) + 1.0, 4.6 if title else 4.2)
    panels = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (name, energy) in zip(panels, energies.items(), strict=True):
        mesh = axes.pcolormesh(*edges, energy.T, cmap=_COLOURS, vmin=0.0, vmax=highest)
        n_all = len(sets[name])
        n_outside = n_all - round(densities[name].sum() * n_all)
        _style.tidy(axes, f"{name} (n = {n_all:,})", labels[0])
        if n_outside:
            axes.text(
                *(0.97, 0.03, f"{n_outside:,} outside"),
                transform=axes.transAxes,
                ha="right",
                fontsize=_style.TICK_SIZE,
            )
        axes.title.set_fontsize(_style.LABEL_SIZE)
        axes.spines[["top", "right"]].set_visible(True)
        axes.grid(color=_style.GREY, alpha=0.25, linewidth=0.6)
        axes.set_box_aspect(1)
        if limits == (-180.0, 180.0):
            axes.set(xticks=_DEGREES, yticks=_DEGREES)
    panels[0].set_ylabel(labels[1], fontsize=_style.LABEL_SIZE)
    bar = figure.colorbar(mesh, ax=panels, shrink=0.9, pad=0.02)
    bar.set_label("free energy [kT]", fontsize=_style.LABEL_SIZE)
    if title:
        figure.suptitle(title, fontsize=_style.TITLE_SIZE)
    _style.save(figure, path)
    return figure


def _range(values: np.ndarray) -> list[tuple[float, float]]:
    """Range of both coordinates, with a tenth more at either end."""
    low, high = values.min(axis=0), values.max(axis=0)
    margin = np.maximum(0.1 * (high - low), 1e-6)
    return list(zip(low - margin, high + margin, strict=True))


def _finite_pairs(values: np.ndarray, name: str) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != 2:
        raise ValueError(
            f"`points` has {name!r} of shape {values.shape} but it must be (n, 2); "
            "give two coordinates of each structure"
        )
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) == 0:
        raise ValueError(f"`points` has no finite pair in {name!r}; give one or more")
    return values
