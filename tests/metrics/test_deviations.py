"""RMSDs and scores against numbers worked out by hand, and the laws they keep."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.metrics import (
    calibration,
    energy_score,
    pairwise_rmsd,
    resolve_rotors,
    rmsd,
    rmsd_gen,
    rmsd_per_structure,
)

SEEDS = st.integers(0, 2**32 - 1)


def line(*values):
    """Samples of one frame and one atom on the x axis."""
    samples = np.zeros((1, len(values), 1, 3))
    samples[0, :, 0, 0] = values
    return samples


ORIGIN = np.zeros((1, 1, 3))


def test_rmsd_is_one_mean_over_frames_and_atoms():
    reference = np.zeros((2, 2, 3))
    positions = reference.copy()
    positions[0, 0] = [1.0, 2.0, 2.0]  # 9
    positions[1, 1] = [0.0, 4.0, 3.0]  # 25
    assert rmsd(positions, reference) == pytest.approx(np.sqrt((9 + 25) / 4))
    assert rmsd_per_structure(positions, reference) == pytest.approx(
        [np.sqrt(9 / 2), np.sqrt(25 / 2)]
    )


def test_rmsd_does_not_superpose():
    positions = np.random.default_rng(0).normal(size=(3, 5, 3))
    assert rmsd(positions + [0.0, 3.0, 4.0], positions) == pytest.approx(5.0)


def test_rmsd_counts_only_masked_atoms():
    positions = np.array([[[3.0, 0.0, 0.0], [100.0, 0.0, 0.0]]])
    mask = np.array([True, False])
    assert rmsd(positions, np.zeros((2, 3)), mask) == 3.0
    assert rmsd_per_structure(positions, np.zeros((2, 3)), mask) == [3.0]


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_rmsd_is_the_root_mean_square_of_structures(seed):
    rng = np.random.default_rng(seed)
    positions, reference = rng.normal(size=(2, 4, 6, 3))
    per_structure = rmsd_per_structure(positions, reference)
    assert rmsd(positions, reference) == pytest.approx(
        np.sqrt((per_structure**2).mean())
    )


@pytest.mark.parametrize(
    ("positions", "reference", "mask", "message"),
    [
        ((2, 4), (4, 3), None, r"`positions` has shape \(2, 4\)"),
        ((2, 4, 3), (5, 3), None, "`reference` has 5 atoms"),
        ((2, 4, 3), (3, 4, 3), None, "does not go with"),
        ((2, 4, 3), (4, 3), np.ones(3, bool), "`mask` has shape"),
        ((2, 4, 3), (4, 3), np.ones(4, int), "`mask` has shape .* dtype int"),
        ((2, 4, 3), (4, 3), np.zeros(4, bool), "keeps no atom"),
    ],
)
def test_rmsd_says_what_does_not_fit(positions, reference, mask, message):
    with pytest.raises(ValueError, match=message):
        rmsd(np.zeros(positions), np.zeros(reference), mask)


def test_rmsd_gen_has_the_formula_of_the_paper_and_that_of_its_code():
    samples = line(3.0, 4.0, 100.0)
    is_valid = np.array([[True, True, False]])
    assert rmsd_gen(samples, ORIGIN, is_valid) == pytest.approx(np.sqrt(12.5))
    assert rmsd_gen(samples, ORIGIN, is_valid, average="mean") == 3.5


def test_rmsd_gen_without_a_valid_sample_is_nan():
    assert np.isnan(rmsd_gen(line(1.0), ORIGIN, np.array([[False]])))


def test_rmsd_gen_says_what_does_not_fit():
    with pytest.raises(ValueError, match=r"`is_valid` has shape \(2,\)"):
        rmsd_gen(line(1.0, 2.0), ORIGIN, np.array([True, True]))
    with pytest.raises(ValueError, match=r"`samples` has shape \(2, 1, 3\)"):
        rmsd_gen(line(1.0, 2.0)[0], ORIGIN, np.array([[True, True]]))


def test_pairwise_rmsd_runs_over_distinct_pairs_in_order():
    assert pairwise_rmsd(line(0.0, 1.0, 3.0, 7.0)).tolist() == [[1, 3, 7, 2, 6, 4]]


def test_pairwise_rmsd_masks_atoms():
    samples = np.zeros((1, 2, 2, 3))
    samples[0, 1] = [[0, 0, 2], [9, 9, 9]]
    assert pairwise_rmsd(samples, np.array([True, False])).tolist() == [[2.0]]


def test_pairs_need_two_samples():
    with pytest.raises(ValueError, match="draw two samples or more"):
        pairwise_rmsd(line(1.0))


def test_energy_score_by_hand():
    # errors 1, 2, 4: mean 7/3; pairs 1, 3, 2: mean 2
    assert energy_score(line(1.0, 2.0, 4.0), ORIGIN) == pytest.approx(7 / 3 - 1)
    assert calibration(line(1.0, 2.0, 4.0), ORIGIN) == pytest.approx(2 / (7 / 3))


def test_collapsed_samples_have_no_spread():
    assert calibration(line(2.0, 2.0), ORIGIN) == 0.0
    assert energy_score(line(2.0, 2.0), ORIGIN) == 2.0


def test_calibration_at_its_limits():
    assert np.isnan(calibration(line(0.0, 0.0), ORIGIN))


def test_calibrated_samples_score_best():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(2000, 4, 3))
    noise = rng.normal(size=(2000, 4, 4, 3))
    scores = {width: energy_score(width * noise, truth) for width in (0.3, 1.0, 2.0)}
    assert min(scores, key=scores.get) == 1.0
    assert calibration(noise, truth) == pytest.approx(1.0, abs=0.02)
    assert calibration(0.3 * noise, truth) < 0.6
    assert calibration(2.0 * noise, truth) > 1.1


ROTOR = np.array([[0, 1, 2, 3, 4, 5]])  # reference, neighbour, centre, H, H, H


def methyl():
    rng = np.random.default_rng(1)
    return rng.normal(size=(6, 3))


@pytest.mark.parametrize("order", [(3, 4, 5), (4, 5, 3), (5, 3, 4)])
def test_turned_labels_are_resolved_by_either_choice(order):
    reference = methyl()
    turned = reference[[0, 1, 2, *order]]
    for permutations in ("cyclic", "all"):
        resolved = resolve_rotors(turned, reference, ROTOR, permutations=permutations)
        assert rmsd(resolved, reference) == 0.0


def test_mirrored_labels_are_resolved_by_all_six_only():
    reference = methyl()
    swapped = reference[[0, 1, 2, 4, 3, 5]]
    assert rmsd(resolve_rotors(swapped, reference, ROTOR), reference) == 0.0
    cyclic = resolve_rotors(swapped, reference, ROTOR, permutations="cyclic")
    by_hand = min(
        rmsd(swapped[[0, 1, 2, *order]], reference)
        for order in [(3, 4, 5), (4, 5, 3), (5, 3, 4)]
    )
    assert rmsd(cyclic, reference) == pytest.approx(by_hand)
    assert by_hand > 0.1


def test_each_rotor_of_each_structure_is_resolved_on_its_own():
    reference = np.random.default_rng(2).normal(size=(7, 3))
    rotors = np.array([[0, 1, 2, 3], [0, 4, 5, 6]])
    samples = np.stack(
        [reference[[0, 2, 3, 1, 4, 5, 6]], reference[[0, 1, 2, 3, 5, 4, 6]]]
    )
    resolved = resolve_rotors(samples, reference, rotors)
    assert np.array_equal(resolved, np.stack([reference, reference]))


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_resolving_never_makes_worse_and_moves_no_other_atom(seed):
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(3, 2, 6, 3))
    reference = rng.normal(size=(3, 1, 6, 3))
    before = positions.copy()
    resolved = resolve_rotors(positions, reference, ROTOR)
    assert np.array_equal(positions, before)
    assert np.array_equal(resolved[..., :3, :], positions[..., :3, :])
    assert np.allclose(resolved.sum(axis=-2), positions.sum(axis=-2))
    assert np.all(
        rmsd_per_structure(resolved, reference)
        <= rmsd_per_structure(positions, reference) + 1e-12
    )


def test_no_rotors_is_a_copy():
    positions = methyl()
    resolved = resolve_rotors(positions, positions + 1, np.empty((0, 6), int))
    assert np.array_equal(resolved, positions)
    assert resolved is not positions
