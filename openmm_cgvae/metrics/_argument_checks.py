"""Arrays that metrics are given, checked: positions, atom indices, masks."""

import numpy as np

__all__ = ["as_indices", "as_mask", "as_positions", "masked_deviation"]


def as_positions(positions: np.ndarray, name: str = "positions") -> np.ndarray:
    """Return positions as float64 of shape (..., n_atoms, 3), if they can be."""
    array = np.asarray(positions)
    if array.ndim < 2 or array.shape[-1] != 3:
        raise ValueError(
            f"`{name}` has shape {array.shape} but must be (..., n_atoms, 3); "
            "put the three coordinates of an atom on the last axis"
        )
    return array.astype(np.float64, copy=False)


def as_indices(
    indices: np.ndarray, n_columns: int, n_atoms: int, name: str
) -> np.ndarray:
    """Return rows of atom indices as int64 of shape (n, n_columns)."""
    array = np.asarray(indices)
    if array.size == 0:
        return np.empty((0, n_columns), dtype=np.int64)
    if array.ndim != 2 or array.shape[1] != n_columns:
        raise ValueError(
            f"`{name}` has shape {array.shape} but must be (n, {n_columns}); "
            f"give one row of {n_columns} atom indices each"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(
            f"`{name}` has dtype {array.dtype} but must hold integers; "
            "give the indices of atoms"
        )
    if array.min() < 0 or array.max() >= n_atoms:
        raise ValueError(
            f"`{name}` has indices {array.min()} to {array.max()} but there are "
            f"{n_atoms} atoms; count atoms from 0"
        )
    return array.astype(np.int64, copy=False)


def masked_deviation(
    positions: np.ndarray, reference: np.ndarray, mask: np.ndarray | None
) -> np.ndarray:
    """Compute displacements (..., n_selected, 3) of positions from a reference."""
    positions = as_positions(positions)
    reference = as_positions(reference, "reference")
    n_atoms = positions.shape[-2]
    if reference.shape[-2] != n_atoms:
        raise ValueError(
            f"`reference` has {reference.shape[-2]} atoms but `positions` has "
            f"{n_atoms}; compare structures of the same atoms"
        )
    if mask is not None:
        mask = as_mask(mask, n_atoms)
        positions, reference = positions[..., mask, :], reference[..., mask, :]
    try:
        return positions - reference
    except ValueError as error:
        raise ValueError(
            f"`reference` has shape {reference.shape}, which does not go with "
            f"`positions` of shape {positions.shape}; give one reference for all, or "
            "one per structure (add an axis of length 1 for its samples)"
        ) from error


def as_mask(mask: np.ndarray, n_atoms: int) -> np.ndarray:
    """Return a boolean mask of shape (n_atoms,) that keeps one atom or more."""
    array = np.asarray(mask)
    if array.shape != (n_atoms,) or array.dtype != np.bool_:
        raise ValueError(
            f"`mask` has shape {array.shape} and dtype {array.dtype} but must be "
            f"bool of shape ({n_atoms},); give True for the atoms to keep"
        )
    if not array.any():
        raise ValueError("`mask` keeps no atom; keep one or more")
    return array
