"""Atoms from beads as arrays: batched, seeded, with the beads kept exactly."""

import operator
from typing import SupportsIndex

import numpy as np
import torch
from scipy.special import ndtri

from openmm_cgvae.frames import canonical_labels, interchangeable_rotors
from openmm_cgvae.model import CGVAE

# Constants of the SplitMix64 generator (Steele, Lea and Flood, OOPSLA 2014).
GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)

N_SEEDS = 2**63


class Sampler:
    """Run a model over many frames in batches.

    Parameters
    ----------
    model : CGVAE
        A model with a molecule.
    batch_size : int
        Structures decoded at once; the result does not depend on it.

    Raises
    ------
    ValueError
        If ``batch_size`` is less than one.
    """

    def __init__(self, model: CGVAE, batch_size: int = 256) -> None:
        if batch_size < 1:
            raise ValueError(f"`batch_size` is {batch_size} but must be at least 1")
        self.model = model.eval()
        self.graph = model.graph()
        self.batch_size = batch_size
        # Only labels that can be turned with the beads kept.
        self.rotors = np.empty((0, 6), dtype=np.int64)
        if model.config.methyl_labels == "canonical":
            self.rotors = interchangeable_rotors(model.atom_table, model.mapping)

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
            Bead centres [A].
        frames : ndarray of int, shape (n_frames,)
            Numbers of the frames, for the noise.
        n : int
            Samples of each frame.
        seed : int
            Seed, at least 0 and less than 2**63.

        Returns
        -------
        ndarray, shape (n_frames, n, n_atoms, 3)
            Atom positions [A], float64.

        Raises
        ------
        ValueError
            If the seed is not possible.
        """
        seed = _checked_seed(seed)
        frames = np.asarray(frames)
        beads = np.asarray(bead_positions, dtype=np.float64)
        rows = np.repeat(np.arange(len(beads)), n)
        copies = np.tile(np.arange(n), len(beads))
        noise_shape = (self.graph.n_beads, self.model.config.n_channels)
        parts = []
        for start in range(0, len(rows), self.batch_size):
            chosen = slice(start, start + self.batch_size)
            key = (frames[rows[chosen]], copies[chosen])
            noise = torch.from_numpy(normal_noise(seed, *key, noise_shape))
            parts.append(self._decode(beads[rows[chosen]], noise))
        atoms = np.concatenate(parts) if parts else np.empty((0, self.graph.n_atoms, 3))
        if len(self.rotors):
            atoms = self._random_labels(atoms, seed, frames[rows], copies)
        return atoms.reshape(len(beads), n, self.graph.n_atoms, 3)

    def reconstruct(self, positions: np.ndarray) -> np.ndarray:
        """Encode structures and decode the mean of the posterior.

        Where the model learned standard methyl labels, the labels are turned before
        encoding and turned back after decoding.

        Parameters
        ----------
        positions : ndarray, shape (n_frames, n_atoms, 3)
            Atom positions [A].

        Returns
        -------
        ndarray, shape (n_frames, n_atoms, 3)
            What the model makes of them [A].
        """
        given = torch.from_numpy(np.asarray(positions, dtype=np.float64))
        labelled, order = canonical_labels(given, self.rotors)
        made = np.empty(labelled.shape)
        for start in range(0, len(made), self.batch_size):
            chosen = slice(start, start + self.batch_size)
            made[chosen] = self._encode_decode(labelled[chosen].numpy())
        back = np.empty_like(made)
        back[np.arange(len(back))[:, None], order] = made
        return back

    def _encode_decode(self, atoms: np.ndarray) -> np.ndarray:
        beads = self.model.mapping.project(atoms)
        centre = beads.mean(1, keepdims=True)
        batch = self.graph.batch(
            torch.from_numpy((beads - centre).astype(np.float32)),
            torch.from_numpy((atoms - centre).astype(np.float32)),
        )
        with torch.inference_mode():
            made = self.model.decode(batch, self.model.encoder(batch).mean)
        return self._exact(made, beads, centre)

    def _decode(self, beads: np.ndarray, noise: torch.Tensor) -> np.ndarray:
        centre = beads.mean(1, keepdims=True)
        batch = self.graph.batch(torch.from_numpy((beads - centre).astype(np.float32)))
        with torch.inference_mode():
            made = self.model.sample(batch, noise.flatten(0, 1))
        return self._exact(made, beads, centre)

    def _exact(
        self, made: torch.Tensor, beads: np.ndarray, centre: np.ndarray
    ) -> np.ndarray:
        """Recentre in float64, so that the beads are kept far from the origin too."""
        atoms = made.double().numpy().reshape(len(beads), -1, 3) + centre
        mapping = self.model.mapping
        return atoms + mapping.lift(beads - mapping.project(atoms))

    def _random_labels(
        self, atoms: np.ndarray, seed: int, frames: np.ndarray, copies: np.ndarray
    ) -> np.ndarray:
        """Turn each rotor's labels by 0, 1 or 2 places: all three are as likely."""
        order = np.tile(np.arange(atoms.shape[1]), (len(atoms), 1))
        # Another stream than the latents': the complement of a seed is no seed.
        raw = random_bits(~np.uint64(seed), frames, copies, len(self.rotors))
        for rotor, turns in zip(self.rotors, (raw % np.uint64(3)).T, strict=True):
            places = (np.arange(3) + turns.astype(np.int64)[:, None]) % 3
            order[:, rotor[3:]] = rotor[3:][places]
        return atoms[np.arange(len(atoms))[:, None], order]


def random_bits(
    seed: int | np.uint64, frames: np.ndarray, copies: np.ndarray, n_values: int
) -> np.ndarray:
    """Give random bits that depend on seed, frame and copy alone.

    A counter is mixed instead of a state being advanced, so all frames are drawn at
    once and in any order.

    Parameters
    ----------
    seed : int
        Seed.
    frames, copies : ndarray of int, shape (n,)
        Which frame and which sample of it.
    n_values : int
        Values for each.

    Returns
    -------
    ndarray of uint64, shape (n, n_values)
        Random bits.

    Examples
    --------
    >>> several = random_bits(1, np.array([4, 5]), np.array([0, 0]), 3)
    >>> alone = random_bits(1, np.array([5]), np.array([0]), 3)
    >>> bool((several[1] == alone[0]).all())
    True
    """
    with np.errstate(over="ignore"):
        stream = _mixed(np.asarray([seed], dtype=np.uint64) + GOLDEN_GAMMA)
        stream = _mixed(stream + np.asarray(frames, dtype=np.uint64) * GOLDEN_GAMMA)
        stream = _mixed(stream + np.asarray(copies, dtype=np.uint64) * GOLDEN_GAMMA)
        steps = np.arange(1, n_values + 1, dtype=np.uint64) * GOLDEN_GAMMA
        return _mixed(stream[:, None] + steps)


def normal_noise(
    seed: int, frames: np.ndarray, copies: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Give standard normal noise that depends on seed, frame and copy alone.

    Parameters
    ----------
    seed : int
        Seed.
    frames, copies : ndarray of int, shape (n,)
        Which frame and which sample of it.
    shape : tuple of int
        Shape of the noise of one sample.

    Returns
    -------
    ndarray, shape (n, *shape)
        Noise, float32.
    """
    bits = random_bits(seed, frames, copies, int(np.prod(shape)))
    uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return ndtri(uniform).astype(np.float32).reshape(-1, *shape)


def _checked_seed(seed: SupportsIndex) -> int:
    try:
        number = -1 if isinstance(seed, bool) else operator.index(seed)
    except TypeError:
        number = -1
    if not 0 <= number < N_SEEDS:
        raise ValueError(
            f"`seed` is {seed!r} but must be a whole number of at least 0 and less "
            "than 2**63"
        )
    return number


def _mixed(bits: np.ndarray) -> np.ndarray:
    bits = (bits ^ (bits >> np.uint64(30))) * MIX_1
    bits = (bits ^ (bits >> np.uint64(27))) * MIX_2
    return bits ^ (bits >> np.uint64(31))
