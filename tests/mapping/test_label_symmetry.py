"""Symmetry-equivalent atoms are permuted to one canonical order."""

import MDAnalysis as mda
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.label_symmetry import LabelSymmetry
from openmm_cgvae.metrics import dihedral_angles, signed_volumes
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.testing.dipeptide import BEADS, peptide, trembling

ROTORS = AtomTable.from_universe(peptide()).rotors
METHYLS = LabelSymmetry(ROTORS)


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
def flat(table, whole):
    """Return the flat groups of chignolin alone."""
    return LabelSymmetry(groups=LabelSymmetry.of(table, whole).groups)


@pytest.fixture(scope="module")
def frames(universe):
    return universe.trajectory.timeseries(step=500, order="fac").astype(float)


@pytest.fixture(scope="module")
def shuffled():
    """Noisy frames whose methyls were turned by any number of places."""
    positions = Frames.from_universe(trembling(50)).positions.copy()
    generator = np.random.default_rng(1)
    for frame in positions:
        for rotor in ROTORS:
            frame[rotor[3:]] = frame[np.roll(rotor[3:], generator.integers(3))]
    return positions


def torsions_of(positions, rotor, hydrogen):
    corners = np.array([[*rotor[:3], rotor[3 + hydrogen]]])
    return dihedral_angles(np.asarray(positions, dtype=float), corners)[:, 0]


def test_the_first_hydrogen_is_the_one_most_nearly_trans(shuffled):
    canonical, _ = METHYLS.canonical(shuffled)
    for rotor in ROTORS:
        first = np.abs(torsions_of(canonical, rotor, 0))
        assert (first > 100).all()
        # By angle and by length of the spoke: noise makes the two differ a little.
        for other in (1, 2):
            assert (first > np.abs(torsions_of(canonical, rotor, other)) - 15).all()


def test_hydrogens_are_permuted_in_a_circle_and_never_mirrored(shuffled):
    canonical, order = METHYLS.canonical(shuffled)
    for rotor in ROTORS:
        hydrogens = rotor[3:]
        allowed = {tuple(np.roll(hydrogens, places)) for places in range(3)}
        assert {tuple(row) for row in order[:, hydrogens]} <= allowed
        spokes = np.array([[rotor[2], *hydrogens]])
        np.testing.assert_array_equal(
            np.sign(signed_volumes(canonical.astype(float), spokes)),
            np.sign(signed_volumes(shuffled.astype(float), spokes)),
        )


def test_undo_is_the_inverse_of_canonical(shuffled):
    canonical, order = METHYLS.canonical(shuffled)
    rows = np.arange(len(order))[:, None]
    np.testing.assert_array_equal(canonical, shuffled[rows, order])
    np.testing.assert_array_equal(METHYLS.undo(canonical, order), shuffled)


def test_undo_is_the_inverse_of_canonical_for_flat_groups(flat, frames):
    np.testing.assert_array_equal(flat.undo(*flat.canonical(frames)), frames)


def test_only_hydrogens_of_rotors_move(shuffled):
    canonical, order = METHYLS.canonical(shuffled)
    others = np.setdiff1d(np.arange(22), ROTORS[:, 3:])
    np.testing.assert_array_equal(canonical[:, others], shuffled[:, others])
    assert (order[:, others] == others).all()


def test_the_canonical_order_is_idempotent(shuffled):
    once, _ = METHYLS.canonical(shuffled)
    twice, order = METHYLS.canonical(once)
    np.testing.assert_array_equal(once, twice)
    assert (order == np.arange(22)).all()


def test_copies_that_differ_by_labels_become_one(shuffled):
    once, _ = METHYLS.canonical(shuffled)
    original, _ = METHYLS.canonical(Frames.from_universe(trembling(50)).positions)
    np.testing.assert_array_equal(once, original)


def test_random_labels_do_not_change_the_canonical_order(shuffled):
    generator = np.random.default_rng(2)
    bits = generator.integers(0, 2**63, (50, len(ROTORS)), dtype=np.uint64)
    canonical, _ = METHYLS.canonical(shuffled)
    again, _ = METHYLS.canonical(METHYLS.randomised(shuffled, bits))
    np.testing.assert_array_equal(again, canonical)


def test_bits_that_three_divides_change_no_labels(shuffled):
    bits = np.full((50, len(ROTORS)), 3 * 2**40, dtype=np.uint64)
    np.testing.assert_array_equal(METHYLS.randomised(shuffled, bits), shuffled)


def test_the_canonical_order_keeps_type_and_input(shuffled):
    before = shuffled.copy()
    canonical, _ = METHYLS.canonical(shuffled.astype(np.float64))
    assert canonical.dtype == np.float64
    canonical, _ = METHYLS.canonical(shuffled)
    assert canonical.dtype == np.float32
    np.testing.assert_array_equal(shuffled, before)


def test_no_rotors_and_no_frames_are_fine(shuffled):
    canonical, order = LabelSymmetry().canonical(shuffled)
    np.testing.assert_array_equal(canonical, shuffled)
    assert (order == np.arange(22)).all()
    canonical, order = METHYLS.canonical(shuffled[:0])
    assert canonical.shape == (0, 22, 3)
    assert order.shape == (0, 22)


def test_hydrogens_trade_labels_where_the_beads_cannot_tell():
    table = AtomTable.from_universe(peptide())

    def rotors(*mapping):
        return LabelSymmetry.of(table, Mapping(*mapping)).rotors

    weights = np.ones(22)
    assert len(rotors(BEADS)) == 3
    weights[11] = 2.0
    assert rotors(BEADS, weights)[:, 2].tolist() == [1, 18]
    split = [0, 0, 1, 0, 0, 0] + [1] * 16
    assert rotors(split)[:, 2].tolist() == [10, 18]
    no_hydrogens = table.is_heavy.astype(float)
    assert len(rotors(BEADS, no_hydrogens)) == 3


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 3), min_size=22, max_size=22),
    st.lists(st.sampled_from([0.0, 1.0, 16.0]), min_size=22, max_size=22),
)
def test_the_canonical_order_keeps_the_beads_of_any_mapping(shuffled, beads, weights):
    bead_of_atom = np.unique(beads, return_inverse=True)[1]
    totals = np.bincount(bead_of_atom, weights)
    mapping = Mapping(bead_of_atom, np.asarray(weights) + (totals[bead_of_atom] == 0))
    symmetry = LabelSymmetry.of(AtomTable.from_universe(peptide()), mapping)
    given = shuffled.astype(np.float64)
    canonical, _ = symmetry.canonical(given)
    np.testing.assert_allclose(
        mapping.project(canonical), mapping.project(given), atol=1e-9
    )


def test_chignolin_has_three_rings_and_two_carboxylates(table, flat):
    sides = [
        (
            [table.names[atom] for atom in group.torsion],
            [table.names[atom] for atom in group.first],
            [table.names[atom] for atom in group.second],
            group.in_ring,
        )
        for group in flat.groups
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
    assert len(LabelSymmetry.of(table, Mapping(beads)).groups) == 4
    weights = np.ones(table.n_atoms)
    weights[table.names.index("OD2")] = 2.0
    kept = LabelSymmetry.of(table, Mapping(whole.bead_of_atom, weights)).groups
    assert len(kept) == 4


def test_both_labellings_of_a_structure_become_one(flat, frames):
    canonical, _ = flat.canonical(frames)
    for group in flat.groups:
        other = frames.copy()
        sides = [*group.first, *group.second]
        other[:, sides] = frames[:, [*group.second, *group.first]]
        np.testing.assert_array_equal(flat.canonical(other)[0], canonical)


def test_labels_trade_places_and_nothing_else(table, flat, frames):
    _, order = flat.canonical(frames)
    assert (order != np.arange(table.n_atoms)).any()
    bonds = {tuple(sorted(bond)) for bond in table.bonds.tolist()}
    for row in order:
        assert {tuple(sorted(bond)) for bond in row[table.bonds].tolist()} == bonds
    moved = np.unique(np.nonzero(order != np.arange(table.n_atoms))[1])
    assert set(moved) <= {a for g in flat.groups for a in (*g.first, *g.second)}
    np.testing.assert_array_equal(table.atomic_numbers[order[0]], table.atomic_numbers)


def test_rings_stand_on_one_side_and_carboxylates_lie_along(flat, frames):
    canonical, _ = flat.canonical(frames)
    for group in flat.groups:
        torsions = dihedral_angles(canonical, np.array([group.torsion]))[:, 0]
        middle = 90.0 if group.in_ring else 0.0
        # Half a turn, and what the group is bent by.
        assert np.abs((torsions - middle + 180) % 360 - 180).max() < 90 + 25
