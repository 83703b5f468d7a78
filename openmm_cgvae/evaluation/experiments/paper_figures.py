"""The figures of the paper, drawn from the models of a benchmark."""

import json
from dataclasses import dataclass
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pandas as pd

from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.evaluation.evaluation import held_out_frames
from openmm_cgvae.evaluation.experiments.benchmark_cell import (
    CELLS,
    MODEL,
    frames_in_order,
)
from openmm_cgvae.evaluation.experiments.plan import BenchmarkConfig, Cell
from openmm_cgvae.evaluation.experiments.results import (
    over_folds,
    printed,
    read_results,
)
from openmm_cgvae.evaluation.experiments.tables import MODEL_NAMES, says_something
from openmm_cgvae.evaluation.experiments.tica import (
    backbone_atoms,
    pair_distances,
    slow_coordinates,
)
from openmm_cgvae.evaluation.figures import compare_models, density_maps, gallery
from openmm_cgvae.metrics import dihedral_angles
from openmm_cgvae.metrics.vocabulary import ATOMS, METRICS
from openmm_cgvae.model import Model, require_molecule
from openmm_cgvae.model.checkpoint import load_file
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.molecules.torsions import backbone_torsions

__all__ = ["draw_figures"]

N_MAP_FRAMES = 2000
N_PICTURED = 3
LAG_PS = 50.0  # a tenth of a walker of chignolin
METRICS_PICTURE, MAPPINGS = "metrics-{}.png", "mappings.png"
CONFORMATIONS, SAMPLES, PSEUDOSCALARS = (
    "conformations.png",
    "samples.png",
    "pseudoscalars.png",
)


def draw_figures(
    folder: Path, config: BenchmarkConfig, atoms: mda.Universe, frames: Frames
) -> None:
    """Draw all figures that the models in a folder allow.

    Parameters
    ----------
    folder : Path
        Folder of a benchmark.
    config : BenchmarkConfig
        What was run; its first mapping and split are drawn.
    atoms : MDAnalysis.Universe
        The molecule and its trajectory.
    frames : Frames
        The frames that were used.
    """
    results = read_results(folder)
    ours = over_folds(results)
    of_main = (
        (ours["mapping"] == config.mappings[0])
        & (ours["split"] == config.splits[0])
        & ours["pseudoscalar_init"].isna()
    )
    for kind in ATOMS:
        table = _with_printed(ours[of_main], printed(config.system))
        if not table.empty:
            path = folder / METRICS_PICTURE.format(kind)
            title = f"{config.system}, {kind} atoms"
            compare_models(table, _panels(kind), title=title, path=path)
    _draw_mappings(folder, ours, config.splits[0])
    drawn = [
        _Drawn(Cell(**result["cell"]), folder, frames, config.seed)
        for result in results
        if result["cell"]["fold"] == 0
    ]
    main = [
        one
        for one in drawn
        if (one.cell.mapping, one.cell.split, one.cell.pseudoscalar_init)
        == (config.mappings[0], config.splits[0], None)
    ]
    main.sort(key=lambda one: one.cell.n_beads)
    generative = [one for one in main if one.cell.model == "cgvae"]
    if generative:
        _draw_conformations(folder, generative, config, atoms, frames)
    if main:
        _draw_samples(folder, main)
    _draw_pseudoscalars(folder, drawn)


@dataclass(frozen=True)
class _Drawn:
    """A model of the first fold, with what it makes of held-out frames."""

    cell: Cell
    folder: Path
    frames: Frames
    seed: int

    def load(self) -> Model:
        return require_molecule(load_file(self.folder / CELLS / self.cell.name / MODEL))

    def truth_and_samples(
        self, model: Model, n_frames: int, n_samples: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Evenly spaced held-out frames, and samples (n_frames, n_samples, ...)."""
        frames = frames_in_order(self.frames, self.cell.split, self.seed)
        held_out = held_out_frames(model, frames)
        n_chosen = min(n_frames, len(held_out))
        chosen = held_out[np.arange(n_chosen) * len(held_out) // n_chosen]
        truth = frames.positions[chosen].astype(np.float64)
        beads = model.mapping.project(truth)
        return truth, Sampler(model).sample(beads, chosen, n_samples, self.seed)


def _panels(atoms: str) -> dict[str, str]:
    """Return what the paper prints of some atoms, with the labels of axes."""
    return {
        metric.name: metric.axis
        for metric in METRICS.values()
        if metric.symbol and metric.column == atoms
    }


def _with_printed(ours: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """Points of both, with the names of models, without what says nothing."""
    both = pd.concat(
        [ours.assign(is_printed=False), paper.assign(is_printed=True)],
        ignore_index=True,
    )
    both = both[both["model"].isin(set(ours["model"]))]
    says = [
        says_something(model, quantity)
        for model, quantity in zip(both["model"], both["quantity"], strict=True)
    ]
    both = both[np.array(says, dtype=bool)]
    return both.assign(series=both["model"].map(MODEL_NAMES))


def _draw_mappings(folder: Path, ours: pd.DataFrame, split: str) -> None:
    """Compare mappings, as in Fig. 8."""
    chosen = ours[
        (ours["split"] == split)
        & (ours["model"] == "cgvae")
        & ours["pseudoscalar_init"].isna()
    ]
    if chosen["mapping"].nunique() < 2:
        return
    table = chosen.assign(series=chosen["mapping"], is_printed=False)
    compare_models(table, _panels("heavy"), path=folder / MAPPINGS)


def _draw_conformations(
    folder: Path,
    drawn: list[_Drawn],
    config: BenchmarkConfig,
    atoms: mda.Universe,
    frames: Frames,
) -> None:
    """Draw where structures are, as in Fig. 6."""
    made: dict[str, np.ndarray] = {}
    for one in drawn:
        model = one.load()
        truth, samples = one.truth_and_samples(model, N_MAP_FRAMES, 1)
        made.setdefault("simulated, never seen", truth)
        made[f"from {one.cell.n_beads} beads"] = samples[:, 0]
    path = folder / CONFORMATIONS
    torsions = backbone_torsions(model.atom_table)
    if len(torsions) == 1:
        points = {name: dihedral_angles(x, torsions[0]) for name, x in made.items()}
        labels = ("φ [degree]", "ψ [degree]")
        density_maps(points, labels, limits=(-180.0, 180.0), path=path)
        return
    backbone = backbone_atoms(model.atom_table)
    interval = atoms.trajectory.dt * -(-atoms.trajectory.n_frames // frames.n_frames)
    lag = max(1, round(LAG_PS / interval))
    project = slow_coordinates(
        [
            pair_distances(walker, backbone)
            for walker in _walkers(config.files[1], frames)
        ],
        lag,
    )
    points = {name: project(pair_distances(x, backbone)) for name, x in made.items()}
    title = f"TICA of backbone distances, lag {lag * interval / 1000:g} ns"
    labels = ("slowest coordinate", "second coordinate")
    density_maps(points, labels, title=title, path=path)


def _walkers(trajectory: str, frames: Frames) -> list[np.ndarray]:
    """Cut the frames where another walker begins, if its provenance says where."""
    positions = frames.positions
    note = Path(trajectory).with_suffix(".json")
    if not note.exists():
        return [positions]
    walkers = json.loads(note.read_text()).get("walkers", [])
    lengths = [walker["n_frames"] for walker in walkers]
    step = -(-sum(lengths) // frames.n_frames)
    walker_of_frame = np.repeat(np.arange(len(lengths)), lengths)[::step]
    if len(walker_of_frame) != len(positions):
        return [positions]
    return np.split(positions, np.flatnonzero(np.diff(walker_of_frame)) + 1)


def _draw_samples(folder: Path, drawn: list[_Drawn]) -> None:
    """Draw samples over the truth, as in Figs. 5 and 10: the baselines once."""
    fewest = min(one.cell.n_beads for one in drawn)
    pictures = {}
    for one in drawn:
        is_baseline = one.cell.model in ("linear", "mlp")
        if one.cell.model == "auto-encoder" or (
            is_baseline and one.cell.n_beads != fewest
        ):
            continue
        model = one.load()
        n_samples = 1 if is_baseline else N_PICTURED
        truth, samples = one.truth_and_samples(model, 2, n_samples)
        name = f"{MODEL_NAMES[one.cell.model]}, N = {one.cell.n_beads}"
        pictures[name] = (truth[1 % len(truth)], samples[1 % len(samples)])
    if pictures:
        gallery(model.atom_table, pictures, path=folder / SAMPLES)


def _draw_pseudoscalars(folder: Path, drawn: list[_Drawn]) -> None:
    """Draw samples of three beads seen from the side of their plane, as in Fig. 11."""
    found = {
        one.cell.pseudoscalar_init: one
        for one in drawn
        if one.cell.n_beads == 3 and one.cell.pseudoscalar_init is not None
    }
    if len(found) < 2:
        return
    pictures = {}
    for init, one in sorted(found.items()):
        model = one.load()
        truth, samples = one.truth_and_samples(model, 2, N_PICTURED)
        across, along, normal = _plane(model.mapping.project(truth[0]))
        view = np.stack([across, normal, np.cross(across, normal)], axis=1)
        heavy = model.atom_table.is_heavy
        from_plane = (samples[0][:, heavy] - truth[0].mean(axis=0)) @ normal
        from_plane -= from_plane.mean()
        thickness = float(np.sqrt(np.mean(from_plane**2)))
        name = f"pseudoscalars from {init:g}: {thickness:.2f} Å off the plane"
        pictures[name] = (truth[0], samples[0])
    gallery(model.atom_table, pictures, view=view, path=folder / PSEUDOSCALARS)


def _plane(beads: np.ndarray) -> np.ndarray:
    """Two directions in the plane of three beads, and its normal."""
    return np.linalg.svd(beads - beads.mean(axis=0))[2]
