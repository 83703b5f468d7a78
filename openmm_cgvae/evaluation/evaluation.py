"""Evaluation: how good a model is on blocks of time it has not seen."""

import json
import math
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from openmm_cgvae._runtime.atomic_files import written_whole
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.mapping.label_symmetry import LabelSymmetry
from openmm_cgvae.metrics import resolve_rotors, rmsd
from openmm_cgvae.metrics.sample_metrics import Measurement, chunks
from openmm_cgvae.model import Model
from openmm_cgvae.molecules.frames import Frames, block_split
from openmm_cgvae.structures.ensemble import AtomisticEnsemble

# How the numbers are shown: title, heads of the columns, label and fields of rows.
_TABLE: tuple[tuple[str, tuple[str, ...], dict[str, tuple[str, ...]]], ...] = (
    (
        "reconstructions",
        ("heavy", "all"),
        {
            "RMSD [A]": ("reconstruction_heavy", "reconstruction_all"),
            "  methyl labels resolved": ("", "reconstruction_all_unlabelled"),
        },
    ),
    (
        "samples: bonds",
        ("heavy", "all"),
        {
            "valid": ("valid_heavy", "valid_all"),
            "  by RDKit's radii": ("valid_heavy_rdkit", "valid_all_rdkit"),
            "lambda": ("lambda_heavy", "lambda_all"),
            "  as coded": ("lambda_heavy_as_coded", "lambda_all_as_coded"),
        },
    ),
    (
        "samples: error and spread",
        ("heavy", "all"),
        {
            "RMSD_gen [A]": ("rmsd_gen_heavy", "rmsd_gen_all"),
            "  as coded": ("rmsd_gen_heavy_as_coded", "rmsd_gen_all_as_coded"),
            "error [A]": ("error_heavy", "error_all"),
            "spread [A]": ("spread_heavy", "spread_all"),
            "calibration": ("calibration_heavy", "calibration_all"),
            "energy score [A]": ("energy_score_heavy", "energy_score_all"),
        },
    ),
    (
        "samples: geometry",
        ("samples", "data"),
        {
            "bond lengths off [A]": (
                "bond_length_error",
                "bond_length_error_of_data",
            ),
            "bond angles off [deg]": (
                "bond_angle_error",
                "bond_angle_error_of_data",
            ),
            "clashes, heavy atoms": ("clashes_heavy",),
            "clashes, all atoms": ("clashes_all",),
            "right-handed": ("correct_chirality",),
            "beads off, at most [A]": ("bead_residual",),
        },
    ),
    (
        "samples: torsions",
        ("samples", "by chance"),
        {
            "JSD of phi, psi [bit]": ("jsd_phi_psi", "jsd_phi_psi_by_chance"),
            "JSD of chi [bit]": ("jsd_chi", "jsd_chi_by_chance"),
        },
    ),
    (
        "samples: relaxed",
        ("samples",),
        {
            "energy over data [kJ/mol]": ("energy_gap",),
            "beads moved, at most [A]": ("relaxed_bead_shift",),
        },
    ),
)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Quality of reconstructions and samples on held-out frames.

    Lengths are in Angstrom. Reconstructions decode the mean of the posterior.
    Bond graphs are compared with the bonds of the topology, with the radii behind
    the paper's numbers ("2022") unless the name says RDKit. "As coded" is what the
    paper's published code computes, and so what is printed. Names end in ``heavy``
    for heavy atoms and in ``all`` for all of them.

    Parameters
    ----------
    n_frames, n_samples : int
        Held-out frames, and samples of each.
    reconstruction_heavy, reconstruction_all : float
        RMSD of reconstructions, unaligned.
    reconstruction_all_unlabelled : float
        The same with the labels of methyl hydrogens resolved: the best of six.
    valid_heavy, valid_all, valid_heavy_rdkit, valid_all_rdkit : float
        Share of samples with exactly the right bond graph.
    lambda_heavy, lambda_all : float
        Bonds missing and too many in samples over the number of bonds.
    lambda_heavy_as_coded, lambda_all_as_coded : float
        The same where a bond missing and one too many cancel.
    rmsd_gen_heavy, rmsd_gen_all : float
        Root mean square of the RMSD of valid samples to the true structure; nan if
        none is valid.
    rmsd_gen_heavy_as_coded, rmsd_gen_all_as_coded : float
        The mean of these RMSDs.
    error_heavy, error_all : float
        Mean RMSD of a sample to the true structure, whether valid or not.
    spread_heavy, spread_all : float
        Mean RMSD between two samples of the same beads.
    calibration_heavy, calibration_all : float
        Spread over error: 1 for a sampler of the true conditional distribution.
    energy_score_heavy, energy_score_all : float
        Error less half the spread: a proper score, lower is better.
    bond_length_error, bond_angle_error : float
        Root mean square deviation of samples' bond lengths [A] and angles [deg] from
        the means of the held-out frames.
    bond_length_error_of_data, bond_angle_error_of_data : float
        The same of the held-out frames themselves: what vibrations alone give.
    clashes_heavy, clashes_all : float
        Pairs of atoms in a sample that are more than three bonds apart and nearer
        than 2.0 A (heavy atoms) or 1.2 A (any two).
    correct_chirality : float
        Share of stereocentres of the right hand; nan without stereocentres.
    bead_residual : float
        Largest distance of a sample's bead from the bead it was made from.
    jsd_phi_psi, jsd_chi : float
        Jensen-Shannon divergence [bit] of the torsions of all samples from those of
        the held-out frames, in periodic bins of 10 degrees: of phi and psi together,
        mean over residues, and of every side chain's angle, mean over angles; nan
        without such torsions.
    jsd_phi_psi_by_chance, jsd_chi_by_chance : float
        The same between every other held-out frame and the rest.
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
    valid_heavy_rdkit: float
    valid_all_rdkit: float
    lambda_heavy: float
    lambda_all: float
    lambda_heavy_as_coded: float
    lambda_all_as_coded: float
    rmsd_gen_heavy: float
    rmsd_gen_all: float
    rmsd_gen_heavy_as_coded: float
    rmsd_gen_all_as_coded: float
    error_heavy: float
    error_all: float
    spread_heavy: float
    spread_all: float
    calibration_heavy: float
    calibration_all: float
    energy_score_heavy: float
    energy_score_all: float
    bond_length_error: float
    bond_length_error_of_data: float
    bond_angle_error: float
    bond_angle_error_of_data: float
    clashes_heavy: float
    clashes_all: float
    correct_chirality: float
    bead_residual: float
    jsd_phi_psi: float = math.nan
    jsd_phi_psi_by_chance: float = math.nan
    jsd_chi: float = math.nan
    jsd_chi_by_chance: float = math.nan
    energy_gap: float = math.nan
    relaxed_bead_shift: float = math.nan

    def to_dict(self) -> dict[str, float | int | None]:
        """Give the numbers as plain JSON types; what is not a number becomes None."""
        return {
            name: value if math.isfinite(value) else None
            for name, value in asdict(self).items()
        }

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the numbers to a JSON file; what is not a number becomes null."""
        with written_whole(Path(path)) as unfinished:
            unfinished.write_text(json.dumps(self.to_dict(), indent=1) + "\n")

    def __str__(self) -> str:
        """Give a table in groups; what was not measured is left out."""
        width = max(len(label) for _, _, rows in _TABLE for label in rows)
        lines = [f"{self.n_frames} held-out frames, {self.n_samples} samples of each"]
        for title, columns, rows in _TABLE:
            shown = {label: self._shown(names) for label, names in rows.items()}
            shown = {label: cells for label, cells in shown.items() if any(cells)}
            if shown:
                heads = "".join(f"{head:>11s}" for head in columns)
                lines += ["", f"{title:{width + 2}s}{heads}"]
            for label, cells in shown.items():
                values = "".join(f"{cell:>11s}" for cell in cells)
                lines.append(f"  {label:{width}s}{values}".rstrip())
        return "\n".join(lines)

    def _shown(self, names: tuple[str, ...]) -> list[str]:
        values = [getattr(self, name) if name else math.nan for name in names]
        return [f"{value:.4g}" if math.isfinite(value) else "" for value in values]


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
    truth = frames.positions[chosen].astype(np.float64)
    evaluation = _measure(model, truth, chosen, n_samples, seed)
    if not n_relaxed:
        return evaluation
    some = np.linspace(0, len(truth) - 1, min(n_relaxed, len(truth))).astype(np.int64)
    beads = model.mapping.project(truth[some])
    # Noise goes by frame and number: these are the first samples of above.
    samples = Sampler(model).sample(beads, chosen[some], 1, seed)[:, 0]
    relaxed, reference = (
        AtomisticEnsemble(model.atom_table, structures, model.mapping, beads).relax()
        for structures in (samples, truth[some])
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
    model: Model, truth: np.ndarray, chosen: np.ndarray, n_samples: int, seed: int
) -> Evaluation:
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
    return Evaluation(
        n_frames=len(truth),
        n_samples=n_samples,
        **accuracy,
        **measurement.numbers(),
    )
