"""One training run: its stages in a folder that can be continued, and its record."""

import os
import platform
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_only

from openmm_cgvae._runtime.atomic_files import write_json
from openmm_cgvae._runtime.run_folder import (
    LOCK,
    check_settings,
    only_run,
    read_settings,
)
from openmm_cgvae._runtime.threads import threads
from openmm_cgvae._runtime.version import __version__
from openmm_cgvae.model import ModelConfig
from openmm_cgvae.training.config import TrainingConfig
from openmm_cgvae.training.lightning_loop import fit
from openmm_cgvae.training.stages import Stage

__all__ = ["run_training"]


def run_training(  # noqa: PLR0913 - the settings of a training
    stages: Sequence[Stage],
    *,
    preset: str,
    origin: dict[str, Any],
    run_directory: str | os.PathLike[str] | None,
    n_threads: int,
    progress: bool,
    compiles: bool | None = False,
    trainer_options: dict[str, Any] | None = None,
) -> None:
    """Run or continue the stages of a training and note in the model how it was made.

    Parameters
    ----------
    stages : sequence of Stage
        The stages, all of one model, dataset and config. The model gets the weights
        and is left in evaluation mode.
    preset : str
        Where the settings started from.
    origin : dict
        ``source`` and ``molecule`` of the frames, for the record.
    run_directory : path-like, optional
        Where checkpoints and the log are kept; without one, nothing is left behind.
    n_threads : int
        Threads of PyTorch.
    progress : bool
        Whether to show a progress bar.
    compiles : bool, optional
        Whether steps are compiled; None leaves it to the number of steps.
    trainer_options : dict, optional
        Where to train, for Lightning's Trainer.

    Raises
    ------
    RuntimeError
        If another run is writing to the folder.
    ValueError
        If the folder holds another run, or the training came to values that are not
        numbers.
    """
    model, data, config = stages[0].model, stages[0].data, stages[0].config
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary if run_directory is None else run_directory)
        settings = {"model": asdict(model.config), "training": asdict(config)}
        folder.mkdir(parents=True, exist_ok=True)
        # Of several processes the first claims the folder for all of them.
        is_first = getattr(rank_zero_only, "rank", 0) == 0
        lock = only_run(folder / LOCK, "run_directory") if is_first else nullcontext()
        with lock, threads(n_threads):
            _claim(folder, settings | data.identity)
            fit(
                stages,
                folder,
                progress=progress,
                compiles=compiles,
                trainer_options=trainer_options,
            )
    model.eval()
    model.provenance = {
        "preset": preset,
        "training": asdict(config),
        "n_frames": data.n_frames,
        "date": date.today().isoformat(),
        "versions": {
            "openmm_cgvae": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        **origin,
    }


def _claim(folder: Path, run: dict[str, Any]) -> None:
    """Note what a run is in its folder, or check that it is the same run.

    ``run`` is everything the result depends on, in plain JSON types.
    """
    note = folder / "settings.json"
    if not note.exists():
        write_json(note, run)
        return
    there = read_settings(note)
    # A run of a version without some of the settings has them as they are now.
    for name, now in (("model", ModelConfig()), ("training", TrainingConfig())):
        if isinstance(there.get(name), dict):
            there[name] = asdict(now) | there[name]
    check_settings(there, run, note, "run_directory")
