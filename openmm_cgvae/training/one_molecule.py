"""Train a model on a trajectory, from universe to model."""

import hashlib
import json
import os
import platform
import tempfile
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import MDAnalysis as mda
import torch

from openmm_cgvae._runtime.atomic_files import written_whole
from openmm_cgvae._runtime.threads import threads
from openmm_cgvae._runtime.version import __version__
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import CGVAE, Model, ModelConfig, Molecule, make_model
from openmm_cgvae.model.graphs import MoleculeGraph, atom_types_of
from openmm_cgvae.model.refinement.one_molecule import MoleculeRefinement
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.training.config import TrainingConfig, configure
from openmm_cgvae.training.loop import fit
from openmm_cgvae.training.one_molecule_data import TrainingData
from openmm_cgvae.training.prior_temperature import best_temperature
from openmm_cgvae.training.trainer_options import checked_trainer_options

# Atoms of one bead would sit on it, those of two on the line through them.
FEWEST_BEADS = 3


def train(  # noqa: PLR0913 - the settings of a training
    atoms: "mda.Universe | mda.AtomGroup",
    mapping: Mapping,
    *,
    preset: str = "fast",
    model_options: dict[str, Any] | None = None,
    training_options: dict[str, Any] | None = None,
    run_directory: str | os.PathLike[str] | None = None,
    frames: Frames | None = None,
    n_threads: int = 1,
    progress: bool = True,
    compiles: bool | None = None,
    trainer_options: dict[str, Any] | None = None,
) -> Model:
    """Train a model on a trajectory.

    Blocks of time are held out for validation and test. The weights that did best
    on the validation blocks are kept.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        The molecule and its trajectory, with elements and bonds.
    mapping : Mapping
        How its atoms make beads.
    preset : {"fast", "paper"}
        Where the settings start from.
    model_options, training_options : dict, optional
        Fields of `ModelConfig` and `TrainingConfig` that differ from the preset.
    run_directory : path-like, optional
        Where checkpoints and the log are kept. A run found there is continued; a
        finished one is only read. Without one, nothing is left behind.
    frames : Frames, optional
        The frames, if they have been read already.
    n_threads : int
        Threads of PyTorch. More than one pays only for wide networks on free cores.
    progress : bool
        Whether to show a progress bar.
    compiles : bool, optional
        Whether steps are compiled by `torch.compile`, which takes a C++ compiler
        about a minute and then saves a third of the time or more. By default where
        there is a compiler and stages are long enough to gain by it. Results agree
        up to rounding.
    trainer_options : dict, optional
        Where to train: ``accelerator``, ``devices``, ``num_nodes``, ``strategy``,
        ``precision`` and ``plugins`` of Lightning's Trainer. By default one device.
        Several share every batch, and up to rounding come to the weights of one unless
        the decoder is polished; they need a ``run_directory`` that all of them see.

    Returns
    -------
    Model
        The trained model, in evaluation mode, with its provenance.

    Raises
    ------
    ValueError
        If an option, the mapping or the trajectory is not possible, the folder holds
        another run, or the training came to values that are not numbers.

    Examples
    --------
    See ``examples/train_your_own.py``.
    """
    model_config, config = configure(preset, model_options, training_options)
    where = checked_trainer_options(trainer_options, run_directory)
    atom_table = AtomTable.from_universe(atoms)
    # Refuse what does not fit before the trajectory is read.
    if mapping.n_beads < FEWEST_BEADS:
        raise ValueError(
            f"`mapping` has {mapping.n_beads} beads, but the directions between at "
            f"least {FEWEST_BEADS} are needed to place atoms off a line; use more beads"
        )
    vocabulary = sorted(set(atom_types_of(atom_table, model_config.atom_types)))
    MoleculeGraph.from_records(atom_table, mapping, vocabulary)
    molecule = Molecule(atom_table, mapping)
    _new_model(model_config, vocabulary, molecule, config.seed)
    frames = Frames.from_universe(atoms) if frames is None else frames
    data = TrainingData.prepare(frames, atom_table, mapping, model_config, config)
    model = _new_model(data.normalised(model_config), vocabulary, molecule, config.seed)
    data = replace(data, graph=model.graph())
    if isinstance(model, CGVAE) and isinstance(model.refinement, MoleculeRefinement):
        seen = data.atom_positions[data.train]
        model.refinement.learn(seen, model.graph().close_pairs)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary if run_directory is None else run_directory)
        claim(folder, _description(model, config, frames))
        with threads(n_threads):
            fit(
                model,
                data,
                config,
                folder,
                progress=progress,
                compiles=compiles,
                trainer_options=where,
            )
    model.eval()
    if isinstance(model, CGVAE) and config.fits_prior_temperature:
        model.config = replace(
            model.config, prior_temperature=best_temperature(model, data, config.seed)
        )
    model.provenance = provenance_of(preset, config, n_frames=frames.n_frames) | {
        "source": frames.source,
        "molecule": model.atom_table.describe(),
    }
    return model


def _new_model(
    config: ModelConfig, vocabulary: list[str], molecule: Molecule, seed: int
) -> Model:
    """Make a model with random weights, without a trace in torch's generator."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return make_model(config, vocabulary, molecule)


def _description(
    model: Model, config: TrainingConfig, frames: Frames
) -> dict[str, Any]:
    """Say what a run is, to tell it from another one."""
    content = frames.positions.tobytes()
    return {
        "model": asdict(model.config),
        "training": asdict(config),
        "mapping": model.mapping.to_dict(),
        "atoms": model.atom_table.to_dict(),
        "n_frames": frames.n_frames,
        "frames_sha256": hashlib.sha256(content).hexdigest(),
    }


def claim(folder: Path, run: dict[str, Any]) -> None:
    """Note what a run is in its folder, or check that it is the same run.

    Parameters
    ----------
    folder : Path
        The folder; made if it is not there.
    run : dict
        Everything the result depends on, in plain JSON types.

    Raises
    ------
    ValueError
        If the folder holds another run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "settings.json"
    text = json.dumps(run, indent=1)
    if not note.exists():
        with written_whole(note) as unfinished:
            unfinished.write_text(text)
        return
    try:
        there = json.loads(note.read_text())
        # A run of a version without some of the settings has them as they are now.
        there["model"] = asdict(ModelConfig()) | there["model"]
        there["training"] = asdict(TrainingConfig()) | there["training"]
    except (ValueError, TypeError, KeyError):
        there = {}
    here = json.loads(text)
    if there != here:
        other = [name for name in here if there.get(name) != here[name]]
        raise ValueError(
            f"`run_directory` is {folder}, which holds a run with other settings "
            f"({', '.join(other)} of its settings.json); choose another folder"
        )


def provenance_of(
    preset: str, config: TrainingConfig, *, n_frames: int
) -> dict[str, Any]:
    """Say how and with what a model was trained.

    Parameters
    ----------
    preset : str
        Where the settings started from.
    config : TrainingConfig
        The settings.
    n_frames : int
        Number of frames.

    Returns
    -------
    dict
        Plain JSON types.
    """
    return {
        "preset": preset,
        "training": asdict(config),
        "n_frames": n_frames,
        "date": date.today().isoformat(),
        "versions": {
            "openmm_cgvae": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
