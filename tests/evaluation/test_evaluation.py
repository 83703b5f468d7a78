"""Evaluation looks at held-out frames and reports what a sampler is worth."""

import copy
import json
import math
import re
import subprocess
import sys
from dataclasses import asdict, fields
from types import SimpleNamespace

import numpy as np
import pytest

import openmm_cgvae
from openmm_cgvae.evaluation import evaluation
from openmm_cgvae.evaluation.evaluation import Evaluation, evaluate, held_out_frames
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.label_symmetry import LabelSymmetry
from openmm_cgvae.metrics.vocabulary import COMPARED, METRICS
from openmm_cgvae.model import CGVAE, ModelConfig, Molecule
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.block_split import block_split
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.testing.dipeptide import BEADS, peptide, trembling, untrained

N_FRAMES = 120


@pytest.fixture(scope="module")
def frames():
    return Frames.from_universe(trembling(N_FRAMES, amplitude=0.02))


def as_trained(model, n_frames=N_FRAMES, fold=2):
    training = {"n_folds": 5, "fold": fold}
    model.provenance = {"n_frames": n_frames, "training": training}
    return model


@pytest.fixture
def model():
    return as_trained(
        untrained(Mapping(BEADS, np.arange(1.0, 23.0)), methyl_labels="as_given")
    )


def stand_in(monkeypatch, frames, sample, made=0.0):
    """Put a sampler with known errors in the place of the model's."""
    seen = {}

    class StandIn:
        def __init__(self, model):
            self.model, self.symmetry = model, LabelSymmetry()

        def reconstruct(self, positions):
            return positions + made

        def sample(self, bead_positions, chosen, n, seed):
            truth = frames.positions[chosen].astype(float)
            seen.update(frames=chosen, n=n, seed=seed, beads=bead_positions)
            return sample(np.repeat(truth[:, None], n, axis=1))

    monkeypatch.setattr(evaluation, "Sampler", StandIn)
    return seen


def test_an_untrained_model_gets_finite_numbers(model, frames):
    result = evaluate(model, frames, n_frames=10, n_samples=3, n_relaxed=2)
    # No sample is valid, and alanine has no chi.
    missing = {name for name, v in asdict(result).items() if not math.isfinite(v)}
    assert missing == {
        "rmsd_gen_heavy",
        "rmsd_gen_all",
        "rmsd_gen_heavy_as_coded",
        "rmsd_gen_all_as_coded",
        "jsd_chi",
        "jsd_chi_by_chance",
    }
    assert (result.n_frames, result.n_samples) == (10, 3)
    assert result.bead_residual < 1e-9
    assert result.valid_heavy == result.valid_all == 0.0
    assert result.reconstruction_all_unlabelled <= result.reconstruction_all
    assert result.error_heavy > 0.3
    assert 0 <= result.correct_chirality <= 1


def test_a_seed_gives_the_same_numbers(model, frames):
    options = {"n_frames": 4, "n_samples": 2}
    first = evaluate(model, frames, **options).to_dict()
    assert first == evaluate(model, frames, **options).to_dict()
    assert first != evaluate(model, frames, seed=1, **options).to_dict()


@pytest.mark.parametrize("fold", range(5))
def test_only_held_out_frames_are_looked_at(model, frames, monkeypatch, fold):
    as_trained(model, fold=fold)
    seen = stand_in(monkeypatch, frames, lambda samples: samples)
    evaluate(model, frames, n_samples=2, seed=4)
    expected = block_split(N_FRAMES, 5, fold).test
    np.testing.assert_array_equal(seen["frames"], expected)
    np.testing.assert_array_equal(held_out_frames(model, frames), expected)
    assert (seen["n"], seen["seed"]) == (2, 4)
    truth = frames.positions[expected].astype(float)
    np.testing.assert_allclose(seen["beads"], model.mapping.project(truth))


@pytest.mark.parametrize("n_frames", [1, 2, 7, 13, 23, 24, 1000])
def test_frames_are_spread_over_all_that_were_held_out(
    model, frames, monkeypatch, n_frames
):
    seen = stand_in(monkeypatch, frames, lambda samples: samples)
    evaluate(model, frames, n_frames=n_frames, n_samples=2)
    held_out = list(held_out_frames(model, frames))
    ranks = np.array([held_out.index(frame) for frame in seen["frames"]])
    assert len(ranks) == min(n_frames, len(held_out))
    gaps = np.diff(ranks, append=len(held_out))
    assert gaps.max() - gaps.min() <= 1
    assert gaps.min() >= 1


def test_the_truth_is_perfect(model, frames, monkeypatch):
    stand_in(monkeypatch, frames, lambda samples: samples)
    result = evaluate(model, frames, n_samples=2)
    assert result.valid_heavy == result.valid_all == result.valid_all_rdkit == 1.0
    assert result.lambda_heavy == result.lambda_all == 0.0
    assert result.correct_chirality == 1.0
    for name in (
        "reconstruction_heavy",
        "reconstruction_all",
        "reconstruction_all_unlabelled",
        "error_heavy",
        "spread_heavy",
        "energy_score_heavy",
    ):
        assert getattr(result, name) == 0.0, name
    assert math.isnan(result.calibration_heavy)
    assert result.bead_residual < 1e-12


def test_known_errors_are_found(model, frames, monkeypatch):
    # Every sample is off by (0, 0, 3) or (0, 0, -3) [A], two of each.
    shift = np.array([3.0, -3.0, 3.0, -3.0])[:, None, None] * [0, 0, 1]
    made = np.array([0.0, 0.3, 0.4])
    stand_in(monkeypatch, frames, lambda samples: samples + shift, made)
    result = evaluate(model, frames, n_samples=4)
    assert result.reconstruction_heavy == pytest.approx(0.5)
    assert result.reconstruction_all == pytest.approx(0.5)
    assert result.error_heavy == pytest.approx(3.0)
    # Of six pairs, four are 6 A apart and two are equal.
    assert result.spread_heavy == pytest.approx(4.0)
    assert result.calibration_heavy == pytest.approx(4 / 3)
    assert result.energy_score_heavy == pytest.approx(1.0)
    assert result.bead_residual == pytest.approx(3.0)
    assert result.valid_all == 1.0


def test_a_sampler_with_the_noise_of_the_truth_is_calibrated(
    model, frames, monkeypatch
):
    # Truth and samples are draws about the same mean, so spread equals error.
    generator = np.random.default_rng(0)
    mean = peptide().atoms.positions.astype(float)

    def like_the_truth(samples):
        return mean + 0.02 * generator.normal(size=samples.shape)

    stand_in(monkeypatch, frames, like_the_truth)
    result = evaluate(model, frames, n_samples=16)
    assert result.calibration_heavy == pytest.approx(1.0, abs=0.05)
    assert result.error_heavy == pytest.approx(0.02 * math.sqrt(2 * 3), rel=0.05)


def test_energies_of_relaxed_structures_are_compared_by_their_medians(
    model, frames, monkeypatch
):
    stand_in(monkeypatch, frames, lambda samples: samples + 1.0)
    truth = frames.positions.astype(float)

    class Ensemble:
        def __init__(self, _, structures, mapping, beads):
            near = np.abs(structures[:, None] - truth).max(axis=(2, 3)).min(axis=1)
            self.is_truth = bool((near < 1e-9).all())
            assert self.is_truth or (near > 0.5).all()
            np.testing.assert_allclose(mapping.project(structures), beads + near.max())

        def relax(self):
            energy = [7.0, 3.0, -90.0] if self.is_truth else [5.0, 900.0, 1.0]
            shift = np.array([0.0]) if self.is_truth else np.array([[0.1, 0.3], [0, 0]])
            return SimpleNamespace(energy_after=np.array(energy), bead_shift=shift)

    monkeypatch.setattr(evaluation, "AtomisticEnsemble", Ensemble)
    result = evaluate(model, frames, n_samples=2, n_relaxed=3)
    assert result.energy_gap == 2.0
    assert result.relaxed_bead_shift == 0.3


def test_mirrored_samples_have_the_wrong_chirality(model, frames, monkeypatch):
    stand_in(monkeypatch, frames, lambda samples: samples * [1.0, 1.0, -1.0])
    result = evaluate(model, frames, n_samples=2)
    assert result.correct_chirality == 0.0
    assert result.valid_all == 1.0  # bond graphs do not see chirality


def test_a_turned_methyl_is_an_error_of_labels_alone(model, frames, monkeypatch):
    stand_in(monkeypatch, frames, lambda samples: samples)
    turned = np.arange(22)
    turned[[11, 12, 13]] = [12, 13, 11]
    stub = evaluation.Sampler
    monkeypatch.setattr(stub, "reconstruct", lambda _, given: given[:, turned])
    result = evaluate(model, frames, n_samples=2)
    assert result.reconstruction_heavy == 0.0
    assert result.reconstruction_all > 0.3
    assert result.reconstruction_all_unlabelled == 0.0


def without_stereocentres():
    table = AtomTable.from_universe(peptide())
    plain = {**table.to_dict(), "stereocentres": []}
    config = ModelConfig(n_channels=10, prior_layers=1, decoder_layers=1)
    molecule = Molecule(AtomTable.from_dict(plain), Mapping(BEADS))
    return as_trained(CGVAE(config, ["1", "6", "7", "8"], molecule=molecule))


def test_no_stereocentres_have_no_chirality(frames, tmp_path):
    result = evaluate(without_stereocentres(), frames, n_frames=2, n_samples=2)
    assert math.isnan(result.correct_chirality)
    result.to_json(tmp_path / "numbers.json")
    assert (
        json.loads((tmp_path / "numbers.json").read_text())["correct_chirality"] is None
    )


def test_numbers_are_written_and_shown(model, frames, monkeypatch, tmp_path):
    stand_in(monkeypatch, frames, lambda samples: samples)
    result = evaluate(model, frames, n_frames=2, n_samples=2)
    result.to_json(tmp_path / "numbers.json")
    assert json.loads((tmp_path / "numbers.json").read_text()) == result.to_dict()
    lines = str(result).splitlines()
    assert lines[0] == "2 held-out frames, 2 samples of each"
    assert [line for line in lines if "RMSD_gen" in line][0].split() == [
        *("RMSD_gen", "[Å]", "0", "0")
    ]
    assert "relaxed" not in str(result)  # what was not measured is not shown


def test_every_metric_is_a_field_is_shown_and_is_described():
    names = {name for name, metric in METRICS.items() if metric.group != COMPARED}
    assert names == {f.name for f in fields(Evaluation)} - {"n_frames", "n_samples"}
    # Each has a value of its own.
    values = {name: float(1000 + i) for i, name in enumerate(sorted(names))}
    result = Evaluation(n_frames=1, n_samples=2, **values)
    shown = str(result).split()
    for name, value in values.items():
        assert shown.count(f"{value:g}") == 1, name
        assert METRICS[name].row in str(result)
        assert re.search(rf"\b{name}\b", Evaluation.__doc__), name
    described = Evaluation.__doc__.splitlines()
    assert "error_heavy, error_all : float" in described
    assert "    Mean RMSD between two samples of the same beads [Å]." in described
    assert all(len(line) <= 88 for line in described)
    with pytest.raises(TypeError, match="missing .*required"):
        Evaluation(n_frames=1, n_samples=2)


def test_right_handed_is_the_old_name_of_correct_chirality():
    values = {name: 0.25 for name, m in METRICS.items() if m.group != COMPARED}
    result = Evaluation(n_frames=1, n_samples=2, **values)
    with pytest.warns(DeprecationWarning, match="is now .*correct_chirality`"):
        assert result.right_handed == 0.25
    with pytest.raises(AttributeError, match="no attribute 'left_handed'"):
        _ = result.left_handed
    assert copy.copy(result) == result


def test_evaluation_offers_its_names_and_figures_need_no_networks():
    script = (
        "import sys; import openmm_cgvae.evaluation.figures as figures;"
        "assert 'torch' not in sys.modules, 'torch is loaded';"
        "from openmm_cgvae.evaluation import Evaluation, evaluate, held_out_frames;"
        "from openmm_cgvae.evaluation import evaluation;"
        "assert evaluation.evaluate is evaluate"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(AttributeError, match="no attribute 'evaluates'"):
        _ = openmm_cgvae.evaluation.evaluates


@pytest.mark.parametrize(("n_frames", "n_samples"), [(0, 2), (5, 1), (-1, 0)])
def test_too_few_are_refused(model, frames, n_frames, n_samples):
    words = f"`n_samples` is {n_samples} and `n_frames` {n_frames} but at least 2"
    with pytest.raises(ValueError, match=words):
        evaluate(model, frames, n_frames=n_frames, n_samples=n_samples)


def test_another_trajectory_is_refused(model, frames):
    shorter = Frames(frames.positions[:100])
    with pytest.raises(ValueError, match="`frames` has 100 frames of 22 atoms, but"):
        evaluate(model, shorter)
    fewer = Frames(frames.positions[:, :10])
    with pytest.raises(ValueError, match="give the trajectory of the training"):
        held_out_frames(model, fewer)


def test_a_model_of_unknown_training_is_refused(frames):
    with pytest.raises(ValueError, match="trained on None frames"):
        evaluate(untrained(methyl_labels="as_given"), frames)
    model = untrained()
    model.provenance = {"n_frames": N_FRAMES}
    with pytest.raises(ValueError, match="`model` does not say in its provenance"):
        evaluate(model, frames)
