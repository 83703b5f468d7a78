"""Which atoms a bead is made of, as a drawing of the molecule in the plane."""

import os

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from MDAnalysis.converters.RDKitInferring import MDAnalysisInferrer
from rdkit import Chem
from rdkit.Chem import rdCoordGen

from openmm_cgvae.evaluation.figures import _style
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import AtomTable

__all__ = ["bead_map"]

# Neighbours differ in hue and in lightness.
_COLOURS = (*_style.CYCLE, _style.YELLOW, _style.GREY)
_SMALL = 60  # atoms; larger molecules are drawn without hydrogens by default
_MOST_IN_LEGEND = 12
_LIGHTER = 0.45  # how far the colour of a bead is from white
_DARKER = 0.55  # what is left of it in the name
_BLOB = 0.62  # width of a bead, of bonds [bond lengths]
_STROKE = 0.05  # width of a bond
_APART = 0.13  # between the lines of a double bond
_LETTER = 0.34  # height of an element's letter
_INCHES = 0.42  # length of a bond
_LEAST_WIDTH, _MOST_WIDTH = 5.0, 16.0  # [inch]
_LEGEND_ENTRY = 1.4  # width [inch]
_RING_OF_POSITIONS = 16  # where a name may stand around its bead
_MARGIN = 1.2  # [bond lengths]
_LINES = {1.0: (0.0,), 1.5: (-0.5, 0.5), 2.0: (-0.5, 0.5), 3.0: (-1.0, 0.0, 1.0)}


def bead_map(
    atom_table: AtomTable,
    mapping: Mapping,
    *,
    hydrogens: bool | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    """Draw a molecule in the plane, its atoms over the colours of their beads.

    Beads that are bonded to each other, or to a common one, have different colours
    as far as these reach. Each bead has its number and name beside it.

    Parameters
    ----------
    atom_table : AtomTable
        The molecule.
    mapping : Mapping
        Its beads.
    hydrogens : bool, optional
        Whether to draw hydrogens; by default in molecules of up to 60 atoms. Beads
        of nothing but hydrogens have theirs drawn in any case.
    path : path-like, optional
        File to write, by its suffix a PNG, SVG or PDF.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ValueError
        If the mapping is of another number of atoms.
    """
    if mapping.n_atoms != atom_table.n_atoms:
        raise ValueError(
            f"`mapping` is of {mapping.n_atoms} atoms but the molecule has "
            f"{atom_table.describe()}; give a mapping of this molecule"
        )
    drawn = _drawn_atoms(atom_table, mapping, hydrogens=hydrogens)
    positions, bonds, orders = _layout(atom_table, drawn)
    beads = mapping.bead_of_atom[drawn]
    colours = _colours_of_beads(atom_table, mapping)
    figure, axes, points = _canvas(positions)
    _draw_beads(axes, positions, bonds, beads, colours, points)
    _draw_bonds(axes, positions, bonds, orders, points)
    _draw_letters(axes, positions, atom_table.atomic_numbers[drawn], points)
    _draw_names(axes, positions, beads, mapping, colours, points)
    if mapping.n_beads <= _MOST_IN_LEGEND:
        _draw_legend(figure, mapping, colours)
    _style.save(figure, path)
    return figure


def _drawn_atoms(
    atom_table: AtomTable, mapping: Mapping, *, hydrogens: bool | None
) -> np.ndarray:
    """Return the atoms to draw."""
    if hydrogens or (hydrogens is None and atom_table.n_atoms <= _SMALL):
        return np.arange(atom_table.n_atoms)
    n_heavy = np.bincount(mapping.bead_of_atom, atom_table.is_heavy)
    return np.flatnonzero(atom_table.is_heavy | (n_heavy[mapping.bead_of_atom] == 0))


def _layout(
    atom_table: AtomTable, drawn: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return positions in the plane [bond lengths], bonds between them and orders."""
    molecule = Chem.RWMol()
    for index, number in enumerate(atom_table.atomic_numbers.tolist()):
        atom = Chem.Atom(number)
        # By this the search for bond orders keeps the atoms in their order.
        atom.SetIntProp("_MDAnalysis_index", index)
        atom.SetNoImplicit(True)  # noqa: FBT003
        molecule.AddAtom(atom)
    for i, j in atom_table.bonds.tolist():
        molecule.AddBond(i, j, Chem.BondType.SINGLE)
    molecule.UpdatePropertyCache(strict=False)
    if not atom_table.is_heavy.all():
        # Orders follow from the hydrogens; without any every bond is drawn single.
        molecule = Chem.RWMol(MDAnalysisInferrer(sanitize=False)(molecule.GetMol()))
    for atom in np.setdiff1d(np.arange(atom_table.n_atoms), drawn)[::-1].tolist():
        molecule.RemoveAtom(atom)
    molecule.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(molecule)
    rdCoordGen.AddCoords(molecule)
    positions = molecule.GetConformer().GetPositions()[:, :2]
    pairs = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()]
    bonds = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    orders = np.array([bond.GetBondTypeAsDouble() for bond in molecule.GetBonds()])
    lengths = np.linalg.norm(positions[bonds[:, 0]] - positions[bonds[:, 1]], axis=1)
    scale = np.median(lengths) if len(lengths) else 1.0
    return _laid_flat(positions / scale), bonds, orders


def _laid_flat(positions: np.ndarray) -> np.ndarray:
    """Turn the longest axis of a drawing to the horizontal."""
    centred = positions - positions.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=True)[2]
    # A mirrored drawing would show the wrong side of the molecule.
    axes[1] *= np.sign(np.linalg.det(axes))
    return centred @ axes.T


def _colours_of_beads(atom_table: AtomTable, mapping: Mapping) -> list[str]:
    """Colour beads in turn, each unlike its neighbours and their neighbours."""
    pairs = mapping.bead_of_atom[atom_table.bonds]
    near = np.eye(mapping.n_beads, dtype=bool)
    near[pairs[:, 0], pairs[:, 1]] = near[pairs[:, 1], pairs[:, 0]] = True
    second = (near.astype(int) @ near) > 0
    chosen = np.full(mapping.n_beads, -1)
    used = np.zeros(len(_COLOURS))
    for bead in range(mapping.n_beads):
        cost = 1e-3 * used
        np.add.at(cost, chosen[second[bead] & (chosen >= 0)], 1.0)
        np.add.at(cost, chosen[near[bead] & (chosen >= 0)], 100.0)
        chosen[bead] = np.argmin(cost)
        used[chosen[bead]] += 1
    return [_COLOURS[number] for number in chosen]


def _canvas(positions: np.ndarray) -> tuple[Figure, Axes, float]:
    """Return figure and axes around the positions, and points per bond length."""
    low, high = positions.min(axis=0) - _MARGIN, positions.max(axis=0) + _MARGIN
    width, height = high - low
    figure_width = np.clip(_INCHES * width, _LEAST_WIDTH, _MOST_WIDTH)
    inches = min(figure_width / width, _INCHES * 1.6)
    figure = _style.new_figure(float(figure_width), float(inches * height) + 0.6)
    axes = figure.subplots()
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set_axis_off()
    return figure, axes, float(72 * inches)


def _draw_beads(
    axes: Axes,
    positions: np.ndarray,
    bonds: np.ndarray,
    beads: np.ndarray,
    colours: list[str],
    points: float,
) -> None:
    """Draw a bead as a broad band along its bonds and around its atoms."""
    pale = np.array([_pale(colour) for colour in colours])[beads]
    inside = bonds[beads[bonds[:, 0]] == beads[bonds[:, 1]]]
    width = _BLOB * points
    axes.add_collection(
        LineCollection(
            list(positions[inside]),
            colors=pale[inside[:, 0]],
            linewidths=width,
            capstyle="round",
            zorder=1,
            gid="beads",
        )
    )
    x, y = positions.T
    axes.scatter(x, y, s=width**2, c=pale, linewidths=0, zorder=1, gid="atoms")


def _pale(colour: str) -> tuple[float, float, float]:
    """Return a lighter shade, on which black is read."""
    red, green, blue = (1 - _LIGHTER * (1 - part) for part in to_rgb(colour))
    return red, green, blue


def _draw_bonds(
    axes: Axes,
    positions: np.ndarray,
    bonds: np.ndarray,
    orders: np.ndarray,
    points: float,
) -> None:
    lines = []
    for (i, j), order in zip(bonds, orders, strict=True):
        along = positions[j] - positions[i]
        across = np.array([-along[1], along[0]]) / np.linalg.norm(along)
        for shift in _LINES.get(order, (0.0,)):
            lines.append(positions[[i, j]] + _APART * shift * across)
    axes.add_collection(
        LineCollection(
            lines,
            colors=_style.BLACK,
            linewidths=_STROKE * points,
            capstyle="round",
            zorder=2,
            gid="bonds",
        )
    )


def _draw_letters(
    axes: Axes, positions: np.ndarray, atomic_numbers: np.ndarray, points: float
) -> None:
    """Write the elements other than carbon."""
    table = Chem.GetPeriodicTable()
    for position, number in zip(positions, atomic_numbers.tolist(), strict=True):
        if number == 6:
            continue
        letter = axes.text(
            position[0], position[1], table.GetElementSymbol(number), zorder=3
        )
        letter.set(ha="center", va="center", fontsize=_LETTER * points, color="black")
        letter.set_path_effects([withStroke(linewidth=0.09 * points, foreground="w")])


def _draw_names(
    axes: Axes,
    positions: np.ndarray,
    beads: np.ndarray,
    mapping: Mapping,
    colours: list[str],
    points: float,
) -> None:
    """Write index and name of each bead where there is most room near it."""
    taken = positions
    turns = 2 * np.pi * np.arange(_RING_OF_POSITIONS) / _RING_OF_POSITIONS
    ring = np.column_stack([1.3 * np.cos(turns), np.sin(turns)])
    for bead, name in enumerate(mapping.bead_names):
        own = positions[beads == bead]
        candidates = (own[:, None] + 0.9 * ring).reshape(-1, 2)
        distances = np.linalg.norm(
            (candidates[:, None] - taken) / [1.3, 1.0], axis=2
        ).min(axis=1)
        spot = candidates[np.argmax(distances)]
        taken = np.concatenate([taken, spot[None]])
        text = axes.text(
            spot[0], spot[1], f"{bead} {name}", zorder=4, fontweight="bold"
        )
        ink = _DARKER * np.array(to_rgb(colours[bead]))
        text.set(ha="center", va="center", fontsize=_LETTER * points, color=ink)
        text.set_path_effects([withStroke(linewidth=0.12 * points, foreground="w")])


def _draw_legend(figure: Figure, mapping: Mapping, colours: list[str]) -> None:
    handles = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker="o",
            markersize=12,
            label=f"{bead} {name}",
            color=_pale(colours[bead]),
        )
        for bead, name in enumerate(mapping.bead_names)
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), int(figure.get_figwidth() / _LEGEND_ENTRY)),
        frameon=False,
        fontsize=_style.LABEL_SIZE,
    )
