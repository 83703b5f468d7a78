"""Disulfide bridges: which cysteines are bonded by their sulphurs."""

from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np

from openmm_cgvae.chemistry.proteins.chains import (
    Chains,
    distances_between,
    vectors_between,
)

__all__ = ["beta_carbons", "checked_pairs", "near_pairs"]

# Between the points that tell, of cysteines that are bonded [Å]: beta carbons,
# as the alpha carbons give them, centres of mass, or SC1, which is CB and SG.
DISTANCES = {
    "alpha-carbon": (2.5, 5.3),
    "residue": (3.0, 5.7),
    "martini2": (1.5, 3.5),
    "martini3": (1.5, 3.5),
}
# Of the alpha carbons, whatever their neighbours say.
ALPHA_CARBONS = (3.7, 7.0)
# Where a beta carbon is: along the bisector of the alpha carbons beside, across them,
# and along them; the mean of 820 residues of the protein structures of MDAnalysisTests,
# with a spread of 0.2 each [Å].
BETA_CARBON = (1.22, -0.85, 0.13)
# How much nearer than the alpha carbons the beta carbons of a bridge are [Å].
NEARER = 1.8


def near_pairs(
    where: np.ndarray,
    cysteines: np.ndarray,
    chains: Chains,
    family: str,
    box: np.ndarray | None,
) -> np.ndarray:
    """Find cysteines that are near enough for a bridge.

    Parameters
    ----------
    where : ndarray, shape (n_residues, 3)
        The bead of each residue that tells [Å].
    cysteines : ndarray of int, shape (n_cysteines,)
        Numbers of the residues; neighbours in the sequence are not bonded.
    chains : Chains
        Which residues are joined.
    family : str
        Family of the beads.
    box : ndarray, shape (6,), or None
        Unit cell.

    Returns
    -------
    ndarray of int, shape (n_disulfides, 2)
        Pairs of residues, those of all ways to pair cysteines that are nearest.
    """
    one, other = np.triu_indices(len(cysteines), k=1)
    pairs = np.stack([cysteines[one], cysteines[other]], axis=1)
    pairs = pairs[pairs[:, 1] - pairs[:, 0] > 1]
    closing = set(map(tuple, chains.rings[:, ::-1].tolist()))
    pairs = pairs[[tuple(pair) not in closing for pair in pairs.tolist()]]
    first, second = pairs.T
    distances = distances_between(where[first], where[second], box)
    is_near = np.ones(len(pairs), dtype=bool)
    if family == "alpha-carbon":
        is_near = _is_between(distances, ALPHA_CARBONS)
        beta = beta_carbons(where, chains.is_joined, box)
        between = distances_between(beta[first], beta[second], box)
        distances = np.where(np.isnan(between), distances - NEARER, between)
    is_near &= _is_between(distances, DISTANCES[family])
    graph = nx.Graph()
    farthest = DISTANCES[family][1]
    for (i, j), distance in zip(
        pairs[is_near].tolist(), distances[is_near].tolist(), strict=True
    ):
        graph.add_edge(i, j, weight=1 + farthest - distance)
    found = sorted(tuple(sorted(pair)) for pair in nx.max_weight_matching(graph))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def beta_carbons(
    where: np.ndarray, is_joined: np.ndarray, box: np.ndarray | None
) -> np.ndarray:
    """Compute where beta carbons should be from three alpha carbons each.

    Parameters
    ----------
    where : ndarray, shape (n_residues, 3)
        Alpha carbons [Å].
    is_joined : ndarray of bool, shape (n_residues,)
        Whether a residue is bonded to the next.
    box : ndarray, shape (6,), or None
        Unit cell.

    Returns
    -------
    ndarray, shape (n_residues, 3)
        Beta carbons [Å]; nan at the ends of chains.
    """
    steps = _directions(vectors_between(where[:-1], where[1:], box))
    before, after = steps[:-1], steps[1:]
    axes = (before - after, np.cross(before, after), before + after)
    beta = np.full(where.shape, np.nan)
    beta[1:-1] = where[1:-1] + sum(
        length * _directions(axis)
        for length, axis in zip(BETA_CARBON, axes, strict=True)
    )
    beta[:-1][~is_joined[:-1]] = np.nan
    beta[1:][~is_joined[:-1]] = np.nan
    return beta


def _is_between(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return (limits[0] <= values) & (values <= limits[1])


def _directions(vectors: np.ndarray) -> np.ndarray:
    # Three alpha carbons in a line have no bisector; then it is nothing.
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-9)


def checked_pairs(pairs: Any, variants: Sequence[str]) -> np.ndarray:
    """Return pairs of residues, which have to be cysteines.

    Parameters
    ----------
    pairs : array_like of int, shape (n_disulfides, 2)
        Pairs of residues, counted from 0.
    variants : sequence of str
        Variant of every residue.

    Returns
    -------
    ndarray of int, shape (n_disulfides, 2)
        The same.

    Raises
    ------
    ValueError
        If one is no cysteine, or comes twice.
    """
    array = np.array(pairs if len(pairs) else np.empty((0, 2), dtype=np.int64))
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        raise ValueError(
            f"`disulfides` is {pairs!r} but must be 'auto' or pairs of residues, "
            "counted from 0"
        )
    flat = array.ravel().tolist()
    wrong = [
        i
        for i in flat
        if not 0 <= i < len(variants) or variants[i] not in ("CYS", "CYX", "CYM")
    ]
    if wrong or len(set(flat)) < len(flat):
        raise ValueError(
            f"`disulfides` names residue {(wrong or flat)[0]}, which is "
            f"{'no cysteine' if wrong else 'in two pairs'}; count residues of the "
            f"protein from 0 to {len(variants) - 1} and name each once"
        )
    return np.sort(array.astype(np.int64), axis=1)
