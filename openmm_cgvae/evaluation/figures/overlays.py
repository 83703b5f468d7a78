"""Molecules in two dimensions: samples over the structure their beads came from."""

import os
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke

from openmm_cgvae.evaluation.figures import _style
from openmm_cgvae.evaluation.figures._molecules import (
    ELEMENT_COLOURS,
    MOST_STICK,
    MOST_THIN,
    STICK,
    THIN,
    draw_sticks,
    half_bonds,
    inks_of,
    view_of,
)
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import AtomTable

__all__ = ["overlay"]

_SMALL = 60  # atoms; larger molecules are drawn without hydrogens by default
_MOST_NAMED = 6  # samples with an entry of their own in the legend
_MOST_BEAD_NAMES = 12
_MARGIN = 0.5  # [Å] around what is drawn
_BELOW = 0.9  # [Å] more below, for the scale bar
_BEAD_RADIUS = 1.0  # [Å], the least
_BEAD_INK = "#8A5A00"  # orange, dark enough to read
_WIDTH, _LEAST_HEIGHT, _MOST_HEIGHT = 8.0, 3.6, 9.0  # [inch]


def overlay(
    atom_table: AtomTable,
    reference: np.ndarray,
    samples: np.ndarray,
    bead_positions: np.ndarray | None = None,
    mapping: Mapping | None = None,
    *,
    colour_by: Literal["sample", "element"] = "sample",
    hydrogens: bool | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw samples over a reference, seen along its shortest axis.

    Nothing is superposed: samples of the same beads lie where they are. What is
    nearer to the eye is drawn darker and over what is further away.

    Parameters
    ----------
    atom_table : AtomTable
        The molecule.
    reference : ndarray, shape (n_atoms, 3)
        The structure the beads came from [Å].
    samples : ndarray, shape (n_samples, n_atoms, 3)
        Structures made from the beads [Å].
    bead_positions : ndarray, shape (n_beads, 3), optional
        The beads [Å]; found from the reference if only a mapping is given.
    mapping : Mapping, optional
        Gives beads their size, the root mean square distance of their atoms, and
        their names.
    colour_by : {"sample", "element"}
        One colour per sample, or half bonds in the colours of their elements.
    hydrogens : bool, optional
        Whether to draw hydrogens; by default up to 60 atoms.
    path : path-like, optional
        Where to write the figure, PNG unless the suffix says otherwise.

    Returns
    -------
    matplotlib.figure.Figure
        One drawing with a legend and a scale bar in Å.

    Raises
    ------
    ValueError
        If shapes do not go together or `colour_by` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> table = AtomTable(
    ...     names=("C", "O"), atomic_numbers=np.array([6, 8]),
    ...     masses=np.array([12.0, 16.0]), residue_of_atom=np.zeros(2, int),
    ...     residue_names=("CO",), residue_ids=(1,), insertion_codes=("",),
    ...     chain_ids=("A",), bonds=np.array([[0, 1]]),
    ...     stereocentres=np.empty((0, 4), int),
    ... )
    >>> carbon_monoxide = np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0]])
    >>> figure = overlay(table, carbon_monoxide, carbon_monoxide[None])
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['reference', 'sample 1']
    """
    reference, samples = _checked(atom_table, reference, samples, colour_by)
    is_drawn = np.ones(atom_table.n_atoms, dtype=bool)
    if not (atom_table.n_atoms <= _SMALL if hydrogens is None else hydrogens):
        is_drawn = atom_table.is_heavy
    centre, axes_of_view = view_of(reference[is_drawn])
    seen_reference = (reference - centre) @ axes_of_view
    seen_samples = (samples - centre) @ axes_of_view
    if bead_positions is None and mapping is not None:
        bead_positions = mapping.project(reference)
    beads, radii = np.empty((0, 3)), np.empty(0)
    if bead_positions is not None:
        beads = (_checked_beads(bead_positions, mapping) - centre) @ axes_of_view
        radii = _bead_radii(beads, seen_reference, mapping)
    atoms = np.concatenate([seen_reference[None], seen_samples])[:, is_drawn]
    low, high = _limits(atoms[..., :2].reshape(-1, 2), beads[:, :2], radii)
    figure, axes, points_per_angstrom = _canvas(low, high)
    _draw_beads(axes, beads, radii, mapping)
    bonds = atom_table.bonds[is_drawn[atom_table.bonds].all(axis=1)]
    inks = inks_of(atom_table.atomic_numbers, len(samples), colour_by)
    width = min(STICK * points_per_angstrom, MOST_STICK)
    # The reference goes underneath as a whole, so that it frames what covers it.
    draw_sticks(axes, [half_bonds(seen_reference, bonds, inks[0], width)], 2)
    width = min(THIN * points_per_angstrom, MOST_THIN)
    sticks = [
        half_bonds(sample, bonds, ink, width)
        for sample, ink in zip(seen_samples, inks[1:], strict=True)
    ]
    if sticks:
        draw_sticks(axes, sticks, 3)
    _draw_scale_bar(axes, low, high)
    _draw_legend(figure, len(samples), colour_by, has_beads=len(beads) > 0)
    _style.save(figure, path)
    return figure


def _checked(
    atom_table: AtomTable, reference: np.ndarray, samples: np.ndarray, colour_by: str
) -> tuple[np.ndarray, np.ndarray]:
    reference = np.asarray(reference, dtype=np.float64)
    samples = np.asarray(samples, dtype=np.float64)
    shape = (atom_table.n_atoms, 3)
    if reference.shape != shape:
        raise ValueError(
            f"`reference` has shape {reference.shape} but must be {shape} for "
            f"{atom_table.describe()}; give one structure"
        )
    if samples.ndim != 3 or samples.shape[1:] != shape:
        raise ValueError(
            f"`samples` has shape {samples.shape} but must be (n_samples, {shape[0]}, "
            "3); put samples on the first axis"
        )
    if colour_by not in ("sample", "element"):
        raise ValueError(
            f"`colour_by` is {colour_by!r} but must be 'sample' or 'element'; take "
            "'sample' to tell samples apart"
        )
    if not (np.isfinite(reference).all() and np.isfinite(samples).all()):
        raise ValueError(
            "`reference` or `samples` holds coordinates that are not finite; leave "
            "such structures out"
        )
    return reference, samples


def _checked_beads(beads: np.ndarray, mapping: Mapping | None) -> np.ndarray:
    beads = np.asarray(beads, dtype=np.float64)
    n_beads = len(beads) if mapping is None else mapping.n_beads
    if beads.shape != (n_beads, 3):
        raise ValueError(
            f"`bead_positions` has shape {beads.shape} but must be ({n_beads}, 3); "
            "give the beads of one structure"
        )
    return beads


def _limits(
    atoms: np.ndarray, beads: np.ndarray, radii: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lower left and upper right corner [Å] of all that is drawn."""
    lowest = np.concatenate([atoms, beads - radii[:, None]]).min(axis=0)
    highest = np.concatenate([atoms, beads + radii[:, None]]).max(axis=0)
    return lowest - [_MARGIN, _MARGIN + _BELOW], highest + _MARGIN


def _canvas(low: np.ndarray, high: np.ndarray) -> tuple[Figure, Axes, float]:
    """Figure and axes that hold a box [Å] at one scale, and points per Å."""
    width, height = high - low
    figure_height = np.clip(_WIDTH * height / width, _LEAST_HEIGHT, _MOST_HEIGHT)
    figure = _style.new_figure(_WIDTH, float(figure_height) + 0.5)
    axes = figure.subplots()
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set_axis_off()
    points = 72.0 * min(_WIDTH / width, figure_height / height)
    return figure, axes, float(points)


def _bead_radii(
    beads: np.ndarray, seen_reference: np.ndarray, mapping: Mapping | None
) -> np.ndarray:
    if mapping is None:
        return np.full(len(beads), _BEAD_RADIUS)
    squares = np.sum((seen_reference - beads[mapping.bead_of_atom]) ** 2, axis=1)
    sums = np.bincount(mapping.bead_of_atom, weights=squares)
    return np.maximum(_BEAD_RADIUS, np.sqrt(sums / np.bincount(mapping.bead_of_atom)))


def _draw_beads(
    axes: Axes, beads: np.ndarray, radii: np.ndarray, mapping: Mapping | None
) -> None:
    fill, edge = to_rgba(_style.ORANGE, 0.18), to_rgba(_style.ORANGE, 1.0)
    for (x, y, _), radius in zip(beads, radii, strict=True):
        axes.add_patch(Circle((x, y), radius, fc=fill, ec=edge, lw=1.2, zorder=1))
    if mapping is None or len(beads) > _MOST_BEAD_NAMES:
        return
    for (x, y, _), radius, name in zip(beads, radii, mapping.bead_names, strict=True):
        label = axes.text(x, y + radius, name, ha="center", va="center", zorder=5)
        label.set(fontsize=_style.TICK_SIZE, color=_BEAD_INK, fontweight="bold")
        label.set_path_effects([withStroke(linewidth=3, foreground="white")])


def _draw_scale_bar(axes: Axes, low: np.ndarray, high: np.ndarray) -> None:
    length = 2.0 if high[0] - low[0] < 20.0 else 5.0
    start, height = low[0] + _MARGIN, low[1] + _MARGIN / 2
    axes.plot(
        [start, start + length],
        [height, height],
        color=_style.BLACK,
        linewidth=2.5,
        solid_capstyle="butt",
        gid="scale bar",
    )
    axes.text(
        start + length / 2,
        height + 0.12,
        f"{length:.0f} Å",
        ha="center",
        va="bottom",
        fontsize=_style.LABEL_SIZE,
    )


def _draw_legend(
    figure: Figure, n_samples: int, colour_by: str, *, has_beads: bool
) -> None:
    handles = [Line2D([], [], color=_style.BLACK, linewidth=7, label="reference")]
    if colour_by == "sample" and n_samples <= _MOST_NAMED:
        for number, colour in zip(range(n_samples), _style.CYCLE, strict=False):
            label = f"sample {number + 1}"
            handles.append(Line2D([], [], color=colour, linewidth=3, label=label))
    elif n_samples:
        colour = _style.BLUE if colour_by == "sample" else ELEMENT_COLOURS[6]
        label = "1 sample" if n_samples == 1 else f"{n_samples} samples"
        handles.append(Line2D([], [], color=colour, linewidth=2.5, label=label))
    if has_beads:
        handles.append(
            Line2D(
                [],
                [],
                linestyle="none",
                marker="o",
                markersize=14,
                markerfacecolor=to_rgba(_style.ORANGE, 0.18),
                markeredgecolor=_style.ORANGE,
                label="beads",
            )
        )
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=len(handles),
        frameon=False,
        fontsize=_style.LABEL_SIZE,
    )
