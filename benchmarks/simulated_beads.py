"""Proteins from beads as coarse-grained simulations leave them, beside mapped beads.

    python -m benchmarks.simulated_beads [--families alpha-carbon martini3 ...]
        [--n-frames 20] [--n-relaxed 1] [--bead-slack 0.5] [--output beads.json]

Beads of simulations are not those of any atoms: bonds are softer, side chains turn more
freely. Of a folded protein (adenylate kinase) and of a disordered one (histatin 5)
beads are (a) mapped from atomistic structures and (b) taken from dynamics of a
coarse-grained model at 300 K (`bead_dynamics`). Of both the shipped model for that
family makes atoms, one sample a frame, and what is wrong with these is counted, of
simulated beads also after `relax`, and of Martini's once more with `bead_slack`.
A table in Markdown is printed, JSON is written.
"""

import argparse
import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import MDAnalysis as mda
import numpy as np
from MDAnalysis.analysis.dssp import DSSP
from MDAnalysisTests import datafiles
from openmm import unit

from benchmarks.bead_dynamics import (
    Chain,
    calvados_system,
    martini_system,
    simulate,
)
from openmm_cgvae import AtomisticEnsemble, Backmapper, metrics
from openmm_cgvae.chemistry.proteins import canonical_protein, family_mapping
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.simulation.molecule_sets.peptides import build_peptide
from openmm_cgvae.transformations import coarse_grain

FAMILIES = ("alpha-carbon", "residue", "martini3", "martini2")
HISTATIN = "DSHAKRHHGYKRKFHEKHHSHRGY"
PICOSECONDS = 10.0  # between two frames of beads
FLAT = 40.0  # degrees from trans, or from cis before proline


@dataclass(frozen=True, kw_only=True)
class Protein:
    """An atomistic protein: frames of it, and what coarse-grained models ask for.

    Parameters
    ----------
    table : AtomTable
        The atoms.
    frames : ndarray, shape (n_frames, n_atoms, 3)
        Structures [A].
    structure : str
        Secondary structure of each residue: ``"H"``, ``"E"`` or ``"-"``.
    is_folded : bool
        Whether it has a structure to hold.
    """

    table: AtomTable
    frames: np.ndarray
    structure: str
    is_folded: bool

    def beads(self, family: str) -> mda.Universe:
        """Map every frame to beads."""
        atoms = AtomisticEnsemble(self.table, self.frames).to_universe()
        mapped = coarse_grain(atoms, family_mapping(self.table, family))
        return _universe_of(mapped, [ts.positions.copy() for ts in mapped.trajectory])

    def simulated(self, family: str, n_frames: int, seed: int) -> mda.Universe:
        """Simulate beads, from where those of the first frame are."""
        mapped = self.beads(family)
        chain = Chain(
            residue_names=mapped.residues.resnames.tolist(),
            residue_of_bead=mapped.atoms.resindices,
            positions=mapped.atoms.positions.astype(np.float64),
            structure=self.structure,
            is_folded=self.is_folded,
        )
        if family.startswith("martini"):
            system = martini_system(chain, int(family[-1]))
        elif family == "residue" and self.is_folded:
            system = calvados_system(chain, bond=None)
        else:
            system = calvados_system(chain)
        frames = simulate(
            system,
            chain.positions,
            n_frames=n_frames,
            picoseconds=PICOSECONDS,
            seed=seed,
        )
        return _universe_of(mapped, frames)


def folded(n_frames: int) -> Protein:
    """Read adenylate kinase, 214 residues, along a transition (CHARMM)."""
    atoms = mda.Universe(datafiles.PSF, datafiles.DCD)
    table, order = canonical_protein(atoms)
    step = max(1, len(atoms.trajectory) // n_frames)
    frames = [atoms.atoms.positions[order] for _ in atoms.trajectory[::step]]
    atoms.trajectory[0]
    structure = "".join(DSSP(atoms).run(stop=1).results.dssp[0])
    return Protein(
        table=table,
        frames=np.array(frames[:n_frames], dtype=np.float64),
        structure=structure,
        is_folded=True,
    )


def disordered(n_frames: int) -> Protein:
    """Build histatin 5, 24 residues, and run a little of its dynamics."""
    built = build_peptide(HISTATIN, np.random.default_rng(1)).modeller
    atoms = mda.Universe(built)
    table, order = canonical_protein(atoms)
    start = AtomisticEnsemble(table, atoms.atoms.positions[order][None])[0]
    simulation = start.simulation(temperature=300)
    simulation.context.getIntegrator().setRandomNumberSeed(1)
    frames = []
    for _ in range(n_frames):
        simulation.step(200)
        state = simulation.context.getState(positions=True)
        frames.append(state.getPositions(asNumpy=True).value_in_unit(unit.angstrom))
    return Protein(
        table=table,
        frames=np.array(frames),
        structure="-" * table.n_residues,
        is_folded=False,
    )


def _universe_of(beads: mda.Universe, frames: list[np.ndarray]) -> mda.Universe:
    made = mda.Merge(beads.atoms)
    made.load_new(np.array(frames, dtype=np.float32), order="fac")
    return made


def backmapped(
    beads: mda.Universe, seed: int, **options: Any
) -> tuple[AtomisticEnsemble, float]:
    """Draw a structure for every frame; return them and the CPU seconds of each."""
    backmapper = Backmapper(beads, **options)
    states = []
    start = time.process_time()
    for _ in beads.trajectory:
        states.append(backmapper.sample(n=1, seed=seed))
    seconds = (time.process_time() - start) / len(states)
    return _joined(states), seconds


def _joined(states: list[AtomisticEnsemble]) -> AtomisticEnsemble:
    return AtomisticEnsemble(
        states[0].atom_table,
        np.concatenate([state.positions_angstrom for state in states]),
        mapping=states[0].mapping,
        bead_positions=np.concatenate([state.bead_positions for state in states]),
    )


def faults(table: AtomTable, positions: np.ndarray) -> dict[str, float]:
    """Count what is wrong with structures [n, n_atoms, 3]."""
    graph = (table.atomic_numbers, table.bonds, table.residue_of_atom)
    valid = metrics.valid_parts(positions, *graph, heavy_only=True)
    volumes = metrics.signed_volumes(positions, table.stereocentres)
    omega = np.abs(metrics.dihedral_angles(positions, table.amides))
    after = table.residue_of_atom[table.amides[:, 3]]
    may_be_cis = np.array(table.residue_names)[after] == "PRO"
    twist = np.where(may_be_cis, np.minimum(omega, 180 - omega), 180 - omega)
    near = table.pairs_within(3)
    return {
        "heavy bonds right [% of residues]": 100 * float(valid.mean()),
        "wrong stereocentres": int((~(volumes > 0)).sum()),
        "cis amides": int(((omega < 90) & ~may_be_cis).sum()),  # noqa: PLR2004
        "amides within 40 degrees [%]": 100 * float((twist < FLAT).mean()),
        "largest twist [deg]": float(twist.max()),
        "pairs < 1.2 A": int(metrics.count_clashes(positions, near, cutoff=1.2).sum()),
    }


def measure(
    beads: mda.Universe, n_relaxed: int, seed: int, **options: Any
) -> dict[str, float]:
    """Count faults of samples of all frames, and of some that were relaxed."""
    made, seconds = backmapped(beads, seed, **options)
    table = made.atom_table
    moved = made.mapping.project(made.positions_angstrom)
    moved -= [ts.positions.copy() for ts in beads.trajectory]
    row = {"structures": len(made), "residues": table.n_residues}
    row["beads moved, mean [A]"] = float(np.linalg.norm(moved, axis=-1).mean())
    row |= faults(table, made.positions_angstrom)
    row["CPU s a structure"] = seconds
    if n_relaxed:
        chosen = np.linspace(0, len(made) - 1, n_relaxed).round().astype(int)
        relaxed = made[chosen].relax().ensemble
        after = faults(table, relaxed.positions_angstrom)
        row |= {f"relaxed: {name}": value for name, value in after.items()}
        row["relaxed structures"] = n_relaxed
    return row


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", nargs="+", default=FAMILIES)
    parser.add_argument("--n-frames", type=int, default=20)
    parser.add_argument("--n-relaxed", type=int, default=1)
    parser.add_argument("--bead-slack", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("simulated-beads.json"))
    options = parser.parse_args()
    proteins = {
        "adenylate kinase": folded(options.n_frames),
        "histatin 5": disordered(options.n_frames),
    }
    results: dict[str, dict[str, float]] = {}
    for name, protein in proteins.items():
        for family in options.families:
            simulated = protein.simulated(family, options.n_frames, options.seed)
            cases = {"mapped": (protein.beads(family), 0.0)}
            for slack in (0.0, options.bead_slack) if "martini" in family else (0.0,):
                label = f"simulated, slack {slack:g} A" if slack else "simulated"
                cases[label] = simulated, slack
            for kind, (beads, slack) in cases.items():
                row = measure(
                    beads,
                    0 if kind == "mapped" else options.n_relaxed,
                    options.seed,
                    family=family,
                    bead_slack=slack,
                )
                results[f"{name}, {family}, {kind}"] = row
                options.output.write_text(json.dumps(results, indent=1))
                print(f"done: {name}, {family}, {kind}: {row}", flush=True)
    print(table_of(results))


def table_of(results: dict[str, dict[str, float]]) -> str:
    """Lay results out as Markdown, one row each."""
    columns = list(dict.fromkeys(q for row in results.values() for q in row))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in results.items():
        cells = (f"{row[c]:.4g}" if c in row else "" for c in columns)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
