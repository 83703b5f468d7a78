"""Invariant messages (Eqs. 2-4), the equivariant message and update (Eqs. 5, 8)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from openmm_cgvae.model.config import Messages
from openmm_cgvae.model.neighbourhood import Neighbourhood

SMALLEST_SQUARE = 1e-20  # [A^2]


def mlp(*sizes: int) -> nn.Sequential:
    """Make a network of linear layers with swish between them.

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
        layers += [nn.Linear(n_in, n_out), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def filter_matrix(n_functions: int, n_channels: int) -> nn.Parameter:
    """Make the coefficients of filters that are linear in the radial basis.

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
        self, edges: Neighbourhood, scalars: Float[Tensor, "n c"]
    ) -> Float[Tensor, "n c"]:
        """Sum the messages to every node."""
        if self.messages == "product":
            total = edges.pair_sum(self.filters, scalars, self.network)
        else:
            total = edges.filtered_sum(self.filters, self.network(scalars))
        return total / self.degree


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
        pseudoscalars: Float[Tensor, "n c"],
        vectors: Float[Tensor, "n 3 c"],
        pseudovectors: Float[Tensor, "n 3 c"],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sum the messages to every bead.

        Parameters
        ----------
        edges : Neighbourhood
            The bead graph.
        scalars, pseudoscalars : Tensor, shape (n_beads, n_channels)
            H and H-bar.
        vectors, pseudovectors : Tensor, shape (n_beads, 3, n_channels)
            V and V-bar.

        Returns
        -------
        tuple of Tensor
            Changes of H, H-bar, V and V-bar, in the shapes of the arguments.
        """
        n = self.n_channels
        sender = self.network(scalars)  # [n_beads, 9 F]
        # Columns are ordered so that each neighbour sum takes one slice: W1 and W4
        # act on scalars and directions, W5 W6 W9 on V, W2 W3 W7 W8 on V-bar.
        f1, f4, f_vector, f_pseudo = self.filters.split([n, n, 3 * n, 4 * n], 1)
        s1, s4, s_vector, s_pseudo = sender.split([n, n, 3 * n, 4 * n], 1)
        change_scalars = edges.filtered_sum(f1, s1 * scalars)
        along_edges = edges.filtered_directions(f4, s4)
        v5, v6, v9 = edges.filtered_sum(f_vector, _gated(s_vector, vectors)).split(
            n, -1
        )
        p2, p3, p7, p8 = edges.filtered_sum(
            f_pseudo, _gated(s_pseudo, pseudovectors)
        ).split(n, -1)
        change_pseudoscalars = edges.plain_sum((vectors * pseudovectors).sum(1))
        handed = pseudoscalars[:, None]
        change_vectors = _cross(vectors, p2) + handed * p3 + along_edges + v5
        change_pseudovectors = (
            _cross(vectors, v6) + _cross(pseudovectors, p7) + p8 + handed * v9
        )
        return (
            change_scalars / self.degree,
            change_pseudoscalars / self.degree,
            change_vectors / self.degree,
            change_pseudovectors / self.degree,
        )


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
        self.alpha = nn.Linear(n_channels, n_channels, bias=False)
        self.beta = nn.Linear(n_channels, n_channels, bias=False)
        self.network = mlp(2 * n_channels, n_channels, 3 * n_channels)
        self.mixes_vectors = mixes_vectors

    def forward(
        self, scalars: Float[Tensor, "n c"], vectors: Float[Tensor, "n 3 c"]
    ) -> tuple[Float[Tensor, "n c"], Float[Tensor, "n 3 c"]]:
        """Give H' and V'."""
        alpha, beta = self.alpha(vectors), self.beta(vectors)
        # The tiny term keeps the gradient finite where a bead has no neighbours.
        norms = torch.sqrt((beta * beta).sum(1) + SMALLEST_SQUARE)
        gates = self.network(torch.cat([scalars, norms], -1))
        own, inner, scale = gates.chunk(3, -1)
        changed = scalars + own + inner * (alpha * beta).sum(1)
        mixed = alpha if self.mixes_vectors else vectors
        return changed, vectors + scale[:, None] * mixed


def _gated(gates: Tensor, vectors: Tensor) -> Tensor:
    """Multiply every vector channel by several gates: [n, m * c] -> [n, 3, m * c]."""
    n_channels = vectors.shape[-1]
    parts = gates.reshape(len(gates), 1, -1, n_channels) * vectors[:, :, None, :]
    return parts.flatten(2)


def _cross(first: Tensor, second: Tensor) -> Tensor:
    return torch.linalg.cross(first, second, dim=1)
