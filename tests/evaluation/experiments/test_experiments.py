"""The benchmark runs what it says, keeps what is done, and tells the truth of it."""

import json
import math
from dataclasses import fields

import MDAnalysis as mda
import numpy as np
import pandas as pd
import pytest

from openmm_cgvae.data import data_path
from openmm_cgvae.evaluation.evaluation import Evaluation
from openmm_cgvae.evaluation.experiments import BenchmarkConfig, printed, run_benchmark
from openmm_cgvae.evaluation.experiments import benchmark_run as running
from openmm_cgvae.evaluation.experiments import mappings as beads
from openmm_cgvae.evaluation.experiments.benchmark_cell import frames_in_order
from openmm_cgvae.evaluation.experiments.benchmark_systems import BENCHMARK_SYSTEMS
from openmm_cgvae.evaluation.experiments.mappings import joined_residues, make_mapping
from openmm_cgvae.evaluation.experiments.plan import N_FOLDS, Cell
from openmm_cgvae.evaluation.experiments.results import over_folds, read_results
from openmm_cgvae.evaluation.experiments.tables import tables
from openmm_cgvae.evaluation.experiments.tica import (
    backbone_atoms,
    pair_distances,
    slow_coordinates,
)
from openmm_cgvae.mapping.schemes import from_spec
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.block_split import block_split
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.testing.dipeptide import trembling
from openmm_cgvae.training import configure

ALA = "alanine-dipeptide"
FOLDED = BenchmarkConfig(system="chignolin")
TINY = {"n_channels": 22, "n_radial": 3, "prior_layers": 1, "decoder_layers": 1}


def tiny(**changes):
    """Options with which a model is trained in a moment."""
    settings = {
        "system": ALA,
        "n_beads": (3,),
        "folds": 1,
        "n_frames": 60,
        "n_test_frames": 4,
        "n_samples": 2,
        "n_relaxed": 0,
        "model_options": TINY,
        "training_options": {"n_epochs": 1, "fine_tuning_epochs": 0},
    }
    return BenchmarkConfig(**{**settings, **changes})


def cell(**changes):
    settings = {
        "n_beads": 3,
        "mapping": "default",
        "model": "cgvae",
        "split": "block",
        "pseudoscalar_init": None,
        "fold": 0,
    }
    return Cell(**{**settings, **changes})


# What is to be run


def test_all_of_one_fold_comes_before_the_next():
    config = BenchmarkConfig(system=ALA, models=("cgvae", "linear"), folds=2)
    names = [found.name for found in config.cells()]
    assert names[:6] == [
        f"{n}-default-{model}-block-fold0"
        for model in ("cgvae", "linear")
        for n in (3, 5, 8)
    ]
    assert len(names) == len(set(names)) == 12


def test_names_of_all_kinds_of_cells_differ():
    config = BenchmarkConfig(
        system=ALA,
        mappings=("default", "backbone"),
        models=("cgvae", "auto-encoder", "mlp"),
        splits=("block", "random"),
        pseudoscalar_inits=(0.0, 1.0),
        folds=2,
    )
    names = [found.name for found in config.cells()]
    # A perceptron has no pseudoscalars, so it is not run for each of their starts.
    assert len(names) == len(set(names)) == 2 * 2 * 2 * 2 * 2 * 3
    assert not any("mlp" in name for name in names)


@pytest.mark.parametrize("preset", ["fast", "paper"])
@pytest.mark.parametrize("system", BENCHMARK_SYSTEMS)
@pytest.mark.parametrize("model", ["cgvae", "auto-encoder", "linear", "mlp"])
def test_options_are_those_of_train(system, model, preset):
    config = BenchmarkConfig(
        system=system,
        models=(model,),
        preset=preset,
        model_options={"n_channels": 70},
        training_options={"n_epochs": 3, "kl_weight": 0.5},
        seed=4,
    )
    for found in config.cells():
        network, training = configure(preset, *config.options(found))
        assert (training.fold, training.n_folds) == (found.fold, N_FOLDS)
        assert (training.n_epochs, training.seed) == (3, 4)
        if model in ("linear", "mlp"):
            assert network.model == model
            assert training.bond_weight == 5.0  # Table 3
        else:
            assert network.n_channels == 70
            assert training.kl_weight == (0.5 if model == "cgvae" else 0.0)


@pytest.mark.parametrize("system", BENCHMARK_SYSTEMS)
@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_the_published_recipe_has_the_printed_forms_and_objective(system, preset):
    config = BenchmarkConfig(
        system=system,
        models=("published",),
        preset=preset,
        model_options={"encoder": "signed", "n_channels": 70},
        training_options={"kl_weight": 0.5, "n_epochs": 3},
    )
    for found in config.cells():
        assert config.preset_of(found) == "paper"
        network, training = configure("paper", *config.options(found))
        forms = network.encoder, network.decoder, network.prior_input
        assert forms == ("distances", "vectors", "types")
        assert (network.atom_types, network.methyl_labels) == ("element", "as_given")
        assert (network.likelihood, network.refinement_steps) == ("fixed", 0)
        assert network.n_channels == 70
        assert training.kl_weight == 0.05
        assert (training.fine_tuning_epochs, training.n_epochs) == (0, 3)


def test_settings_of_chignolin_are_those_of_table_4():
    config = BenchmarkConfig(system="chignolin", preset="paper")
    network, training = configure("paper", *config.options(config.cells()[0]))
    assert (network.n_radial, network.n_channels) == (10, 600)
    layers = network.encoder_layers, network.prior_layers, network.decoder_layers
    assert layers == (2, 2, 9)
    assert (network.atom_cutoff, network.bead_cutoff) == (12.0, 25.0)
    assert (training.bond_weight, training.kl_weight) == (50.0, 0.05)
    assert (training.batch_size, training.learning_rate) == (2, 1e-4)
    assert training.n_epochs == 100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"system": "water"}, "`system` is 'water' but must be one of"),
        ({"models": ("gan",)}, "`models` has 'gan' but may only have 'cgvae'"),
        ({"splits": ("odd",)}, "`splits` has 'odd' but may only have 'block'"),
        ({"folds": 6}, "`folds` is 6 but must be 1 to 5"),
        ({"n_beads": (4,)}, "`n_beads` has 4 but default mappings are for 3, 5, 8"),
        ({"topology": "a.pdb"}, "`topology` and `trajectory` go together"),
        ({"preset": "slow"}, "`preset` is 'slow' but must be"),
        ({"model_options": {"encoder": "x"}}, "`encoder` is 'x' but must be one of"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(changes, message):
    with pytest.raises(ValueError, match=message):
        BenchmarkConfig(**{"system": ALA, **changes})


# Mappings and splits


@pytest.fixture(scope="module")
def chignolin():
    return mda.Universe(str(data_path("chignolin.pdb")))


def test_caps_join_their_neighbours(chignolin):
    mapping = joined_residues(chignolin)
    bead_of_residue = [0, *range(10), 9]
    resindices = chignolin.atoms.resindices
    assert mapping.bead_of_atom.tolist() == [bead_of_residue[i] for i in resindices]
    first = chignolin.residues[:2].atoms
    bead = mapping.project(chignolin.atoms.positions.astype(float))[0]
    np.testing.assert_allclose(bead, first.center_of_mass(), atol=1e-5)


def test_six_beads_of_chignolin_are_learned(chignolin, monkeypatch):
    def learn(atoms, *_, **__):
        return from_spec(atoms, "backbone:6")

    monkeypatch.setattr(beads, "_learned", learn)
    frames = Frames.from_universe(chignolin)
    mapping = make_mapping(chignolin, frames, FOLDED, cell(n_beads=6))
    assert mapping == from_spec(chignolin, "backbone:6")


@pytest.mark.parametrize("n_beads", [10, 20, 30])
def test_default_mappings_of_chignolin_have_as_many_beads_as_asked(chignolin, n_beads):
    frames = Frames.from_universe(chignolin)
    mapping = make_mapping(chignolin, frames, FOLDED, cell(n_beads=n_beads))
    assert mapping.n_beads == n_beads


def test_random_cuts_are_other_ones_in_every_fold(chignolin):
    frames = Frames.from_universe(chignolin)
    cuts = [
        make_mapping(chignolin, frames, FOLDED, cell(n_beads=20, fold=fold))
        for fold in (0, 0, 1)
    ]
    assert cuts[0] == cuts[1] != cuts[2]


def test_a_learned_mapping_sees_training_frames_alone(monkeypatch):
    atoms = trembling(200)
    frames = Frames.from_universe(atoms)
    seen = {}

    def learn(universe, n_beads, **options):
        seen.update(options, n_beads=n_beads)
        seen.update(positions=Frames.from_universe(universe).positions)
        return from_spec(universe, "residues")

    monkeypatch.setattr(beads, "learn_mapping", learn)
    config = BenchmarkConfig(system=ALA).quick()
    make_mapping(atoms, frames, config, cell(mapping="autograin", fold=3))
    assert (seen["n_beads"], seen["seed"], seen["n_epochs"]) == (3, 3, 20)
    expected = frames.positions[block_split(200, 5, 3).train]
    np.testing.assert_array_equal(seen["positions"], expected)


def test_a_mapping_with_other_beads_is_refused(chignolin):
    frames = Frames.from_universe(chignolin)
    odd = cell(n_beads=6, mapping="residues")
    with pytest.raises(ValueError, match="`mapping` 'residues' makes 12 beads of"):
        make_mapping(chignolin, frames, FOLDED, odd)


def test_a_random_split_holds_out_frames_here_and_there():
    frames = Frames.from_universe(trembling(200))
    shuffled = frames_in_order(frames, "random", 0)
    held_out = shuffled.positions[block_split(200, 5, 0).test]
    where = [
        int((frames.positions == one).all(axis=(1, 2)).nonzero()[0][0])
        for one in held_out
    ]
    assert len(set(where)) == 40
    assert np.count_nonzero(np.diff(sorted(where)) > 1) > 20
    again = frames_in_order(frames, "random", 0)
    assert (again.positions == shuffled.positions).all()


# Numbers of the paper and of folds


def test_all_that_the_paper_prints_is_there():
    for system in BENCHMARK_SYSTEMS:
        table = printed(system)
        assert set(table["model"]) == {"cgvae", "linear", "mlp"}
        assert set(table["n_beads"]) == set(BENCHMARK_SYSTEMS[system].mappings)
        assert len(table) == 3 * 8 * len(BENCHMARK_SYSTEMS[system].mappings)
        assert set(table["quantity"]) <= {field.name for field in fields(Evaluation)}
        assert np.isfinite(table[["value", "error"]].to_numpy()).all()


def test_some_printed_numbers_by_eye():
    keys = ["model", "n_beads", "quantity"]
    ala = printed(ALA).set_index(keys)["value"]
    assert ala["cgvae", 3, "reconstruction_heavy"] == 0.108
    assert ala["linear", 8, "valid_all"] == 0.802
    folded = printed("chignolin").set_index(keys)["value"]
    assert folded["cgvae", 30, "rmsd_gen_all_as_coded"] == 0.877
    assert folded["mlp", 20, "lambda_heavy_as_coded"] == 0.125


def result(fold, value, **changes):
    return {
        "system": ALA,
        "cell": vars(cell(fold=fold, **changes)),
        "preset": "fast",
        "n_frames": None,
        **{"n_test_frames": 9, "n_samples": 2, "n_relaxed": 0, "seed": 0},
        "evaluation": {"valid_heavy": value, "jsd_chi": None},
        "record": {
            "command": "openmm-cgvae benchmark",
            "date": "2026-01-02",
            "training_cpu_s": 120.0,
            **{"processor": "abacus", "n_cores": 1, "device": "CPU"},
            "versions": {"openmm_cgvae": "1"},
        },
    }


def test_folds_are_summed_up_by_hand():
    table = over_folds([result(0, 0.6), result(1, 0.8), result(0, 0.1, n_beads=5)])
    by_beads = table.set_index("n_beads")
    assert by_beads.loc[3, "value"] == pytest.approx(0.7)
    assert by_beads.loc[3, "error"] == pytest.approx(0.1)
    assert by_beads.loc[3, "n_folds"] == 2
    assert math.isnan(by_beads.loc[5, "error"])
    assert set(table["quantity"]) == {"valid_heavy"}


def test_tables_set_the_paper_beside_ours():
    text = tables([result(0, 0.6), result(1, 0.8), result(0, 0.5, model="linear")])
    assert (
        "| valid graphs, heavy atoms | CGVAE | 1.000 ± 0.000 | 0.700 ± 0.100 |" in text
    )
    assert "| valid graphs, heavy atoms | linear | 0.561 ± 0.153 | 0.500 |" in text
    assert "RMSD_gen, heavy atoms [Å] | CGVAE" in text
    assert "RMSD_gen, heavy atoms [Å] | linear" not in text
    assert "residues (N = 3)" in text
    assert "abacus" in text
    assert "6 in all" in text


def test_energy_scores_are_compared_with_the_published_recipe_fold_by_fold():
    cells = []
    for model, scores in (("cgvae", (1.0, 3.0, 9.0)), ("published", (2.0, 4.0))):
        for fold, score in enumerate(scores):
            done = result(fold, 1.0, model=model)
            done["evaluation"]["energy_score_heavy"] = score
            cells.append(done)
    table = over_folds(cells).set_index(["model", "quantity"])
    ratio = table.loc[("cgvae", "energy_score_heavy_over_published")]
    # 1/2 and 3/4; the third fold has no counterpart.
    assert (ratio["value"], ratio["n_folds"]) == (0.625, 2)
    assert ratio["error"] == pytest.approx(0.125)
    assert ("published", "energy_score_heavy_over_published") not in table.index
    row = (
        "| energy score over the published recipe's, the same folds, heavy atoms "
        "| CGVAE | 0.625 ± 0.125 |"
    )
    assert row in tables(cells)


# Slow motions


def test_backbone_has_the_atoms_of_the_paper(chignolin):
    assert len(backbone_atoms(AtomTable.from_universe(chignolin))) == 45


def test_slow_coordinates_find_what_moves_slowly():
    generator = np.random.default_rng(0)
    steps = np.arange(2000)
    slow = 5 * np.sign(np.sin(steps / 200))
    fast = 5 * generator.normal(size=2000)
    features = np.stack([fast, slow + fast, slow - fast], axis=1)
    project = slow_coordinates([features[:1000], features[1000:]], lag=20)
    found = np.corrcoef(project(features)[:, 0], slow)[0, 1]
    assert abs(found) > 0.99


def test_a_lag_longer_than_the_walkers_is_refused():
    with pytest.raises(ValueError, match="`lag` is 9 frames but no trajectory is"):
        slow_coordinates([np.zeros((9, 3))], lag=9)


def test_distances_are_those_of_all_pairs():
    positions = np.random.default_rng(0).normal(size=(2, 5, 3))
    found = pair_distances(positions, np.array([0, 2, 3]))
    expected = [
        [np.linalg.norm(x[a] - x[b]) for a, b in ((0, 2), (0, 3), (2, 3))]
        for x in positions
    ]
    np.testing.assert_allclose(found, expected)


# The whole


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    config = tiny(models=("cgvae", "mlp"))
    return run_benchmark(config, folder, command="by hand", progress=False), config


def test_a_benchmark_writes_numbers_tables_and_figures(done):
    benchmark, _ = done
    files = {path.name for path in benchmark.folder.iterdir()}
    assert files == {
        *("cells", "results.md", "results.json", "conformations.png", "samples.png"),
        *("metrics-heavy.png", "metrics-all.png"),
    }
    assert (benchmark.folder / "results.md").read_text() == benchmark.tables
    assert "by hand" in benchmark.tables
    numbers = pd.read_json(benchmark.folder / "results.json")
    assert set(numbers["model"]) == {"cgvae", "mlp"}
    (network,) = [
        found
        for found in read_results(benchmark.folder)
        if found["cell"]["model"] == "cgvae"
    ]
    assert network["evaluation"]["n_frames"] == 4
    assert network["bead_sizes"] == [6, 10, 6]
    assert network["record"]["training_cpu_s"] > 0


def test_what_is_done_is_not_done_again(done, monkeypatch):
    benchmark, config = done

    def refuse(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(running, "train", refuse)
    monkeypatch.setattr(running, "evaluate", refuse)
    again = run_benchmark(config, benchmark.folder, draws=False, progress=False)
    assert again.tables == benchmark.tables


def test_other_settings_in_one_folder_are_refused(done):
    benchmark, _ = done
    other = tiny(models=("cgvae",), n_samples=3)
    with pytest.raises(ValueError, match=r"other settings \(n_samples was \d, now 3; "):
        run_benchmark(other, benchmark.folder, draws=False, progress=False)


def test_a_cell_stopped_while_it_was_measured_is_not_trained_again(
    tmp_path, monkeypatch
):
    config = tiny()
    with monkeypatch.context() as patched:

        def stop(*_, **__):
            raise KeyboardInterrupt

        patched.setattr(running, "evaluate", stop)
        with pytest.raises(KeyboardInterrupt):
            run_benchmark(config, tmp_path, draws=False, progress=False)
    (place,) = (tmp_path / "cells").iterdir()
    assert not (place / "result.json").exists()
    written = (place / "model.cgvae").stat().st_mtime_ns
    run_benchmark(config, tmp_path, draws=False, progress=False)
    assert (place / "model.cgvae").stat().st_mtime_ns == written
    (found,) = read_results(tmp_path)
    assert found["record"]["training_cpu_s"] is None  # part of it was not seen
    assert json.loads((place / "settings.json").read_text())["system"] == ALA


@pytest.mark.slow
def test_everything_at_once(tmp_path):
    config = BenchmarkConfig(
        system=ALA,
        n_beads=(3,),
        mappings=("default", "backbone"),
        models=("cgvae", "auto-encoder", "linear", "mlp"),
        splits=("block", "random"),
    ).quick()
    benchmark = run_benchmark(config, tmp_path, progress=False)
    assert (tmp_path / "mappings.png").exists()
    assert benchmark.tables.count("###") == 4


@pytest.mark.slow
def test_pseudoscalars_that_start_from_zero_stay_in_the_plane(tmp_path):
    config = BenchmarkConfig(
        system=ALA,
        n_beads=(3,),
        pseudoscalar_inits=(0.0, 1.0),
        model_options={"decoder": "vectors"},
        folds=1,
    ).quick()
    run_benchmark(config, tmp_path, progress=False)
    assert (tmp_path / "pseudoscalars.png").exists()


@pytest.mark.slow
def test_chignolin_runs(tmp_path):
    config = BenchmarkConfig(system="chignolin", n_beads=(6,), folds=1).quick()
    run_benchmark(config, tmp_path, progress=False)
    assert (tmp_path / "conformations.png").exists()
