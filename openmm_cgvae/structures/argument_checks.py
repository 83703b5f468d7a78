"""Arrays of structures (positions, beads, boxes), checked where they come in."""

from typing import Any

import numpy as np

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import AtomTable

__all__ = ["check_mapping", "checked_array", "checked_beads", "checked_box"]


def checked_array(name: str, values: Any, shape: tuple[int | None, ...]) -> np.ndarray:
    """Return values as a read-only float64 array of this shape, None for any length.

    Raises
    ------
    ValueError
        If the shape is another or a value is not finite.

    Examples
    --------
    >>> checked_array("positions", [[0, 1, 2]], (None, 3))
    array([[0., 1., 2.]])
    """
    # Nobody can change a read-only array under us; others are copied.
    is_frozen = isinstance(values, np.ndarray) and not values.flags.writeable
    make = np.asarray if is_frozen else np.array
    array = make(values, dtype=np.float64)
    fits = array.ndim == len(shape) and all(
        wanted in (None, length)
        for length, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(
            f"`{name}` has shape {array.shape} but must be ({wanted}); check that it "
            "belongs to this molecule"
        )
    if not np.isfinite(array).all():
        n_bad = int((~np.isfinite(array)).sum())
        raise ValueError(
            f"`{name}` holds {n_bad} numbers that are nan or infinite but all must be "
            "finite; look for what went wrong where they were made"
        )
    array.setflags(write=False)
    return array


def check_mapping(mapping: Mapping | None, atom_table: AtomTable) -> None:
    """Check that a mapping is one of this molecule.

    Raises
    ------
    ValueError
        If it has another number of atoms.
    """
    if mapping is not None and mapping.n_atoms != atom_table.n_atoms:
        raise ValueError(
            f"`mapping` is for {mapping.n_atoms} atoms but the molecule has "
            f"{atom_table.describe()}; give the mapping of this molecule"
        )


def checked_beads(
    bead_positions: Any,
    mapping: Mapping | None,
    n_samples: int | None,
    name: str = "bead_positions",
) -> np.ndarray | None:
    """Return the beads as a read-only array, one set a sample if there are samples.

    Raises
    ------
    ValueError
        If there is no mapping or a shape does not fit.
    """
    if bead_positions is None:
        return None
    if mapping is None:
        raise ValueError(
            f"`{name}` were given without `mapping`, which says what the beads "
            "are; give both or neither"
        )
    shape = (mapping.n_beads, 3)
    if n_samples is None:
        return checked_array(name, bead_positions, shape)
    if np.ndim(bead_positions) == len(shape):
        bead_positions = np.broadcast_to(bead_positions, (n_samples, *shape))
    return checked_array(name, bead_positions, (n_samples, *shape))


def checked_box(box: Any, n_samples: int | None) -> np.ndarray | None:
    """Return the box as a read-only array, one a sample if there are samples.

    Zeros become None, as formats without a box write them.

    Raises
    ------
    ValueError
        If the shape does not fit.
    """
    if box is None or not np.any(box):
        return None
    if n_samples is None:
        return checked_array("box", box, (6,))
    if np.ndim(box) == 1:
        box = np.broadcast_to(box, (n_samples, len(box)))
    return checked_array("box", box, (n_samples, 6))
