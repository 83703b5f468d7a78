import MDAnalysis as mda
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.backmapping.model_choice.bead_matching import (
    bead_names_of,
    bead_names_of_molecule,
    check_bonds,
    find_molecules,
    spell,
)
from openmm_cgvae.testing import dipeptide

PEPTIDE = (("GLY", "CA"), ("ALA", "CA"), ("GLY", "CA"))


def beads_of(rows, segments=None):
    """Beads [resid, icode, resname, name] each, a residue for every one."""
    universe = mda.Universe.empty(
        len(rows),
        len(rows),
        n_segments=1 + max(segments or [0]),
        atom_resindex=range(len(rows)),
        residue_segindex=segments or [0] * len(rows),
    )
    attributes = ("resids", "icodes", "resnames", "names")
    for name, values in zip(attributes, zip(*rows, strict=True), strict=True):
        universe.add_TopologyAttr(name, list(values))
    return universe.atoms


def named(names):
    """Beads with names of residues and beads, numbered as they come."""
    return beads_of([(i, "", *each) for i, each in enumerate(names)])


class TestBeadNames:
    @pytest.mark.parametrize("spec", ["residues", "alpha-carbon", "backbone:8"])
    def test_of_a_molecule_are_those_of_its_coarse_grained_universe(self, spec):
        model = dipeptide.untrained(spec)
        of_model = bead_names_of_molecule(model.atom_table, model.mapping)
        assert of_model == bead_names_of(dipeptide.beads(spec).atoms)

    def test_are_empty_where_there_are_none(self):
        assert bead_names_of(mda.Universe.empty(2).atoms) == (("", ""), ("", ""))

    def test_of_a_long_list_are_shortened_in_the_middle(self):
        names = tuple(("GLY", f"B{i}") for i in range(9))
        assert spell(names[:2]) == "2 beads GLY:B0 GLY:B1"
        assert spell(names) == (
            "9 beads GLY:B0 GLY:B1 GLY:B2 GLY:B3 … GLY:B6 GLY:B7 GLY:B8"
        )


class TestFoundMolecules:
    def test_do_not_overlap(self):
        found = find_molecules(named([("A", "B")] * 5), [("A", "B")] * 2)
        assert found.known.indices.tolist() == [0, 1, 2, 3]
        assert found.others.indices.tolist() == [4]

    @given(kinds=st.lists(st.sampled_from("PWX"), max_size=12))
    @settings(deadline=None, max_examples=50)
    def test_and_what_is_left_over_are_a_partition(self, kinds):
        names = {"P": PEPTIDE, "W": [("SOL", "W")], "X": PEPTIDE[:1]}
        group = named([name for kind in [*kinds, "W"] for name in names[kind]])
        found = find_molecules(group, PEPTIDE)
        both = np.concatenate([found.known.indices, found.others.indices])
        assert sorted(both) == list(range(len(group)))
        assert found.n_molecules >= kinds.count("P") * ("X" not in kinds)
        assert bead_names_of(found.known) == PEPTIDE * found.n_molecules

    @pytest.mark.parametrize("n_waters", [0, 1, 3])
    def test_none_are_left_in_what_is_left_over(self, n_waters):
        group = named([*PEPTIDE * 2, *[("SOL", "W")] * n_waters, *PEPTIDE])
        others = find_molecules(group, PEPTIDE).others
        assert find_molecules(others, PEPTIDE).n_molecules == 0
        assert len(others) == n_waters


class TestInAnotherOrder:
    def test_residues_are_sorted_by_number(self):
        rows = [(3, "", "GLY", "CA"), (1, "", "GLY", "CA"), (2, "", "ALA", "CA")]
        found = find_molecules(beads_of(rows), PEPTIDE)
        assert found.known.indices.tolist() == [1, 2, 0]
        assert found.is_reordered

    def test_insertion_codes_break_ties_of_numbers(self):
        rows = [(5, "B", "GLY", "CA"), (5, "", "GLY", "CA"), (5, "A", "ALA", "CA")]
        found = find_molecules(beads_of(rows), PEPTIDE)
        assert found.known.indices.tolist() == [1, 2, 0]

    def test_segments_that_are_interleaved_are_parted(self):
        rows = [(i, "", name, "CA") for i, name in enumerate(["GLY", "ALA", "GLY"])]
        beads = beads_of([row for row in rows for _ in range(2)], [0, 1] * 3)
        found = find_molecules(beads, PEPTIDE)
        assert found.known.indices.tolist() == [0, 2, 4, 1, 3, 5]
        assert not len(found.others)

    def test_molecules_are_found_beside_water(self):
        rows = [(3, "", "GLY", "CA"), (1, "", "GLY", "CA"), (2, "", "ALA", "CA")]
        water = [(4, "", "SOL", "W")]
        found = find_molecules(beads_of([*water, *rows, *water, *rows]), PEPTIDE)
        assert found.known.indices.tolist() == [2, 3, 1, 6, 7, 5]
        assert found.others.indices.tolist() == [0, 4]

    def test_equal_numbers_and_names_that_repeat_tell_no_order(self):
        rows = [(1, "", name, "CA") for name in ("ALA", "GLY", "GLY")]
        assert find_molecules(beads_of(rows), PEPTIDE).n_molecules == 0

    @given(order=st.permutations(range(8)))
    @settings(deadline=None, max_examples=25)
    def test_order_of_beads_with_names_of_their_own_does_not_matter(self, order):
        beads = dipeptide.beads("backbone:8").atoms
        found = find_molecules(beads[order], bead_names_of(beads))
        assert found.known.indices.tolist() == list(range(8))


class TestBonds:
    @pytest.mark.parametrize(
        ("bonds", "is_refused"),
        [([(0, 1), (1, 2)], False), ([(6, 7)], False), ([(2, 3)], True),
         ([(5, 6)], True)],
    )  # fmt: skip
    def test_stay_inside_a_molecule(self, bonds, is_refused):
        beads = named([*PEPTIDE * 2, *[("SOL", "W")] * 2])
        beads.universe.add_TopologyAttr("bonds", bonds)
        found = find_molecules(beads, PEPTIDE)
        if not is_refused:
            check_bonds(found)
            return
        with pytest.raises(ValueError, match="a bond from CA . to .* which joins a mo"):
            check_bonds(found)
