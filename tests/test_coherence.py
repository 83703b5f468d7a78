import dipeptide
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from openmm_cgvae.backmapper import Backmapper
from openmm_cgvae.coherence import compare_steps, correlation_time, step_lengths
from openmm_cgvae.mapping import Mapping


@pytest.fixture(scope="module")
def model():
    return dipeptide.untrained()


def test_hand_computed():
    # The bead moves by 1 along x, its atoms apart by 2 along y in all.
    frames = np.array([[[0.0, 1, 0], [0, -1, 0]], [[1, 2, 0], [1, -2, 0]]])
    np.testing.assert_allclose(step_lengths(frames, Mapping([0, 0])), [[1, 1]])


def test_motion_of_beads_does_not_count():
    generator = np.random.default_rng(1)
    mapping = Mapping([0, 0, 1, 1, 1])
    walk = generator.normal(size=(20, 2, 3)).cumsum(0)
    still = generator.normal(size=(5, 3))
    still -= mapping.lift(mapping.project(still))
    steps = step_lengths(mapping.lift(walk) + still, mapping)
    np.testing.assert_allclose(steps, 0, atol=1e-12)


def test_rotating_the_whole_trajectory_changes_nothing(model):
    frames = dipeptide.positions()
    turned = Rotation.random(random_state=2).apply(frames.reshape(-1, 3))
    np.testing.assert_allclose(
        step_lengths(turned.reshape(frames.shape), model.mapping),
        step_lengths(frames, model.mapping),
        atol=1e-4,
    )


def test_a_trajectory_against_itself(model):
    coherence = compare_steps(
        dipeptide.positions(), dipeptide.positions(), model.mapping
    )
    assert (coherence.ratio, coherence.distance) == (1, 0)
    assert "ratio of root mean squares 1.00" in str(coherence)


@pytest.mark.parametrize("frames", [2.0, 5.0, 20.0])
def test_the_time_of_an_autoregressive_process_is_found(frames):
    generator = np.random.default_rng(0)
    phi = np.exp(-1 / frames)
    noise = generator.normal(size=(20_000, 4))
    arm = np.zeros((20_000, 4))
    for t in range(1, len(arm)):
        arm[t] = phi * arm[t - 1] + np.sqrt(1 - phi**2) * noise[t]
    # Four beads of two atoms each, on a spring along x.
    positions = np.zeros((20_000, 8, 3))
    positions[:, 0::2, 0], positions[:, 1::2, 0] = 10 + arm, -10 - arm
    found = correlation_time(positions, Mapping(np.repeat(np.arange(4), 2)))
    assert found == pytest.approx(frames, rel=0.1)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [((1, 2, 3), "has 1 frames but must"), ((4, 3, 3), r"must be \(n_frames, 2, 3\)")],
)
def test_refuses(shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        step_lengths(np.zeros(shape), Mapping([0, 0]))


class TestCorrelatedSamples:
    """Over frames whose beads do not move, so that all motion is the latents'."""

    @pytest.fixture
    def backmapper(self, model):
        beads = dipeptide.beads()
        beads.load_new(np.repeat(beads.atoms.positions[None], 300, axis=0))
        return Backmapper(beads, model)

    def made(self, backmapper, tmp_path, time):
        path = backmapper.run(
            output=tmp_path / f"{time}.trr",
            correlation_time=time,
            seed=1,
            progress=False,
        )
        universe = dipeptide.atoms()
        universe.load_new(str(path))
        return np.stack([ts.positions.copy() for ts in universe.trajectory])

    def test_move_less_and_are_spread_the_same(self, backmapper, tmp_path, model):
        jumping = self.made(backmapper, tmp_path, None)
        steady = self.made(backmapper, tmp_path, 5.0)
        heavy = model.atom_table.is_heavy
        coherence = compare_steps(steady, jumping, model.mapping)
        # 1 - exp(-1/5) of the variance of a step is left, in a linear decoder.
        assert coherence.ratio < 0.6
        # Hydrogens of methyls trade labels in one of the two only.
        spread = [frames[:, heavy].std(0).mean() for frames in (steady, jumping)]
        assert spread[0] == pytest.approx(spread[1], rel=0.25)

    def test_any_frame_is_drawn_alone(self, backmapper, tmp_path):
        steady = self.made(backmapper, tmp_path, 5.0)
        backmapper.beads.universe.trajectory[123]
        alone = backmapper.sample(seed=1, correlation_time=5.0)
        np.testing.assert_allclose(alone.positions_angstrom[0], steady[123], atol=1e-4)

    @pytest.mark.parametrize("time", [0.0, -1.0])
    def test_refuses_times_that_are_none(self, backmapper, time):
        with pytest.raises(ValueError, match="`correlation_time` is .* must be posit"):
            backmapper.sample(correlation_time=time)
