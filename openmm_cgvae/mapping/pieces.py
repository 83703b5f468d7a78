"""Whether the atoms of a bead hang together."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from openmm_cgvae.mapping.record import Mapping


def pieces_of_beads(mapping: Mapping, bonds: npt.ArrayLike) -> np.ndarray:
    """Count the pieces that the atoms of each bead fall into.

    Parameters
    ----------
    mapping : Mapping
        The beads.
    bonds : array_like of int, shape (n_bonds, 2)
        Bonded pairs of atoms.

    Returns
    -------
    numpy.ndarray of int, shape (n_beads,)
        One for a bead whose atoms are connected by bonds among themselves.

    Raises
    ------
    ValueError
        If a bond names an atom that the mapping has not.

    Examples
    --------
    >>> pieces_of_beads(Mapping([0, 0, 1, 0]), [[0, 1], [1, 2], [2, 3]]).tolist()
    [2, 1]
    """
    pairs = np.asarray(bonds, dtype=np.int64).reshape(-1, 2)
    if pairs.size and not (pairs.min() >= 0 and pairs.max() < mapping.n_atoms):
        raise ValueError(
            f"`bonds` names atom {pairs.max()} or a negative one but the mapping has "
            f"{mapping.n_atoms} atoms; give the bonds between these"
        )
    beads = mapping.bead_of_atom[pairs]
    inside = pairs[beads[:, 0] == beads[:, 1]]
    shape = (mapping.n_atoms, mapping.n_atoms)
    graph = coo_array((np.ones(len(inside)), inside.T), shape=shape)
    _, piece_of_atom = connected_components(graph, directed=False)
    _, atoms = np.unique(piece_of_atom, return_index=True)
    return np.bincount(mapping.bead_of_atom[atoms], minlength=mapping.n_beads)
