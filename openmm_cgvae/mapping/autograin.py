r"""Auto-Grain: a mapping learned from frames, as in appendix F.2 of the CGVAE paper.

In the notation of the paper :math:`C` assigns :math:`n` atoms to :math:`N` beads,
:math:`M` is :math:`C` with its rows scaled to sum to one, and a matrix :math:`D`
decodes the beads. Here :math:`C` is drawn by the Gumbel-softmax at a temperature that
falls while it is learned, by gradients of

.. math::

    \mathcal{L}_\mathrm{MSD} + a \mathcal{L}_\mathrm{geo}
        = \frac1n \sum_i \lVert (D M x)_i - x_i \rVert^2
        + \frac an \sum_i \lVert (C^T M x)_i - x_i \rVert^2 .
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from openmm_cgvae._runtime.threads import threads
from openmm_cgvae.mapping.contiguity import bonds_within, join_pieces, pieces_of_beads
from openmm_cgvae.mapping.mapping import Mapping

if TYPE_CHECKING:
    import MDAnalysis as mda

__all__ = [
    "BATCH_SIZE",
    "LEARNING_RATE",
    "LearnedMapping",
    "learn",
    "learn_mapping",
    "losses",
    "temperature",
]

_GEOMETRY_WEIGHT = 0.25  # a
_HIGHEST_TEMPERATURE, _LOWEST_TEMPERATURE = 1.0, 0.025
# The temperature falls for 975 of 1,500 epochs, by 0.001 in each.
_COOLING = 0.65
# The paper prints neither; these are of its published code.
LEARNING_RATE = 4e-3
BATCH_SIZE = 32
# Where a draw leaves a bead without atoms, it is at the origin instead of nowhere.
_LEAST_ATOMS = 1e-6


@dataclass(frozen=True)
class LearnedMapping:
    """A mapping, and how well it does.

    Parameters
    ----------
    mapping : Mapping
        The beads, with weights of the geometry, by their first atom.
    reconstruction, geometry : float
        The losses of the hard mapping with the best matrix D for it [Å^2].
    n_pieces : tuple of int, or None
        Pieces of each bead, one where its atoms are connected by bonds; None where
        the bonds are not known.
    n_moved : int
        Atoms that were given to other beads to have every bead in one piece.
    """

    mapping: Mapping
    reconstruction: float
    geometry: float
    n_pieces: tuple[int, ...] | None
    n_moved: int

    @property
    def loss(self) -> float:
        """The sum that is minimised [Å^2]."""
        return self.reconstruction + _GEOMETRY_WEIGHT * self.geometry

    @property
    def is_contiguous(self) -> bool | None:
        """Whether every bead is in one piece, if the bonds are known."""
        return None if self.n_pieces is None else max(self.n_pieces) == 1


def learn_mapping(
    universe: "mda.Universe | mda.AtomGroup",
    n_beads: int,
    *,
    n_epochs: int = 1500,
    n_frames: int = 1000,
    n_starts: int = 8,
    join: bool = True,
    seed: int = 0,
    progress: bool = True,
) -> Mapping:
    """Learn from frames which atoms belong together, by Auto-Grain.

    Parameters
    ----------
    universe : MDAnalysis.Universe or AtomGroup
        One molecule with a trajectory, whole in every frame.
    n_beads : int
        Number of beads.
    n_epochs : int
        Passes over the frames. The temperature falls from 1 to 0.025 in the first
        65 percent of them, which is by 0.001 an epoch for 1,500.
    n_frames : int
        Frames to learn from, drawn at random; all where there are fewer.
    n_starts : int
        Learned at once from as many random starts. Of those with no bead empty, that
        with the fewest beads in pieces is taken, among equals the most compact.
    join : bool
        Whether atoms that are apart from the rest of their bead go to a bead they
        are bonded to; the losses know of no bonds. Without bonds nothing is moved.
    seed : int
        Seed of all that is drawn; the same seed gives the same mapping.
    progress : bool
        Whether to show a bar with the time left.

    Returns
    -------
    Mapping
        Beads "G0", "G1", ... at the centre of geometry of their atoms.

    Raises
    ------
    ValueError
        If a number is out of range, a position is not a number, or every start ends
        with an empty bead.

    See Also
    --------
    learn : The same with the losses and the contiguity of the beads.

    References
    ----------
    .. [1] W. Wang and R. Gomez-Bombarelli, "Coarse-graining auto-encoders for
       molecular dynamics", *npj Comput. Mater.* 5, 125 (2019).

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> from openmm_cgvae.data import data_path
    >>> universe = mda.Universe(data_path("alanine-dipeptide.pdb"))
    >>> learn_mapping(universe, 2, n_epochs=2, n_starts=2, progress=False)
    <Mapping of 22 atoms to 2 beads>
    """
    return learn(
        universe,
        n_beads,
        n_epochs=n_epochs,
        n_frames=n_frames,
        n_starts=n_starts,
        join=join,
        seed=seed,
        progress=progress,
    ).mapping


def learn(
    universe: "mda.Universe | mda.AtomGroup",
    n_beads: int,
    *,
    n_epochs: int = 1500,
    n_frames: int = 1000,
    n_starts: int = 8,
    join: bool = True,
    seed: int = 0,
    progress: bool = True,
) -> LearnedMapping:
    """Learn a mapping as :func:`learn_mapping` does, and tell how well it does.

    Parameters
    ----------
    universe, n_beads, n_epochs, n_frames, n_starts, join, seed, progress
        As for :func:`learn_mapping`.

    Returns
    -------
    LearnedMapping
        The mapping with its losses and whether its beads are contiguous.

    Raises
    ------
    ValueError
        As for :func:`learn_mapping`.
    """
    group = universe.atoms
    if not 1 <= n_beads <= len(group):
        raise ValueError(
            f"`n_beads` is {n_beads} but must be from 1 to {len(group)}, the number "
            "of atoms; ask for as many beads as that allows"
        )
    counts = {"n_epochs": n_epochs, "n_frames": n_frames, "n_starts": n_starts}
    for name, number in counts.items():
        if number < 1:
            raise ValueError(f"`{name}` is {number} but must be at least 1; give more")
    positions = _drawn_frames(group, n_frames, seed)
    bonds = bonds_within(group)
    with threads(1):
        epochs = tqdm(range(n_epochs), "Auto-Grain", disable=not progress, unit="epoch")
        starts = _learned(positions, (n_starts, n_beads), epochs, seed)
        found = [
            _assessed(start.numpy(), positions, bonds, join=join)
            for start in starts
            if len(start.unique()) == n_beads
        ]
    if not found:
        raise ValueError(
            f"`n_beads` is {n_beads}, and all {n_starts} starts ended with an empty "
            "bead; ask for fewer beads, or for more `n_starts`"
        )
    return min(found, key=_order)


def losses(
    assignment: Float[Tensor, "n_starts n_beads n_atoms"],
    decoder: Float[Tensor, "n_starts n_atoms n_beads"],
    columns: Float[Tensor, "n_atoms n_columns"],
) -> tuple[Float[Tensor, " n_starts"], Float[Tensor, " n_starts"]]:
    """Return the printed losses of soft or hard assignments.

    Parameters
    ----------
    assignment : Tensor, shape (n_starts, n_beads, n_atoms)
        C, whose columns sum to one.
    decoder : Tensor, shape (n_starts, n_atoms, n_beads)
        D.
    columns : Tensor, shape (n_atoms, 3 n_frames)
        Positions, a column for every coordinate of every frame [Å].

    Returns
    -------
    reconstruction, geometry : Tensor, shape (n_starts,)
        L_MSD and L_geo, means over atoms and frames [Å^2].
    """
    sizes = assignment.sum(dim=2, keepdim=True).clamp_min(_LEAST_ATOMS)
    beads = assignment @ columns / sizes
    per_atom = 3 / columns.numel()
    reconstruction = (decoder @ beads - columns).square().sum(dim=(1, 2))
    geometry = (assignment.mT @ beads - columns).square().sum(dim=(1, 2))
    return per_atom * reconstruction, per_atom * geometry


def temperature(epoch: int, n_epochs: int) -> float:
    """Return the temperature of an epoch.

    Parameters
    ----------
    epoch, n_epochs : int
        Which epoch, from 0, and how many there are.

    Returns
    -------
    float
        From 1.0 down to 0.025.

    Examples
    --------
    >>> [round(temperature(epoch, 1500), 3) for epoch in (0, 1, 500, 975, 1499)]
    [1.0, 0.999, 0.5, 0.025, 0.025]
    """
    step = (_HIGHEST_TEMPERATURE - _LOWEST_TEMPERATURE) / (_COOLING * n_epochs)
    return max(_HIGHEST_TEMPERATURE - step * epoch, _LOWEST_TEMPERATURE)


def _learned(
    positions: np.ndarray,
    shape: tuple[int, int],
    epochs: tqdm,
    seed: int,
) -> Tensor:
    """Return the bead of every atom at the end of each start, (n_starts, n_atoms)."""
    frames = torch.from_numpy(positions.astype(np.float32)).permute(1, 0, 2)
    frames = frames.contiguous()
    n_atoms = len(frames)
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(*shape, n_atoms, generator=generator)
    decoder = torch.randn(*shape, n_atoms, generator=generator).mT.contiguous()
    parameters = [logits.requires_grad_(), decoder.requires_grad_()]
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)
    for epoch in epochs:
        tau = temperature(epoch, len(epochs))
        order = torch.randperm(frames.shape[1], generator=generator)
        for batch in order.split(BATCH_SIZE):
            noise = torch.empty_like(logits).exponential_(generator=generator).log()
            assignment = torch.softmax((logits - noise) / tau, dim=1)
            columns = frames[:, batch].flatten(1)
            reconstruction, geometry = losses(assignment, decoder, columns)
            loss = reconstruction + _GEOMETRY_WEIGHT * geometry
            optimiser.zero_grad()
            loss.sum().backward()
            optimiser.step()
        epochs.set_postfix(loss=f"{loss.detach().min():.3f}", temperature=f"{tau:.3f}")
    return logits.detach().argmax(dim=1)


def _assessed(
    found: np.ndarray, positions: np.ndarray, bonds: np.ndarray | None, *, join: bool
) -> LearnedMapping:
    """Build a mapping, beads by their first atom, and measure it."""
    bead_of_atom = found
    if join and bonds is not None:
        bead_of_atom = join_pieces(found, bonds, positions)
    _, first = np.unique(bead_of_atom, return_index=True)
    rank = np.argsort(np.argsort(first))
    names = [f"G{bead}" for bead in range(len(first))]
    mapping = Mapping(rank[bead_of_atom], "geometry", bead_names=names)
    columns = torch.from_numpy(positions).permute(1, 0, 2).flatten(1)
    labels = torch.tensor(mapping.bead_of_atom)
    hard = torch.eye(mapping.n_beads, dtype=columns.dtype)[:, labels]
    beads = hard @ columns / hard.sum(dim=1, keepdim=True)
    # The minimum by itself; beads of a centred molecule may depend on each other.
    decoder = torch.linalg.lstsq(beads.T, columns.T, driver="gelsd").solution.T
    reconstruction, geometry = losses(hard[None], decoder[None], columns)
    n_pieces = None
    if bonds is not None:
        n_pieces = tuple(pieces_of_beads(mapping, bonds).tolist())
    n_moved = int((found != bead_of_atom).sum())
    return LearnedMapping(
        mapping, float(reconstruction), float(geometry), n_pieces, n_moved
    )


def _order(learned: LearnedMapping) -> tuple[int, float]:
    """Return what is to be least, the first before the second."""
    return sum(learned.n_pieces or ()), learned.geometry


def _drawn_frames(group: "mda.AtomGroup", n_frames: int, seed: int) -> np.ndarray:
    """Return random frames around their centres, float64 (n_frames, n_atoms, 3)."""
    trajectory = group.universe.trajectory
    here, total = trajectory.frame, trajectory.n_frames
    drawn = np.random.default_rng(seed).choice(
        total, size=min(n_frames, total), replace=False
    )
    parts = [group.positions.astype(np.float64) for _ in trajectory[np.sort(drawn)]]
    trajectory[here]
    positions = np.array(parts)
    if not math.isfinite(positions.sum()):
        raise ValueError(
            "`universe` has positions that are not numbers; mend or leave out the frame"
        )
    # A matrix that decodes beads cannot shift them.
    return positions - positions.mean(axis=1, keepdims=True)
