"""TrainingData: mapped frames, split in blocks of time and handed out in batches."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.label_symmetry import LabelSymmetry
from openmm_cgvae.model import ModelConfig
from openmm_cgvae.model.graphs import GraphBatch, MoleculeGraph
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.frames import Frames, block_split
from openmm_cgvae.training.config import TrainingConfig

# No bond is this long [A]; in a molecule cut by the box one is.
TOO_LONG = 5.0


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingData:
    """Frames with their beads, split in blocks of time."""

    atom_positions: Float[Tensor, "n_frames n_atoms 3"]
    bead_positions: Float[Tensor, "n_frames n_beads 3"]
    train: np.ndarray
    validation: np.ndarray
    batch_size: int
    seed: int
    graph: MoleculeGraph | None = None

    @classmethod
    def prepare(
        cls,
        frames: Frames,
        atom_table: AtomTable,
        mapping: Mapping,
        model_config: ModelConfig,
        config: TrainingConfig,
    ) -> "TrainingData":
        """Map and split the frames; see `train` for the errors."""
        if mapping.n_atoms != frames.n_atoms:
            raise ValueError(
                f"`mapping` maps {mapping.n_atoms} atoms but the frames have "
                f"{frames.n_atoms}; make both from the same atoms"
            )
        positions = frames.positions
        _check_whole(torch.from_numpy(positions), atom_table)
        if model_config.methyl_labels == "canonical":
            positions, _ = LabelSymmetry.of(atom_table, mapping).canonical(positions)
        beads = torch.from_numpy(mapping.project(positions))
        # Far from the origin float32 loses digits, so each frame is centred.
        centre = beads.mean(1, keepdim=True)
        split = block_split(frames.n_frames, config.n_folds, config.fold)
        return cls(
            atom_positions=torch.from_numpy(positions) - centre,
            bead_positions=beads - centre,
            train=split.train,
            validation=split.validation,
            batch_size=config.batch_size,
            seed=config.seed,
        )

    def normalised(self, config: ModelConfig) -> ModelConfig:
        """Set the degrees the sums are divided by from the data, if it is asked."""
        if not config.normalises_sums:
            return config
        some = self.train[:: max(1, len(self.train) // 64)]
        n_atoms, n_beads = self.atom_positions.shape[1], self.bead_positions.shape[1]
        degrees = [
            max(1.0, float((torch.cdist(x, x) < cutoff).sum()) / x[..., 0].numel() - 1)
            for x, cutoff in (
                (self.atom_positions[some], config.atom_cutoff),
                (self.bead_positions[some], config.bead_cutoff),
            )
        ]
        return replace(
            config,
            atom_degree=degrees[0],
            bead_degree=degrees[1],
            pool_degree=max(1.0, n_atoms / n_beads),
        )

    def batches(
        self, which: np.ndarray, epoch: int | None, rank: int = 0, n_ranks: int = 1
    ) -> "Batches":
        """Give the batches of an epoch; in order where epoch is None."""
        return Batches(self, which, epoch, rank, n_ranks)


class Batches:
    """The batches of one epoch, shuffled by seed and epoch alone.

    Of several processes each has every ``n_ranks``-th frame of every batch, so all have
    the same number of batches of the same size; where frames are missing for that, the
    first of the batch come twice.
    """

    def __init__(
        self,
        data: TrainingData,
        which: np.ndarray,
        epoch: int | None,
        rank: int = 0,
        n_ranks: int = 1,
    ) -> None:
        self.data, self.which, self.epoch = data, which, epoch
        self.rank, self.n_ranks = rank, n_ranks

    def __len__(self) -> int:
        """Count the batches."""
        return -(-len(self.which) // self.data.batch_size)

    def __iter__(self) -> Iterator[GraphBatch]:
        """Give one batch after another."""
        order = self.which
        if self.epoch is not None:
            order = np.random.default_rng((self.data.seed, self.epoch)).permutation(
                order
            )
        graph = self.data.graph
        if graph is None:
            raise ValueError("`data` has no graph yet; set it from the model")
        for start in range(0, len(order), self.data.batch_size):
            chosen = order[start : start + self.data.batch_size]
            n_each = -(-len(chosen) // self.n_ranks)
            dealt = np.resize(chosen, n_each * self.n_ranks)[self.rank :: self.n_ranks]
            rows = torch.from_numpy(dealt)
            yield graph.batch(
                self.data.bead_positions[rows], self.data.atom_positions[rows]
            )


def _check_whole(
    positions: Float[Tensor, "n_frames n_atoms 3"], atom_table: AtomTable
) -> None:
    first, second = torch.tensor(atom_table.bonds).T
    n_read = 0
    for part in positions.split(4096):
        lengths = torch.linalg.vector_norm(part[:, first] - part[:, second], dim=-1)
        is_cut = ~(lengths < TOO_LONG).all(1)
        if is_cut.any():
            frame = n_read + int(is_cut.nonzero()[0, 0])
            raise ValueError(
                f"`frames` has a bond of {lengths.max():.1f} A, first in frame "
                f"{frame}; make the molecule whole, with "
                "MDAnalysis.transformations.unwrap for instance"
            )
        n_read += len(part)
