"""AtomisticState: one structure, ready for OpenMM, MDAnalysis and ParmEd."""

from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import openmm
from openmm import app, unit

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.argument_checks import (
    check_mapping,
    checked_array,
    checked_beads,
    checked_box,
)
from openmm_cgvae.structures.dynamics import (
    SOLVATED_FORCEFIELD,
    Solvent,
    add_solvent,
    minimise_held,
    set_velocities,
    start_simulation,
    with_solvent,
)
from openmm_cgvae.structures.export import Exportable
from openmm_cgvae.structures.openmm_bridge import (
    ForceFieldLike,
    find_platform,
    make_state,
    make_system,
    openmm_box_vectors,
    openmm_positions,
    openmm_topology,
    shared_topology,
)
from openmm_cgvae.structures.relaxation import RelaxationSettings

__all__ = ["AtomisticState"]


@dataclass(frozen=True, eq=False)
class AtomisticState(Exportable):
    """One structure with all its atoms.

    It is written to files, to MDAnalysis and ParmEd as any
    :class:`~openmm_cgvae.structures.export.Exportable` is.

    Parameters
    ----------
    atom_table : AtomTable
        What the atoms are.
    positions_angstrom : ndarray, shape (n_atoms, 3)
        Where they are [Å].
    mapping : Mapping, optional
        The beads the structure was made from.
    bead_positions : ndarray, shape (n_beads, 3), optional
        Where these were [Å].
    box : ndarray, shape (6,), optional
        Unit cell as MDAnalysis has it [Å, degrees].
    info : mapping, optional
        Where the structure comes from: frame, time [ps], seed, sample, ...

    Examples
    --------
    >>> import MDAnalysis as mda
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
        """Check the fields."""
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
        """Return what the molecule is."""
        return f"<AtomisticState of {self.atom_table.describe()}>"

    @property
    def topology(self) -> app.Topology:
        """The OpenMM topology, shared by all states of the same atoms and box."""
        return shared_topology(
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
        """Build an OpenMM State: positions, box and time, no velocities.

        Returns
        -------
        openmm.State
            For ``context.setState(state)``.
        """
        return make_state(
            self.atom_table.masses,
            self.positions_angstrom,
            self.box,
            float(self.info.get("time", 0.0)),
        )

    def modeller(self) -> app.Modeller:
        """Build an OpenMM Modeller, to add solvent and the like.

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
        hold_beads: float = 0.0,
        bead_velocities: Any = None,
        solvate: bool | Solvent = False,
    ) -> app.Simulation:
        """Build an OpenMM Simulation that is ready to step.

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
        hold_beads : float
            Stiffness of springs that hold the beads in the simulation, until
            `dynamics.release` releases them [kJ/mol/nm^2].
        bead_velocities : array_like, shape (n_beads, 3), optional
            Velocities of the beads, such as those of the coarse-grained simulation
            that goes on here [Å/ps]. The atoms' follow them, what the beads
            leave free is drawn at the temperature, see `dynamics`. With either
            of these two the beads are held while the energy is lowered.
        solvate : bool or Solvent
            Whether to add water and ions; a `Solvent` says how
            much of what. The structure comes first among the particles. It is relaxed
            alone before and in the water afterwards, its beads held both times. The
            force field is by default Amber99SB-ILDN with TIP3P. There is no barostat.

        Returns
        -------
        openmm.app.Simulation
            With positions, box and velocities set.

        Raises
        ------
        ValueError
            If the force field does not know a residue, a System is of another size,
            there is no such platform, or beads are asked for and there is no mapping.
        """
        is_held = hold_beads > 0 or bead_velocities is not None
        is_held |= bool(solvate) and self.mapping is not None
        held = self._beads() if is_held else None
        topology, system, start = (
            self._in_solvent(forcefield, solvate, constraints, relaxes=minimise)
            if solvate
            else self._alone(forcefield, constraints, held if minimise else None)
        )
        if held:
            held = with_solvent(held[0], len(start)), held[1]
        integrator = openmm.LangevinMiddleIntegrator(temperature, friction, timestep)
        simulation = start_simulation(
            topology,
            system,
            start,
            integrator,
            find_platform(platform),
            held=held,
            k=hold_beads,
            lowers_energy=minimise and bool(solvate or not held),
            # Water is never at rest: what clashes is gone long before forces are low.
            max_iterations=RelaxationSettings.max_iterations if solvate else 0,
        )
        simulation.context.setVelocitiesToTemperature(temperature)
        if held and bead_velocities is not None:
            tolerance = integrator.getConstraintTolerance()
            simulation.context.applyConstraints(tolerance)
            set_velocities(simulation, held[0], bead_velocities, temperature)
        return simulation

    def _alone(
        self,
        forcefield: ForceFieldLike,
        constraints: Any,
        held: tuple[Mapping, np.ndarray] | None,
    ) -> tuple[app.Topology, openmm.System, np.ndarray]:
        """Build what a simulation without solvent needs, relaxed if beads are held."""
        system = make_system(
            self.atom_table, forcefield, box=self.box, constraints=constraints
        )
        box = self.box if system.usesPeriodicBoundaryConditions() else None
        start = self.positions_angstrom
        if held:
            start = minimise_held(system, start, *held, box)
        return openmm_topology(self.atom_table, box), system, start

    def _in_solvent(
        self,
        forcefield: ForceFieldLike,
        solvate: bool | Solvent,  # noqa: FBT001 - as users give it
        constraints: Any,
        *,
        relaxes: bool,
    ) -> tuple[app.Topology, openmm.System, np.ndarray]:
        """Build what a simulation in solvent needs, relaxed before that is added."""
        state = self
        if relaxes and self.mapping is not None:
            # Water placed around strained atoms would be in the way of relaxed ones.
            field = SOLVATED_FORCEFIELD if forcefield is None else forcefield
            alone = self._alone(field, constraints, self._beads())
            state = replace(self, positions_angstrom=alone[2])
        solvent = solvate if isinstance(solvate, Solvent) else None
        solvated = add_solvent(state.modeller(), forcefield, solvent, constraints)
        return solvated.topology, solvated.system, solvated.positions

    def _beads(self) -> tuple[Mapping, np.ndarray]:
        if self.mapping is None:
            raise ValueError(
                "`hold_beads` and `bead_velocities` need to know what the beads are, "
                "but the state has no `mapping`; make it with one"
            )
        if self.bead_positions is not None:
            return self.mapping, self.bead_positions
        return self.mapping, self.mapping.project(self.positions_angstrom)

    def _as_samples(self) -> tuple[np.ndarray, np.ndarray | None]:
        box = self.box
        return self.positions_angstrom[None], None if box is None else box[None]
