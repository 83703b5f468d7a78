"""Fragments of known structures, and the sets made of them."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from MDAnalysis.analysis.rms import rmsd
from MDAnalysisTests import datafiles
from openmm import app, unit

from openmm_cgvae.simulation.molecule_sets import (
    Dynamics,
    read_molecules,
    simulate_proteins,
)
from openmm_cgvae.simulation.molecule_sets.fragments import (
    fragments_of,
    free_name,
    pieces,
    structure_files,
)
from openmm_cgvae.simulation.molecule_sets.missing_atoms import complete
from openmm_cgvae.simulation.molecule_sets.protein_sets import chosen_fragments
from openmm_cgvae.simulation.molecule_sets.stereochemistry import (
    Problem,
    StereochemistryCheck,
)

BRIEF = Dynamics(
    minimiser_iterations=30, equilibration_ps=0.1, interval_ps=0.04, n_frames=3
)


@pytest.fixture(scope="module")
def kinase():
    """The 214 residues of adenylate kinase."""
    (fragment,) = fragments_of(Path(str(datafiles.PDB_small)))
    return fragment


class TestFragments:
    def test_of_a_whole_protein(self, kinase):
        assert len(kinase.sequence) == 214
        assert kinase.label == "adk_open.pdb chain - 1-214"
        assert all(a.element.symbol != "H" for a in kinase.topology.atoms())
        assert len(kinase.positions) == kinase.topology.getNumAtoms()

    def test_end_at_gaps_and_at_strangers(self, kinase, tmp_path):
        path = write(kinase, tmp_path / "gap.pdb", slice(0, 60), without={20, 21})
        text = path.read_text().replace("GLY A  10", "XYZ A  10")
        path.write_text(
            text.replace("MET A   1", "MSE A   1").replace(" SD  M", " SE  M")
        )
        found = list(fragments_of(path))
        assert [(f.first, f.last) for f in found] == [
            ("1", "9"),
            ("11", "19"),
            ("22", "60"),
        ]
        assert found[0].sequence[0] == "MET"
        names = [atom.name for atom in next(found[0].topology.residues()).atoms()]
        assert "SD" in names

    def test_names_are_standard(self, kinase, tmp_path):
        path = write(kinase, tmp_path / "names.pdb", slice(0, 30))
        text = path.read_text()
        path.write_text(text.replace(" CD1 ILE", " CD  ILE"))
        (found,) = fragments_of(path)
        names = {a.name for a in found.topology.atoms() if a.residue.name == "ILE"}
        assert "CD1" in names
        assert "CD" not in names

    def test_long_ones_are_cut(self, kinase, monkeypatch):
        monkeypatch.setattr(
            "openmm_cgvae.simulation.molecule_sets.fragments.LONGEST", 100
        )
        sizes = [(len(p.sequence), p.first, p.last) for p in pieces(kinase)]
        # The rest of 14 residues is too short.
        assert sizes == [(100, "1", "100"), (100, "101", "200")]
        starts = [piece.positions[0] for piece in pieces(kinase)]
        alpha = [a.index for a in kinase.topology.atoms() if a.residue.id == "101"]
        np.testing.assert_array_equal(starts[1], kinase.positions[alpha[0]])

    def test_names_are_free(self, kinase):
        assert free_name(kinase, []) == "adk_open_-_1"
        assert free_name(kinase, ["adk_open_-_1"]) == "adk_open_-_1-2"

    def test_like_ones_are_left_out(self, tmp_path):
        shutil.copy(datafiles.PDB_small, tmp_path)
        shutil.copy(datafiles.PDB_closed, tmp_path)
        chosen, left_out = chosen_fragments([tmp_path], [])
        assert list(chosen) == ["adk_open_-_1"]
        (message,) = left_out.values()
        assert "it is like adk_open.pdb chain - 1-214, which is in the set" in message

    def test_held_out_ones_are_left_out(self, kinase, tmp_path):
        test = write(kinase, tmp_path / "test.pdb", slice(0, 60))
        chosen, left_out = chosen_fragments([Path(str(datafiles.PDB_small))], [test])
        assert not chosen
        assert left_out == {
            kinase.label: "it is like test.pdb chain A 1-60, which is held out"
        }

    def test_what_is_no_protein_gets_a_message(self, kinase, tmp_path):
        write(kinase, tmp_path / "short.pdb", slice(0, 19))
        write(kinase, tmp_path / "traces.pdb", slice(0, 40), atoms=("N", "CA", "C"))
        write(kinase, tmp_path / "alphas.pdb", slice(0, 40), atoms=("CA",))
        (tmp_path / "broken.cif").write_text("data_\nloop_\n_atom_site.x\n")
        (tmp_path / "broken.pdb.gz").write_text("not packed")
        chosen, left_out = chosen_fragments([tmp_path], [])
        assert not chosen
        assert left_out.pop("broken.cif").startswith("broken.cif cannot be read: ")
        assert left_out.pop("broken.pdb.gz").startswith("broken.pdb.gz cannot be read")
        assert left_out == {
            "short.pdb chain A 1-19": "it has 19 residues in a row, fewer than 20",
            "traces.pdb chain A 1-40": "it has only 120 heavy atoms in 40 residues",
            "alphas.pdb": "it has no amino acids with N, CA and C",
        }

    def test_folders_without_structures(self, tmp_path):
        with pytest.raises(ValueError, match="with no file that ends in .pdb"):
            structure_files([tmp_path])
        with pytest.raises(FileNotFoundError, match="which is not there; give folders"):
            structure_files([tmp_path / "nowhere"])


class TestProteinSets:
    def test_hold_completed_fragments(self, kinase, tmp_path):
        structures = tmp_path / "structures"
        structures.mkdir()
        path = write(kinase, structures / "part.pdb", slice(60, 82))
        # As if the experiment had not seen the end of a side chain.
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if " CE  LYS A  69" not in line))
        molecules = simulate_proteins(
            [structures], tmp_path / "set", dynamics=BRIEF, progress=False
        )
        (entry,) = molecules.molecules.values()
        assert entry["source"] == "part.pdb chain A 61-82"
        (molecule,) = read_molecules(tmp_path / "set")
        assert len(molecule.positions) == 3
        assert len(molecule.atom_table.residue_names) == 22
        assert "OXT" in molecule.atom_table.names
        alphas = [i for i, n in enumerate(molecule.atom_table.names) if n == "CA"]
        start = kinase.positions[
            [
                atom.index
                for atom in kinase.topology.atoms()
                if atom.name == "CA" and 61 <= int(atom.residue.id) <= 82
            ]
        ]
        found = molecule.positions[0][alphas]
        assert rmsd(found, start, superposition=True) < 1.0

    def test_half_of_the_atoms_are_too_few(self, kinase, tmp_path):
        names = ("N", "CA", "C", "O")
        path = write(kinase, tmp_path / "bare.pdb", slice(60, 100), atoms=names)
        (fragment,) = fragments_of(path)
        with pytest.raises(ValueError, match="heavy atoms of 40 residues are missing"):
            complete(fragment, 1)

    def test_leave_out_a_residue_that_goes_wrong(self, kinase, tmp_path, monkeypatch):
        """The longer part beside it is taken; what is too short then is left out."""
        sound = StereochemistryCheck.problem

        def lysine_69_is_wrong(soundness, positions):
            tenth = next(r for r, _ in soundness._centres if r.index == 9)
            if tenth.name == "LYS":
                return Problem("LYS 69 has the wrong hand", 9)
            return sound(soundness, positions)

        monkeypatch.setattr(StereochemistryCheck, "problem", lysine_69_is_wrong)
        sets = [
            simulate_proteins(
                [write(kinase, tmp_path / f"{name}.pdb", slice(59, end))],
                tmp_path / name,
                dynamics=BRIEF,
                progress=False,
            )
            for name, end in (("long", 90), ("short", 80))
        ]
        (entry,) = sets[0].molecules.values()
        assert entry["source"] == "long.pdb chain A 70-90"
        assert not sets[1].molecules
        assert "LYS 69 has the wrong hand" in str(sets[1])

    def test_need_pdbfixer(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pdbfixer", None)
        with pytest.raises(ImportError, match="needs PDBFixer, which is not installed"):
            simulate_proteins([tmp_path], tmp_path / "set", progress=False)

    def test_impossible_seeds_are_refused(self, tmp_path):
        with pytest.raises(ValueError, match="`seed` is 0 but must be from 1"):
            simulate_proteins([tmp_path], tmp_path / "set", seed=0, progress=False)

    def test_an_output_among_the_structures(self, tmp_path):
        path = tmp_path / "1abc.pdb"
        path.write_text("END\n")
        for structures in (tmp_path, path):
            with pytest.raises(ValueError, match="structures are read from, and mole"):
                simulate_proteins([structures], tmp_path, progress=False)


def write(fragment, path, residues, *, without=(), atoms=None):
    """Write some residues of a fragment, and only atoms of some names."""
    kept = list(fragment.topology.residues())[residues]
    topology = app.Topology()
    chain = topology.addChain("A")
    rows = []
    for residue in kept:
        if int(residue.id) in without:
            continue
        new = topology.addResidue(residue.name, chain, residue.id)
        for atom in residue.atoms():
            if atoms is None or atom.name in atoms:
                topology.addAtom(atom.name, atom.element, new)
                rows.append(atom.index)
    with path.open("w") as file:
        positions = fragment.positions[rows] * unit.angstrom
        app.PDBFile.writeFile(topology, positions, file, keepIds=True)
    return path
