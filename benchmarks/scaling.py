"""How time and memory grow with the length of the chain and of the trajectory."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.systems import decoding, make_model, shipped_model
from benchmarks.timing import Measurement, measure
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import CGVAE, ModelConfig, Molecule
from openmm_cgvae.model.graphs import atom_types_of
from openmm_cgvae.molecules import AtomTable

ALA = "alanine-dipeptide"
ATOMS_PER_RESIDUE = 5
HELIX_RADIUS, HELIX_RISE, HELIX_TURN = 2.3, 1.5, np.deg2rad(100)  # A, A, rad


def chain(n_residues: int, config: ModelConfig) -> tuple[CGVAE, np.ndarray]:
    """Make a long helix of small residues, and an untrained model of it."""
    n_atoms = n_residues * ATOMS_PER_RESIDUE
    residue = np.repeat(np.arange(n_residues), ATOMS_PER_RESIDUE)
    table = AtomTable(
        names=("N", "CA", "C", "O", "CB") * n_residues,
        atomic_numbers=np.array([7, 6, 6, 8, 6] * n_residues),
        masses=np.array([14.0, 12.0, 12.0, 16.0, 12.0] * n_residues),
        residue_of_atom=residue,
        residue_names=("ALA",) * n_residues,
        residue_ids=tuple(range(1, n_residues + 1)),
        insertion_codes=("",) * n_residues,
        chain_ids=("A",) * n_residues,
        bonds=np.stack([np.arange(n_atoms - 1), np.arange(1, n_atoms)], 1),
        stereocentres=np.empty((0, 4), dtype=int),
    )
    number = np.arange(n_residues)
    beads = np.stack(
        [
            HELIX_RADIUS * np.cos(HELIX_TURN * number),
            HELIX_RADIUS * np.sin(HELIX_TURN * number),
            HELIX_RISE * number,
        ],
        1,
    )
    vocabulary = sorted(set(atom_types_of(table, config.atom_types)))
    torch.manual_seed(0)
    molecule = Molecule(table, Mapping(residue))
    return CGVAE(config, vocabulary, molecule).eval(), beads


def chains(*, quick: bool) -> Iterator[Measurement]:
    """Sample one structure of chains of many lengths."""
    config = ModelConfig(n_channels=64, messages="sender")
    per_bead = {}
    for n_residues in (10, 100, 1_000) if quick else (10, 100, 1_000, 10_000):
        model, beads = chain(n_residues, config)
        graph = model.graph()
        positions = torch.from_numpy(beads.astype(np.float32))[None]
        noise = torch.randn(n_residues, config.n_channels)

        def call(
            model: CGVAE = model,
            graph: object = graph,
            positions: torch.Tensor = positions,
            noise: torch.Tensor = noise,
        ) -> None:
            with torch.inference_mode():
                model.sample(graph.batch(positions), noise)

        row = measure(
            f"sample a chain of {n_residues} residues",
            call,
            seconds=2.0,
            per=n_residues,
        )
        per_bead[n_residues] = row.cpu_ms
        row.note = f"per bead; {row.cpu_ms / per_bead.get(100, row.cpu_ms):.2f} x 100"
        yield row


MEMORY = """
import json, sys, time
from pathlib import Path
from benchmarks.backmapping import bead_trajectory
from benchmarks.systems import shipped_model
from openmm_cgvae import Backmapper
folder, n_frames = Path(sys.argv[1]), int(sys.argv[2])
backmapper = Backmapper(bead_trajectory(folder, n_frames), shipped_model())
backmapper.run(stop=100, output=folder / "first.xtc", seed=0, progress=False)
cpu, wall = time.process_time(), time.perf_counter()
backmapper.run(output=folder / "atoms.xtc", seed=0, progress=False)
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
peak = [t for t in open("/proc/self/status") if t.startswith("VmHWM")]
peak = int(peak[0].split()[1]) / 1024
print(json.dumps({"cpu": cpu, "wall": wall, "peak": peak}))
"""


def frames(*, quick: bool) -> Iterator[Measurement]:
    """Run trajectories of many lengths in processes of their own."""
    least = None
    for n_frames in (100, 1_000) if quick else (100, 1_000, 10_000, 100_000):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", MEMORY, folder, str(n_frames)]
            made = subprocess.run(
                command,
                capture_output=True,
                check=True,
                text=True,
                cwd=Path(__file__).parents[1],
            )
        numbers = json.loads(made.stdout.splitlines()[-1])
        least = numbers["peak"] if least is None else least
        more = numbers["peak"] - least
        yield Measurement(
            case=f"Backmapper.run over {n_frames} frames",
            cpu_ms=1e3 * numbers["cpu"] / n_frames,
            wall_ms=1e3 * numbers["wall"] / n_frames,
            yardsticks=float("nan"),
            yardstick_ms=float("nan"),
            n=1,
            note=f"per frame; peak {numbers['peak']:.0f} MB, {more:+.0f} MB",
        )


def threads(*, quick: bool) -> Iterator[Measurement]:
    """Let one thread of torch and two do the same."""
    before = torch.get_num_threads()
    models = {
        "shipped": shipped_model(),
        "F=128": make_model(ALA, 3, n_channels=128, messages="sender"),
    }
    try:
        for words, model in models.items():
            call = decoding(model, ALA, 256)
            alone = None
            for n_threads in (1, 2):
                torch.set_num_threads(n_threads)
                row = measure(
                    f"sample {ALA} {words} batch 256, {n_threads} thread(s)",
                    call,
                    seconds=1.0 if quick else 3.0,
                    per=256,
                )
                alone = alone or row.wall_ms
                row.note = f"per structure; wall {row.wall_ms / alone:.2f} x one thread"
                yield row
    finally:
        torch.set_num_threads(before)
