"""The bond graph: neighbours, rings and pairs of atoms a few bonds apart."""

from itertools import chain

import numpy as np
from rdkit import Chem
from scipy.sparse import csr_array, triu

__all__ = ["neighbours_of", "pairs_within", "skeleton"]


def skeleton(atomic_numbers: np.ndarray, bonds: np.ndarray) -> Chem.Mol:
    """Build an RDKit molecule of single bonds: enough for rings and symmetry."""
    molecule = Chem.RWMol()
    for number in atomic_numbers.tolist():
        atom = Chem.Atom(number)
        atom.SetNoImplicit(True)  # noqa: FBT003
        molecule.AddAtom(atom)
    for i, j in bonds.tolist():
        molecule.AddBond(i, j, Chem.BondType.SINGLE)
    return molecule.GetMol()


def neighbours_of(n_atoms: int, bonds: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """List the bonded neighbours of every atom, in rising order.

    Examples
    --------
    >>> neighbours_of(3, np.array([[0, 2], [1, 2]]))
    ((2,), (2,), (0, 1))
    """
    lists: list[list[int]] = [[] for _ in range(n_atoms)]
    for i, j in bonds.tolist():
        lists[i].append(j)
        lists[j].append(i)
    return tuple(tuple(sorted(found)) for found in lists)


def pairs_within(neighbours: tuple[tuple[int, ...], ...], n_bonds: int) -> np.ndarray:
    """List the pairs of atoms joined by at most some number of bonds.

    Parameters
    ----------
    neighbours : tuple of tuple of int
        Those of every atom, as from `neighbours_of`.
    n_bonds : int
        Largest number of bonds between the two; 1 gives the bonds.

    Returns
    -------
    ndarray of int, shape (n_pairs, 2)
        Pairs ``i < j``, sorted.

    Raises
    ------
    ValueError
        If ``n_bonds`` is less than one.

    Examples
    --------
    >>> pairs_within(((1,), (0, 2), (1,)), n_bonds=2).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """
    if n_bonds < 1:
        raise ValueError(f"`n_bonds` is {n_bonds} but must be at least 1")
    n_atoms = len(neighbours)
    receivers = np.repeat(np.arange(n_atoms), [len(around) for around in neighbours])
    senders = np.fromiter(chain.from_iterable(neighbours), dtype=np.int64)
    ends = np.concatenate([np.stack([receivers, senders]), [np.arange(n_atoms)] * 2], 1)
    step = csr_array((np.ones(ends.shape[1], dtype=np.int32), ends), (n_atoms,) * 2)
    reached = step
    for _ in range(n_bonds - 1):
        reached = reached @ step
        reached.data[:] = 1  # whether, not in how many ways
    pairs = np.stack(triu(reached, k=1).tocsr().sorted_indices().nonzero(), axis=1)
    return pairs.astype(np.int64).reshape(-1, 2)
