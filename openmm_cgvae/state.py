"""One atomistic structure, ready for OpenMM, MDAnalysis and ParmEd."""

import os
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import MDAnalysis as mda
import numpy as np
import openmm
import parmed
from openmm import app, unit

from openmm_cgvae.export import make_parmed, make_universe, write_structures
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.openmm_system import (
    ForceFieldLike,
    find_platform,
    make_system,
    openmm_box_vectors,
    openmm_positions,
    openmm_topology,
)
from openmm_cgvae.topology import AtomTable

__all__ = [
    "AtomisticState",
    "check_mapping",
    "checked_array",
    "checked_beads",
    "checked_box",
]


@dataclass(frozen=True, eq=False)
class AtomisticState:
    """One structure with all its atoms.

    Parameters
    ----------
    atom_table : AtomTable
        What the atoms are.
    positions_angstrom : ndarray, shape (n_atoms, 3)
        Where they are [Angstrom].
    mapping : Mapping, optional
        The beads the structure was made from.
    bead_positions : ndarray, shape (n_beads, 3), optional
        Where these were [Angstrom].
    box : ndarray, shape (6,), optional
        Unit cell as MDAnalysis has it [Angstrom, degrees].
    info : mapping, optional
        Where the structure comes from: frame, time [ps], seed, sample, ...

    Examples
    --------
    >>> from openmm_cgvae.data import data_path
    >>> pdb = mda.Universe(app.PDBFile(str(data_path("alanine-dipeptide.pdb"))))
    >>> state = AtomisticState(AtomTable.from_universe(pdb), pdb.atoms.positions)
    >>> state
    <AtomisticState of 22 atoms (ACE ALA NME)>
    >>> state.topology
    <Topology; 1 chains, 3 residues, 22 atoms, 21 bonds>
    >>> simulation = state.simulation(platform="Reference")
    >>> simulation.step(5)
    """

    atom_table: AtomTable
    positions_angstrom: np.ndarray
    mapping: Mapping | None = None
    bead_positions: np.ndarray | None = None
    box: np.ndarray | None = None
    info: MappingABC[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that everything fits together."""
        table = self.atom_table
        positions = checked_array(
            "positions_angstrom", self.positions_angstrom, (table.n_atoms, 3)
        )
        check_mapping(self.mapping, table)
        beads = checked_beads(self.bead_positions, self.mapping, None)
        object.__setattr__(self, "positions_angstrom", positions)
        object.__setattr__(self, "bead_positions", beads)
        object.__setattr__(self, "box", checked_box(self.box, None))

    def __repr__(self) -> str:
        """Say what the molecule is."""
        return f"<AtomisticState of {self.atom_table.describe()}>"

    @property
    def topology(self) -> app.Topology:
        """The OpenMM topology, shared by all states of the same atoms and box."""
        return _shared_topology(
            self.atom_table, None if self.box is None else tuple(self.box.tolist())
        )

    @property
    def positions(self) -> unit.Quantity:
        """Positions as OpenMM takes them, an array in nanometre."""
        return openmm_positions(self.positions_angstrom)

    @property
    def box_vectors(self) -> unit.Quantity | None:
        """The reduced box vectors [nm], or None if there is no box."""
        return openmm_box_vectors(self.box)

    def to_openmm_state(self) -> openmm.State:
        """Make an OpenMM State: positions, box and time, no velocities.

        Returns
        -------
        openmm.State
            For ``context.setState(state)``.
        """
        # A State cannot be built by hand, only taken from a Context.
        system = openmm.System()
        for mass in self.atom_table.masses.tolist():
            system.addParticle(mass)
        if self.box_vectors is not None:
            system.setDefaultPeriodicBoxVectors(*self.box_vectors)
        context = openmm.Context(
            system,
            openmm.VerletIntegrator(0.001),
            openmm.Platform.getPlatformByName("Reference"),
        )
        context.setPositions(self.positions)
        context.setTime(float(self.info.get("time", 0.0)))
        return context.getState(positions=True)

    def modeller(self) -> app.Modeller:
        """Make an OpenMM Modeller, to add solvent and the like.

        Returns
        -------
        openmm.app.Modeller
            Topology and positions; changing it leaves the state as it is.
        """
        vectors = [openmm.Vec3(*row) for row in self.positions._value.tolist()]
        topology = openmm_topology(self.atom_table, self.box)
        return app.Modeller(topology, unit.Quantity(vectors, unit.nanometer))

    def simulation(  # noqa: PLR0913 - the settings of a simulation
        self,
        forcefield: ForceFieldLike = None,
        *,
        temperature: Any = 300.0,
        timestep: Any = 0.002,
        friction: Any = 1.0,
        platform: openmm.Platform | str | None = None,
        constraints: Any = app.HBonds,
        minimise: bool = True,
    ) -> app.Simulation:
        """Make an OpenMM Simulation that is ready to step.

        Parameters
        ----------
        forcefield : ForceField, System, str or sequence of str, optional
            A force field, the names of its XML files, or a ready System. By default
            Amber99SB-ILDN in OBC implicit solvent. Without implicit solvent a state
            with a box gets particle-mesh Ewald, one without a box all pairs.
        temperature : float or Quantity
            Of the Langevin bath and of the velocities [K].
        timestep : float or Quantity
            Step of the integrator [ps].
        friction : float or Quantity
            Coupling to the bath [1/ps].
        platform : openmm.Platform or str, optional
            By default the fastest OpenMM finds.
        constraints : object, optional
            Bonds that are kept rigid; not read for a ready System.
        minimise : bool
            Whether to lower the energy first. A generated structure is not at rest,
            and velocities on top of its strain would blow it apart.

        Returns
        -------
        openmm.app.Simulation
            With positions, box and velocities set.

        Raises
        ------
        ValueError
            If the force field does not know a residue, a System is of another size
            or there is no such platform.
        """
        system = make_system(
            self.atom_table, forcefield, box=self.box, constraints=constraints
        )
        integrator = openmm.LangevinMiddleIntegrator(temperature, friction, timestep)
        is_periodic = system.usesPeriodicBoundaryConditions()
        box = self.box if is_periodic else None
        topology = openmm_topology(self.atom_table, box)
        simulation = app.Simulation(
            topology, system, integrator, find_platform(platform)
        )
        vectors = openmm_box_vectors(box)
        if vectors is not None:
            simulation.context.setPeriodicBoxVectors(*vectors)
        simulation.context.setPositions(self.positions)
        if minimise:
            simulation.minimizeEnergy()
        simulation.context.setVelocitiesToTemperature(temperature)
        return simulation

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the structure to any format MDAnalysis writes.

        Parameters
        ----------
        path : path-like
            The ending tells the format; the file is replaced in one step.

        Raises
        ------
        ValueError
            If MDAnalysis has no writer for the ending.
        """
        write_structures(self.atom_table, *self._as_samples(), path)

    def to_universe(self) -> mda.Universe:
        """Make an in-memory universe of one frame.

        Returns
        -------
        MDAnalysis.Universe
            See :meth:`AtomisticEnsemble.to_universe`.
        """
        return make_universe(self.atom_table, *self._as_samples())

    def to_parmed(self, forcefield: ForceFieldLike = None) -> parmed.Structure:
        """Make a ParmEd structure.

        Parameters
        ----------
        forcefield : ForceField, System, str or sequence of str, optional
            If given, the structure has its parameters.

        Returns
        -------
        parmed.Structure
            See :meth:`AtomisticEnsemble.to_parmed`.
        """
        positions = self.positions_angstrom[None]
        return make_parmed(self.atom_table, positions, self.box, forcefield)

    def _as_samples(self) -> tuple[np.ndarray, np.ndarray | None]:
        box = self.box
        return self.positions_angstrom[None], None if box is None else box[None]


def checked_array(name: str, values: Any, shape: tuple[int | None, ...]) -> np.ndarray:
    """Return values as a read-only float64 array of this shape, None for any length.

    Raises
    ------
    ValueError
        If the shape is another or a value is not finite.

    Examples
    --------
    >>> checked_array("positions", [[0, 1, 2]], (None, 3))
    array([[0., 1., 2.]])
    """
    # Nobody can change a read-only array under us; others are copied.
    is_frozen = isinstance(values, np.ndarray) and not values.flags.writeable
    make = np.asarray if is_frozen else np.array
    array = make(values, dtype=np.float64)
    fits = array.ndim == len(shape) and all(
        wanted in (None, length)
        for length, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(
            f"`{name}` has shape {array.shape} but must be ({wanted}); check that it "
            "belongs to this molecule"
        )
    if not np.isfinite(array).all():
        n_bad = int((~np.isfinite(array)).sum())
        raise ValueError(
            f"`{name}` holds {n_bad} numbers that are nan or infinite but all must be "
            "finite; look for what went wrong where they were made"
        )
    array.setflags(write=False)
    return array


def check_mapping(mapping: Mapping | None, atom_table: AtomTable) -> None:
    """Check that a mapping is one of this molecule.

    Raises
    ------
    ValueError
        If it has another number of atoms.
    """
    if mapping is not None and mapping.n_atoms != atom_table.n_atoms:
        raise ValueError(
            f"`mapping` is for {mapping.n_atoms} atoms but the molecule has "
            f"{atom_table.describe()}; give the mapping of this molecule"
        )


def checked_beads(
    bead_positions: Any, mapping: Mapping | None, n_samples: int | None
) -> np.ndarray | None:
    """Return the beads as a read-only array, one set a sample if there are samples.

    Raises
    ------
    ValueError
        If there is no mapping or a shape does not fit.
    """
    if bead_positions is None:
        return None
    if mapping is None:
        raise ValueError(
            "`bead_positions` were given without `mapping`, which says what the beads "
            "are; give both or neither"
        )
    shape = (mapping.n_beads, 3)
    if n_samples is None:
        return checked_array("bead_positions", bead_positions, shape)
    if np.ndim(bead_positions) == len(shape):
        bead_positions = np.broadcast_to(bead_positions, (n_samples, *shape))
    return checked_array("bead_positions", bead_positions, (n_samples, *shape))


def checked_box(box: Any, n_samples: int | None) -> np.ndarray | None:
    """Return the box as a read-only array, one a sample if there are samples.

    Zeros become None, as formats without a box write them.

    Raises
    ------
    ValueError
        If the shape does not fit.
    """
    if box is None or not np.any(box):
        return None
    if n_samples is None:
        return checked_array("box", box, (6,))
    if np.ndim(box) == 1:
        box = np.broadcast_to(box, (n_samples, len(box)))
    return checked_array("box", box, (n_samples, 6))


# A topology takes as long to build as a small molecule to relax.
@lru_cache(maxsize=16)
def _shared_topology(
    atom_table: AtomTable, box: tuple[float, ...] | None
) -> app.Topology:
    return openmm_topology(atom_table, None if box is None else np.array(box))
