"""Force fields, and the Systems that they make of molecules."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import openmm
from openmm import app, unit
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.openmm_bridge.topologies import openmm_topology
from openmm_cgvae.structures.openmm_bridge.units import ANGSTROM_PER_NM

__all__ = [
    "DEFAULT_FORCEFIELD",
    "ForceFieldLike",
    "load_forcefield",
    "make_system",
    "periodic_options",
]

# The implicit solvent of amber99_obc.xml is native code in OpenMM: ten times faster
# than the generalised Born models written as custom forces.
DEFAULT_FORCEFIELD = ("amber99sbildn.xml", "amber99_obc.xml")
IMPLICIT_SOLVENTS = (openmm.GBSAOBCForce, openmm.CustomGBForce)
CUTOFF_NM = 1.0
IMPLICIT_CUTOFF_NM = 2.0  # nothing sums what is beyond it
# OpenMM wants a cutoff below half of the box; leave room for a shrinking one.
LARGEST_CUTOFF_PER_BOX_EDGE = 0.45
# A smaller cutoff would leave out what atoms that touch do to each other.
SMALLEST_CUTOFF_NM = 0.45

ForceFieldLike: TypeAlias = app.ForceField | openmm.System | Sequence[str] | str | None


def make_system(
    atom_table: AtomTable,
    forcefield: ForceFieldLike = None,
    *,
    box: np.ndarray | None = None,
    constraints: Any = None,
) -> openmm.System:
    """Build the System of a molecule: its particles and forces.

    Parameters
    ----------
    atom_table : AtomTable
        The molecule, with all its hydrogens.
    forcefield : ForceField, System, str or sequence of str, optional
        A force field, the names of its XML files, or a ready System, which is
        returned as it is. By default Amber99SB-ILDN in OBC implicit solvent.
    box : ndarray, shape (6,), optional
        Unit cell [Å, degrees]. With one, electrostatics are particle-mesh Ewald, and
        several molecules in implicit solvent interact with the nearest images up to
        20 Å. Without one, and for one molecule in implicit solvent or molecules of a
        slab there, all pairs interact.
    constraints : object, optional
        None, ``app.HBonds``, ``app.AllBonds`` or ``app.HAngles``.

    Returns
    -------
    openmm.System
        One particle per atom of the table.

    Raises
    ------
    ValueError
        If the force field does not know a residue, or a System is of another size.
    """
    if isinstance(forcefield, openmm.System):
        return _checked_system(forcefield, atom_table)
    field = load_forcefield(forcefield)
    system = _create_system(field, atom_table, None, constraints)
    is_implicit = any(isinstance(f, IMPLICIT_SOLVENTS) for f in system.getForces())
    if box is None:
        return system
    if is_implicit and (not np.all(box[:3]) or _is_one_molecule(atom_table)):
        return system  # which meets no image of its own, or has no box in OpenMM
    return _create_system(field, atom_table, box, constraints, is_implicit=is_implicit)


def periodic_options(
    topology: app.Topology, *, is_implicit: bool = False
) -> dict[str, Any]:
    """Return what `ForceField.createSystem` has to know of a box.

    Parameters
    ----------
    topology : openmm.app.Topology
        With box vectors.
    is_implicit : bool
        Whether the solvent is implicit, for which there is no Ewald sum.

    Returns
    -------
    dict
        Particle-mesh Ewald, or a cutoff alone, that fits into the box.

    Raises
    ------
    ValueError
        If the box is too small for any cutoff.

    Examples
    --------
    >>> topology = app.Topology()
    >>> topology.setUnitCellDimensions([2.0, 3.0, 4.0] * unit.nanometer)
    >>> periodic_options(topology)["nonbondedCutoff"]
    0.9 nm
    """
    rows = topology.getPeriodicBoxVectors().value_in_unit(unit.nanometer)
    shortest = min(row[axis] for axis, row in enumerate(rows))
    largest = LARGEST_CUTOFF_PER_BOX_EDGE * shortest
    if largest < SMALLEST_CUTOFF_NM:
        least = SMALLEST_CUTOFF_NM / LARGEST_CUTOFF_PER_BOX_EDGE
        raise ValueError(
            f"`box` is {shortest * ANGSTROM_PER_NM:.3g} A wide, where forces would be "
            f"cut off at {largest * ANGSTROM_PER_NM:.3g} A; give one of at least "
            f"{least * ANGSTROM_PER_NM:.3g} A, or none"
        )
    wanted = IMPLICIT_CUTOFF_NM if is_implicit else CUTOFF_NM
    return {
        "nonbondedMethod": app.CutoffPeriodic if is_implicit else app.PME,
        "nonbondedCutoff": min(wanted, largest) * unit.nanometer,
    }


def load_forcefield(
    forcefield: app.ForceField | Sequence[str] | str | None,
) -> app.ForceField:
    """Read the XML files of a force field; a ForceField is returned as it is.

    Parameters
    ----------
    forcefield : ForceField, str or sequence of str, optional
        By default Amber99SB-ILDN in OBC implicit solvent.

    Returns
    -------
    openmm.app.ForceField
        The force field.

    Raises
    ------
    ValueError
        If a file cannot be read.

    Examples
    --------
    >>> len(load_forcefield("tip3p.xml")._templates)
    1
    """
    if forcefield is None:
        return _read_forcefield(DEFAULT_FORCEFIELD)
    if isinstance(forcefield, str):
        return _read_forcefield((forcefield,))
    if isinstance(forcefield, app.ForceField):
        return forcefield
    return _read_forcefield(tuple(forcefield))


def _is_one_molecule(atom_table: AtomTable) -> bool:
    n_atoms, bonds = atom_table.n_atoms, atom_table.bonds
    graph = coo_array((np.ones(len(bonds)), bonds.T), shape=(n_atoms, n_atoms))
    return bool(connected_components(graph, directed=False)[0] == 1)


def _create_system(
    field: app.ForceField,
    atom_table: AtomTable,
    box: np.ndarray | None,
    constraints: Any,
    *,
    is_implicit: bool = False,
) -> openmm.System:
    topology = openmm_topology(atom_table, box)
    options: dict[str, Any] = {"constraints": constraints}
    if box is None:
        options["nonbondedMethod"] = app.NoCutoff
    else:
        options.update(periodic_options(topology, is_implicit=is_implicit))
    try:
        return field.createSystem(topology, **options)
    except Exception as error:  # noqa: BLE001 - just this where two templates fit
        raise ValueError(
            f"`forcefield` cannot describe {atom_table.describe()}, OpenMM says: "
            f"{str(error).rstrip('. ')}; pass the names of the XML files that hold its "
            "residues, or a System made elsewhere"
        ) from error


# Reading the files costs as much as relaxing twenty small molecules.
@lru_cache(maxsize=4)
def _read_forcefield(names: tuple[str, ...]) -> app.ForceField:
    try:
        return app.ForceField(*names)
    except Exception as error:  # noqa: BLE001 - just this where a file is no XML
        raise ValueError(
            f"`forcefield` is {list(names)} but OpenMM says: {error}; name XML files "
            "that ship with OpenMM or give their paths"
        ) from error


def _checked_system(system: openmm.System, atom_table: AtomTable) -> openmm.System:
    if system.getNumParticles() != atom_table.n_atoms:
        raise ValueError(
            f"`forcefield` is a System of {system.getNumParticles()} particles but the "
            f"molecule has {atom_table.describe()}; make the System from `.topology`"
        )
    return system
