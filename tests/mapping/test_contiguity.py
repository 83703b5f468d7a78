"""Pieces of beads against a flood fill."""

import MDAnalysis as mda
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.mapping import Mapping, bonds_within, join_pieces, pieces_of_beads


def flooded(mapping, bonds):
    """Count the pieces of each bead by spreading from atom to atom."""
    counts = []
    for bead in range(mapping.n_beads):
        left = set(mapping.atoms_of_bead(bead).tolist())
        pieces = 0
        while left:
            pieces += 1
            front = [left.pop()]
            while front:
                atom = front.pop()
                bonded = {j for i, j in bonds if i == atom} | {
                    i for i, j in bonds if j == atom
                }
                front.extend(bonded & left)
                left -= bonded
        counts.append(pieces)
    return counts


@st.composite
def molecules(draw):
    n_atoms = draw(st.integers(1, 8))
    atom = st.integers(0, n_atoms - 1)
    labels = draw(st.lists(st.integers(0, 3), min_size=n_atoms, max_size=n_atoms))
    numbers = {label: bead for bead, label in enumerate(dict.fromkeys(labels))}
    bonds = draw(st.lists(st.tuples(atom, atom), max_size=10))
    return [numbers[label] for label in labels], bonds


@settings(deadline=None, max_examples=50)
@given(molecules())
def test_counts_are_those_of_a_flood_fill(molecule):
    labels, bonds = molecule
    mapping = Mapping(labels)
    assert pieces_of_beads(mapping, bonds).tolist() == flooded(mapping, bonds)


@settings(deadline=None, max_examples=25)
@given(molecules())
def test_joined_beads_have_no_stray_that_is_bonded_to_another(molecule):
    labels, bonds = molecule
    positions = np.random.default_rng(0).normal(size=(2, len(labels), 3))
    joined = join_pieces(np.array(labels), bonds, positions)
    before, after = Mapping(labels), Mapping(joined)
    whole = Mapping([0] * len(labels))
    assert after.n_beads == before.n_beads
    if pieces_of_beads(whole, bonds)[0] == 1:
        assert (pieces_of_beads(after, bonds) == 1).all()
    if (pieces_of_beads(before, bonds) == 1).all():
        assert after == before


def test_strays_go_to_the_nearest_bead_they_are_bonded_to():
    positions = np.array([[[0.0, 0, 0], [1, 0, 0], [3, 0, 0], [9, 0, 0]]])
    bonds = [[0, 1], [1, 2], [2, 3]]
    beads = np.array([0, 2, 1, 2])  # one of the two has to go
    assert join_pieces(beads, bonds, positions).tolist() == [0, 2, 1, 1]
    beads = np.array([0, 1, 2, 2])
    more = np.concatenate([positions, [[[1.5, 0, 0]]]], axis=1)
    beads, bonds = np.append(beads, 2), [*bonds, [1, 4]]
    assert join_pieces(beads, bonds, more).tolist() == [0, 1, 2, 2, 1]


def test_without_bonds_every_atom_is_a_piece():
    assert pieces_of_beads(Mapping([0, 0, 1]), []).tolist() == [2, 1]


@pytest.mark.parametrize("bond", [(0, 3), (-1, 0)])
def test_bonds_of_other_atoms_are_refused(bond):
    with pytest.raises(
        ValueError, match=r"`bonds` names atom .* but the mapping has 3"
    ):
        pieces_of_beads(Mapping([0, 0, 1]), [bond])


class TestBondsWithin:
    def test_are_numbered_as_in_the_group(self):
        universe = mda.Universe.empty(4)
        universe.add_TopologyAttr("bonds", [(0, 1), (1, 2), (2, 3)])
        assert bonds_within(universe.atoms[[3, 2, 0]]).tolist() == [[1, 0]]

    def test_are_not_known_where_there_are_none(self):
        assert bonds_within(mda.Universe.empty(2)) is None

    def test_are_not_known_where_an_atom_has_none(self):
        universe = mda.Universe.empty(3)
        universe.add_TopologyAttr("bonds", [(0, 1)])
        assert bonds_within(universe) is None
        assert bonds_within(universe.atoms[:2]).tolist() == [[0, 1]]
