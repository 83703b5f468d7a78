"""Pictures of samples over the truth, several side by side."""

import os
from collections.abc import Mapping as MappingABC

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from openmm_cgvae.evaluation.figures import _style
from openmm_cgvae.evaluation.figures._molecules import (
    MOST_STICK,
    MOST_THIN,
    STICK,
    THIN,
    draw_sticks,
    half_bonds,
    inks_of,
    view_of,
)
from openmm_cgvae.molecules import AtomTable

__all__ = ["gallery"]

_WIDTH, _N_COLUMNS = 11.0, 3  # [inch]
_WIDEST = 5.5  # panel [inch]
_FLATTEST = 0.3  # height over width of a panel
_LONG = 0.6  # height over width, below which panels get more room
_LEAST_WIDTH = 1.5  # of a sample's bonds [point]
_MARGIN = 0.6  # [Å]
_BELOW = 0.15  # of the height, for the scale bar
_BARS = (2.0, 5.0)  # scale bars of small and of large molecules [Å]
_SMALL = 7.0  # up to so far from the middle [Å]


def gallery(
    atom_table: AtomTable,
    pictures: MappingABC[str, tuple[np.ndarray, np.ndarray]],
    *,
    view: np.ndarray | None = None,
    hydrogens: bool = False,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw samples over the structure that their beads came from, a panel a model.

    Nothing is superposed, and all panels are seen from one side.

    Parameters
    ----------
    atom_table : AtomTable
        The molecule.
    pictures : dict of str to (reference, samples)
        By the titles of the panels: a structure of shape (n_atoms, 3) [Å] and
        samples of shape (n_samples, n_atoms, 3).
    view : ndarray, shape (3, 3), optional
        Columns are the directions to the right, up and towards the eye; by default
        the long axes of the first reference lie in the picture.
    hydrogens : bool
        Whether to draw hydrogens.
    path : path-like, optional
        Where to write the figure, PNG unless the suffix says otherwise.

    Returns
    -------
    matplotlib.figure.Figure
        The panels with a legend and a scale bar.

    Raises
    ------
    ValueError
        If there is no picture or a shape does not fit.

    Examples
    --------
    >>> table = AtomTable(
    ...     names=("C", "O"), atomic_numbers=[6, 8], masses=[12, 16],
    ...     residue_of_atom=[0, 0], residue_names=("CO",), residue_ids=(1,),
    ...     insertion_codes=("",), chain_ids=("A",), bonds=[[0, 1]], stereocentres=[],
    ... )
    >>> molecule = np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0]])
    >>> figure = gallery(table, {"N = 3": (molecule, molecule[None])})
    >>> figure.axes[0].get_title()
    'N = 3'
    """
    if not pictures:
        raise ValueError("`pictures` is empty; give one structure with samples or more")
    is_drawn = np.ones(atom_table.n_atoms, bool) if hydrogens else atom_table.is_heavy
    bonds = atom_table.bonds[is_drawn[atom_table.bonds].all(axis=1)]
    first = next(iter(pictures.values()))[0]
    axes_of_view = view_of(first[is_drawn])[1] if view is None else view
    seen = {
        title: _seen(atom_table, reference, samples, is_drawn, axes_of_view)
        for title, (reference, samples) in pictures.items()
    }
    reach = _MARGIN + np.max(
        [np.abs(shown[:, is_drawn, :2]).max(axis=(0, 1)) for shown in seen.values()],
        axis=0,
    )
    figure, panels, axes_width = _canvas(len(seen), reach)
    scale = 72.0 * axes_width / (2 * reach[0])  # points of an Å
    thin = max(min(THIN * scale, MOST_THIN), _LEAST_WIDTH)
    widths = max(min(STICK * scale, MOST_STICK), 2 * thin), thin
    for axes, (title, structures) in zip(panels, seen.items(), strict=True):
        axes.set_title(title, fontsize=_style.LABEL_SIZE)
        inks = inks_of(atom_table.atomic_numbers, len(structures) - 1, "sample")
        sticks = [
            half_bonds(structure, bonds, ink, widths[min(number, 1)])
            for number, (structure, ink) in enumerate(
                zip(structures, inks, strict=True)
            )
        ]
        draw_sticks(axes, sticks[:1], 2)
        draw_sticks(axes, sticks[1:], 3)
    _draw_legend(figure, reach)
    _style.save(figure, path)
    return figure


def _seen(
    atom_table: AtomTable,
    reference: np.ndarray,
    samples: np.ndarray,
    is_drawn: np.ndarray,
    axes_of_view: np.ndarray,
) -> np.ndarray:
    """Turn reference and samples to the view, the reference in the middle."""
    shape = (atom_table.n_atoms, 3)
    if reference.shape != shape or samples.shape[1:] != shape or len(samples) == 0:
        raise ValueError(
            f"`pictures` has a reference of shape {reference.shape} and samples of "
            f"{samples.shape} but they must be {shape} and (n_samples, {shape[0]}, 3)"
        )
    together = np.concatenate([reference[None], samples])
    seen = together @ axes_of_view
    drawn = seen[0, is_drawn]
    return seen - (drawn.min(axis=0) + drawn.max(axis=0)) / 2


def _canvas(n_panels: int, reach: np.ndarray) -> tuple[Figure, list[Axes], float]:
    """Build panels of one scale, and return how wide they are [inch]."""
    shape = max(reach[1] / reach[0], _FLATTEST)
    n_columns = min(_N_COLUMNS if shape > _LONG else _N_COLUMNS - 1, n_panels)
    width = min(_WIDTH / n_columns, _WIDEST)
    n_rows = -(-n_panels // n_columns)
    height = width * shape * (1 + _BELOW)
    low = -reach[1] * (1 + 2 * _BELOW)
    figure = _style.new_figure(width * n_columns, (height + 0.4) * n_rows + 0.5)
    panels = list(figure.subplots(n_rows, n_columns, squeeze=False).ravel())
    for axes in panels:
        axes.set(xlim=(-reach[0], reach[0]), ylim=(low, reach[1]), aspect="equal")
        axes.set_axis_off()
    for axes in panels[n_panels:]:
        axes.remove()
    return figure, panels[:n_panels], width


def _draw_legend(figure: Figure, reach: np.ndarray) -> None:
    axes = figure.axes[0]
    length = _BARS[int(reach[0] > _SMALL)]
    start, height = -reach[0] + _MARGIN, -reach[1] * (1 + _BELOW)
    axes.plot(
        [start, start + length], [height, height], color=_style.BLACK, linewidth=2.5
    )
    axes.text(
        start + length / 2,
        height + 0.02 * reach[1],
        f"{length:.0f} Å",
        ha="center",
        va="bottom",
        fontsize=_style.TICK_SIZE,
    )
    figure.legend(
        handles=[
            Line2D([], [], color=_style.BLACK, linewidth=6, label="truth"),
            Line2D(
                [], [], color=_style.BLUE, linewidth=3, label="samples, one colour each"
            ),
        ],
        loc="outside upper center",
        ncols=2,
        frameon=False,
        fontsize=_style.LABEL_SIZE,
    )
