"""A run goes on only with the same content, and touches no folder but its own."""

import os
import pickle
import shutil

import MDAnalysis as mda
import numpy as np
import pytest

from openmm_cgvae.backmapping.backmapper import Backmapper
from openmm_cgvae.backmapping.streaming import job as job_room
from openmm_cgvae.backmapping.streaming.job import make_block
from openmm_cgvae.testing import dipeptide
from openmm_cgvae.transformations import coarse_grain

N_FRAMES = 12


@pytest.fixture(scope="module")
def model():
    return dipeptide.untrained()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(job_room, "_N_FRAMES_READ_AT_ONCE", 5)


def beads_at(frames, boxes=None, resnames=("ACE", "ALA", "NME")):
    universe = dipeptide.beads(n_frames=N_FRAMES)
    universe.residues.resnames = list(resnames)
    return universe.load_new(frames.astype(np.float32), dimensions=boxes)


def frames():
    trajectory = dipeptide.beads(n_frames=N_FRAMES).trajectory
    return trajectory.timeseries(order="fac").copy()


def written(universe, path):
    with mda.Writer(str(path), 3) as writer:
        for _ in universe.trajectory:
            writer.write(universe.atoms)
    return path


def run(universe, model, folder, **options):
    return Backmapper(universe, model).run(
        output=folder / "a.xtc", progress=False, **options
    )


def stop_a_run(universe, model, folder, monkeypatch):
    def make(self, block):
        if block == 1:
            raise KeyboardInterrupt
        whole(self, block)

    whole = job_room.Job.make
    with monkeypatch.context() as patch:
        patch.setattr(job_room.Job, "make", make)
        with pytest.raises(KeyboardInterrupt):
            run(universe, model, folder)
    return folder / "a.xtc.parts"


class TestAnotherTrajectory:
    def other(self):
        return {
            "positions": beads_at(frames() + 40.0),
            "the last frame": beads_at(
                frames() + (np.arange(N_FRAMES) == N_FRAMES - 1)[:, None, None]
            ),
            "boxes": beads_at(frames(), np.array([30.0, 30, 30, 90, 90, 90])),
        }

    @pytest.mark.parametrize("change", ["positions", "the last frame", "boxes"])
    def test_of_the_same_length_is_refused(self, model, tmp_path, monkeypatch, change):
        parts = stop_a_run(beads_at(frames()), model, tmp_path, monkeypatch)
        with pytest.raises(ValueError, match=r"other settings \(content of the frames"):
            run(self.other()[change], model, tmp_path)
        assert (parts / "so-far-0.xtc").is_file()
        written = run(beads_at(frames()), model, tmp_path)
        assert written.n_frames == N_FRAMES

    def test_of_other_names_is_refused(self, model, tmp_path, monkeypatch):
        stop_a_run(beads_at(frames()), model, tmp_path, monkeypatch)
        renamed = beads_at(frames())
        renamed.residues.resids = [5, 6, 7]
        with pytest.raises(ValueError, match="other settings .names of the beads"):
            run(renamed, model, tmp_path)

    def test_the_same_frames_under_another_name_go_on(
        self, model, tmp_path, monkeypatch
    ):
        path = written(beads_at(frames()), tmp_path / "beads.trr")
        read = dipeptide.beads(n_frames=N_FRAMES).load_new(str(path))
        stop_a_run(read, model, tmp_path, monkeypatch)
        path = path.rename(tmp_path / "renamed.trr")
        again = dipeptide.beads(n_frames=N_FRAMES).load_new(str(path))
        assert run(again, model, tmp_path).n_frames == N_FRAMES


class TestFolder:
    def test_of_a_user_is_left_alone(self, model, tmp_path):
        own = tmp_path / "a.xtc.parts"
        own.mkdir()
        (own / "thesis.txt").write_text("years of work")
        with pytest.raises(FileExistsError, match="one that is not from a run; move"):
            run(beads_at(frames()), model, tmp_path)
        assert (own / "thesis.txt").read_text() == "years of work"

    def test_keeps_what_a_user_put_beside_the_files_of_a_run(
        self, model, tmp_path, monkeypatch
    ):
        parts = stop_a_run(beads_at(frames()), model, tmp_path, monkeypatch)
        (parts / "notes.txt").write_text("mine")
        run(beads_at(frames()), model, tmp_path)
        assert [path.name for path in parts.iterdir()] == ["notes.txt"]

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"mine": 1}'])
    def test_with_damaged_progress_is_refused(self, model, tmp_path, monkeypatch, text):
        parts = stop_a_run(beads_at(frames()), model, tmp_path, monkeypatch)
        (parts / "progress.json").write_text(text)
        with pytest.raises(ValueError, match=r"cannot go on: .*progress.json"):
            run(beads_at(frames()), model, tmp_path)
        assert (parts / "so-far-0.xtc").is_file()

    def test_is_nobody_elses(self, model, tmp_path, monkeypatch):
        parts = stop_a_run(beads_at(frames()), model, tmp_path, monkeypatch)
        assert parts.stat().st_mode & 0o077 == 0

    def test_an_output_that_is_a_folder_is_noticed_at_once(self, model, tmp_path):
        (tmp_path / "a.xtc").mkdir()
        with pytest.raises(IsADirectoryError, match="`output` is .*which is a folder"):
            run(beads_at(frames()), model, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["a.xtc"]


class Evil:
    """Pickles as a call that makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_a_job_that_others_wrote_is_not_executed(model, tmp_path, monkeypatch):
    saved = []

    def swapped(job, *_):
        saved.append(job.save())
        assert job.files.job.stat().st_mode & 0o077 == 0
        job.files.job.write_bytes(pickle.dumps(Evil(tmp_path / "executed")))
        make_block(saved[0], 0)
        yield

    monkeypatch.setattr(
        "openmm_cgvae.backmapping.streaming.resumable_run.finished_blocks", swapped
    )
    with pytest.raises(ValueError, match=r"job.pickle' was changed by another program"):
        run(beads_at(frames()), model, tmp_path)
    assert not (tmp_path / "executed").exists()


class TestTruncatedSinceItWasOpened:
    N_TIMES = 50  # more than what a reader has read ahead

    def cut(self, folder):
        """Return beads whose file has lost its second half since."""
        universe = beads_at(np.tile(frames(), (self.N_TIMES, 1, 1)))
        path = written(universe, folder / "beads.xtc")
        universe = dipeptide.beads(n_frames=1).load_new(str(path))
        os.truncate(path, path.stat().st_size // 2)
        return universe

    def test_is_a_sentence(self, model, tmp_path):
        with pytest.raises(ValueError, match=r"cannot read frame 300 .*; mend or l"):
            run(self.cut(tmp_path), model, tmp_path)

    def test_is_skipped(self, model, tmp_path):
        written = run(self.cut(tmp_path), model, tmp_path, on_error="skip")
        n_frames = N_FRAMES * self.N_TIMES
        assert written.n_frames == n_frames // 2
        assert sorted(written.skipped) == list(range(n_frames // 2, n_frames))


def test_topology_of_the_atoms_under_the_beads_is_no_output(model, tmp_path):
    path = tmp_path / "a.pdb"
    shutil.copy(dipeptide.TOPOLOGY, path)
    atoms = mda.Universe(str(path))
    atoms.load_new(dipeptide.atoms().trajectory.ts.positions[None].copy())
    beads = coarse_grain(atoms, model.mapping)
    with pytest.raises(ValueError, match="from which `universe` is read, and would"):
        Backmapper(beads, model).run(output=path, progress=False)
