"""Neighbour search: the pairs of a literal search over all images, in every box."""

import numpy as np
import pytest
from MDAnalysis.lib.mdamath import triclinic_vectors

from openmm_cgvae.metrics import close_pairs, compare_bond_graphs, count_clashes
from openmm_cgvae.metrics.neighbour_search import is_among, pairs_among, pairs_between

BOXES = {
    "none": None,
    "zeros": [0, 0, 0, 90, 90, 90],
    "cubic": [14, 14, 14, 90, 90, 90],
    "rectangular": [11, 16, 20, 90, 90, 90],
    "slab": [12, 13, 0, 90, 90, 90],
    "thread": [0, 0, 9, 90, 90, 90],
    "triclinic": [14, 15, 16, 70, 80, 100],
    "dodecahedron": [15, 15, 15, 60, 60, 90],
}
boxes = pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)


def literal_distances(points, others, box):
    """The least distance over all images near by, written down slowly."""
    box = np.zeros(6) if box is None else np.array(box, dtype=float)
    closed = np.where(box == 0, 1e6, box)
    vectors = triclinic_vectors(closed, dtype=np.float64)
    vectors = np.where((box[:3] > 0)[:, None], vectors, 0.0)
    shifts = np.unique(
        (np.array(list(np.ndindex(7, 7, 7))) - 3) * (box[:3] > 0), axis=0
    )
    least = np.full((len(points), len(others)), np.inf)
    for shift in shifts @ vectors:
        gaps = others[None] + shift - points[:, None]
        least = np.minimum(least, np.linalg.norm(gaps, axis=-1))
    return least


def scattered(box, n=150, seed=0):
    """Points in and around the cell, two of them far outside."""
    spread = 14.0 if box is None else np.where(np.array(box[:3]) > 0, box[:3], 14.0)
    return np.random.default_rng(seed).uniform(-0.9, 1.6, size=(n, 3)) * spread


@boxes
@pytest.mark.parametrize("cutoff", [1.2, 2.7, 4.0])
def test_pairs_are_those_of_a_literal_search(box, cutoff):
    points = scattered(box)
    points[7] = np.nan
    cell = None if box is None else np.array(box, dtype=float)
    pairs, distances = pairs_among(points, cutoff, cell)
    least = np.nan_to_num(literal_distances(points, points, box), nan=np.inf)
    wanted = np.argwhere(np.triu(least < cutoff, k=1))
    assert sorted(map(tuple, pairs)) == sorted(map(tuple, wanted))
    assert distances == pytest.approx(least[tuple(pairs.T)], abs=1e-4)


@boxes
def test_pairs_of_two_sets_are_those_of_a_literal_search(box):
    points, others = scattered(box, 60), scattered(box, 90, seed=1)
    cell = None if box is None else np.array(box, dtype=float)
    pairs = pairs_between(points, others, 3.0, cell)
    wanted = np.argwhere(literal_distances(points, others, box) < 3.0)
    assert sorted(map(tuple, pairs)) == sorted(map(tuple, wanted))


@boxes
def test_a_lattice_translation_of_any_point_changes_nothing(box):
    points = scattered(box)
    cell = None if box is None else np.array(box, dtype=float)
    before = set(map(tuple, pairs_among(points, 3.0, cell)[0]))
    if box is not None:
        closed = np.where(cell == 0, 1e6, cell)
        vectors = triclinic_vectors(closed, dtype=np.float64)
        vectors = np.where((cell[:3] > 0)[:, None], vectors, 0.0)
        jumps = np.random.default_rng(2).integers(-2, 3, size=(len(points), 3))
        points = points + jumps @ vectors
    assert set(map(tuple, pairs_among(points, 3.0, cell)[0])) == before


def test_large_and_small_structures_have_the_same_pairs():
    points = np.random.default_rng(3).uniform(size=(700, 3)) * 20
    (large,) = close_pairs(points[None], 2.0)
    (small,) = close_pairs(points[None, :400], 2.0)
    both = (large.first < 400) & (large.second < 400)
    assert set(zip(large.first[both], large.second[both], strict=True)) == set(
        zip(small.first, small.second, strict=True)
    )


def test_clashes_and_bonds_of_a_large_structure_are_those_of_all_pairs():
    rng = np.random.default_rng(4)
    points = rng.uniform(size=(600, 3)) * 16
    elements = rng.choice([1, 6, 7, 8], size=600)
    bonds = np.stack([np.arange(599), np.arange(1, 600)], axis=1)
    least = literal_distances(points, points, None)
    first, second = np.triu_indices(600, 1)
    is_bond = second - first == 1
    clashes = (least[first, second] < 2.0) & ~is_bond
    assert count_clashes(points, bonds, 2.0) == clashes.sum()
    graph = np.zeros(len(first), dtype=bool)
    graph[is_bond] = True
    for heavy_only in (False, True):
        by_pairs, by_triangle = (
            compare_bond_graphs(
                points, elements, reference, "rdkit", heavy_only=heavy_only
            )
            for reference in (bonds, graph)
        )
        assert by_pairs.n_reference == by_triangle.n_reference
        assert by_pairs.n_missing == by_triangle.n_missing
        assert by_pairs.n_extra == by_triangle.n_extra


def test_nothing_is_among_no_keys():
    assert is_among(np.array([1, 2]), np.array([], dtype=int)).tolist() == [False] * 2
