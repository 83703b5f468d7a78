"""The option --family says what beads of a protein are."""

import numpy as np

from openmm_cgvae.cli import main
from tests.chemistry.proteins.beads import alpha_carbons

SEQUENCE = "GLY ALA LEU SER LYS PHE"


def beads_in_a_file(folder):
    turns = np.radians(100) * np.arange(6)
    helix = np.stack([2.3 * np.cos(turns), 2.3 * np.sin(turns), 1.5 * np.arange(6)], 1)
    beads = alpha_carbons(SEQUENCE, positions=helix)
    beads.dimensions = [90, 90, 90, 90, 90, 90]
    path = folder / "beads.gro"
    beads.atoms.write(str(path))
    return path


def test_the_family_decides_for_another_model(tmp_path, capsys):
    path = beads_in_a_file(tmp_path)
    for family, is_alpha in (("alpha-carbon", True), ("residue", False)):
        output = tmp_path / f"{family}.pdb"
        main(
            ["sample", "--topology", str(path), "--output", str(output)]
            + ["--family", family]
        )
        lines = [line for line in output.read_text().splitlines() if " CA " in line]
        first = np.array([float(lines[0][30 + 8 * i : 38 + 8 * i]) for i in range(3)])
        assert (np.linalg.norm(first - [2.3, 0, 0]) < 0.01) == is_alpha
    capsys.readouterr()


def test_an_unknown_family_gets_a_sentence(tmp_path, capsys):
    path = beads_in_a_file(tmp_path)
    output = tmp_path / "atoms.pdb"
    code = main(
        ["sample", "--topology", str(path), "--output", str(output)]
        + ["--family", "alpha"]
    )
    assert code == 1
    assert "must be one of alpha-carbon, residue" in capsys.readouterr().err
