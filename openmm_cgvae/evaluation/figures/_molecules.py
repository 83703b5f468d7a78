"""Molecules as sticks in two dimensions, the nearer drawn over the further."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb

from openmm_cgvae.evaluation.figures import _style
from openmm_cgvae.molecules import HYDROGEN

ELEMENT_COLOURS = {
    1: "#B5B5B5",
    6: "#3A3A3A",
    7: _style.BLUE,
    8: _style.VERMILION,
    16: _style.ORANGE,
}
STICK, MOST_STICK = 0.36, 16.0  # width of the reference's bonds [Å], at most [point]
THIN, MOST_THIN = 0.13, 5.0  # width of the samples' bonds [Å], at most [point]
_RIM = 1.2  # white rim on each side of a stick [point]
_FADE = 0.55  # how much of the colour the furthest bond loses to white


class Sticks(NamedTuple):
    """Half bonds to draw: ends [n, 2, 2], depth [n], colour [n, 3], width [n]."""

    ends: np.ndarray
    depth: np.ndarray
    colour: np.ndarray
    width: np.ndarray


def view_of(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and right-handed axes: longest, second, towards the eye."""
    centre = positions.mean(axis=0)
    axes = np.linalg.svd(positions - centre, full_matrices=True)[2].T
    # A mirrored picture would show the wrong chirality of every stereocentre.
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    return centre, axes


def inks_of(
    atomic_numbers: np.ndarray, n_samples: int, colour_by: str
) -> list[np.ndarray]:
    """Colours of the atoms of the reference and of each sample, (n_atoms, 3)."""
    elements = [ELEMENT_COLOURS.get(n, _style.PURPLE) for n in atomic_numbers.tolist()]
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


def half_bonds(
    seen: np.ndarray, bonds: np.ndarray, colours: np.ndarray, width: float
) -> Sticks:
    """Two halves of each bond, each in the colour of its atom."""
    atoms = np.concatenate([bonds[:, 0], bonds[:, 1]])
    middles = np.tile(seen[bonds].mean(axis=1), (2, 1))
    ends = np.stack([seen[atoms], middles], axis=1)
    return Sticks(
        ends[:, :, :2],
        ends[:, :, 2].mean(axis=1),
        colours[atoms],
        np.full(len(atoms), width),
    )


def draw_sticks(axes: Axes, sticks: list[Sticks], z_order: int) -> None:
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
