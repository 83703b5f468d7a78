"""The slow coordinates of chignolin: TICA of the distances of its backbone."""

from collections.abc import Callable

import numpy as np

from openmm_cgvae.molecules import AtomTable

__all__ = ["backbone_atoms", "pair_distances", "slow_coordinates"]

# Directions in which the distances together vary by less [Å^2] are left out: they are
# vibrations of angles, which short walkers seem to keep as slowly as their folds.
LEAST_VARIANCE = 1.0
_BACKBONE = ("N", "CA", "C", "O", "CH3")  # with the heavy atoms of caps


def backbone_atoms(atom_table: AtomTable) -> np.ndarray:
    """Find the backbone of a peptide, its caps included: 45 atoms in chignolin.

    Parameters
    ----------
    atom_table : AtomTable
        A peptide.

    Returns
    -------
    ndarray of int
        Indices of the atoms.

    Examples
    --------
    >>> table = AtomTable(
    ...     names=("C", "O"), atomic_numbers=[6, 8], masses=[12, 16],
    ...     residue_of_atom=[0, 0], residue_names=("CO",), residue_ids=(1,),
    ...     insertion_codes=("",), chain_ids=("A",), bonds=[[0, 1]], stereocentres=[],
    ... )
    >>> backbone_atoms(table).tolist()
    [0, 1]
    """
    return np.flatnonzero(np.isin(atom_table.names, _BACKBONE) & atom_table.is_heavy)


def pair_distances(positions: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """Compute the distances between all pairs of some atoms.

    Parameters
    ----------
    positions : ndarray, shape (n_frames, n_all_atoms, 3)
        Structures [Å].
    atoms : ndarray of int, shape (n_atoms,)
        Which atoms.

    Returns
    -------
    ndarray, shape (n_frames, n_atoms (n_atoms - 1) / 2)
        Distances [Å].

    Examples
    --------
    >>> triangle = np.array([[[0.0, 0.0, 0.0], [9.0, 9.0, 9.0], [3.0, 4.0, 0.0]]])
    >>> pair_distances(triangle, np.array([0, 2]))
    array([[5.]])
    """
    first, second = np.triu_indices(len(atoms), 1)
    chosen = positions[:, atoms]
    return np.linalg.norm(chosen[:, second] - chosen[:, first], axis=-1)


def slow_coordinates(
    trajectories: list[np.ndarray], lag: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Find the two slowest coordinates of trajectories by TICA.

    Parameters
    ----------
    trajectories : list of ndarray of shape (n_frames, n_features)
        Distances over time [Å], each from one walker.
    lag : int
        Lag in frames.

    Returns
    -------
    callable
        Takes features to the two coordinates, shape (n_frames, 2).

    Raises
    ------
    ImportError
        If deeptime is not installed.
    ValueError
        If no trajectory is longer than the lag.
    """
    try:
        from deeptime.decomposition import TICA
    except ImportError as error:  # pragma: no cover
        raise ImportError(
            "TICA needs deeptime, which is not installed; "
            "run pip install 'openmm_cgvae[plots]'"
        ) from error
    long = [features for features in trajectories if len(features) > lag]
    if not long:
        raise ValueError(
            f"`lag` is {lag} frames but no trajectory is longer; take a shorter lag"
        )
    estimator = TICA(lagtime=lag, dim=2, epsilon=LEAST_VARIANCE)
    return estimator.fit_from_timeseries(long).fetch_model().transform
