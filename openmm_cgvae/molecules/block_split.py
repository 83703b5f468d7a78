"""Block split: blocks of time of a trajectory to train on, to validate and to test."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Split", "block_split"]


@dataclass(frozen=True, eq=False)
class Split:
    """Frame indices for training, validation and test; int arrays, rising."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def block_split(
    n_frames: int, n_folds: int = 5, fold: int = 0, n_blocks: int | None = None
) -> Split:
    """Split a trajectory into whole blocks of time.

    Neighbouring frames are nearly the same structure, so a random split tests a
    model on what it has seen. Here the trajectory is cut into equal blocks of time;
    every ``n_folds``-th block is held out for the test, and half a block in front of
    each test block is held out for validation.

    Parameters
    ----------
    n_frames : int
        Number of frames.
    n_folds : int
        One block in so many is for the test.
    fold : int
        Which of them, ``0 <= fold < n_folds``.
    n_blocks : int, optional
        Number of blocks; four for every fold by default.

    Returns
    -------
    Split
        The three sets of frames; they do not overlap and together are all frames.

    Raises
    ------
    ValueError
        If the numbers do not fit together.

    Examples
    --------
    >>> split = block_split(100, n_folds=5, n_blocks=5, fold=1)
    >>> split.test.tolist() == list(range(20, 40))
    True
    >>> len(split.train), len(split.validation), len(split.test)
    (70, 10, 20)
    """
    n_blocks = 4 * n_folds if n_blocks is None else n_blocks
    if n_folds < 2 or not 0 <= fold < n_folds:
        raise ValueError(
            f"`fold` is {fold} of {n_folds} but must be at least 0 and less than "
            "`n_folds`, which must be at least 2"
        )
    if n_blocks < n_folds or n_frames < 2 * n_blocks:
        raise ValueError(
            f"`n_frames` is {n_frames} for {n_blocks} blocks and {n_folds} folds; "
            "there must be a block for every fold and two frames for every block"
        )
    edges = np.arange(n_blocks + 1) * n_frames // n_blocks
    role = np.zeros(n_frames, dtype=np.int64)
    for block in range(fold, n_blocks, n_folds):
        begin, end = edges[block], edges[block + 1]
        role[begin:end] = 2
        before = (block - 1) % n_blocks
        half = (edges[before] + edges[before + 1]) // 2
        role[half : edges[before + 1]] = 1
    return Split(*(np.flatnonzero(role == which) for which in range(3)))
