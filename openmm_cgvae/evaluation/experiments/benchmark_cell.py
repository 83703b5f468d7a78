"""The folder of a cell of a benchmark: its files, and the order of its frames."""

import numpy as np

from openmm_cgvae.molecules.frames import Frames

__all__ = [
    "CELLS",
    "MAPPING",
    "MODEL",
    "RESULT",
    "RUN",
    "SETTINGS",
    "frames_in_order",
]

# Every cell has a folder in this one, with these files and the folder of its training.
CELLS = "cells"
SETTINGS, MODEL, MAPPING, RUN = "settings.json", "model.cgvae", "mapping.json", "run"
RESULT = "result.json"


def frames_in_order(frames: Frames, split: str, seed: int) -> Frames:
    """Return frames in the order in which they are split into blocks.

    Parameters
    ----------
    frames : Frames
        The trajectory.
    split : {"block", "random"}
        Blocks of frames in a random order are frames at random.
    seed : int
        Seed of that order.

    Returns
    -------
    Frames
        The same frames.

    Examples
    --------
    >>> frames = Frames(np.arange(6.0).reshape(2, 1, 3))
    >>> frames_in_order(frames, "block", 0) is frames
    True
    """
    if split == "block":
        return frames
    order = np.random.default_rng(seed).permutation(frames.n_frames)
    return Frames(frames.positions[order], source=frames.source)
