"""Molecules in two dimensions: samples over the structure their beads came from."""

import os
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke

from openmm_cgvae.figures import _style
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.topology import HYDROGEN, AtomTable

_ELEMENT_COLOURS = {
    1: "#B5B5B5",
    6: "#3A3A3A",
    7: _style.BLUE,
    8: _style.VERMILION,
    16: _style.ORANGE,
}
_SMALL = 60  # atoms; larger molecules are drawn without hydrogens by default
_MOST_NAMED = 6  # samples with an entry of their own in the legend
_MOST_BEAD_NAMES = 12
_MARGIN = 0.5  # [A] around what is drawn
_BELOW = 0.9  # [A] more below, for the scale bar
_STICK, _MOST_STICK = 0.36, 16.0  # width of the reference's bonds [A], at most [point]
_THIN, _MOST_THIN = 0.13, 5.0  # width of the samples' bonds [A], at most [point]
_RIM = 1.2  # white rim on each side of a stick [point]
_FADE = 0.55  # how much of the colour the furthest bond loses to white
_BEAD_RADIUS = 1.0  # [A], the least
_BEAD_INK = "#8A5A00"  # orange, dark enough to read
_WIDTH, _LEAST_HEIGHT, _MOST_HEIGHT = 8.0, 3.6, 9.0  # [inch]


class _Sticks(NamedTuple):
    """Half bonds to draw: ends [n, 2, 2], depth [n], colour [n, 3], width [n]."""

    ends: np.ndarray
    depth: np.ndarray
    colour: np.ndarray
    width: np.ndarray


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
        The structure the beads came from [A].
    samples : ndarray, shape (n_samples, n_atoms, 3)
        Structures made from the beads [A].
    bead_positions : ndarray, shape (n_beads, 3), optional
        The beads [A]; found from the reference if only a mapping is given.
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
        One drawing with a legend and a scale bar in Angstrom.

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
    centre, axes_of_view = _view(reference[is_drawn])
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
    inks = _inks(atom_table.atomic_numbers, len(samples), colour_by)
    width = min(_STICK * points_per_angstrom, _MOST_STICK)
    # The reference goes underneath as a whole, so that it frames what covers it.
    _draw_sticks(axes, [_half_bonds(seen_reference, bonds, inks[0], width)], 2)
    width = min(_THIN * points_per_angstrom, _MOST_THIN)
    sticks = [
        _half_bonds(sample, bonds, ink, width)
        for sample, ink in zip(seen_samples, inks[1:], strict=True)
    ]
    if sticks:
        _draw_sticks(axes, sticks, 3)
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


def _view(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and right-handed axes: longest, second, towards the eye."""
    centre = positions.mean(axis=0)
    axes = np.linalg.svd(positions - centre, full_matrices=True)[2].T
    # A mirrored picture would show the wrong hand of every stereocentre.
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    return centre, axes


def _limits(
    atoms: np.ndarray, beads: np.ndarray, radii: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lower left and upper right corner [A] of all that is drawn."""
    lowest = np.concatenate([atoms, beads - radii[:, None]]).min(axis=0)
    highest = np.concatenate([atoms, beads + radii[:, None]]).max(axis=0)
    return lowest - [_MARGIN, _MARGIN + _BELOW], highest + _MARGIN


def _canvas(low: np.ndarray, high: np.ndarray) -> tuple[Figure, Axes, float]:
    """Figure and axes that hold a box [A] at one scale, and points per Angstrom."""
    width, height = high - low
    figure_height = np.clip(_WIDTH * height / width, _LEAST_HEIGHT, _MOST_HEIGHT)
    figure = _style.new_figure(_WIDTH, float(figure_height) + 0.5)
    axes = figure.subplots()
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set_axis_off()
    points = 72.0 * min(_WIDTH / width, figure_height / height)
    return figure, axes, float(points)


def _inks(
    atomic_numbers: np.ndarray, n_samples: int, colour_by: str
) -> list[np.ndarray]:
    """Colours of the atoms of the reference and of each sample, (n_atoms, 3)."""
    elements = [_ELEMENT_COLOURS.get(n, _style.PURPLE) for n in atomic_numbers.tolist()]
    by_element = np.array([to_rgb(name) for name in elements])
    if colour_by == "element":
        return [0.45 * by_element, *[by_element] * n_samples]
    # Elements in colour would be mistaken for samples.
    is_hydrogen = (atomic_numbers == HYDROGEN)[:, None]
    reference = np.where(is_hydrogen, to_rgb(_style.GREY), to_rgb(_style.BLACK))
    samples = [
        np.tile(to_rgb(_style.CYCLE[number % len(_style.CYCLE)]), (len(elements), 1))
        for number in range(n_samples)
    ]
    return [reference, *samples]


def _half_bonds(
    seen: np.ndarray, bonds: np.ndarray, colours: np.ndarray, width: float
) -> _Sticks:
    """Two halves of each bond, each in the colour of its atom."""
    atoms = np.concatenate([bonds[:, 0], bonds[:, 1]])
    middles = np.tile(seen[bonds].mean(axis=1), (2, 1))
    ends = np.stack([seen[atoms], middles], axis=1)
    return _Sticks(
        ends[:, :, :2],
        ends[:, :, 2].mean(axis=1),
        colours[atoms],
        np.full(len(atoms), width),
    )


def _draw_sticks(axes: Axes, sticks: list[_Sticks], z_order: int) -> None:
    """Draw far to near, each half bond over a white rim that shows what it hides."""
    ends, depth, colour, width = (
        np.concatenate(parts) for parts in zip(*sticks, strict=True)
    )
    order = np.argsort(depth, kind="stable")
    ends, depth, colour, width = ends[order], depth[order], colour[order], width[order]
    span = np.ptp(depth) if len(depth) else 0.0
    far = (depth.max() - depth) / span if span > 0 else 0.0 * depth
    faded = colour + _FADE * far[:, None] * (1.0 - colour)
    rims = ends + 0.2 * (ends.mean(axis=1, keepdims=True) - ends)
    axes.add_collection(
        LineCollection(
            list(np.stack([rims, ends], axis=1).reshape(-1, 2, 2)),
            colors=np.stack([np.ones_like(faded), faded], axis=1).reshape(-1, 3),
            linewidths=np.stack([width + 2 * _RIM, width], axis=1).reshape(-1),
            capstyle="round",
            zorder=z_order,
        )
    )


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
        colour = _style.BLUE if colour_by == "sample" else _ELEMENT_COLOURS[6]
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
