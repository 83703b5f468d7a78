"""Forces on atoms and what they are as forces on beads."""

import numpy as np
import numpy.typing as npt
import openmm
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.structures.openmm_bridge import find_platform, openmm_positions

__all__ = ["RIDGE", "atomistic_forces", "force_map", "map_forces"]

RIDGE = 1.0e-8  # of the mean square of the forces


def atomistic_forces(
    system: openmm.System,
    positions: npt.ArrayLike,
    platform: openmm.Platform | str | None = "Reference",
) -> np.ndarray:
    """Compute the forces on the atoms of every frame.

    Parameters
    ----------
    system : openmm.System
        The force field. Forces of rigid bonds are unknown to it: make it without
        constraints, see `map_forces`.
    positions : array_like, shape (n_frames, n_atoms, 3)
        Atoms [Å].
    platform : openmm.Platform or str, optional
        Where to compute.

    Returns
    -------
    ndarray, shape (n_frames, n_atoms, 3)
        Forces [kJ/mol/nm].

    Raises
    ------
    ValueError
        If the System has constraints or another number of particles.
    """
    frames = np.asarray(positions)
    n_atoms = system.getNumParticles()
    if frames.ndim != 3 or frames.shape[1:] != (n_atoms, 3):
        raise ValueError(
            f"`positions` has shape {frames.shape} but must be (n_frames, {n_atoms}, "
            "3), as many atoms as the System has particles"
        )
    if system.getNumConstraints():
        raise ValueError(
            f"`system` has {system.getNumConstraints()} constraints, whose forces "
            "OpenMM does not give; make it with constraints=None"
        )
    context = openmm.Context(
        system,
        openmm.VerletIntegrator(0.001),  # never steps; a Context has to have one
        *([] if platform is None else [find_platform(platform)]),
    )
    forces = np.empty(frames.shape)
    for frame, atoms in enumerate(frames):
        context.setPositions(openmm_positions(atoms))
        state = context.getState(forces=True)
        forces[frame] = state.getForces(asNumpy=True)._value
    return forces


def force_map(
    mapping: Mapping,
    forces: npt.ArrayLike | None = None,
    rigid_bonds: npt.ArrayLike = (),
) -> np.ndarray:
    r"""Compute the matrix B that turns forces on atoms into forces on beads.

    Without ``forces`` each bead gets the sum over the atoms that have a weight in it.
    Any matrix with :math:`B M^T = 1` has the same mean (Ciccotti, Kapral and
    Vanden-Eijnden, ChemPhysChem 6, 1809, 2005), so with ``forces`` the one of the
    smallest mean square is taken, in which less noise hides the mean (Kraemer et al.,
    J. Phys. Chem. Lett. 14, 3970, 2023):

    .. math:: B = (E^T Q^{-1} E)^{-1} E^T Q^{-1} G, \quad E = G M^T,
        \quad Q = G \langle f f^T \rangle G^T,

    where :math:`G` adds up atoms that rigid bonds tie together.

    Parameters
    ----------
    mapping : Mapping
        The beads.
    forces : array_like, shape (n_frames, n_atoms, 3), optional
        Forces on the atoms [kJ/mol/nm].
    rigid_bonds : array_like of int, shape (n_rigid_bonds, 2), optional
        Pairs of atoms whose distance did not change in the trajectory.

    Returns
    -------
    ndarray, shape (n_beads, n_atoms)
        The matrix.

    Raises
    ------
    ValueError
        If a rigid bond ties atoms of two beads, or atoms with a weight to ones without:
        forces along it cannot be known then.

    Examples
    --------
    >>> force_map(Mapping([0, 0, 1], weights=[1.0, 3.0, 1.0])).tolist()
    [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    member = np.zeros((mapping.n_beads, mapping.n_atoms))
    member[mapping.bead_of_atom, np.arange(mapping.n_atoms)] = mapping.weights > 0
    bonds = np.asarray(rigid_bonds, dtype=np.int64).reshape(-1, 2)
    torn = np.flatnonzero((member[:, bonds[:, 0]] != member[:, bonds[:, 1]]).any(0))
    if len(torn):
        i, j = bonds[torn[0]]
        raise ValueError(
            f"`rigid_bonds` ties atoms {i} and {j}, of which no bead has both with a "
            "weight; use a mapping whose beads hold such atoms together"
        )
    if forces is None:
        return member
    ties = _tied_atoms(mapping.n_atoms, bonds)
    tied = ties @ np.asarray(forces, dtype=np.float64)
    noise = np.einsum("fix,fjx->ij", tied, tied) / len(tied)
    # Internal forces add up to nothing: a singular matrix without the ridge.
    noise += RIDGE * np.trace(noise) / len(noise) * np.eye(len(noise))
    masks = np.eye(mapping.n_atoms)[:, :, None] * np.array([1.0, 0.0, 0.0])
    wanted = ties @ mapping.project(masks)[:, :, 0]
    weighted = np.linalg.solve(noise, wanted)
    return np.linalg.solve(wanted.T @ weighted, weighted.T) @ ties


def map_forces(mapping: Mapping, forces: npt.ArrayLike) -> np.ndarray:
    """Compute the sum of forces on the atoms of every bead.

    This is the force whose mean is the gradient of the potential of mean force if
    every atom belongs to one bead, as in a `Mapping`, and no rigid bond crosses the
    border of a bead (Noid et al., J. Chem. Phys. 128, 244114, 2008). Atoms of weight
    zero do not move their bead and are left out. The forces along rigid bonds inside
    a bead cancel in the sum, so forces of the same System without constraints will do.

    Parameters
    ----------
    mapping : Mapping
        The beads.
    forces : array_like, shape (..., n_atoms, 3)
        Forces on the atoms [kJ/mol/nm].

    Returns
    -------
    ndarray, shape (..., n_beads, 3)
        Forces on the beads [kJ/mol/nm].

    Raises
    ------
    ValueError
        If there is another number of atoms.

    Examples
    --------
    >>> map_forces(Mapping([0, 0]), [[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]]).tolist()
    [[3.0, 0.0, 0.0]]
    """
    array = np.asarray(forces, dtype=np.float64)
    if array.ndim < 2 or array.shape[-2:] != (mapping.n_atoms, 3):
        raise ValueError(
            f"`forces` has shape {array.shape} but must be (..., {mapping.n_atoms}, "
            "3); give the forces of the molecule of the mapping"
        )
    return force_map(mapping) @ array


def _tied_atoms(n_atoms: int, bonds: np.ndarray) -> np.ndarray:
    """Matrix that adds up the atoms tied by rigid bonds, one row a group."""
    ones = np.ones(len(bonds))
    graph = coo_array((ones, (bonds[:, 0], bonds[:, 1])), shape=(n_atoms, n_atoms))
    n_groups, group = connected_components(graph, directed=False)
    ties = np.zeros((n_groups, n_atoms))
    ties[group, np.arange(n_atoms)] = 1.0
    return ties
