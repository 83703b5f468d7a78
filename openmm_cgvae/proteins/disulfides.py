"""Which cysteines of a protein are bonded by their sulphurs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from MDAnalysis.lib.distances import self_capped_distance

# Between the beads that tell, of cysteines that are bonded [Angstrom]. Alpha carbons:
# the shortest and the longest there are; Martini: SC1, which is CB and SG.
DISTANCES = {
    "alpha-carbon": (3.8, 6.8),
    "residue": (3.0, 6.0),
    "martini2": (1.5, 3.5),
    "martini3": (1.5, 3.5),
}


def near_pairs(
    where: np.ndarray, cysteines: np.ndarray, family: str, box: np.ndarray | None
) -> np.ndarray:
    """Find cysteines that are near enough for a bridge, each the other's nearest.

    Parameters
    ----------
    where : ndarray, shape (n_cysteines, 3)
        The bead that tells [Angstrom].
    cysteines : ndarray of int, shape (n_cysteines,)
        Numbers of the residues; neighbours in the sequence are not bonded.
    family : str
        Family of the beads.
    box : ndarray, shape (6,), or None
        Unit cell.

    Returns
    -------
    ndarray of int, shape (n_disulfides, 2)
        Pairs of residues.
    """
    lowest, highest = DISTANCES[family]
    if len(where) < 2:
        return np.empty((0, 2), dtype=np.int64)
    if box is not None and not box.all():
        box = None
    pairs, distances = self_capped_distance(where, highest, lowest, box=box)
    is_apart = np.abs(cysteines[pairs[:, 0]] - cysteines[pairs[:, 1]]) > 1
    pairs, distances = pairs[is_apart], distances[is_apart]
    nearest: dict[int, tuple[float, int]] = {}
    for (i, j), distance in zip(pairs.tolist(), distances.tolist(), strict=True):
        for one, other in ((i, j), (j, i)):
            best = nearest.get(one, (np.inf, -1))
            nearest[one] = min(best, (distance, other))
    found = [
        (i, j) for i, (_, j) in sorted(nearest.items()) if i < j and nearest[j][1] == i
    ]
    return cysteines[np.array(found, dtype=np.int64).reshape(-1, 2)]


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
