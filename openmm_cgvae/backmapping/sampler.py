"""Sampler: structures drawn from a model in batches, seeded, the beads kept exactly."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import SupportsIndex

import numpy as np
import torch

from openmm_cgvae._runtime.arguments import checked_count
from openmm_cgvae._runtime.threads import threads
from openmm_cgvae.backmapping.faulty_structures import redraw_faulty
from openmm_cgvae.mapping.label_symmetry import LabelSymmetry
from openmm_cgvae.model import Model
from openmm_cgvae.model.noise import (
    attempt_seeds,
    checked_seed,
    correlated_noise,
    molecule_seeds,
    normal_noise,
    random_bits,
)
from openmm_cgvae.structures.report import FaultFinder

__all__ = ["Sampler"]

# What is decoded at once should stay in the cache of a core: measured, see
# docs/speed.md.
_ATOMS_AT_ONCE = 2**16
# Beads that were to be kept are off by less in single precision [Å].
_ROUNDING = 1e-3
_LARGEST_SLACK = 1.0  # Å; farther a bead is another bead


class Sampler:
    """Draw structures of many frames from a model, in batches.

    Parameters
    ----------
    model : Model
        A model with a molecule.
    batch_size : int, optional
        Structures decoded at once; the result does not depend on it. By default as
        many as are fast.
    temperature : float
        Sampling temperature, see `Model.sample_at`: 1 draws from the model, 0 gives
        its single most likely structure.
    bead_slack : float
        How far beads may move where no atoms fit them [Å].

    Raises
    ------
    ValueError
        If ``batch_size`` is less than one, ``temperature`` is not from 0 to 1, or
        ``bead_slack`` is not from 0 to 1 or more than 0 for a model without it.
    """

    def __init__(
        self,
        model: Model,
        batch_size: int | None = None,
        temperature: float = 1.0,
        bead_slack: float = 0.0,
    ) -> None:
        if batch_size is None:
            batch_size = _fast_batch_size(model)
        self.batch_size = checked_count("batch_size", batch_size, "try 64")
        if not 0 <= temperature <= 1:
            raise ValueError(
                f"`temperature` is {temperature} but must be from 0, the most likely "
                "structure, to 1, samples as they are likely"
            )
        self.temperature = float(temperature)
        self.bead_slack = _checked_slack(bead_slack, model)
        self.model = model.eval()
        self.graph = model.graph()
        self.symmetry = LabelSymmetry()
        if model.config.methyl_labels == "canonical":
            self.symmetry = LabelSymmetry.of(model.atom_table, model.mapping)

    @cached_property
    def fault_finder(self) -> FaultFinder:
        """What finds faults in the structures of the molecule."""
        return FaultFinder(self.model.atom_table, self.model.mapping)

    def sample(
        self,
        bead_positions: np.ndarray,
        frames: np.ndarray,
        n: int,
        seed: SupportsIndex,
    ) -> np.ndarray:
        """Draw structures for every frame.

        The noise of a sample depends on the seed, the frame and the number of the
        sample alone, not on the batch it is decoded in.

        Parameters
        ----------
        bead_positions : ndarray, shape (n_frames, n_beads, 3)
            Bead centres [Å].
        frames : ndarray of int, shape (n_frames,)
            Numbers of the frames, for the noise.
        n : int
            Samples of each frame.
        seed : int
            Seed, at least 0 and less than 2**63.

        Returns
        -------
        ndarray, shape (n_frames, n, n_atoms, 3)
            Atom positions [Å], float64.

        Raises
        ------
        ValueError
            If the seed is not possible.
        """
        beads = np.asarray(bead_positions, dtype=np.float64)
        return self.sample_many(beads[:, None], frames, n, seed)[:, :, 0]

    def sample_many(
        self,
        bead_positions: np.ndarray,
        frames: np.ndarray,
        n: int,
        seed: SupportsIndex,
        correlation: float | None = None,
        *,
        redraws: bool = False,
    ) -> np.ndarray:
        """Draw structures of several molecules of one kind for every frame.

        Molecules are decoded alone: none knows of another. The noise of a sample
        depends on the seed, the frame, the number of the sample and that of the
        molecule alone.

        Parameters
        ----------
        bead_positions : ndarray, shape (n_frames, n_molecules, n_beads, 3)
            Bead centres [Å].
        frames : ndarray of int, shape (n_frames,)
            Numbers of the frames, for the noise.
        n : int
            Samples of each frame.
        seed : int
            Seed, at least 0 and less than 2**63.
        correlation : float, optional
            Latent correlation time [frames], over which the noise of a sample forgets
            itself, see `noise.correlated_noise`. By default frames are independent.
        redraws : bool
            Whether structures with faults are drawn again, see
            `faulty_structures.redraw_faulty`.

        Returns
        -------
        ndarray, shape (n_frames, n, n_molecules, n_atoms, 3)
            Atom positions [Å], float64.

        Raises
        ------
        ValueError
            If the seed is not possible.
        """
        beads = np.asarray(bead_positions, dtype=np.float64)
        n_frames, n_molecules = beads.shape[:2]
        seeds = molecule_seeds(checked_seed(seed), n_molecules)
        rows, copies, molecules = (
            index.ravel() for index in np.indices((n_frames, n, n_molecules))
        )
        frames = np.asarray(frames)[rows]
        noise_shape = (self.graph.n_beads, self.model.n_latents)
        parts = []
        # Batches of one size: a small one at the end costs nearly as much.
        n_batches = math.ceil(len(rows) / self.batch_size)
        n_each = math.ceil(len(rows) / max(1, n_batches))
        for batch in range(n_batches):
            chosen = slice(batch * n_each, (batch + 1) * n_each)
            key = (seeds[molecules[chosen]], frames[chosen], copies[chosen])
            draw = _Draw(key, noise_shape, correlation)
            chosen_beads = beads[rows[chosen], molecules[chosen]]
            noise = draw()
            made = self._decode(chosen_beads, noise)
            if redraws:
                made = redraw_faulty(
                    made, noise, chosen_beads, self.fault_finder, draw, self._decode
                )
            parts.append(made)
        atoms = np.concatenate(parts) if parts else np.empty((0, self.graph.n_atoms, 3))
        if len(self.symmetry.rotors):
            # Labels that changed from frame to frame would make hydrogens jump.
            when = frames if correlation is None else np.zeros_like(frames)
            atoms = self._random_labels(atoms, seeds[molecules], when, copies)
        return atoms.reshape(n_frames, n, n_molecules, self.graph.n_atoms, 3)

    def reconstruct(self, positions: np.ndarray) -> np.ndarray:
        """Encode structures and decode the mean of the posterior.

        Where the model learned symmetry-equivalent atoms in the canonical order, they
        are permuted to it before encoding, and back after decoding.

        Parameters
        ----------
        positions : ndarray, shape (n_frames, n_atoms, 3)
            Atom positions [Å].

        Returns
        -------
        ndarray, shape (n_frames, n_atoms, 3)
            Their reconstructions [Å].
        """
        given = np.asarray(positions, dtype=np.float64)
        labelled, order = self.symmetry.canonical(given)
        decoded = np.empty(labelled.shape)
        for start in range(0, len(decoded), self.batch_size):
            chosen = slice(start, start + self.batch_size)
            decoded[chosen] = self._encode_decode(labelled[chosen])
        return self.symmetry.undo(decoded, order)

    def _encode_decode(self, atoms: np.ndarray) -> np.ndarray:
        beads = self.model.mapping.project(atoms)
        centre = beads.mean(1, keepdims=True)
        batch = self.graph.batch(
            torch.from_numpy((beads - centre).astype(np.float32)),
            torch.from_numpy((atoms - centre).astype(np.float32)),
        )
        with threads(1), torch.inference_mode():
            decoded = self.model.reconstruct(batch)
        return self._exact(decoded, beads, centre)

    def _decode(self, beads: np.ndarray, noise: np.ndarray) -> np.ndarray:
        centre = beads.mean(1, keepdims=True)
        batch = self.graph.batch(torch.from_numpy((beads - centre).astype(np.float32)))
        with threads(1), torch.inference_mode():
            decoded = self.model.sample_at(
                batch,
                torch.from_numpy(noise).flatten(0, 1),
                self.temperature,
                self.bead_slack,
            )
        return self._exact(decoded, beads, centre, self.bead_slack)

    def _exact(
        self,
        decoded: torch.Tensor,
        beads: np.ndarray,
        centre: np.ndarray,
        slack: float = 0.0,
    ) -> np.ndarray:
        """Recentre in float64, so that the beads are kept far from the origin too."""
        atoms = decoded.double().numpy().reshape(len(beads), -1, 3) + centre
        mapping = self.model.mapping
        drift = mapping.project(atoms) - beads
        far = np.linalg.norm(drift, axis=-1, keepdims=True)
        excess = drift * np.maximum(0.0, 1 - slack / np.maximum(far, _ROUNDING))
        excess = np.where(far < _ROUNDING, drift, excess)
        return atoms - mapping.lift(excess)

    def _random_labels(
        self,
        atoms: np.ndarray,
        seed: int | np.ndarray,
        frames: np.ndarray,
        copies: np.ndarray,
    ) -> np.ndarray:
        """Permute each rotor's hydrogens by 0, 1 or 2 places, all as likely."""
        # Another stream than the latents': the complement of a seed is no seed.
        raw = random_bits(
            ~np.asarray(seed, dtype=np.uint64),
            frames,
            copies,
            len(self.symmetry.rotors),
        )
        return self.symmetry.randomised(atoms, raw)


@dataclass(frozen=True)
class _Draw:
    """The noise of a batch of structures, for any attempt to draw some of them."""

    key: tuple[np.ndarray, np.ndarray, np.ndarray]  # seeds, frames, copies
    shape: tuple[int, ...]
    correlation: float | None

    def __call__(
        self, rows: np.ndarray | slice = slice(None), attempt: int = 0
    ) -> np.ndarray:
        seeds, frames, copies = (column[rows] for column in self.key)
        key = (attempt_seeds(seeds, attempt), frames, copies)
        if self.correlation is None:
            return normal_noise(*key, self.shape)
        return correlated_noise(*key, self.shape, self.correlation)


def _fast_batch_size(model: Model) -> int:
    """Choose how many structures are decoded at once."""
    n_beads, mapping = model.beads_per_batch, model.mapping
    return max(1, min(n_beads // mapping.n_beads, _ATOMS_AT_ONCE // mapping.n_atoms))


def _checked_slack(bead_slack: float, model: Model) -> float:
    if not 0 <= bead_slack <= _LARGEST_SLACK:
        raise ValueError(
            f"`bead_slack` is {bead_slack} Å but must be from 0, beads are kept, to "
            f"{_LARGEST_SLACK:g}; try 0.5"
        )
    if bead_slack and not model.takes_bead_slack:
        raise ValueError(
            f"`bead_slack` is {bead_slack} Å but this model keeps its beads; leave it "
            "out"
        )
    return float(bead_slack)
