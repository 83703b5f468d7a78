"""What OpenMM calls a molecule: its Topology, its box vectors, its System.

The package computes in Angstrom and OpenMM in nanometre; positions and boxes cross
that border here and in the rooms above, never below.
"""

import copy
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import openmm
from MDAnalysis.lib.mdamath import triclinic_vectors
from openmm import app, unit
from openmm.app.internal.unitcell import reducePeriodicBoxVectors

from openmm_cgvae.topology import AtomTable
from openmm_cgvae.units import ANGSTROM_PER_NM, NM_PER_ANGSTROM

__all__ = [
    "DEFAULT_FORCEFIELD",
    "ForceFieldLike",
    "find_platform",
    "load_forcefield",
    "make_system",
    "openmm_box_vectors",
    "openmm_positions",
    "openmm_topology",
    "periodic_options",
    "soft_sphere_system",
]

# The implicit solvent of amber99_obc.xml is native code in OpenMM: ten times faster
# than the generalised Born models written as custom forces.
DEFAULT_FORCEFIELD = ("amber99sbildn.xml", "amber99_obc.xml")
IMPLICIT_SOLVENTS = (openmm.GBSAOBCForce, openmm.CustomGBForce)
CUTOFF_NM = 1.0
# OpenMM wants a cutoff below half of the box; leave room for a shrinking one.
LARGEST_CUTOFF_PER_BOX_EDGE = 0.45
# A smaller cutoff would leave out what atoms that touch do to each other.
SMALLEST_CUTOFF_NM = 0.45
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

ForceFieldLike: TypeAlias = app.ForceField | openmm.System | Sequence[str] | str | None


def openmm_topology(
    atom_table: AtomTable,
    box: np.ndarray | None = None,
    *,
    chain_keys: Sequence[Hashable] | None = None,
) -> app.Topology:
    """Make the OpenMM topology of a molecule.

    Numbers and insertion codes of residues, chains and bonds are kept, which a
    detour through a PDB file would not do for every molecule.

    Parameters
    ----------
    atom_table : AtomTable
        The molecule. Atoms of atomic number 0 (beads) get no element.
    box : ndarray, shape (6,), optional
        Unit cell as MDAnalysis has it [Angstrom, degrees].
    chain_keys : sequence, optional
        One per residue; a new chain starts where the key changes. The chain
        identifiers of the table by default.

    Returns
    -------
    openmm.app.Topology
        Atoms in the order of the table.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> from openmm_cgvae.data import data_path
    >>> pdb = app.PDBFile(str(data_path("alanine-dipeptide.pdb")))
    >>> openmm_topology(AtomTable.from_universe(mda.Universe(pdb)))
    <Topology; 1 chains, 3 residues, 22 atoms, 21 bonds>
    """
    topology = app.Topology()
    keys = atom_table.chain_ids if chain_keys is None else chain_keys
    residues: list[Any] = []
    chain = None
    for index, key in enumerate(keys):
        if chain is None or key != keys[index - 1]:
            chain = topology.addChain(atom_table.chain_ids[index])
        residues.append(
            topology.addResidue(
                atom_table.residue_names[index],
                chain,
                str(atom_table.residue_ids[index]),
                atom_table.insertion_codes[index],
            )
        )
    elements = [
        app.Element.getByAtomicNumber(number) if number else None
        for number in atom_table.atomic_numbers.tolist()
    ]
    atoms = [
        topology.addAtom(name, element, residues[residue])
        for name, element, residue in zip(
            atom_table.names,
            elements,
            atom_table.residue_of_atom.tolist(),
            strict=True,
        )
    ]
    for i, j in atom_table.bonds.tolist():
        topology.addBond(atoms[i], atoms[j])
    topology.setPeriodicBoxVectors(openmm_box_vectors(box))
    return topology


def openmm_positions(positions: np.ndarray) -> unit.Quantity:
    """Convert positions [Angstrom], shape (n_atoms, 3), to a Quantity in nm.

    Examples
    --------
    >>> openmm_positions(np.array([[10.0, 0.0, 0.0]]))
    [[1. 0. 0.]] nm
    """
    # Always float64 and numpy: OpenMM crashes on tensors and mixes badly with float32.
    in_nm = np.asarray(positions, dtype=np.float64) * NM_PER_ANGSTROM
    return unit.Quantity(in_nm, unit.nanometer)


def openmm_box_vectors(box: np.ndarray | None) -> unit.Quantity | None:
    """Convert a unit cell to OpenMM's reduced box vectors.

    Parameters
    ----------
    box : ndarray, shape (6,), or None
        Lengths and angles [Angstrom, degrees]; None or zeros mean no box.

    Returns
    -------
    Quantity of three Vec3, or None
        The vectors in the reduced form that OpenMM asks for [nm].

    Examples
    --------
    >>> vectors = openmm_box_vectors(np.array([20.0, 30.0, 40.0, 90.0, 90.0, 90.0]))
    >>> vectors[1]
    Vec3(x=0.0, y=3.0, z=0.0) nm
    """
    if box is None or not np.any(box):
        return None
    # Python floats: a float32 inside a Vec3 is refused later, deep inside OpenMM.
    rows = (triclinic_vectors(box).astype(np.float64) * NM_PER_ANGSTROM).tolist()
    vectors = [openmm.Vec3(*row) for row in rows]
    return reducePeriodicBoxVectors(unit.Quantity(vectors, unit.nanometer))


def make_system(
    atom_table: AtomTable,
    forcefield: ForceFieldLike = None,
    *,
    box: np.ndarray | None = None,
    constraints: Any = None,
) -> openmm.System:
    """Give a molecule its forces.

    Parameters
    ----------
    atom_table : AtomTable
        The molecule, with all its hydrogens.
    forcefield : ForceField, System, str or sequence of str, optional
        A force field, the names of its XML files, or a ready System, which is
        returned as it is. By default Amber99SB-ILDN in OBC implicit solvent.
    box : ndarray, shape (6,), optional
        Unit cell [Angstrom, degrees]. With one, electrostatics are particle-mesh
        Ewald; without one, and in implicit solvent, which has no box, all pairs
        interact.
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
    if box is None or is_implicit:
        return system
    return _create_system(field, atom_table, box, constraints)


def find_platform(platform: openmm.Platform | str | None) -> openmm.Platform | None:
    """Find an OpenMM platform by name; None and a Platform are returned as they are.

    Raises
    ------
    ValueError
        If there is no platform of this name.

    Examples
    --------
    >>> find_platform("Reference").getName()
    'Reference'
    """
    if not isinstance(platform, str):
        return platform
    names = [
        openmm.Platform.getPlatform(index).getName()
        for index in range(openmm.Platform.getNumPlatforms())
    ]
    if platform not in names:
        raise ValueError(
            f"`platform` is {platform!r} but OpenMM has {', '.join(names)} here; "
            "name one of these, or pass None to have one chosen"
        )
    return openmm.Platform.getPlatformByName(platform)


def periodic_options(topology: app.Topology) -> dict[str, Any]:
    """Give what `ForceField.createSystem` has to be told of a box.

    Parameters
    ----------
    topology : openmm.app.Topology
        With box vectors.

    Returns
    -------
    dict
        Particle-mesh Ewald and a cutoff that fits into the box.

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
    cutoff = min(CUTOFF_NM, largest) * unit.nanometer
    return {"nonbondedMethod": app.PME, "nonbondedCutoff": cutoff}


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


def soft_sphere_system(system: openmm.System) -> openmm.System:
    """Copy a System, soft spheres in place of its charges and dispersion.

    Atoms more than three bonds apart repel each other gently below 2.2 Angstrom, so
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


def _create_system(
    field: app.ForceField,
    atom_table: AtomTable,
    box: np.ndarray | None,
    constraints: Any,
) -> openmm.System:
    topology = openmm_topology(atom_table, box)
    options: dict[str, Any] = {"constraints": constraints}
    if box is None:
        options["nonbondedMethod"] = app.NoCutoff
    else:
        options.update(periodic_options(topology))
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
    except ValueError as error:
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


def _bonds_of(system: openmm.System) -> list[tuple[int, int]]:
    """List the bonds that the forces and constraints of a System know."""
    bonds = []
    for force in system.getForces():
        if isinstance(force, openmm.HarmonicBondForce | openmm.CustomBondForce):
            for index in range(force.getNumBonds()):
                bonds.append(tuple(force.getBondParameters(index)[:2]))
    for index in range(system.getNumConstraints()):
        bonds.append(tuple(system.getConstraintParameters(index)[:2]))
    return bonds
