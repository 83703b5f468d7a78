import pytest

from openmm_cgvae.backmapping.model_choice import shipped_models as module
from openmm_cgvae.backmapping.model_choice.bead_matching import bead_names_of
from openmm_cgvae.backmapping.model_choice.shipped_models import (
    ShippedModel,
    shipped_models,
)
from openmm_cgvae.model import pretrained
from openmm_cgvae.model.checkpoint import read_header, save_model
from openmm_cgvae.testing import dipeptide


def test_are_those_that_are_listed():
    assert [each.name for each in shipped_models()] == pretrained.list_models()


def test_are_of_one_molecule_or_of_a_bead_family():
    for each in shipped_models():
        assert (each.family is None) == bool(each.bead_names) == bool(each.atom_names)


def test_are_loaded_by_their_name(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    save_model(dipeptide.untrained("backbone:5"), tmp_path / "five.cgvae")
    (five,) = shipped_models()
    assert five.bead_names == bead_names_of(dipeptide.beads("backbone:5").atoms)
    assert five.load().mapping == dipeptide.untrained("backbone:5").mapping


def test_header_is_read_once(tmp_path, monkeypatch):
    read = []

    def counted(path):
        read.append(path.name)
        return read_header(path)

    monkeypatch.setattr(module, "read_header", counted)
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    for name, spec in (("three", "residues"), ("five", "backbone:5")):
        save_model(dipeptide.untrained(spec), tmp_path / f"{name}.cgvae")
    assert shipped_models() == shipped_models()
    assert read == ["five.cgvae", "three.cgvae"]


@pytest.mark.parametrize(
    ("names", "are_known"),
    [("CNO", True), ("CNOCNO", True), ("CNOCN", False), ("ONC", False), ("", False)],
)
def test_atoms_are_known_once_or_repeated(names, are_known):
    model = ShippedModel("one", atom_names=("C", "N", "O"))
    assert model.has_atoms([*names]) == are_known


def test_a_family_has_no_atoms_of_its_own():
    assert not ShippedModel("any", family="residue").has_atoms(["C"])
