"""Reproductions of faults of trust: mixed runs, orphans, lost files, foreign code."""

import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time

import MDAnalysis as mda
import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from openmm_cgvae import (
    Backmapper,
    BackmapReporter,
    coarse_grain,
    load_model,
    save_model,
)
from openmm_cgvae.backmapping.streaming import job as job_room
from openmm_cgvae.cli import main, make_parser
from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model.checkpoint import HEADER_KEY, read_header
from openmm_cgvae.simulation.molecule_sets import read_molecules
from openmm_cgvae.structures.relaxation import RelaxationSettings
from openmm_cgvae.testing import dipeptide

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::Warning:MDAnalysis"),
]

N_FRAMES = 2000
SECONDS_TO_END = 60


def say(fault, outcome):
    print(f"{fault}: {outcome}")  # noqa: T201


def beads_file(folder, shift=0.0, name="beads.xtc", n_frames=N_FRAMES):
    universe = dipeptide.beads(n_frames=n_frames)
    with mda.Writer(str(folder / name), 3) as writer:
        for timestep in universe.trajectory:
            timestep.positions += shift
            writer.write(universe.atoms)
    return dipeptide.beads(n_frames=1).load_new(str(folder / name))


def run(universe, folder, **options):
    return Backmapper(universe, dipeptide.untrained()).run(
        output=folder / "atoms.xtc", progress=False, **options
    )


KILLED = """
import os, signal
from pathlib import Path
from openmm_cgvae import Backmapper
from openmm_cgvae.backmapping.streaming import job as job_room, resumable_run
from openmm_cgvae.testing import dipeptide
resumable_run.SECONDS_BETWEEN_SAVES = 0.0
make = job_room.Job.make
def die(self, block):
    if block == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    make(self, block)
job_room.Job.make = die
beads = dipeptide.beads(n_frames=1).load_new({beads!r})
Backmapper(beads, dipeptide.untrained()).run(output={output!r}, progress=False)
"""


def test_a5_a_continued_run_never_mixes_two_inputs(tmp_path):
    here = beads_file(tmp_path, n_frames=5000)  # three blocks
    there = beads_file(tmp_path, shift=40.0, name="there.xtc", n_frames=5000)
    output = str(tmp_path / "atoms.xtc")
    script = KILLED.format(beads=str(tmp_path / "beads.xtc"), output=output)
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(ValueError, match="other settings .content of the frames") as e:
        run(there, tmp_path)
    written = run(here, tmp_path)
    atoms = mda.Universe(dipeptide.TOPOLOGY, str(written))
    assert max(abs(ts.positions.mean()) for ts in atoms.trajectory) < 20
    say("A5 another trajectory of the same length", e.value)


def test_a8_a_reporter_has_the_temperature_of_its_backmapper(tmp_path):
    cold = Backmapper(dipeptide.beads(n_frames=1), temperature=0.0)
    reporter = BackmapReporter(tmp_path / "atoms.xtc", 1, cold)
    assert reporter._decoding.sampler.temperature == 0.0
    say("A8 a reporter of a Backmapper(temperature=0)", "temperature 0")


def test_a8_the_spring_of_relax_is_the_librarys():
    shown = make_parser(knows_settings=False).parse_args(
        ["relax", "--topology", "a.pdb", "--mapping", "residues", "--output", "b.pdb"]
    )
    assert not hasattr(shown, "k")  # only what is given replaces the library's
    assert shown.stands_for["k"][1] == RelaxationSettings().k == 1e6
    say("A8 relax --k", "1e6, as in the library")


def test_c17_two_simulations_into_one_folder_do_not_mix(tmp_path):
    code = (
        "import sys; from openmm_cgvae.cli import main; "
        f"sys.exit(main(['simulate', 'alanine-dipeptide', '--output', {str(tmp_path)!r}"
        ", '--n-frames', '600', '--n-walkers', '2', '--interval-ps', '0.04']))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate()[1] for process in both]
    codes = sorted(process.returncode for process in both)
    pair = mda.Universe(
        *(str(tmp_path / f"alanine-dipeptide.{end}") for end in ("pdb", "xtc"))
    )
    assert pair.trajectory.n_frames == 600
    # The second is refused, or came when all was done.
    assert codes in ([0, 0], [0, 1])
    assert codes == [0, 0] or any("is being written by another run" in s for s in said)
    say("C17 two simulations into one folder", f"exit codes {codes}, 600 frames")


RUN = """
import sys
from openmm_cgvae import Backmapper
from openmm_cgvae.testing import dipeptide
if __name__ == "__main__":
    beads = dipeptide.beads(n_frames=1).load_new({beads!r})
    Backmapper(beads, dipeptide.untrained()).run(
        output={output!r}, progress=False, backend="multiprocessing", n_workers=2,
        n=200,
    )
"""
RELAX = """
from openmm_cgvae import Backmapper
from openmm_cgvae.testing import dipeptide
if __name__ == "__main__":
    made = Backmapper(dipeptide.beads(n_frames=1)).sample(n=4000, seed=1)
    made.relax(workers=3)
"""


def children_of(process_id):
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process_id)],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(word) for word in found.stdout.split()]


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(not shutil.which("ps"), reason="needs ps")
@pytest.mark.parametrize("work", ["run", "relax"])
def test_c18_workers_end_with_a_parent_that_is_killed(tmp_path, work):
    beads_file(tmp_path)
    paths = {
        "beads": str(tmp_path / "beads.xtc"),
        "output": str(tmp_path / "atoms.xtc"),
    }
    script = tmp_path / "script.py"
    script.write_text(RUN.format(**paths) if work == "run" else RELAX)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as parent:
        workers = []
        while len(workers) < 3 and parent.poll() is None:  # one tracks resources
            time.sleep(0.2)
            workers = children_of(parent.pid)
        assert len(workers) >= 3, parent.communicate()[0]
        time.sleep(3.0)
        parent.kill()
        began = time.monotonic()
        parent.communicate(timeout=SECONDS_TO_END)  # until nobody holds its pipes
        while any(map(is_alive, workers)) and time.monotonic() < began + SECONDS_TO_END:
            time.sleep(0.1)
        seconds = time.monotonic() - began
        assert not any(map(is_alive, workers))
    say(f"C18 parent of {work} killed", f"workers ended within {seconds:.1f} s")


def test_c19_no_output_replaces_an_input(tmp_path, capsys):
    topology, atoms = tmp_path / "a.pdb", tmp_path / "a.xtc"
    shutil.copy(data_path("alanine-dipeptide.pdb"), topology)
    universe = mda.Universe(str(topology))
    universe.load_new(universe.atoms.positions[None], dt=1.0)
    universe.atoms.write(str(atoms))
    universe = mda.Universe(str(topology), str(atoms))
    coarse_grain(universe, load_model("alanine-dipeptide-3").mapping).atoms.write(
        str(tmp_path / "beads.pdb")
    )
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    of_atoms = ["--topology", str(topology), "--trajectory", str(atoms)]
    beads = str(tmp_path / "beads.pdb")
    for words in (
        ["map", *of_atoms, "--mapping", "residues", "--output", str(atoms)],
        ["relax", *of_atoms, "--mapping", "residues", "--output", str(topology)],
        ["sample", "--topology", beads, "--output", beads],
        ["report", beads, "--html", beads],
        ["train", *of_atoms, "--mapping", "residues", "--output", str(atoms)],
        ["evaluate", *of_atoms, "--model", "chignolin-12", "--output", str(atoms)],
    ):
        assert main(words) == 1
        assert "and would replace it; give another" in capsys.readouterr().err
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert before == after
    say("C19 outputs over inputs", "map, relax, sample, report, train, evaluate refuse")


def test_c20_nothing_of_a_users_is_removed(tmp_path):
    own = tmp_path / "atoms.xtc.parts" / "thesis.txt"
    own.parent.mkdir()
    own.write_text("years of work")
    with pytest.raises(FileExistsError, match="not from a run") as raised:
        run(dipeptide.beads(n_frames=3), tmp_path)
    assert own.read_text() == "years of work"
    say("C20 a folder NAME.parts of a user's", raised.value)


def test_c21_frames_that_are_gone_are_bad_frames(tmp_path):
    universe = beads_file(tmp_path)
    path = tmp_path / "beads.xtc"
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(ValueError, match="cannot read frame 1000") as raised:
        run(universe, tmp_path)
    written = run(universe, tmp_path, on_error="skip")
    assert (written.n_frames, len(written.skipped)) == (N_FRAMES // 2, N_FRAMES // 2)
    say("C21 truncated since it was opened", raised.value)


def test_c22_a_star_molecule_is_refused_at_once(tmp_path):
    n_atoms = 4000
    star = {
        "names": ["C"] * n_atoms,
        "atomic_numbers": [6] * n_atoms,
        "masses": [12.0] * n_atoms,
        "residue_of_atom": [0] * n_atoms,
        "residue_names": ["STR"],
        "residue_ids": [1],
        "insertion_codes": [""],
        "chain_ids": ["A"],
        "bonds": [[0, atom] for atom in range(1, n_atoms)],
        "stereocentres": [],
    }
    path = save_model(dipeptide.untrained(), tmp_path / "m.cgvae")
    header = read_header(path)
    header["atom_table"] = star
    header["mapping"] = Mapping(np.arange(n_atoms) // 10).to_dict()
    header["header_sha256"] = hashlib.sha256(json.dumps(header).encode()).hexdigest()
    save_file(load_file(path), path, metadata={HEADER_KEY: json.dumps(header)})
    began = time.monotonic()
    with pytest.raises(ValueError, match="the atom 0 has 3999 bonds") as raised:
        load_model(path)
    assert time.monotonic() - began < 5
    say("C22 a star of 4,000 atoms", raised.value)


class Evil:
    """Pickles as a call that makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (os.mkdir, (self.path,))


def test_c23_a_job_that_was_swapped_is_not_executed(tmp_path, monkeypatch):
    save = job_room.Job.save

    def swap(self):
        saved = save(self)
        self.files.job.write_bytes(pickle.dumps(Evil(tmp_path / "executed")))
        return saved

    monkeypatch.setattr(job_room.Job, "save", swap)
    with pytest.raises(ValueError, match="was changed by another program") as raised:
        run(
            beads_file(tmp_path),
            tmp_path,
            backend="multiprocessing",
            n_workers=1,
        )
    assert not (tmp_path / "executed").exists()
    say("C23 a swapped job.pickle", raised.value)


def test_c23_escapes_of_a_model_file_do_not_reach_the_terminal(tmp_path, capsys):
    model = dipeptide.untrained()
    model.provenance = {"title": "\x1b]0;owned\x07", "bytes": "\x9b31m"}
    assert main(["info", str(save_model(model, tmp_path / "m.cgvae"))]) == 0
    said = capsys.readouterr().out
    assert said.replace("\n", "").isprintable()
    say("C23 escapes of a model file", "written as backslashes")


def test_c24_odd_input_gets_a_sentence(tmp_path, capsys):
    (tmp_path / "empty.pdb").touch()
    (tmp_path / "ff.xml").write_text("eggs")
    os.mkfifo(tmp_path / "pipe.json")
    topology = ["--topology", str(data_path("alanine-dipeptide.pdb"))]
    residues = ["--mapping", "residues"]
    relax = ["relax", *topology, *residues, "--output", str(tmp_path / "a.pdb")]
    for words in (
        ["map", "--topology", str(tmp_path / "empty.pdb"), *residues],
        ["map", *topology, "--mapping", str(tmp_path / "pipe.json")],
        ["map", *topology, *residues, "--output", str(tmp_path / ("a" * 300))],
        [*relax, "--forcefield", str(tmp_path / "ff.xml")],
        [*relax, "--k", "inf"],
    ):
        assert main(words) == 1
        said = capsys.readouterr().err
        assert said.startswith("openmm-cgvae: ")
        assert said.count("\n") == 1
        say("C24", said.strip())
    for options in ({"correlation_time": 1e7}, {"n": 0}):
        with pytest.raises(ValueError, match="; "):
            Backmapper(dipeptide.beads(n_frames=2)).sample(**options)
    with pytest.raises(ValueError, match="a folder, a device or a pipe"):
        Mapping.load("/dev/zero")


def test_c24_an_edited_set_of_molecules_gets_a_sentence(tmp_path):
    for edit in (None, [], {"n_atoms": 3}, {"n_atoms": 3, "n_frames": 1.5}):
        (tmp_path / "index.json").write_text(json.dumps({"molecules": {"a": edit}}))
        with pytest.raises(ValueError, match="; delete the entry and run") as raised:
            list(read_molecules(tmp_path))
    say("C24 an edited set of molecules", raised.value)
