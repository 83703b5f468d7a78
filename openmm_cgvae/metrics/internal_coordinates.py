"""Internal coordinates: bond lengths, angles, torsions, signed volumes."""

from collections.abc import Sequence

import numpy as np

from openmm_cgvae.metrics._argument_checks import as_indices, as_positions

__all__ = [
    "angle_triples",
    "bond_angle_error",
    "bond_angles",
    "bond_length_error",
    "bond_lengths",
    "dihedral_angles",
    "out_of_plane",
    "signed_volumes",
]


def bond_lengths(positions: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Compute bond lengths.

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3)
        Structures [Å].
    bonds : ndarray of int, shape (n_bonds, 2)
        Pairs of atoms.

    Returns
    -------
    ndarray, shape (..., n_bonds)
        Lengths [Å].

    Examples
    --------
    >>> import numpy as np
    >>> bond_lengths(np.array([[0.0, 0.0, 0.0], [3.0, 4.0, 0.0]]), np.array([[0, 1]]))
    array([5.])
    """
    positions = as_positions(positions)
    bonds = as_indices(bonds, 2, positions.shape[-2], "bonds")
    return np.linalg.norm(
        positions[..., bonds[:, 1], :] - positions[..., bonds[:, 0], :], axis=-1
    )


def angle_triples(bonds: np.ndarray) -> np.ndarray:
    """Find the angles between bonds that share an atom.

    Parameters
    ----------
    bonds : ndarray of int, shape (n_bonds, 2)
        Pairs of atoms.

    Returns
    -------
    ndarray of int, shape (n_angles, 3)
        (a, centre, b) with a < b, sorted by centre.

    Examples
    --------
    >>> import numpy as np
    >>> angle_triples(np.array([[0, 1], [1, 2]]))
    array([[0, 1, 2]])
    """
    neighbours: dict[int, list[int]] = {}
    for first, second in np.asarray(bonds, dtype=np.int64).reshape(-1, 2).tolist():
        neighbours.setdefault(first, []).append(second)
        neighbours.setdefault(second, []).append(first)
    triples = [
        (first, centre, second)
        for centre in sorted(neighbours)
        for first in sorted(neighbours[centre])
        for second in sorted(neighbours[centre])
        if first < second
    ]
    return np.array(triples, dtype=np.int64).reshape(-1, 3)


def bond_angles(positions: np.ndarray, triples: np.ndarray) -> np.ndarray:
    """Compute the angle at the middle atom of each triple.

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3)
        Structures [Å].
    triples : ndarray of int, shape (n_angles, 3)
        (a, centre, b), as from `angle_triples`.

    Returns
    -------
    ndarray, shape (..., n_angles)
        Angles, 0 to 180 [deg].

    Examples
    --------
    >>> import numpy as np
    >>> corner = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> bond_angles(corner, np.array([[0, 1, 2]]))
    array([90.])
    """
    positions = as_positions(positions)
    triples = as_indices(triples, 3, positions.shape[-2], "triples")
    centre = positions[..., triples[:, 1], :]
    first = positions[..., triples[:, 0], :] - centre
    second = positions[..., triples[:, 2], :] - centre
    # The arc tangent stays exact where the arc cosine loses half its digits.
    sine = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.degrees(np.arctan2(sine, np.sum(first * second, axis=-1)))


def dihedral_angles(positions: np.ndarray, quadruples: np.ndarray) -> np.ndarray:
    """Compute torsions by the IUPAC convention: trans is 180, clockwise positive.

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3)
        Structures [Å].
    quadruples : ndarray of int, shape (n_dihedrals, 4)
        Four atoms in a row.

    Returns
    -------
    ndarray, shape (..., n_dihedrals)
        Angles in [-180, 180] [deg].

    Examples
    --------
    >>> import numpy as np
    >>> chain = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0],
    ...                   [0.0, 1.0, 1.0]])
    >>> dihedral_angles(chain, np.array([[0, 1, 2, 3]]))
    array([90.])
    """
    positions = as_positions(positions)
    quadruples = as_indices(quadruples, 4, positions.shape[-2], "quadruples")
    corners = positions[..., quadruples, :]  # [..., n_dihedrals, 4, 3]
    before, axis, after = np.moveaxis(np.diff(corners, axis=-2), -2, 0)
    normal_before = np.cross(before, axis)
    normal_after = np.cross(axis, after)
    sine = np.linalg.norm(axis, axis=-1) * np.sum(before * normal_after, axis=-1)
    cosine = np.sum(normal_before * normal_after, axis=-1)
    return np.degrees(np.arctan2(sine, cosine))


def bond_length_error(
    positions: np.ndarray, bonds: np.ndarray, reference_lengths: np.ndarray
) -> np.ndarray:
    """Compute the root mean square error of bond lengths, per structure.

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3)
        Structures [Å].
    bonds : ndarray of int, shape (n_bonds, 2)
        Pairs of atoms.
    reference_lengths : ndarray, shape (..., n_bonds)
        Right lengths [Å], broadcast: `bond_lengths` of a reference frame, of one frame
        per structure, or a mean over frames.

    Returns
    -------
    ndarray, shape (...)
        Root mean square error [Å]; nan without bonds.

    Examples
    --------
    >>> import numpy as np
    >>> pair = np.array([[0.0, 0.0, 0.0], [1.5, 0.0, 0.0]])
    >>> float(bond_length_error(pair, np.array([[0, 1]]), np.array([1.0])))
    0.5
    """
    return _root_mean_square(bond_lengths(positions, bonds) - reference_lengths)


def bond_angle_error(
    positions: np.ndarray, triples: np.ndarray, reference_angles: np.ndarray
) -> np.ndarray:
    """Compute the root mean square error of bond angles, per structure.

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3)
        Structures [Å].
    triples : ndarray of int, shape (n_angles, 3)
        (a, centre, b), as from `angle_triples`.
    reference_angles : ndarray, shape (..., n_angles)
        Right angles [deg], broadcast: `bond_angles` of a reference frame, of one frame
        per structure, or a mean over frames.

    Returns
    -------
    ndarray, shape (...)
        Root mean square error [deg]; nan without angles.

    Examples
    --------
    >>> import numpy as np
    >>> corner = np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> float(bond_angle_error(corner, np.array([[0, 1, 2]]), np.array([100.0])))
    10.0
    """
    return _root_mean_square(bond_angles(positions, triples) - reference_angles)


def signed_volumes(positions: np.ndarray, stereocentres: np.ndarray) -> np.ndarray:
    """Compute the signed volumes of stereocentres, positive if chirality is correct.

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3)
        Structures [Å].
    stereocentres : ndarray of int, shape (n, 4)
        (centre, a, b, c), ordered as in `AtomTable.stereocentres`, so that
        correct chirality gives a positive volume.

    Returns
    -------
    ndarray, shape (..., n)
        (a - centre) x (b - centre) . (c - centre) [Å^3].

    Examples
    --------
    >>> import numpy as np
    >>> corner = np.vstack([np.zeros(3), np.eye(3)])
    >>> signed_volumes(corner, np.array([[0, 1, 2, 3]]))
    array([1.])
    """
    positions = as_positions(positions)
    centres = as_indices(stereocentres, 4, positions.shape[-2], "stereocentres")
    arms = positions[..., centres[:, 1:], :] - positions[..., centres[:, :1], :]
    normals = np.cross(arms[..., 0, :], arms[..., 1, :])
    return np.sum(normals * arms[..., 2, :], axis=-1)


def out_of_plane(positions: np.ndarray, ring: np.ndarray | Sequence[int]) -> np.ndarray:
    """Compute how far the atoms of a ring, or of several, stray from its mean plane.

    Parameters
    ----------
    positions : ndarray, shape (..., n_atoms, 3)
        Structures [Å].
    ring : sequence of int, shape (n_ring,), or ndarray of int, shape (n_rings, n_ring)
        Atoms of the ring, or of several rings of one size.

    Returns
    -------
    ndarray, shape (...) or (..., n_rings)
        Root mean square distance from the best plane [Å]; nan where a coordinate
        is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.array([[1.0, 0, 0], [0, 1.0, 0], [-1.0, 0, 0], [0, -1.0, 0]])
    >>> float(out_of_plane(square, np.arange(4)))
    0.0
    """
    positions = as_positions(positions)
    corners = positions[..., np.asarray(ring, dtype=np.int64), :]
    is_finite = np.isfinite(corners).all(axis=(-2, -1))
    corners = np.where(is_finite[..., None, None], corners, 0.0)
    centred = corners - corners.mean(axis=-2, keepdims=True)
    least = np.linalg.svd(centred, compute_uv=False)[..., -1]
    return np.where(is_finite, least / np.sqrt(corners.shape[-2]), np.nan)


def _root_mean_square(error: np.ndarray) -> np.ndarray:
    if error.shape[-1] == 0:
        return np.full(error.shape[:-1], np.nan)
    return np.asarray(np.sqrt(np.mean(error**2, axis=-1)))
