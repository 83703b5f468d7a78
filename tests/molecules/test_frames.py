"""Frames are read as asked for, and split by blocks of time."""

import MDAnalysis as mda
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from MDAnalysis import transformations

from openmm_cgvae.molecules.block_split import block_split
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.testing.dipeptide import peptide, trembling

N_FRAMES = 12


def from_files(universe, folder, n_files):
    paths = [str(folder / f"trembling-{number}.xtc") for number in range(n_files)]
    for path in paths:
        universe.atoms.write(path, frames="all")
    read = peptide()
    read.load_new(paths if n_files > 1 else paths[0])
    return read


@pytest.fixture(scope="module", params=["memory", "file"])
def universe(request, tmp_path_factory):
    universe = trembling(N_FRAMES)
    if request.param == "memory":
        return universe
    return from_files(universe, tmp_path_factory.mktemp("frames"), 1)


def all_positions(universe):
    return np.array([universe.atoms.positions for _ in universe.trajectory])


SLICES = [
    (None, None, None),
    (0, 5, None),
    (3, 4, None),
    (None, -1, None),
    (2, 100, 3),
    (-4, None, 2),
    (None, None, -1),
    (10, 2, -3),
]


@pytest.mark.parametrize("wanted", SLICES)
def test_frames_are_those_of_the_slice(universe, wanted):
    frames = Frames.from_universe(universe, *wanted)
    expected = all_positions(universe)[slice(*wanted)]
    assert frames.positions.dtype == np.float32
    np.testing.assert_array_equal(frames.positions, expected)
    assert (frames.n_frames, frames.n_atoms) == expected.shape[:2]


def test_atoms_come_in_the_order_of_the_group(universe):
    group = universe.atoms[[5, 1, 9]]
    frames = Frames.from_universe(group)
    np.testing.assert_array_equal(
        frames.positions, all_positions(universe)[:, [5, 1, 9]]
    )


def test_the_universe_stays_where_it_was(universe):
    universe.trajectory[7]
    Frames.from_universe(universe, stop=3)
    assert universe.trajectory.frame == 7


def test_frames_do_not_change_with_the_universe():
    universe = trembling(2)
    frames = Frames.from_universe(universe)
    universe.trajectory[1]
    before = frames.positions.copy()
    universe.atoms.positions += 1.0
    np.testing.assert_array_equal(frames.positions, before)


def test_transformations_are_applied_once():
    universe = trembling(3)
    expected = all_positions(universe) + 1.0
    universe.trajectory.add_transformations(transformations.translate([1.0, 1.0, 1.0]))
    frames = Frames.from_universe(universe)
    np.testing.assert_allclose(frames.positions, expected, atol=1e-5)


def test_a_tensor_is_taken_as_an_array():
    positions = torch.arange(6.0).reshape(2, 1, 3)
    frames = Frames(positions)
    assert isinstance(frames.positions, np.ndarray)
    np.testing.assert_array_equal(frames.positions, positions.numpy())


def test_the_source_is_named(universe):
    source = Frames.from_universe(universe).source
    assert source in ("memory", "trembling-0.xtc")


def test_a_chain_of_files_is_read(tmp_path):
    chained = from_files(trembling(N_FRAMES), tmp_path, 2)
    frames = Frames.from_universe(chained)
    assert frames.n_frames == 2 * N_FRAMES
    np.testing.assert_array_equal(
        frames.positions[:N_FRAMES], frames.positions[N_FRAMES:]
    )
    assert frames.source.startswith("trembling-0.xtc")


@pytest.mark.parametrize("wanted", [(5, 5), (100, 200), (3, 2)])
def test_no_frames_are_refused(universe, wanted):
    start, stop = wanted
    with pytest.raises(ValueError, match=f"no frames for start={start}, stop={stop}"):
        Frames.from_universe(universe, start, stop)


def test_no_atoms_are_refused(universe):
    with pytest.raises(ValueError, match="`atoms` is empty"):
        Frames.from_universe(universe.atoms[:0])


def test_no_trajectory_is_refused():
    with pytest.raises(ValueError, match="`atoms` has no trajectory; load one"):
        Frames.from_universe(mda.Universe.empty(3))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_named(value):
    positions = np.zeros((6, 22, 3), dtype=np.float32)
    positions[[3, 5], 2, 1] = value
    universe = peptide()
    universe.load_new(positions)
    with pytest.raises(ValueError, match=r"not numbers in 2 frames, first in frame 3"):
        Frames.from_universe(universe)
    assert Frames.from_universe(universe, stop=3).n_frames == 3


@st.composite
def splits(draw):
    n_folds = draw(st.integers(2, 7))
    n_blocks = draw(st.one_of(st.none(), st.integers(n_folds, 30)))
    n_frames = draw(st.integers(2 * (n_blocks or 4 * n_folds), 400))
    return n_frames, n_folds, n_blocks


def parts_of(split):
    return split.train, split.validation, split.test


def runs_of(index):
    """Lengths of the runs of neighbouring numbers."""
    return [len(run) for run in np.split(index, np.flatnonzero(np.diff(index) > 1) + 1)]


@settings(deadline=None, max_examples=100)
@given(splits())
def test_the_three_sets_are_a_partition(case):
    n_frames, n_folds, n_blocks = case
    for fold in range(n_folds):
        split = block_split(n_frames, n_folds, fold, n_blocks)
        together = np.concatenate(parts_of(split))
        np.testing.assert_array_equal(np.sort(together), np.arange(n_frames))
        for part in parts_of(split):
            assert len(part) > 0
            assert (np.diff(part) > 0).all()


@settings(deadline=None, max_examples=100)
@given(splits())
def test_every_frame_is_held_out_in_one_fold(case):
    n_frames, n_folds, n_blocks = case
    tests = [
        block_split(n_frames, n_folds, fold, n_blocks).test for fold in range(n_folds)
    ]
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), np.arange(n_frames))


@settings(deadline=None, max_examples=100)
@given(splits())
def test_what_is_held_out_comes_in_whole_blocks(case):
    n_frames, n_folds, n_blocks = case
    n_blocks = n_blocks or 4 * n_folds
    smallest = n_frames // n_blocks
    for fold in range(n_folds):
        split = block_split(n_frames, n_folds, fold, n_blocks)
        assert min(runs_of(split.test)) >= smallest
        assert len(runs_of(split.test)) <= -(-n_blocks // n_folds)
        assert min(runs_of(split.validation)) >= smallest // 2
        # Validation stands between training and test: nothing before a test block
        # is trained on, but at the start of the trajectory.
        starts = split.test[np.flatnonzero(np.diff(split.test, prepend=-2) > 1)]
        assert not np.isin(starts[starts > 0] - 1, split.train).any()


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 10_000), st.integers(2, 200))
def test_blocks_differ_by_one_frame_at_most(n_frames, n_blocks):
    assume(n_frames >= 2 * n_blocks)
    sizes = [
        len(block_split(n_frames, n_blocks, fold, n_blocks).test)
        for fold in range(0, n_blocks, max(1, n_blocks // 7))
    ]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"fold": 5}, "`fold` is 5 of 5"),
        ({"fold": -1}, "`fold` is -1 of 5"),
        ({"n_folds": 1}, "`fold` is 0 of 1"),
        ({"n_blocks": 4}, "`n_frames` is 100 for 4 blocks and 5 folds"),
        ({"n_blocks": 51}, "`n_frames` is 100 for 51 blocks"),
        ({"n_frames": 39}, "`n_frames` is 39 for 20 blocks"),
        ({"n_frames": 0}, "`n_frames` is 0 for 20 blocks"),
    ],
)
def test_a_split_that_cannot_be_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        block_split(**{"n_frames": 100, **arguments})
