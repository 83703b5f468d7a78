"""Groups of atoms with a torsion of interest: amides, methyls and ammonium."""

from collections.abc import Sequence

import numpy as np

from openmm_cgvae.molecules.elements import CARBON, HYDROGEN, NITROGEN, OXYGEN

__all__ = ["Neighbours", "find_amides", "find_rotors"]

Neighbours = Sequence[Sequence[int]]


def find_amides(
    atomic_numbers: np.ndarray, bonds: np.ndarray, neighbours: Neighbours
) -> np.ndarray:
    """Find the torsions omega of amide bonds.

    Parameters
    ----------
    atomic_numbers : ndarray of int, shape (n_atoms,)
        Elements.
    bonds : ndarray of int, shape (n_bonds, 2)
        Bonded pairs.
    neighbours : sequence of sequences of int
        Bonded neighbours of every atom.

    Returns
    -------
    ndarray of int, shape (n_amides, 4)
        Rows ``(C, C, N, C)``, in the order of the bonds.
    """
    rows = []
    both_ways = np.stack([bonds, bonds[:, ::-1]], axis=1).reshape(-1, 2)
    goes_from_c_to_n = (atomic_numbers[both_ways] == [CARBON, NITROGEN]).all(axis=1)
    for carbon, nitrogen in both_ways[goes_from_c_to_n].tolist():
        if not _bears_oxygen(carbon, atomic_numbers, neighbours):
            continue
        before = [a for a in neighbours[carbon] if atomic_numbers[a] == CARBON]
        after = [
            a
            for a in neighbours[nitrogen]
            if a != carbon and atomic_numbers[a] == CARBON
        ]
        if before and after:
            # Proline's ring also bonds CD to N: the backbone's CA carries the next
            # carbonyl, so it has the carbon with oxygen beside it.
            last = min(
                after,
                key=lambda a: (not _is_beside_oxygen(a, atomic_numbers, neighbours), a),
            )
            rows.append((before[0], carbon, nitrogen, last))
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def find_rotors(atomic_numbers: np.ndarray, neighbours: Neighbours) -> np.ndarray:
    """Find methyl and ammonium groups.

    Parameters
    ----------
    atomic_numbers : ndarray of int, shape (n_atoms,)
        Elements.
    neighbours : sequence of sequences of int
        Bonded neighbours of every atom.

    Returns
    -------
    ndarray of int, shape (n_rotors, 6)
        Rows ``(reference, neighbour, centre, H, H, H)``.
    """
    rows = []
    for centre, around in enumerate(neighbours):
        hydrogens = [a for a in around if atomic_numbers[a] == HYDROGEN]
        others = [a for a in around if atomic_numbers[a] != HYDROGEN]
        if len(hydrogens) != 3 or len(others) != 1:
            continue
        beyond = [a for a in neighbours[others[0]] if a != centre]
        if beyond:
            # Prefer a heavy reference: hydrogens move more.
            reference = min(beyond, key=lambda a: (atomic_numbers[a] == HYDROGEN, a))
            rows.append((reference, others[0], centre, *hydrogens))
    return np.array(rows, dtype=np.int64).reshape(-1, 6)


def _bears_oxygen(
    atom: int, atomic_numbers: np.ndarray, neighbours: Neighbours
) -> bool:
    """Return whether an oxygen is bonded to the atom and to nothing else."""
    return any(
        atomic_numbers[other] == OXYGEN and len(neighbours[other]) == 1
        for other in neighbours[atom]
    )


def _is_beside_oxygen(
    atom: int, atomic_numbers: np.ndarray, neighbours: Neighbours
) -> bool:
    """Return whether a carbon beside the atom bears an oxygen."""
    return any(
        atomic_numbers[other] == CARBON
        and _bears_oxygen(other, atomic_numbers, neighbours)
        for other in neighbours[atom]
    )
