"""Contact images: the periodic images in which the chains of a molecule touch.

A model sees no box. Chains that touch through a wall of the unit cell are decoded side
by side, and their atoms are moved back to where the beads are.
"""

import numpy as np
from MDAnalysis.lib.distances import self_capped_distance
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from openmm_cgvae.molecules.periodic_box import nearest_images, search_box
from openmm_cgvae.molecules.unwrapping import BondTree

__all__ = ["moves_to_contact"]

_CONTACT = 10.0  # [Å], about as far as models look from bead to bead


def moves_to_contact(
    positions: np.ndarray, boxes: np.ndarray, tree: BondTree
) -> np.ndarray | None:
    """Compute the moves that put chains beside those that they touch by the box.

    Parameters
    ----------
    positions : ndarray, shape (n_frames, n_molecules, n_beads, 3)
        Beads, every chain whole [Å].
    boxes : ndarray, shape (n_frames, 6)
        Unit cells [Å, degrees], zero where there is none.
    tree : BondTree
        Which beads of a molecule are bonded; its ``molecules`` are the chains.

    Returns
    -------
    ndarray, shape (n_frames, n_molecules, n_beads, 3), or None
        Edges of the cell, the same for all beads of a chain [Å]; None if all chains
        stay.

    Examples
    --------
    >>> tree = BondTree.from_bonds(4, [[0, 1], [2, 3]])
    >>> x = np.array([1.0, 2.0, 98.0, 97.0])
    >>> positions = x[:, None] * [1.0, 0.0, 0.0]
    >>> box = np.array([[100.0, 100.0, 100.0, 90.0, 90.0, 90.0]])
    >>> moves = moves_to_contact(positions[None, None], box, tree)[0, 0, :, 0]
    >>> (moves - moves[0]).tolist()  # how the chains move against each other
    [0.0, 0.0, -100.0, -100.0]
    """
    if tree.n_molecules == 1 or not boxes.any():
        return None
    moves = np.zeros(positions.shape)
    for frame, box in enumerate(boxes):
        for molecule, beads in enumerate(positions[frame]):
            bonds = _bonds_and_contacts(beads, box, tree)
            if bonds is not None:
                whole = BondTree.from_bonds(len(beads), bonds).whole(beads, box)
                moves[frame, molecule] = whole - beads
    return moves if moves.any() else None


def _bonds_and_contacts(
    beads: np.ndarray, box: np.ndarray, tree: BondTree
) -> np.ndarray | None:
    """Return the bonds of chains, and the nearest contacts that hold them together.

    None if no two chains touch through a wall. Contacts join chains as a tree, so
    that every chain stays whole.
    """
    search = search_box(box, beads, _CONTACT)
    if search is None:
        return None
    pairs, distances = self_capped_distance(
        beads.astype(np.float32), _CONTACT, box=search
    )
    chains = tree.molecules[pairs]
    is_across = chains[:, 0] != chains[:, 1]
    pairs, distances = pairs[is_across], distances[is_across]
    steps = beads[pairs[:, 1]] - beads[pairs[:, 0]]
    if np.allclose(nearest_images(steps, box), steps, atol=1e-2):
        return None
    # The nearest contact of each two chains, and the nearest of these as a tree.
    pairs = pairs[np.argsort(distances, kind="stable")]
    chains = np.sort(tree.molecules[pairs], axis=1)
    chains, nearest = np.unique(chains, axis=0, return_index=True)
    shape = (tree.n_molecules, tree.n_molecules)
    # Indices of 32 bits, which the trees of old versions of SciPy need.
    ends = chains.T.astype(np.int32)
    ranks = coo_array((nearest + 1.0, ends), shape=shape).tocsr()
    kept = minimum_spanning_tree(ranks).tocoo().data.astype(np.int64) - 1
    children = np.flatnonzero(tree.parents != np.arange(len(beads)))
    bonds = np.stack([tree.parents[children], children], axis=1)
    return np.concatenate([bonds, pairs[kept]])
