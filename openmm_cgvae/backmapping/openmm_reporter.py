"""BackmapReporter: atoms written while a coarse-grained simulation runs."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, SupportsIndex

import MDAnalysis as mda
import numpy as np
import openmm
from MDAnalysis.lib.mdamath import triclinic_box
from openmm import app, unit

from openmm_cgvae._runtime.arguments import checked_count
from openmm_cgvae._runtime.output_files import check_output
from openmm_cgvae.backmapping.backmapper import Backmapper
from openmm_cgvae.backmapping.bead_reader import BadFrameError, BeadBlock, tree_of_beads
from openmm_cgvae.backmapping.decoding import Decoding, checked_correlation_time
from openmm_cgvae.backmapping.faulty_structures import MOST_NAMED, FaultyStructure
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.mapping.replicas import repeat
from openmm_cgvae.model import Model
from openmm_cgvae.model.noise import seed_or_new
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.simulation.coarse_grained.openmm_force import checked_particles
from openmm_cgvae.structures.export import make_universe
from openmm_cgvae.structures.export.formats import is_multiframe
from openmm_cgvae.structures.export.structure_files import StructureWriter
from openmm_cgvae.structures.openmm_bridge.units import ANGSTROM_PER_NM

__all__ = ["BackmapReporter"]

_MANY = 2  # frames: more than one


class BackmapReporter:
    """Write atomistic frames of a running coarse-grained OpenMM simulation.

    Append it to ``simulation.reporters``. The particles of the simulation have to be
    the beads of the model's molecule, in the same order, or of any number of such
    molecules one after the other. Structures are drawn as the backmapper draws them,
    with its temperature and batch size, and have what it keeps beside the molecules.

    Parameters
    ----------
    file : path-like
        Trajectory to write; any format of many frames that MDAnalysis writes, by its
        ending. What was there is replaced at the first report.
    interval : int
        Steps between reports.
    backmapper : Backmapper or Model
        What turns the beads into atoms. If it keeps particles (``unknown="keep"``),
        those of the simulation have to be those of its universe, in the same order.
    n : int
        Samples at each report, written as frames of the same time.
    seed : int
        The atoms depend on it, the beads and the number of the report (the step over
        the interval) alone, so that a run in two parts gives the frames of one.
    particles : iterable of int, optional
        Which particles are the beads, molecule after molecule, where there are others
        too, such as a solvent; by default all.
    candidates : int
        Structures of each molecule to choose from for one sample, as in
        `Backmapper.sample`.
    correlation_time : float, optional
        Latent correlation time [ps], as in `Backmapper.run`; the integrator's time
        step should not change.

    Attributes
    ----------
    n_faulty : int
        Structures with faults so far, see `faulty_structures`.
    faults : list of FaultyStructure
        The first thousand of these, with the number of the report.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If a number or the format is not possible, or ``particles`` are chosen though
        the backmapper keeps some.

    Notes
    -----
    Every frame is on its way to the disk when a report ends, so that the frames so far
    can be read while the simulation runs, and after it was killed. `close` it, or use
    it in a ``with`` statement, when the simulation is over.

    Frames have the simulation's time [ps], and where the format has a place for it
    (XTC, TRR) its step. DCD has one time step for all frames, right for ``n=1``.

    Examples
    --------
    ::

        with BackmapReporter("atoms.xtc", 500, backmapper) as reporter:
            simulation.reporters.append(reporter)
            simulation.step(10_000)
    """

    def __init__(  # noqa: PLR0913 - what is written, when and of what
        self,
        file: str | os.PathLike[str],
        interval: int,
        backmapper: Backmapper | Model,
        n: int = 1,
        seed: int = 0,
        particles: Iterable[SupportsIndex] | None = None,
        *,
        candidates: int = 1,
        correlation_time: float | None = None,
    ) -> None:
        self.path = _checked_path(file)
        self.interval = checked_count("interval", interval)
        self.particles = checked_particles(particles)
        if isinstance(backmapper, Model):
            self._keeper, sampler = None, Sampler(backmapper)
        else:
            self._keeper = backmapper if len(backmapper.kept) else None
            sampler = backmapper.sampler
        if self._keeper is not None:
            if self.particles:
                raise ValueError(
                    f"`particles` chooses the beads, but `backmapper` keeps "
                    f"{len(self._keeper.kept)} particles beside its own; leave "
                    "`particles` out"
                )
            self.particles = self._keeper.beads.indices.tolist()
        self.model = sampler.model
        self._tree = tree_of_beads(self.model.atom_table, self.model.mapping)
        self.correlation_time = checked_correlation_time(correlation_time)
        self._decoding = Decoding(
            sampler=sampler, n=n, candidates=candidates, seed=seed_or_new(seed)
        )
        self._atoms: mda.Universe = None
        self._writer: StructureWriter | None = None
        self._n_written = 0
        self._is_closed = False
        self.n_faulty = 0
        self.faults: list[FaultyStructure] = []

    def __enter__(self) -> "BackmapReporter":
        """Return the reporter itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"<BackmapReporter to {self.path.name!r} every {self.interval} steps, "
            f"{self._n_written} frames written>"
        )

    def describeNextReport(self, simulation: app.Simulation) -> dict[str, Any]:  # noqa: N802
        """Return when the next report is due and what it needs.

        Parameters
        ----------
        simulation : openmm.app.Simulation
            The simulation.

        Returns
        -------
        dict
            Steps to go, and that positions are wanted as they are.

        Raises
        ------
        ValueError
            If the particles are not the beads of the model or those of the
            backmapper's universe, or the file is closed.
        """
        if self._is_closed:
            raise ValueError(
                f"`file` {str(self.path)!r} is closed already; take the reporter out "
                "of simulation.reporters, or make a new one"
            )
        self._check_particles(simulation.system.getNumParticles())
        steps = self.interval - simulation.currentStep % self.interval
        return {"steps": steps, "periodic": False, "include": ["positions"]}

    def _check_particles(self, n_particles: int) -> None:
        if self._keeper is not None:
            n_wanted = len(self._keeper.kept.universe.atoms)
            if n_particles != n_wanted:
                raise ValueError(
                    f"`simulation` has {n_particles} particles but the universe of "
                    f"`backmapper`, which keeps {len(self._keeper.kept)} of them, has "
                    f"{n_wanted}; simulate these particles, in the same order"
                )
            return
        last = max(self.particles, default=0)
        if last >= n_particles:
            raise ValueError(
                f"`particles` names particle {last} but `simulation` has "
                f"{n_particles}; count them from 0"
            )
        n_chosen = len(self.particles) or n_particles
        n_beads = self.model.mapping.n_beads
        if n_chosen % n_beads:
            raise ValueError(
                f"`simulation` has {n_chosen} particles but the model has {n_beads} "
                f"beads for {self.model.atom_table.describe()}; simulate molecules of "
                "these beads, choose them with `particles`, or give another model"
            )

    def report(self, simulation: app.Simulation, state: openmm.State) -> None:
        """Write the atoms of the beads.

        Parameters
        ----------
        simulation : openmm.app.Simulation
            The simulation.
        state : openmm.State
            Its state, with positions.

        Raises
        ------
        OSError
            If there is no space for them; the file then ends with the last whole frame.
        ValueError
            If the model makes no atoms of the beads, or the format does not hold them.
        """
        beads = self._read(simulation, state)
        try:
            beads, atoms = self._decoding_of(simulation).decode(beads)
        except BadFrameError as error:
            raise ValueError(
                f"`simulation` has beads at step {simulation.currentStep} of which the "
                "model makes no atoms (not a number); they are too unlike what it was "
                "trained on: look at the potential"
            ) from error
        self.n_faulty += beads.n_faulty
        self.faults += beads.faulty[: MOST_NAMED - len(self.faults)]
        if self._atoms is None:
            table = self._atom_table(beads.positions.shape[1])
            self._atoms = make_universe(table, np.zeros((1, table.n_atoms, 3)))
        timestep = self._atoms.trajectory.ts
        timestep.dimensions = beads.boxes[0] if beads.boxes.any() else None
        timestep.time = float(beads.times[0])
        timestep.data["step"] = simulation.currentStep
        if self._writer is None:
            self._writer = self._open(simulation, timestep.time)
        try:
            self._write(self._writer, atoms[0])
        except OSError:
            self._is_closed, self._writer = True, None
            raise

    def _write(self, writer: StructureWriter, structures: np.ndarray) -> None:
        timestep = self._atoms.trajectory.ts
        for number, structure in enumerate(structures):
            timestep.frame = self._n_written + number
            timestep.positions = structure
            writer.write(self._atoms.atoms)
        writer.flush()
        self._n_written += len(structures)

    def close(self) -> None:
        """Finish the file; nothing more can be reported."""
        self._is_closed = True
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def _read(self, simulation: app.Simulation, state: openmm.State) -> BeadBlock:
        """Read the beads as a block of one frame, with the number of the report."""
        positions = state.getPositions(asNumpy=True)._value * ANGSTROM_PER_NM
        chosen = positions[self.particles] if self.particles else positions
        molecules = chosen.reshape(-1, self.model.mapping.n_beads, 3)
        box = _box_of(simulation, state)
        if box is not None:
            molecules = self._tree.whole(molecules, box)
        kept = [] if self._keeper is None else self._keeper.kept.indices
        time = state.getTime().value_in_unit(unit.picosecond)
        return BeadBlock(
            numbers=np.array([simulation.currentStep // self.interval]),
            times=np.array([time]),
            positions=molecules[None],
            boxes=np.zeros((1, 6), np.float32) if box is None else box[None],
            others=positions[None, np.asarray(kept, dtype=np.int64)],
            skipped=[],
        )

    def _decoding_of(self, simulation: app.Simulation) -> Decoding:
        """Return how structures are drawn, with the correlation time in reports."""
        if self.correlation_time is None:
            return self._decoding
        step = simulation.integrator.getStepSize().value_in_unit(unit.picosecond)
        correlation = self.correlation_time / (step * self.interval)
        return replace(self._decoding, correlation=correlation)

    def _atom_table(self, n_molecules: int) -> AtomTable:
        if self._keeper is not None:
            return self._keeper.atom_table
        return repeat(self.model.atom_table, n_molecules)

    def _open(self, simulation: app.Simulation, time: float) -> StructureWriter:
        options: dict[str, Any] = {}
        if self.path.suffix.lower() == ".dcd":
            # The only format without a time for each frame.
            step = simulation.integrator.getStepSize()._value * self.interval
            options = {"dt": step, "istart": round(time / step)}
        n_atoms = len(self._atoms.atoms)
        return StructureWriter(self.path, n_atoms, argument="file", **options)


def _box_of(simulation: app.Simulation, state: openmm.State) -> np.ndarray | None:
    if not simulation.system.usesPeriodicBoundaryConditions():
        return None
    vectors = state.getPeriodicBoxVectors(asNumpy=True)._value * ANGSTROM_PER_NM
    return triclinic_box(*vectors)


def _checked_path(file: str | os.PathLike[str]) -> Path:
    path = Path(file)
    check_output(path, "file")
    try:
        is_multiframe(path, _MANY, "file")
    except ValueError as error:
        raise ValueError(
            f"`file` is {str(path)!r} but MDAnalysis writes no trajectories of this "
            "ending; use .xtc, .dcd or .pdb"
        ) from error
    return path
