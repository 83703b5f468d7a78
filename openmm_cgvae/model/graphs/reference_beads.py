"""Reference beads, by which each bead orients itself: those nearest to it by bonds."""

import networkx as nx
import numpy as np

__all__ = ["FARTHEST_RELATION", "N_REFERENCES", "N_RELATIONS", "choose_references"]

N_REFERENCES = 6  # beads that each bead orients itself by
FARTHEST_RELATION = 4  # bonds; beads farther away by bonds are not told apart
N_RELATIONS = 2 * FARTHEST_RELATION


def choose_references(
    bead_of_bond: np.ndarray, n_beads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find the beads that each bead orients itself by, and how they relate to it.

    Parameters
    ----------
    bead_of_bond : ndarray of int, shape (n_bonds, 2)
        The beads of the two atoms of every bond.
    n_beads : int
        Number of beads.

    Returns
    -------
    references, relations : ndarray of int, shape (n_beads, N_REFERENCES)
        As in `MoleculeGraph`.

    Examples
    --------
    >>> references, relations = choose_references(np.array([[0, 1], [1, 2]]), 3)
    >>> references[1].tolist(), relations[1].tolist()
    ([0, 2, 0, 2, 0, 2], [1, 5, 0, 0, 0, 0])
    """
    graph = nx.Graph(bead_of_bond.reshape(-1, 2).tolist())
    graph.add_nodes_from(range(n_beads))
    references = np.zeros((n_beads, N_REFERENCES), dtype=np.int64)
    relations = np.zeros_like(references)
    for bead in range(n_beads):
        # So many bonds away there are beads enough, or the chain ends before.
        bonds = nx.single_source_shortest_path_length(graph, bead, cutoff=N_REFERENCES)
        near = range(max(0, bead - N_REFERENCES), bead + N_REFERENCES + 1)
        others = sorted(
            (bonds.get(other, N_REFERENCES + 1), abs(other - bead), other)
            for other in {*bonds, *near} - {bead}
            if other < n_beads
        )[:N_REFERENCES]
        for rank, (n_bonds, _, other) in enumerate(others):
            side = FARTHEST_RELATION if other > bead else 0
            relations[bead, rank] = min(n_bonds, FARTHEST_RELATION) + side
            references[bead, rank] = other
        for rank in range(len(others), N_REFERENCES):
            references[bead, rank] = others[rank % len(others)][2] if others else bead
    return references, relations
