r"""Velocities of atoms whose beads have given velocities.

The velocities of atoms whose beads move with given velocities :math:`V` are drawn
from the Maxwell-Boltzmann distribution *given* that

.. math:: \sum_{i \in C_I} w_i v_i = V_I, \qquad r_{ij} \cdot (v_i - v_j) = 0

for every bead :math:`I` and every rigid bond :math:`ij`. Both are linear,
:math:`A v = b`, so the draw is exact: velocities :math:`u` of the free distribution
are moved by the least kinetic energy that makes both true,

.. math:: v = u - m^{-1} A^T (A m^{-1} A^T)^{-1} (A u - b).

Where the weights are the masses and no bond is rigid this is :math:`v_i = u_i - (M
u)_I + V_I`. Doing the beads and the bonds one after the other would break the first
with the second; here there is no order.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import openmm
from openmm import app, unit
from scipy.sparse import coo_array, csr_array, vstack
from scipy.sparse.linalg import lsqr

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.structures.openmm_bridge.units import ANGSTROM_PER_NM, NM_PER_ANGSTROM

__all__ = ["masses_of", "set_velocities", "velocities_given_beads"]

# Velocities are of the order of 10 Å/ps; what cannot be met is far above this.
LARGEST_RESIDUAL = 1.0e-6
SMALLEST_RESIDUAL = 1.0e-12
N_POLISHES = 5


def velocities_given_beads(  # noqa: PLR0913 - what a velocity depends on
    masses: npt.ArrayLike,
    mapping: Mapping,
    bead_velocities: npt.ArrayLike,
    *,
    temperature: float = 300.0,
    positions: npt.ArrayLike | None = None,
    rigid_bonds: npt.ArrayLike = (),
    seed: int | None = None,
) -> np.ndarray:
    """Draw velocities of atoms whose beads have given velocities.

    Parameters
    ----------
    masses : array_like, shape (n_atoms,)
        Masses [Da]; an atom without a mass does not move by itself.
    mapping : Mapping
        The beads.
    bead_velocities : array_like, shape (n_beads, 3)
        Their velocities [Å/ps].
    temperature : float
        Temperature of what the beads do not decide [K].
    positions : array_like, shape (n_atoms, 3), optional
        Atoms [Å], for the directions of rigid bonds.
    rigid_bonds : array_like of int, shape (n_rigid_bonds, 2)
        Pairs of atoms whose distance does not change.
    seed : int, optional
        Seed of the noise.

    Returns
    -------
    ndarray, shape (n_atoms, 3)
        Velocities [Å/ps]; ``mapping.project`` of them gives those of the beads.

    Raises
    ------
    ValueError
        If shapes do not fit, or no velocities of the atoms can do what the beads and
        rigid bonds ask for.

    Notes
    -----
    The mean kinetic energy is kT/2 for each of the 3 n_atoms - n_rigid_bonds -
    3 n_beads degrees of freedom that are left free, and that of the beads' own motion.

    Examples
    --------
    >>> mapping = Mapping([0, 0], [12.0, 1.0])
    >>> v = velocities_given_beads([12.0, 1.0], mapping, [[1.0, 0.0, 0.0]], seed=1)
    >>> bool(np.allclose(mapping.project(v), [[1.0, 0.0, 0.0]], atol=1e-9))
    True
    """
    masses = np.asarray(masses, dtype=np.float64)
    beads = np.asarray(bead_velocities, dtype=np.float64)
    _check(masses, mapping, beads, temperature)
    bonds = np.asarray(rigid_bonds, dtype=np.int64).reshape(-1, 2)
    conditions = _bead_rows(mapping)
    if len(bonds):
        if positions is None:
            raise ValueError(
                f"`positions` are missing but there are {len(bonds)} rigid bonds, "
                "whose directions they give"
            )
        conditions = vstack([conditions, _bond_rows(bonds, np.asarray(positions))])
    values = np.concatenate([beads.ravel(), np.zeros(len(bonds))])
    has_mass = masses > 0
    # Of velocities of one component over that of unit mass.
    deviation = np.zeros_like(masses)
    deviation[has_mass] = masses[has_mass] ** -0.5
    deviation = np.repeat(deviation, 3)
    # Daltons times the square of nm/ps are kJ/mol.
    kt = unit.MOLAR_GAS_CONSTANT_R * temperature * unit.kelvin
    scale = kt.value_in_unit(unit.kilojoule_per_mole) * ANGSTROM_PER_NM**2
    generator = np.random.default_rng(seed)
    velocities = generator.normal(size=len(deviation)) * np.sqrt(scale) * deviation
    weighted = csr_array(conditions * deviation)
    # Each round takes away the rounding errors of the one before.
    for _ in range(N_POLISHES):
        missing = values - conditions @ velocities
        if np.abs(missing).max(initial=0.0) < SMALLEST_RESIDUAL:
            break
        change = lsqr(weighted, missing, atol=0, btol=0, iter_lim=4 * len(values))[0]
        velocities += deviation * change
    worst = np.abs(values - conditions @ velocities).max(initial=0.0)
    if worst > LARGEST_RESIDUAL:
        raise ValueError(
            f"`bead_velocities` cannot be had with the {len(bonds)} rigid bonds, which "
            f"tie beads to each other: {worst:.2g} A/ps are left; use constraints=None"
        )
    return velocities.reshape(-1, 3)


def set_velocities(
    simulation: app.Simulation,
    mapping: Mapping,
    bead_velocities: npt.ArrayLike,
    temperature: Any = 300.0,
    seed: int | None = None,
) -> None:
    """Set velocities of a simulation's atoms whose beads have given velocities.

    Parameters
    ----------
    simulation : openmm.app.Simulation
        With positions that satisfy its constraints; its velocities are replaced.
    mapping : Mapping
        The beads of its particles.
    bead_velocities : array_like, shape (n_beads, 3)
        Velocities of the beads [Å/ps].
    temperature : float or Quantity
        See `velocities_given_beads` [K].
    seed : int, optional
        Seed of the noise.

    Raises
    ------
    ValueError
        See `velocities_given_beads`.

    Notes
    -----
    Force fields of OpenMM add a CMMotionRemover to a System, which takes the motion
    of the whole away at the first step. Remove it where the beads drift on purpose.
    """
    system = simulation.system
    state = simulation.context.getState(positions=True)
    bonds = [
        system.getConstraintParameters(index)[:2]
        for index in range(system.getNumConstraints())
    ]
    if unit.is_quantity(temperature):
        temperature = temperature.value_in_unit(unit.kelvin)
    velocities = velocities_given_beads(
        masses_of(system),
        mapping,
        bead_velocities,
        temperature=float(temperature),
        positions=state.getPositions(asNumpy=True)._value * ANGSTROM_PER_NM,
        rigid_bonds=bonds,
        seed=seed,
    )
    simulation.context.setVelocities(velocities * NM_PER_ANGSTROM)


def masses_of(system: openmm.System) -> np.ndarray:
    """Return the masses of the particles, shape (n_particles,) [Da]."""
    return np.array(
        [system.getParticleMass(i)._value for i in range(system.getNumParticles())]
    )


def _bead_rows(mapping: Mapping) -> Any:
    """Return rows that give the velocity of every bead, along x, y and z."""
    axes = np.arange(3)
    rows = (3 * mapping.bead_of_atom[:, None] + axes).ravel()
    columns = np.arange(3 * mapping.n_atoms)
    shape = (3 * mapping.n_beads, 3 * mapping.n_atoms)
    return coo_array((np.repeat(mapping.weights, 3), (rows, columns)), shape=shape)


def _bond_rows(bonds: np.ndarray, positions: np.ndarray) -> Any:
    """Return rows that give the speed at which the ends of every bond part."""
    along = positions[bonds[:, 0]] - positions[bonds[:, 1]]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    values = np.stack([along, -along], axis=1).ravel()
    columns = (3 * bonds[:, :, None] + np.arange(3)).ravel()
    rows = np.repeat(np.arange(len(bonds)), 6)
    return coo_array((values, (rows, columns)), shape=(len(bonds), positions.size))


def _check(
    masses: np.ndarray, mapping: Mapping, beads: np.ndarray, temperature: float
) -> None:
    if masses.shape != (mapping.n_atoms,):
        raise ValueError(
            f"`masses` has shape {masses.shape} but the mapping is of "
            f"{mapping.n_atoms} atoms; give the mapping of this molecule"
        )
    if beads.shape != (mapping.n_beads, 3) or not np.isfinite(beads).all():
        raise ValueError(
            f"`bead_velocities` has shape {beads.shape} but must be "
            f"({mapping.n_beads}, 3), one finite velocity for every bead"
        )
    if not 0 <= temperature < np.inf:
        raise ValueError(f"`temperature` is {temperature} but must be 0 K or more")
