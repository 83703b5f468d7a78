"""Bond graphs against a literal transcription of their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.metrics import (
    RADII_2022,
    bond_graph,
    close_pairs,
    compare_bond_graphs,
    contacts,
    count_clashes,
    covalent_radii,
    upper_triangle_index,
)

SEEDS = st.integers(0, 2**32 - 1)
METHYLENE = np.array([[0.0, 0.0, 0.0], [1.1, 0.0, 0.0], [0.0, 1.1, 0.0]])
CHH = np.array([6, 1, 1])
BONDS = np.array([[0, 1], [0, 2]])


def adjacency_by_definition(positions, atomic_numbers):
    """Full symmetric 0/1 matrix: d < 1.3 (r_i + r_j), one pair at a time."""
    n_atoms = len(positions)
    adjacency = np.zeros((n_atoms, n_atoms), dtype=int)
    for i in range(n_atoms):
        for j in range(n_atoms):
            radii = RADII_2022[atomic_numbers[i]] + RADII_2022[atomic_numbers[j]]
            distance = np.sqrt(((positions[i] - positions[j]) ** 2).sum())
            adjacency[i, j] = i != j and distance < 1.3 * radii
    return adjacency


def random_molecule(seed, n_atoms=12, n_structures=3):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 4, size=(n_structures, n_atoms, 3))
    return positions, rng.choice([1, 6, 7, 8, 16], size=n_atoms)


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_graph_is_that_of_the_definition(seed):
    positions, atomic_numbers = random_molecule(seed)
    graph = bond_graph(positions, atomic_numbers)
    upper = np.triu_indices(positions.shape[1], 1)
    for row, structure in zip(graph, positions, strict=True):
        expected = adjacency_by_definition(structure, atomic_numbers)
        assert np.array_equal(row, expected[upper].astype(bool))


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_ratios_are_those_of_the_paper_and_of_its_code(seed):
    positions, atomic_numbers = random_molecule(seed)
    reference = bond_graph(positions[0], atomic_numbers)
    compared = compare_bond_graphs(positions, atomic_numbers, reference)
    ref = adjacency_by_definition(positions[0], atomic_numbers)
    for index, structure in enumerate(positions):
        gen = adjacency_by_definition(structure, atomic_numbers)
        signed = abs((ref - gen).sum()) / ref.sum()
        corrected = np.abs(ref - gen).sum() / ref.sum()
        assert compared.lambda_signed[index] == pytest.approx(signed)
        assert compared.graph_difference[index] == pytest.approx(corrected)
        assert compared.is_valid[index] == (ref == gen).all()


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_heavy_only_is_dropping_the_hydrogens_first(seed):
    positions, atomic_numbers = random_molecule(seed)
    heavy = atomic_numbers != 1
    everything = bond_graph(positions[0], atomic_numbers)
    without = bond_graph(positions[0][heavy], atomic_numbers[heavy])
    here = compare_bond_graphs(positions, atomic_numbers, everything, heavy_only=True)
    there = compare_bond_graphs(positions[:, heavy], atomic_numbers[heavy], without)
    assert np.array_equal(here.graph_difference, there.graph_difference)
    assert np.array_equal(here.is_valid, there.is_valid)


def test_signed_difference_lets_errors_cancel():
    positions = METHYLENE.copy()
    positions[1] = [0.0, 1.5, 0.0]  # C-H broken at 1.5, H-H made at 0.4
    compared = compare_bond_graphs(positions, CHH, BONDS)
    assert (int(compared.n_missing), int(compared.n_extra)) == (1, 1)
    assert compared.lambda_signed == 0.0
    assert compared.graph_difference == 1.0
    assert not compared.is_valid


def test_a_bond_is_strictly_closer_than_the_cutoff():
    cutoff = 1.3 * (0.68 + 0.68)
    pair = np.array([[0.0, 0.0, 0.0], [cutoff, 0.0, 0.0]])
    assert not bond_graph(pair, np.array([6, 6]))[0]
    pair[1, 0] = np.nextafter(cutoff, 0)
    assert bond_graph(pair, np.array([6, 6]))[0]


def test_the_two_tables_disagree_on_a_stretched_hydrogen():
    positions = METHYLENE * 1.2  # 1.32 A: beyond 1.183, within 1.391
    assert not compare_bond_graphs(positions, CHH, BONDS, "2022").is_valid
    assert compare_bond_graphs(positions, CHH, BONDS, "rdkit").is_valid


def test_radii_of_the_installed_rdkit():
    radii = covalent_radii(np.array([1, 6, 7, 8, 16]), "rdkit")
    assert radii == pytest.approx([0.31, 0.76, 0.71, 0.66, 1.05], abs=0.01)


def test_each_frame_has_its_own_reference():
    stretched = METHYLENE * 1.2
    frames = np.stack([METHYLENE, stretched])
    samples = np.stack([np.stack([METHYLENE] * 3), np.stack([stretched] * 3)])
    reference = bond_graph(frames, CHH)[:, None]
    assert compare_bond_graphs(samples, CHH, reference).is_valid.all()
    crossed = compare_bond_graphs(samples[::-1], CHH, reference)
    assert crossed.is_valid.shape == (2, 3)
    assert not crossed.is_valid.any()


def test_permutation_invariance_within_a_bond():
    assert compare_bond_graphs(METHYLENE, CHH, BONDS[:, ::-1]).is_valid


def test_without_reference_bonds_any_bond_is_infinitely_wrong():
    none = np.empty((0, 2), dtype=int)
    assert compare_bond_graphs(METHYLENE, CHH, none).graph_difference == np.inf
    assert compare_bond_graphs(METHYLENE * 9, CHH, none).graph_difference == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_atom_nowhere_has_no_bonds_and_spoils_no_other(bad):
    positions = METHYLENE.copy()
    positions[1] = bad
    assert bond_graph(positions, CHH).tolist() == [False, True, False]


def test_translation_invariance_far_from_the_origin():
    positions, atomic_numbers = random_molecule(3)
    here = bond_graph(positions, atomic_numbers)
    assert np.array_equal(bond_graph(positions + 1e5, atomic_numbers), here)


def test_triangle_index_counts_as_numpy_does():
    first, second = np.triu_indices(7, 1)
    assert upper_triangle_index(first, second, 7).tolist() == list(range(21))


@settings(deadline=None, max_examples=10)
@given(SEEDS)
def test_grid_and_dense_find_the_same_pairs(seed):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 12, size=(contacts._LARGEST_DENSE + 8, 3))
    positions[5] = np.nan
    from_grid = next(close_pairs(positions, 2.0))
    structure, first, second = contacts._dense_candidates(positions[None], 2.0)
    near = np.linalg.norm(positions[first] - positions[second], axis=-1) < 2.0
    dense = set(zip(first[near].tolist(), second[near].tolist(), strict=True))
    grid = list(zip(from_grid.first.tolist(), from_grid.second.tolist(), strict=True))
    assert len(grid) == len(set(grid))
    assert set(grid) == dense


def test_chunks_count_structures_on(monkeypatch):
    positions, atomic_numbers = random_molecule(4, n_structures=5)
    whole = bond_graph(positions, atomic_numbers)
    monkeypatch.setattr(contacts, "_CHUNK_BYTES", 1)
    assert len(list(close_pairs(positions, 2.0))) == 5
    assert np.array_equal(bond_graph(positions, atomic_numbers), whole)


def test_clashes_leave_out_bonded_pairs():
    chain = np.arange(5)[:, None] * np.array([[1.1, 0.0, 0.0]])
    up_to_three = np.array(
        [[i, j] for i in range(5) for j in range(i + 1, 5) if j - i < 4]
    )
    assert count_clashes(chain, up_to_three) == 0
    ring = np.stack([chain, chain])
    ring[1, 4] = chain[0] + [0.0, 1.0, 0.0]
    assert count_clashes(ring, up_to_three).tolist() == [0, 1]
    assert count_clashes(ring, up_to_three, cutoff=0.9).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bond_graph(METHYLENE, CHH[:2]), "`atomic_numbers` has shape"),
        (
            lambda: bond_graph(METHYLENE, np.array([6, 1, 9])),
            r"`atomic_numbers` has \[9\]",
        ),
        (
            lambda: bond_graph(METHYLENE, np.array([6, 1, 0]), "rdkit"),
            "runs from 0 to 6",
        ),
        (
            lambda: compare_bond_graphs(METHYLENE, CHH, np.array([[0, 3]])),
            "`reference` has indices 0 to 3 but there are 3 atoms",
        ),
        (
            lambda: compare_bond_graphs(METHYLENE, CHH, np.ones(4, bool)),
            "must end in 3 pairs",
        ),
        (lambda: count_clashes(METHYLENE, BONDS, 0.0), "`cutoff` is 0.0"),
        (
            lambda: count_clashes(METHYLENE, np.array([[0, 1, 2]])),
            r"`excluded_pairs` has shape \(1, 3\)",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_indices_are_integers():
    with pytest.raises(TypeError, match="`reference` has dtype float64"):
        compare_bond_graphs(METHYLENE, CHH, np.array([[0.0, 1.0]]))


def test_a_single_heavy_atom_has_nothing_to_lack():
    methylene = compare_bond_graphs(METHYLENE, CHH, BONDS, heavy_only=True)
    assert methylene.is_valid
    assert methylene.graph_difference == 0.0


def test_a_bond_across_the_box_is_a_bond():
    pair = np.array([[0.2, 0, 0], [9.7, 0, 0]])
    box = np.array([[10.0, 10, 10, 90, 90, 90]])
    bond, carbons = np.array([[0, 1]]), np.array([6, 6])
    assert compare_bond_graphs(pair[None], carbons, bond).n_missing == [1]
    assert compare_bond_graphs(pair[None], carbons, bond, boxes=box).is_valid.all()
