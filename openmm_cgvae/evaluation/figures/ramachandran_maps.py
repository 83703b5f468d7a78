"""Maps of the torsions phi and psi: reference and samples side by side."""

import os

import numpy as np
from matplotlib.figure import Figure

from openmm_cgvae.evaluation.figures import _style
from openmm_cgvae.metrics import jensen_shannon_divergence

__all__ = ["ramachandran"]

_HALF_TURN = 180.0
_TICKS = (-180, -90, 0, 90, 180)
_COLOURS = "viridis"


def ramachandran(
    reference_phi_psi: np.ndarray,
    sample_phi_psi: np.ndarray,
    *,
    names: tuple[str, str] = ("reference", "samples"),
    n_bins: int = 60,
    path: str | os.PathLike[str] | None = None,
) -> Figure:
    r"""Draw the free energy over phi and psi of a reference and of samples.

    :math:`F / kT = -\ln p` of a histogram, zero in the most populated bin of either
    map, so that one colour means one density in both. Bins without a count stay
    white. The Jensen-Shannon divergence (JSD) of the two is written in the second.

    Parameters
    ----------
    reference_phi_psi, sample_phi_psi : ndarray, shape (n, 2)
        Torsions of each structure [deg]; rows that are not finite are left out.
    names : pair of str
        Titles of the two maps.
    n_bins : int
        Bins per turn; 60 are 6 degrees wide.
    path : path-like, optional
        Where to write the figure, PNG unless the suffix says otherwise.

    Returns
    -------
    matplotlib.figure.Figure
        Two maps with one colour bar.

    Raises
    ------
    ValueError
        If a set is empty or not made of pairs.

    Examples
    --------
    >>> import numpy as np
    >>> torsions = np.random.default_rng(0).normal(-75.0, 20.0, size=(500, 2))
    >>> figure = ramachandran(torsions, torsions + 5.0)
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['reference (n = 500)', 'samples (n = 500)']
    """
    sets = [
        _finite_pairs(reference_phi_psi, "reference_phi_psi"),
        _finite_pairs(sample_phi_psi, "sample_phi_psi"),
    ]
    densities = [_density(torsions, n_bins) for torsions in sets]
    energies = _free_energies(densities)
    highest = max(np.nanmax(energy) for energy in energies)
    figure = _style.new_figure(9.6, 4.6)
    edges = np.linspace(-_HALF_TURN, _HALF_TURN, n_bins + 1)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, energy, torsions, name in zip(panels, energies, sets, names, strict=True):
        mesh = axes.pcolormesh(
            edges, edges, energy.T, cmap=_COLOURS, vmin=0.0, vmax=max(highest, 1.0)
        )
        _style.tidy(axes, f"{name} (n = {len(torsions):,})", "φ [degree]")
        axes.set(xlim=edges[[0, -1]], ylim=edges[[0, -1]], aspect="equal")
        axes.set(xticks=_TICKS, yticks=_TICKS)
        axes.spines[["top", "right"]].set_visible(True)
        axes.grid(color=_style.GREY, alpha=0.25, linewidth=0.6)
    panels[0].set_ylabel("ψ [degree]", fontsize=_style.LABEL_SIZE)
    bar = figure.colorbar(mesh, ax=panels, shrink=0.9, pad=0.02)
    bar.set_label("free energy [kT]", fontsize=_style.LABEL_SIZE)
    bar.ax.tick_params(labelsize=_style.TICK_SIZE)
    divergence = jensen_shannon_divergence(sets[1], sets[0])
    panels[1].text(
        0.97,
        0.03,
        f"JSD {divergence:.3f} bit",
        transform=panels[1].transAxes,
        ha="right",
        fontsize=_style.TICK_SIZE,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2},
    )
    _style.save(figure, path)
    return figure


def _finite_pairs(torsions: np.ndarray, name: str) -> np.ndarray:
    torsions = np.asarray(torsions, dtype=np.float64)
    if torsions.ndim != 2 or torsions.shape[1] != 2:
        raise ValueError(
            f"`{name}` has shape {torsions.shape} but must be (n, 2); give phi and psi "
            "of one residue per structure"
        )
    torsions = torsions[np.isfinite(torsions).all(axis=1)]
    if len(torsions) == 0:
        raise ValueError(f"`{name}` holds no finite pair; give one structure or more")
    return torsions


def _density(torsions: np.ndarray, n_bins: int) -> np.ndarray:
    """Fraction of structures in each bin, (n_bins, n_bins), phi first."""
    wrapped = (torsions + _HALF_TURN) % (2 * _HALF_TURN) - _HALF_TURN
    edges = np.linspace(-_HALF_TURN, _HALF_TURN, n_bins + 1)
    counts, _, _ = np.histogram2d(wrapped[:, 0], wrapped[:, 1], bins=[edges, edges])
    return counts / len(torsions)


def _free_energies(densities: list[np.ndarray]) -> list[np.ndarray]:
    """-ln p above the lowest of all maps, nan where nothing was seen."""
    largest = max(density.max() for density in densities)
    seen = [np.where(density > 0, density / largest, np.nan) for density in densities]
    return [-np.log(density) for density in seen]
