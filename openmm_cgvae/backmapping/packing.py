r"""Which of several structures of every molecule go together in one place.

Molecules are made without knowledge of each other. Of a few structures of each, those
are taken whose atoms overlap least,

.. math::

    E = \sum_{i < j} \max(0, r_c - r_{ij})^2

over the pairs of atoms of different molecules: molecule after molecule takes the best
of its structures among the present ones of the others, until none has a better one.
"""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from MDAnalysis.lib.distances import capped_distance
from scipy.sparse import coo_array, csr_array

from openmm_cgvae.molecules.periodic_box import search_box

OVERLAP_DISTANCE = 2.5  # [A]; atoms closer than this are seldom anything but bonded
LARGEST_N_ROUNDS = 50
SMALLEST_GAIN = 1e-9  # [A^2], more than rounding gives and takes


def choose_non_overlapping(
    candidates: np.ndarray,
    box: np.ndarray | None = None,
    cutoff: float = OVERLAP_DISTANCE,
) -> np.ndarray:
    """Choose one structure of every molecule so that they overlap little.

    Parameters
    ----------
    candidates : ndarray, shape (n_candidates, n_molecules, n_atoms, 3)
        Structures of every molecule [A].
    box : ndarray, shape (6,), optional
        Unit cell [A, degrees].
    cutoff : float
        Atoms of different molecules overlap if they are closer [A].

    Returns
    -------
    ndarray of int, shape (n_molecules,)
        The candidate of each molecule; no change of a single one overlaps less.

    Raises
    ------
    ValueError
        If the shape is another or the cutoff is not positive.

    Examples
    --------
    >>> first = np.array([[[0.0, 0, 0]], [[1.0, 0, 0]]])  # two molecules of one atom
    >>> second = np.array([[[0.0, 0, 0]], [[9.0, 0, 0]]])
    >>> choose_non_overlapping(np.stack([first, second])).tolist()
    [0, 1]
    """
    candidates = np.asarray(candidates)
    if candidates.ndim != 4 or candidates.shape[-1] != 3 or not len(candidates):
        raise ValueError(
            f"`candidates` has shape {candidates.shape} but must be (n_candidates, "
            "n_molecules, n_atoms, 3); give one structure of each molecule or more"
        )
    if not cutoff > 0:
        raise ValueError(
            f"`cutoff` is {cutoff} but must be positive; give a distance in Angstrom"
        )
    n_candidates, n_molecules = candidates.shape[:2]
    chosen = np.zeros(n_molecules, dtype=np.int64)
    if n_candidates == 1 or n_molecules < 2:
        return chosen
    overlaps = _overlaps(candidates, box, cutoff)
    # What each structure of each molecule has to bear from the chosen of the others.
    first = np.arange(n_molecules) * n_candidates
    borne = overlaps[first].sum(axis=0)
    for _ in range(LARGEST_N_ROUNDS):
        before = chosen.copy()
        for molecule, start in enumerate(first.tolist()):
            mine = borne[start : start + n_candidates]
            now, best = int(chosen[molecule]), int(mine.argmin())
            if mine[best] < mine[now] - SMALLEST_GAIN:
                chosen[molecule] = best
                _add_row(borne, overlaps, start + best, 1.0)
                _add_row(borne, overlaps, start + now, -1.0)
        if (chosen == before).all():
            break
    return chosen


def non_overlapping_samples(
    made: np.ndarray, n_candidates: int, boxes: Sequence[np.ndarray | None]
) -> np.ndarray:
    """Make samples of many molecules of several candidates for each.

    Parameters
    ----------
    made : ndarray, shape (n_frames, n * n_candidates, n_molecules, n_atoms, 3)
        Structures, those for one sample one after the other [A].
    n_candidates : int
        Candidates of one sample.
    boxes : sequence of ndarray, shape (6,), or None
        Unit cell of each frame [A, degrees].

    Returns
    -------
    ndarray, shape (n_frames, n, n_molecules, n_atoms, 3)
        Samples whose molecules overlap as little as `choose_non_overlapping` finds.

    Examples
    --------
    >>> non_overlapping_samples(np.zeros((1, 6, 4, 22, 3)), 2, [None]).shape
    (1, 3, 4, 22, 3)
    """
    if n_candidates == 1:
        return made
    n_frames, _, n_molecules = made.shape[:3]
    sets = made.reshape(n_frames, -1, n_candidates, *made.shape[2:])
    every = np.arange(n_molecules)
    return np.stack(
        [
            [one[choose_non_overlapping(one, box), every] for one in frame]
            for frame, box in zip(sets, boxes, strict=True)
        ]
    )


def _overlaps(
    candidates: np.ndarray, box: np.ndarray | None, cutoff: float
) -> csr_array:
    """Sum overlaps of pairs of structures, row molecule * n_candidates + candidate."""
    n_candidates, n_molecules, n_atoms = candidates.shape[:3]
    size = n_candidates * n_molecules
    box = search_box(box, candidates, cutoff)
    places = candidates.reshape(n_candidates, -1, 3).astype(np.float32)
    total = csr_array((size, size))
    # Two candidates at a time: all at once would be mostly pairs within molecules.
    for one, other in combinations_with_replacement(range(n_candidates), 2):
        pairs, distances = capped_distance(places[one], places[other], cutoff, box=box)
        first, second = pairs.T // n_atoms
        apart = first != second
        if one == other:  # each pair comes twice
            apart &= first < second
        rows = first[apart] * n_candidates + one
        columns = second[apart] * n_candidates + other
        values = np.square(cutoff - distances[apart])
        total += coo_array((values, (rows, columns)), shape=(size, size)).tocsr()
    return (total + total.T).tocsr()


def _add_row(total: np.ndarray, rows: csr_array, row: int, factor: float) -> None:
    chosen = slice(rows.indptr[row], rows.indptr[row + 1])
    total[rows.indices[chosen]] += factor * rows.data[chosen]
