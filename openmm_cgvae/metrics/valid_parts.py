"""Valid parts of a large structure, such as residues that have all bonds right."""

import numpy as np

from openmm_cgvae.metrics.bond_graphs import BOND_TOLERANCE, RadiiTable, covalent_radii
from openmm_cgvae.metrics.contacts import close_pairs

__all__ = ["valid_parts"]


def valid_parts(
    positions: np.ndarray,
    atomic_numbers: np.ndarray,
    bonds: np.ndarray,
    part_of_atom: np.ndarray,
    radii: RadiiTable = "2022",
    *,
    heavy_only: bool = False,
) -> np.ndarray:
    """Find the parts in which no bond is missing and none is too many.

    A whole protein nearly always has a wrong bond somewhere; the fraction of its
    residues that have none says more. A wrong bond between two parts spoils both.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3)
        Structures [Å].
    atomic_numbers : ndarray of int, shape (n_atoms,)
        Elements.
    bonds : ndarray of int, shape (n_bonds, 2)
        The right bonds.
    part_of_atom : ndarray of int, shape (n_atoms,)
        Part of each atom, counted from zero.
    radii : {"2022", "rdkit"}
        Table of covalent radii.
    heavy_only : bool
        Whether bonds to hydrogen are passed over.

    Returns
    -------
    ndarray of bool, shape (n_structures, n_parts)
        Whether each part is right.

    Raises
    ------
    ValueError
        If shapes do not go together or an element has no radius.

    Examples
    --------
    >>> two = np.array([[[0.0, 0, 0], [1.2, 0, 0], [5, 0, 0], [9, 0, 0]]])
    >>> valid_parts(two, np.array([6, 8, 6, 8]), np.array([[0, 1], [2, 3]]),
    ...             np.array([0, 0, 1, 1])).tolist()
    [[True, False]]
    """
    part_of_atom = np.asarray(part_of_atom)
    atomic_numbers = np.asarray(atomic_numbers)
    if len(part_of_atom) != np.shape(positions)[-2]:
        raise ValueError(
            f"`part_of_atom` has {len(part_of_atom)} entries but `positions` has "
            f"{np.shape(positions)[-2]} atoms; give the part of every atom"
        )
    atom_radii = covalent_radii(atomic_numbers, radii)
    n_atoms = len(atom_radii)
    counts = (atomic_numbers != 1) | np.array(not heavy_only)
    wanted = np.sort(np.asarray(bonds).reshape(-1, 2), axis=1)
    wanted = wanted[counts[wanted].all(1)] @ [n_atoms, 1]
    is_right = np.ones((len(positions), int(part_of_atom.max()) + 1), dtype=bool)
    longest = 2 * BOND_TOLERANCE * float(atom_radii.max(initial=0.0))
    found: list[list[np.ndarray]] = [[] for _ in positions]
    for pairs in close_pairs(positions, longest):
        reach = BOND_TOLERANCE * (atom_radii[pairs.first] + atom_radii[pairs.second])
        is_bond = (pairs.distance < reach) & counts[pairs.first] & counts[pairs.second]
        low = np.minimum(pairs.first, pairs.second)[is_bond]
        codes = low * n_atoms + np.maximum(pairs.first, pairs.second)[is_bond]
        for structure in np.unique(pairs.structure[is_bond]):
            found[structure].append(codes[pairs.structure[is_bond] == structure])
    for structure, codes_of in enumerate(found):
        codes = np.concatenate([np.empty(0, dtype=np.int64), *codes_of])
        wrong = np.setxor1d(codes, wanted)
        is_right[structure, part_of_atom[wrong // n_atoms]] = False
        is_right[structure, part_of_atom[wrong % n_atoms]] = False
    return is_right
