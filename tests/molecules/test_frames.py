"""Frames are read as asked for, split by blocks of time, and labelled alike."""

import MDAnalysis as mda
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from MDAnalysis import transformations
from small import BEADS, peptide, trembling

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.metrics import dihedral_angles, signed_volumes
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.frames import (
    Frames,
    block_split,
    canonical_labels,
    interchangeable_rotors,
)

N_FRAMES = 12
ROTORS = AtomTable.from_universe(peptide()).rotors


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
    assert frames.positions.dtype == torch.float32
    np.testing.assert_array_equal(frames.positions.numpy(), expected)
    assert (frames.n_frames, frames.n_atoms) == expected.shape[:2]


def test_atoms_come_in_the_order_of_the_group(universe):
    group = universe.atoms[[5, 1, 9]]
    frames = Frames.from_universe(group)
    np.testing.assert_array_equal(
        frames.positions.numpy(), all_positions(universe)[:, [5, 1, 9]]
    )


def test_the_universe_stays_where_it_was(universe):
    universe.trajectory[7]
    Frames.from_universe(universe, stop=3)
    assert universe.trajectory.frame == 7


def test_frames_do_not_change_with_the_universe():
    universe = trembling(2)
    frames = Frames.from_universe(universe)
    universe.trajectory[1]
    before = frames.positions.clone()
    universe.atoms.positions += 1.0
    assert torch.equal(frames.positions, before)


def test_transformations_are_applied_once():
    universe = trembling(3)
    expected = all_positions(universe) + 1.0
    universe.trajectory.add_transformations(transformations.translate([1.0, 1.0, 1.0]))
    frames = Frames.from_universe(universe)
    np.testing.assert_allclose(frames.positions, expected, atol=1e-5)


def test_the_source_is_named(universe):
    source = Frames.from_universe(universe).source
    assert source in ("memory", "trembling-0.xtc")


def test_a_chain_of_files_is_read(tmp_path):
    chained = from_files(trembling(N_FRAMES), tmp_path, 2)
    frames = Frames.from_universe(chained)
    assert frames.n_frames == 2 * N_FRAMES
    assert torch.equal(frames.positions[:N_FRAMES], frames.positions[N_FRAMES:])
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


@pytest.fixture(scope="module")
def shuffled():
    """Noisy frames whose methyls were turned by any number of places."""
    positions = Frames.from_universe(trembling(50)).positions.numpy().copy()
    generator = np.random.default_rng(1)
    for frame in positions:
        for rotor in ROTORS:
            frame[rotor[3:]] = frame[np.roll(rotor[3:], generator.integers(3))]
    return torch.from_numpy(positions)


def torsions_of(positions, rotor, hydrogen):
    corners = np.array([[*rotor[:3], rotor[3 + hydrogen]]])
    return dihedral_angles(np.asarray(positions, dtype=float), corners)[:, 0]


def test_the_first_hydrogen_is_the_one_most_nearly_trans(shuffled):
    turned, _ = canonical_labels(shuffled, ROTORS)
    for rotor in ROTORS:
        first = np.abs(torsions_of(turned, rotor, 0))
        assert (first > 100).all()
        # By angle and by length of the spoke: noise makes the two differ a little.
        for other in (1, 2):
            assert (first > np.abs(torsions_of(turned, rotor, other)) - 15).all()


def test_labels_are_turned_and_never_mirrored(shuffled):
    turned, order = canonical_labels(shuffled, ROTORS)
    for rotor in ROTORS:
        hydrogens = rotor[3:]
        allowed = {tuple(np.roll(hydrogens, places)) for places in range(3)}
        assert {tuple(row) for row in order[:, hydrogens]} <= allowed
        spokes = np.array([[rotor[2], *hydrogens]])
        np.testing.assert_array_equal(
            np.sign(signed_volumes(turned.numpy().astype(float), spokes)),
            np.sign(signed_volumes(shuffled.numpy().astype(float), spokes)),
        )


def test_the_order_says_where_positions_came_from(shuffled):
    turned, order = canonical_labels(shuffled, ROTORS)
    rows = np.arange(len(order))[:, None]
    np.testing.assert_array_equal(turned.numpy(), shuffled.numpy()[rows, order])
    back = np.empty_like(turned.numpy())
    back[rows, order] = turned.numpy()
    np.testing.assert_array_equal(back, shuffled.numpy())


def test_only_hydrogens_of_rotors_move(shuffled):
    turned, order = canonical_labels(shuffled, ROTORS)
    others = np.setdiff1d(np.arange(22), ROTORS[:, 3:])
    assert torch.equal(turned[:, others], shuffled[:, others])
    assert (order[:, others] == others).all()


def test_turning_twice_is_turning_once(shuffled):
    once, _ = canonical_labels(shuffled, ROTORS)
    twice, order = canonical_labels(once, ROTORS)
    assert torch.equal(once, twice)
    assert (order == np.arange(22)).all()


def test_copies_that_differ_by_labels_become_one(shuffled):
    once, _ = canonical_labels(shuffled, ROTORS)
    original, _ = canonical_labels(
        Frames.from_universe(trembling(50)).positions, ROTORS
    )
    assert torch.equal(once, original)


def test_canonical_labels_keep_type_and_input(shuffled):
    before = shuffled.clone()
    turned, _ = canonical_labels(shuffled.double(), ROTORS)
    assert turned.dtype == torch.float64
    canonical_labels(shuffled, ROTORS)
    assert torch.equal(shuffled, before)


def test_no_rotors_and_no_frames_are_fine(shuffled):
    turned, order = canonical_labels(shuffled, ROTORS[:0])
    assert torch.equal(turned, shuffled)
    turned, order = canonical_labels(shuffled[:0], ROTORS)
    assert turned.shape == (0, 22, 3)
    assert order.shape == (0, 22)


def test_hydrogens_trade_labels_where_the_beads_cannot_tell():
    table = AtomTable.from_universe(peptide())
    weights = np.ones(22)
    assert len(interchangeable_rotors(table, Mapping(BEADS))) == 3
    weights[11] = 2.0
    kept = interchangeable_rotors(table, Mapping(BEADS, weights))
    assert kept[:, 2].tolist() == [1, 18]
    split = [0, 0, 1, 0, 0, 0] + [1] * 16
    kept = interchangeable_rotors(table, Mapping(split))
    assert kept[:, 2].tolist() == [10, 18]
    no_hydrogens = table.is_heavy.astype(float)
    assert len(interchangeable_rotors(table, Mapping(BEADS, no_hydrogens))) == 3


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 3), min_size=22, max_size=22),
    st.lists(st.sampled_from([0.0, 1.0, 16.0]), min_size=22, max_size=22),
)
def test_canonical_labels_keep_the_beads_of_any_mapping(shuffled, beads, weights):
    bead_of_atom = np.unique(beads, return_inverse=True)[1]
    totals = np.bincount(bead_of_atom, weights)
    mapping = Mapping(bead_of_atom, np.asarray(weights) + (totals[bead_of_atom] == 0))
    table = AtomTable.from_universe(peptide())
    given = shuffled.double()
    turned, _ = canonical_labels(given, interchangeable_rotors(table, mapping))
    np.testing.assert_allclose(
        mapping.project(turned.numpy()), mapping.project(given.numpy()), atol=1e-9
    )
