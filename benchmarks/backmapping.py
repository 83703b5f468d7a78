"""`Backmapper.run` from file to file: reading, noise, networks, beads, writing."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import MDAnalysis as mda
import numpy as np

from benchmarks.systems import Decoding, make_model, noisy_frames, shipped_model
from benchmarks.timing import Measurement, Yardstick, in_turn, once, timed
from openmm_cgvae import Backmapper
from openmm_cgvae.backmapping import sampler as sampling
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.backmapping.streaming import job
from openmm_cgvae.backmapping.streaming.block_reader import BlockReader
from openmm_cgvae.model import CGVAE

ALA = "alanine-dipeptide"
# Where `run` spends its time; `sample_many` calls those that are set in below it.
STAGES = {
    "reading the beads": (BlockReader, "read"),
    "noise, networks, beads, labels": (Sampler, "sample_many"),
    "... drawing noise": (sampling, "normal_noise"),
    "... prior and decoder": (CGVAE, "sample"),
    "... putting the beads back exactly": (Sampler, "_exact"),
    "... labels of methyls": (Sampler, "_random_labels"),
    "writing the atoms": (job, "write_block"),
}


def bead_trajectory(folder: Path, n_frames: int) -> mda.Universe:
    """Write beads of alanine dipeptide to an XTC file and open it."""
    model = shipped_model()
    beads = model.mapping.project(noisy_frames(ALA, 100))
    atoms = mda.Universe.empty(
        3, n_residues=3, atom_resindex=[0, 1, 2], trajectory=True
    )
    atoms.add_TopologyAttr("name", list(model.mapping.bead_names))
    atoms.add_TopologyAttr("resname", ["ACE", "ALA", "NME"])
    path = folder / f"beads_{n_frames}.xtc"
    with mda.Writer(str(path), n_atoms=3) as writer:
        for frame in range(n_frames):
            atoms.atoms.positions = beads[frame % len(beads)]
            atoms.trajectory.ts.frame = frame
            writer.write(atoms.atoms)
    return mda.Universe(atoms._topology, str(path))


def backmapping(*, quick: bool) -> Iterator[Measurement]:
    """Compare `Backmapper.run` with the networks alone, and split its time."""
    n_frames = 1_000 if quick else 10_000
    shipped = shipped_model()
    large = make_model(ALA, 3, n_channels=128, messages="sender").eval()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        universe = bead_trajectory(folder, n_frames)
        yield from run_and_decoding(universe, shipped, "shipped", n_frames, folder)
        fewer = n_frames // 5
        yield from run_and_decoding(universe, large, "F=128", fewer, folder)
        yield from stages(universe, shipped, folder)
        n = n_frames // 10
        backmapper = Backmapper(universe, shipped)
        yield once(
            f"Backmapper.sample, one frame, n = {n}",
            lambda: backmapper.sample(n=n, seed=0),
            n,
            "per structure",
        )


def run_and_decoding(
    universe: mda.Universe, model: CGVAE, words: str, n_frames: int, folder: Path
) -> Iterator[Measurement]:
    """Time `Backmapper.run` and prior and decoder in turn; medians of each."""
    size = f"{words}, {n_frames} frames"
    yield from in_turn(
        (f"decoding alone, {size}", decoding_alone(universe, model, n_frames)),
        (f"Backmapper.run, {size}", running(universe, model, n_frames, folder)),
        n_frames,
        "per frame",
    )


def running(
    universe: mda.Universe, model: CGVAE, n_frames: int, folder: Path
) -> Callable[[], object]:
    """Make the call of `Backmapper.run`."""
    backmapper = Backmapper(universe, model)
    return lambda: backmapper.run(
        stop=n_frames, output=folder / "atoms.xtc", seed=0, progress=False
    )


def decoding_alone(universe: mda.Universe, model: CGVAE, n_frames: int) -> Decoding:
    """Make the call of prior and decoder on beads and noise that are in memory."""
    frames = [universe.atoms.positions for _ in universe.trajectory[:n_frames]]
    return Decoding(model, np.stack(frames))


def stages(universe: mda.Universe, model: CGVAE, folder: Path) -> Iterator[Measurement]:
    """Split the time of `Backmapper.run`."""
    n_frames = len(universe.trajectory)
    run = running(universe, model, n_frames, folder)
    run()
    n_runs = 5
    with ExitStack() as stack:
        clocks = {
            words: stack.enter_context(clocked(*place))
            for words, place in STAGES.items()
        }
        unit, _ = timed(Yardstick(), 4)
        cpu, wall = timed(run, n_runs)
    rows = {
        words: [sum(column) / n_runs for column in zip(*clock, strict=True)]
        for words, clock in clocks.items()
    }
    named = [row for words, row in rows.items() if not words.startswith("...")]
    rest = np.array([cpu, wall]) - np.sum(named, axis=0)
    rows["files, notes and all else"] = rest.tolist()
    for words, (of_cpu, of_wall) in rows.items():
        case = f"of Backmapper.run, shipped: {words}"
        row = Measurement.of(case, (of_cpu, of_wall), unit, n_frames, n_runs)
        row.note = f"per frame; {of_cpu / cpu:.0%} of the run"
        yield row


@contextmanager
def clocked(owner: object, name: str) -> Iterator[list[tuple[float, float]]]:
    """Note CPU and wall seconds of every call of a function."""
    function = getattr(owner, name)
    noted: list[tuple[float, float]] = []

    def timed_call(*given: object, **named: object) -> object:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            return function(*given, **named)
        finally:
            noted.append((time.process_time() - cpu, time.perf_counter() - wall))

    with mock.patch.object(owner, name, timed_call):
        yield noted
