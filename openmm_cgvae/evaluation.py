"""Evaluation: how good a model is on blocks of time it has not seen."""

import json
import math
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from openmm_cgvae.ensemble import AtomisticEnsemble
from openmm_cgvae.files import written_whole
from openmm_cgvae.frames import Frames, block_split
from openmm_cgvae.metrics import (
    calibration,
    compare_bond_graphs,
    energy_score,
    resolve_rotors,
    rmsd,
    rmsd_per_structure,
    signed_volumes,
)
from openmm_cgvae.model import Model
from openmm_cgvae.sampling import Sampler


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Quality of reconstructions and samples on held-out frames.

    Lengths are in Angstrom. Reconstructions decode the mean of the posterior.
    Bond graphs are compared with the bonds of the topology, with the radii behind
    the paper's numbers ("2022") unless the name says RDKit.

    Parameters
    ----------
    n_frames, n_samples : int
        Held-out frames, and samples of each.
    reconstruction_heavy, reconstruction_all : float
        RMSD of reconstructions, unaligned.
    reconstruction_all_unlabelled : float
        The same with the labels of methyl hydrogens resolved: the best of six.
    valid_heavy, valid_all, valid_all_rdkit : float
        Share of samples with exactly the right bond graph.
    lambda_heavy, lambda_all : float
        Bonds missing and too many in samples over the number of bonds.
    error_heavy : float
        Mean RMSD of a sample to the true structure.
    spread_heavy : float
        Mean RMSD between two samples of the same beads.
    calibration_heavy : float
        Spread over error: 1 for a sampler of the true conditional distribution.
    energy_score_heavy : float
        Error less half the spread: a proper score, lower is better.
    right_handed : float
        Share of stereocentres of the right hand; nan without stereocentres.
    bead_residual : float
        Largest distance of a sample's bead from the bead it was made from.
    energy_gap : float
        Median energy of relaxed samples less that of relaxed held-out frames, both
        with beads held [kJ/mol]; nan unless asked for.
    relaxed_bead_shift : float
        Largest distance a bead moved while samples were relaxed; nan unless asked
        for.
    """

    n_frames: int
    n_samples: int
    reconstruction_heavy: float
    reconstruction_all: float
    reconstruction_all_unlabelled: float
    valid_heavy: float
    valid_all: float
    valid_all_rdkit: float
    lambda_heavy: float
    lambda_all: float
    error_heavy: float
    spread_heavy: float
    calibration_heavy: float
    energy_score_heavy: float
    right_handed: float
    bead_residual: float
    energy_gap: float = math.nan
    relaxed_bead_shift: float = math.nan

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the numbers to a JSON file; what is not a number becomes null."""
        plain = {
            name: value if math.isfinite(value) else None
            for name, value in asdict(self).items()
        }
        with written_whole(Path(path)) as unfinished:
            unfinished.write_text(json.dumps(plain, indent=1) + "\n")

    def __str__(self) -> str:
        """Give a table, one quantity a line."""
        values = asdict(self)
        width = max(map(len, values))
        return "\n".join(
            f"{name.replace('_', ' '):{width}s}  {value:.4g}"
            for name, value in values.items()
        )


def evaluate(
    model: Model,
    frames: Frames,
    *,
    n_frames: int = 1000,
    n_samples: int = 32,
    n_relaxed: int = 0,
    seed: int = 0,
) -> Evaluation:
    """Measure a model on the blocks of time it was not trained on.

    Parameters
    ----------
    model : Model
        A trained model; its provenance says which blocks were held out.
    frames : Frames
        The whole trajectory it was trained on.
    n_frames : int
        At most so many held-out frames, evenly spaced.
    n_samples : int
        Samples of each frame, at least two.
    n_relaxed : int
        Samples, of as many frames, that are relaxed with the default force field.
    seed : int
        Seed of the samples.

    Returns
    -------
    Evaluation
        The numbers.

    Raises
    ------
    ValueError
        If the frames are not those of the training or a number is too small.
    """
    if n_samples < 2 or n_frames < 1:
        raise ValueError(
            f"`n_samples` is {n_samples} and `n_frames` {n_frames} but at least 2 "
            "samples of 1 frame are needed to measure their spread"
        )
    held_out = held_out_frames(model, frames)
    n_chosen = min(n_frames, len(held_out))
    chosen = held_out[np.arange(n_chosen) * len(held_out) // n_chosen]
    truth = frames.positions[chosen].numpy().astype(np.float64)
    beads = model.mapping.project(truth)
    sampler = Sampler(model)
    made = sampler.reconstruct(truth)
    samples = sampler.sample(beads, chosen, n_samples, seed)
    evaluation = _measure(model, truth, beads, made, samples)
    if not n_relaxed:
        return evaluation
    some = np.linspace(0, len(truth) - 1, min(n_relaxed, len(truth))).astype(np.int64)
    relaxed, reference = (
        AtomisticEnsemble(
            model.atom_table, structures[some], model.mapping, beads[some]
        ).relax()
        for structures in (samples[:, 0], truth)
    )
    gap = np.median(relaxed.energy_after) - np.median(reference.energy_after)
    return replace(
        evaluation,
        energy_gap=float(gap),
        relaxed_bead_shift=float(relaxed.bead_shift.max()),
    )


def held_out_frames(model: Model, frames: Frames) -> np.ndarray:
    """Give the numbers of the frames that were held out for the test.

    Parameters
    ----------
    model : Model
        A trained model.
    frames : Frames
        The whole trajectory it was trained on.

    Returns
    -------
    ndarray of int
        Frame numbers, rising.

    Raises
    ------
    ValueError
        If the trajectory is not as long as that of the training, or the model does
        not say how it was trained.
    """
    trained_on = model.provenance.get("n_frames")
    if trained_on != frames.n_frames or frames.n_atoms != model.mapping.n_atoms:
        raise ValueError(
            f"`frames` has {frames.n_frames} frames of {frames.n_atoms} atoms, but the "
            f"model was trained on {trained_on} frames of {model.mapping.n_atoms} "
            "atoms; give the trajectory of the training"
        )
    settings = model.provenance.get("training", {})
    if not {"n_folds", "fold"} <= set(settings):
        raise ValueError(
            "`model` does not say in its provenance which frames were held out; "
            "give a model that train made"
        )
    return block_split(frames.n_frames, settings["n_folds"], settings["fold"]).test


def _measure(
    model: Model,
    truth: np.ndarray,
    beads: np.ndarray,
    made: np.ndarray,
    samples: np.ndarray,
) -> Evaluation:
    table = model.atom_table
    heavy = table.is_heavy
    flat = samples.reshape(-1, *samples.shape[2:])
    graphs = (flat, table.atomic_numbers, table.bonds)
    in_heavy = compare_bond_graphs(*graphs, heavy_only=True)
    in_all = compare_bond_graphs(*graphs)
    in_rdkit = compare_bond_graphs(*graphs, radii="rdkit")
    score = energy_score(samples, truth, heavy)
    error = float(rmsd_per_structure(samples, truth[:, None], heavy).mean())
    resolved = resolve_rotors(made, truth, table.rotors)
    hands = signed_volumes(flat, table.stereocentres) > 0
    residual = model.mapping.project(flat) - np.repeat(beads, samples.shape[1], axis=0)
    return Evaluation(
        n_frames=len(truth),
        n_samples=samples.shape[1],
        reconstruction_heavy=rmsd(made, truth, heavy),
        reconstruction_all=rmsd(made, truth),
        reconstruction_all_unlabelled=rmsd(resolved, truth),
        valid_heavy=float(in_heavy.is_valid.mean()),
        valid_all=float(in_all.is_valid.mean()),
        valid_all_rdkit=float(in_rdkit.is_valid.mean()),
        lambda_heavy=float(in_heavy.graph_difference.mean()),
        lambda_all=float(in_all.graph_difference.mean()),
        error_heavy=error,
        spread_heavy=2 * (error - score),
        calibration_heavy=calibration(samples, truth, heavy),
        energy_score_heavy=score,
        right_handed=float(hands.mean()) if hands.size else math.nan,
        bead_residual=float(np.linalg.norm(residual, axis=-1).max()),
    )
