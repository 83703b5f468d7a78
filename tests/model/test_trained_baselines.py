"""Baselines go the whole road: training, model file, Backmapper, evaluation."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import torch
from test_checkpoint import models_are_equal, rewritten

from openmm_cgvae import Backmapper, evaluate, load_model, save_model, train
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.cli import main
from openmm_cgvae.mapping.schemes import from_spec
from openmm_cgvae.model import LinearMap, ModelConfig, Perceptron
from openmm_cgvae.molecules.block_split import block_split
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.testing import dipeptide
from openmm_cgvae.training import TrainingConfig, configure
from openmm_cgvae.transformations import coarse_grain

N_FRAMES = 200
KINDS = {"linear": LinearMap, "mlp": Perceptron}

pytestmark = pytest.mark.filterwarnings("ignore::Warning:MDAnalysis")


def trained(name, folder=None, model=None, **options):
    atoms = dipeptide.atoms(N_FRAMES)
    return train(
        atoms,
        from_spec(atoms, "residues"),
        model_options={"model": name, **(model or {})},
        training_options={"n_epochs": 3, **options},
        run_directory=folder,
        progress=False,
    )


@pytest.fixture(scope="module", params=KINDS)
def model(request):
    return trained(request.param)


@pytest.fixture(scope="module")
def beads(model):
    return coarse_grain(dipeptide.atoms(N_FRAMES), model.mapping)


def test_training_gives_the_model_that_was_asked_for(model):
    assert type(model) is KINDS[model.config.model]
    assert not model.training
    assert model.provenance["training"]["bond_weight"] == 5.0


def test_training_comes_to_the_least_squares(tmp_path):
    # Without the graph loss the best linear map is known.
    options = {"n_epochs": 30, "learning_rate": 0.1, "bond_weight": 0.0}
    labels = {"methyl_labels": "as_given"}
    model = trained("linear", tmp_path, labels, batch_size=32, **options)
    positions = dipeptide.positions(N_FRAMES).astype(float)
    beads = model.mapping.project(positions)
    centre = beads.mean(1, keepdims=True)
    chosen = block_split(N_FRAMES).train
    known = (beads - centre)[chosen].transpose(0, 2, 1).reshape(-1, 3)
    wanted = (positions - centre)[chosen].transpose(0, 2, 1).reshape(-1, 22)
    best, *_ = np.linalg.lstsq(known, wanted, rcond=None)
    lowest = 3 * ((known @ best - wanted) ** 2).mean()
    reached = pd.read_csv(tmp_path / "metrics.csv")["train/reconstruction"].iloc[-1]
    assert reached == pytest.approx(lowest, rel=1e-3)


def test_a_saved_baseline_comes_back(model, tmp_path):
    path = save_model(model, tmp_path / "mine.cgvae")
    loaded = load_model(path)
    assert type(loaded) is type(model)
    assert models_are_equal(loaded, model)
    again = save_model(loaded, tmp_path / "again.cgvae")
    assert again.read_bytes() == path.read_bytes()


def test_a_baseline_under_another_name_is_refused(model, tmp_path):
    path = save_model(model, tmp_path / "mine.cgvae")
    (other,) = set(KINDS) - {model.config.model}
    for name in (other, "cgvae"):
        rewritten(path, tmp_path / name, lambda h, n=name: h["config"].update(model=n))
        with pytest.raises(ValueError, match="do not make a model"):
            load_model(tmp_path / name)


def test_a_file_from_before_the_baselines_is_a_cgvae(tmp_path):
    model = dipeptide.untrained()
    path = save_model(model, tmp_path / "new.cgvae")

    def as_it_was(header):
        for setting in ("model", "keeps_beads"):
            del header["config"][setting]

    old = rewritten(path, tmp_path / "old.cgvae", as_it_was)
    assert models_are_equal(load_model(old), model)


@pytest.mark.parametrize("keeps_beads", [True, False])
@pytest.mark.parametrize("name", KINDS)
def test_samples_have_the_beads_they_were_made_from(name, keeps_beads):
    model = trained(name, n_epochs=1, model={"keeps_beads": keeps_beads})
    universe = coarse_grain(dipeptide.atoms(N_FRAMES), model.mapping)
    universe.trajectory[5]
    ensemble = Backmapper(universe, model).sample(n=3, seed=1)
    assert len(ensemble) == 3
    made = model.mapping.project(ensemble.positions_angstrom)
    wanted = np.broadcast_to(universe.atoms.positions, made.shape)
    np.testing.assert_allclose(made, wanted, rtol=0, atol=1e-12)


def test_samples_are_equal_but_for_the_labels_of_methyls(model, beads):
    heavy = model.atom_table.is_heavy
    samples = Backmapper(beads, model).sample(n=4, seed=1).positions_angstrom
    assert np.ptp(samples[:, heavy], axis=0).max() == 0
    assert np.ptp(samples, axis=0).max() > 0.1
    plain = trained(model.config.model, model={"methyl_labels": "as_given"}, n_epochs=1)
    samples = Backmapper(beads, plain).sample(n=4, seed=1).positions_angstrom
    assert np.ptp(samples, axis=0).max() == 0


def test_a_trajectory_is_written(model, beads, tmp_path):
    written = Backmapper(beads, model).run(
        stop=4, output=tmp_path / "atoms.dcd", correlation_time=10.0, progress=False
    )
    assert written.n_frames == 4


def test_evaluation_sees_no_spread(model):
    frames = Frames.from_universe(dipeptide.atoms(N_FRAMES))
    result = evaluate(model, frames, n_frames=20, n_samples=2)
    assert result.spread_heavy == result.calibration_heavy == 0
    assert result.energy_score_heavy == result.error_heavy
    assert result.bead_residual < 1e-9


def test_a_reconstruction_is_a_sample(model):
    positions = dipeptide.positions(N_FRAMES)[:2].astype(float)
    sampler = Sampler(model)
    heavy = model.atom_table.is_heavy
    beads = model.mapping.project(positions)
    np.testing.assert_allclose(
        sampler.reconstruct(positions)[:, heavy],
        sampler.sample(beads, np.arange(2), 1, 0)[:, 0, heavy],
        rtol=0,
        atol=1e-5,
    )


def test_the_paper_s_preset_is_table_3():
    model, training = configure("paper", {"model": "mlp"})
    assert model == ModelConfig(model="mlp", keeps_beads=False)
    wanted = {"n_epochs": 500, "learning_rate": 1e-4, "batch_size": 32}
    assert training == TrainingConfig(bond_weight=5.0, **wanted)


def test_a_baseline_is_not_polished():
    with pytest.raises(
        ValueError, match="`fine_tuning_epochs` is 3 but the baseline 'mlp'"
    ):
        configure("fast", {"model": "mlp"}, {"fine_tuning_epochs": 3})


def test_an_unknown_model_is_refused():
    with pytest.raises(ValueError, match="`model` is 'forest' but must be one of"):
        configure("fast", {"model": "forest"})


def test_a_run_from_before_the_baselines_goes_on(tmp_path):
    small = {"n_channels": 12, "n_radial": 3, "prior_layers": 1, "decoder_layers": 1}
    options = {"n_epochs": 1, "fine_tuning_epochs": 0}
    whole = trained("cgvae", tmp_path, small, **options)
    note = tmp_path / "settings.json"
    settings = json.loads(note.read_text())
    assert settings["model"] == asdict(whole.config)
    for setting in ("model", "keeps_beads"):
        del settings["model"][setting]
    note.write_text(json.dumps(settings))
    again = trained("cgvae", tmp_path, small, **options)
    ours, theirs = whole.state_dict(), again.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_the_command_line_trains_it(tmp_path, capsys):
    atoms = dipeptide.atoms(N_FRAMES)
    atoms.atoms.write(str(tmp_path / "atoms.xtc"), frames="all")
    words = ["--topology", dipeptide.TOPOLOGY, "--mapping", "residues"]
    words += ["--trajectory", str(tmp_path / "atoms.xtc"), "--model", "linear"]
    output = ["--output", str(tmp_path / "mine.cgvae")]
    assert main(["train", *words, *output, "--n-epochs", "1"]) == 0
    assert type(load_model(tmp_path / "mine.cgvae")) is LinearMap
    capsys.readouterr()
    assert main(["train", *words, *output, "--encoder", "signed"]) == 1
    said = capsys.readouterr().err
    assert "`encoder` is 'signed' but the baseline 'linear' has no such" in said
