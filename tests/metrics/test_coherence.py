import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.metrics.coherence import compare_steps, step_lengths
from openmm_cgvae.testing import dipeptide


@pytest.fixture(scope="module")
def model():
    return dipeptide.untrained()


def test_hand_computed():
    # The bead moves by 1 along x, its atoms apart by 2 along y in all.
    frames = np.array([[[0.0, 1, 0], [0, -1, 0]], [[1, 2, 0], [1, -2, 0]]])
    np.testing.assert_allclose(step_lengths(frames, Mapping([0, 0])), [[1, 1]])


# Three beads of two atoms each; the atoms stand off their bead along one axis.
THREE = Mapping([0, 0, 1, 1, 2, 2])
CENTRES = np.array([[0.0, 0, 0], [4, 0, 0], [4, 3, 0]])
OFFSETS = np.array([[0.0, 0, 1], [0, 0, -1], [1, 0, 0], [-1, 0, 0], [0, 1, 0]])
SHAPE = CENTRES.repeat(2, axis=0) + np.concatenate([OFFSETS, [[0.0, -1, 0]]])
QUARTER = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])


def test_a_turn_of_the_whole_by_hand():
    # By a quarter about z and far away; then the first two atoms part by 0.5 each.
    later = SHAPE @ QUARTER.T + [7.0, -2.0, 5.0]
    np.testing.assert_allclose(step_lengths([SHAPE, later], THREE), 0, atol=1e-8)
    later[0, 2] += 0.5
    later[1, 2] -= 0.5
    found = step_lengths([SHAPE, later], THREE)
    np.testing.assert_allclose(found, [[0.5, 0.5, 0, 0, 0, 0]], atol=1e-8)


def test_what_beads_do_to_each_other_does_not_count():
    # The triangle of beads grows by a tenth: no rotation, atoms keep their offsets.
    later = SHAPE + 0.1 * CENTRES.repeat(2, axis=0)
    np.testing.assert_allclose(step_lengths([SHAPE, later], THREE), 0, atol=1e-8)


def test_a_turn_of_one_bead_alone_counts():
    # By a quarter about x: the offsets of bead 0 go from z to y, sqrt(2) away.
    later = SHAPE.copy()
    later[:2] = [[0.0, 1, 0], [0, -1, 0]]
    found = step_lengths([SHAPE, later], THREE)
    np.testing.assert_allclose(found[0], [2**0.5, 2**0.5, 0, 0, 0, 0], atol=1e-8)


@pytest.mark.parametrize("n_beads", [1, 2])
def test_beads_on_a_line_are_not_turned_about_it(n_beads):
    # Atoms that turn about the line of the beads move; nothing tells of a rotation.
    centres = np.array([[0.0, 0, 0], [0, 0, 5]])[:n_beads].repeat(2, axis=0)
    offsets = np.tile([[1.0, 0, 0], [-1, 0, 0]], (n_beads, 1))
    mapping = Mapping(np.repeat(np.arange(n_beads), 2))
    frames = [centres + offsets, centres + offsets @ QUARTER.T]
    found = step_lengths(frames, mapping)
    np.testing.assert_allclose(found, 2**0.5, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_invariance_under_an_isometry_of_every_frame(seed):
    generator = np.random.default_rng(seed)
    frames = SHAPE + generator.normal(scale=0.3, size=(5, 6, 3))
    turns = Rotation.from_quat(generator.normal(size=(5, 4)))
    moved = np.stack([turn.apply(x) for turn, x in zip(turns, frames, strict=True)])
    moved += generator.normal(scale=20, size=(5, 1, 3))
    np.testing.assert_allclose(
        step_lengths(moved, THREE), step_lengths(frames, THREE), atol=1e-8
    )


def test_some_atoms_only(model):
    frames = dipeptide.positions()
    heavy = model.atom_table.is_heavy
    steps = compare_steps(frames, frames, model.mapping, heavy).generated
    np.testing.assert_array_equal(
        steps, step_lengths(frames, model.mapping)[:, heavy].ravel()
    )


def test_a_trajectory_against_itself(model):
    coherence = compare_steps(
        dipeptide.positions(), dipeptide.positions(), model.mapping
    )
    assert (coherence.ratio, coherence.distance) == (1, 0)
    assert "ratio of root mean squares 1.00" in str(coherence)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [((1, 2, 3), "has 1 frames but must"), ((4, 3, 3), r"must be \(n_frames, 2, 3\)")],
)
def test_refuses(shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        step_lengths(np.zeros(shape), Mapping([0, 0]))
