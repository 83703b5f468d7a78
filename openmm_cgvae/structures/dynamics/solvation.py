"""Solvation: water and ions around a structure, added by OpenMM's Modeller."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import openmm
from openmm import app, unit

from openmm_cgvae._runtime.records import Record
from openmm_cgvae._runtime.rules import Choices, Limits
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.structures.openmm_bridge import (
    ForceFieldLike,
    load_forcefield,
    periodic_options,
)

__all__ = ["SOLVATED_FORCEFIELD", "Solvated", "Solvent", "add_solvent", "with_solvent"]

SOLVATED_FORCEFIELD = ("amber99sbildn.xml", "tip3p.xml")
# OpenMM itself tells of those that are scripts.
IMPLICIT_GENERATORS = (
    app.forcefield.GBSAOBCGenerator,
    app.forcefield.CustomGBGenerator,
)
WATER_MODELS = ("tip3p", "spce", "tip4pew", "tip5p", "swm4ndp")
BOX_SHAPES = ("cube", "dodecahedron", "octahedron")


@dataclass(frozen=True, kw_only=True)
class Solvent(Record):
    """What a structure is put into.

    Parameters
    ----------
    padding : float
        Least distance between the structure and its next image [Å]. A
        structure with a box keeps that and needs no padding.
    ionic_strength : float
        Concentration of salt on top of the ions that make the whole neutral
        [mol/l].
    water : {"tip3p", "spce", "tip4pew", "tip5p", "swm4ndp"}
        Where water molecules are placed, and with how many sites; the force field
        has to be for as many.
    shape : {"cube", "dodecahedron", "octahedron"}
        Of the box that padding makes.
    positive_ion, negative_ion : str
        Kinds of ions.

    Raises
    ------
    ValueError
        If a value is not possible.

    Examples
    --------
    >>> Solvent(ionic_strength=0.15).padding
    10.0
    """

    padding: Annotated[
        float, Limits(positive=True, unit="Å", advice="10 Å is usual")
    ] = 10.0
    ionic_strength: Annotated[float, Limits(least=0, unit="mol/l")] = 0.0
    water: Annotated[str, Choices(WATER_MODELS)] = "tip3p"
    shape: Annotated[str, Choices(BOX_SHAPES)] = "cube"
    positive_ion: str = "Na+"
    negative_ion: str = "Cl-"


@dataclass(frozen=True, eq=False)
class Solvated:
    """A structure in water: what OpenMM needs of it.

    Parameters
    ----------
    topology : openmm.app.Topology
        The structure first, then waters and ions.
    system : openmm.System
        With particle-mesh Ewald.
    positions : ndarray, shape (n_particles, 3)
        Where all of it is [Å]; the structure where it was.
    """

    topology: app.Topology
    system: openmm.System
    positions: np.ndarray


def add_solvent(
    modeller: app.Modeller,
    forcefield: ForceFieldLike = None,
    solvent: Solvent | None = None,
    constraints: Any = None,
) -> Solvated:
    """Add water and ions around a structure.

    Parameters
    ----------
    modeller : openmm.app.Modeller
        The structure, see `AtomisticState.modeller`; water and ions are added to it.
        If it has a box that is filled, otherwise one is made.
    forcefield : ForceField, str or sequence of str, optional
        One that knows water and ions too; by default Amber99SB-ILDN with TIP3P.
    solvent : Solvent, optional
        What is added.
    constraints : object, optional
        Bonds of the structure that are kept rigid; water always is.

    Returns
    -------
    Solvated
        Topology, System and positions.

    Raises
    ------
    ValueError
        If the force field has no water, a solvent of its own, or is a System.
    """
    solvent = Solvent() if solvent is None else solvent
    if isinstance(forcefield, openmm.System):
        raise ValueError(
            "`forcefield` is a System, to which no water can be added; name the XML "
            f"files of a force field, such as {SOLVATED_FORCEFIELD}"
        )
    field = load_forcefield(SOLVATED_FORCEFIELD if forcefield is None else forcefield)
    if any(isinstance(part, IMPLICIT_GENERATORS) for part in field.getGenerators()):
        raise ValueError(
            "`forcefield` has an implicit solvent, which makes no sense together with "
            f"water; leave out its file, as in {SOLVATED_FORCEFIELD}"
        )
    size: dict[str, Any] = {}
    if modeller.topology.getPeriodicBoxVectors() is None:
        size["padding"] = solvent.padding * unit.angstrom
    try:
        modeller.addSolvent(
            field,
            model=solvent.water,
            boxShape=solvent.shape,
            positiveIon=solvent.positive_ion,
            negativeIon=solvent.negative_ion,
            ionicStrength=solvent.ionic_strength * unit.molar,
            **size,
        )
        options = periodic_options(modeller.topology)
        options["constraints"] = constraints
        system = field.createSystem(modeller.topology, **options)
    except ValueError as error:
        raise ValueError(
            "`forcefield` cannot describe the structure in water, OpenMM says: "
            f"{str(error).rstrip('. ')}; name XML files that know its residues, water "
            f"and ions, such as {SOLVATED_FORCEFIELD}"
        ) from error
    positions = np.array(modeller.positions.value_in_unit(unit.angstrom))
    return Solvated(modeller.topology, system, positions)


def with_solvent(mapping: Mapping, n_particles: int) -> Mapping:
    """Return a mapping that counts solvent, which no bead feels.

    Parameters
    ----------
    mapping : Mapping
        Of the structure.
    n_particles : int
        Of the structure and its solvent.

    Returns
    -------
    Mapping
        The same beads, of the first atoms; all others have no weight.

    Examples
    --------
    >>> with_solvent(Mapping([0, 1]), 4).weights.tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    n_others = n_particles - mapping.n_atoms
    if not n_others:
        return mapping
    return Mapping(
        np.pad(mapping.bead_of_atom, (0, n_others)),
        np.pad(mapping.weights, (0, n_others)),
        bead_names=mapping.bead_names,
    )
