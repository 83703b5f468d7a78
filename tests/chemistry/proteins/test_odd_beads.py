"""Odd beads give a result or one sentence."""

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysisTests.datafiles import Martini_membrane_gro, PDB_full, PDB_icodes

from openmm_cgvae import Backmapper
from openmm_cgvae.chemistry.proteins import protein_from_beads, recognise_family
from tests.chemistry.proteins.beads import alpha_carbons, make_beads

FAR = [[0, 0, 0], [3.8, 0, 0], [90, 0, 0], [93.8, 0, 0]]
GAP = [[0, 0, 0], [3.8, 0, 0], [20, 0, 0], [23.8, 0, 0]]


def four(**attributes):
    return alpha_carbons("ALA GLY SER ALA", **attributes)


def martini(sequence, side_chains, **attributes):
    names, residues = [], []
    for residue, n_side in enumerate(side_chains):
        beads = ["BB", *(f"SC{bead}" for bead in range(1, n_side + 1))]
        names += beads
        residues += [residue] * len(beads)
    return make_beads(names, sequence.split(), residues, **attributes)


def with_sites():
    """Make Martini 3 with a Go site and a dummy in its residues."""
    return make_beads(
        ["BB", "SC1", "CA", "BB", "CA", "TC"],
        ["ALA", "GLY"],
        [0, 0, 0, 1, 1, 1],
        positions=[[x, 0, 0] for x in (0, 2, 0, 3.5, 3.5, 5)],
    )


def alternates():
    beads = make_beads(["CA"] * 4, ["ALA", "SER", "GLY"], [0, 1, 1, 2])
    beads.add_TopologyAttr("altLocs", ["", "A", "B", ""])
    beads.atoms.positions = [[0, 0, 0], [3.8, 0, 0], [3.7, 0, 0], [7.6, 0, 0]]
    return beads


def with_sites_behind(n_chains=1, water=0):
    """Martini with Gō sites behind the beads of each chain, as martinize2 has them."""
    names, resnames, residue, resids, where = [], [], [], [], []

    def put(name, place):
        names.append(name)
        residue.append(len(resnames) - 1)
        where.append(place)

    sequence = ("ALA", "GLY", "SER", "ALA")
    for chain in range(n_chains):
        for beads in (True, False):
            for number, resname in enumerate(sequence, start=1):
                resnames.append(resname)
                resids.append(number)
                place = np.array([3.5 * number, 20.0 * chain, 0.0])
                put("BB" if beads else "CA", place)
                if beads and resname != "GLY":
                    put("SC1", place + [0, 0, 2.5])
    for number in range(water):
        resnames.append("W")
        resids.append(number + 1)
        put("W", np.array([0.0, 0.0, 50.0 + 5 * number]))
    return make_beads(names, resnames, residue, resids=resids, positions=where)


def mixed_residue():
    beads = alpha_carbons("ALA SER THR GLY", resids=[1, 2, 2, 3])
    beads.add_TopologyAttr("altLocs", ["", "A", "B", ""])
    beads.atoms.positions = [[0, 0, 0], [3.8, 0, 0], [3.7, 0, 0], [7.6, 0, 0]]
    return beads


# What, beads, names of the residues that are built, a word of the notes.
BUILT = {
    "a gap": (four(resids=[1, 2, 8, 9], positions=GAP), "ALA GLY SER ALA", "broken"),
    "no gap but a jump": (four(resids=[1, 2, 8, 9]), "ALA GLY SER ALA", ""),
    "numbers fall": (
        four(resids=[1, 2, 1, 2], positions=GAP),
        "ALA GLY SER ALA",
        "broken",
    ),
    "numbers go on in another chain": (
        four(positions=FAR),
        "ALA GLY SER ALA",
        "broken",
    ),
    "insertion codes": (
        four(resids=[52, 52, 52, 53], icodes=["", "A", "B", ""]),
        "ALA GLY SER ALA",
        "",
    ),
    "one number for all": (four(resids=[1] * 4), "ALA GLY SER ALA", ""),
    "equal neighbours of one number": (
        make_beads(["CA"] * 3, ["ALA"], [0, 0, 0]),
        "ALA ALA ALA",
        "3 beads named CA of one residue",
    ),
    "CHARMM's histidines": (alpha_carbons("HSD HSE HSP"), "HIS HIS HIS", ""),
    "histidine": (alpha_carbons("GLY HIS"), "GLY HIS", "NE2"),
    "selenomethionine": (alpha_carbons("MSE GLY"), "MET GLY", "built as MET"),
    "lower case": (alpha_carbons("ala gly"), "ALA GLY", ""),
    "one letter": (alpha_carbons("M K V"), "MET LYS VAL", ""),
    "alternate locations": (alternates(), "ALA SER GLY", "alternate"),
    "two residues in one place": (mixed_residue(), "ALA SER GLY", "alternate"),
    "a lone CYX": (alpha_carbons("GLY CYX"), "GLY CYS", "no cysteine near"),
    "ASH at an end": (alpha_carbons("ASH GLY"), "ASP GLY", "built as ASP"),
    "DNA between": (
        make_beads(["CA", "CA", "P", "CA", "CA"], ["ALA", "GLY", "DA", "SER", "ALA"]),
        "ALA GLY SER ALA",
        "broken",
    ),
    "ions and water after, named as residues": (
        make_beads(["ALA", "GLY", "NA", "W"], ["ALA", "GLY", "NA", "W"]),
        "ALA GLY",
        "",
    ),
    "centres of mass named CA": (
        four(positions=[[0, 0, 0], [5, 0, 0], [9, 3, 0], [13, 0, 0]]),
        "ALA GLY SER ALA",
        "family='residue'",
    ),
    "an amino acid as a ligand": (
        alpha_carbons("ALA GLY ASP", positions=FAR[:3]),
        "ALA GLY",
        "ASP 3 is bonded to no other residue",
    ),
    "a ligand that has a CA": (
        alpha_carbons("ALA GLY SAH", positions=FAR[:3]),
        "ALA GLY",
        "",
    ),
    "calcium after": (alpha_carbons("ALA GLY CA"), "ALA GLY", ""),
    "Martini with virtual sites": (with_sites(), "ALA GLY", ""),
    "Martini with Go sites behind": (with_sites_behind(), "ALA GLY SER ALA", ""),
    "Martini that could be either": (martini("GLY SER", [0, 1]), "GLY SER", "family="),
}


@pytest.mark.parametrize("what", BUILT)
def test_odd_beads_are_built(what):
    beads, names, word = BUILT[what]
    protein = protein_from_beads(beads)
    assert " ".join(protein.atom_table.residue_names) == names
    assert word in " ".join(protein.notes)
    assert bool(protein.notes) == bool(word)
    assert len(protein.known) + len(protein.others) == len(beads.atoms)
    assert protein.mapping.n_beads == len(protein.known)


REFUSED = {
    "phosphoserine": (alpha_carbons("ALA SEP GLY"), {}, "chains .*: SEP 2; rename"),
    "unknown at an end": (alpha_carbons("ALA GLY UNK"), {}, "UNK 3"),
    "in Martini": (martini("GLY UNK GLY", [0, 1, 0]), {}, "UNK 2"),
    "among beads named as residues": (
        make_beads(["ALA", "SEP", "GLY"], ["ALA", "SEP", "GLY"]),
        {},
        "SEP 2",
    ),
    "water": (make_beads(["W"] * 2, ["W"] * 2), {}, "no amino acid among 2 beads of W"),
    "bases": (alpha_carbons("A G A"), {}, "no amino acid"),
    "no beads": (four().select_atoms("name X"), {}, "is empty"),
    "beads twice": (four().atoms[[0, 0]], {}, "1 different"),
    "one residue": (alpha_carbons("ALA"), {}, "bonded to each other, only ALA 1"),
    "only caps": (alpha_carbons("ACE NME"), {}, "no amino acid"),
    "atoms": (
        make_beads(["N", "CA", "N", "CA"], ["ALA", "GLY"], [0, 0, 1, 1]),
        {},
        "named N, CA; .* select_atoms",
    ),
    "a side chain is missing": (
        martini("TRP TYR SER", [5, 4, 0]),
        {},
        "lacks .* SC1 of SER 3",
    ),
    "neither Martini": (martini("ALA TRP", [1, 3]), {}, "neither version"),
    "caps in Martini": (martini("ACE ALA", [0, 1]), {}, "no beads for caps"),
    "no such family": (four(), {"family": "CA"}, "must be one of alpha-carbon"),
    "another family": (four(), {"family": "martini3"}, "lacks beads of martini3: BB"),
    "many beads": (
        martini("GLY SER", [0, 1]),
        {"family": "residue"},
        "2 beads in SER 2",
    ),
    "bridge of others": (four(), {"disulfides": [(0, 1)]}, "no cysteine"),
    "bridge twice": (
        alpha_carbons("CYS CYS CYS"),
        {"disulfides": [(0, 1), (1, 2)]},
        "in two pairs",
    ),
    "bridges of words": (four(), {"disulfides": "none"}, "'auto' or pairs"),
    "wrong protonation": (four(), {"protonation": {0: "HIP"}}, "can be ALA"),
    "bridge by protonation": (
        alpha_carbons("GLY CYS"),
        {"protonation": {1: "CYX"}},
        "can be CYM or CYS; bridges",
    ),
    "no such residue": (four(), {"protonation": {4: "ALA"}}, "0 to 3"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_odd_beads_get_a_sentence(what):
    beads, options, sentence = REFUSED[what]
    with pytest.raises(ValueError, match=sentence) as caught:
        protein_from_beads(beads, **options)
    assert str(caught.value).startswith("`")
    assert "\n" not in str(caught.value)


def test_beads_without_names_get_a_sentence():
    nameless = mda.Universe.empty(2, 2, atom_resindex=[0, 1])
    with pytest.raises(ValueError, match="no names of residues"):
        protein_from_beads(nameless)
    nameless.add_TopologyAttr("resnames", ["ALA", "GLY"])
    with pytest.raises(ValueError, match="no names of beads"):
        recognise_family(nameless)


def test_a_membrane_has_no_protein():
    with pytest.raises(ValueError, match="of CHOL, DPPC"):
        protein_from_beads(mda.Universe(Martini_membrane_gro, to_guess=[]))


@pytest.mark.parametrize(
    ("path", "n_residues", "n_codes"), [(PDB_full, 204, 1), (PDB_icodes, 185, 11)]
)
def test_alpha_carbons_of_files_of_the_pdb(path, n_residues, n_codes):
    alpha = mda.Universe(path).select_atoms("protein and name CA")
    table = protein_from_beads(alpha).atom_table
    assert table.n_residues == n_residues
    assert len(set(table.insertion_codes)) == n_codes


def test_without_positions_chains_are_told_by_names():
    universe = mda.Universe.empty(3, 3, atom_resindex=[0, 1, 2])
    for name, values in (
        ("names", ["CA"] * 3),
        ("resnames", ["CYS", "GLY", "CYS"]),
        ("resids", [1, 2, 9]),
    ):
        universe.add_TopologyAttr(name, values)
    protein = protein_from_beads(universe)
    assert protein.atom_table.names.count("OXT") == 1
    assert "no positions" in " ".join(protein.notes)


def test_a_bond_joins_what_is_far():
    beads = four(positions=FAR)
    assert protein_from_beads(beads).atom_table.names.count("OXT") == 2
    beads.add_TopologyAttr("bonds", [(0, 1), (1, 2), (2, 3)])
    assert protein_from_beads(beads).atom_table.names.count("OXT") == 1


def test_the_box_joins_what_is_on_either_side():
    beads = four(positions=[[0, 0, 0], [3.8, 0, 0], [92.4, 0, 0], [96.2, 0, 0]])
    beads.dimensions = [100, 50, 50, 90, 90, 90]
    beads.atoms[0].position = [7.6, 0, 0]
    beads.atoms[2].position = [100, 0, 0]
    assert protein_from_beads(beads).notes == ()


def test_a_shuffled_group_is_read_in_the_order_of_the_universe():
    beads = four()
    protein = protein_from_beads(beads.atoms[[2, 0, 3, 1]])
    assert protein.known == beads.atoms


def test_chains_of_one_name_get_names_of_their_own():
    beads = four(resids=[1, 2, 1, 2], positions=GAP, segids=["A"])
    table = protein_from_beads(beads).atom_table
    assert table.chain_ids == ("A", "A", "B", "B")


@pytest.mark.parametrize("n_chains", [1, 3])
def test_sites_behind_the_beads_are_others_and_water_beside_them_too(n_chains):
    protein = protein_from_beads(with_sites_behind(n_chains, water=5))
    assert protein.family == "martini3"
    assert protein.atom_table.n_residues == 4 * n_chains
    assert protein.atom_table.names.count("OXT") == n_chains
    assert set(protein.sites.names) == {"CA"}
    assert len(protein.sites) == 4 * n_chains
    assert set((protein.others - protein.sites).names) == {"W"}
    assert len(protein.others) == 4 * n_chains + 5


def test_a_backmapper_leaves_sites_alone_and_says_what_is_water():
    assert len(Backmapper(with_sites_behind()).beads) == 7
    with pytest.raises(ValueError, match="W"):
        Backmapper(with_sites_behind(water=2))
    dropped = Backmapper(with_sites_behind(water=2), unknown="drop").dropped
    assert set(dropped.names) == {"W"}


@pytest.mark.parametrize("cap", ["NH2", "NHE"])
def test_a_cap_that_the_model_does_not_know_gets_a_sentence(cap):
    beads = alpha_carbons(f"ALA GLY SER ALA {cap}")
    assert protein_from_beads(beads).atom_table.residue_names[-1] == "NHE"
    with pytest.raises(ValueError, match="^`universe` has the cap NHE 5, .*; leave"):
        Backmapper(beads, family="residue")
    # The crystals that the model of alpha carbons learned from have amides.
    assert "NHE" in Backmapper(beads).sample(seed=0).atom_table.residue_names


@pytest.mark.parametrize("build", [protein_from_beads, recognise_family, Backmapper])
def test_an_updating_group_is_refused(build):
    group = four().select_atoms("name CA", updating=True)
    with pytest.raises(ValueError, match="is an updating group, .* pass its `atoms`"):
        build(group)
    assert build(group.atoms)
