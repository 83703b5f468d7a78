import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from openmm_cgvae.model.noise import (
    correlated_noise,
    correlation_weights,
    molecule_seeds,
    normal_noise,
)

CORRELATION = 4.0  # frames
N_FRAMES = 20_000
LEAST_P = 1e-4


@pytest.fixture(scope="module")
def series():
    """Twenty thousand frames of eight noises."""
    frames = np.arange(N_FRAMES)
    return correlated_noise(5, frames, 0 * frames, (8,), CORRELATION).astype(float)


def test_marginals_are_standard_normal(series):
    # Frames far apart are independent, so that a test of independent numbers is right.
    apart = series[:: int(8 * CORRELATION)].ravel()
    assert stats.kstest(apart, "norm").pvalue > LEAST_P


def test_the_variance_is_one_whenever(series):
    expected = 1 / np.sqrt(N_FRAMES / (2 * CORRELATION) * 8)
    assert abs(series.var() - 1) < 5 * np.sqrt(2) * expected
    assert correlation_weights(CORRELATION) @ correlation_weights(
        CORRELATION
    ) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("lag", [1, 2, 4, 8, 20])
def test_correlations_fall_as_those_of_an_autoregressive_process(series, lag):
    found = (series[lag:] * series[:-lag]).mean()
    assert found == pytest.approx(np.exp(-lag / CORRELATION), abs=0.03)


def test_components_and_samples_are_independent(series):
    between = np.corrcoef(series.T)[np.triu_indices(8, 1)]
    assert np.abs(between).max() < 0.06
    frames = np.arange(N_FRAMES)
    other = correlated_noise(5, frames, 0 * frames + 1, (8,), CORRELATION)
    assert abs((series * other).mean()) < 0.02


@given(
    first=st.integers(0, 10**9),
    correlation=st.floats(0.1, 30),
    seed=st.integers(0, 2**63 - 1),
)
@settings(deadline=None, max_examples=25)
def test_any_frame_alone_is_the_same(first, correlation, seed):
    frames = first + np.arange(0, 20, 3)
    together = correlated_noise(seed, frames, 0 * frames, (3,), correlation)
    alone = correlated_noise(seed, frames[4:5], frames[:1] * 0, (3,), correlation)
    np.testing.assert_array_equal(together[4], alone[0])


def test_with_hardly_any_correlation_it_is_the_noise_of_independent_frames():
    frames = np.arange(5)
    found = correlated_noise(1, frames, 0 * frames, (4,), 1e-3)
    np.testing.assert_allclose(found, normal_noise(1, frames, 0 * frames, (4,)))


@pytest.mark.parametrize("correlation", [0.0, -1.0, np.nan, np.inf])
def test_refuses_times_that_are_none(correlation):
    with pytest.raises(ValueError, match="`correlation` is .* must be a positive"):
        correlated_noise(0, np.arange(2), np.zeros(2, dtype=int), (1,), correlation)


def test_no_frames_give_no_noise():
    none = np.empty(0, dtype=int)
    assert correlated_noise(0, none, none, (3, 2), 1.0).shape == (0, 3, 2)


class TestMoleculeSeeds:
    def test_the_first_keeps_its_own(self):
        assert molecule_seeds(9, 1).tolist() == [9]

    def test_all_differ_between_molecules_and_seeds(self):
        seeds = np.concatenate([molecule_seeds(seed, 5_000) for seed in range(10)])
        assert len(np.unique(seeds)) == len(seeds)

    def test_more_molecules_begin_with_the_same(self):
        assert (molecule_seeds(3, 100)[:7] == molecule_seeds(3, 7)).all()

    def test_molecules_are_independent(self):
        seeds = molecule_seeds(1, 2)
        frames = np.arange(20_000)
        first, second = (normal_noise(s, frames, 0 * frames, (1,)) for s in (*seeds,))
        assert abs((first * second).mean()) < 0.04
