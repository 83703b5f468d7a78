r"""Coherence: how far structures move from frame to frame, against what they should.

Samples that are drawn independently jump more between frames that are close in time
than atoms do. Most of what an atom moves is its bead's motion, the same in both, so
that is taken away first: the translation of every bead, and the rotation of all of
them,

.. math::

    \delta_i = \bigl\lvert R\,(x_i' - X_{m(i)}') - (x_i - X_{m(i)}) \bigr\rvert, \quad
    R = \arg\min_R \sum_I \bigl\lvert R\,(X_I' - \bar X') - (X_I - \bar X)
    \bigr\rvert^2,

where primes mark the later frame.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import wasserstein_distance

from openmm_cgvae.mapping import Mapping

__all__ = ["Coherence", "compare_steps", "step_lengths"]

# Of the spread of the beads: decides for the least rotation where they leave a choice.
PULL_TO_NO_ROTATION = 1.0e-9


@dataclass(frozen=True, eq=False)
class Coherence:
    """Displacements between neighbouring frames, of generated and reference atoms.

    Parameters
    ----------
    generated, reference : ndarray, shape (n,)
        Displacements within the beads [Å].
    """

    generated: np.ndarray
    reference: np.ndarray

    @property
    def ratio(self) -> float:
        """Root mean square displacement, generated over reference; 1 is right."""
        squares = [np.mean(steps**2) for steps in (self.generated, self.reference)]
        return float(np.sqrt(squares[0] / squares[1]))

    @property
    def distance(self) -> float:
        """Distance of the two distributions (Wasserstein) [Å]; 0 is right."""
        return float(wasserstein_distance(self.generated, self.reference))

    def __str__(self) -> str:
        """Return the numbers in one line."""
        return (
            f"displacement between frames {np.mean(self.generated):.3f} A, reference "
            f"{np.mean(self.reference):.3f} A; ratio of root mean squares "
            f"{self.ratio:.2f}, Wasserstein distance {self.distance:.3f} A"
        )


def compare_steps(
    generated: npt.ArrayLike,
    reference: npt.ArrayLike,
    mapping: Mapping,
    atoms: npt.ArrayLike | None = None,
) -> Coherence:
    """Compare how far atoms move within their beads from frame to frame.

    Parameters
    ----------
    generated, reference : array_like, shape (n_frames, n_atoms, 3)
        Trajectories with the same time between frames [Å].
    mapping : Mapping
        The beads.
    atoms : array_like of bool or int, optional
        Which atoms to look at, such as ``atom_table.is_heavy``; by default all.
        Hydrogens of a methyl trade positions from frame to frame where frames are
        drawn independently.

    Returns
    -------
    Coherence
        Both distributions.

    Raises
    ------
    ValueError
        If there are not two frames or the shapes do not fit.

    Examples
    --------
    >>> still = np.zeros((3, 2, 3))
    >>> moving = still + [[[0.0]], [[1.0]], [[0.0]]] * np.array([[[1.0], [-1.0]]])
    >>> print(compare_steps(2 * moving, moving, Mapping([0, 0])).ratio)
    2.0
    """
    chosen = slice(None) if atoms is None else np.asarray(atoms)
    return Coherence(
        step_lengths(generated, mapping)[:, chosen].ravel(),
        step_lengths(reference, mapping)[:, chosen].ravel(),
    )


def step_lengths(positions: npt.ArrayLike, mapping: Mapping) -> np.ndarray:
    """Compute how far atoms move within their beads from frame to frame.

    Parameters
    ----------
    positions : array_like, shape (n_frames, n_atoms, 3)
        A trajectory, molecules whole [Å].
    mapping : Mapping
        The beads.

    Returns
    -------
    ndarray, shape (n_frames - 1, n_atoms)
        Displacements, without the translation of the atom's own bead and the rotation
        of all beads together [Å].

    Raises
    ------
    ValueError
        If there are not two frames or the shapes do not fit.

    Examples
    --------
    >>> step_lengths(np.arange(6.0).reshape(2, 1, 3), Mapping([0])).tolist()
    [[0.0]]
    """
    positions = np.asarray(positions, dtype=np.float64)
    if positions.ndim != 3 or positions.shape[1:] != (mapping.n_atoms, 3):
        raise ValueError(
            f"`positions` has shape {positions.shape} but must be (n_frames, "
            f"{mapping.n_atoms}, 3); give the frames of one trajectory"
        )
    if len(positions) < 2:
        raise ValueError(
            f"`positions` has {len(positions)} frames but must have at least 2"
        )
    beads = mapping.project(positions)
    within = positions - mapping.lift(beads)
    rotated = np.einsum("tij,taj->tai", _rotations_back(beads), within[1:])
    return np.linalg.norm(rotated - within[:-1], axis=-1)


def _rotations_back(beads: np.ndarray) -> np.ndarray:
    """Find the rotations that lay every frame but the first on the one before."""
    centred = beads - beads.mean(1, keepdims=True)
    products = np.einsum("tbi,tbj->tij", centred[:-1], centred[1:])
    # Beads on one line, or one bead, do not say how to turn about it: then not at all.
    spread = np.square(centred).sum((1, 2))[1:, None, None]
    products += (PULL_TO_NO_ROTATION * spread + np.finfo(float).tiny) * np.eye(3)
    left, _, right = np.linalg.svd(products)
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    return left @ right
