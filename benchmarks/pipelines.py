"""What a user runs beside backmapping: coarse-graining, relaxing, importing."""

import subprocess
import sys
from collections.abc import Callable, Iterator

import MDAnalysis as mda
import numpy as np
import openmm
import torch
from MDAnalysisTests.datafiles import TPR, XTC

from benchmarks.systems import noisy_frames, shipped_model
from benchmarks.timing import Measurement, Yardstick, in_turn, measure, once, timed
from openmm_cgvae import coarse_grain
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.mapping.schemes import residues
from openmm_cgvae.structures.ensemble import AtomisticEnsemble
from openmm_cgvae.structures.openmm_bridge import make_system, openmm_positions
from openmm_cgvae.structures.relaxation.minimiser import Minimiser, RelaxationSettings
from openmm_cgvae.structures.relaxation.relaxation import minimise_restrained
from openmm_cgvae.structures.relaxation.worker_pool import other_processes

ALA = "alanine-dipeptide"


def coarse_graining(*, quick: bool) -> Iterator[Measurement]:
    """Compare reading 47,681 atoms with reading and mapping them."""
    universe = mda.Universe(TPR, XTC)
    beads = coarse_grain(universe, residues(universe, weights="mass"))
    n_frames = len(universe.trajectory)

    def read(of: mda.Universe) -> Callable[[], None]:
        def call() -> None:
            for _ in of.trajectory:
                pass

        return call

    seconds = 1.0 if quick else 4.0
    reading = measure(
        f"read {universe.atoms.n_atoms} atoms",
        read(universe),
        seconds=seconds,
        per=n_frames,
        note="per frame",
    )
    yield reading
    whole = measure(
        f"coarse_grain to {beads.atoms.n_atoms} beads",
        read(beads),
        seconds=seconds,
        per=n_frames,
    )
    whole.note = f"per frame; {whole.cpu_ms / reading.cpu_ms:.2f} x reading alone"
    yield whole


def relaxing(*, quick: bool) -> Iterator[Measurement]:
    """Compare relaxing with bare calls of OpenMM's minimiser in one Context."""
    n_samples = 20 if quick else 100
    model = shipped_model()
    beads = model.mapping.project(noisy_frames(ALA, 1))
    atoms = Sampler(model).sample(beads, np.arange(1), n_samples, 0)[0]
    ensemble = AtomisticEnsemble(
        model.atom_table, atoms, mapping=model.mapping, bead_positions=beads[0]
    )
    system = make_system(model.atom_table)
    settings = RelaxationSettings()
    targets = np.repeat(beads, n_samples, axis=0).astype(np.float64)
    relaxed = minimise_restrained(system, atoms, model.mapping, targets)
    minimiser = Minimiser(system, model.mapping, settings)
    context = minimiser.stage.context
    minimiser.stage.place(atoms[0], targets[0], None)

    def bare() -> None:
        # As many iterations as the relaxation took, and no other reason to stop.
        for sample, n_iterations in zip(atoms, relaxed.n_iterations, strict=True):
            context.setPositions(openmm_positions(sample))
            openmm.LocalEnergyMinimizer.minimize(context, 1e-6, int(n_iterations))

    yield from in_turn(
        (f"bare minimisations, {n_samples} samples", bare),
        (f"relax, {n_samples} samples", lambda: ensemble.relax(system)),
        n_samples,
        "per sample",
    )
    # The first of them starts the other process, which then stays.
    for times in (20, 1) if quick else (50, 10, 1):
        yield from two_workers(system, model, atoms, targets, times)


def two_workers(
    system: openmm.System,
    model: torch.nn.Module,
    atoms: np.ndarray,
    targets: np.ndarray,
    times: int,
) -> Iterator[Measurement]:
    """Relax the samples several times, in one process and in two."""
    is_there = other_processes(1).are_ready
    atoms, targets = np.tile(atoms, (times, 1, 1)), np.tile(targets, (times, 1, 1))
    alone: Measurement | None = None
    for workers in (1, 2):
        row = once(
            f"relax, {len(atoms)} samples, {workers} worker(s)",
            lambda workers=workers: minimise_restrained(
                system, atoms, model.mapping, targets, workers=workers
            ),
            len(atoms),
            "per sample, CPU time of this process",
        )
        alone = alone or row
        if workers > 1:
            # What two free cores would give, and what those there were gave.
            row.note += f", {alone.cpu_ms / row.cpu_ms:.2f} x less than one"
            row.note += f"; wall time {alone.wall_ms / row.wall_ms:.2f} x"
            row.note += "; the other " + ("was there" if is_there else "was started")
        yield row


IMPORT = (
    "import time; c, w = time.process_time(), time.perf_counter();"
    "import {module};"
    "c, w = time.process_time() - c, time.perf_counter() - w;"
    "peak = [t for t in open('/proc/self/status') if t.startswith('VmHWM')];"
    "print(c, w, int(peak[0].split()[1]) / 1024)"
)


def importing(*, quick: bool) -> Iterator[Measurement]:
    """Time imports in processes of their own."""
    yardstick = Yardstick()
    modules = [
        "openmm_cgvae",
        "openmm_cgvae.backmapping.backmapper",
        "torch",
        "MDAnalysis",
    ]
    for module in modules[:1] if quick else modules:
        command = [sys.executable, "-c", IMPORT.format(module=module)]
        runs = []
        for _ in range(3):
            made = subprocess.run(command, capture_output=True, check=True, text=True)
            runs.append([float(word) for word in made.stdout.split()])
        cpu, wall, memory = np.median(runs, axis=0)
        unit, _ = timed(yardstick, 4)
        yield Measurement(
            case=f"import {module}",
            cpu_ms=1e3 * cpu,
            wall_ms=1e3 * wall,
            yardsticks=cpu / unit,
            yardstick_ms=1e3 * unit,
            n=3,
            note=f"{memory:.0f} MB in all",
        )
