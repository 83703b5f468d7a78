"""TrainingDataset: what training asks of its frames, and Batches of them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from openmm_cgvae.model import ModelConfig
from openmm_cgvae.model.graphs import GraphBatch

__all__ = ["Batches", "TrainingDataset"]


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainingDataset(ABC):
    """Frames of molecules with their beads, some held out for validation.

    Parameters
    ----------
    train, validation : ndarray of int
        The frames to train on and those held out, one a row; what a row says of its
        frame is up to the subclass.
    vocabulary : list of str
        Atom types of the molecules.
    batch_size : int
        How much a batch holds; of what is up to the subclass.
    seed : int
        Seed of the order of the frames.
    n_frames : int
        Number of all frames that were read.
    identity : dict
        What tells these frames from others, in plain JSON types: a run is continued
        with the same ones alone.
    """

    train: np.ndarray
    validation: np.ndarray
    vocabulary: list[str]
    batch_size: int
    seed: int
    n_frames: int
    identity: dict[str, Any]

    @abstractmethod
    def parts(self, frames: np.ndarray, rank: int, n_ranks: int) -> list[np.ndarray]:
        """Return the frames of every batch of one process.

        Parameters
        ----------
        frames : ndarray of int
            Rows of ``train`` or ``validation``, in the order they are seen in.
        rank, n_ranks : int
            Which process, and how many there are.

        Returns
        -------
        list of ndarray
            Rows of ``frames``; as many batches in every process and epoch.
        """

    @abstractmethod
    def collate(self, frames: np.ndarray) -> GraphBatch:
        """Build one batch.

        Parameters
        ----------
        frames : ndarray of int
            One of `parts`.

        Returns
        -------
        GraphBatch
            Beads and atoms of these frames.
        """

    @abstractmethod
    def mean_degrees(self, config: ModelConfig) -> dict[str, float]:
        """Compute mean numbers of neighbours.

        Parameters
        ----------
        config : ModelConfig
            Has the cutoffs.

        Returns
        -------
        dict of str to float
            By the fields of `ModelConfig` that messages are divided by.
        """

    def normalised(self, config: ModelConfig) -> ModelConfig:
        """Return a config with the degrees of these frames, if it asks for them.

        Parameters
        ----------
        config : ModelConfig
            The settings.

        Returns
        -------
        ModelConfig
            The same, or with the `mean_degrees` where it ``normalises_sums``.
        """
        if not config.normalises_sums:
            return config
        degrees: dict[str, Any] = {**self.mean_degrees(config)}
        return replace(config, **degrees)

    def batches(
        self, frames: np.ndarray, epoch: int | None, rank: int = 0, n_ranks: int = 1
    ) -> "Batches":
        """Return the batches of an epoch, shuffled by seed and epoch alone.

        Parameters
        ----------
        frames : ndarray of int
            ``train`` or ``validation``, or some rows of them.
        epoch : int, optional
            The epoch; None for the frames as they are.
        rank, n_ranks : int
            Which of several processes asks, and how many there are.

        Returns
        -------
        Batches
            Those of this process.
        """
        if epoch is not None:
            order = np.random.default_rng((self.seed, epoch)).permutation(len(frames))
            frames = frames[order]
        return Batches(self, self.parts(frames, rank, n_ranks), epoch)


class Batches:
    """The batches of one epoch, each built when it is asked for.

    Parameters
    ----------
    data : TrainingDataset
        The frames.
    parts : list of ndarray
        The frames of every batch.
    epoch : int, optional
        The epoch they are shuffled for.
    """

    def __init__(
        self, data: TrainingDataset, parts: list[np.ndarray], epoch: int | None = None
    ) -> None:
        self.data, self.parts, self.epoch = data, parts, epoch

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.parts)

    def __iter__(self) -> Iterator[GraphBatch]:
        """Build one batch after another."""
        for part in self.parts:
            yield self.data.collate(part)
