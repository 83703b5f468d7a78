"""Close contacts: pairs of atoms closer than a cutoff, clashes among them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from openmm_cgvae.metrics._argument_checks import as_indices, as_positions
from openmm_cgvae.metrics.neighbour_search import is_among, pairs_among

__all__ = ["ClosePairs", "close_pairs", "count_clashes", "intermolecular_contacts"]

_CHUNK_BYTES = 32 * 2**20
_LARGEST_DENSE = 512  # atoms; beyond it a tree beats all pairs
_SLACK = 1e-6  # [Å]; candidates are found a little wide, then measured exactly


class ClosePairs(NamedTuple):
    """Pairs of atoms near each other, flat over structures.

    Attributes
    ----------
    structure, first, second : ndarray of int, shape (n_pairs,)
        Index of the structure and of the two atoms, ``first < second``.
    distance : ndarray, shape (n_pairs,)
        Distance [Å].
    """

    structure: np.ndarray
    first: np.ndarray
    second: np.ndarray
    distance: np.ndarray


def close_pairs(
    positions: np.ndarray, cutoff: float, boxes: np.ndarray | None = None
) -> Iterator[ClosePairs]:
    """Yield the pairs of atoms closer than a cutoff, a chunk of structures at a time.

    Atoms whose coordinates are not finite are near nothing.

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3)
        Structures [Å]; leading axes are counted as one, in C order.
    cutoff : float
        Pairs at less than this distance are found [Å].
    boxes : ndarray, shape (n_structures, 6), optional
        Unit cells [Å, degrees]; distances are those of the nearest images.

    Yields
    ------
    ClosePairs
        The pairs of some structures.

    Examples
    --------
    >>> import numpy as np
    >>> line = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    >>> pairs = next(close_pairs(line, 1.5))
    >>> pairs.first, pairs.second, pairs.distance
    (array([0]), array([1]), array([1.]))
    """
    positions = as_positions(positions)
    n_atoms = positions.shape[-2]
    structures = positions.reshape(-1, n_atoms, 3)
    if boxes is not None or n_atoms > _LARGEST_DENSE:
        for number, structure in enumerate(structures):
            box = None if boxes is None else boxes[number]
            pairs, distance = pairs_among(structure, cutoff, box)
            which = np.full(len(pairs), number)
            yield ClosePairs(which, pairs[:, 0], pairs[:, 1], distance)
        return
    n_chunk = max(1, _CHUNK_BYTES // max(1, 8 * n_atoms**2))
    for start in range(0, len(structures), n_chunk):
        chunk = structures[start : start + n_chunk]
        which, first, second = _dense_candidates(chunk, cutoff + _SLACK)
        with np.errstate(invalid="ignore"):  # inf - inf is near nothing
            displacement = chunk[which, second] - chunk[which, first]
            distance = np.sqrt(np.sum(displacement**2, axis=-1))
            near = distance < cutoff
        yield ClosePairs(which[near] + start, first[near], second[near], distance[near])


def count_clashes(
    positions: np.ndarray,
    excluded_pairs: np.ndarray,
    cutoff: float = 1.2,
    boxes: np.ndarray | None = None,
) -> np.ndarray:
    """Count pairs of atoms that are too close without being bonded nearby.

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3)
        Structures [Å].
    excluded_pairs : ndarray of int, shape (n_excluded, 2)
        Pairs that may be close, such as ``AtomTable.pairs_within(3)``: atoms up to
        three bonds apart.
    cutoff : float
        A pair closer than this clashes [Å]; 1.2 finds atoms on top of each other,
        2.0 what a minimiser has to push apart.
    boxes : ndarray, shape (n_structures, 6), optional
        Unit cells [Å, degrees]; atoms clash with images of others as well.

    Returns
    -------
    ndarray of int, shape (...)
        Clashing pairs of each structure.

    Raises
    ------
    ValueError
        If the cutoff is not positive or pairs name atoms that are not there.

    Examples
    --------
    >>> import numpy as np
    >>> line = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.1, 0.0, 0.0]])
    >>> int(count_clashes(line, np.array([[0, 1]])))
    1
    """
    positions = as_positions(positions)
    if not cutoff > 0:
        raise ValueError(
            f"`cutoff` is {cutoff} but must be positive; give a distance in Angstrom"
        )
    n_atoms = positions.shape[-2]
    excluded = np.sort(as_indices(excluded_pairs, 2, n_atoms, "excluded_pairs"), axis=1)
    excluded_keys = np.sort(excluded[:, 0] * n_atoms + excluded[:, 1])
    batch = positions.shape[:-2]
    counts = np.zeros(int(np.prod(batch)), dtype=np.int64)
    for pairs in close_pairs(positions, cutoff, boxes):
        clashes = ~is_among(pairs.first * n_atoms + pairs.second, excluded_keys)
        counts += np.bincount(pairs.structure[clashes], minlength=len(counts))
    return counts.reshape(batch)


def intermolecular_contacts(
    positions: np.ndarray,
    n_atoms_each: int,
    box: np.ndarray | None = None,
    cutoff: float = 1.5,
) -> np.ndarray:
    """Find atoms of different molecules that are too close.

    Molecules are backmapped one by one, so their atoms may collide; `relax` with a
    force field pushes them apart.

    Parameters
    ----------
    positions : ndarray, shape (n_atoms, 3)
        Atoms of one structure, molecule after molecule [Å].
    n_atoms_each : int
        Atoms of one molecule.
    box : ndarray, shape (6,), optional
        Unit cell [Å, degrees]; images in it are close to each other as well.
    cutoff : float
        Atoms closer than this collide [Å].

    Returns
    -------
    ndarray of int, shape (n_contacts, 2)
        Pairs of atoms, rising.

    Raises
    ------
    ValueError
        If the atoms are not whole molecules or the cutoff is not positive.

    Examples
    --------
    >>> two = np.array([[0.0, 0, 0], [2, 0, 0], [9, 0, 0], [5, 0, 0]])
    >>> box = np.array([9.5, 50, 50, 90, 90, 90])
    >>> intermolecular_contacts(two, 2, box).tolist()
    [[0, 2]]
    """
    if n_atoms_each < 1 or len(positions) % n_atoms_each:
        raise ValueError(
            f"`n_atoms_each` is {n_atoms_each} but there are {len(positions)} atoms; "
            "give the number of atoms of one molecule"
        )
    if not cutoff > 0:
        raise ValueError(
            f"`cutoff` is {cutoff} but must be positive; give a distance in Angstrom"
        )
    pairs, _ = pairs_among(np.asarray(positions, dtype=np.float64), cutoff, box)
    molecules = pairs // n_atoms_each
    return np.unique(pairs[molecules[:, 0] != molecules[:, 1]], axis=0)


def _dense_candidates(
    chunk: np.ndarray, cutoff: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find pairs by one matrix product; centred, so that little is lost to rounding."""
    chunk = np.where(np.isfinite(chunk), chunk, 0.0)  # the exact distance drops them
    centred = chunk - chunk.mean(axis=1, keepdims=True)
    squares = np.sum(centred**2, axis=-1)
    # A far-flung atom costs the expansion its precision: widen by its rounding.
    slack = 1e-14 * squares.max(axis=1, initial=0.0)[:, None, None]
    # In place: each pass over all pairs costs as much as the product itself.
    distances2 = centred @ centred.transpose(0, 2, 1)
    distances2 *= -2.0
    distances2 += squares[:, :, None]
    distances2 += squares[:, None, :] - slack
    is_near = distances2 < cutoff**2
    is_near &= np.triu(np.ones(chunk.shape[1:2] * 2, dtype=bool), k=1)
    structure, pair = np.divmod(np.flatnonzero(is_near), is_near[0].size)
    first, second = np.divmod(pair, chunk.shape[1])
    return structure, first, second
