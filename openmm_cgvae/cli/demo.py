"""The demo: from the shipped trajectory to beads, to atoms, to a simulation."""

import os
from dataclasses import dataclass
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from openmm import app

from openmm_cgvae._runtime.run_folder import LOCK, only_run
from openmm_cgvae.backmapping.backmapper import Backmapper
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.data import data_path
from openmm_cgvae.evaluation.evaluation import held_out_frames
from openmm_cgvae.evaluation.figures import overlay, ramachandran
from openmm_cgvae.metrics import dihedral_angles
from openmm_cgvae.model import Model, require_molecule
from openmm_cgvae.model.pretrained import load_model
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.molecules.torsions import backbone_torsions
from openmm_cgvae.structures.ensemble import AtomisticEnsemble, AtomisticState
from openmm_cgvae.structures.report import Report
from openmm_cgvae.transformations import coarse_grain

__all__ = ["N_SAMPLES", "N_STEPS", "STEPS_PER_FRAME", "DemoResult", "run_demo"]

_MODEL = "alanine-dipeptide-3"
N_SAMPLES = 10
_N_MAP_FRAMES = 4000
N_STEPS = 2000
STEPS_PER_FRAME = 20


@dataclass(frozen=True)
class DemoResult:
    """What the demo made: the report on the samples, the relaxation, the folder."""

    folder: Path
    report: Report
    relaxation: object

    def __str__(self) -> str:
        """Say what to look at."""
        files = sorted(path.name for path in self.folder.iterdir())
        return (
            f"{self.report}\n\n{self.relaxation}\n\n"
            f"Look at {self.folder}: {', '.join(files)}"
        )


def run_demo(
    output: str | os.PathLike[str] = "demo_output", seed: int = 0
) -> DemoResult:
    """Run the workflow on alanine dipeptide and write what comes out.

    A frame the model never saw is coarse-grained to three beads; ten structures are
    made from them, checked, relaxed with the beads held, and a simulation is
    continued from the first. Two figures compare with the reference.

    Parameters
    ----------
    output : path-like
        Folder for the files.
    seed : int
        Seed of the samples.

    Returns
    -------
    DemoResult
        Report, relaxation and folder.
    """
    folder = Path(output)
    with only_run(folder / LOCK):
        return _run(folder, seed)


def _run(folder: Path, seed: int) -> DemoResult:
    model = require_molecule(load_model(_MODEL))
    atoms = mda.Universe(
        str(data_path("alanine-dipeptide.pdb")), str(data_path("alanine-dipeptide.xtc"))
    )
    frames = Frames.from_universe(atoms)
    unseen = held_out_frames(model, frames)
    frame = int(unseen[len(unseen) // 2])

    beads = coarse_grain(atoms, model.mapping)
    beads.trajectory[frame]
    ensemble = Backmapper(beads).sample(n=N_SAMPLES, seed=seed)
    report = ensemble.report()
    relaxation = ensemble.relax()
    _write(folder, beads, ensemble, relaxation.ensemble, report)
    _continue(relaxation.ensemble[0], folder / "continued.xtc", seed)
    _draw(folder, model, ensemble, frames, frame, unseen[:_N_MAP_FRAMES], seed)
    return DemoResult(folder, report, relaxation)


def _write(
    folder: Path,
    beads: mda.Universe,
    ensemble: AtomisticEnsemble,
    relaxed: AtomisticEnsemble,
    report: Report,
) -> None:
    beads.atoms.write(str(folder / "beads.pdb"))
    ensemble.write(folder / "samples.pdb")
    relaxed.write(folder / "relaxed.pdb")
    relaxed[0].write(folder / "continued.pdb")
    report.to_json(folder / "report.json")


def _continue(state: AtomisticState, path: Path, seed: int) -> None:
    """Simulate on from a sample, 4 ps with atoms."""
    simulation = state.simulation(platform="Reference")
    simulation.integrator.setRandomNumberSeed(seed + 1)
    simulation.reporters.append(app.XTCReporter(str(path), STEPS_PER_FRAME))
    simulation.step(N_STEPS)


def _draw(  # noqa: PLR0913 - the figures show everything the demo made
    folder: Path,
    model: Model,
    ensemble: AtomisticEnsemble,
    frames: Frames,
    frame: int,
    unseen: np.ndarray,
    seed: int,
) -> None:
    reference = frames.positions
    overlay(
        model.atom_table,
        reference[frame],
        ensemble.positions_angstrom,
        ensemble[0].bead_positions,
        model.mapping,
        path=folder / "overlay.png",
    )
    truth = reference[unseen].astype(np.float64)
    made = Sampler(model).sample(model.mapping.project(truth), unseen, 1, seed)[:, 0]
    (torsions,) = backbone_torsions(model.atom_table)
    ramachandran(
        dihedral_angles(truth, torsions),
        dihedral_angles(made, torsions),
        names=("simulated, never seen", f"made from {model.mapping.n_beads} beads"),
        path=folder / "ramachandran.png",
    )
