"""Train a model on a trajectory of one molecule."""

import os
from dataclasses import replace
from typing import Any, cast

import MDAnalysis as mda
import torch

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import CGVAE, Model, ModelConfig, Molecule, make_model
from openmm_cgvae.model.base import FEWEST_BEADS
from openmm_cgvae.model.graphs import MoleculeGraph, atom_types_of
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.training.decoder_fine_tuning import DecoderFineTuning
from openmm_cgvae.training.fit_prior_temperature import best_temperature
from openmm_cgvae.training.one_molecule_data import TrajectoryDataset
from openmm_cgvae.training.presets import configure
from openmm_cgvae.training.prior_fit import PriorFit
from openmm_cgvae.training.resumable_training import run_training
from openmm_cgvae.training.stages import Objective, Stage
from openmm_cgvae.training.trainer_options import checked_trainer_options

__all__ = ["train"]


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
        the decoder is fine-tuned; they need a ``run_directory`` that all of them see.

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
    data = TrajectoryDataset.prepare(frames, atom_table, mapping, model_config, config)
    model = _new_model(data.normalised(model_config), vocabulary, molecule, config.seed)
    stages: list[Stage] = [Objective(model, data, config)]
    model.learn_geometry(data.atom_positions[data.train])
    if model.has_prior:
        if model.config.prior == "flow" or config.prior_epochs:
            stages.append(PriorFit(model, data, config))
        if config.fine_tuning_epochs:
            stages.append(DecoderFineTuning(model, data, config))
    run_training(
        stages,
        preset=preset,
        origin={"source": frames.source, "molecule": atom_table.describe()},
        run_directory=run_directory,
        n_threads=n_threads,
        progress=progress,
        compiles=compiles,
        trainer_options=where,
    )
    if model.has_prior and config.fits_prior_temperature:
        fitted = best_temperature(cast(CGVAE, model), data, config.seed)
        model.config = replace(model.config, prior_temperature=fitted)
    return model


def _new_model(
    config: ModelConfig, vocabulary: list[str], molecule: Molecule, seed: int
) -> Model:
    """Build a model with random weights, without a trace in torch's generator."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return make_model(config, vocabulary, molecule)
