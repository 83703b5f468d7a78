"""A condensate: many chains in a long box, from beads to a report and a System.

    python -m benchmarks.condensate [--chains 84] [--residues 167] [--frames 0]
        [--report] [--output condensate.json]

Random coils of alpha carbons, in a slab as simulations of phase separation have it, are
made here: a random walk of 3.8 Å steps for each chain, pushed apart to 5.5 Å. They are
backmapped, reported, written and made a System of OpenMM; `--frames 100` sends as many
frames of them through `Backmapper.run` besides. `--report` repeats the atoms side by
side until there are a million, and assesses those alone. Printed and written for every
step: CPU seconds, and the peak of memory of the process so far.
"""

import argparse
import json
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import MDAnalysis as mda
import numpy as np
from scipy.spatial import cKDTree

from openmm_cgvae import AtomisticEnsemble, Backmapper
from openmm_cgvae.mapping.replicas import repeat
from openmm_cgvae.structures.openmm_bridge import make_system

STEP = 3.8  # of alpha carbons [Å]
APART = 5.5  # least distance of beads that are not neighbours in a chain [Å]
CROSS_SECTION = 150.0  # of the slab [Å]
DENSITY = 1 / 700.0  # residues [Å^-3], a third of that of a folded protein
N_PUSHES = 300
MILLION = 10**6
# As in disordered proteins: what is polar, charged, or small.
RESIDUES = ("GLY", "SER", "ALA", "GLN", "ASN", "ARG", "LYS", "GLU", "ASP", "THR")
RESIDUES += ("TYR", "PHE", "MET", "LEU", "VAL")

FORCEFIELD = "amber14-all.xml"  # with a cutoff; implicit solvent would have none

Made = TypeVar("Made")


@dataclass
class Step:
    """What a step of the road took."""

    name: str
    cpu_seconds: float
    peak_gigabytes: float

    def __str__(self) -> str:
        """Return a row of a table in Markdown."""
        seconds, memory = f"{self.cpu_seconds:.1f}", f"{self.peak_gigabytes:.2f}"
        return f"| {self.name} | {seconds} | {memory} |"


def timed(steps: list[Step], name: str, call: Callable[[], Made]) -> Made:
    """Call, and note what it took."""
    start = time.process_time()
    made = call()
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    steps.append(Step(name, seconds, peak))
    print(steps[-1], flush=True)
    return made


def coils(n_chains: int, n_residues: int, seed: int = 0) -> mda.Universe:
    """Build the beads: random coils in the middle of a long box."""
    rng = np.random.default_rng(seed)
    n_beads = n_chains * n_residues
    length = n_beads / DENSITY / CROSS_SECTION**2
    box = np.array([CROSS_SECTION, CROSS_SECTION, 3 * length, 90, 90, 90])
    steps = rng.normal(size=(n_chains, n_residues, 3))
    # Neighbouring steps point about the same way, so that a chain does not fold back.
    for residue in range(1, n_residues):
        steps[:, residue] = 0.4 * steps[:, residue] + 0.6 * steps[:, residue - 1]
        steps[:, residue] /= np.linalg.norm(steps[:, residue], axis=1)[:, None]
    chains = STEP * np.cumsum(steps, axis=1)
    middles = rng.uniform(size=(n_chains, 1, 3)) * [*box[:2], length]
    chains += middles + [0, 0, length] - chains.mean(axis=1, keepdims=True)
    chains = _pushed_apart(chains, box[:3])
    universe = mda.Universe.empty(
        n_beads,
        n_beads,
        n_chains,
        atom_resindex=np.arange(n_beads),
        residue_segindex=np.arange(n_beads) // n_residues,
        trajectory=True,
    )
    names = rng.choice(RESIDUES, size=n_beads)
    for attribute, values in (
        ("names", ["CA"] * n_beads),
        ("resnames", names.tolist()),
        ("resids", np.tile(np.arange(1, n_residues + 1), n_chains)),
        ("segids", [f"P{chain}" for chain in range(n_chains)]),
    ):
        universe.add_TopologyAttr(attribute, values)
    universe.atoms.positions = chains.reshape(-1, 3)
    universe.dimensions = box
    return universe


def _pushed_apart(chains: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Move beads until none overlap, neighbours one step from each other."""
    n_chains, n_residues = chains.shape[:2]
    chain_of = np.repeat(np.arange(n_chains), n_residues)
    for _ in range(N_PUSHES):
        flat = chains.reshape(-1, 3)
        tree = cKDTree(flat % edges, boxsize=edges)
        pairs = tree.query_pairs(APART + 1.0, output_type="ndarray")
        is_next = chain_of[pairs[:, 0]] == chain_of[pairs[:, 1]]
        is_next &= np.abs(pairs[:, 0] - pairs[:, 1]) == 1
        first, second = pairs[~is_next].T
        gaps = flat[first] - flat[second]
        gaps -= edges * np.round(gaps / edges)
        apart = np.linalg.norm(gaps, axis=1)[:, None]
        push = 0.5 * np.maximum(APART + 0.5 - apart, 0.0) * gaps / apart
        # Beads two apart stay at an angle as proteins have it.
        moves = np.zeros_like(flat)
        np.add.at(moves, first, push)
        np.add.at(moves, second, -push)
        chains = chains + moves.reshape(chains.shape)
        for offset in (0, 1):
            one = chains[:, offset:-1:2], chains[:, offset + 1 :: 2]
            gap = one[1] - one[0]
            gap *= 0.5 * (1 - STEP / np.linalg.norm(gap, axis=2, keepdims=True))
            chains[:, offset:-1:2] += gap
            chains[:, offset + 1 :: 2] -= gap
    return chains


def whole_road(options: argparse.Namespace) -> list[Step]:
    """Go from beads to a System, and through a trajectory."""
    steps: list[Step] = []
    universe = timed(
        steps, "making the beads", lambda: coils(options.chains, options.residues)
    )
    backmapper = timed(steps, "`Backmapper(universe)`", lambda: Backmapper(universe))
    ensemble = timed(steps, "`sample()`", lambda: backmapper.sample(seed=1))
    n_atoms = ensemble.atom_table.n_atoms
    print(f"{n_atoms} atoms of {len(universe.atoms)} residues")
    report = timed(steps, "`report()`", ensemble.report)
    print(report)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / options.file
        timed(steps, f"writing {options.file}", lambda: ensemble.write(file))
        table, cell = ensemble.atom_table, ensemble.box[0]
        timed(steps, "`make_system`", lambda: make_system(table, FORCEFIELD, box=cell))
        if options.frames:
            where = np.repeat(universe.atoms.positions[None], options.frames, axis=0)
            universe.load_new(where, dimensions=universe.dimensions)
            written = timed(
                steps,
                f"`run()`, {options.frames} frames",
                lambda: backmapper.run(output=Path(folder) / "x.xtc", progress=False),
            )
            print(f"{written.n_frames} frames")
    return steps


def report_of_a_million(options: argparse.Namespace) -> list[Step]:
    """Assess a million atoms, made by repeating a smaller system."""
    universe = coils(12, options.residues)
    small = Backmapper(universe).sample(seed=1)
    n_copies = -(-MILLION // small.atom_table.n_atoms)
    box = small.box[0].copy()
    shift = np.arange(n_copies)[:, None, None] * [0.0, 0.0, box[2]]
    atoms = (small.positions_angstrom + shift).reshape(1, -1, 3)
    beads = (small.bead_positions + shift).reshape(1, -1, 3)
    box[2] *= n_copies
    large = AtomisticEnsemble(
        repeat(small.atom_table, n_copies),
        atoms,
        repeat(small.mapping, n_copies),
        beads,
        box,
    )
    steps: list[Step] = []
    print(f"{large.atom_table.n_atoms} atoms")
    print(timed(steps, "`report()` of a million atoms", large.report))
    return steps


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chains", type=int, default=84)
    parser.add_argument("--residues", type=int, default=167)
    parser.add_argument("--frames", type=int, default=0)
    parser.add_argument("--file", default="condensate.cif")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--output", type=Path, default=Path("condensate.json"))
    options = parser.parse_args()
    print("| step | CPU s | peak memory, GB |\n|---|---|---|")
    steps = (report_of_a_million if options.report else whole_road)(options)
    options.output.write_text(json.dumps([asdict(step) for step in steps], indent=1))


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=UserWarning, module="MDAnalysis")
    main()
