"""Training goes down, goes on where it stopped, and refuses what cannot be."""

import csv
import json
import math
import operator
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import openmm_cgvae.training.lightning_loop as loop
import openmm_cgvae.training.stages as stages
from openmm_cgvae import training
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import ModelConfig, Molecule, make_model
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.block_split import block_split
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.testing.dipeptide import BEADS, peptide, trembling
from openmm_cgvae.training import (
    PRESETS,
    TrainingConfig,
    TrajectoryDataset,
    configure,
    train,
)
from openmm_cgvae.training.decoder_fine_tuning import DecoderFineTuning

N_FRAMES = 120
TINY = {"n_channels": 12, "n_radial": 3, "prior_layers": 1, "decoder_layers": 1}


@pytest.fixture(scope="module")
def universe():
    return trembling(N_FRAMES)


@pytest.fixture(scope="module")
def mapping():
    return Mapping(BEADS, weights=np.arange(1.0, 23.0))


def short(universe, mapping, folder=None, model=None, compiles=None, **options):
    defaults = {"n_epochs": 3, "batch_size": 32, "learning_rate": 5e-3}
    defaults["fine_tuning_epochs"] = 0
    return train(
        universe,
        mapping,
        model_options={**TINY, **(model or {})},
        training_options={**defaults, **options},
        run_directory=folder,
        progress=False,
        compiles=compiles,
    )


def weights_are_equal(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def prepared(universe, mapping, model=None, **options):
    table = AtomTable.from_universe(universe)
    model_config = ModelConfig(**{**TINY, **(model or {})})
    data = TrajectoryDataset.prepare(
        Frames.from_universe(universe),
        table,
        mapping,
        model_config,
        TrainingConfig(**options),
    )
    return data, model_config


class Killed(Exception):
    pass


@pytest.fixture
def kill_after_epoch(monkeypatch):
    """Make training die once, in the step after an epoch was kept."""

    def arm(epoch):
        step = stages.Objective.training_step

        def dying_step(self, batch, index):
            if self.current_epoch > epoch and index == 1:
                monkeypatch.setattr(stages.Objective, "training_step", step)
                raise Killed
            return step(self, batch, index)

        monkeypatch.setattr(stages.Objective, "training_step", dying_step)

    return arm


def test_two_epochs_lower_the_loss(universe, mapping, tmp_path):
    short(universe, mapping, tmp_path, n_epochs=2, learning_rate=1e-2)
    log = pd.read_csv(tmp_path / "metrics.csv")
    assert list(log["epoch"]) == [0, 1]
    assert log["train/reconstruction"][1] < log["train/reconstruction"][0]
    assert log["validation/total"][1] < log["validation/total"][0]


def test_the_log_has_every_term_of_both_stages(universe, mapping, tmp_path):
    short(universe, mapping, tmp_path)
    log = pd.read_csv(tmp_path / "metrics.csv")
    terms = ("total", "reconstruction", "bond_length", "kl_divergence")
    wanted = {f"{stage}/{term}" for stage in ("train", "validation") for term in terms}
    assert set(log.columns) == {"epoch", "step", "learning_rate", *wanted}
    n_steps = math.ceil(len(block_split(N_FRAMES).train) / 32)
    assert list(log["step"]) == [n_steps, 2 * n_steps, 3 * n_steps]
    assert np.isfinite(log.to_numpy()).all()


def test_the_same_seed_gives_the_same_weights(universe, mapping):
    torch.manual_seed(1)
    one = short(universe, mapping, n_epochs=1)
    torch.manual_seed(2)
    assert weights_are_equal(one, short(universe, mapping, n_epochs=1))
    other = short(universe, mapping, n_epochs=1, seed=1)
    assert not weights_are_equal(one, other)


def test_the_generators_of_the_caller_are_left_alone(universe, mapping):
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    short(universe, mapping, n_epochs=1)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_a_killed_run_goes_on_as_if_nothing_had_been(
    universe, mapping, tmp_path, kill_after_epoch, monkeypatch, schedule
):
    # The rate falls after every epoch, better or not, so that a scheduler that
    # missed a step is seen.
    monkeypatch.setattr(stages, "PATIENCE", -1)
    options = {
        "n_epochs": 4,
        "schedule": schedule,
        "learning_rate": 0.05,
        "kl_warmup": 0.5,
    }
    whole = short(universe, mapping, tmp_path / "whole", **options)
    for epoch in (0, 2):
        kill_after_epoch(epoch)
        with pytest.raises(Killed):
            short(universe, mapping, tmp_path / "killed", **options)
        n_logged = len(pd.read_csv(tmp_path / "killed" / "metrics.csv"))
        assert n_logged == epoch + 1
    continued = short(universe, mapping, tmp_path / "killed", **options)
    assert weights_are_equal(whole, continued)
    log, other = (
        pd.read_csv(tmp_path / name / "metrics.csv") for name in ("whole", "killed")
    )
    pd.testing.assert_frame_equal(log, other, check_like=True)
    if schedule == "plateau":
        assert log["learning_rate"].nunique() > 1


def test_a_run_killed_before_its_first_epoch_ends_starts_again(
    universe, mapping, tmp_path, kill_after_epoch
):
    kill_after_epoch(-1)
    with pytest.raises(Killed):
        short(universe, mapping, tmp_path, n_epochs=1)
    continued = short(universe, mapping, tmp_path, n_epochs=1)
    assert weights_are_equal(continued, short(universe, mapping, n_epochs=1))


def test_ctrl_c_stays_ctrl_c(universe, mapping, tmp_path, monkeypatch):
    import signal

    handler = signal.getsignal(signal.SIGINT)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stages.Objective, "training_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            short(universe, mapping, tmp_path)
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_best_weights_are_used_and_not_the_last(
    universe, mapping, tmp_path, monkeypatch
):
    losses = stages.Objective.losses

    def worse_later(self, batch, noise, *weights):
        found = losses(self, batch, noise, *weights)
        worse = 0.0 if self.training else 1000.0 * self.current_epoch
        return {**found, "total": found["total"] + worse}

    monkeypatch.setattr(stages.Objective, "losses", worse_later)
    model = short(universe, mapping, tmp_path, n_epochs=2)
    kept = {
        name: torch.load(tmp_path / name, weights_only=True)
        for name in ("best.ckpt", "last.ckpt")
    }
    assert kept["best.ckpt"]["epoch"] == 0
    assert kept["last.ckpt"]["epoch"] == 1
    for name, tensor in model.state_dict().items():
        best = kept["best.ckpt"]["state_dict"][f"model.{name}"]
        assert torch.equal(tensor, best)


def test_a_finished_run_is_only_read(universe, mapping, tmp_path):
    first = short(universe, mapping, tmp_path, n_epochs=1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"best.ckpt", "last.ckpt", "metrics.csv", "settings.json"}
    times = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert weights_are_equal(first, short(universe, mapping, tmp_path, n_epochs=1))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == times


def test_nothing_is_left_behind(universe, mapping, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop.pl.trainer.trainer.os, "getcwd", lambda: str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    short(universe, mapping, n_epochs=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 1e-4}, "training"),
        ({"n_epochs": 4}, "training"),
        ({"model": {"n_channels": 13}}, "model"),
    ],
)
def test_other_settings_in_the_same_folder_are_refused(
    universe, mapping, tmp_path, change, named
):
    short(universe, mapping, tmp_path, n_epochs=1)
    with pytest.raises(ValueError, match=rf"`run_directory` holds .*\({named}\."):
        short(universe, mapping, tmp_path, **{"n_epochs": 1, **change})


def test_another_mapping_in_the_same_folder_is_refused(universe, mapping, tmp_path):
    short(universe, mapping, tmp_path, n_epochs=1)
    with pytest.raises(ValueError, match=r"other settings \(.*mapping"):
        short(universe, Mapping(BEADS), tmp_path, n_epochs=1)


def test_other_frames_in_the_same_folder_are_refused(universe, mapping, tmp_path):
    options = {"n_epochs": 1, "model": {"normalises_sums": False}}
    short(universe, mapping, tmp_path, **options)
    with pytest.raises(ValueError, match=r"settings \(frames_sha256; see"):
        short(trembling(N_FRAMES, seed=1), mapping, tmp_path, **options)


def test_a_damaged_note_of_the_settings_is_refused(universe, mapping, tmp_path):
    (tmp_path / "settings.json").write_text('{"model": ')
    with pytest.raises(ValueError, match="holds a run with other settings"):
        short(universe, mapping, tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"training_options": {"n_epochs": 0}}, "`n_epochs` is 0"),
        ({"training_options": {"n_epochs": 1.5}}, "`n_epochs` is 1.5"),
        ({"training_options": {"batch_size": -1}}, "`batch_size` is -1"),
        ({"training_options": {"learning_rate": "high"}}, "`learning_rate` is 'high'"),
        ({"training_options": {"learning_rate": 0.0}}, "`learning_rate` is 0"),
        ({"training_options": {"learning_rate": math.nan}}, "`learning_rate` is nan"),
        ({"training_options": {"clip_norm": 0}}, "`clip_norm` is 0"),
        ({"training_options": {"kl_warmup": 1.1}}, "`kl_warmup` is 1.1"),
        ({"training_options": {"bond_warmup": 2}}, "`bond_warmup` is 2"),
        ({"training_options": {"kl_weight": -1.0}}, "`kl_weight` is -1.0"),
        ({"training_options": {"schedule": "linear"}}, "`schedule` is 'linear'"),
        ({"training_options": {"fold": 5}}, "`fold` is 5 of 5"),
        ({"training_options": {"n_folds": 1}}, "`n_folds` is 1 but must be at least 2"),
        ({"training_options": {"seed": -1}}, "`seed` is -1"),
        ({"training_options": {"seed": 2**63}}, "`seed` is 9223372036854775808"),
        ({"training_options": {"sede": 1}}, "`sede` is not an option of Training"),
        ({"model_options": {"n_chanels": 1}}, "`n_chanels` is not an option of Model"),
        ({"model_options": {"n_channels": 4}}, "`n_channels` is 4, but a bead holds"),
        ({"model_options": {"encoder": "signd"}}, "`encoder` is 'signd'"),
        ({"preset": "slow"}, "`preset` is 'slow'"),
    ],
)
def test_a_wrong_option_is_refused_before_any_work(
    universe, mapping, tmp_path, monkeypatch, options, words
):
    def too_late(*_, **__):
        raise AssertionError("the trajectory was read")

    monkeypatch.setattr(Frames, "from_universe", too_late)
    with pytest.raises(ValueError, match=words):
        train(universe, mapping, run_directory=tmp_path / "run", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_mapping_of_other_atoms_is_refused_before_any_work(universe, monkeypatch):
    monkeypatch.setattr(Frames, "from_universe", None)
    with pytest.raises(ValueError, match="`mapping` maps 4 atoms"):
        train(universe, Mapping([0, 0, 1, 2]))


def test_frames_of_other_atoms_are_refused(universe, mapping):
    frames = Frames(np.zeros((100, 5, 3)))
    with pytest.raises(ValueError, match="22 atoms but the frames have 5"):
        train(universe, mapping, model_options=TINY, frames=frames)


@pytest.mark.parametrize("shift", [40.0, math.nan])
def test_a_molecule_cut_by_the_box_is_refused(universe, mapping, shift):
    frames = Frames(Frames.from_universe(universe).positions.copy())
    frames.positions[17, 14:] += shift
    with pytest.raises(ValueError, match=r"a bond of .* A, first in frame 17; make"):
        train(universe, mapping, model_options=TINY, frames=frames)


def test_too_few_frames_are_refused(mapping):
    with pytest.raises(ValueError, match="`n_frames` is 1 for 20 blocks"):
        short(peptide(), mapping)


def test_a_training_that_diverges_says_so(universe, mapping, monkeypatch):
    losses = stages.Objective.losses

    def not_a_number(*arguments):
        found = losses(*arguments)
        return {**found, "total": found["total"] * math.nan}

    monkeypatch.setattr(stages.Objective, "losses", not_a_number)
    with pytest.raises(ValueError, match="not numbers in every epoch; lower learn"):
        short(universe, mapping, n_epochs=1)


def test_the_provenance_says_what_was_done(universe, mapping):
    model = short(universe, mapping, n_epochs=1, fold=2)
    record = model.provenance
    assert json.loads(json.dumps(record)) == record
    assert record["preset"] == "fast"
    assert record["n_frames"] == N_FRAMES
    assert record["source"] == "memory"
    assert record["molecule"] == "22 atoms (ACE ALA NME)"
    assert record["training"]["fold"] == 2
    assert set(record["versions"]) == {"openmm_cgvae", "torch", "python"}
    assert not model.training
    assert all(p.device.type == "cpu" for p in model.parameters())


def test_training_on_frames_read_before_is_the_same(universe, mapping):
    frames = Frames.from_universe(universe)
    model = train(
        universe,
        mapping,
        model_options=TINY,
        training_options={"n_epochs": 1},
        frames=frames,
        progress=False,
    )
    assert weights_are_equal(
        model,
        train(
            universe,
            mapping,
            model_options=TINY,
            training_options={"n_epochs": 1},
            progress=False,
        ),
    )


def test_the_bar_shows_every_step(universe, mapping, capsys):
    options = {"n_epochs": 2, "batch_size": 16}
    train(universe, mapping, model_options=TINY, training_options=options)
    n_steps = 2 * math.ceil(len(block_split(N_FRAMES).train) / 16)
    assert f"{n_steps}/{n_steps}" in capsys.readouterr().err


def test_the_paper_s_preset_trains(universe, mapping, tmp_path):
    train(
        universe,
        mapping,
        preset="paper",
        model_options={**TINY, "encoder_layers": 1},
        training_options={"n_epochs": 1},
        run_directory=tmp_path,
        progress=False,
    )
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert settings["training"]["schedule"] == "plateau"
    assert settings["model"]["encoder"] == "distances"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid(name):
    model, training = configure(name)
    assert (model, training) == (PRESETS[name].model, PRESETS[name].training)
    assert configure(name, {"n_channels": 7}, {"fold": 1})[1].fold == 1


def test_the_paper_s_preset_is_table_4():
    model, training = configure("paper")
    assert (model.n_channels, model.n_radial) == (600, 8)
    assert (model.atom_cutoff, model.bead_cutoff) == (8.5, 9.5)
    layers = (model.encoder_layers, model.prior_layers, model.decoder_layers)
    assert layers == (4, 4, 5)
    assert (training.n_epochs, training.batch_size) == (500, 32)
    assert (training.learning_rate, training.kl_weight) == (8e-5, 0.05)
    assert training.bond_weight == 25.0


def test_degrees_are_mean_numbers_of_neighbours(universe, mapping):
    cutoffs = {"atom_cutoff": 3.0, "bead_cutoff": 4.0}
    options = {**cutoffs, "normalises_sums": True}
    data, config = prepared(universe, mapping, options)
    chosen = data.train[:: max(1, len(data.train) // 64)]
    expected = []
    for positions, cutoff in (
        (data.atom_positions[chosen].numpy(), 3.0),
        (data.bead_positions[chosen].numpy(), 4.0),
    ):
        n_neighbours = [
            sum(np.linalg.norm(a - b) < cutoff for j, b in enumerate(x) if j != i)
            for x in positions[::8]
            for i, a in enumerate(x)
        ]
        expected.append(np.mean(n_neighbours))
    found = data.normalised(config)
    assert found.atom_degree == pytest.approx(expected[0], rel=0.05)
    assert found.bead_degree == pytest.approx(max(1.0, expected[1]), rel=0.1)
    assert found.pool_degree == pytest.approx(22 / 3)
    as_it_is = replace(config, normalises_sums=False)
    assert data.normalised(as_it_is) is as_it_is


def test_data_keeps_the_frames_apart_from_where_they_are(universe, mapping):
    near, _ = prepared(universe, mapping)
    positions = Frames.from_universe(universe).positions.astype(float) + 1e3
    table = AtomTable.from_universe(universe)
    config = ModelConfig(**TINY)
    far = TrajectoryDataset.prepare(
        Frames(positions), table, mapping, config, TrainingConfig()
    )
    torch.testing.assert_close(
        far.atom_positions.float(), near.atom_positions, atol=1e-5, rtol=0
    )
    centres = near.bead_positions.mean(1)
    assert centres.abs().max() < 1e-5
    projected = mapping.project(near.atom_positions.numpy())
    np.testing.assert_allclose(projected, near.bead_positions, atol=1e-5)


def test_batches_are_shuffled_by_seed_and_epoch_alone(universe, mapping):
    data, _ = prepared(universe, mapping, batch_size=16)
    other, _ = prepared(universe, mapping, batch_size=16, seed=1)

    def order(data, epoch):
        batches = data.batches(data.train, epoch)
        found = [batch.atom_positions.reshape(-1, 22, 3) for batch in batches]
        assert len(found) == len(batches)
        return torch.cat(found)

    first = order(data, 0)
    assert torch.equal(first, order(data, 0))
    assert not torch.equal(first, order(data, 1))
    assert not torch.equal(first, order(other, 0))
    in_order = order(data, None)
    assert torch.equal(in_order, data.atom_positions[data.train])

    def rows(positions):
        return sorted(map(tuple, positions.flatten(1).tolist()))

    assert rows(first) == rows(in_order) == rows(order(data, 1))


@pytest.mark.parametrize("atom_types", ["element", "identity"])
def test_the_graph_of_the_data_is_that_of_the_model(universe, mapping, atom_types):
    data, config = prepared(universe, mapping, {"atom_types": atom_types})
    molecule = Molecule(AtomTable.from_universe(universe), mapping)
    graph = make_model(config, data.vocabulary, molecule).graph()
    for name, value in vars(graph).items():
        same = torch.equal if isinstance(value, torch.Tensor) else operator.eq
        assert same(getattr(data.graph, name), value), name


def test_training_data_had_another_name():
    with pytest.warns(DeprecationWarning, match="is now `.*TrajectoryDataset`"):
        assert training.TrainingData is TrajectoryDataset
    with pytest.raises(AttributeError, match="no attribute 'TrainedData'"):
        _ = training.TrainedData


def test_no_frame_is_in_two_sets(universe, mapping):
    data, _ = prepared(universe, mapping, fold=3)
    split = block_split(N_FRAMES, fold=3)
    assert set(data.train).isdisjoint(data.validation)
    assert set(split.test).isdisjoint({*data.train, *data.validation})


def test_hydrogens_of_different_beads_or_weights_keep_their_labels(universe):
    uneven = np.ones(22)
    uneven[11] = 2.0  # HB1 of the alanine
    for mapping in (
        Mapping([0, 0, 0, 1] + [0] * 6 + [1] * 12),
        Mapping(BEADS, uneven),
    ):
        given, _ = prepared(universe, mapping)
        turned, _ = prepared(universe, mapping, {"methyl_labels": "canonical"})
        table = AtomTable.from_universe(universe)
        torch.testing.assert_close(turned.bead_positions, given.bead_positions)
        moved = (turned.atom_positions - given.atom_positions).abs()
        is_changed = (moved > 0.01).any(-1).any(0)
        beads, weights = mapping.bead_of_atom, mapping.weights
        for *_, a, b, c in table.rotors:
            is_one = len({(beads[i], weights[i]) for i in (a, b, c)}) == 1
            assert bool(is_changed[[a, b, c]].any()) == is_one


def test_training_warns_of_nothing_but_what_lightning_cannot_help(universe, mapping):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        short(universe, mapping, n_epochs=1)
    ours = [w for w in caught if "LeafSpec" not in str(w.message)]
    assert [str(warning.message) for warning in ours] == []


STAGES = {"n_epochs": 1, "flow_epochs": 2, "prior_epochs": 2, "fine_tuning_epochs": 2}


@pytest.mark.parametrize("form", ["flow", "gaussian"])
def test_each_stage_trains_its_own_part_alone(universe, mapping, tmp_path, form):
    trained = short(universe, mapping, tmp_path, {"prior": form}, **STAGES)
    stages = {
        name: torch.load(tmp_path / folder / "best.ckpt", weights_only=True)
        for name, folder in {"whole": "", "prior": "prior", "decoder": "polish"}.items()
    }
    weights = {
        name: {k.removeprefix("model."): v for k, v in stage["state_dict"].items()}
        for name, stage in stages.items()
    }
    for before, after in (("whole", "prior"), ("prior", "decoder")):
        changed = {
            name.split(".")[0]
            for name, value in weights[after].items()
            if not torch.equal(value, weights[before][name])
        }
        assert changed == {after}
    for name, value in trained.state_dict().items():
        assert torch.equal(value, weights["decoder"][name])


def test_a_flow_is_the_identity_until_it_is_fitted(universe, mapping, tmp_path):
    short(universe, mapping, tmp_path, {"prior": "flow"}, **STAGES)
    whole = torch.load(tmp_path / "best.ckpt", weights_only=True)["state_dict"]
    exits = [value for name, value in whole.items() if ".exit.2." in name]
    assert exits
    assert not any(value.any() for value in exits)


@pytest.mark.parametrize("form", ["flow", "gaussian"])
def test_fitting_the_prior_lowers_the_divergence(universe, mapping, tmp_path, form):
    options = {**STAGES, "flow_epochs": 6, "prior_epochs": 6}
    short(universe, mapping, tmp_path, {"prior": form}, **options)
    with (tmp_path / "prior" / "metrics.csv").open(newline="") as file:
        losses = [float(row["validation/total"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]


def test_fine_tuning_mends_the_bonds_of_samples(universe, mapping, tmp_path):
    short(universe, mapping, tmp_path, n_epochs=2, fine_tuning_epochs=6)
    name = "validation/strain_of_samples"
    with (tmp_path / "polish" / "metrics.csv").open(newline="") as file:
        errors = [float(row[name]) for row in csv.DictReader(file)]
    assert errors[-1] < errors[0]


def test_a_run_killed_in_fine_tuning_goes_on(universe, mapping, tmp_path, monkeypatch):
    expected = short(universe, mapping, tmp_path / "whole", **STAGES)
    step = DecoderFineTuning.training_step

    def dying_step(self, batch, index):
        if self.current_epoch == 1:
            raise ConnectionAbortedError
        return step(self, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(DecoderFineTuning, "training_step", dying_step)
        with pytest.raises(ConnectionAbortedError):
            short(universe, mapping, tmp_path / "killed", **STAGES)
    found = short(universe, mapping, tmp_path / "killed", **STAGES)
    assert weights_are_equal(found, expected)


def test_fine_tuning_makes_room_in_samples(universe, mapping, tmp_path):
    options = {"n_epochs": 2, "fine_tuning_epochs": 6, "contact_weight": 5.0}
    short(universe, mapping, tmp_path, **options)
    with (tmp_path / "polish" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    crowding = [float(row["validation/crowding_of_samples"]) for row in rows]
    assert crowding[-1] < crowding[0]


def test_settling_knows_the_distances_of_the_training_frames(universe, mapping):
    model = short(universe, mapping, None, {"refinement_steps": 5}, n_epochs=1)
    pairs = model.graph().close_pairs.tolist()
    bonds = {tuple(bond) for bond in model.atom_table.bonds.tolist()}
    lengths = [
        float(mean)
        for pair, mean in zip(pairs, model.refinement.mean, strict=True)
        if tuple(pair) in bonds
    ]
    assert 0.8 < min(lengths) < max(lengths) < 1.7
