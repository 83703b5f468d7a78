"""The table that `openmm-cgvae map` prints."""

import MDAnalysis as mda
import pytest

from openmm_cgvae.cli import main
from openmm_cgvae.cli.bead_tables import bead_table
from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import Mapping, schemes

PDB = str(data_path("alanine-dipeptide.pdb"))


@pytest.fixture
def dipeptide():
    return mda.Universe(PDB)


def test_a_line_per_bead(dipeptide):
    lines = bead_table(dipeptide.atoms, schemes.martini(dipeptide)).split("\n")
    assert lines[0].split() == ["bead", "name", "residue", "atoms", "pieces", "which"]
    assert lines[1].split()[:5] == ["0", "BB", "ALA2", "18", "1"]
    assert lines[2].split() == ["1", "SC1", "ALA2", "4", "1", "CB", "HB1", "HB2", "HB3"]
    assert "ALA2 N H CA HA C O; NME3 N" in lines[1]
    assert lines[-1] == "22 atoms, 2 beads, each in one piece"


def test_pieces_are_told(dipeptide):
    mapping = Mapping([0, 1] * 11)
    text = bead_table(dipeptide.atoms, mapping)
    assert text.endswith("22 atoms, 2 beads, 2 of them in several pieces")


def test_without_bonds_they_are_not(dipeptide):
    dipeptide.del_TopologyAttr("bonds")
    lines = bead_table(dipeptide.atoms, schemes.residues(dipeptide)).split("\n")
    assert lines[1].split()[4] == "?"
    assert "since not all bonds are" in lines[-1]


def test_map_shows_a_mapping_and_writes_no_beads(tmp_path, capsys):
    picture = tmp_path / "mapping.png"
    words = [
        "map",
        "--topology",
        PDB,
        "--mapping",
        "martini",
        "--picture",
        str(picture),
    ]
    assert main(words) == 0
    assert picture.stat().st_size > 0
    assert list(tmp_path.iterdir()) == [picture]
    assert "each in one piece" in capsys.readouterr().out
