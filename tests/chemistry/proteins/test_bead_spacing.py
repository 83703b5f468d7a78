"""Distances of neighbours tell alpha carbons, centres of mass and side chains apart."""

from functools import cache

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysisTests.datafiles import PDB_small

from openmm_cgvae import Backmapper
from openmm_cgvae.chemistry.proteins import protein_from_beads, recognise_family
from tests.chemistry.proteins.beads import make_beads

pytestmark = pytest.mark.filterwarnings("ignore:.*[Ee]lement", "ignore:.*masses")

BACKBONE = "name N CA C O"


@cache
def adenylate_kinase():
    return mda.Universe(PDB_small).select_atoms("protein")


def centres(where):
    """Return a centre of every residue of a crystal structure [Å]."""
    found = []
    for residue in adenylate_kinase().residues:
        atoms = residue.atoms.select_atoms("not name H*")
        if where == "alpha carbon":
            atoms = atoms.select_atoms("name CA")
        elif where == "backbone":
            atoms = atoms.select_atoms(BACKBONE)
        elif where == "side chain":
            side = atoms.select_atoms(f"not {BACKBONE}")
            atoms = side or atoms.select_atoms("name CA")
        found.append(atoms.center_of_mass())
    return np.array(found)


def one_bead_each(where, name="CA", part=slice(None)):
    names = [str(name) for name in adenylate_kinase().residues.resnames[part]]
    return make_beads([name] * len(names), names, positions=centres(where)[part])


def martini(where):
    """Make Martini 3 beads with BB somewhere and side chains anywhere."""
    from openmm_cgvae.chemistry.proteins.family_mappings import side_chain_beads

    resnames = [str(name) for name in adenylate_kinase().residues.resnames]
    known = {"HSE": "HIS", "HSD": "HIS", "HSP": "HIS"}
    names, residues, positions = [], [], []
    for residue, place in enumerate(centres(where)):
        n_side = side_chain_beads(known.get(resnames[residue], resnames[residue]), 3)
        for bead in range(n_side + 1):
            names.append(f"SC{bead}" if bead else "BB")
            residues.append(residue)
            positions.append(place + [0, 0, 2.5 * bead])
    return make_beads(names, resnames, residues, positions=positions)


@pytest.mark.parametrize("name", ["CA", "B", "own"])
@pytest.mark.parametrize(
    ("where", "family"),
    [("alpha carbon", "alpha-carbon"), ("centre of mass", "residue")],
)
def test_distances_tell_alpha_carbons_from_centres_of_mass_whatever_their_name(
    where, family, name
):
    beads = one_bead_each(where, name)
    if name == "own":
        beads.atoms.names = beads.atoms.resnames
    protein = protein_from_beads(beads)
    assert protein.family == recognise_family(beads) == family
    is_named_so = (name == "CA") == (family == "alpha-carbon")
    other = {"alpha-carbon": "residue", "residue": "alpha-carbon"}[family]
    assert any(f"family={other!r}" in note for note in protein.notes) != is_named_so


@pytest.mark.parametrize("noise", [0.05, 0.15])
def test_noise_of_simulations_changes_no_family(noise):
    rng = np.random.default_rng(0)
    for where, family in (
        ("alpha carbon", "alpha-carbon"),
        ("centre of mass", "residue"),
    ):
        beads = one_bead_each(where, "B")
        beads.atoms.positions += rng.normal(scale=noise, size=(214, 3))
        assert recognise_family(beads) == family


def test_without_positions_names_tell():
    for name, family in (("CA", "alpha-carbon"), ("B", "residue")):
        beads = mda.Universe.empty(9, 9, atom_resindex=range(9))
        beads.add_TopologyAttr("resnames", ["LEU"] * 9)
        beads.add_TopologyAttr("resids", range(9))
        beads.add_TopologyAttr("names", [name] * 9)
        assert recognise_family(beads) == family


def test_the_family_that_is_given_counts():
    beads = one_bead_each("centre of mass", "CA")
    protein = protein_from_beads(beads, family="alpha-carbon")
    assert protein.family == "alpha-carbon"


@pytest.mark.parametrize("first", ["alpha carbon", "centre of mass"])
def test_chains_of_both_kinds_are_refused_with_their_stretch(first):
    second = {"alpha carbon": "centre of mass", "centre of mass": "alpha carbon"}[first]
    positions = np.concatenate([centres(first)[:60], centres(second)[60:160]])
    names = [str(name) for name in adenylate_kinase().residues.resnames[:160]]
    beads = make_beads(["CA"] * 160, names, positions=positions)
    pattern = r"from about \w+ (\d+) to \w+ (\d+) but .* elsewhere.* select one"
    with pytest.raises(ValueError, match=pattern) as caught:
        protein_from_beads(beads)
    numbers = [int(word) for word in str(caught.value).split() if word.isdigit()]
    for number, wanted in zip(numbers[:2], (1, 60), strict=True):
        assert abs(number - wanted) < 8
    assert protein_from_beads(beads, family="residue").family == "residue"


@pytest.mark.parametrize("name", ["SC", "CM"])
def test_side_chains_alone_are_refused(name):
    beads = one_bead_each("side chain", name)
    with pytest.raises(ValueError, match=r"side chains alone.* 6\.\d Å from"):
        protein_from_beads(beads)
    assert protein_from_beads(beads, family="residue").family == "residue"


def test_side_chains_are_told_by_name_where_distances_are_few():
    beads = one_bead_each("side chain", "SC1", slice(3))
    with pytest.raises(ValueError, match="side chains alone"):
        protein_from_beads(beads)


def test_backbone_beads_on_alpha_carbons_are_taken_for_them():
    beads = martini("alpha carbon")
    protein = protein_from_beads(beads)
    assert protein.family == "alpha-carbon"
    assert set(protein.known.names) == {"BB"}
    assert len(protein.known) == 214
    n_side = len(beads.select_atoms("name SC*"))
    assert any(f"the {n_side} others" in note for note in protein.notes)
    np.testing.assert_allclose(
        protein.known.positions, centres("alpha carbon"), atol=1e-4
    )


def test_backbone_beads_at_centres_of_mass_are_martini():
    protein = protein_from_beads(martini("backbone"))
    assert protein.family == "martini3"
    assert not any("alpha" in note for note in protein.notes)


def test_backbone_beads_on_alpha_carbons_give_correct_chirality():
    beads = martini("alpha carbon").select_atoms("resid 1:40")
    ensemble = Backmapper(beads).sample(seed=0)
    columns = ensemble.report().columns
    assert not columns["n_wrong_stereocentres"].any()
    assert not columns["n_cis_amides"].any()
    assert columns["valid_heavy_2022"].all()
