import hashlib
import json
import subprocess
import sys
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
import torch
from filelock import FileLock
from MDAnalysis.analysis.backends import BackendMultiprocessing

from openmm_cgvae.backmapping.backmapper import Backmapper
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.backmapping.streaming import job as job_room
from openmm_cgvae.backmapping.streaming import resumable_run as run_room
from openmm_cgvae.testing import dipeptide
from openmm_cgvae.transformations import coarse_grain

N_FRAMES = 12
FRAMES_PER_BLOCK = 5
XTC_PRECISION = 0.0051  # [A]


@pytest.fixture(scope="module")
def model():
    return dipeptide.untrained()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(job_room, "_N_FRAMES_READ_AT_ONCE", FRAMES_PER_BLOCK)
    monkeypatch.setattr(run_room, "SECONDS_BETWEEN_SAVES", 0.0)


@pytest.fixture
def backmapper(model):
    return Backmapper(dipeptide.beads(n_frames=N_FRAMES), model)


@pytest.fixture
def whole(backmapper, tmp_path):
    """The file of a run that nobody disturbed."""
    (tmp_path / "calm").mkdir()
    return backmapper.run(output=tmp_path / "calm" / "a.xtc", seed=4, progress=False)


def holed(model, bad=(3, 7)):
    """Twelve frames, some without a bead."""
    where = dipeptide.beads(n_frames=N_FRAMES).trajectory.timeseries(order="fac").copy()
    where[list(bad), 1] = np.nan
    beads = dipeptide.beads(n_frames=N_FRAMES)
    beads.load_new(where.astype(np.float32))
    return Backmapper(beads, model)


def read(path, n_atoms=22):
    universe = mda.Universe.empty(n_atoms, trajectory=False)
    universe.load_new(str(path))
    return np.stack([ts.positions.copy() for ts in universe.trajectory])


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def interrupted_at(block, monkeypatch, error=KeyboardInterrupt):
    """Let the making of a block end as if the process were stopped."""
    make = job_room.Job.make

    def stop(self, number):
        if number == block:
            raise error
        make(self, number)

    monkeypatch.setattr(job_room.Job, "make", stop)


def stopped_after_block_1(job, *_):
    job.make(1)
    raise KeyboardInterrupt
    yield


def counted(monkeypatch):
    """Note which blocks are made."""
    made, make = [], job_room.Job.make

    def note(self, block):
        made.append(block)
        make(self, block)

    monkeypatch.setattr(job_room.Job, "make", note)
    return made


class TestContinues:
    def run(self, backmapper, folder, **options):
        return backmapper.run(
            output=folder / "a.xtc", **{"seed": 4, "progress": False, **options}
        )

    def stopped(self, backmapper, folder, monkeypatch, block=2):
        with monkeypatch.context() as patch:
            interrupted_at(block, patch)
            with pytest.raises(KeyboardInterrupt):
                self.run(backmapper, folder)
        return folder / "a.xtc.parts"

    def test_where_it_stopped(self, backmapper, whole, tmp_path, monkeypatch):
        self.stopped(backmapper, tmp_path, monkeypatch)
        made = counted(monkeypatch)
        path = self.run(backmapper, tmp_path)
        assert made == [2]
        assert digest(path) == digest(whole)
        assert not (tmp_path / "a.xtc.parts").exists()

    def test_until_then_there_is_all_that_was_done(
        self, backmapper, whole, tmp_path, monkeypatch
    ):
        parts = self.stopped(backmapper, tmp_path, monkeypatch)
        assert not (tmp_path / "a.xtc").exists()
        np.testing.assert_array_equal(
            read(parts / "so-far-0.xtc"), read(whole)[: 2 * FRAMES_PER_BLOCK]
        )

    @pytest.mark.parametrize("torn", [b"torn", b"\0" * 1000])
    def test_a_torn_frame_is_cut(self, backmapper, whole, tmp_path, monkeypatch, torn):
        parts = self.stopped(backmapper, tmp_path, monkeypatch)
        with (parts / "so-far-0.xtc").open("ab") as file:
            file.write(torn)
        assert digest(self.run(backmapper, tmp_path)) == digest(whole)

    @pytest.mark.parametrize("ending", ["dcd", "trr", "h5md", "pdb"])
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_in_every_format_and_several_files(
        self, backmapper, tmp_path, monkeypatch, ending
    ):
        def run(folder):
            output = tmp_path / folder / ("a-{sample}." + ending)
            output.parent.mkdir(exist_ok=True)
            return backmapper.run(output=output, n=2, seed=4, progress=False)

        calm = run("calm")
        with monkeypatch.context() as patch:
            interrupted_at(3, patch)  # of 6: two frames in a block
            with pytest.raises(KeyboardInterrupt):
                run("stopped")
        parts = tmp_path / "stopped" / ("a-{sample}." + ending + ".parts")
        so_far = [path for path in sorted(parts.iterdir()) if "so-far" in path.name]
        for path, whole in zip(so_far, calm.files, strict=True):
            early = read(path)
            assert len(early) == 6
            np.testing.assert_allclose(early, read(whole)[:6], atol=XTC_PRECISION)
        for path, whole in zip(run("stopped").files, calm.files, strict=True):
            np.testing.assert_array_equal(read(path), read(whole))

    def test_what_was_lost_is_made_again(
        self, backmapper, whole, tmp_path, monkeypatch
    ):
        parts = self.stopped(backmapper, tmp_path, monkeypatch)
        (parts / "so-far-0.xtc").unlink()
        assert digest(self.run(backmapper, tmp_path)) == digest(whole)

    def test_blocks_that_were_done_early_are_taken(
        self, backmapper, whole, tmp_path, monkeypatch
    ):
        with monkeypatch.context() as patch:
            # As when the second of two workers was faster.
            patch.setattr(run_room, "finished_blocks", stopped_after_block_1)
            with pytest.raises(KeyboardInterrupt):
                self.run(backmapper, tmp_path)
        made = counted(monkeypatch)
        assert digest(self.run(backmapper, tmp_path)) == digest(whole)
        assert made == [0, 2]

    @pytest.mark.parametrize(
        ("options", "name"),
        [({"seed": 5}, "seed"), ({"n": 2}, "n"), ({"step": 2}, "frames")],
    )
    def test_only_with_the_same_settings(
        self, backmapper, tmp_path, monkeypatch, options, name
    ):
        self.stopped(backmapper, tmp_path, monkeypatch)
        with pytest.raises(ValueError, match=rf"settings \({name} was .*remove"):
            self.run(backmapper, tmp_path, **options)

    def test_after_a_bad_frame_by_leaving_it_out(self, model, tmp_path, monkeypatch):
        monkeypatch.setattr(run_room, "SECONDS_WORTH_KEEPING", 0.0)
        backmapper = holed(model, bad=[7])
        with pytest.raises(ValueError, match="in frame 7") as caught:
            self.run(backmapper, tmp_path)
        assert "5 frames are in" in caught.value.__notes__[0]
        path = self.run(backmapper, tmp_path, on_error="skip")
        assert (path.n_frames, list(path.skipped)) == (11, [7])


class TestSkips:
    def test_bad_frames_and_says_which(self, model, backmapper, tmp_path):
        path = holed(model).run(
            output=tmp_path / "a.trr", on_error="skip", progress=False
        )
        assert path.n_frames == N_FRAMES - 2
        assert list(path.skipped) == [3, 7]
        assert "no position for bead 1 in frame 3" in path.skipped[3]
        good = backmapper.run(output=tmp_path / "b.trr", progress=False)
        kept = np.delete(read(good), [3, 7], axis=0)
        np.testing.assert_allclose(read(path), kept, atol=1e-4)

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_a_block_without_a_good_frame(self, model, tmp_path):
        path = holed(model, bad=range(5)).run(
            output=tmp_path / "a.dcd", on_error="skip", progress=False
        )
        assert len(read(path)) == N_FRAMES - 5

    def test_not_all(self, model, tmp_path):
        with pytest.raises(ValueError, match="no good frame among 12, the first is"):
            holed(model, bad=range(12)).run(
                output=tmp_path / "a.dcd", on_error="skip", progress=False
            )
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("n", [1, 2])
    def test_beads_of_which_the_model_makes_nothing(
        self, backmapper, tmp_path, monkeypatch, n
    ):
        make = Sampler.sample_many

        def spoil(self, beads, frames, *rest, **options):
            made = make(self, beads, frames, *rest, **options)
            made[np.isin(frames, [1, 5]), -1, 0, 3] = np.nan
            return made

        good = backmapper.run(output=tmp_path / "b.trr", n=n, progress=False)
        monkeypatch.setattr(Sampler, "sample_many", spoil)
        with pytest.raises(ValueError, match="beads in frame 1 of which the model mak"):
            backmapper.run(output=tmp_path / "a.trr", n=n, progress=False)
        path = backmapper.run(
            output=tmp_path / "a.trr", n=n, on_error="skip", progress=False
        )
        assert list(path.skipped) == [1, 5]
        kept = np.delete(read(good).reshape(N_FRAMES, n, 22, 3), [1, 5], axis=0)
        np.testing.assert_array_equal(read(path), kept.reshape(-1, 22, 3))

    def test_nothing_unasked(self, backmapper, tmp_path):
        with pytest.raises(ValueError, match="`on_error` is 'ignore' but must be"):
            backmapper.run(output=tmp_path / "a.xtc", on_error="ignore")


class TestFiles:
    @pytest.mark.parametrize("ending", ["xtc", "dcd", "trr", "h5md"])
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_one_for_each_sample(self, backmapper, tmp_path, ending):
        together = backmapper.run(
            output=tmp_path / f"all.{ending}", n=3, progress=False
        )
        path = backmapper.run(
            output=tmp_path / ("atoms-{sample}." + ending), n=3, progress=False
        )
        assert path.name == f"atoms-0.{ending}"
        assert [file.name for file in path.files] == [
            f"atoms-{sample}.{ending}" for sample in range(3)
        ]
        for sample, file in enumerate(path.files):
            np.testing.assert_array_equal(read(file), read(together)[sample::3])

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_dcd_says_how_many_frames_and_how_far_apart(self, backmapper, tmp_path):
        path = backmapper.run(output=tmp_path / "a.dcd", step=2, progress=False)
        reader = mda.coordinates.DCD.DCDReader(str(path))
        assert (reader.n_frames, int.from_bytes(path.read_bytes()[8:12], "little")) == (
            6,
            6,
        )
        wanted = 2 * backmapper.beads.universe.trajectory.dt
        assert reader.dt == pytest.approx(wanted, rel=1e-6)

    def test_of_a_trajectory_in_several_files(self, model, whole, tmp_path):
        files = [tmp_path / "first.trr", tmp_path / "second.trr"]
        beads = dipeptide.beads(n_frames=N_FRAMES)
        for path, frames in zip(files, (slice(None, 7), slice(7, None)), strict=True):
            beads.atoms.write(path, frames=beads.trajectory[frames])
        both = dipeptide.beads().load_new([str(path) for path in files])
        path = Backmapper(both, model).run(
            output=tmp_path / "a.xtc", seed=4, progress=False
        )
        assert path.n_frames == N_FRAMES
        np.testing.assert_allclose(read(path), read(whole), atol=XTC_PRECISION)

    @pytest.mark.parametrize("n_times", [1, 2])
    def test_never_over_the_file_that_is_read(self, model, tmp_path, n_times):
        path = tmp_path / "beads.xtc"
        dipeptide.beads(n_frames=N_FRAMES).atoms.write(path, frames="all")
        beads = dipeptide.beads().load_new([str(path)] * n_times)
        before = path.read_bytes()
        with pytest.raises(ValueError, match="is read, and would replace it; give an"):
            Backmapper(beads, model).run(output=path, progress=False)
        assert path.read_bytes() == before

    def test_nor_over_that_of_the_atoms_under_the_beads(self, model, tmp_path):
        path = tmp_path / "atoms.xtc"
        dipeptide.atoms(N_FRAMES).atoms.write(path, frames="all")
        atoms = mda.Universe(dipeptide.TOPOLOGY, path)
        beads = coarse_grain(atoms, model.mapping)
        with pytest.raises(ValueError, match="is read, and would replace it"):
            Backmapper(beads, model).run(output=path, progress=False)

    def test_hdf5_needs_a_package(self, backmapper, tmp_path, monkeypatch):
        monkeypatch.setattr(
            "openmm_cgvae.structures.export.formats.find_spec", lambda _: None
        )
        with pytest.raises(ImportError, match="h5py, which writes this format"):
            backmapper.run(output=tmp_path / "a.h5md", progress=False)

    def test_the_result_is_a_path_that_knows_more(self, whole):
        assert whole.is_file()
        assert whole.files == (whole,)
        assert whole.skipped == {}
        assert whole.n_frames == N_FRAMES
        assert whole.seconds > 0


class TestBackends:
    def same(self, backmapper, whole, tmp_path, **options):
        path = backmapper.run(
            output=tmp_path / "a.xtc", seed=4, progress=False, **options
        )
        assert digest(path) == digest(whole)

    def test_of_mdanalysis(self, backmapper, whole, tmp_path):
        # Forked after torch has used its threads.
        self.same(backmapper, whole, tmp_path, backend=BackendMultiprocessing(2))

    @pytest.mark.filterwarnings("ignore")
    def test_a_cluster(self, model, tmp_path):
        distributed = pytest.importorskip("distributed")
        universe = mda.Universe(dipeptide.TOPOLOGY, dipeptide.TRAJECTORY)
        beads = coarse_grain(universe, model.mapping)
        backmapper = Backmapper(beads, model)
        calm = backmapper.run(
            output=tmp_path / "b.xtc", stop=60, seed=4, progress=False
        )
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            path = backmapper.run(
                output=tmp_path / "a.xtc",
                stop=60,
                seed=4,
                progress=False,
                backend=client,
            )
        assert digest(path) == digest(calm)

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize(
        "name", [pytest.param("multiprocessing", marks=pytest.mark.slow), "dask"]
    )
    def test_by_name(self, backmapper, whole, tmp_path, name):
        self.same(backmapper, whole, tmp_path, backend=name, n_workers=2)

    def test_threads_of_torch_are_as_before(self, backmapper, tmp_path, monkeypatch):
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            backmapper.run(output=tmp_path / "a.xtc", progress=False)
            assert torch.get_num_threads() == 2
            interrupted_at(1, monkeypatch)
            with pytest.raises(KeyboardInterrupt):
                backmapper.run(output=tmp_path / "b.xtc", progress=False)
            assert torch.get_num_threads() == 2
        finally:
            torch.set_num_threads(before)

    @pytest.mark.parametrize("backend", ["threads", 3, None])
    def test_unknown(self, backmapper, tmp_path, backend):
        with pytest.raises(ValueError, match=f"`backend` is {backend!r} but must be"):
            backmapper.run(output=tmp_path / "a.xtc", backend=backend)

    def test_without_workers(self, backmapper, tmp_path):
        with pytest.raises(ValueError, match="`n_workers` is 0 but must be"):
            backmapper.run(output=tmp_path / "a.xtc", n_workers=0)

    def test_errors_of_workers_are_those_of_the_frame(self, model, tmp_path):
        with pytest.raises(ValueError, match="no position for bead 1 in frame 7"):
            holed(model, bad=[7]).run(
                output=tmp_path / "a.xtc",
                progress=False,
                backend=BackendMultiprocessing(2),
            )
        assert list(tmp_path.iterdir()) == []

    def test_a_universe_that_cannot_travel(self, backmapper, tmp_path):
        backmapper.beads.universe.trajectory.add_transformations(lambda ts: ts)
        with pytest.raises(ValueError, match="cannot be sent to other processes"):
            backmapper.run(output=tmp_path / "a.xtc", backend=BackendMultiprocessing(2))


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from openmm_cgvae.testing import dipeptide
from openmm_cgvae.backmapping import backmapper
from openmm_cgvae.backmapping.streaming import job, resumable_run as run
job._N_FRAMES_READ_AT_ONCE = 5
run.SECONDS_BETWEEN_SAVES = 0.0
save = run._save
def slowly(running, progress):
    save(running, progress)
    if progress.n_blocks == 1:
        print("ready", flush=True)
        sys.stdin.read()
run._save = slowly
beads = dipeptide.beads(n_frames=12)
backmapper.Backmapper(beads, dipeptide.untrained()).run(
    output={output!r}, seed=4, progress=False
)
"""


def test_a_process_that_is_killed(backmapper, whole, tmp_path):
    output = tmp_path / "a.xtc"
    text = SCRIPT.format(tests=str(Path(__file__).parents[2]), output=str(output))
    with subprocess.Popen(
        [sys.executable, "-c", text],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.kill()
    assert len(read(tmp_path / "a.xtc.parts" / "so-far-0.xtc")) == FRAMES_PER_BLOCK
    path = backmapper.run(output=output, seed=4, progress=False)
    assert digest(path) == digest(whole)


def test_progress_is_noted_block_by_block(backmapper, tmp_path, monkeypatch):
    interrupted_at(1, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        backmapper.run(output=tmp_path / "a.xtc", progress=False)
    noted = json.loads((tmp_path / "a.xtc.parts" / "progress.json").read_text())
    assert noted["n_blocks"] == 1
    assert noted["n_frames"] == FRAMES_PER_BLOCK
    assert noted["n_bytes"] == [
        (tmp_path / "a.xtc.parts" / "so-far-0.xtc").stat().st_size
    ]


class TestLock:
    """Two runs may not write to one output."""

    def test_a_second_run_is_told(self, backmapper, tmp_path, monkeypatch):
        save = run_room._save
        refused = []

        def intrude(job, progress):
            save(job, progress)
            if progress.n_blocks == 1:
                with pytest.raises(RuntimeError, match="`output` is being written by"):
                    backmapper.run(output=tmp_path / "a.xtc", seed=4, progress=False)
                refused.append(True)

        monkeypatch.setattr(run_room, "_save", intrude)
        path = backmapper.run(output=tmp_path / "a.xtc", seed=4, progress=False)
        assert refused == [True]
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]

    def test_other_outputs_are_free(self, backmapper, whole, tmp_path):
        with FileLock(tmp_path / ".b.xtc.parts.lock"):
            path = backmapper.run(output=tmp_path / "a.xtc", seed=4, progress=False)
        assert digest(path) == digest(whole)

    def test_what_a_killed_run_left_is_in_nobodys_way(
        self, backmapper, whole, tmp_path
    ):
        lock = tmp_path / ".a.xtc.parts.lock"
        script = (
            "import sys; from filelock import FileLock\n"
            f"lock = FileLock({str(lock)!r}); lock.acquire()\n"
            "print('held', flush=True)\n"
            "sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout.readline() == "held\n"
            with pytest.raises(RuntimeError, match="wait for it, or give another"):
                backmapper.run(output=tmp_path / "a.xtc", seed=4, progress=False)
            process.kill()
        assert lock.exists()
        path = backmapper.run(output=tmp_path / "a.xtc", seed=4, progress=False)
        assert digest(path) == digest(whole)
        assert not lock.exists()
