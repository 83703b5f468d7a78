"""Evaluation of a model: its metrics on blocks of time it has not seen."""

import json
import math
import os
from dataclasses import asdict, dataclass
from inspect import cleandoc
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import TypeVar

import numpy as np

from openmm_cgvae._runtime.atomic_files import written_whole
from openmm_cgvae._runtime.deprecations import warn_of_old_name
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.mapping.label_symmetry import LabelSymmetry
from openmm_cgvae.metrics import resolve_rotors, rmsd
from openmm_cgvae.metrics.sample_metrics import Measurement, chunks
from openmm_cgvae.metrics.vocabulary import COMPARED, METRICS
from openmm_cgvae.model import Model
from openmm_cgvae.molecules.block_split import block_split
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.structures.ensemble import AtomisticEnsemble

__all__ = ["RENAMED", "Evaluation", "evaluate", "held_out_frames"]

# Metrics that had another name in version 0.1.
RENAMED = {"right_handed": "correct_chirality"}
_Record = TypeVar("_Record")
_EVALUATED = tuple(metric for metric in METRICS.values() if metric.group != COMPARED)


def _with_metrics(record: type[_Record]) -> type[_Record]:
    """Add a field for every metric to a record, and its meaning to the docstring."""
    for metric in _EVALUATED:
        record.__annotations__[metric.name] = float
        if not metric.is_always_measured:
            setattr(record, metric.name, math.nan)
    text = cleandoc(record.__doc__ or "")
    record.__doc__ = "\n".join([text, *_descriptions()])
    return record


def _descriptions() -> list[str]:
    """Return what every metric means, as lines of a docstring."""
    words = {
        "lower": "; lower is better",
        "higher": "; higher is better",
        "as data": "; as in the data is best",
    }
    lines = []
    # Those of heavy and of all atoms mean the same.
    for (meaning, unit, better), alike in groupby(
        _EVALUATED, lambda metric: (metric.meaning, metric.unit, metric.better)
    ):
        of_unit = f" [{unit}]" if unit else ""
        text = f"{meaning}{of_unit}{words.get(better, '')}."
        lines.append(f"{', '.join(metric.name for metric in alike)} : float")
        lines += [f"    {line}" for line in wrap(text, 80)]
    return lines


@dataclass(frozen=True, kw_only=True)
@_with_metrics
class Evaluation:
    """Quality of reconstructions and samples on held-out frames.

    Reconstructions decode the mean of the posterior.
    Bond graphs are compared with the bonds of the topology, with the radii behind
    the paper's numbers ("2022") unless the name says RDKit. "As coded" is what the
    paper's published code computes, and so what is printed. Names have ``heavy``
    for heavy atoms and ``all`` for all of them.

    Parameters
    ----------
    n_frames, n_samples : int
        Held-out frames, and samples of each.
    """

    n_frames: int
    n_samples: int

    def __getattr__(self, name: str) -> float:
        """Find a metric by its name of version 0.1."""
        if name not in RENAMED:
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")
        warn_of_old_name(f"Evaluation.{name}", f"Evaluation.{RENAMED[name]}")
        return getattr(self, RENAMED[name])

    def to_dict(self) -> dict[str, float | int | None]:
        """Return the metrics as plain JSON types; what is not a number becomes None."""
        return {
            name: value if math.isfinite(value) else None
            for name, value in asdict(self).items()
        }

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the metrics to a JSON file; what is not a number becomes null."""
        with written_whole(Path(path)) as unfinished:
            unfinished.write_text(json.dumps(self.to_dict(), indent=1) + "\n")

    def __str__(self) -> str:
        """Return a table in groups; what was not measured is left out."""
        values = {m: getattr(self, m.name) for m in _EVALUATED}
        shown = [m for m in _EVALUATED if math.isfinite(values[m])]
        width = max(len(metric.row) for metric in _EVALUATED)
        lines = [f"{self.n_frames} held-out frames, {self.n_samples} samples of each"]
        for group, members in groupby(shown, lambda metric: metric.group):
            rows: dict[str, dict[str, str]] = {}
            columns: dict[str, None] = {}
            for metric in members:
                text = f"{values[metric]:.4g}"
                rows.setdefault(metric.row, {})[metric.column] = text
                columns[metric.column] = None
            heads = "".join(f"{column:>11s}" for column in columns)
            lines += ["", f"{group:{width + 2}s}{heads}"]
            for label, cells in rows.items():
                texts = "".join(f"{cells.get(column, ''):>11s}" for column in columns)
                lines.append(f"  {label:{width}s}{texts}".rstrip())
        return "\n".join(lines)


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
        The metrics.

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
    truth = frames.positions[chosen].astype(np.float64)
    numbers = _measure(model, truth, chosen, n_samples, seed)
    if n_relaxed:
        rows = np.linspace(0, len(truth) - 1, min(n_relaxed, len(truth)))
        some = rows.astype(np.int64)
        numbers |= _relaxed(model, truth[some], chosen[some], seed)
    return Evaluation(n_frames=len(truth), n_samples=n_samples, **numbers)


def held_out_frames(model: Model, frames: Frames) -> np.ndarray:
    """Return the indices of the frames that were held out for the test.

    Parameters
    ----------
    model : Model
        A trained model.
    frames : Frames
        The whole trajectory it was trained on.

    Returns
    -------
    ndarray of int
        Frame indices, rising.

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
    model: Model, truth: np.ndarray, chosen: np.ndarray, n_samples: int, seed: int
) -> dict[str, float]:
    """Compute all metrics but those of relaxed samples."""
    table, sampler = model.atom_table, Sampler(model)
    made = sampler.reconstruct(truth)
    resolved = resolve_rotors(made, truth, table.rotors)
    accuracy = {
        "reconstruction_heavy": rmsd(made, truth, table.is_heavy),
        "reconstruction_all": rmsd(made, truth),
        "reconstruction_all_unlabelled": rmsd(resolved, truth),
    }
    # Flat groups of samples are in the canonical order; so shall be the truth.
    truth, _ = LabelSymmetry(groups=sampler.symmetry.groups).canonical(truth)
    measurement = Measurement(table, model.mapping, truth)
    for part in chunks(len(truth), n_samples, table.n_atoms):
        beads = model.mapping.project(truth[part])
        samples = sampler.sample(beads, chosen[part], n_samples, seed)
        measurement.add(part, samples)
    return accuracy | measurement.numbers()


def _relaxed(
    model: Model, truth: np.ndarray, chosen: np.ndarray, seed: int
) -> dict[str, float]:
    """Compute the metrics of relaxed samples, one of each frame."""
    beads = model.mapping.project(truth)
    # Noise is a function of frame and sample: these are the first samples of each.
    samples = Sampler(model).sample(beads, chosen, 1, seed)[:, 0]
    relaxed, reference = (
        AtomisticEnsemble(model.atom_table, structures, model.mapping, beads).relax()
        for structures in (samples, truth)
    )
    gap = np.median(relaxed.energy_after) - np.median(reference.energy_after)
    return {
        "energy_gap": float(gap),
        "relaxed_bead_shift": float(relaxed.bead_shift.max()),
    }
