"""Lengths, angles, torsions, handedness; histograms and folds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.metrics import (
    angle_triples,
    bond_angle_error,
    bond_angles,
    bond_length_error,
    bond_lengths,
    dihedral_angles,
    jensen_shannon_divergence,
    mean_and_standard_error,
    out_of_plane,
    signed_volumes,
)

SEEDS = st.integers(0, 2**32 - 1)
QUADRUPLE = np.array([[0, 1, 2, 3]])


def chain(torsion):
    """Four atoms with the given torsion: looking along 1-2, clockwise is positive."""
    angle = np.radians(torsion)
    return np.array(
        [[1, 0, 0], [0, 0, 0], [0, 0, 1], [np.cos(angle), np.sin(angle), 1]],
        dtype=float,
    )


def test_lengths_and_their_error():
    positions = np.array([[[0, 0, 0], [1, 0, 0], [1, 2, 0]]], dtype=float)
    bonds = np.array([[0, 1], [1, 2]])
    assert bond_lengths(positions, bonds).tolist() == [[1.0, 2.0]]
    error = bond_length_error(positions, bonds, np.array([1.3, 1.6]))
    assert error == pytest.approx([np.sqrt((0.09 + 0.16) / 2)])


def test_angles_and_their_error():
    positions = np.array([[2, 0, 0], [0, 0, 0], [0, 3, 0], [-1, 0, 0]], dtype=float)
    triples = angle_triples(np.array([[1, 0], [1, 2], [3, 1]]))
    assert triples.tolist() == [[0, 1, 2], [0, 1, 3], [2, 1, 3]]
    angles = bond_angles(positions, triples)
    assert angles == pytest.approx([90.0, 180.0, 90.0])
    assert bond_angle_error(positions, triples, angles + [3, 0, -3]) == pytest.approx(
        np.sqrt(6)
    )


def test_nothing_to_measure_is_nan():
    positions = np.zeros((2, 3, 3))
    none = np.empty((0, 2), dtype=int)
    assert np.isnan(bond_length_error(positions, none, np.empty(0))).all()
    assert angle_triples(none).shape == (0, 3)


@pytest.mark.parametrize("torsion", [-150.0, -90.0, -60.0, 0.0, 45.0, 120.0, 179.0])
def test_torsion_is_the_one_built_in(torsion):
    assert dihedral_angles(chain(torsion), QUADRUPLE) == pytest.approx([torsion])


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_torsions_and_volumes_change_sign_under_reflection_alone(seed):
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(4, 3))
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation *= np.linalg.det(rotation)
    turned = positions @ rotation.T + rng.normal(size=3)
    for measure in (dihedral_angles, signed_volumes):
        value = measure(positions, QUADRUPLE)
        assert measure(turned, QUADRUPLE) == pytest.approx(value, abs=1e-6)
        assert measure(-positions, QUADRUPLE) == pytest.approx(-value, abs=1e-6)


def test_torsions_agree_with_mdanalysis():
    from MDAnalysis.lib.distances import calc_dihedrals

    atoms = np.random.default_rng(0).normal(size=(4, 20, 3)).astype(np.float32)
    theirs = np.degrees(calc_dihedrals(*atoms))
    ours = dihedral_angles(atoms.transpose(1, 0, 2), QUADRUPLE)[:, 0]
    assert ours == pytest.approx(theirs, abs=1e-3)


def test_volume_by_hand():
    corner = np.array([[1, 1, 1], [2, 1, 1], [1, 3, 1], [1, 1, 4]], dtype=float)
    assert signed_volumes(corner, QUADRUPLE) == pytest.approx([6.0])
    assert signed_volumes(corner, QUADRUPLE[:, [0, 2, 1, 3]]) == pytest.approx([-6.0])


def test_ring_out_of_plane_by_hand():
    angles = np.radians(60 * np.arange(6))
    ring = np.stack([np.cos(angles), np.sin(angles), np.zeros(6)], axis=1)
    chair = ring + [[0, 0, 0.1 * (-1) ** i] for i in range(6)]
    bad = np.full_like(ring, np.nan)
    values = out_of_plane(np.stack([ring, chair, bad]), range(6))
    assert values[:2] == pytest.approx([0.0, 0.1])
    assert np.isnan(values[2])


def test_divergence_by_hand():
    # p = (1, 0), q = (1/2, 1/2), m = (3/4, 1/4)
    expected = 0.5 * np.log2(4 / 3) + 0.5 * (
        0.5 * np.log2(0.5 / 0.75) + 0.5 * np.log2(0.5 / 0.25)
    )
    p, q = np.array([10.0, 20.0]), np.array([10.0, -20.0])
    assert jensen_shannon_divergence(p, q, n_bins=2) == pytest.approx(expected)


def test_divergence_in_two_dimensions_sees_what_margins_do_not():
    p = np.array([[90.0, 90.0], [-90.0, -90.0]])
    q = np.array([[90.0, -90.0], [-90.0, 90.0]])
    assert jensen_shannon_divergence(p, q) == 1.0
    assert jensen_shannon_divergence(p[:, 0], q[:, 0]) == 0.0


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.integers(-3, 3))
def test_divergence_is_symmetric_bounded_and_periodic(seed, turns):
    rng = np.random.default_rng(seed)
    p, q = np.round(rng.uniform(-180, 180, size=(2, 50, 2))) + 0.5
    value = jensen_shannon_divergence(p, q)
    assert 0.0 <= value <= 1.0
    assert jensen_shannon_divergence(q, p) == pytest.approx(value)
    assert jensen_shannon_divergence(p + 360.0 * turns, q) == pytest.approx(value)
    assert jensen_shannon_divergence(p, p) == 0.0


@pytest.mark.parametrize(
    ("angles", "n_bins", "message"),
    [
        (np.empty(0), 36, r"`angles` has shape \(0,\)"),
        (np.array([np.nan]), 36, "not finite"),
        (np.zeros((3, 2)), 36, "`angles` has 2 and `reference` 1"),
        (np.zeros(3), 0, "`n_bins` is 0"),
    ],
)
def test_divergence_says_what_does_not_fit(angles, n_bins, message):
    with pytest.raises(ValueError, match=message):
        jensen_shannon_divergence(angles, np.zeros(3), n_bins)


def test_folds_by_hand():
    mean, error = mean_and_standard_error([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])
    assert mean == 5.0
    assert error == pytest.approx(np.sqrt(32 / 7 / 8))


def test_folds_of_tables():
    mean, error = mean_and_standard_error(np.array([[1.0, 5.0], [3.0, 5.0]]))
    assert mean.tolist() == [2.0, 5.0]
    assert error == pytest.approx([1.0, 0.0])


def test_one_fold_has_no_error_and_none_no_mean():
    mean, error = mean_and_standard_error([3.0])
    assert mean == 3.0
    assert np.isnan(error)
    with pytest.raises(ValueError, match="holds no fold"):
        mean_and_standard_error(np.empty(0))


def test_bad_positions_are_named():
    with pytest.raises(ValueError, match=r"`positions` has shape \(3,\)"):
        bond_lengths(np.zeros(3), np.array([[0, 1]]))
    with pytest.raises(ValueError, match=r"`stereocentres` has shape \(1, 3\)"):
        signed_volumes(np.zeros((4, 3)), np.array([[0, 1, 2]]))
