"""Nearest images and cells, for boxes, slabs and what is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MDAnalysis.lib.mdamath import triclinic_vectors

from openmm_cgvae.molecules.periodic_box import cell_vectors, nearest_images

BOXES = {
    "cube": [20.0, 20.0, 20.0, 90.0, 90.0, 90.0],
    "dodecahedron": [20.0, 20.0, 20.0, 60.0, 60.0, 90.0],
    "slab": [20.0, 24.0, 0.0, 90.0, 90.0, 90.0],
    "oblique slab": [20.0, 24.0, 0.0, 90.0, 90.0, 120.0],
}


@pytest.mark.parametrize("name", BOXES)
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_vectors_that_differ_by_edges_have_one_image(name, seed):
    box = np.array(BOXES[name], dtype=np.float32)
    generator = np.random.default_rng(seed)
    vectors = generator.normal(scale=3.0, size=(4, 2, 3))
    has_images = box[:3] > 0
    edges = cell_vectors(box) * has_images[:, None]
    shifts = generator.integers(-2, 3, size=(4, 2, 3)) @ edges
    moved = nearest_images(vectors + shifts, box)
    np.testing.assert_allclose(moved, nearest_images(vectors, box), atol=1e-4)


@pytest.mark.parametrize("name", BOXES)
def test_images_are_never_longer(name):
    box = np.array(BOXES[name], dtype=np.float32)
    vectors = np.random.default_rng(0).normal(scale=15.0, size=(50, 3))
    lengths = np.linalg.norm(vectors, axis=-1)
    assert (
        np.linalg.norm(nearest_images(vectors, box), axis=-1) <= lengths + 1e-4
    ).all()


@pytest.mark.parametrize("box", [None, np.zeros(6)])
def test_without_a_box_vectors_stay(box):
    vectors = np.full((2, 3), 100.0)
    np.testing.assert_array_equal(nearest_images(vectors, box), vectors)


def test_no_vectors_have_no_images():
    box = np.array(BOXES["cube"])
    assert nearest_images(np.empty((0, 3, 3)), box).shape == (0, 3, 3)


@pytest.mark.parametrize(
    "box",
    [
        [20, 20, 20, 90, 90, 200],
        [-5, 20, 20, 90, 90, 90],
        [20, 20, 20, 0, 0, 0],
        [np.nan, 20, 20, 90, 90, 90],
    ],
)
def test_what_is_no_cell_has_no_edges(box):
    assert not cell_vectors(np.array(box, dtype=float)).any()


def test_edges_are_those_of_mdanalysis():
    box = np.array(BOXES["dodecahedron"], dtype=np.float32)
    np.testing.assert_allclose(cell_vectors(box), triclinic_vectors(box), rtol=1e-6)
