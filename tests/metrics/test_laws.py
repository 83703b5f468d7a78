"""Laws that every metric keeps: where molecules are and how atoms are numbered.

Metrics that do not superpose move with both structures alike; those of one structure
do not move at all. Everything holds down to a single atom.
"""

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from openmm_cgvae.metrics import (
    angle_triples,
    bond_angles,
    bond_graph,
    bond_lengths,
    calibration,
    close_pairs,
    compare_bond_graphs,
    count_clashes,
    count_pierced_rings,
    covalent_radii,
    dihedral_angles,
    energy_score,
    jensen_shannon_divergence,
    mean_and_standard_error,
    out_of_plane,
    pairwise_rmsd,
    resolve_rotors,
    rmsd,
    rmsd_gen,
    rmsd_per_structure,
    signed_volumes,
    valid_parts,
)

SEEDS = st.integers(0, 2**32 - 1)
N_ATOMS = st.integers(1, 9)
N_STRUCTURES, N_SAMPLES = 3, 4
ROUNDING = 1e-9  # [A]
CUTOFF = 1.5  # [A]
examples = settings(deadline=None, max_examples=40)


def isometry(rng, *, reflects=False):
    matrix, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    matrix *= np.sign(np.linalg.det(matrix)) * (-1 if reflects else 1)
    shift = rng.normal(scale=20.0, size=3)
    return lambda positions: positions @ matrix.T + shift


def structures(rng, n_atoms, *leading):
    return rng.uniform(0, 3, size=(*leading, n_atoms, 3))


def pairs_of(rng, n_atoms):
    """Some pairs of atoms, none of them twice."""
    rows = np.argwhere(np.triu(rng.random((n_atoms, n_atoms)) < 0.4, k=1))
    return rows.reshape(-1, 2)


def none_is_at(positions, reaches):
    """Whether no distance is so near to a cutoff that rounding decides."""
    for structure in positions:
        distances = np.linalg.norm(structure[:, None] - structure, axis=-1)
        if (np.abs(distances - reaches) < 1e-6).any():
            return False
    return True


class TestDeviations:
    @examples
    @given(SEEDS, N_ATOMS)
    @example(0, 1)
    def test_rmsd_is_a_distance(self, seed, n_atoms):
        one, other, third = structures(np.random.default_rng(seed), n_atoms, 3)
        assert rmsd(one, one) == 0.0
        assert rmsd(one, other) > 0.0
        assert rmsd(one, other) == rmsd(other, one)
        assert rmsd(one, third) <= rmsd(one, other) + rmsd(other, third) + ROUNDING
        assert rmsd(2.5 * one, 2.5 * other) == pytest.approx(2.5 * rmsd(one, other))

    @examples
    @given(SEEDS, N_ATOMS, st.booleans())
    def test_scores_are_invariant_under_isometries_and_permutations_of_atoms(
        self, seed, n_atoms, reflects
    ):
        rng = np.random.default_rng(seed)
        samples = structures(rng, n_atoms, N_STRUCTURES, N_SAMPLES)
        reference = structures(rng, n_atoms, N_STRUCTURES)
        is_valid = rng.random((N_STRUCTURES, N_SAMPLES)) < 0.7
        is_valid[0, 0] = True
        move = isometry(rng, reflects=reflects)
        order = rng.permutation(n_atoms)

        def changed(positions):
            return move(positions)[..., order, :]

        for score in (energy_score, calibration):
            there = score(changed(samples), changed(reference))
            assert there == pytest.approx(score(samples, reference), abs=ROUNDING)
        there = rmsd_gen(changed(samples), changed(reference), is_valid)
        assert there == pytest.approx(rmsd_gen(samples, reference, is_valid))
        np.testing.assert_allclose(
            pairwise_rmsd(changed(samples)), pairwise_rmsd(samples), atol=ROUNDING
        )
        np.testing.assert_allclose(
            rmsd_per_structure(changed(samples), changed(reference)[:, None]),
            rmsd_per_structure(samples, reference[:, None]),
            atol=ROUNDING,
        )

    @examples
    @given(SEEDS, N_ATOMS)
    def test_permutation_invariance_of_samples(self, seed, n_atoms):
        rng = np.random.default_rng(seed)
        samples = structures(rng, n_atoms, N_STRUCTURES, N_SAMPLES)
        reference = structures(rng, n_atoms, N_STRUCTURES)
        shuffled = samples[:, rng.permutation(N_SAMPLES)]
        for score in (energy_score, calibration):
            assert score(shuffled, reference) == pytest.approx(
                score(samples, reference)
            )
        np.testing.assert_allclose(
            np.sort(pairwise_rmsd(shuffled)), np.sort(pairwise_rmsd(samples))
        )

    @examples
    @given(SEEDS, N_ATOMS, st.integers(2, 5))
    def test_scores_are_bounded_by_the_triangle(self, seed, n_atoms, n_samples):
        # Two samples are no farther apart than both are from the truth together.
        rng = np.random.default_rng(seed)
        samples = structures(rng, n_atoms, N_STRUCTURES, n_samples)
        reference = structures(rng, n_atoms, N_STRUCTURES)
        error = rmsd_per_structure(samples, reference[:, None]).mean()
        assert -ROUNDING <= energy_score(samples, reference) <= error
        assert 0.0 <= calibration(samples, reference) <= 2.0 + ROUNDING

    @examples
    @given(SEEDS, N_ATOMS)
    def test_a_mask_is_the_atoms_it_keeps(self, seed, n_atoms):
        rng = np.random.default_rng(seed)
        samples = structures(rng, n_atoms, N_STRUCTURES, N_SAMPLES)
        reference = structures(rng, n_atoms, N_STRUCTURES)
        mask = rng.random(n_atoms) < 0.5
        mask[rng.integers(n_atoms)] = True
        for score in (energy_score, calibration):
            assert score(samples, reference, mask) == score(
                samples[..., mask, :], reference[..., mask, :]
            )

    @examples
    @given(SEEDS, st.sampled_from(["cyclic", "all"]))
    def test_permutation_invariance_of_rotor_labels_once_resolved(
        self, seed, permutations
    ):
        rng = np.random.default_rng(seed)
        positions, reference = structures(rng, 6, 2)
        rotors = np.array([[0, 1, 2, 3, 4, 5]])
        turns = [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
        if permutations == "all":
            turns += [(0, 2, 1), (1, 0, 2), (2, 1, 0)]
        wanted = resolve_rotors(positions, reference, rotors, permutations=permutations)
        for turn in turns:
            relabelled = positions[[0, 1, 2, *(3 + np.array(turn))]]
            made = resolve_rotors(
                relabelled, reference, rotors, permutations=permutations
            )
            np.testing.assert_array_equal(made, wanted)


class TestBondGraphs:
    @examples
    @given(SEEDS, N_ATOMS, st.booleans())
    @example(0, 1, False)
    def test_bond_graphs_are_invariant_under_isometries(self, seed, n_atoms, reflects):
        rng = np.random.default_rng(seed)
        positions = structures(rng, n_atoms, N_STRUCTURES)
        elements = rng.choice([1, 6, 7, 8, 16], size=n_atoms)
        radii = covalent_radii(elements)
        assume(none_is_at(positions, 1.3 * (radii[:, None] + radii)))
        bonds, parts = pairs_of(rng, n_atoms), np.arange(n_atoms) // 2
        moved = isometry(rng, reflects=reflects)(positions)
        np.testing.assert_array_equal(
            bond_graph(moved, elements), bond_graph(positions, elements)
        )
        for name in ("n_reference", "n_missing", "n_extra"):
            np.testing.assert_array_equal(
                getattr(compare_bond_graphs(moved, elements, bonds), name),
                getattr(compare_bond_graphs(positions, elements, bonds), name),
            )
        np.testing.assert_array_equal(
            valid_parts(moved, elements, bonds, parts),
            valid_parts(positions, elements, bonds, parts),
        )

    @examples
    @given(SEEDS, N_ATOMS)
    @example(0, 1)
    def test_permutation_invariance_of_atoms(self, seed, n_atoms):
        rng = np.random.default_rng(seed)
        positions = structures(rng, n_atoms, N_STRUCTURES)
        elements = rng.choice([1, 6, 7, 8, 16], size=n_atoms)
        bonds, parts = pairs_of(rng, n_atoms), np.arange(n_atoms) // 2
        order = rng.permutation(n_atoms)
        place = np.argsort(order)
        here = compare_bond_graphs(positions, elements, bonds)
        there = compare_bond_graphs(positions[:, order], elements[order], place[bonds])
        np.testing.assert_array_equal(here.n_missing, there.n_missing)
        np.testing.assert_array_equal(here.n_extra, there.n_extra)
        np.testing.assert_array_equal(
            valid_parts(positions, elements, bonds, parts),
            valid_parts(
                positions[:, order], elements[order], place[bonds], parts[order]
            ),
        )

    @examples
    @given(SEEDS, N_ATOMS)
    @example(0, 1)
    def test_a_structure_has_its_own_bonds_and_counts_add_up(self, seed, n_atoms):
        rng = np.random.default_rng(seed)
        positions = structures(rng, n_atoms, N_STRUCTURES)
        elements = rng.choice([1, 6, 7, 8, 16], size=n_atoms)
        graph = bond_graph(positions, elements)
        own = compare_bond_graphs(positions, elements, graph)
        assert own.is_valid.all()
        assert not own.graph_difference.any()
        other = compare_bond_graphs(positions[::-1], elements, graph)
        np.testing.assert_array_equal(
            other.n_reference - other.n_missing + other.n_extra,
            graph[::-1].sum(axis=1),
        )
        assert (other.lambda_signed <= other.graph_difference).all()
        swapped = compare_bond_graphs(positions, elements, graph[::-1])
        np.testing.assert_array_equal(swapped.n_missing, other.n_extra)

    @examples
    @given(SEEDS, N_ATOMS)
    def test_parts_are_right_where_the_whole_is(self, seed, n_atoms):
        rng = np.random.default_rng(seed)
        positions = structures(rng, n_atoms, N_STRUCTURES)
        elements = rng.choice([1, 6, 7, 8, 16], size=n_atoms)
        first, second = np.triu_indices(n_atoms, 1)
        own = bond_graph(positions[0], elements)
        bonds = np.stack([first, second], axis=1)[own]
        parts = valid_parts(positions, elements, bonds, np.arange(n_atoms) // 2)
        whole = compare_bond_graphs(positions, elements, own).is_valid
        np.testing.assert_array_equal(parts.all(axis=1), whole)
        assert parts[0].all()


class TestContacts:
    @examples
    @given(SEEDS, N_ATOMS, st.booleans())
    @example(0, 1, False)
    def test_clashes_are_invariant_under_isometries_and_permutations(
        self, seed, n_atoms, reflects
    ):
        rng = np.random.default_rng(seed)
        positions = structures(rng, n_atoms, N_STRUCTURES)
        assume(none_is_at(positions, CUTOFF))
        excluded = pairs_of(rng, n_atoms)
        order = rng.permutation(n_atoms)
        moved = isometry(rng, reflects=reflects)(positions)[:, order]
        counts = count_clashes(positions, excluded, CUTOFF)
        renumbered = np.argsort(order)[excluded]
        np.testing.assert_array_equal(count_clashes(moved, renumbered, CUTOFF), counts)
        everything = count_clashes(positions, np.empty((0, 2), int), CUTOFF)
        assert (counts <= everything).all()
        assert (everything <= n_atoms * (n_atoms - 1) // 2).all()

    @examples
    @given(SEEDS, N_ATOMS)
    def test_close_pairs_are_invariant_under_periodic_images(self, seed, n_atoms):
        rng = np.random.default_rng(seed)
        box = np.array([12.0, 13.0, 14.0, 90.0, 90.0, 90.0])
        positions = structures(rng, n_atoms, 1) * 4
        jumped = positions + rng.integers(-2, 3, size=positions.shape) * box[:3]
        # Distances of MDAnalysis are those of float32.
        near = np.abs(positions[0][:, None] - positions[0])
        near = np.minimum(near, box[:3] - near)
        distances = np.linalg.norm(near, axis=-1)
        assume((np.abs(distances - CUTOFF) > 1e-3).all())
        found = [
            {(int(p), int(q)) for p, q in zip(pairs.first, pairs.second, strict=True)}
            for each in (positions, jumped)
            for pairs in close_pairs(each, CUTOFF, box[None])
        ]
        expected = np.argwhere(np.triu(distances < CUTOFF, k=1))
        assert found == [set(map(tuple, expected.tolist()))] * 2

    @examples
    @given(SEEDS, st.booleans())
    def test_ring_piercing_is_invariant_under_isometries(self, seed, reflects):
        rng = np.random.default_rng(seed)
        angles = np.radians(60 * np.arange(6))
        ring = 1.4 * np.stack([np.cos(angles), np.sin(angles), np.zeros(6)], axis=1)
        middle = [*rng.uniform(-2, 2, size=2), 0.0]
        along = np.array([*rng.normal(scale=0.2, size=2), 0.8])
        atoms = np.concatenate([ring, [middle - along, middle + along]])
        bonds = np.array([*((i, (i + 1) % 6) for i in range(6)), (6, 7)])
        # A side of the hexagon is 1.4 cos(30) = 1.21 Å from its centre.
        outward = np.radians(60 * np.arange(6) + 30)
        sides = np.stack([np.cos(outward), np.sin(outward)])
        deepest = (middle[:2] @ sides).max() - 1.4 * np.cos(np.radians(30))
        assume(abs(deepest) > 1e-6)
        moved = isometry(rng, reflects=reflects)(atoms)
        for turn in (0, 2):
            rings = [tuple(np.roll(np.arange(6), turn).tolist())]
            counts = count_pierced_rings(np.stack([atoms, moved]), rings, bonds)
            assert counts.tolist() == [int(deepest < 0)] * 2


class TestGeometry:
    @examples
    @given(SEEDS, N_ATOMS, st.booleans())
    @example(0, 1, True)
    def test_lengths_and_angles_are_invariant_under_isometries(
        self, seed, n_atoms, reflects
    ):
        rng = np.random.default_rng(seed)
        positions = structures(rng, n_atoms, N_STRUCTURES)
        bonds = pairs_of(rng, n_atoms)
        triples = angle_triples(bonds)
        moved = isometry(rng, reflects=reflects)(positions)
        for measure, rows in ((bond_lengths, bonds), (bond_angles, triples)):
            here = measure(positions, rows)
            assert here.shape == (N_STRUCTURES, len(rows))
            np.testing.assert_allclose(measure(moved, rows), here, atol=1e-6)
            np.testing.assert_allclose(
                measure(positions, rows[:, ::-1]), here, atol=1e-9
            )
        angles = bond_angles(positions, triples)
        assert ((angles >= 0) & (angles <= 180)).all()
        np.testing.assert_allclose(bond_angles(7.0 * positions, triples), angles)

    @examples
    @given(SEEDS)
    def test_torsions_are_invariant_under_reversal(self, seed):
        positions = structures(np.random.default_rng(seed), 4, N_STRUCTURES)
        torsions = dihedral_angles(positions, np.array([[0, 1, 2, 3]]))
        back = dihedral_angles(positions, np.array([[3, 2, 1, 0]]))
        np.testing.assert_allclose(back, torsions, atol=1e-6)
        assert (np.abs(torsions) <= 180).all()

    @examples
    @given(SEEDS)
    def test_exchanging_two_arms_changes_the_sign_of_the_volume(self, seed):
        positions = structures(np.random.default_rng(seed), 4, N_STRUCTURES)
        volume = signed_volumes(positions, np.array([[0, 1, 2, 3]]))
        for other in ([0, 2, 1, 3], [0, 1, 3, 2], [0, 3, 2, 1]):
            made = signed_volumes(positions, np.array([other]))
            np.testing.assert_allclose(made, -volume, atol=1e-9)
        turned = signed_volumes(positions, np.array([[0, 2, 3, 1]]))
        np.testing.assert_allclose(turned, volume, atol=1e-9)

    @examples
    @given(SEEDS, st.integers(1, 8), st.booleans())
    def test_ring_planarity_is_invariant_under_isometries(self, seed, n, reflects):
        rng = np.random.default_rng(seed)
        ring = structures(rng, n, N_STRUCTURES)
        here = out_of_plane(ring, range(n))
        moved = isometry(rng, reflects=reflects)(ring)
        np.testing.assert_allclose(out_of_plane(moved, range(n)), here, atol=1e-6)
        if n <= 3:  # three points are always in a plane
            np.testing.assert_allclose(here, 0.0, atol=1e-6)


class TestStatistics:
    @examples
    @given(SEEDS, st.integers(1, 30), st.integers(1, 4))
    def test_divergence_is_invariant_under_permutation_and_repetition(
        self, seed, n, n_times
    ):
        rng = np.random.default_rng(seed)
        angles, reference = np.round(rng.uniform(-180, 180, size=(2, n))) + 0.5
        value = jensen_shannon_divergence(angles, reference)
        again = jensen_shannon_divergence(
            rng.permutation(np.tile(angles, n_times)), reference
        )
        assert again == pytest.approx(value)

    @examples
    @given(SEEDS, st.integers(2, 9), st.floats(-5, 5))
    def test_means_are_translation_equivariant_and_errors_invariant(
        self, seed, n_folds, shift
    ):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=(n_folds, 2))
        mean, error = mean_and_standard_error(values)
        mean_there, error_there = mean_and_standard_error(
            rng.permutation(values) + shift
        )
        np.testing.assert_allclose(mean_there, mean + shift, atol=1e-9)
        np.testing.assert_allclose(error_there, error, atol=1e-9)
