"""Train one model on many molecules, for molecules it has never seen."""

import itertools
import os
from collections.abc import Sequence
from typing import Any

import torch

from openmm_cgvae.model import GeometryStatistics, ModelConfig, TransferableModel
from openmm_cgvae.model.codebook import Codebook, bead_types_of
from openmm_cgvae.training.many_molecules_data import MolecularDataset, TrainingMolecule
from openmm_cgvae.training.presets import configure
from openmm_cgvae.training.prior_fit import PriorFit
from openmm_cgvae.training.resumable_training import run_training
from openmm_cgvae.training.stages import Objective, Stage

__all__ = ["train_many"]


def train_many(  # noqa: PLR0913 - the settings of a training
    molecules: Sequence[TrainingMolecule],
    beads: str,
    *,
    preset: str = "transferable",
    model_options: dict[str, Any] | None = None,
    training_options: dict[str, Any] | None = None,
    run_directory: str | os.PathLike[str] | None = None,
    source: dict[str, Any] | None = None,
    n_threads: int = 1,
    progress: bool = True,
) -> TransferableModel:
    """Train one model on many molecules.

    The architecture is that of `train`. It carries over to other molecules made of
    the same residues, since all it knows of a bead is what the bead is made of and
    where its neighbours are.

    Parameters
    ----------
    molecules : sequence of TrainingMolecule
        The molecules, some held out for validation.
    beads : str
        Family of the beads, by which the model is found.
    preset : str
        Where the settings start from.
    model_options, training_options : dict, optional
        Fields of `ModelConfig` and `TrainingConfig` that differ from the preset.
    run_directory : path-like, optional
        Where checkpoints and the log are kept. A run found there is continued; a
        finished one is only read. Without one, nothing is left behind.
    source : dict, optional
        Where the molecules came from, for the record.
    n_threads : int
        Threads of PyTorch.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    TransferableModel
        The trained model; its `for_molecule` returns the model of a molecule.

    Raises
    ------
    ValueError
        If an option is not possible, nothing is held out or nothing is left, the
        folder holds another run, or the training came to values that are no numbers.
    """
    model_config, config = configure(preset, model_options, training_options)
    n_held_out = sum(molecule.is_validation for molecule in molecules)
    if not 0 < n_held_out < len(molecules):
        raise ValueError(
            f"`molecules` has {len(molecules)}, {n_held_out} of them with "
            "is_validation; some have to be held out and some left to train on"
        )
    if config.fine_tuning_epochs or model_config.prior != "gaussian":
        raise ValueError(
            f"`training_options` and `model_options` ask for "
            f"{config.fine_tuning_epochs} epochs of fine-tuning and the prior "
            f"{model_config.prior!r}, which are for models of one molecule; leave them "
            "out"
        )
    if model_config.methyl_labels == "canonical":
        molecules = [molecule.with_canonical_labels() for molecule in molecules]
    data = MolecularDataset.prepare(molecules, model_config, config)
    model = _new_model(
        data.normalised(model_config), data, molecules, beads, config.seed
    )
    stages: list[Stage] = [Objective(model, data, config)]
    if config.prior_epochs:
        stages.append(PriorFit(model, data, config))
    run_training(
        stages,
        preset=preset,
        origin={"molecule": f"{len(molecules)} molecules", "source": source or {}},
        run_directory=run_directory,
        n_threads=n_threads,
        progress=progress,
    )
    return model


def _new_model(
    config: ModelConfig,
    data: MolecularDataset,
    molecules: Sequence[TrainingMolecule],
    beads: str,
    seed: int,
) -> TransferableModel:
    """Build a model with random weights that knows the geometry of the molecules.

    And the conformations of their beads, where these have codes.
    """
    seen = [
        (molecule.atom_table, molecule.positions)
        for molecule in molecules
        if not molecule.is_validation
    ]
    geometry = GeometryStatistics.learned(seen)
    codebook = None
    if config.n_codes:
        known = (
            bead_types_of(molecule.atom_table, molecule.mapping, data.vocabulary)
            for molecule in molecules
        )
        bead_types = itertools.chain.from_iterable(known)
        sizes = config.n_codes, config.n_subcodes
        codebook = Codebook(bead_types, data.vocabulary, *sizes)
        codebook.learn(data.batches(data.train, None), seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return TransferableModel(
            config, data.vocabulary, beads, geometry, codebook=codebook
        )
