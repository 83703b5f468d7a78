"""Contiguity: bonds inside beads and between them, and how to join stray atoms."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from openmm_cgvae.mapping.mapping import Mapping

if TYPE_CHECKING:
    import MDAnalysis as mda

__all__ = [
    "bonds_between_beads",
    "bonds_within",
    "join_pieces",
    "pieces_of_beads",
]


def bonds_within(atoms: "mda.Universe | mda.AtomGroup") -> np.ndarray | None:
    """Return the bonds between atoms of a group, if all of them are known.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        Some atoms.

    Returns
    -------
    numpy.ndarray of int, shape (n_bonds, 2), or None
        Pairs of positions in the group. None where the topology has no bonds, or
        has some but not all: PDB files often list those of caps and ligands only,
        so that other atoms are left with none.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(3)
    >>> universe.add_TopologyAttr("bonds", [(0, 1), (1, 2)])
    >>> bonds_within(universe.atoms[1:]).tolist()
    [[0, 1]]
    """
    group = atoms.atoms
    try:
        pairs = np.asarray(group.universe.bonds.indices).reshape(-1, 2)
    except AttributeError:  # which NoDataError of MDAnalysis is as well
        return None
    if len(group) > 1 and not np.isin(group.indices, pairs).all():
        return None
    position = np.full(len(group.universe.atoms), -1)
    position[group.indices] = np.arange(len(group))
    pairs = position[pairs]
    return pairs[(pairs >= 0).all(axis=1)]


def bonds_between_beads(mapping: Mapping, bonds: npt.ArrayLike) -> np.ndarray:
    """Return the pairs of beads with a bond between their atoms.

    Parameters
    ----------
    mapping : Mapping
        The beads.
    bonds : array_like of int, shape (n_bonds, 2)
        Bonded pairs of atoms.

    Returns
    -------
    numpy.ndarray of int, shape (n_pairs, 2)
        Pairs ``i < j``, sorted.

    Examples
    --------
    >>> bonds_between_beads(Mapping([0, 0, 1]), [[0, 1], [1, 2]]).tolist()
    [[0, 1]]
    """
    pairs = np.asarray(bonds, dtype=np.int64).reshape(-1, 2)
    beads = np.sort(mapping.bead_of_atom[pairs], axis=1)
    return np.unique(beads[beads[:, 0] != beads[:, 1]], axis=0)


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
    piece_of_atom = _pieces(mapping.bead_of_atom, pairs)
    _, atoms = np.unique(piece_of_atom, return_index=True)
    return np.bincount(mapping.bead_of_atom[atoms], minlength=mapping.n_beads)


def join_pieces(
    bead_of_atom: np.ndarray, bonds: npt.ArrayLike, positions: np.ndarray
) -> np.ndarray:
    """Join stray pieces of beads to beads that they are bonded to.

    The largest piece of a bead stays; the smallest stray piece goes first, to that of
    the beads bonded to it whose centre is nearest to its atoms.

    Parameters
    ----------
    bead_of_atom : ndarray of int, shape (n_atoms,)
        The beads, each of which stays filled.
    bonds : array_like of int, shape (n_bonds, 2)
        Bonded pairs of atoms.
    positions : ndarray, shape (n_frames, n_atoms, 3)
        Frames to measure distances in [Å].

    Returns
    -------
    numpy.ndarray of int, shape (n_atoms,)
        Beads in one piece each, as far as bonds reach.

    Examples
    --------
    >>> chain = np.arange(4.0)[None, :, None] * np.ones(3)
    >>> join_pieces(np.array([0, 1, 0, 0]), [[0, 1], [1, 2], [2, 3]], chain).tolist()
    [1, 1, 0, 0]
    """
    beads = np.array(bead_of_atom)
    pairs = np.asarray(bonds, dtype=np.int64).reshape(-1, 2)
    both_ways = np.concatenate([pairs, pairs[:, ::-1]])
    while True:
        pieces = _pieces(beads, pairs)
        sizes = np.bincount(pieces)[pieces]
        largest = {
            bead: pieces[np.argmax(np.where(beads == bead, sizes, 0))]
            for bead in np.unique(beads)
        }
        stays = np.array([largest[bead] for bead in beads]) == pieces
        outward = both_ways[pieces[both_ways[:, 0]] != pieces[both_ways[:, 1]]]
        outward = outward[~stays[outward[:, 0]]]
        if not len(outward):
            return beads
        stray = pieces[outward[np.argmin(sizes[outward[:, 0]]), 0]]
        atoms = np.flatnonzero(pieces == stray)
        options = np.unique(beads[outward[pieces[outward[:, 0]] == stray, 1]])
        spreads = [
            _spread(positions[:, atoms], positions[:, beads == bead])
            for bead in options
        ]
        beads[atoms] = options[np.argmin(spreads)]


def _spread(atoms: np.ndarray, bead: np.ndarray) -> float:
    """Return the mean square distance of atoms from the centre of a bead [Å^2]."""
    centres = bead.mean(axis=1, keepdims=True)
    return float(((atoms - centres) ** 2).sum(axis=-1).mean())


def _pieces(bead_of_atom: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Return for each atom the number of its piece, which bonds inside a bead make."""
    beads = bead_of_atom[bonds]
    inside = bonds[beads[:, 0] == beads[:, 1]]
    shape = (len(bead_of_atom), len(bead_of_atom))
    graph = coo_array((np.ones(len(inside)), inside.T), shape=shape)
    return connected_components(graph, directed=False)[1]
