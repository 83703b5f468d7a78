import warnings

import MDAnalysis as mda
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MDAnalysisTests import datafiles

from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import Mapping, schemes


@pytest.fixture(scope="module")
def dipeptide():
    return mda.Universe(data_path("alanine-dipeptide.pdb"))


@pytest.fixture(scope="module")
def chignolin():
    return mda.Universe(data_path("chignolin.pdb"))


@pytest.fixture(scope="module")
def adk():
    """A protein of 214 residues with charged termini, in triclinic water."""
    return mda.Universe(datafiles.TPR, datafiles.XTC).select_atoms("protein")


def made_of(names, resnames=("GLY",), resindex=None):
    """A universe of named atoms, with elements, masses and positions on a line."""
    resindex = resindex or [0] * len(names)
    universe = mda.Universe.empty(
        len(names), len(resnames), atom_resindex=resindex, trajectory=True
    )
    universe.add_TopologyAttr("names", names)
    universe.add_TopologyAttr("resnames", resnames)
    universe.add_TopologyAttr("resids", range(1, len(resnames) + 1))
    universe.add_TopologyAttr("masses", np.arange(1.0, len(names) + 1))
    universe.atoms.positions = np.arange(len(names))[:, None] * [1.4, 0, 0]
    return universe


def contents(universe, mapping):
    """What is in each bead, as sets of 'residue atom'."""
    labels = [f"{atom.resname} {atom.name}" for atom in universe.atoms]
    return [
        {labels[atom] for atom in mapping.atoms_of_bead(bead)}
        for bead in range(mapping.n_beads)
    ]


class TestEveryScheme:
    @pytest.mark.parametrize(
        "text",
        [
            "residues",
            "alpha-carbon",
            "peptide-units",
            "peptide-units:split",
            "backbone:9",
        ],
    )
    def test_beads_are_ordered_by_first_atom(self, adk, text):
        mapping = schemes.from_spec(adk, text)
        firsts = [mapping.atoms_of_bead(bead)[0] for bead in range(mapping.n_beads)]
        assert mapping.n_atoms == len(adk)
        assert firsts == sorted(firsts)

    def test_groups_are_mapped_in_their_own_order(self):
        universe = made_of(["N", "CA", "N", "CA"], ["GLY", "ALA"], [0, 0, 1, 1])
        mapping = schemes.residues(universe.atoms[[3, 0, 2]])
        assert mapping.bead_of_atom.tolist() == [0, 1, 0]
        np.testing.assert_allclose(mapping.weights, [4 / 7, 1, 3 / 7])

    @pytest.mark.parametrize(
        "scheme",
        [
            schemes.residues,
            schemes.alpha_carbon,
            schemes.peptide_units,
            lambda atoms: schemes.selections(atoms, {"all": "all"}),
            lambda atoms: schemes.backbone_partition(atoms, 2),
        ],
    )
    def test_empty_and_repeating_groups_are_refused(self, dipeptide, scheme):
        with pytest.raises(ValueError, match="`atoms` is empty"):
            scheme(dipeptide.atoms[[]])
        with pytest.raises(ValueError, match="`atoms` has an atom twice"):
            scheme(dipeptide.atoms[[0, 0]])

    def test_missing_masses_are_named(self):
        universe = mda.Universe.empty(2, atom_resindex=[0, 0])
        with pytest.raises(ValueError, match="`atoms` has no masses; add them"):
            schemes.residues(universe)
        assert schemes.residues(universe, "geometry").weights.tolist() == [0.5, 0.5]


class TestResidues:
    def test_beads_are_the_centres_of_mass(self, adk):
        beads = schemes.residues(adk).project(adk.positions)
        centres = adk.center_of_mass(compound="residues")
        np.testing.assert_allclose(beads, centres, atol=1e-4)

    def test_weights_of_ones_own(self):
        universe = made_of(["A", "B"])
        assert schemes.residues(universe, [0, 2.0]).weights.tolist() == [0, 1]


class TestAlphaCarbon:
    def test_beads_sit_on_the_alpha_carbons(self, adk):
        mapping = schemes.alpha_carbon(adk)
        alphas = adk.select_atoms("name CA")
        np.testing.assert_array_equal(mapping.project(adk.positions), alphas.positions)
        assert mapping.bead_of_atom.tolist() == adk.resindices.tolist()

    def test_caps_sit_on_their_methyl(self, dipeptide):
        mapping = schemes.alpha_carbon(dipeptide)
        weighed = dipeptide.atoms[mapping.weights > 0]
        assert weighed.names.tolist() == ["CH3", "CA", "C"]

    def test_a_residue_without_one_is_named(self):
        universe = made_of(["CA", "OW"], ["GLY", "SOL"], [0, 1])
        with pytest.raises(ValueError, match="0 alpha carbons in residue SOL 2"):
            schemes.alpha_carbon(universe)

    def test_alternate_locations_are_refused(self):
        with pytest.raises(ValueError, match="2 alpha carbons in residue GLY 1"):
            schemes.alpha_carbon(made_of(["CA", "CA"]))


class TestSelections:
    universe = made_of(["N", "CB", "N", "CB"], ["ALA", "ALA"], [0, 0, 1, 1])

    def test_by_residue_or_not(self):
        beads = {"SC": "name CB", "BB": "name N"}
        by_residue = schemes.selections(self.universe, beads)
        assert by_residue.bead_names == ("BB", "SC", "BB", "SC")
        assert by_residue.bead_of_atom.tolist() == [0, 1, 2, 3]
        over_all = schemes.selections(self.universe, beads, per_residue=False)
        assert over_all.bead_names == ("BB", "SC")
        assert over_all.bead_of_atom.tolist() == [0, 1, 0, 1]

    def test_only_atoms_of_the_group_are_selected(self):
        mapping = schemes.selections(self.universe.atoms[2:], {"A": "all"})
        assert mapping.bead_of_atom.tolist() == [0, 0]

    @pytest.mark.parametrize(
        ("beads", "match"),
        [
            ({"A": "all", "B": "name CB"}, "'A' and 'B' both select atom 1 CB"),
            ({"A": "name N"}, "leave 2 atoms without a bead, the first atom 1 CB"),
            ({}, "leave 4 atoms without a bead"),
            ({"A": "name XX"}, r"'A' selects no atom \('name XX'\)"),
            ({"A": "nome N"}, "'A' is not a selection MDAnalysis understands"),
        ],
    )
    def test_bad_selections(self, beads, match):
        with pytest.raises(ValueError, match=f"`beads` {match}"):
            schemes.selections(self.universe, beads)


class TestBackbonePartition:
    @settings(deadline=None, max_examples=25)
    @given(st.integers(1, 9), st.integers(0, 99))
    def test_segments_are_runs_of_the_chain(self, n_beads, seed):
        universe = mda.Universe(data_path("alanine-dipeptide.pdb"))
        mapping = schemes.backbone_partition(universe, n_beads, seed)
        assert mapping.bead_names == tuple(f"P{bead}" for bead in range(n_beads))
        chain = ["CH3", "C", "O", "N", "CA", "C", "O", "N", "C"]
        beads = []
        for residue, names in zip(
            universe.residues, (chain[:3], chain[3:7], chain[7:]), strict=True
        ):
            for name in names:
                atom = residue.atoms.select_atoms(f"name {name}")[0]
                beads.append(mapping.bead_of_atom[atom.index])
        runs = [bead for i, bead in enumerate(beads) if i == 0 or bead != beads[i - 1]]
        assert sorted(runs) == list(range(n_beads))

    def test_side_chains_go_to_the_nearest_segment(self, chignolin):
        mapping = schemes.backbone_partition(chignolin, 6, seed=1)
        names = ["N", "CA", "C", "O", "CH3"]
        is_backbone = np.isin(chignolin.atoms.names, names)
        positions = chignolin.atoms.positions
        centres = np.array(
            [
                positions[is_backbone & (mapping.bead_of_atom == bead)].mean(axis=0)
                for bead in range(6)
            ]
        )
        for atom in np.flatnonzero(~is_backbone):
            distances = np.linalg.norm(centres - positions[atom], axis=1)
            assert mapping.bead_of_atom[atom] == np.argmin(distances)

    def test_seeds(self, chignolin):
        def partition(seed):
            return schemes.backbone_partition(chignolin, 6, seed)

        assert partition(3) == partition(3)
        assert len({tuple(partition(seed).bead_of_atom) for seed in range(5)}) == 5

    @pytest.mark.parametrize("n_beads", [0, -1, 10])
    def test_a_number_of_beads_that_cannot_be(self, dipeptide, n_beads):
        with pytest.raises(ValueError, match=f"`n_beads` is {n_beads} .* from 1 to 9"):
            schemes.backbone_partition(dipeptide, n_beads)

    def test_water_is_refused(self):
        universe = made_of(["CA", "OW"], ["GLY", "SOL"], [0, 1])
        with pytest.raises(ValueError, match="no backbone in residue SOL 2"):
            schemes.backbone_partition(universe, 1)

    def test_several_chains_are_refused(self):
        universe = mda.Universe.empty(
            2, 2, 2, atom_resindex=[0, 1], residue_segindex=[0, 1], trajectory=True
        )
        universe.add_TopologyAttr("names", ["CA", "CA"])
        with pytest.raises(ValueError, match="several segments"):
            schemes.backbone_partition(universe, 1)


class TestPeptideUnits:
    def test_dipeptide_in_five(self, dipeptide):
        mapping = schemes.peptide_units(dipeptide)
        assert mapping.bead_names == ("CH3", "PEP", "CA", "PEP", "CH3")
        assert contents(dipeptide, mapping) == [
            {"ACE CH3", "ACE H1", "ACE H2", "ACE H3"},
            {"ACE C", "ACE O", "ALA N", "ALA H"},
            {"ALA CA", "ALA HA", "ALA CB", "ALA HB1", "ALA HB2", "ALA HB3"},
            {"ALA C", "ALA O", "NME N", "NME H"},
            {"NME C", "NME H1", "NME H2", "NME H3"},
        ]

    def test_dipeptide_in_eight(self, dipeptide):
        mapping = schemes.peptide_units(dipeptide, split_planes=True)
        assert mapping.bead_names == (
            "CH3",
            "CO",
            "NH",
            "CA",
            "SC",
            "CO",
            "NH",
            "CH3",
        )
        assert contents(dipeptide, mapping)[3:5] == [
            {"ALA CA", "ALA HA"},
            {"ALA CB", "ALA HB1", "ALA HB2", "ALA HB3"},
        ]

    def test_heavy_atoms_alone(self, dipeptide):
        heavy = dipeptide.select_atoms("not element H")
        assert schemes.peptide_units(heavy).n_beads == 5

    def test_glycine_proline_and_caps_of_chignolin(self, chignolin):
        mapping = schemes.peptide_units(chignolin, split_planes=True)
        first_atoms = [mapping.atoms_of_bead(b)[0] for b in range(mapping.n_beads)]
        by_residue = {}
        for bead, atom in enumerate(first_atoms):
            residue = chignolin.atoms[atom].residue
            by_residue.setdefault(residue.resname, set()).add(mapping.bead_names[bead])
        assert by_residue["GLY"] == {"NH", "CA", "CO"}
        assert by_residue["PRO"] == {"NH", "CA", "SC", "CO"}
        assert by_residue["ACE"] == {"CH3", "CO"}
        assert by_residue["NME"] == {"CH3", "NH"}
        pro_n = chignolin.select_atoms("resname PRO and name N")[0].index
        assert mapping.atoms_of_bead(mapping.bead_of_atom[pro_n]).tolist() == [pro_n]

    def test_planes_span_neighbours_and_never_more(self, chignolin):
        mapping = schemes.peptide_units(chignolin)
        assert mapping.bead_names.count("PEP") == 11
        for bead, name in enumerate(mapping.bead_names):
            inside = chignolin.atoms[mapping.atoms_of_bead(bead)]
            assert len(inside.residues) == (2 if name == "PEP" else 1)

    def test_termini_and_broken_molecules(self, adk):
        """Residues of this frame lie across the boundaries of a triclinic box."""
        mapping = schemes.peptide_units(adk)
        names = mapping.bead_names
        assert names.count("PEP") == adk.n_residues - 1
        assert (names[0], names[-1]) == ("NH", "CO")
        ammonium = adk[mapping.atoms_of_bead(0)].names.tolist()
        assert ammonium == ["N", "H1", "H2", "H3"]
        assert len(mapping.atoms_of_bead(mapping.n_beads - 1)) == 3

    def test_a_gap_in_the_chain_leaves_halves(self, chignolin):
        gapped = chignolin.select_atoms("not resid 5")
        names = schemes.peptide_units(gapped).bead_names
        assert names.count("CO") == names.count("NH") == 1

    def test_elements_are_not_needed(self, dipeptide):
        nameless = mda.Universe(data_path("alanine-dipeptide.pdb"))
        nameless.del_TopologyAttr("elements")
        assert schemes.peptide_units(nameless) == schemes.peptide_units(dipeptide)

    @pytest.mark.parametrize(
        ("names", "resname"),
        [
            (["OW", "HW1"], "SOL"),
            (["N", "CA", "C", "O", "CAY", "CY"], "ALA"),
            (["C", "O"], "LIG"),
            (["CH3"], "ACE"),
        ],
    )
    def test_what_is_no_peptide_is_named(self, names, resname):
        with pytest.raises(
            ValueError, match=f"residue {resname} 1 with atoms .*neither"
        ):
            schemes.peptide_units(made_of(names, [resname]))


class TestFromSpec:
    def test_names_of_schemes(self, chignolin):
        assert schemes.from_spec(chignolin, "residues") == schemes.residues(chignolin)
        assert schemes.from_spec(chignolin, "backbone:6:3") == (
            schemes.backbone_partition(chignolin, 6, seed=3)
        )
        assert schemes.from_spec(chignolin, "peptide-units:split") == (
            schemes.peptide_units(chignolin, split_planes=True)
        )

    def test_files(self, tmp_path, dipeptide):
        mapping = schemes.peptide_units(dipeptide)
        path = tmp_path / "five.json"
        mapping.save(path)
        assert schemes.from_spec(dipeptide, str(path)) == mapping
        Mapping([0]).save(path)
        with pytest.raises(ValueError, match="maps 1 atoms but there are 22"):
            schemes.from_spec(dipeptide, str(path))

    @pytest.mark.parametrize(
        "text",
        ["", "residue", "backbone", "backbone:x", "backbone:-1", "backbone:1:2:3"]
        + ["residues:2", "peptide-units:all"],
    )
    def test_anything_else_is_refused(self, dipeptide, text):
        with pytest.raises(
            ValueError, match=f"`text` is '{text}', which names no scheme; give res"
        ):
            schemes.from_spec(dipeptide, text)


def test_large_proteins_are_quick_and_quiet(adk):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert schemes.peptide_units(adk, split_planes=True).n_beads == 836
