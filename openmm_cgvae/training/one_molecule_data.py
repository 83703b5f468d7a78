"""TrajectoryDataset: frames of one molecule, split in blocks of time."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.label_symmetry import LabelSymmetry
from openmm_cgvae.model import ModelConfig
from openmm_cgvae.model.graphs import GraphBatch, MoleculeGraph, atom_types_of
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.block_split import block_split
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.training.config import TrainingConfig
from openmm_cgvae.training.dataset import TrainingDataset

__all__ = ["TrajectoryDataset"]

# No bond is this long [Å]; in a molecule cut by the box one is.
TOO_LONG = 5.0
N_SAMPLED = 64  # frames that the degrees of a model are taken from


@dataclass(frozen=True, eq=False, kw_only=True)
class TrajectoryDataset(TrainingDataset):
    """Frames of one molecule with their beads, split in blocks of time.

    Parameters
    ----------
    train, validation : ndarray of int, shape (n,)
        Frame indices.
    batch_size : int
        Frames of a batch. Of several processes each has every ``n_ranks``-th frame of
        every batch, so that all have as many batches of the same size; where frames
        are missing for that, the first of the batch come twice.
    graph : MoleculeGraph
        The molecule.
    atom_positions, bead_positions : Tensor, shape (n_frames, n, 3)
        Positions, each frame centred on its beads [Å].
    """

    graph: MoleculeGraph
    atom_positions: Float[Tensor, "n_frames n_atoms 3"]
    bead_positions: Float[Tensor, "n_frames n_beads 3"]

    @classmethod
    def prepare(
        cls,
        frames: Frames,
        atom_table: AtomTable,
        mapping: Mapping,
        model_config: ModelConfig,
        config: TrainingConfig,
    ) -> "TrajectoryDataset":
        """Map the frames to beads and split them; see `train` for the errors."""
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
        content = frames.positions.tobytes()
        split = block_split(frames.n_frames, config.n_folds, config.fold)
        vocabulary = sorted(set(atom_types_of(atom_table, model_config.atom_types)))
        return cls(
            train=split.train,
            validation=split.validation,
            vocabulary=vocabulary,
            batch_size=config.batch_size,
            seed=config.seed,
            n_frames=frames.n_frames,
            identity={
                "mapping": mapping.to_dict(),
                "atoms": atom_table.to_dict(),
                "n_frames": frames.n_frames,
                "frames_sha256": hashlib.sha256(content).hexdigest(),
            },
            graph=MoleculeGraph.from_records(atom_table, mapping, vocabulary),
            atom_positions=torch.from_numpy(positions) - centre,
            bead_positions=beads - centre,
        )

    def parts(self, frames: np.ndarray, rank: int, n_ranks: int) -> list[np.ndarray]:
        """Return the frame indices of every batch of one process."""
        parts = []
        for start in range(0, len(frames), self.batch_size):
            chosen = frames[start : start + self.batch_size]
            n_each = -(-len(chosen) // n_ranks)
            parts.append(np.resize(chosen, n_each * n_ranks)[rank::n_ranks])
        return parts

    def collate(self, frames: np.ndarray) -> GraphBatch:
        """Build the batch of some frames."""
        rows = torch.from_numpy(frames)
        return self.graph.batch(self.bead_positions[rows], self.atom_positions[rows])

    def mean_degrees(self, config: ModelConfig) -> dict[str, float]:
        """Compute the mean numbers of neighbours of atoms and of beads."""
        some = self.train[:: max(1, len(self.train) // N_SAMPLED)]
        atoms, beads = self.atom_positions[some], self.bead_positions[some]
        return {
            "atom_degree": _mean_degree(atoms, config.atom_cutoff),
            "bead_degree": _mean_degree(beads, config.bead_cutoff),
            "pool_degree": max(1.0, atoms.shape[1] / beads.shape[1]),
        }


def _mean_degree(positions: Float[Tensor, "n_frames n 3"], cutoff: float) -> float:
    """Return the mean number of neighbours, at least one."""
    n_near = float((torch.cdist(positions, positions) < cutoff).sum())
    # Every particle is near itself.
    return max(1.0, n_near / positions[..., 0].numel() - 1)


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
