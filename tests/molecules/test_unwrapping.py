"""Molecules that a cell cuts are made whole along their bonds, each for itself."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from openmm_cgvae.molecules.periodic_box import cell_vectors
from openmm_cgvae.molecules.unwrapping import BondTree

CUBE = [40, 40, 40, 90, 90, 90]
CELLS = {
    "cube": CUBE,
    "triclinic": [40, 45, 50, 70, 80, 65],
    "slab": [40, 45, 0, 90, 90, 90],
    "dodecahedron": [45, 45, 45, 60, 60, 90],
}
BOND = 3.8


@st.composite
def trees(draw):
    """Draw molecules of any branching, and whole positions of their points."""
    parents, molecules, where = [], [], []
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    for molecule, size in enumerate(
        draw(st.lists(st.integers(1, 30), min_size=1, max_size=5))
    ):
        first = len(parents)
        place = generator.uniform(-60, 60, 3)
        for point in range(size):
            parent = (
                first
                if not point
                else int(
                    generator.integers(max(first, first + point - 3), first + point)
                )
            )
            step = generator.normal(size=3)
            place_of = (
                place
                if not point
                else where[parent] + BOND * step / np.linalg.norm(step)
            )
            parents.append(parent)
            molecules.append(molecule)
            where.append(place_of)
    return np.array(parents), np.array(molecules), np.array(where), generator


def edges_of(box):
    return cell_vectors(box) * (np.array(box[:3]) > 0)[:, None]


@pytest.mark.parametrize("cell", CELLS)
@settings(max_examples=60)
@given(made=trees())
def test_any_cut_of_any_molecules_is_undone_up_to_one_lattice_vector_each(cell, made):
    parents, molecules, whole, generator = made
    box = np.array(CELLS[cell], dtype=float)
    edges = edges_of(box)
    cut = whole + generator.integers(-2, 3, whole.shape) @ edges
    bonds = np.stack([parents, np.arange(len(parents))], axis=1)
    found = BondTree.from_bonds(len(whole), bonds).whole(cut, box)
    for molecule in np.unique(molecules):
        moves = (found - whole)[molecules == molecule]
        np.testing.assert_allclose(
            moves, np.tile(moves[:1], (len(moves), 1)), atol=1e-3
        )
    # Up to a lattice vector: all beads are where they were, by the cell.
    counts = (found - cut) @ np.linalg.pinv(edges)
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-3)
    np.testing.assert_allclose(counts @ edges, found - cut, atol=1e-3)


@pytest.mark.parametrize("cell", CELLS)
@given(made=trees(), which=st.integers(0, 2), by=st.integers(-2, 2))
def test_what_is_whole_stays_where_it_is_in_any_image(cell, made, which, by):
    parents, _, whole, _ = made
    box = np.array(CELLS[cell], dtype=float)
    bonds = np.stack([parents, np.arange(len(parents))], axis=1)
    tree = BondTree.from_bonds(len(whole), bonds)
    there = whole + by * edges_of(box)[which]
    np.testing.assert_array_equal(tree.whole(there, box), there)


@given(made=trees(), seed=st.integers(0, 99))
def test_order_of_points_does_not_matter(made, seed):
    parents, _, whole, generator = made
    box = np.array(CUBE, dtype=float)
    cut = whole + generator.integers(-1, 2, whole.shape) @ edges_of(box)
    order = np.random.default_rng(seed).permutation(len(whole))
    rank = np.argsort(order)
    bonds = np.stack([parents, np.arange(len(parents))], axis=1)
    one = BondTree.from_bonds(len(whole), bonds).whole(cut, box)
    other = BondTree.from_bonds(len(whole), rank[bonds]).whole(cut[order], box)
    n_cells = (other - one[order]) / 40
    np.testing.assert_allclose(n_cells, np.rint(n_cells), atol=1e-9)


def test_a_molecule_is_in_the_image_of_most_of_its_points():
    box = np.array(CUBE, dtype=float)
    cut = np.array([[39.0, 0, 0], [1.0, 0, 0], [4.0, 0, 0], [7.0, 0, 0]])
    tree = BondTree.from_bonds(4, [[0, 1], [1, 2], [2, 3]])
    assert tree.whole(cut, box)[:, 0].tolist() == [-1, 1, 4, 7]


def test_molecules_that_are_far_apart_stay_so():
    # The march: each molecule more than half a cell from the end of the one before.
    box = np.array(CUBE, dtype=float)
    x = np.array([2.0, 5.0, 30.0, 33.0, 5.0, 8.0, 33.0, 36.0])
    where = x[:, None] * [1.0, 0, 0]
    tree = BondTree.from_bonds(8, [[0, 1], [2, 3], [4, 5], [6, 7]])
    np.testing.assert_array_equal(tree.whole(where, box), where)


def test_without_a_cell_nothing_moves():
    where = np.array([[0.0, 0, 0], [50.0, 0, 0]])
    tree = BondTree.from_bonds(2, [[0, 1]])
    assert tree.whole(where, None) is where
    assert tree.whole(where, np.zeros(6)) is where
    assert BondTree.from_bonds(0, []).n_molecules == 0


@given(made=trees())
def test_many_frames_at_once_are_as_one_by_one(made):
    parents, _, whole, generator = made
    assume(len(whole) > 1)
    box = np.array(CELLS["triclinic"], dtype=float)
    bonds = np.stack([parents, np.arange(len(parents))], axis=1)
    tree = BondTree.from_bonds(len(whole), bonds)
    frames = whole + generator.integers(-1, 2, (3, *whole.shape)) @ edges_of(box)
    for frame, made_whole in zip(frames, tree.whole(frames, box), strict=True):
        np.testing.assert_array_equal(tree.whole(frame, box), made_whole)
