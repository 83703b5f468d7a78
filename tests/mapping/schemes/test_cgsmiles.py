"""Mappings written in CGSmiles."""

import sys

import MDAnalysis as mda
import pytest

from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import schemes

RESIDUES = "{[#ACE][#ALA][#NME]}.{#ACE=CC(=O)[$],#ALA=[$]NC(C)C(=O)[$],#NME=[$]NC}"


@pytest.fixture(scope="module")
def dipeptide():
    return mda.Universe(data_path("alanine-dipeptide.pdb"))


def test_residues_in_words_and_in_lines(dipeptide):
    mapping = schemes.cgsmiles(dipeptide, RESIDUES)
    assert mapping.bead_names == ("ACE", "ALA", "NME")
    expected = schemes.residues(dipeptide)
    assert mapping.bead_of_atom.tolist() == expected.bead_of_atom.tolist()
    assert mapping.weights.tolist() == expected.weights.tolist()


def test_permutation_equivariance_of_atoms(dipeptide):
    atoms = dipeptide.atoms[::-1]
    mapping = schemes.cgsmiles(atoms, RESIDUES, "geometry")
    assert mapping.bead_of_atom.tolist() == atoms.resindices.tolist()


def test_beads_come_as_in_the_text(dipeptide):
    text = "{[#N][#A]}.{#N=[$]C(=O)NC,#A=CC(=O)NC(C)[$]}"
    mapping = schemes.from_spec(dipeptide, text)
    assert mapping.bead_names == ("N", "A")
    assert mapping.bead_of_atom[0] == 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{[#A]}.{#A=CCO}", r"describes 3 heavy atoms and `atoms` has 10"),
        (RESIDUES.replace("(C)", "(=C)"), r"not with the same bonds and hydrogens"),
        ("{[#A][#B]}.{#A=CC[$]}", r"cannot be read as CGSmiles"),
        ("hello", r"`text` 'hello' cannot be read as CGSmiles"),
        ("{[#A][#B]}.{#A=CC[!],#B=[!]CCO}", r"has an atom that beads share"),
    ],
)
def test_bad_text(dipeptide, text, sentence):
    with pytest.raises(ValueError, match=sentence):
        schemes.cgsmiles(dipeptide, text)


def test_bonds_are_needed():
    universe = mda.Universe(data_path("alanine-dipeptide.pdb"))
    universe.del_TopologyAttr("bonds")
    with pytest.raises(ValueError, match=r"`atoms` has no elements or no bonds"):
        schemes.cgsmiles(universe, RESIDUES)


def test_the_package_is_needed(dipeptide, monkeypatch):
    monkeypatch.setitem(sys.modules, "cgsmiles", None)
    with pytest.raises(ImportError, match=r"pip install 'openmm_cgvae\[cgsmiles\]'"):
        schemes.cgsmiles(dipeptide, RESIDUES)
