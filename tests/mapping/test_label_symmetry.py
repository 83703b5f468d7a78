"""Flat groups that look the same after half a turn get one choice of labels."""

import MDAnalysis as mda
import numpy as np
import pytest

from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.label_symmetry import flip_labels, interchangeable_flips
from openmm_cgvae.metrics import dihedral_angles
from openmm_cgvae.molecules import AtomTable


@pytest.fixture(scope="module")
def universe():
    return mda.Universe(
        str(data_path("chignolin.pdb")), str(data_path("chignolin.xtc"))
    )


@pytest.fixture(scope="module")
def table(universe):
    return AtomTable.from_universe(universe)


@pytest.fixture(scope="module")
def whole(universe):
    return Mapping(universe.atoms.resindices)


@pytest.fixture(scope="module")
def frames(universe):
    return universe.trajectory.timeseries(step=500, order="fac").astype(float)


def relabelled(frames, order):
    return frames[np.arange(len(frames))[:, None], order]


def test_chignolin_has_three_rings_and_two_carboxylates(table, whole):
    flips = interchangeable_flips(table, whole)
    sides = [
        (
            [table.names[atom] for atom in flip.torsion],
            [table.names[atom] for atom in flip.first],
            [table.names[atom] for atom in flip.second],
            flip.in_ring,
        )
        for flip in flips
    ]
    ring = (
        ["CA", "CB", "CG", "CD1"],
        ["CD1", "HD1", "CE1", "HE1"],
        ["CD2", "HD2", "CE2", "HE2"],
        True,
    )
    assert sides == [
        ring,
        ring,
        (["CA", "CB", "CG", "OD1"], ["OD1"], ["OD2"], False),
        (["CB", "CG", "CD", "OE1"], ["OE1"], ["OE2"], False),
        ring,
    ]


def test_groups_that_would_move_a_bead_are_left_alone(table, whole):
    beads = whole.bead_of_atom.copy()
    beads[table.names.index("CE2")] = beads.max() + 1  # in the first ring
    assert len(interchangeable_flips(table, Mapping(beads))) == 4
    weights = np.ones(table.n_atoms)
    weights[table.names.index("OD2")] = 2.0
    kept = interchangeable_flips(table, Mapping(whole.bead_of_atom, weights))
    assert len(kept) == 4


def test_both_labellings_of_a_structure_become_one(table, whole, frames):
    flips = interchangeable_flips(table, whole)
    standard = relabelled(frames, flip_labels(frames, flips))
    for flip in flips:
        other = frames.copy()
        other[:, [*flip.first, *flip.second]] = frames[:, [*flip.second, *flip.first]]
        made = relabelled(other, flip_labels(other, flips))
        np.testing.assert_array_equal(made, standard)


def test_labels_trade_places_and_nothing_else(table, whole, frames):
    flips = interchangeable_flips(table, whole)
    order = flip_labels(frames, flips)
    assert (order != np.arange(table.n_atoms)).any()
    bonds = {tuple(sorted(bond)) for bond in table.bonds.tolist()}
    for row in order:
        assert {tuple(sorted(bond)) for bond in row[table.bonds].tolist()} == bonds
    moved = np.unique(np.nonzero(order != np.arange(table.n_atoms))[1])
    assert set(moved) <= {a for f in flips for a in (*f.first, *f.second)}
    np.testing.assert_array_equal(table.atomic_numbers[order[0]], table.atomic_numbers)


def test_rings_stand_on_one_side_and_carboxylates_lie_along(table, whole, frames):
    flips = interchangeable_flips(table, whole)
    standard = relabelled(frames, flip_labels(frames, flips))
    for flip in flips:
        torsions = dihedral_angles(standard, np.array([flip.torsion]))[:, 0]
        middle = 90.0 if flip.in_ring else 0.0
        # Half a turn, and what the group is bent by.
        assert np.abs((torsions - middle + 180) % 360 - 180).max() < 90 + 25


def test_no_flips_change_nothing(frames):
    order = flip_labels(frames, [])
    assert (order == np.arange(frames.shape[1])).all()
