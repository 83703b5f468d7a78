"""Soft spheres: repulsion that pulls clashing atoms apart gently."""

import copy

import openmm

__all__ = ["soft_sphere_system"]

NONBONDED_FORCES = (
    openmm.NonbondedForce,
    openmm.GBSAOBCForce,
    openmm.CustomGBForce,
    openmm.CustomNonbondedForce,
    openmm.AmoebaVdwForce,
    openmm.AmoebaMultipoleForce,
    openmm.AmoebaGeneralizedKirkwoodForce,
)
SOFT_SPHERE_DIAMETER_NM = 0.22
SOFT_SPHERE_STIFFNESS = 1.0e4  # kJ/mol/nm^2
EXCLUDED_BONDS = 3


def soft_sphere_system(system: openmm.System) -> openmm.System:
    """Build a copy of a System, soft spheres instead of charges and dispersion.

    Atoms more than three bonds apart repel each other gently below 2.2 Å, so
    that clashing structures can be pulled apart without forces that are astronomical.

    Parameters
    ----------
    system : openmm.System
        The forces; not changed.

    Returns
    -------
    openmm.System
        The bonded forces and the spheres.
    """
    soft = copy.deepcopy(system)
    for index in reversed(range(soft.getNumForces())):
        if isinstance(soft.getForce(index), NONBONDED_FORCES):
            soft.removeForce(index)
    is_periodic = system.usesPeriodicBoundaryConditions()
    spheres = openmm.CustomNonbondedForce(
        f"{SOFT_SPHERE_STIFFNESS}*step({SOFT_SPHERE_DIAMETER_NM}-r)"
        f"*({SOFT_SPHERE_DIAMETER_NM}-r)^2"
    )
    spheres.setNonbondedMethod(
        spheres.CutoffPeriodic if is_periodic else spheres.CutoffNonPeriodic
    )
    spheres.setCutoffDistance(SOFT_SPHERE_DIAMETER_NM)
    for _ in range(soft.getNumParticles()):
        spheres.addParticle([])
    spheres.createExclusionsFromBonds(_bonds_of(system), EXCLUDED_BONDS)
    soft.addForce(spheres)
    return soft


def _bonds_of(system: openmm.System) -> list[tuple[int, int]]:
    """Find the bonds that the forces and constraints of a System know."""
    bonds = []
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicBondForce | openmm.CustomBondForce):
            for index in range(force.getNumBonds()):
                bonds.append(tuple(force.getBondParameters(index)[:2]))
    for index in range(system.getNumConstraints()):
        bonds.append(tuple(system.getConstraintParameters(index)[:2]))
    return bonds
