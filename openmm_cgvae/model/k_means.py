"""k-means clustering of conformations, from seeded starting points."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["k_means"]

N_ITERATIONS = 15


def k_means(
    points: Float[Tensor, "n_points n_numbers"],
    n_clusters: int,
    generator: torch.Generator | None = None,
) -> tuple[Float[Tensor, "k n_numbers"], Int[Tensor, " n_points"]]:
    """Find clusters of points and their centroids (Lloyd's algorithm).

    Parameters
    ----------
    points : Tensor, shape (n_points, n_numbers)
        The points, at least one.
    n_clusters : int
        How many clusters; no more than there are points.
    generator : torch.Generator, optional
        Chooses the points that clusters start from.

    Returns
    -------
    centroids : Tensor, shape (n_clusters, n_numbers)
        The mean of each cluster.
    clusters : Tensor of int, shape (n_points,)
        The cluster of every point, that of the nearest centroid.

    Examples
    --------
    >>> line = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    >>> centroids, clusters = k_means(line, 2, torch.Generator().manual_seed(0))
    >>> centroids.sort(0).values.flatten()
    tensor([0.0500, 5.0500])
    """
    n_points = len(points)
    order = torch.randperm(n_points, generator=generator)
    centroids = points[order[:n_clusters]]
    for _ in range(N_ITERATIONS):
        clusters = torch.cdist(points, centroids).argmin(1)
        counts = torch.bincount(clusters, minlength=n_clusters)
        sums = torch.zeros_like(centroids).index_add(0, clusters, points)
        centroids = sums / counts.clamp(min=1)[:, None]
        n_empty = int((counts == 0).sum())
        if n_empty:  # start those again from other points
            again = torch.randint(n_points, (n_empty,), generator=generator)
            centroids[counts == 0] = points[again]
    return centroids, torch.cdist(points, centroids).argmin(1)
