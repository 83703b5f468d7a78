"""Commands killed outright, again and again, and called once more until they end.

SIGKILL leaves no time to tidy up. What is there in the end has to be what an
undisturbed call makes, bit for bit.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import MDAnalysis as mda
import pytest

from openmm_cgvae.model.checkpoint import read_header
from openmm_cgvae.testing import dipeptide

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::Warning:MDAnalysis"),
]

N_KILLS = 4
PROGRAM = "import sys; from openmm_cgvae.cli import main; sys.exit(main())"
SHIPPED = ("--topology", dipeptide.TOPOLOGY)
TINY = ("--n-channels", "22", "--n-radial", "3", "--prior-layers", "1")
SHALLOW = ("--decoder-layers", "1", "--fine-tuning-epochs", "1")


def start(words, folder):
    """Start a command in a group of its own, so that all of it can be killed."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(words, folder):
    """Run a command to its end; give the seconds it took."""
    begun = time.monotonic()
    with start(words, folder) as process:
        said = process.communicate()[1]
        assert process.returncode == 0, said[-2000:]
    return time.monotonic() - begun


def kill_again_and_again(words, folder, seconds, seed):
    """Kill a command at random moments of the time it needs; give how often.

    On a busy computer that time is a guess. A command that ends before it is killed
    for the first time begins anew, and is killed sooner.
    """
    moments = random.Random(seed)
    n_killed = 0
    for _ in range(N_KILLS):
        with start(words, folder) as process:
            try:
                process.wait(timeout=moments.uniform(0.3, 1.0) * seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        assert process.returncode in (0, -signal.SIGKILL)
        n_killed += process.returncode == -signal.SIGKILL
        if not n_killed:
            seconds /= 2
            take_away_what_was_made(folder)
    return n_killed


def take_away_what_was_made(folder):
    for path in folder.glob("it*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def weights_of(folder):
    return read_header(folder / "it.cgvae")["weights_sha256"]


def numbers_of(folder):
    """Everything the benchmark found, without when and how long."""
    (found,) = folder.glob("it/cells/*/result.json")
    result = json.loads(found.read_text())
    del result["record"]
    return result


TRAIN = ("train", *SHIPPED, "--trajectory", "frames.xtc", "--mapping", "residues")
SIMULATE = ("simulate", "alanine-dipeptide", "--output", "it", "--n-walkers", "4")
SAMPLE = ("sample", "--topology", "beads.pdb", "--trajectory", "beads.xtc")
BENCHMARK = ("benchmark", "alanine-dipeptide", "--no-figures", "--output", "it")
COMMANDS = {
    "train": (
        (*TRAIN, "--output", "it.cgvae", "--n-epochs", "60", *TINY, *SHALLOW),
        weights_of,
    ),
    "simulate": (
        (*SIMULATE, "--n-frames", "400", "--interval-ps", "2"),
        lambda folder: digest(folder / "it" / "alanine-dipeptide.xtc"),
    ),
    "run": (
        (*SAMPLE, "--n", "4", "--output", "it.xtc"),
        lambda folder: digest(folder / "it.xtc"),
    ),
    "benchmark": (
        (
            *(*BENCHMARK, "--beads", "3", "--folds", "1", "--n-frames", "400"),
            *("--n-test-frames", "20", "--n-samples", "2", "--n-relaxed", "2"),
            *("--n-epochs", "40", *TINY, *SHALLOW),
        ),
        numbers_of,
    ),
}


@pytest.fixture
def folders(tmp_path):
    """Two folders with the same input: one is left alone, the other is not."""
    frames = mda.Universe(dipeptide.TOPOLOGY, dipeptide.TRAJECTORY)
    beads = dipeptide.beads(n_frames=2000)
    made = [tmp_path / "alone", tmp_path / "killed"]
    for folder in made:
        folder.mkdir()
        frames.atoms.write(folder / "frames.xtc", frames=frames.trajectory[::20])
        beads.atoms.write(folder / "beads.pdb", frames=beads.trajectory[:1])
        beads.atoms.write(folder / "beads.xtc", frames="all")
    return made


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", COMMANDS)
def test_comes_to_the_same_end(folders, name, seed):
    words, result_of = COMMANDS[name]
    alone, killed = folders
    seconds = finish(words, alone)
    assert kill_again_and_again(words, killed, seconds, seed) > 0
    finish(words, killed)
    assert result_of(killed) == result_of(alone)
