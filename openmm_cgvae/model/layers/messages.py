"""Invariant messages (Eqs. 2-4), the equivariant message and update (Eqs. 5, 8)."""

import math
from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from openmm_cgvae.model.config import Messages
from openmm_cgvae.model.layers.kernels.fast_linear import Linear, linear
from openmm_cgvae.model.layers.kernels.fused_sums import cross_product
from openmm_cgvae.model.layers.neighbour_sums import Neighbourhood

__all__ = [
    "SMALLEST_SQUARE",
    "EquivariantMessage",
    "EquivariantUpdate",
    "InvariantMessage",
    "divided_by_degree",
    "filter_matrix",
    "gathered_rows",
    "hidden_and_last_layer",
    "mlp",
]

SMALLEST_SQUARE = 1e-20  # [Å²]


def mlp(*sizes: int) -> nn.Sequential:
    """Build a network of linear layers with swish between them.

    Parameters
    ----------
    *sizes : int
        Numbers of features, input first.

    Returns
    -------
    nn.Sequential
        The network.
    """
    layers: list[nn.Module] = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [Linear(n_in, n_out), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def gathered_rows(
    table: Float[Tensor, "rows c"], row_of_node: Int[Tensor, " n"] | None
) -> Float[Tensor, "n c"]:
    """Return the row of a table for each node; by default row and node are the same."""
    return table if row_of_node is None else table.index_select(0, row_of_node)


def divided_by_degree(values: Tensor, degree: float) -> Tensor:
    """Return values divided by a degree, unless it is one."""
    return values if degree == 1 else values / degree


def filter_matrix(n_functions: int, n_channels: int) -> nn.Parameter:
    """Build the coefficients of filters that are linear in the radial basis.

    Parameters
    ----------
    n_functions : int
        Radial functions, the envelope included.
    n_channels : int
        Filters.

    Returns
    -------
    nn.Parameter, shape (n_functions, n_channels)
        Coefficients, initialised like a linear layer's.
    """
    bound = 1 / math.sqrt(n_functions)
    return nn.Parameter(torch.empty(n_functions, n_channels).uniform_(-bound, bound))


class InvariantMessage(nn.Module):
    r"""The scalar convolution of Eqs. 2 and 4.

    .. math:: \sum_{j \in N(i)} L_3(\mathrm{RBF}(d_{ij})) \circ L_4(h_i \circ h_j)

    or :math:`L_4(h_j)` with ``messages="sender"``.

    Parameters
    ----------
    n_channels : int
        Features.
    n_functions : int
        Radial functions.
    messages : {"product", "sender"}
        What L4 acts on.
    degree : float
        The sum is divided by it; 1 is the printed form.
    """

    def __init__(
        self, n_channels: int, n_functions: int, messages: Messages, degree: float
    ) -> None:
        super().__init__()
        self.filters = filter_matrix(n_functions, n_channels)
        self.network = mlp(n_channels, n_channels, n_channels)
        self.messages = messages
        self.degree = degree

    def forward(
        self,
        edges: Neighbourhood,
        scalars: Float[Tensor, "rows c"],
        row_of_node: Int[Tensor, " n"] | None = None,
    ) -> Float[Tensor, "n c"]:
        """Sum the messages to every node.

        Where many nodes have the same features, one row for all of them will do,
        and ``row_of_node`` says which row is whose.
        """
        # The sum is linear in the filters, which are much smaller than it.
        filters = divided_by_degree(self.filters, self.degree)
        if self.messages == "product":
            scalars = gathered_rows(scalars, row_of_node)
            return edges.pair_sum(filters, scalars, self.network)
        # The network sees each row once, however many nodes have it.
        messages = gathered_rows(self.network(scalars), row_of_node)
        return edges.filtered_sum(edges.prepared(filters), messages)


class EquivariantMessage(nn.Module):
    r"""The equivariant convolution of Eq. 5.

    Every filter is :math:`W = A\,\mathrm{RBF}(d_{IJ}) \circ L(H_J)`, a linear layer
    on the basis times a network on the sender. What belongs to the receiver leaves
    the sums, :math:`\sum_J W \circ (V_I \times \bar V_J) = V_I \times \sum_J W \circ
    \bar V_J`, so that every product happens once a node instead of once an edge.

    Parameters
    ----------
    n_channels : int
        Features F.
    n_functions : int
        Radial functions.
    degree : float
        Sums are divided by it; 1 is the printed form.
    """

    def __init__(self, n_channels: int, n_functions: int, degree: float) -> None:
        super().__init__()
        self.n_channels = n_channels
        self.filters = filter_matrix(n_functions, 9 * n_channels)
        self.network = mlp(n_channels, n_channels, 9 * n_channels)
        self.degree = degree

    def forward(
        self,
        edges: Neighbourhood,
        scalars: Float[Tensor, "n c"],
        pseudoscalars: Float[Tensor, "n c"] | None,
        vectors: Float[Tensor, "n 3 c"] | None,
        pseudovectors: Float[Tensor, "n 3 c"] | None,
        *,
        is_last: bool = False,
    ) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
        """Sum the messages to every bead.

        Features that are zero throughout may be given as None, and changes that are
        come back as None; what only they would need is not computed.

        Parameters
        ----------
        edges : Neighbourhood
            The bead graph.
        scalars, pseudoscalars : Tensor, shape (n_beads, n_channels)
            H and H-bar.
        vectors, pseudovectors : Tensor, shape (n_beads, 3, n_channels)
            V and V-bar.
        is_last : bool
            Whether H-bar and V-bar are not needed any more; their changes are None.

        Returns
        -------
        tuple of Tensor
            Changes of H, H-bar, V and V-bar, in the shapes of the arguments.
        """
        n = self.n_channels
        n_own = 0 if vectors is None else n if is_last else 3 * n
        n_pseudo = 0 if pseudovectors is None else 2 * n if is_last else 4 * n
        # Columns are ordered so that each neighbour sum takes one slice: W1 and W4
        # act on scalars and directions, W5 W6 W9 on V, W2 W3 W7 W8 on V-bar.
        sizes = [n, n, n_own, 3 * n - n_own if n_pseudo else 0, n_pseudo]
        filters, gates = self._columns(edges, scalars, sizes)
        d_scalars = edges.filtered_sum(filters[0], gates[0] * scalars)
        d_vectors = edges.filtered_directions(filters[1], gates[1])
        if vectors is None or pseudoscalars is None:
            return d_scalars, None, d_vectors, None
        # [n, 1, c]: one factor for the three components, which changes sign under
        # reflection and so makes pseudovectors of vectors, and back.
        pseudo = pseudoscalars[:, None]
        # Sums [n, 3, m, c] of the same vectors under m filters, taken apart along m.
        on_own = edges.gated_sum(filters[2], gates[2], vectors).unbind(2)
        d_vectors += on_own[0]
        if pseudovectors is not None:
            on_pseudo = edges.gated_sum(filters[4], gates[4], pseudovectors).unbind(2)
            d_vectors += cross_product(vectors, on_pseudo[0])
            d_vectors.addcmul_(pseudo, on_pseudo[1])
        if is_last:
            return d_scalars, None, d_vectors, None
        d_pseudovectors = cross_product(vectors, on_own[1])
        d_pseudovectors.addcmul_(pseudo, on_own[2])
        if pseudovectors is None:
            return d_scalars, None, d_vectors, d_pseudovectors
        d_pseudovectors += on_pseudo[3]
        d_pseudovectors += cross_product(pseudovectors, on_pseudo[2])
        # [n, 3, c] -> [n, c]: a vector on a pseudovector is a pseudoscalar.
        inner = (vectors * pseudovectors).sum(1)
        d_pseudoscalars = divided_by_degree(edges.plain_sum(inner), self.degree)
        return d_scalars, d_pseudoscalars, d_vectors, d_pseudovectors

    def _columns(
        self, edges: Neighbourhood, scalars: Tensor, sizes: list[int]
    ) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """Compute the first columns of filters and gates, in groups of these sizes."""
        n_columns = sum(sizes)
        hidden, last = hidden_and_last_layer(self.network, scalars)
        # Only the columns that are needed of the 9 n that the last layer has.
        gates = linear(hidden, last.weight[:n_columns], last.bias[:n_columns])
        # The sums are linear in the filters, which are much smaller.
        needed = divided_by_degree(self.filters[:, :n_columns], self.degree)
        filters = edges.prepared(needed)
        return filters.split(sizes, -1), gates.split(sizes, -1)


class EquivariantUpdate(nn.Module):
    r"""The update block of Eq. 8.

    .. math::

        H' &= H + L_5([H, \|W_\beta V\|])
            + L_5'([H, \|W_\beta V\|]) \circ \langle W_\alpha V, W_\beta V\rangle \\
        V' &= V + L_5''([H, \|W_\beta V\|]) \circ V

    The three networks share their hidden layer. With ``mixes_vectors`` the last
    term has :math:`W_\alpha V` for :math:`V`, as in PaiNN.

    Parameters
    ----------
    n_channels : int
        Features F.
    mixes_vectors : bool
        Whether the update mixes vector channels.
    """

    def __init__(self, n_channels: int, *, mixes_vectors: bool) -> None:
        super().__init__()
        self.alpha = Linear(n_channels, n_channels, bias=False)
        self.beta = Linear(n_channels, n_channels, bias=False)
        self.network = mlp(2 * n_channels, n_channels, 3 * n_channels)
        self.mixes_vectors = mixes_vectors

    def forward(
        self,
        scalars: Float[Tensor, "n c"],
        vectors: Float[Tensor, "n 3 c"],
        *,
        is_last: bool = False,
    ) -> tuple[Float[Tensor, "n c"], Float[Tensor, "n 3 c"]]:
        """Compute H' and V'; where ``is_last`` only V', and H as it was."""
        n = scalars.shape[1]
        beta = self.beta(vectors)  # mixes channels, not components: [n, 3, c]
        # The tiny term keeps the gradient finite where a bead has no neighbours.
        norms = torch.sqrt((beta * beta).sum(1) + SMALLEST_SQUARE)
        features = torch.cat([scalars, norms], -1)  # [n, 2 c]
        hidden, last = hidden_and_last_layer(self.network, features)
        if is_last:
            scale = linear(hidden, last.weight[2 * n :], last.bias[2 * n :])
            mixed = self.alpha(vectors) if self.mixes_vectors else vectors
            return scalars, torch.addcmul(vectors, scale[:, None], mixed)
        alpha = self.alpha(vectors)
        own, inner, scale = last(hidden).split(n, -1)
        changed = torch.addcmul(scalars + own, inner, (alpha * beta).sum(1))
        mixed = alpha if self.mixes_vectors else vectors
        return changed, torch.addcmul(vectors, scale[:, None], mixed)


def hidden_and_last_layer(
    network: nn.Sequential, features: Tensor
) -> tuple[Tensor, nn.Linear]:
    """Compute the hidden layer of a network, and the layer that is still to come.

    Parameters
    ----------
    network : nn.Sequential
        A network of two layers, as `mlp` makes it.
    features : Tensor, shape (n, n_in)
        What goes in.

    Returns
    -------
    Tensor, nn.Linear
        The hidden layer, of shape (n, n_hidden), and the last layer.
    """
    first, activation, last = network
    return activation(first(features)), cast(nn.Linear, last)
