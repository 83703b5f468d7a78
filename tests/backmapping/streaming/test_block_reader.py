import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.coordinates.XTC import XTCReader
from MDAnalysis.transformations import translate

from openmm_cgvae.backmapping.bead_reader import BadFrameError, Beads
from openmm_cgvae.backmapping.streaming.block_reader import BlockReader, distinct_rows

N_FRAMES, N_BEADS = 11, 6
BOXES = {
    "none": lambda frame: None,  # noqa: ARG005
    "constant": lambda frame: [12, 13, 14, 90, 90, 90],  # noqa: ARG005
    "breathing": lambda frame: [12 + frame, 13, 14, 70, 80, 95 + frame],
    "from time to time": lambda frame: [9, 9, 9, 90, 90, 90] if frame % 3 else None,
}


@pytest.fixture(params=BOXES)
def box(request):
    return BOXES[request.param]


@pytest.fixture(params=["xtc", "trr"])
def path(request, tmp_path, box):
    return written(tmp_path / f"beads.{request.param}", box)


def written(path, box):
    universe = mda.Universe.empty(N_BEADS, trajectory=True)
    generator = np.random.default_rng(0)
    with mda.Writer(str(path), N_BEADS) as writer:
        for frame in range(N_FRAMES):
            universe.atoms.positions = generator.uniform(0, 12, (N_BEADS, 3))
            universe.dimensions = box(frame)
            universe.trajectory.ts.time = 1.5 + 0.3 * frame
            universe.trajectory.ts.frame = frame
            writer.write(universe.atoms)
    return path


def opened(path, **options):
    universe = mda.Universe.empty(N_BEADS, trajectory=False)
    universe.load_new(str(path), **options)
    return universe


@pytest.fixture
def calls(monkeypatch):
    """Count the frames that go through MDAnalysis's reader."""
    made, original = [], XTCReader._read_frame

    def note(self, number):
        made.append(number)
        return original(self, number)

    monkeypatch.setattr(XTCReader, "_read_frame", note)
    return made


def assert_same(block, beads, numbers):
    assert block.numbers.tolist() == list(numbers)
    for place, number in enumerate(numbers):
        frame = beads.read(number)
        np.testing.assert_array_equal(block.positions[place], frame.positions)
        assert block.times[place] == frame.time
        wanted = np.zeros(6) if frame.box is None else frame.box
        np.testing.assert_array_equal(block.boxes[place], wanted)


@pytest.mark.filterwarnings("ignore:Reload offsets")
class TestReadsTheSameAsTheReader:
    @pytest.mark.parametrize(
        "numbers",
        [range(N_FRAMES), range(3, 9, 2), range(8, 1, -3), [0], [10]],
        ids=str,
    )
    def test_any_frames(self, path, numbers):
        beads = Beads(opened(path).atoms, 3)
        reader = BlockReader(beads)
        block = reader.read(numbers)
        assert reader._is_direct
        assert_same(block, beads, numbers)

    def test_block_after_block(self, path):
        beads = Beads(opened(path).atoms, 3)
        reader = BlockReader(beads)
        for numbers in (range(4), range(4, 8), range(8, 11), range(2)):
            assert_same(reader.read(numbers), beads, numbers)

    def test_some_of_the_beads(self, path):
        beads = Beads(opened(path).atoms[[4, 1, 5, 0]], 2)
        assert_same(BlockReader(beads).read(range(5)), beads, range(5))

    def test_with_times_of_the_readers_own(self, path):
        beads = Beads(opened(path, dt=7.0).atoms, 3)
        reader = BlockReader(beads)
        assert_same(reader.read(range(5)), beads, range(5))
        assert not reader._is_direct

    def test_with_transformations(self, path):
        universe = opened(path)
        universe.trajectory.add_transformations(translate([1, 2, 3]))
        beads = Beads(universe.atoms, 3)
        assert_same(BlockReader(beads).read(range(5)), beads, range(5))

    def test_in_memory(self, path):
        universe = opened(path)
        universe.transfer_to_memory()
        beads = Beads(universe.atoms, 3)
        assert_same(BlockReader(beads).read(range(5)), beads, range(5))


class TestDoesNotVisitEveryFrame:
    def test_of_a_block(self, tmp_path, calls):
        path = written(tmp_path / "beads.xtc", BOXES["constant"])
        reader = BlockReader(Beads(opened(path).atoms, 3))
        calls.clear()
        reader.read(range(N_FRAMES))
        assert calls == [0, N_FRAMES - 1]

    def test_but_where_one_is_bad(self, tmp_path):
        path = written(tmp_path / "beads.trr", BOXES["none"])
        universe = opened(path)
        universe.transfer_to_memory()
        universe.trajectory.get_array()[3, 2] = np.nan
        with mda.Writer(str(tmp_path / "bad.trr"), N_BEADS) as writer:
            for _ in universe.trajectory:
                writer.write(universe.atoms)
        reader = BlockReader(Beads(opened(tmp_path / "bad.trr").atoms, 3))
        with pytest.raises(BadFrameError, match="no position for bead 2 in frame 3"):
            reader.read(range(5))
        block = reader.read(range(5), skips=True)
        assert block.numbers.tolist() == [0, 1, 2, 4]
        assert [number for number, _ in block.skipped] == [3]
        assert reader.read(range(5, 8)).skipped == []


class TornFile:
    n_atoms = 3

    def tell(self):
        return 0

    def read(self):
        raise OSError("XTC read error = compression")


def test_the_reader_has_the_last_word_on_a_file_that_cannot_be_read(tmp_path):
    beads = Beads(opened(written(tmp_path / "beads.xtc", BOXES["none"])).atoms, 3)
    reader = BlockReader(beads)
    reader.__dict__["_file"] = TornFile()
    assert_same(reader.read(range(5)), beads, range(5))
    assert not reader._is_direct


@pytest.mark.parametrize("rows", [[[1, 2]], [[1, 2]] * 3, [[3, 0], [1, 2], [3, 0]]])
def test_distinct_rows(rows):
    rows = np.array(rows)
    distinct, which = distinct_rows(rows)
    np.testing.assert_array_equal(distinct[which], rows)
    assert len({tuple(row) for row in rows.tolist()}) == len(distinct)
