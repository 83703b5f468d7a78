"""Run a benchmark cell by cell; what is done already is kept."""

import os
import platform
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import MDAnalysis as mda
import numpy as np
import torch
from tqdm.auto import tqdm

from openmm_cgvae._runtime.atomic_files import write_json
from openmm_cgvae._runtime.run_folder import (
    LOCK,
    check_settings,
    only_run,
    read_settings,
)
from openmm_cgvae._runtime.version import __version__
from openmm_cgvae.evaluation.evaluation import evaluate
from openmm_cgvae.evaluation.experiments.benchmark_cell import (
    CELLS,
    MAPPING,
    MODEL,
    RESULT,
    RUN,
    SETTINGS,
    frames_in_order,
)
from openmm_cgvae.evaluation.experiments.mappings import make_mapping
from openmm_cgvae.evaluation.experiments.plan import BenchmarkConfig, Cell
from openmm_cgvae.evaluation.experiments.results import read_results
from openmm_cgvae.evaluation.experiments.tables import write_tables
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import Model, require_molecule
from openmm_cgvae.model.checkpoint import load_file, save_model
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.training import train

__all__ = ["Benchmark", "machine", "run_benchmark"]


@dataclass(frozen=True)
class Benchmark:
    """Where a benchmark lies, and its tables."""

    folder: Path
    tables: str

    def __str__(self) -> str:
        """Return the tables, and where the rest is."""
        files = sorted(path.name for path in self.folder.iterdir() if path.is_file())
        return f"{self.tables}\nLook at {self.folder}: {', '.join(files)}"


def run_benchmark(
    config: BenchmarkConfig,
    output: str | os.PathLike[str],
    *,
    command: str = "",
    draws: bool = True,
    progress: bool = True,
    compiles: bool | None = None,
) -> Benchmark:
    """Train and measure all models of a benchmark, or go on where it stopped.

    Every cell has a folder in ``output/cells``. A cell that is done is only read; one
    that was stopped continues from its last epoch. Tables are written after every
    cell, figures in the end. Several benchmarks of one system may be run into one
    folder, one after the other or, with different cells, at the same time.

    Parameters
    ----------
    config : BenchmarkConfig
        What to run.
    output : path-like
        Folder for everything.
    command : str
        How it was called, for the record.
    draws : bool
        Whether to draw the figures, which needs the extra ``plots``.
    progress : bool
        Whether to show progress and the time left.
    compiles : bool, optional
        Whether training steps are compiled, see `train`.

    Returns
    -------
    Benchmark
        The folder and the tables.

    Raises
    ------
    RuntimeError
        If another benchmark is at work on the same cell.
    ValueError
        If the folder holds cells with other settings, or a mapping does not fit.
    """
    if draws:
        import openmm_cgvae.evaluation.experiments.paper_figures  # noqa: F401 - lacks are seen at once
    folder = Path(output)
    (folder / CELLS).mkdir(parents=True, exist_ok=True)
    cells = config.cells()
    for cell in cells:
        _check_cell(folder / CELLS / cell.name, _settings(config, cell))
    atoms = mda.Universe(*config.files)
    frames = Frames.from_universe(atoms, step=_step(atoms, config.n_frames))
    n_done = sum((folder / CELLS / cell.name / RESULT).exists() for cell in cells)
    bar = tqdm(
        total=len(cells),
        initial=n_done,
        unit="model",
        smoothing=0,
        disable=not progress,
    )
    with bar:
        for cell in cells:
            cell_folder = folder / CELLS / cell.name
            if (cell_folder / RESULT).exists():
                continue
            bar.set_description(cell.name)
            runner = _Runner(
                config, cell, cell_folder, atoms, frames, command, compiles
            )
            with only_run(cell_folder / LOCK):
                # Another benchmark may have done it in the meantime.
                if not (cell_folder / RESULT).exists():
                    runner.run(progress=progress)
            write_tables(read_results(folder), folder)
            bar.update()
    tables = write_tables(read_results(folder), folder)
    if draws:
        from openmm_cgvae.evaluation.experiments.paper_figures import draw_figures

        draw_figures(folder, config, atoms, frames)
    return Benchmark(folder, tables)


@dataclass(frozen=True)
class _Runner:
    """What one cell needs to be run."""

    config: BenchmarkConfig
    cell: Cell
    cell_folder: Path
    atoms: mda.Universe
    frames: Frames
    command: str
    compiles: bool | None

    def run(self, *, progress: bool) -> None:
        write_json(self.cell_folder / SETTINGS, _settings(self.config, self.cell))
        was_begun = (self.cell_folder / RUN).exists()
        frames = frames_in_order(self.frames, self.cell.split, self.config.seed)
        begun = time.process_time()
        model = self._model(frames, progress=progress)
        trained = time.process_time()
        evaluation = evaluate(
            model,
            frames,
            n_frames=self.config.n_test_frames,
            n_samples=self.config.n_samples,
            n_relaxed=self.config.n_relaxed,
            seed=self.config.seed,
        )
        done = time.process_time()
        result = {
            **_settings(self.config, self.cell),
            "bead_sizes": np.bincount(model.mapping.bead_of_atom).tolist(),
            "n_parameters": sum(weight.numel() for weight in model.parameters()),
            "evaluation": evaluation.to_dict(),
            "record": {
                "command": self.command,
                "date": datetime.now(UTC).date().isoformat(),
                # What was trained before it was stopped was not counted.
                "training_cpu_s": None if was_begun else round(trained - begun, 1),
                "evaluation_cpu_s": round(done - trained, 1),
                **machine(),
            },
        }
        write_json(self.cell_folder / RESULT, result)

    def _model(self, frames: Frames, *, progress: bool) -> Model:
        path = self.cell_folder / MODEL
        if path.exists():
            return require_molecule(load_file(path))
        model_options, training_options = self.config.options(self.cell)
        model = train(
            self.atoms,
            self._mapping(frames, progress=progress),
            preset=self.config.preset_of(self.cell),
            model_options=model_options,
            training_options=training_options,
            run_directory=self.cell_folder / RUN,
            frames=frames,
            progress=progress,
            compiles=self.compiles,
        )
        save_model(model, path)
        return model

    def _mapping(self, frames: Frames, *, progress: bool) -> Mapping:
        path = self.cell_folder / MAPPING
        if not path.exists():
            self.atoms.trajectory[0]
            mapping = make_mapping(
                self.atoms, frames, self.config, self.cell, progress=progress
            )
            mapping.save(path)
        return Mapping.load(path)


def machine() -> dict[str, Any]:
    """Return what ran it.

    Returns
    -------
    dict
        Processor, cores, device and versions.

    Examples
    --------
    >>> sorted(machine())
    ['device', 'n_cores', 'processor', 'versions']
    """
    on_gpu = torch.cuda.is_available()
    return {
        "processor": _processor(),
        "n_cores": os.cpu_count(),
        "device": torch.cuda.get_device_name() if on_gpu else "CPU",
        "versions": {
            "openmm_cgvae": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    models = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return models[0].strip() if models else platform.processor() or platform.machine()


def _settings(config: BenchmarkConfig, cell: Cell) -> dict[str, Any]:
    """Return all that decides the metrics of a cell."""
    model_options, training_options = config.options(cell)
    return {
        "system": config.system,
        "cell": asdict(cell),
        "preset": config.preset,
        "model_options": model_options,
        "training_options": training_options,
        "auto_grain_epochs": config.auto_grain_epochs,
        "n_frames": config.n_frames,
        "n_test_frames": config.n_test_frames,
        "n_samples": config.n_samples,
        "n_relaxed": config.n_relaxed,
        "seed": config.seed,
        "trajectory": Path(config.files[1]).name,
    }


def _check_cell(cell_folder: Path, settings: dict[str, Any]) -> None:
    path = cell_folder / SETTINGS
    if path.exists():
        check_settings(read_settings(path), settings, path)


def _step(atoms: mda.Universe, n_frames: int | None) -> int:
    if n_frames is None:
        return 1
    return -(-atoms.trajectory.n_frames // n_frames)
