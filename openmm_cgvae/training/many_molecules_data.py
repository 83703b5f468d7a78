"""MolecularDataset: frames of many molecules, in batches of about as many beads."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from openmm_cgvae._runtime.deprecations import warn_of_old_name
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.label_symmetry import LabelSymmetry
from openmm_cgvae.model import ModelConfig
from openmm_cgvae.model.graphs import (
    GraphBatch,
    MoleculeGraph,
    atom_types_of,
    collate,
)
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.training.config import TrainingConfig
from openmm_cgvae.training.dataset import TrainingDataset

__all__ = ["MolecularDataset", "TrainingMolecule"]

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
        Its frames, the molecule whole [Å].
    is_validation : bool
        Whether it is held out to choose the best epoch by.
    """

    atom_table: AtomTable
    mapping: Mapping
    positions: np.ndarray
    is_validation: bool = False

    def with_canonical_labels(self) -> "TrainingMolecule":
        """Permute symmetry-equivalent atoms to the canonical order."""
        symmetry = LabelSymmetry.of(self.atom_table, self.mapping)
        positions, _ = symmetry.canonical(self.positions)
        return replace(self, positions=positions)

    def with_standard_labels(self) -> "TrainingMolecule":
        """Return `with_canonical_labels`, by its name of version 0.1."""
        warn_of_old_name("with_standard_labels", "with_canonical_labels")
        return self.with_canonical_labels()


@dataclass(frozen=True, eq=False, kw_only=True)
class MolecularDataset(TrainingDataset):
    """Frames of many molecules with their beads.

    Parameters
    ----------
    train, validation : ndarray of int, shape (n, 2)
        Indices of molecules, and of their frames.
    batch_size : int
        Beads of a batch, about: frames are taken in turn until a batch has so many, so
        that batches are about as much work whatever the sizes of the molecules. Of
        several processes each has every ``n_ranks``-th batch; the last ones are left
        out if they do not go round.
    graphs : list of MoleculeGraph
        The molecules.
    atoms, beads : list of Tensor, shape (n_frames, n, 3)
        Positions, each frame centred on its beads [Å].
    """

    graphs: list[MoleculeGraph]
    atoms: list[Float[Tensor, "_ _ 3"]] = field(repr=False)
    beads: list[Float[Tensor, "_ _ 3"]] = field(repr=False)

    @classmethod
    def prepare(
        cls,
        molecules: Sequence[TrainingMolecule],
        model_config: ModelConfig,
        config: TrainingConfig,
    ) -> "MolecularDataset":
        """Map the frames of every molecule to beads.

        Parameters
        ----------
        molecules : sequence of TrainingMolecule
            The molecules.
        model_config : ModelConfig
            Says what the types of their atoms are.
        config : TrainingConfig
            Has batch size and seed.

        Returns
        -------
        MolecularDataset
            The data.
        """
        words = {
            word
            for molecule in molecules
            for word in atom_types_of(molecule.atom_table, model_config.atom_types)
        }
        graphs, atoms, beads = [], [], []
        nothing = np.empty((0, 2), dtype=np.int64)
        rows: dict[bool, list[np.ndarray]] = {True: [nothing], False: [nothing]}
        for index, molecule in enumerate(molecules):
            graphs.append(
                MoleculeGraph.from_records(
                    molecule.atom_table, molecule.mapping, sorted(words)
                )
            )
            positions = molecule.positions.astype(np.float64)
            centres = molecule.mapping.project(positions)
            middle = centres.mean(1, keepdims=True)
            # Far from the origin float32 loses digits.
            atoms.append(torch.from_numpy((positions - middle).astype(np.float32)))
            beads.append(torch.from_numpy((centres - middle).astype(np.float32)))
            frames = np.arange(len(positions))
            rows[molecule.is_validation].append(
                np.column_stack([np.full_like(frames, index), frames])
            )
        return cls(
            train=np.concatenate(rows[False]),
            validation=np.concatenate(rows[True]),
            vocabulary=sorted(words),
            batch_size=config.batch_size,
            seed=config.seed,
            n_frames=sum(len(molecule.positions) for molecule in molecules),
            identity={
                "n_molecules": len(molecules),
                "frames_sha256": _digest(molecules),
            },
            graphs=graphs,
            atoms=atoms,
            beads=beads,
        )

    def parts(self, frames: np.ndarray, rank: int, n_ranks: int) -> list[np.ndarray]:
        """Return molecules and frames of every batch of one process."""
        sizes = np.array([graph.n_beads for graph in self.graphs])[frames[:, 0]]
        # As many batches in every epoch, so that schedules know how many there are.
        n_batches = max(1, round(sizes.sum() / self.batch_size))
        n_batches = max(n_ranks, n_batches - n_batches % n_ranks)
        ends = np.searchsorted(
            np.cumsum(sizes), sizes.sum() * np.arange(1, n_batches) / n_batches
        )
        parts = np.split(frames, ends)
        return [part for part in parts if len(part)][rank::n_ranks]

    def collate(self, frames: np.ndarray) -> GraphBatch:
        """Build a batch in which the atoms of all molecules count alike."""
        rows = frames.tolist()
        return collate(
            [self.graphs[molecule] for molecule, _ in rows],
            [self.beads[molecule][frame] for molecule, frame in rows],
            [self.atoms[molecule][frame] for molecule, frame in rows],
            is_pooled=True,
        )

    def mean_degrees(self, config: ModelConfig) -> dict[str, float]:
        """Compute the mean numbers of neighbours of beads, and of atoms of a bead."""
        step = max(1, len(self.train) // N_SAMPLED)
        n_beads = n_atoms = n_neighbours = 0
        for molecule, frame in self.train[::step].tolist():
            beads = self.beads[molecule][frame]
            n_neighbours += int((torch.cdist(beads, beads) < config.bead_cutoff).sum())
            n_beads += len(beads)
            n_atoms += self.graphs[molecule].n_atoms
        return {
            "bead_degree": max(1.0, n_neighbours / n_beads - 1),
            "pool_degree": max(1.0, n_atoms / n_beads),
        }


def _digest(molecules: Sequence[TrainingMolecule]) -> str:
    """Return a hash of all positions and mappings."""
    digest = hashlib.sha256()
    for molecule in molecules:
        digest.update(molecule.positions.tobytes())
        digest.update(json.dumps(molecule.mapping.to_dict()).encode())
    return digest.hexdigest()
