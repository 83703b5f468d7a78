r"""Restrained minimisation: lower the energy of a sample, its beads held.

Every bead is held by a harmonic spring between the weighted centre of its atoms and
the position it had,

.. math::

    E_\mathrm{restraint} = \frac{k}{2} \sum_I
        \Bigl| \sum_{i \in C_I} w_i \mathbf{x}_i - \mathbf{X}_I \Bigr|^2,

and OpenMM's own minimiser does the rest. One Context serves all samples.
"""

import copy
from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np
import openmm

from openmm_cgvae._runtime.arguments import checked_count
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.structures.openmm_bridge import (
    find_platform,
    openmm_box_vectors,
    openmm_positions,
    soft_sphere_system,
)
from openmm_cgvae.structures.openmm_bridge.platforms import LARGEST_REFERENCE_SYSTEM
from openmm_cgvae.structures.openmm_bridge.units import ANGSTROM_PER_NM, NM_PER_ANGSTROM

__all__ = ["BeadRestraint", "Minimiser", "Outcome", "RelaxationSettings"]

# Custom forces are interpreted on the Reference platform and never worth it.
INTERPRETED_FORCES = (openmm.CustomGBForce, openmm.CustomNonbondedForce)
# Atoms start to clash where bonds are strained by this much; 0.2 Å of noise on every
# coordinate makes about 200.
CLASH_ENERGY_PER_ATOM = 1000.0  # kJ/mol
JITTER_ANGSTROM = 0.1
RESTRAINT_GROUP = 31
FORCEFIELD_GROUPS = set(range(RESTRAINT_GROUP))
PLATEAU_ITERATIONS = 10


@no_type_check  # wrong values are refused by a message
@dataclass(frozen=True, kw_only=True)
class RelaxationSettings:
    """Settings of a restrained relaxation.

    Parameters
    ----------
    k : float
        Stiffness of the spring that holds a bead [kJ/mol/nm^2]. The default lets
        beads move by hundredths of an Å; ten times more costs more iterations
        than it is worth, see `recentre`.
    tolerance : float
        Stop when the root mean square force on an atom is lower [kJ/mol/nm].
    max_iterations : int
        Stop after so many iterations at the latest, in each of the two stages. Where
        bonds are constrained, OpenMM minimises in rounds; when the iterations are
        used up, each further round has one.
    energy_tolerance : float
        Stop when ten iterations lower the energy by less [kJ/mol]; the default is a
        twelfth of kT. 0 leaves `tolerance` to decide alone.
    soft_start : bool or "auto"
        Whether atoms are first pulled apart by bonds and soft spheres, without
        charges and dispersion. "auto" does so for samples of very high energy.
    recentre : bool
        Whether beads are put back exactly afterwards, by moving their atoms.
    platform : openmm.Platform or str, optional
        By default Reference for small systems and CPU with one thread for others.

    Examples
    --------
    >>> RelaxationSettings(recentre=True).k
    1000000.0
    """

    k: float = 1.0e6
    tolerance: float = 10.0
    max_iterations: int = 500
    energy_tolerance: float = 0.2
    soft_start: bool | str = "auto"
    recentre: bool = False
    platform: openmm.Platform | str | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        for name in ("k", "tolerance", "max_iterations"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(
                    f"`{name}` is {getattr(self, name)} but must be positive"
                    f"{' and finite' if getattr(self, name) > 0 else ''}; leave it out "
                    "to have the default"
                )
        checked_count("max_iterations", self.max_iterations, "leave it out to have 500")
        if not 0 <= self.energy_tolerance < np.inf:
            raise ValueError(
                f"`energy_tolerance` is {self.energy_tolerance} but must be 0 or more"
                f"{' and finite' if self.energy_tolerance > 0 else ''}; give 0 to stop "
                "on forces alone"
            )
        if self.soft_start not in (True, False, "auto"):
            raise ValueError(
                f"`soft_start` is {self.soft_start!r} but must be True, False or "
                "'auto'; leave it out to have 'auto'"
            )


@dataclass(frozen=True)
class Outcome:
    """One relaxed sample: its positions, energies and displacements."""

    positions: np.ndarray
    energy_before: float
    energy_after: float
    atom_shift: float
    bead_shift: float
    converged: bool
    n_iterations: int


class _Watch(openmm.MinimizationReporter):
    """Count iterations, and stop where the energy no longer falls."""

    def __init__(self, energy_tolerance: float, max_iterations: int) -> None:
        super().__init__()
        self.energy_tolerance = energy_tolerance
        self.max_iterations = max_iterations
        self.energies: list[float] = []
        self.reached_plateau = False
        self.failed = False

    def report(self, iteration: int, x: Any, grad: Any, args: Any) -> bool:  # noqa: ARG002
        energies = self.energies
        energies.append(args["system energy"])
        if len(energies) > PLATEAU_ITERATIONS:
            fall = energies[-1 - PLATEAU_ITERATIONS] - energies[-1]
            self.reached_plateau = 0 <= fall < self.energy_tolerance
        return self.reached_plateau or len(energies) >= self.max_iterations


class BeadRestraint:
    """The springs of the beads in one System, and then in its Context."""

    def __init__(self, system: openmm.System, mapping: Mapping, k: float) -> None:
        # A polynomial, since the gradient of a distance is undefined where it is zero,
        # and zero is where every bead starts.
        force = openmm.CustomCentroidBondForce(
            1, "0.5*bead_k*((x1-x0)^2+(y1-y0)^2+(z1-z0)^2)"
        )
        force.addGlobalParameter("bead_k", k)
        for name in ("x0", "y0", "z0"):
            force.addPerBondParameter(name)
        for bead in range(mapping.n_beads):
            atoms = mapping.atoms_of_bead(bead)
            atoms = atoms[mapping.weights[atoms] > 0]
            force.addGroup(atoms.tolist(), mapping.weights[atoms].tolist())
            force.addBond([bead], [0.0, 0.0, 0.0])
        force.setForceGroup(RESTRAINT_GROUP)
        force.setUsesPeriodicBoundaryConditions(system.usesPeriodicBoundaryConditions())
        system.addForce(force)
        self.force = force

    def hold(self, context: openmm.Context, bead_positions: np.ndarray) -> None:
        """Set the positions that the beads are tied to [Å]."""
        targets = np.asarray(bead_positions, dtype=np.float64) * NM_PER_ANGSTROM
        for bead, target in enumerate(targets.tolist()):
            self.force.setBondParameters(bead, [bead], target)
        self.force.updateParametersInContext(context)


class _Stage:
    """A System, its springs and its one Context."""

    def __init__(
        self,
        system: openmm.System,
        mapping: Mapping | None,
        settings: RelaxationSettings,
    ) -> None:
        self.settings = settings
        self.restraint = None
        if mapping is not None:
            self.restraint = BeadRestraint(system, mapping, settings.k)
        self.is_periodic = system.usesPeriodicBoundaryConditions()
        self.context = _make_context(system, find_platform(settings.platform))

    def set_positions(
        self,
        positions: np.ndarray,
        bead_positions: np.ndarray | None,
        box: np.ndarray | None,
    ) -> None:
        """Set atoms, targets of the beads, and the box."""
        vectors = openmm_box_vectors(box) if self.is_periodic else None
        if vectors is not None:
            self.context.setPeriodicBoxVectors(*vectors)
        if self.restraint is not None and bead_positions is not None:
            self.restraint.hold(self.context, bead_positions)
        self.context.setPositions(openmm_positions(positions))

    def energy(self) -> float:
        """Return the energy without the springs [kJ/mol]."""
        state = self.context.getState(energy=True, groups=FORCEFIELD_GROUPS)
        return state.getPotentialEnergy()._value

    def positions(self) -> np.ndarray:
        """Return the positions of the atoms [Å]."""
        state = self.context.getState(positions=True)
        return state.getPositions(asNumpy=True)._value * ANGSTROM_PER_NM

    def minimise(self) -> _Watch:
        """Minimise the energy."""
        settings = self.settings
        watch = _Watch(settings.energy_tolerance, settings.max_iterations)
        try:
            openmm.LocalEnergyMinimizer.minimize(
                self.context,
                self.settings.tolerance,
                self.settings.max_iterations,
                watch,
            )
        except openmm.OpenMMException as error:
            # One hopeless sample must not take the others with it.
            if "NaN" not in str(error):
                raise
            watch.failed = True
        watch.failed |= not np.isfinite(self.positions()).all()
        return watch

    def has_low_forces(self) -> bool:
        """Return whether the root mean square force is below the tolerance."""
        forces = self.context.getState(forces=True).getForces(asNumpy=True)._value
        per_atom = np.square(forces).sum(axis=1)
        return bool(np.sqrt(per_atom.mean()) <= self.settings.tolerance)


class Minimiser:
    """Relaxes one sample after the other, all in the same Contexts."""

    def __init__(
        self,
        system: openmm.System,
        mapping: Mapping | None,
        settings: RelaxationSettings,
    ) -> None:
        self.system = system
        self.mapping = mapping
        self.settings = settings
        self.stage = _Stage(_regrouped(system), mapping, settings)
        self.soft_stage: _Stage | None = None

    def relax(
        self,
        start: np.ndarray,
        bead_positions: np.ndarray | None,
        box: np.ndarray | None,
    ) -> Outcome:
        """Relax one sample."""
        start = np.asarray(start, dtype=np.float64)
        self.stage.set_positions(start, bead_positions, box)
        energy_before = self.stage.energy()
        n_iterations = 0
        if self._starts_softly(energy_before):
            begin = start if np.isfinite(energy_before) else _jittered(start)
            softened, n_iterations = self._soften(begin, bead_positions, box)
            self.stage.set_positions(softened, bead_positions, box)
        watch = self.stage.minimise()
        if watch.failed:
            # Return it as it came.
            self.stage.set_positions(start, bead_positions, box)
        relaxed = start if watch.failed else self.stage.positions()
        converged = watch.reached_plateau or self.stage.has_low_forces()
        bead_shift = np.nan
        if self.mapping is not None and bead_positions is not None:
            missing = bead_positions - self.mapping.project(relaxed)
            if self.settings.recentre:
                relaxed = relaxed + self.mapping.lift(missing)
                self.stage.context.setPositions(openmm_positions(relaxed))
                missing = bead_positions - self.mapping.project(relaxed)
            bead_shift = float(np.linalg.norm(missing, axis=1).max())
        return Outcome(
            positions=relaxed,
            energy_before=energy_before,
            energy_after=self.stage.energy(),
            atom_shift=float(np.linalg.norm(relaxed - start, axis=1).max()),
            bead_shift=bead_shift,
            converged=converged and not watch.failed,
            n_iterations=n_iterations + len(watch.energies),
        )

    def _starts_softly(self, energy: float) -> bool:
        if isinstance(self.settings.soft_start, bool):
            return self.settings.soft_start
        limit = CLASH_ENERGY_PER_ATOM * self.system.getNumParticles()
        return not energy < limit

    def _soften(
        self,
        start: np.ndarray,
        bead_positions: np.ndarray | None,
        box: np.ndarray | None,
    ) -> tuple[np.ndarray, int]:
        """Minimise with bonds and soft spheres alone."""
        if self.soft_stage is None:
            self.soft_stage = _Stage(
                _regrouped(soft_sphere_system(self.system)), self.mapping, self.settings
            )
        self.soft_stage.set_positions(start, bead_positions, box)
        watch = self.soft_stage.minimise()
        softened = start if watch.failed else self.soft_stage.positions()
        return softened, len(watch.energies)


def _jittered(positions: np.ndarray) -> np.ndarray:
    """Return positions with noise, since no force parts atoms in the same point."""
    generator = np.random.default_rng(0)
    return positions + generator.normal(0.0, JITTER_ANGSTROM, positions.shape)


def _regrouped(system: openmm.System) -> openmm.System:
    """Build a copy of the System that leaves the force group of the springs free."""
    system = copy.deepcopy(system)
    for force in system.getForces():
        force.setForceGroup(0)
    return system


def _make_context(
    system: openmm.System, platform: openmm.Platform | None
) -> openmm.Context:
    # The integrator never steps; a Context has to have one.
    integrator = openmm.VerletIntegrator(0.001)
    if platform is not None:
        return openmm.Context(system, integrator, platform)
    is_small = system.getNumParticles() < LARGEST_REFERENCE_SYSTEM
    is_native = not any(isinstance(f, INTERPRETED_FORCES) for f in system.getForces())
    if is_small and is_native:
        reference = openmm.Platform.getPlatformByName("Reference")
        return openmm.Context(system, integrator, reference)
    cpu = openmm.Platform.getPlatformByName("CPU")
    return openmm.Context(system, integrator, cpu, {"Threads": "1"})
