"""Coherence: how far structures move from frame to frame, against what they should.

Samples that are drawn independently jump more between frames than atoms do. Only the
part of a displacement that the beads do not have says so: it is measured with the
displacement of its bead taken from that of every atom.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import wasserstein_distance

from openmm_cgvae.mapping import Mapping


@dataclass(frozen=True, eq=False)
class Coherence:
    """Displacements between neighbouring frames, of generated and reference atoms.

    Parameters
    ----------
    generated, reference : ndarray, shape (n,)
        Displacements within the beads [A].
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
        """Distance of the two distributions (Wasserstein) [A]; 0 is right."""
        return float(wasserstein_distance(self.generated, self.reference))

    def __str__(self) -> str:
        """Write the numbers."""
        return (
            f"displacement between frames {np.mean(self.generated):.2f} A, reference "
            f"{np.mean(self.reference):.2f} A; ratio of root mean squares "
            f"{self.ratio:.2f}, Wasserstein distance {self.distance:.2f} A"
        )


def compare_steps(
    generated: np.ndarray, reference: np.ndarray, mapping: Mapping
) -> Coherence:
    """Compare how far atoms move within their beads from frame to frame.

    Parameters
    ----------
    generated, reference : ndarray, shape (n_frames, n_atoms, 3)
        Trajectories with the same time between frames [A].
    mapping : Mapping
        The beads.

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
    return Coherence(
        step_lengths(generated, mapping).ravel(),
        step_lengths(reference, mapping).ravel(),
    )


def step_lengths(positions: np.ndarray, mapping: Mapping) -> np.ndarray:
    """Measure how far atoms move within their beads from frame to frame.

    Parameters
    ----------
    positions : ndarray, shape (n_frames, n_atoms, 3)
        A trajectory, molecules whole [A].
    mapping : Mapping
        The beads.

    Returns
    -------
    ndarray, shape (n_frames - 1, n_atoms)
        Displacements, those of the beads taken away [A].

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
    within = positions - mapping.lift(mapping.project(positions))
    return np.linalg.norm(np.diff(within, axis=0), axis=-1)


def correlation_time(positions: np.ndarray, mapping: Mapping) -> float:
    """Estimate over how many frames atoms forget where they were in their beads.

    Parameters
    ----------
    positions : ndarray, shape (n_frames, n_atoms, 3)
        A reference trajectory, molecules whole [A].
    mapping : Mapping
        The beads.

    Returns
    -------
    float
        The time of the exponential that has the correlation of neighbouring frames
        [frames]; infinite if nothing moves, 0 if there is no correlation. Multiply by
        the time between frames for ``Backmapper.run(correlation_time=...)``.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(1000, 2, 3))
    >>> correlation_time(noise, Mapping([0, 0])) < 0.5
    True
    """
    positions = np.asarray(positions, dtype=np.float64)
    within = positions - mapping.lift(mapping.project(positions))
    # Lengths, since directions change with a molecule that tumbles.
    lengths = np.linalg.norm(within, axis=-1)
    fluctuation = lengths - lengths.mean(0)
    variance = np.mean(fluctuation**2)
    if variance == 0:
        return float("inf")
    rho = float(np.mean(fluctuation[1:] * fluctuation[:-1]) / variance)
    if rho <= 0:
        return 0.0
    return float(-1 / np.log(min(rho, 1 - 1e-12)))
