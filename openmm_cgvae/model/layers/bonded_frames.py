"""Local frames of beads, made from the beads they are bonded to."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.model.graphs import N_REFERENCES, N_RELATIONS, GraphBatch
from openmm_cgvae.model.layers.kernels.fused_sums import cross_product
from openmm_cgvae.model.layers.messages import SMALLEST_SQUARE, mlp

__all__ = [
    "N_AXES",
    "BeadFeatures",
    "LocalFrames",
    "composition",
    "embedded_sum",
    "orthonormal",
]

# Which two references span each frame of a bead.
SPANS = ((0, 1), (0, 2), (1, 3))
N_AXES = 3 * len(SPANS)
# A frame whose axes are shorter than this, of unit length elsewhere, is fading out
# instead of spinning.
SMALLEST_AXIS = 1e-2
TYPICAL_DISTANCE = 5.0  # of neighbouring beads [Å]
N_NUMBERS = N_REFERENCES * (4 + N_RELATIONS)


@dataclass(frozen=True, eq=False)
class LocalFrames:
    """What the neighbours by bonds say of the surroundings of every bead.

    Parameters
    ----------
    axes : Tensor, shape (n_beads, 3, N_AXES)
        Axes of the frames, one frame after another, as columns. They rotate with the
        beads; every third is a cross product, which changes sign under reflection.
    description : Tensor, shape (n_beads, N_NUMBERS)
        For every reference its direction in the first frame, its distance and its
        relation. Invariant, and of another value for the mirror image.
    """

    axes: Float[Tensor, "n_beads 3 n_axes"]
    description: Float[Tensor, "n_beads n_numbers"]

    @classmethod
    def of(cls, batch: GraphBatch) -> "LocalFrames":
        """Build the frames of a batch.

        A bead's references, see `graphs.MoleculeGraph`, stand in an order that the
        bonds give, so that the frames do not depend on who happens to be near: they
        tell the direction of a chain, and a chain from its mirror image. Where two
        references and the bead are in line a frame has no second axis, and fades: see
        `straight_beads.bent_where_straight`, which `CGVAE.sample` asks before.

        Parameters
        ----------
        batch : GraphBatch
            The beads.

        Returns
        -------
        LocalFrames
            Axes and description.
        """
        beads = batch.bead_positions
        steps = beads[batch.references] - beads[:, None]
        squares = (steps**2).sum(-1, keepdim=True)
        distances = torch.sqrt(squares + SMALLEST_SQUARE)
        directions = steps / distances
        spans = torch.tensor(SPANS, device=beads.device).T
        # Two directions of each frame, as columns: [n, 3, frame].
        first, second = (directions[:, span].mT for span in spans)
        axes = orthonormal(first, second)  # [n, 3, axis, frame]
        is_there = (batch.relations > 0)[..., None]
        # [n, reference, 3] @ [n, 3, axis]: where the references are in the first frame.
        coordinates = directions @ axes[..., 0]
        relations = nn.functional.one_hot(batch.relations, N_RELATIONS + 1)[..., 1:]
        numbers = torch.cat([coordinates, distances / TYPICAL_DISTANCE - 1], -1)
        described = torch.cat([numbers * is_there, relations], -1)
        # [n, 3, axis, frame] -> [n, 3, frame * axis].
        return cls(axes.mT.flatten(2), described.flatten(1))


class BeadFeatures(nn.Module):
    """First features of a bead: what it is made of and where its neighbours are.

    Parameters
    ----------
    config : ModelConfig
        Sizes.
    n_types : int
        Number of atom types.
    """

    def __init__(self, config: ModelConfig, n_types: int) -> None:
        super().__init__()
        n_channels = config.n_channels
        self.pool_degree = config.pool_degree
        self.embedding = nn.Embedding(n_types, n_channels)
        self.network = mlp(n_channels + N_NUMBERS, n_channels, n_channels)

    def forward(
        self, batch: GraphBatch, frames: LocalFrames
    ) -> Float[Tensor, "n_beads n_channels"]:
        """Compute the features of every bead."""
        made_of = composition(self.embedding.weight / self.pool_degree, batch)
        seen = torch.cat([made_of, frames.description], -1)
        return made_of + self.network(seen)


def composition(
    embedding: Float[Tensor, "n_types c"], batch: GraphBatch
) -> Float[Tensor, "n_beads c"]:
    """Compute the sum of the embeddings of the types of every bead's atoms."""
    ones = embedding.new_ones(batch.n_atoms, 1)
    return embedded_sum(ones, embedding, batch).squeeze(1)


def embedded_sum(
    values: Float[Tensor, "n_atoms d"],
    embedding: Float[Tensor, "n_types c"],
    batch: GraphBatch,
) -> Float[Tensor, "n_beads d c"]:
    r"""Add up the atoms of every bead, each times the embedding of its type.

    .. math:: \sum_{i \in C_I} x_i \otimes a_{t(i)}

    Atoms of a type are added up first, and then one matrix product does it: nothing of
    the size of atoms x channels is made.

    Parameters
    ----------
    values : Tensor, shape (n_atoms, d)
        Numbers of every atom.
    embedding : Tensor, shape (n_types, c)
        Embeddings of the types.
    batch : GraphBatch
        The atoms.

    Returns
    -------
    Tensor, shape (n_beads, d, c)
        The sums.
    """
    n_types = len(embedding)
    # One row for every type in every bead, [bead * type, d].
    of_type = values.new_zeros(batch.n_beads * n_types, values.shape[1]).index_add(
        0, batch.bead_of_atom * n_types + batch.atom_types, values
    )
    return of_type.unflatten(0, (batch.n_beads, n_types)).mT @ embedding


def orthonormal(
    first: Float[Tensor, "n 3 g"], second: Float[Tensor, "n 3 g"]
) -> Float[Tensor, "n 3 3 g"]:
    """Build frames by Gram-Schmidt; short axes give short rows, never a jump.

    Parameters
    ----------
    first, second : Tensor, shape (n, 3, g)
        Two vectors of each frame.

    Returns
    -------
    Tensor, shape (n, 3, 3, g)
        The third dimension counts the axes of a frame; the last is the cross product
        of the others.

    Examples
    --------
    >>> x, y = torch.eye(3)[:2, None, :, None]
    >>> orthonormal(3 * x, x + y)[0, :, :, 0].round(decimals=3).abs()
    tensor([[1., 0., 0.],
            [0., 1., 0.],
            [0., 0., 1.]])
    """
    e1 = _soft_unit(first)
    e2 = _soft_unit(second - (second * e1).sum(1, keepdim=True) * e1)
    return torch.stack([e1, e2, cross_product(e1, e2)], 2)


def _soft_unit(vectors: Tensor) -> Tensor:
    squared = (vectors**2).sum(1, keepdim=True)
    return vectors / torch.sqrt(squared + SMALLEST_AXIS**2)
