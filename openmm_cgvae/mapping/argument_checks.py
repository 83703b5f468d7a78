"""What a mapping is made from, checked and brought into one form."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "checked_assignment",
    "checked_names",
    "checked_points",
    "normalised_weights",
    "raw_weights",
]


def checked_assignment(bead_of_atom: npt.ArrayLike) -> np.ndarray:
    """Return a copy of the assignment as int64, every bead of it filled."""
    given = np.asarray(bead_of_atom)
    if given.ndim != 1 or given.size == 0:
        raise ValueError(
            f"`bead_of_atom` has shape {given.shape} but must be (n_atoms,) with one "
            "atom or more; give one bead number per atom"
        )
    if not np.issubdtype(given.dtype, np.integer):
        raise TypeError(
            f"`bead_of_atom` is of type {given.dtype} but must be of integers; "
            "give one bead number per atom"
        )
    lowest, highest = int(given.min()), int(given.max())
    if lowest < 0:
        raise ValueError(
            f"`bead_of_atom` holds {lowest} but beads are numbered from 0; "
            "assign every atom to a bead"
        )
    # A gap is certain if there are more beads than atoms, and need not be counted.
    n_filled = len(np.unique(given))
    if n_filled <= highest:
        raise ValueError(
            f"`bead_of_atom` numbers beads up to {highest} but fills {n_filled} of "
            f"them; number the beads 0, 1, 2, ... without a gap"
        )
    return given.astype(np.int64)


def checked_names(bead_names: Sequence[str] | None, n_beads: int) -> tuple[str, ...]:
    """Return the names, one string per bead, "B0", "B1", ... if there are none."""
    if bead_names is None:
        return tuple(f"B{bead}" for bead in range(n_beads))
    if isinstance(bead_names, str) or not all(isinstance(n, str) for n in bead_names):
        raise TypeError(
            f"`bead_names` is {bead_names!r} but must be a sequence of strings; "
            "give one name per bead"
        )
    if len(bead_names) != n_beads:
        raise ValueError(
            f"`bead_names` has {len(bead_names)} names but there are {n_beads} beads; "
            "give one name per bead"
        )
    return tuple(str(name) for name in bead_names)


def raw_weights(weights: Any, masses: Any, n_atoms: int) -> np.ndarray:
    """Return the weights that were asked for, not yet normalised."""
    if weights is None:
        return np.ones(n_atoms)
    name = "weights"
    if isinstance(weights, str):
        if weights == "geometry":
            return np.ones(n_atoms)
        if weights != "mass":
            raise ValueError(
                f'`weights` is {weights!r} but must be "geometry", "mass" or one '
                "number per atom; choose one of them"
            )
        if masses is None:
            raise ValueError(
                '`weights` is "mass" but `masses` is None; give the masses of the atoms'
            )
        name, weights = "masses", masses
    values = np.array(weights, dtype=np.float64)
    if values.shape != (n_atoms,):
        raise ValueError(
            f"`{name}` has shape {values.shape} but there are {n_atoms} atoms; "
            "give one number per atom"
        )
    if not np.isfinite(values).all() or (values < 0).any():
        atom = int(np.argmin(np.isfinite(values) & (values >= 0)))
        raise ValueError(
            f"`{name}` holds {values[atom]} for atom {atom} but must be finite and "
            "not negative; correct that atom"
        )
    return values


def normalised_weights(
    weights: np.ndarray, bead_of_atom: np.ndarray, bead_names: tuple[str, ...]
) -> np.ndarray:
    """Scale the weights to sum to one over each bead."""
    heaviest = np.zeros(len(bead_names))
    np.maximum.at(heaviest, bead_of_atom, weights)
    if (heaviest == 0).any():
        bead = int(np.argmin(heaviest))
        raise ValueError(
            f"`weights` are zero for every atom of bead {bead} ({bead_names[bead]}), "
            "which leaves it without a place; give one of its atoms a weight"
        )
    totals = np.bincount(bead_of_atom, weights)
    # Weights that are normalised already stay bit for bit as they are, so that a
    # mapping survives files and pickles unchanged.
    tolerance = 2 * len(weights) * np.finfo(np.float64).eps
    if (np.abs(totals - 1) <= tolerance).all():
        return weights
    # By the heaviest first: the sum of huge weights would overflow.
    scaled = weights / heaviest[bead_of_atom]
    return scaled / np.bincount(bead_of_atom, scaled)[bead_of_atom]


def checked_points(
    points: npt.ArrayLike, name: str, n_points: int, kind: str
) -> np.ndarray:
    """Return points as a floating-point array of shape (..., n_points, 3)."""
    array = np.asarray(points)
    if array.shape[-2:] != (n_points, 3):
        raise ValueError(
            f"`{name}` has shape {array.shape} but the mapping has {n_points} {kind}; "
            f"give an array of shape (..., {n_points}, 3)"
        )
    return array if array.dtype.kind == "f" else array.astype(np.float64)
