"""Labels of methyl hydrogens, permuted to agree best with a reference."""

from itertools import permutations as _permutations
from typing import Literal

import numpy as np

from openmm_cgvae.metrics._argument_checks import as_positions, masked_deviation

__all__ = ["resolve_rotors"]

_CYCLIC = ((0, 1, 2), (1, 2, 0), (2, 0, 1))
_ALL = tuple(_permutations(range(3)))


def resolve_rotors(
    positions: np.ndarray,
    reference: np.ndarray,
    rotors: np.ndarray,
    *,
    permutations: Literal["cyclic", "all"] = "all",
) -> np.ndarray:
    """Relabel the hydrogens of methyls and ammonium to agree best with a reference.

    Three hydrogens of a rotor are one and the same; a plain RMSD still counts a
    label as an error. Squared deviations add up, so each rotor's best permutation is
    found on its own, and ``rmsd(resolve_rotors(...), reference)`` is the least RMSD
    over all labellings.

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3)
        Structures [Å].
    reference : ndarray, shape (..., n_atoms, 3)
        What they should be [Å]; its leading axes broadcast.
    rotors : ndarray of int, shape (n_rotors, 3 or more)
        The three hydrogens in the last three columns, as in `AtomTable.rotors`.
    permutations : {"all", "cyclic"}
        All six, or the three that keep the labels' sense of rotation.

    Returns
    -------
    ndarray, shape (..., n_atoms, 3)
        A copy of the positions with hydrogens relabelled.

    Raises
    ------
    ValueError
        If shapes do not go together or `permutations` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> reference = np.eye(3)
    >>> turned = reference[[1, 2, 0]]
    >>> resolved = resolve_rotors(turned, reference, np.array([[0, 1, 2]]))
    >>> bool(np.all(resolved == reference))
    True
    """
    positions = as_positions(positions)
    reference = as_positions(reference, "reference")
    if permutations not in ("cyclic", "all"):
        raise ValueError(
            f"`permutations` is {permutations!r} but must be 'cyclic' or 'all'; "
            "take 'all' to forgive mirrored labels too"
        )
    masked_deviation(positions, reference, None)  # refuses what does not broadcast
    shape = np.broadcast_shapes(positions.shape, reference.shape)
    resolved = np.broadcast_to(positions, shape).copy()
    if np.size(rotors) == 0:
        return resolved
    hydrogens = np.asarray(rotors)[:, -3:]  # [n_rotors, 3]
    targets = reference[..., hydrogens, :]  # [..., n_rotors, 3, 3]
    given = resolved[..., hydrogens, :]
    best = given.copy()
    least = np.sum((given - targets) ** 2, axis=(-2, -1))  # [..., n_rotors]
    for order in _CYCLIC if permutations == "cyclic" else _ALL:
        candidate = given[..., order, :]
        deviation = np.sum((candidate - targets) ** 2, axis=(-2, -1))
        better = deviation < least
        least = np.where(better, deviation, least)
        best[better] = candidate[better]
    resolved[..., hydrogens, :] = best
    return resolved
