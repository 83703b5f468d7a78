"""Frames: the positions of a molecule over time, and honest ways to split them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.label_symmetry import EquivalentGroup, flip_labels
from openmm_cgvae.molecules import AtomTable


@dataclass(frozen=True, eq=False)
class Frames:
    """Whole-molecule positions of many frames as one tensor.

    Parameters
    ----------
    positions : Tensor, shape (n_frames, n_atoms, 3)
        Positions [A], float32.
    source : str
        Where they came from, for the record.
    """

    positions: Float[Tensor, "n_frames n_atoms 3"]
    source: str = ""

    @classmethod
    def from_universe(
        cls,
        atoms: "mda.Universe | mda.AtomGroup",
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> "Frames":
        """Read frames of a trajectory into memory.

        Parameters
        ----------
        atoms : MDAnalysis.Universe or AtomGroup
            Which atoms to read.
        start, stop, step : int, optional
            Which frames, as in a slice.

        Returns
        -------
        Frames
            The frames, atoms in the order of the group.

        Raises
        ------
        ValueError
            If there are no atoms or no frames, or a position is not a number.

        Notes
        -----
        The universe stays at the frame it was at.
        """
        group = atoms.atoms
        if not len(group):
            raise ValueError("`atoms` is empty; select the atoms of a molecule")
        try:
            trajectory = group.universe.trajectory
        except AttributeError as error:
            raise ValueError(
                "`atoms` has no trajectory; load one with universe.load_new first"
            ) from error
        here = trajectory.frame
        # Not by `timeseries`: that of universes in memory includes `stop`.
        parts = [group.positions for _ in trajectory[slice(start, stop, step)]]
        trajectory[here]
        positions = np.array(parts, dtype=np.float32)
        if not len(positions):
            raise ValueError(
                f"`atoms` gives no frames for start={start}, stop={stop}, step={step} "
                f"of {trajectory.n_frames}; choose frames that exist"
            )
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=(1, 2)))
        if len(bad):
            raise ValueError(
                f"`atoms` has positions that are not numbers in {len(bad)} frames, "
                f"first in frame {bad[0]} of those read; mend or leave out the frame"
            )
        name = Path(str(trajectory.filename)).name if trajectory.filename else "memory"
        return cls(torch.from_numpy(positions), source=name)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.positions)

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return self.positions.shape[1]


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


def interchangeable_rotors(atom_table: AtomTable, mapping: Mapping) -> np.ndarray:
    """Find the rotors whose hydrogens can trade labels without moving a bead.

    Parameters
    ----------
    atom_table : AtomTable
        The atoms.
    mapping : Mapping
        Their beads.

    Returns
    -------
    ndarray of int, shape (n_rotors, 6)
        Those rows of ``atom_table.rotors`` whose three hydrogens are in one bead and
        have one weight.

    Examples
    --------
    >>> ethane = AtomTable(
    ...     names=("C1", "C2", "H1", "H2", "H3", "H4", "H5", "H6"),
    ...     atomic_numbers=[6, 6, 1, 1, 1, 1, 1, 1], masses=[12, 12, 1, 1, 1, 1, 1, 1],
    ...     residue_of_atom=[0] * 8, residue_names=("ETH",), residue_ids=(1,),
    ...     insertion_codes=("",), chain_ids=("A",), stereocentres=[],
    ...     bonds=[[0, 1], [0, 2], [0, 3], [0, 4], [1, 5], [1, 6], [1, 7]],
    ... )
    >>> len(interchangeable_rotors(ethane, Mapping([0] * 8)))
    2
    >>> len(interchangeable_rotors(ethane, Mapping([0, 0, 0, 0, 1, 1, 1, 1])))
    1
    """
    rotors = atom_table.rotors
    hydrogens = rotors[:, 3:]
    beads = mapping.bead_of_atom[hydrogens]
    weights = mapping.weights[hydrogens]
    is_one = (beads == beads[:, :1]) & np.isclose(weights, weights[:, :1], atol=0)
    return rotors[is_one.all(1)]


def canonical_labels(
    positions: Float[Tensor, "n_frames n_atoms 3"],
    rotors: np.ndarray,
    flips: Sequence[EquivalentGroup] = (),
) -> tuple[Float[Tensor, "n_frames n_atoms 3"], np.ndarray]:
    """Turn the labels of methyls, and of flat groups, to a standard place.

    The three hydrogens are the same to physics, so a trajectory holds three copies
    of each conformation that differ by labels alone. Turning the labels (never
    swapping two: that would be a mirror image) so that the first hydrogen is the
    one most nearly trans to the rotor's reference atom removes the copies.

    Parameters
    ----------
    positions : Tensor, shape (n_frames, n_atoms, 3)
        Positions [A].
    rotors : ndarray of int, shape (n_rotors, 6)
        Which hydrogens turn, as `interchangeable_rotors` gives them.
    flips : sequence of EquivalentGroup
        Which groups flip, as `flips.interchangeable_flips` gives them.

    Returns
    -------
    positions : Tensor, shape (n_frames, n_atoms, 3)
        Positions with standard labels [A].
    order : ndarray of int, shape (n_frames, n_atoms)
        ``order[f, i]`` is the atom whose position atom ``i`` took.
    """
    frames = positions.numpy().astype(np.float64)
    order = flip_labels(frames, flips)
    rows = np.arange(len(frames))[:, None]
    for reference, neighbour, centre, *hydrogens in rotors.tolist():
        axis = frames[:, centre] - frames[:, neighbour]
        axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
        arm = frames[:, reference] - frames[:, neighbour]
        arm -= (arm * axis).sum(-1, keepdims=True) * axis
        spokes = frames[:, hydrogens] - frames[:, [centre]]
        # Trans means the spoke points away from the reference's arm.
        first = (spokes * arm[:, None]).sum(-1).argmin(-1)
        turned = np.array(hydrogens)[(first[:, None] + np.arange(3)) % 3]
        order[:, hydrogens] = turned
    return torch.from_numpy(positions.numpy()[rows, order]), order
