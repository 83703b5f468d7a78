r"""Non-overlapping conformers: one structure of every molecule of a crowded box.

Molecules are decoded without knowledge of each other. Of a few structures of each,
those are chosen whose overlap energy is lowest,

.. math::

    E = \sum_{i < j} \max(0, r_c - r_{ij})^2

over the pairs of atoms of different molecules: molecule after molecule takes the
structure of least overlap energy among the present ones of the others, until none has
a better one.
"""

from itertools import combinations_with_replacement

import numpy as np
from MDAnalysis.lib.distances import capped_distance
from scipy.sparse import coo_array, csr_array

from openmm_cgvae.molecules.periodic_box import search_box

__all__ = ["choose_non_overlapping", "non_overlapping_samples"]

_OVERLAP_DISTANCE = 2.5  # [Å]; atoms closer than this are seldom anything but bonded
_LARGEST_N_ROUNDS = 50
_SMALLEST_GAIN = 1e-9  # [Å²], more than rounding gives and takes


def choose_non_overlapping(
    candidates: np.ndarray,
    box: np.ndarray | None = None,
    cutoff: float = _OVERLAP_DISTANCE,
) -> np.ndarray:
    """Choose one structure of every molecule so that they overlap little.

    Parameters
    ----------
    candidates : ndarray, shape (n_candidates, n_molecules, n_atoms, 3)
        Structures of every molecule [Å].
    box : ndarray, shape (6,), optional
        Unit cell [Å, degrees].
    cutoff : float
        Atoms of different molecules overlap if they are closer [Å].

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
    overlaps = _overlap_energies(candidates, box, cutoff)
    # Overlap energy of each structure of each molecule with those that are chosen of
    # the others; row molecule * n_candidates + candidate.
    first = np.arange(n_molecules) * n_candidates
    energies = overlaps[first].sum(axis=0)
    for _ in range(_LARGEST_N_ROUNDS):
        before = chosen.copy()
        for molecule, start in enumerate(first.tolist()):
            mine = energies[start : start + n_candidates]
            now, best = int(chosen[molecule]), int(mine.argmin())
            if mine[best] < mine[now] - _SMALLEST_GAIN:
                chosen[molecule] = best
                _add_row(energies, overlaps, start + best, 1.0)
                _add_row(energies, overlaps, start + now, -1.0)
        if (chosen == before).all():
            break
    return chosen


def non_overlapping_samples(
    drawn: np.ndarray, n_candidates: int, boxes: np.ndarray
) -> np.ndarray:
    """Choose samples of many molecules from several candidates of each.

    Parameters
    ----------
    drawn : ndarray, shape (n_frames, n * n_candidates, n_molecules, n_atoms, 3)
        Structures, those for one sample one after the other [Å].
    n_candidates : int
        Candidates of one sample.
    boxes : ndarray, shape (n_frames, 6)
        Unit cell of each frame, zeros where there is none [Å, degrees].

    Returns
    -------
    ndarray, shape (n_frames, n, n_molecules, n_atoms, 3)
        Samples whose molecules overlap as little as `choose_non_overlapping` finds.

    Examples
    --------
    >>> non_overlapping_samples(np.zeros((1, 6, 4, 22, 3)), 2, np.zeros((1, 6))).shape
    (1, 3, 4, 22, 3)
    """
    if n_candidates == 1:
        return drawn
    n_frames, n_drawn, n_molecules = drawn.shape[:3]
    n, every = n_drawn // n_candidates, np.arange(n_molecules)
    sets = drawn.reshape(n_frames, n, n_candidates, *drawn.shape[2:])
    samples = np.empty((n_frames, n, *drawn.shape[2:]))
    for frame, box in enumerate(boxes):
        cell = box if box[:3].any() else None
        for sample, candidates in enumerate(sets[frame]):
            chosen = choose_non_overlapping(candidates, cell)
            samples[frame, sample] = candidates[chosen, every]
    return samples


def _overlap_energies(
    candidates: np.ndarray, box: np.ndarray | None, cutoff: float
) -> csr_array:
    """Compute overlap energies of pairs of structures, as a symmetric sparse matrix."""
    n_candidates, n_molecules, n_atoms = candidates.shape[:3]
    size = n_candidates * n_molecules
    box = search_box(box, candidates, cutoff)
    positions = candidates.reshape(n_candidates, -1, 3).astype(np.float32)
    total = csr_array((size, size))
    # Two candidates at a time: all at once would be mostly pairs within molecules.
    for one, other in combinations_with_replacement(range(n_candidates), 2):
        pairs, distances = capped_distance(
            positions[one], positions[other], cutoff, box=box
        )
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
