"""Order of trust: the model given, a shipped molecule, a shipped family of beads."""

import shutil

import MDAnalysis as mda
import numpy as np
import pytest

from openmm_cgvae.backmapping.model_choice import choose_model as module
from openmm_cgvae.backmapping.model_choice.bead_matching import find_molecules
from openmm_cgvae.backmapping.model_choice.choose_model import choose_model
from openmm_cgvae.chemistry.proteins import protein_from_beads
from openmm_cgvae.model import pretrained
from openmm_cgvae.model.checkpoint import save_model
from openmm_cgvae.model.pretrained import load_model, model_path
from openmm_cgvae.testing import dipeptide

DIPEPTIDE = [("ACE", "RES"), ("ALA", "RES"), ("NME", "RES")]
WATER = [("SOL", "W")]
PEPTIDE = [(name, "CA") for name in ("MET", "GLY", "TRP", "SER")]


def beads_of(names, spacing=3.8):
    """Beads on a line, a residue for every one."""
    n = len(names)
    universe = mda.Universe.empty(n, n, atom_resindex=range(n), trajectory=True)
    universe.add_TopologyAttr("resnames", [residue for residue, _ in names])
    universe.add_TopologyAttr("names", [bead for _, bead in names])
    universe.add_TopologyAttr("resids", np.arange(1, n + 1))
    universe.atoms.positions = spacing * np.eye(3)[0] * np.arange(n)[:, None]
    return universe.atoms


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Two models of a dipeptide in place of those that ship."""
    for name, spec in (("three", "residues"), ("five", "backbone:5")):
        save_model(dipeptide.untrained(spec), tmp_path / f"{name}.cgvae")
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def n_matched(monkeypatch):
    """Bead names that were looked for, one for every search."""
    searches = []

    def counted(group, wanted):
        searches.append(tuple(wanted))
        return find_molecules(group, wanted)

    monkeypatch.setattr(module, "find_molecules", counted)
    return searches


class TestOrderOfTrust:
    def test_a_given_model_comes_before_a_shipped_one(self):
        mine = dipeptide.untrained()
        assert choose_model(beads_of(DIPEPTIDE), mine).model is mine

    def test_a_shipped_molecule_comes_before_a_family(self):
        beads = beads_of(DIPEPTIDE)
        assert protein_from_beads(beads).family == "residue"
        chosen = choose_model(beads).model
        assert chosen.mapping == load_model("alanine-dipeptide-3").mapping
        assert chosen.origin is None

    def test_a_family_comes_last(self):
        choice = choose_model(beads_of(PEPTIDE))
        assert choice.model.origin.bead_family == "alpha-carbon"
        assert choice.found.n_molecules == 1

    def test_a_given_family_comes_before_a_shipped_molecule(self):
        choice = choose_model(beads_of(DIPEPTIDE), "protein-residue")
        assert choice.model.origin.bead_family == "residue"

    def test_a_protein_needs_no_search(self, n_matched):
        protein = protein_from_beads(beads_of(PEPTIDE))
        choice = choose_model(protein)
        assert choice.model.atom_table is protein.atom_table
        assert choice.notes == protein.notes
        assert n_matched == []


class TestWhatIsMatched:
    def test_every_shipped_molecule_once(self, shelf, n_matched):
        del shelf
        choose_model(beads_of(DIPEPTIDE))
        assert len(n_matched) == len(set(n_matched)) == 2

    def test_every_shipped_molecule_once_before_a_family(self, n_matched):
        choose_model(beads_of(PEPTIDE))
        assert len(n_matched) == len(set(n_matched)) == 4

    def test_every_shipped_molecule_once_for_a_refusal(self, n_matched):
        with pytest.raises(LookupError):
            choose_model(beads_of(WATER * 3))
        assert len(n_matched) == len(set(n_matched)) == 4

    @pytest.mark.parametrize("allows_others", [False, True])
    def test_only_the_model_that_is_given(self, n_matched, allows_others):
        mine = dipeptide.untrained()
        choose_model(beads_of(DIPEPTIDE * 2), mine, allows_others=allows_others)
        assert n_matched == [tuple(DIPEPTIDE)]


class TestWhatIsLeftOver:
    @pytest.mark.parametrize("given", [None, "three"])
    def test_is_named_in_order(self, shelf, given):
        del shelf
        beads = beads_of([*WATER, *DIPEPTIDE, *WATER])
        found = choose_model(beads, given, allows_others=True).found
        assert found.known.indices.tolist() == [1, 2, 3]
        assert found.others.indices.tolist() == [0, 4]

    def test_can_be_chosen_for_again(self):
        beads = beads_of([*DIPEPTIDE, *PEPTIDE, *WATER])
        first = choose_model(beads, "alanine-dipeptide-3", allows_others=True)
        second = choose_model(first.found.others, allows_others=True)
        assert second.model.origin.bead_family == "alpha-carbon"
        assert second.found.known.indices.tolist() == [3, 4, 5, 6]
        assert second.found.others.indices.tolist() == [7]

    def test_sites_of_residues_are_no_others(self):
        names = [("VAL", "BB"), ("VAL", "SC1"), ("GLY", "BB"), ("GLY", "CA")]
        universe = mda.Universe.empty(
            6, 3, atom_resindex=[0, 0, 1, 1, 2, 2], trajectory=True
        )
        universe.add_TopologyAttr("names", [bead for _, bead in [*names, *names[2:]]])
        universe.add_TopologyAttr("resnames", ["VAL", "GLY", "GLY"])
        universe.add_TopologyAttr("resids", [1, 2, 3])
        universe.atoms.positions = 3.0 * np.eye(3)[0] * np.arange(6)[:, None]
        found = choose_model(universe.atoms).found
        assert found.known.indices.tolist() == [0, 1, 2, 4]
        assert not len(found.others)


class TestUsersOwnNames:
    OWN = (("ACE", "X"), ("ALA", "Y"), ("NME", "Z"))

    def test_are_accepted_with_a_model_that_is_given(self):
        found = choose_model(beads_of(self.OWN), dipeptide.untrained()).found
        assert found.n_molecules == 1

    def test_of_beads_without_residues_too(self):
        beads = mda.Universe.empty(6, trajectory=True).atoms
        assert choose_model(beads, dipeptide.untrained()).found.n_molecules == 2

    def test_tell_no_shipped_molecule(self, shelf):
        del shelf
        with pytest.raises(LookupError, match="3 beads ACE:X .*, which no shipped mod"):
            choose_model(beads_of(self.OWN))


class TestNoShippedModel:
    """One sentence: the reason, what to do, and the names of the models last."""

    @pytest.mark.parametrize(
        ("names", "sentence"),
        [
            (
                WATER * 3,
                "`universe` has 3 beads SOL:W SOL:W SOL:W, which no shipped model has, "
                r"nor does protein_from_beads read them \(`beads` has no amino acid .*"
                r"\); give model= or train one with openmm_cgvae.train; the models "
                "that ship are alanine-dipeptide-3, .*, protein-residue",
            ),
            (
                PEPTIDE[:2],
                "`universe` has 2 beads MET:CA GLY:CA, which no shipped model has, nor "
                "are they a protein of at least 3 beads; give model= .*",
            ),
        ],
    )
    def test_fits_the_beads(self, names, sentence):
        for allows_others in (False, True):
            with pytest.raises(LookupError, match=f"^{sentence}$"):
                choose_model(beads_of(names), allows_others=allows_others)

    def test_is_for_the_family(self, shelf):
        del shelf
        with pytest.raises(
            LookupError,
            match="which no shipped model has, nor does one ship for proteins of alpha-"
            "carbon beads; give model= .*; the models that ship are five, three$",
        ):
            choose_model(beads_of(PEPTIDE))

    def test_is_for_the_family_of_a_protein(self, shelf):
        del shelf
        with pytest.raises(
            LookupError,
            match="^`universe` has a protein of alpha-carbon beads, for which no model "
            "ships with the package; give model= or train one with "
            "openmm_cgvae.training.train_many; the models that ship are five, three$",
        ):
            choose_model(protein_from_beads(beads_of(PEPTIDE)))

    def test_is_the_only_one(self, shelf):
        shutil.copy(shelf / "three.cgvae", shelf / "other.cgvae")
        with pytest.raises(
            LookupError,
            match="^`universe` has the beads of several models, other, three; choose "
            "one with model=$",
        ):
            choose_model(beads_of(DIPEPTIDE))

    def test_is_for_atoms(self, shelf):
        del shelf
        two = mda.Merge(dipeptide.atoms().atoms, dipeptide.atoms().atoms)
        with pytest.raises(
            LookupError,
            match=r"^`universe` has the 44 atoms that five, three make, but beads are "
            r"wanted; use coarse_grain\(universe, model.mapping\)$",
        ):
            choose_model(two)

    def test_knows_the_others(self, shelf):
        del shelf
        with pytest.raises(
            LookupError,
            match="^`universe` has 2 molecules of three and other beads, 1 bead SOL:W; "
            "select the molecules, or give unknown='drop' to leave out the rest or "
            "'keep' to have it beside them$",
        ):
            choose_model(beads_of([*DIPEPTIDE, *WATER, *DIPEPTIDE]))

    def test_is_worth_a_broken_header(self, shelf):
        (shelf / "broken.cgvae").write_text("no model")
        with pytest.raises(ValueError, match="broken.cgvae, which is not a complete"):
            choose_model(beads_of(DIPEPTIDE))


class TestGivenModel:
    @pytest.mark.parametrize(
        ("names", "sentence"),
        [
            (
                [*DIPEPTIDE, *WATER],
                "`universe` has 1 molecule of the model and other beads, 1 bead SOL:W; "
                "select the molecules, or give unknown='drop' to leave out the rest or "
                "'keep' to have it beside them",
            ),
            (
                DIPEPTIDE[:2],
                "`universe` has 2 beads but the model has 3 for 22 atoms .*, and no "
                "molecule of 3 beads ACE:RES ALA:RES NME:RES is among them; select "
                "whole molecules or choose another model",
            ),
            (
                WATER * 3,
                "`universe` has 3 beads SOL:W SOL:W SOL:W but the model's are 3 beads "
                "ACE:RES ALA:RES NME:RES, and no molecule of these is among them; "
                "compare the names of beads and residues or choose another model",
            ),
            (
                WATER * 22,
                "`universe` has 22 atoms, as many as the model makes, but beads are "
                r"wanted; use coarse_grain\(universe, model.mapping\)",
            ),
        ],
    )
    def test_of_one_molecule_is_not_for_the_beads(self, names, sentence):
        with pytest.raises(ValueError, match=f"^{sentence}$"):
            choose_model(beads_of(names), dipeptide.untrained())

    def test_of_one_molecule_is_not_for_a_protein(self):
        protein = protein_from_beads(beads_of(PEPTIDE))
        with pytest.raises(
            ValueError,
            match="^`model` is for 22 atoms .* alone, but the beads are those of a "
            "protein; leave model out, or give a model for many molecules$",
        ):
            choose_model(protein, dipeptide.untrained())

    @pytest.mark.parametrize(
        ("names", "sentence"),
        [
            (
                [*PEPTIDE, *WATER],
                "`universe` has a protein of 4 residues and other beads, 1 bead SOL:W; "
                "select the molecules, or give unknown='drop' to leave out the rest or "
                "'keep' to have it beside them",
            ),
            (
                PEPTIDE[:2],
                "`universe` has a protein of 2 beads, but the directions between at "
                "least 3 are needed to place atoms off a line; give a longer chain",
            ),
        ],
    )
    def test_of_a_family_is_not_for_the_beads(self, names, sentence):
        with pytest.raises(ValueError, match=f"^{sentence}$"):
            choose_model(beads_of(names), "protein-alpha-carbon")

    def test_of_a_family_is_not_for_a_protein_of_another(self):
        protein = protein_from_beads(beads_of(PEPTIDE))
        with pytest.raises(
            ValueError,
            match="^`model` is for martini3 beads but the protein has alpha-carbon "
            "beads; leave model out, or choose another$",
        ):
            choose_model(protein, model_path("protein-martini3"))

    @pytest.mark.parametrize("given", [None, "three"])
    def test_has_no_bond_to_anything_else(self, shelf, given):
        del shelf
        beads = beads_of(DIPEPTIDE * 2)
        beads.universe.add_TopologyAttr("bonds", [(0, 1), (2, 3)])
        with pytest.raises(
            ValueError,
            match="^`universe` has a bond from RES 2 to RES 3, which joins a molecule "
            "of the model to something else; give the model of the whole molecule, or "
            "delete the bond$",
        ):
            choose_model(beads, given)
