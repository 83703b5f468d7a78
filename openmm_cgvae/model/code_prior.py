"""CodePrior: the beads choose discrete latents, and these the continuous ones."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from openmm_cgvae.model.codebook import CodedBatch
from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.model.gaussian import Gaussian, GaussianHead
from openmm_cgvae.model.layers.messages import mlp
from openmm_cgvae.model.layers.oriented_messages import BeadGraph
from openmm_cgvae.model.prior import Prior

__all__ = ["CentroidEmbedding", "CodePrior", "draw_codes"]

N_EMBEDDED = 32  # features of an atom type
TYPICAL_SUM = 2.0  # of the coordinates of a bead times the features of its atoms


class CentroidEmbedding(nn.Module):
    """Features of conformations, the same for every type of bead.

    Parameters
    ----------
    n_types : int
        Number of atom types.
    n_channels : int
        Features.
    n_heads : int
        How many kinds of features are made of the same conformation.
    """

    def __init__(self, n_types: int, n_channels: int, n_heads: int = 1) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_types, N_EMBEDDED)
        self.network = mlp(3 * N_EMBEDDED, n_channels, n_channels)
        self.heads = nn.ModuleList(
            nn.Linear(n_channels, n_channels) for _ in range(n_heads)
        )

    def forward(
        self,
        centroids: Float[Tensor, "*k n_slots 3"],
        atom_types: Int[Tensor, "*#k n_slots"],
        heads: tuple[int, ...] = (0,),
    ) -> list[Tensor]:
        """Compute features of conformations.

        Parameters
        ----------
        centroids : Tensor, shape (..., n_slots, 3)
            Coordinates of heavy atoms in the frame of their bead [Å].
        atom_types : Tensor of int, shape (..., n_slots)
            Their types; -1 where there is no atom.
        heads : tuple of int
            Which kinds.

        Returns
        -------
        list of Tensor, each of shape (..., n_channels)
            The features of each kind.
        """
        is_there = (atom_types >= 0)[..., None]
        embedded = self.embedding(atom_types.clamp(min=0)) * is_there
        sums = (centroids.mT @ embedded).flatten(-2) / TYPICAL_SUM  # [..., 3 * c]
        hidden = nn.functional.silu(self.network(sums))
        return [self.heads[head](hidden) for head in heads]


class CodePrior(Prior):
    r"""A prior of a discrete and of continuous latents of every bead.

    .. math::

        p(k, z | X) = \prod_I p(k_{1I} | X)\, p(k_{2I} | k_{1I}, X)
            \prod_I p(z_I | k, X)

    The codes of a bead are independent of each other given the beads; its Gaussian
    knows those of all beads. A code is as likely as it is frequent and as its centroid
    fits what the beads say: the product of features of both.

    Parameters
    ----------
    config : ModelConfig
        Sizes and forms.
    n_types : int
        Number of atom types.
    """

    # The kinds of features of a centroid: what neighbours know of it, what it is asked
    # by, and what its own latents know of it.
    _KNOWN, _KEY, _OWN = 0, 1, 2

    def __init__(self, config: ModelConfig, n_types: int) -> None:
        super().__init__(config, n_types)
        n_channels = config.n_channels
        self.head = GaussianHead(
            n_channels, config.latents_of_bead, n_inputs=2 * n_channels
        )
        self.shapes = CentroidEmbedding(n_types, n_channels, n_heads=3)
        self.keys = CentroidEmbedding(n_types, n_channels)
        self.unknown = nn.Parameter(torch.zeros(n_channels))
        self.first_query = mlp(n_channels, n_channels, n_channels)
        self.second_query = mlp(2 * n_channels, n_channels, n_channels)
        self.scale = 1 / math.sqrt(n_channels)

    def latents(
        self, coded: CodedBatch, codes: Int[Tensor, "n_beads 2"], edges: BeadGraph
    ) -> Gaussian:
        """Compute the prior of the continuous latents, given the codes of all beads.

        Parameters
        ----------
        coded : CodedBatch
            The beads.
        codes : Tensor of int, shape (n_beads, 2)
            Their codes and subcodes.
        edges : OrientedEdges
            The bead graph.

        Returns
        -------
        Gaussian
            Mean and standard deviation, shape (n_beads, n_latents).
        """
        known, own = self.shapes(
            coded.centroids(codes),
            coded.codebook.atom_types[coded.bead_types],
            (self._KNOWN, self._OWN),
        )
        features = self._features(coded.batch, edges, known)
        return self.head(torch.cat([features, own], -1))

    def draw_codes(
        self,
        coded: CodedBatch,
        uniforms: Float[Tensor, "n_beads 2"],
        edges: BeadGraph,
        temperature: float = 1.0,
    ) -> Int[Tensor, "n_beads 2"]:
        """Draw the codes of all beads.

        Parameters
        ----------
        coded : CodedBatch
            The beads.
        uniforms : Tensor, shape (n_beads, 2)
            Random numbers from 0 to 1, of the code and of the subcode.
        edges : OrientedEdges
            The bead graph.
        temperature : float
            Logarithms of probabilities are divided by it; with 0, the most likely code
            is taken, and its most likely subcode.

        Returns
        -------
        Tensor of int, shape (n_beads, 2)
            Codes and subcodes.
        """
        features = self._features(coded.batch, edges, self.unknown)
        logits, keys = self._first(coded, features)
        first = draw_codes(logits, uniforms[:, 0], temperature)
        logits = self._second(coded, features, first, keys)
        second = draw_codes(logits, uniforms[:, 1], temperature)
        return torch.stack([first, second], 1)

    def cross_entropy(
        self, coded: CodedBatch, codes: Int[Tensor, "n_beads 2"], edges: BeadGraph
    ) -> Float[Tensor, " n_beads"]:
        """Compute the negative log-likelihood of codes given the beads [nats].

        Parameters
        ----------
        coded : CodedBatch
            The beads.
        codes : Tensor of int, shape (n_beads, 2)
            Their codes and subcodes.
        edges : OrientedEdges
            The bead graph.

        Returns
        -------
        Tensor, shape (n_beads,)
            That of the code plus that of the subcode.
        """
        features = self._features(coded.batch, edges, self.unknown)
        first, second = codes.T
        logits, keys = self._first(coded, features)
        other = self._second(coded, features, first, keys)
        cross_entropy = nn.functional.cross_entropy
        return cross_entropy(logits, first, reduction="none") + cross_entropy(
            other, second, reduction="none"
        )

    def _first(self, coded: CodedBatch, features: Tensor) -> tuple[Tensor, Tensor]:
        """Compute logits of the codes of every bead, and the keys of its codes."""
        book = coded.codebook
        kinds, row = coded.bead_types.unique(return_inverse=True)
        (keys,) = self.shapes(
            book.coarse[kinds], book.atom_types[kinds][:, None], (self._KEY,)
        )
        keys = keys[row]  # [n_types, n_codes, c] -> [n_beads, n_codes, c]
        products = (keys @ self.first_query(features)[..., None]).squeeze(-1)
        prior = book.coarse_log_frequency[coded.bead_types]
        return self.scale * products + prior, keys

    def _second(
        self, coded: CodedBatch, features: Tensor, first: Tensor, keys: Tensor
    ) -> Tensor:
        """Compute logits of the subcodes of every bead, given its code."""
        book = coded.codebook
        beads = torch.arange(len(first), device=first.device)
        asked = torch.cat([features, keys[beads, first]], -1)
        # Beads of the same type and code have the same subcodes.
        pairs, row = (coded.bead_types * book.n_codes + first).unique(
            return_inverse=True
        )
        kinds, codes = pairs // book.n_codes, pairs % book.n_codes
        (keys,) = self.keys(book.fine[kinds, codes], book.atom_types[kinds][:, None])
        products = (keys[row] @ self.second_query(asked)[..., None]).squeeze(-1)
        return self.scale * products + book.fine_log_frequency[coded.bead_types, first]


def draw_codes(
    logits: Float[Tensor, "n k"], uniforms: Float[Tensor, " n"], temperature: float
) -> Int[Tensor, " n"]:
    """Draw codes by the inverse of their cumulative distribution.

    Parameters
    ----------
    logits : Tensor, shape (n, k)
        Logarithms of probabilities, up to a constant of each row.
    uniforms : Tensor, shape (n,)
        Random numbers from 0 to 1.
    temperature : float
        Logits are divided by it; 0 takes the most likely code.

    Returns
    -------
    Tensor of int, shape (n,)
        Codes.

    Examples
    --------
    >>> logits = torch.log(torch.tensor([[0.25, 0.75]])).expand(4, 2)
    >>> draw_codes(logits, torch.tensor([0.1, 0.2, 0.3, 0.9]), 1.0).tolist()
    [0, 0, 1, 1]
    >>> draw_codes(logits, torch.tensor([0.1, 0.2, 0.3, 0.9]), 0.0).tolist()
    [1, 1, 1, 1]
    """
    if temperature == 0:
        return logits.argmax(1)
    cumulative = (logits / temperature).softmax(1).cumsum(1)
    # Divided by the last so that rounding does not leave the largest numbers without a
    # code; a code that is never drawn adds nothing to the sum.
    return (cumulative / cumulative[:, -1:] < uniforms[:, None]).sum(1)
