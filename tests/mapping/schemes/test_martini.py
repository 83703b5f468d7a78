"""Martini beads against those of martinize2, for a peptide of all residues."""

import warnings
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest

from openmm_cgvae import coarse_grain
from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import pieces_of_beads, schemes

FOLDER = Path(__file__).parents[2] / "reference" / "martini"
FORCE_FIELDS = {2: "martini22", 3: "martini3001"}
ROUNDING = 2e-3  # [A], of two PDB files
# What the docstring admits [A]; elsewhere the beads are where martinize2 puts them.
FAR = {
    2: {
        **{(resid, name): 0.1 for resid in (7, 21, 22) for name in ("BB", "SC1")},
        **{(resid, "SC3"): 0.1 for resid in (21, 22)},
        **{(23, "SC1"): 0.1, (24, "SC1"): 0.1, (25, "SC2"): 0.1},
        (26, "BB"): 0.4,  # martinize2 warns that it leaves out OXT
    },
    3: {(5, "SC1"): 0.02, (5, "SC2"): 0.3},
}


def made_by_martinize2(version):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="MDAnalysis")  # beads have no elements
        return mda.Universe(FOLDER / f"{FORCE_FIELDS[version]}.pdb").atoms


@pytest.fixture(scope="module")
def peptide():
    universe = mda.Universe(FOLDER / "peptide.pdb", to_guess=["types", "masses"])
    universe.guess_TopologyAttrs(to_guess=["bonds"])
    return universe


@pytest.fixture
def tripeptide(peptide):
    """ALA CYS ASP as a universe of its own, whose names may be changed."""
    return mda.Merge(peptide.select_atoms("resid 1 2 3"))


@pytest.mark.parametrize("version", [2, 3])
class TestMartinize:
    def test_names_and_residues_are_those_of_the_file(self, peptide, version):
        expected = made_by_martinize2(version)
        beads = coarse_grain(peptide, schemes.martini(peptide, version)).atoms
        assert beads.names.tolist() == expected.names.tolist()
        assert beads.resnames.tolist() == expected.resnames.tolist()
        assert beads.resids.tolist() == expected.resids.tolist()

    def test_beads_lie_where_martinize2_puts_them(self, peptide, version):
        expected = made_by_martinize2(version)
        mapping = schemes.martini(peptide, version)
        shifts = np.linalg.norm(
            mapping.project(peptide.atoms.positions) - expected.positions, axis=1
        )
        allowed = [
            FAR[version].get((int(bead.resid), bead.name), ROUNDING)
            for bead in expected
        ]
        assert (shifts < allowed).all()

    def test_every_bead_is_in_one_piece(self, peptide, version):
        mapping = schemes.martini(peptide, version)
        assert (pieces_of_beads(mapping, peptide.bonds.indices) == 1).all()


class TestEnds:
    def test_caps_are_in_the_next_backbone_bead_and_do_not_move_it(self):
        universe = mda.Universe(data_path("alanine-dipeptide.pdb"))
        mapping = schemes.martini(universe)
        caps = universe.select_atoms("resname ACE NME").indices
        assert mapping.bead_names == ("BB", "SC1")
        assert (mapping.bead_of_atom[caps] == 0).all()
        assert (mapping.weights[caps] == 0).all()
        assert coarse_grain(universe, mapping).atoms.resnames.tolist() == ["ALA"] * 2

    def test_a_cap_alone_is_refused(self):
        cap = mda.Universe(data_path("alanine-dipeptide.pdb")).residues[0].atoms
        with pytest.raises(ValueError, match=r"cap ACE 1 with no amino acid beside it"):
            schemes.martini(cap)

    @pytest.mark.parametrize("name", ["OXT", "OT2", "OC2", "O2"])
    def test_both_oxygens_of_the_end_are_backbone(self, peptide, name):
        end = mda.Merge(peptide.residues[-1].atoms)
        end.select_atoms("name OXT").names = name
        assert schemes.martini(end).bead_names == ("BB",)


class TestNames:
    @pytest.mark.parametrize(
        ("names", "residue"), [("HSD HSE HIP HISB", "HIS"), ("CYX CYM", "CYS")]
    )
    def test_invariance_under_protonation(self, peptide, names, residue):
        atoms = mda.Merge(peptide.select_atoms(f"resname {residue}").residues[0].atoms)
        expected = schemes.martini(atoms)
        for name in names.split():
            atoms.residues[0].resname = name
            assert schemes.martini(atoms) == expected

    def test_isoleucine_of_charmm(self, peptide):
        atoms = mda.Merge(peptide.select_atoms("resname ILE"))
        expected = schemes.martini(atoms)
        atoms.select_atoms("name CD1").names = "CD"
        assert schemes.martini(atoms) == expected

    def test_beads_keep_the_order_of_martini_whatever_that_of_atoms(self, peptide):
        atoms = peptide.select_atoms("resname TRP").atoms[::-1]
        names = schemes.martini(atoms).bead_names
        assert names == ("BB", "SC1", "SC2", "SC3", "SC4", "SC5")


class TestWeights:
    def test_by_mass_every_atom_counts(self, tripeptide):
        mapping = schemes.martini(tripeptide, weights="mass")
        atoms = tripeptide.atoms[mapping.bead_of_atom == 1]
        np.testing.assert_allclose(
            mapping.weights[mapping.bead_of_atom == 1],
            atoms.masses / atoms.total_mass(),
        )

    def test_hydrogens_of_aliphatic_carbons_do_not_count(self, tripeptide):
        weights = schemes.martini(tripeptide).weights
        by_name = dict(zip(tripeptide.atoms.names, weights, strict=True))
        assert by_name["HA"] == by_name["HB2"] == 0
        assert by_name["H"] > 0

    def test_geometry_weighs_alike(self, tripeptide):
        mapping = schemes.martini(tripeptide, weights="geometry")
        sizes = np.bincount(mapping.bead_of_atom)
        np.testing.assert_allclose(mapping.weights, 1 / sizes[mapping.bead_of_atom])


class TestBadInput:
    def test_another_version(self, tripeptide):
        with pytest.raises(ValueError, match=r"`version` is 4 but must be 2 or 3"):
            schemes.martini(tripeptide, 4)

    def test_no_amino_acid(self, tripeptide):
        tripeptide.residues[1].resname = "SOL"
        with pytest.raises(ValueError, match=r"residue SOL 2, which is no amino acid"):
            schemes.martini(tripeptide)

    def test_a_missing_atom(self, tripeptide):
        atoms = tripeptide.select_atoms("not (resid 2 and name CB SG)")
        with pytest.raises(ValueError, match=r"lacks CB SG of residue CYS 2"):
            schemes.martini(atoms)

    def test_an_atom_too_many(self, tripeptide):
        tripeptide.select_atoms("resid 1 and name CB").names = "CB"
        tripeptide.residues[2].resname = "ALA"
        with pytest.raises(ValueError, match=r"CG of residue 3, which ALA"):
            schemes.martini(tripeptide)

    def test_hydrogens_alone(self, tripeptide):
        atoms = tripeptide.select_atoms("element H and resid 1")
        with pytest.raises(ValueError, match=r"but no heavy atom of that residue"):
            schemes.martini(atoms)

    def test_no_masses(self, tripeptide):
        tripeptide.del_TopologyAttr("masses")
        with pytest.raises(ValueError, match=r"`atoms` has no masses"):
            schemes.martini(tripeptide)


@pytest.mark.parametrize(("text", "n_beads"), [("martini", 32), ("martini:2", 28)])
def test_by_name(text, n_beads):
    chignolin = mda.Universe(data_path("chignolin.pdb"))
    assert schemes.from_spec(chignolin, text).n_beads == n_beads
