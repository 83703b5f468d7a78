"""MolecularDataset: frames of unlike molecules, handed out in batches of like size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.label_symmetry import LabelSymmetry
from openmm_cgvae.model import ModelConfig
from openmm_cgvae.model.graphs import GraphBatch, MoleculeGraph, collate
from openmm_cgvae.molecules import AtomTable

N_SAMPLED = 256  # frames that the degrees of a model are taken from


@dataclass(frozen=True, eq=False)
class TrainingMolecule:
    """One of many molecules to train on.

    Parameters
    ----------
    atom_table : AtomTable
        Its atoms.
    mapping : Mapping
        Its beads.
    positions : ndarray, shape (n_frames, n_atoms, 3)
        Its frames, the molecule whole [A].
    is_validation : bool
        Whether it is held out to choose the best epoch by.
    """

    atom_table: AtomTable
    mapping: Mapping
    positions: np.ndarray
    is_validation: bool = False

    def with_standard_labels(self) -> "TrainingMolecule":
        """Permute symmetry-equivalent atoms to the canonical order."""
        symmetry = LabelSymmetry.of(self.atom_table, self.mapping)
        positions, _ = symmetry.canonical(self.positions)
        return replace(self, positions=positions)


@dataclass(frozen=True, eq=False)
class MolecularDataset:
    """Frames of many molecules with their beads; a frame is (molecule, number).

    Parameters
    ----------
    graphs : list of MoleculeGraph
        The molecules.
    atoms, beads : list of Tensor, shape (n_frames, n, 3)
        Positions, each frame centred on its beads [A].
    train, validation : ndarray of int, shape (n, 2)
        Molecules and frames.
    beads_per_batch : int
        Beads of a batch, about.
    seed : int
        Seed of the order.
    """

    graphs: list[MoleculeGraph]
    atoms: list[Float[Tensor, "_ _ 3"]] = field(repr=False)
    beads: list[Float[Tensor, "_ _ 3"]] = field(repr=False)
    train: np.ndarray
    validation: np.ndarray
    beads_per_batch: int
    seed: int

    @classmethod
    def prepare(
        cls,
        molecules: Sequence[TrainingMolecule],
        vocabulary: Sequence[str],
        beads_per_batch: int,
        seed: int,
    ) -> "MolecularDataset":
        """Map the frames of every molecule.

        Parameters
        ----------
        molecules : sequence of TrainingMolecule
            The molecules.
        vocabulary : sequence of str
            Atom types of the model.
        beads_per_batch, seed : int
            See the class.

        Returns
        -------
        MolecularDataset
            The data.
        """
        graphs, atoms, beads = [], [], []
        which: dict[bool, list[np.ndarray]] = {True: [], False: []}
        for number, molecule in enumerate(molecules):
            graphs.append(
                MoleculeGraph.from_records(
                    molecule.atom_table, molecule.mapping, vocabulary
                )
            )
            positions = molecule.positions.astype(np.float64)
            centres = molecule.mapping.project(positions)
            middle = centres.mean(1, keepdims=True)
            # Far from the origin float32 loses digits.
            atoms.append(torch.from_numpy((positions - middle).astype(np.float32)))
            beads.append(torch.from_numpy((centres - middle).astype(np.float32)))
            frames = np.arange(len(positions))
            rows = np.column_stack([np.full_like(frames, number), frames])
            which[molecule.is_validation].append(rows)
        nothing = np.empty((0, 2), dtype=np.int64)
        train, validation = (
            np.concatenate([nothing, *which[part]]) for part in (False, True)
        )
        return cls(graphs, atoms, beads, train, validation, beads_per_batch, seed)

    def normalised(self, config: ModelConfig) -> ModelConfig:
        """Set the degrees the sums are divided by from the data, if it is asked."""
        if not config.normalises_sums:
            return config
        step = max(1, len(self.train) // N_SAMPLED)
        n_beads = n_atoms = n_neighbours = 0
        for molecule, frame in self.train[::step].tolist():
            beads = self.beads[molecule][frame]
            n_neighbours += int((torch.cdist(beads, beads) < config.bead_cutoff).sum())
            n_beads += len(beads)
            n_atoms += self.graphs[molecule].n_atoms
        return replace(
            config,
            bead_degree=max(1.0, n_neighbours / n_beads - 1),
            pool_degree=max(1.0, n_atoms / n_beads),
        )

    def batches(
        self, which: np.ndarray, epoch: int | None, rank: int = 0, n_ranks: int = 1
    ) -> "ManyBatches":
        """Give the batches of an epoch; in order where epoch is None."""
        return ManyBatches(self, which, epoch, rank, n_ranks)


class ManyBatches:
    """The batches of one epoch, shuffled by seed and epoch alone.

    Frames are taken in turn until a batch has its number of beads, so batches hold
    about as much work whatever the sizes of the molecules. Of several processes each
    has every ``n_ranks``-th batch; the last ones are left out if they do not go round.
    """

    def __init__(
        self,
        data: MolecularDataset,
        which: np.ndarray,
        epoch: int | None,
        rank: int = 0,
        n_ranks: int = 1,
    ) -> None:
        self.data = data
        sizes = np.array([graph.n_beads for graph in data.graphs])[which[:, 0]]
        # As many batches in every epoch, so that schedules know how many there are.
        n_batches = max(1, round(sizes.sum() / data.beads_per_batch))
        n_batches = max(n_ranks, n_batches - n_batches % n_ranks)
        if epoch is not None:
            order = np.random.default_rng((data.seed, epoch)).permutation(len(which))
            which, sizes = which[order], sizes[order]
        ends = np.searchsorted(
            np.cumsum(sizes), sizes.sum() * np.arange(1, n_batches) / n_batches
        )
        parts = np.split(which, ends)
        self.parts = [part for part in parts if len(part)][rank::n_ranks]

    def __len__(self) -> int:
        """Count the batches."""
        return len(self.parts)

    def __iter__(self) -> Iterator[GraphBatch]:
        """Give one batch after another."""
        data = self.data
        for part in self.parts:
            rows = part.tolist()
            yield collate(
                [data.graphs[molecule] for molecule, _ in rows],
                [data.beads[molecule][frame] for molecule, frame in rows],
                [data.atoms[molecule][frame] for molecule, frame in rows],
                is_pooled=True,
            )
