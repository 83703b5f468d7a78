"""Training that several processes share."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import TINY

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import ModelConfig
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.testing.dipeptide import BEADS, peptide, trembling
from openmm_cgvae.training import TrainingConfig, TrajectoryDataset, train
from openmm_cgvae.training.trainer_options import checked_trainer_options

N_FRAMES, BATCH_SIZE = 50, 16


@pytest.fixture(scope="module")
def data():
    universe = trembling(N_FRAMES)
    table, mapping = AtomTable.from_universe(universe), Mapping(BEADS)
    return TrajectoryDataset.prepare(
        Frames.from_universe(universe),
        table,
        mapping,
        ModelConfig(**TINY),
        TrainingConfig(batch_size=BATCH_SIZE),
    )


def frames_of(batch):
    return batch.atom_positions.reshape(batch.n_molecules, -1)


@pytest.mark.parametrize("n_ranks", [2, 3, 5])
def test_every_batch_is_dealt_out(data, n_ranks):
    whole = list(data.batches(data.train, 3))
    parts = [
        list(data.batches(data.train, 3, rank, n_ranks)) for rank in range(n_ranks)
    ]
    assert {len(part) for part in parts} == {len(whole)}
    for batch, *dealt in zip(whole, *parts, strict=True):
        n_each = -(-batch.n_molecules // n_ranks)
        assert {part.n_molecules for part in dealt} == {n_each}
        together = torch.stack([frames_of(part) for part in dealt], dim=1).flatten(0, 1)
        wanted = frames_of(batch)
        # What is missing to equal parts are the first of the batch again.
        again = torch.arange(len(together)) % len(wanted)
        assert torch.equal(together, wanted[again])


@pytest.mark.parametrize("n_ranks", [4, 16])
def test_more_processes_than_frames(data, n_ranks):
    few = data.train[:3]
    for rank in range(n_ranks):
        (batch,) = data.batches(few, None, rank, n_ranks)
        expected = data.atom_positions[few[rank % 3]]
        assert torch.equal(frames_of(batch)[0], expected.flatten())


def test_one_device_needs_nothing():
    assert checked_trainer_options(None, None) == {}
    assert checked_trainer_options({"accelerator": "cpu", "devices": 1}, None) == {
        "accelerator": "cpu",
        "devices": 1,
    }


def test_a_strategy_of_ones_own_is_kept():
    options = {"devices": 2, "strategy": "fsdp"}
    assert checked_trainer_options(options, "run") == options


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_epochs": 3}, "`trainer_options` has 'max_epochs' but may have accel"),
        ({"devices": 2}, "`run_directory` is missing but several processes"),
        ({"devices": "auto"}, "`run_directory` is missing"),
        ({"num_nodes": 2}, "`run_directory` is missing"),
    ],
)
def test_impossible_trainer_options_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        train(peptide(), Mapping(BEADS), trainer_options=options)


SCRIPT = """
import sys
sys.path[:0] = [{tests!r}, {tests!r} + "/training"]
import torch
from openmm_cgvae.testing.dipeptide import BEADS, trembling
from test_several_processes import options
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.training import train

torch.set_num_threads(1)
model = train(trembling(120), Mapping(BEADS), run_directory={folder!r}, **options())
torch.save(model.state_dict(), {folder!r} + "/weights-" + str({n}) + ".pt")
"""


def options(n_devices=2):
    return {
        "model_options": {**TINY, "prior": "flow"},
        # 96 frames for training and 12 for validation: no frame comes twice.
        "training_options": {
            "n_epochs": 3,
            "flow_epochs": 2,
            "fine_tuning_epochs": 0,
            "batch_size": 16,
            "learning_rate": 5e-3,
            "n_folds": 10,
        },
        "trainer_options": {"accelerator": "cpu", "devices": n_devices},
        "progress": False,
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_processes_learn_what_one_does(tmp_path):
    script = tmp_path / "script.py"
    tests = str(Path(__file__).parents[1])
    shared = tmp_path / "two"
    script.write_text(SCRIPT.format(tests=tests, folder=str(shared), n=0))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "distributed_backend=gloo" in done.stderr + done.stdout
    alone = train(
        trembling(120), Mapping(BEADS), run_directory=tmp_path / "one", **options(1)
    )
    together = torch.load(shared / "weights-0.pt")
    for name, weight in alone.state_dict().items():
        torch.testing.assert_close(together[name], weight, atol=2e-4, rtol=1e-3)
    logs = [
        np.genfromtxt(tmp_path / folder / "metrics.csv", delimiter=",", names=True)
        for folder in ("one", "two")
    ]
    for name in logs[0].dtype.names:
        np.testing.assert_allclose(logs[1][name], logs[0][name], rtol=1e-3)
