import numpy as np
import pytest

from openmm_cgvae.backmapping.backmapper import Backmapper
from openmm_cgvae.backmapping.correlation_time import estimate_correlation_time
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.metrics.coherence import compare_steps
from openmm_cgvae.testing import dipeptide


@pytest.fixture(scope="module")
def model():
    return dipeptide.untrained()


class TestSamplesWithACorrelationTime:
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

    def test_move_less_and_vary_as_much(self, backmapper, tmp_path, model):
        jumping = self.made(backmapper, tmp_path, None)
        steady = self.made(backmapper, tmp_path, 5.0)
        heavy = model.atom_table.is_heavy
        coherence = compare_steps(steady, jumping, model.mapping)
        # 1 - exp(-1/5) of the variance of a step is left, in a linear decoder.
        assert coherence.ratio < 0.6
        # Hydrogens of methyls trade labels in one of the two only.
        varied = [frames[:, heavy].std(0).mean() for frames in (steady, jumping)]
        assert varied[0] == pytest.approx(varied[1], rel=0.25)

    def test_any_frame_is_drawn_alone(self, backmapper, tmp_path):
        steady = self.made(backmapper, tmp_path, 5.0)
        backmapper.beads.universe.trajectory[123]
        alone = backmapper.sample(seed=1, correlation_time=5.0)
        np.testing.assert_allclose(alone.positions_angstrom[0], steady[123], atol=1e-4)

    @pytest.mark.parametrize("time", [0.0, -1.0, np.inf])
    def test_refuses_times_that_are_none(self, backmapper, time):
        with pytest.raises(ValueError, match="`correlation_time` is .* must be posit"):
            backmapper.sample(correlation_time=time)


class TestEstimateOfTheCorrelationTime:
    """Of trajectories that are samples of this very model."""

    @pytest.fixture
    def beads(self, model):
        walk = np.random.default_rng(0).normal(scale=0.01, size=(1500, 1, 3)).cumsum(0)
        return model.mapping.project(dipeptide.positions()[:1]) + walk

    @pytest.mark.parametrize("frames", [2.0, 6.0])
    def test_finds_the_time_samples_were_made_with(self, model, beads, frames):
        made = Sampler(model).sample_many(
            beads[:, None], np.arange(1500), 1, 5, frames
        )[:, 0, 0]
        found = estimate_correlation_time(model, made, time_step=0.5)
        assert found == pytest.approx(0.5 * frames, rel=0.25)

    def test_independent_samples_need_none(self, model, beads):
        made = Sampler(model).sample(beads, np.arange(1500), 1, 5)[:, 0]
        assert estimate_correlation_time(model, made) < 0.5

    def test_no_time_is_long_enough_for_what_stands_still(self, model):
        still = np.repeat(dipeptide.positions()[:1], 50, axis=0)
        assert estimate_correlation_time(model, still) == np.inf

    @pytest.mark.parametrize("step", [0.0, np.inf])
    def test_refuses_steps_that_are_none(self, model, step):
        with pytest.raises(ValueError, match=f"`time_step` is {step} but must"):
            estimate_correlation_time(model, dipeptide.positions(), time_step=step)
