"""Chirality restraint: a force that keeps stereocentres from inverting."""

import numpy as np
import openmm

__all__ = ["restrain_chirality"]

# A carbon spans 2.5 Å^3 with three of its arms and is never nearly flat, so the force
# is zero for every good structure. A flat centre costs 200 kJ/mol.
FLATTEST_NM3 = 1.0e-3
STIFFNESS = 2.0e8  # kJ/mol/nm^6
ARMS = {"a": 2, "b": 3, "c": 4}
VOLUME = "ax*(by*cz-bz*cy)+ay*(bz*cx-bx*cz)+az*(bx*cy-by*cx)"
# Small molecules are relaxed where custom forces are interpreted, at a cost that shows.
SMALLEST_SYSTEM = 60


def restrain_chirality(
    system: openmm.System, stereocentres: np.ndarray
) -> openmm.System:
    r"""Add a force to a System that gives stereocentres their chirality and keeps it.

    .. math:: E = \kappa \sum \max(0, V_0 - V)^2

    with the signed volume V that three arms of a centre span. Force fields have no such
    term: what is pulled hard, as in a minimisation from strained bonds, can go through
    the plane and stay on the wrong side.

    Parameters
    ----------
    system : openmm.System
        The forces; changed in place.
    stereocentres : ndarray of int, shape (n_stereocentres, 4)
        Rows as in `AtomTable`: centre and three neighbours, in the order that gives
        correct chirality a positive signed volume.

    Returns
    -------
    openmm.System
        The same System; as it was, if it is small or there is no stereocentre.

    Examples
    --------
    >>> system = openmm.System()
    >>> restrain_chirality(system, np.empty((0, 4), dtype=int)).getNumForces()
    0
    """
    if not len(stereocentres) or system.getNumParticles() < SMALLEST_SYSTEM:
        return system
    arms = "; ".join(
        f"{arm}{axis}={axis}{atom}-{axis}1"
        for arm, atom in ARMS.items()
        for axis in "xyz"
    )
    lacking = f"({FLATTEST_NM3}-volume)"
    force = openmm.CustomCompoundBondForce(
        4,
        f"{STIFFNESS}*step{lacking}*{lacking}^2; volume={VOLUME}; {arms}",
    )
    for row in np.asarray(stereocentres).tolist():
        force.addBond(row, [])
    system.addForce(force)
    return system
