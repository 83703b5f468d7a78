"""Edges of graphs: pairs of nodes that are near each other in space."""

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

__all__ = ["radius_edges"]

SEARCH_MARGIN = 0.01  # more than float32 rounds at 10^4 Å [Å]


def radius_edges(
    positions: Float[Tensor, "n_nodes 3"],
    molecule_of_node: Int[Tensor, " n_nodes"],
    cutoff: float,
) -> Int[Tensor, "2 n_edges"]:
    """Find the pairs of nodes of the same molecule closer than a cutoff.

    Parameters
    ----------
    positions : Tensor, shape (n_nodes, 3)
        Positions [Å].
    molecule_of_node : Tensor of int, shape (n_nodes,)
        Molecule of each node, never falling.
    cutoff : float
        Cutoff [Å].

    Returns
    -------
    Tensor of int, shape (2, n_edges)
        Receivers and senders, both directions of each pair, sorted by receiver.
    """
    points = positions.detach().cpu().numpy().astype(np.float32)
    counts = torch.bincount(molecule_of_node).tolist()
    found = []
    start = 0
    for count in counts:
        block = points[start : start + count]
        # Unlike the search of MDAnalysis, a tree does not mind a molecule that is
        # long and thin, whose bounding box is nearly empty.
        pairs = cKDTree(block).query_pairs(
            cutoff + SEARCH_MARGIN, output_type="ndarray"
        )
        found.append(np.asarray(pairs, dtype=np.int64).reshape(-1, 2) + start)
        start += count
    one_way = np.concatenate(found)
    both = np.concatenate([one_way, one_way[:, ::-1]])
    order = np.lexsort((both[:, 1], both[:, 0]))
    edges = torch.tensor(both[order].T, device=positions.device)
    # The search rounds to float32 and takes pairs at the cutoff itself; the networks
    # do neither, and dense blocks and edge lists have to agree on every pair.
    receivers, senders = positions.detach()[edges]
    inside = torch.linalg.vector_norm(senders - receivers, dim=-1) < cutoff
    return edges[:, inside]
