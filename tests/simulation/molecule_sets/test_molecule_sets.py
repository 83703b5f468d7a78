"""Sets of molecules: sequences, starts, labels, fragments, files."""

import json
import shutil
from collections import Counter
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from MDAnalysisTests import datafiles
from openmm import app, unit

from openmm_cgvae._runtime.run_folder import LOCK, only_run
from openmm_cgvae.data import data_path
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.simulation.molecule_sets import (
    Dynamics,
    peptide_sets,
    read_molecules,
    simulate_peptides,
)
from openmm_cgvae.simulation.molecule_sets.iupac_labels import standard_labels
from openmm_cgvae.simulation.molecule_sets.molecule_set import (
    INDEX,
    MoleculeSet,
    split_of,
)
from openmm_cgvae.simulation.molecule_sets.peptides import VARIANTS, build_peptide
from openmm_cgvae.simulation.molecule_sets.sequences import (
    AMINO_ACIDS,
    random_sequences,
)
from openmm_cgvae.simulation.molecule_sets.stereochemistry import (
    Problem,
    StereochemistryCheck,
)
from openmm_cgvae.simulation.reference.dynamics import create_simulation

BRIEF = Dynamics(
    minimiser_iterations=30, equilibration_ps=0.1, interval_ps=0.04, n_frames=3
)
SHORT_SEED = 200  # of which the first two sequences are short, the second held out
SHORT = ["PCH", "GKTA"]


def brief_set(folder, **options):
    options = {"n_peptides": 2, "seed": SHORT_SEED, "dynamics": BRIEF} | options
    return simulate_peptides(folder, progress=False, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "peptides"
    brief_set(folder)
    return folder


@pytest.fixture
def copied(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copied")
    return tmp_path / "copied"


@pytest.fixture(scope="module")
def peptides():
    generator = np.random.default_rng(3)
    return [build_peptide("IHTDVKEL", generator) for _ in range(3)]


@pytest.fixture(scope="module")
def entry():
    """An entry of the PDB by NMR, whose hydrogens have the names of IUPAC."""
    universe = mda.Universe(datafiles.PDB_multiframe, to_guess=["elements", "masses"])
    universe.guess_TopologyAttrs(to_guess=["bonds"])
    atoms = universe.select_atoms("not resname SME")
    frames = [atoms.positions.copy() for _ in universe.trajectory[:3]]
    return AtomTable.from_universe(atoms), np.array(frames)


@pytest.fixture(scope="module")
def chignolin():
    pdb = app.PDBFile(str(data_path("chignolin.pdb")))
    positions = pdb.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    return pdb.topology, np.asarray(positions)


def hydrogens_of(table):
    """Give the hydrogens of each heavy atom."""
    return [
        [a for a in around if table.atomic_numbers[a] == 1]
        for atom, around in enumerate(table.neighbours)
        if table.is_heavy[atom]
    ]


def contents(folder):
    """Give what is in the files, but for what MDAnalysis keeps beside them."""
    paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return {path.name: path.read_bytes() for path in paths}


def positions_of(peptide):
    positions = peptide.modeller.positions.value_in_unit(unit.angstrom)
    return np.array([[p.x, p.y, p.z] for p in positions])


class TestSequences:
    def test_hold_everything_evenly(self):
        sequences = random_sequences(480, seed=1)
        residues = Counter("".join(sequences))
        pairs = Counter(pair for sequence in sequences for pair in pairwise(sequence))
        lengths = Counter(map(len, sequences))
        assert set(residues) == set(AMINO_ACIDS)
        assert len(pairs) == 400
        assert max(pairs.values()) - min(pairs.values()) <= 2
        assert max(residues.values()) - min(residues.values()) <= 2
        assert sorted(lengths) == list(range(3, 13))
        assert len(set(sequences)) == 480

    def test_are_those_of_the_seed(self):
        assert random_sequences(20, 5)[:7] == random_sequences(7, 5)
        assert random_sequences(7, 5) != random_sequences(7, 6)

    def test_about_one_in_twenty_is_held_out(self):
        held_out = [split_of(s) == "validation" for s in random_sequences(2000, 0)]
        assert 60 < sum(held_out) < 140


class TestPeptides:
    def test_have_the_ends_and_residues_they_say(self, peptides):
        for peptide in peptides:
            names = [r.name for r in peptide.modeller.topology.residues()]
            assert names[: peptide.capped[0]] == ["ACE"] * peptide.capped[0]
            assert (names[-1] == "NME") == peptide.capped[1]
            assert len(names) == 8 + sum(peptide.capped)

    def test_have_the_protonation_they_say(self, peptides):
        n_hydrogens = {"HID": 1, "HIE": 1, "HIP": 2, "ASP": 0, "ASH": 1}
        n_hydrogens |= {"GLU": 0, "GLH": 1, "LYS": 3, "LYN": 2}
        acidic = {"HIS": {"HD1", "HE2"}, "ASP": {"HD2"}, "GLU": {"HE2"}}
        acidic |= {"LYS": {"HZ1", "HZ2", "HZ3"}}
        for peptide in peptides:
            residues = peptide.modeller.topology.residues()
            for residue, variant in zip(residues, peptide.variants, strict=True):
                if variant is not None:
                    found = {atom.name for atom in residue.atoms()}
                    assert len(found & acidic[residue.name]) == n_hydrogens[variant]

    def test_draw_every_protonation(self):
        generator = np.random.default_rng(0)
        drawn = {
            v for _ in range(12) for v in build_peptide("HDEK", generator).variants
        }
        assert drawn - {None} == {name for names in VARIANTS.values() for name in names}

    def test_are_left_handed_and_known_to_the_force_field(self, peptides):
        for peptide in peptides:
            topology = peptide.modeller.topology
            problem = StereochemistryCheck(topology).problem(positions_of(peptide))
            assert "hand" not in str(problem)
            assert create_simulation(topology, 300.0, 1, "Reference") is not None

    def test_name_the_carbons_of_isoleucine_as_files_do(self, peptides):
        residue = next(
            r for r in peptides[0].modeller.topology.residues() if r.name == "ILE"
        )
        names = {atom.name for atom in residue.atoms()}
        assert {"HG12", "HG13", "HG21", "HG22", "HG23"} <= names

    def test_are_the_same_for_the_same_chance(self):
        one, other = (build_peptide("IKH", np.random.default_rng(8)) for _ in range(2))
        assert one.variants == other.variants
        np.testing.assert_array_equal(positions_of(one), positions_of(other))

    def test_what_cannot_be_embedded_is_said(self, monkeypatch):
        monkeypatch.setattr(
            "openmm_cgvae.simulation.molecule_sets.peptides.rdDistGeom.EmbedMolecule",
            lambda *_: -1,
        )
        with pytest.raises(ValueError, match="could not embed it in 4 attempts"):
            build_peptide("AAA", np.random.default_rng(0))


class TestLabels:
    def test_of_an_entry_of_the_pdb_are_standard(self, entry):
        table, frames = entry
        is_moved = (standard_labels(table, frames) != frames).any((0, 2))
        moved = [table.names[atom] for atom in np.flatnonzero(is_moved)]
        # The entry counts these two the other way round than its other methyls.
        assert moved == ["H2", "H3", "HG22", "HG23"]

    def test_come_back_after_a_trade(self, entry):
        table, frames = entry
        standard = standard_labels(table, frames)
        for one, other in (
            ("HB2", "HB3"),
            ("HA2", "HA3"),
            ("HD21", "HD22"),
            ("HH11", "HH12"),
        ):
            pairs = [
                (around[0], around[1])
                for around in hydrogens_of(table)
                if [table.names[atom] for atom in around] == [one, other]
            ]
            assert pairs
            traded = standard.copy()
            for a, b in pairs:
                traded[:, [a, b]] = standard[:, [b, a]]
            np.testing.assert_array_equal(standard_labels(table, traded), standard)

    def test_of_methyls_have_one_hand(self, entry):
        table, frames = entry
        alanine = {
            name: atom
            for atom, name in enumerate(table.names)
            if table.residue_names[table.residue_of_atom[atom]] == "ALA"
        }
        rows = [alanine[name] for name in ("HB1", "HB2", "HB3")]
        for order in ([0, 1, 2], [1, 0, 2], [2, 1, 0]):
            traded = frames.copy()
            traded[:, rows] = frames[:, np.array(rows)[order]]
            placed = standard_labels(table, traded)
            arms = placed[:, rows] - placed[:, [alanine["CB"]]]
            assert (np.linalg.det(arms) > 0).all()

    def test_methyls_trade_with_their_hydrogens(self, entry):
        table, frames = entry
        standard = standard_labels(table, frames)
        names = np.array(table.names)
        valine = np.array(table.residue_names)[table.residue_of_atom] == "VAL"
        limbs = [
            np.flatnonzero(
                valine & np.isin(names, [f"CG{n}", *(f"HG{n}{i}" for i in (1, 2, 3))])
            )
            for n in (1, 2)
        ]
        traded = standard.copy()
        traded[:, np.concatenate(limbs)] = standard[:, np.concatenate(limbs[::-1])]
        np.testing.assert_array_equal(standard_labels(table, traded), standard)

    def test_of_strange_residues_are_refused(self, entry):
        plain = entry[0].to_dict()
        plain["names"] = [{"CB": "CX"}.get(name, name) for name in plain["names"]]
        with pytest.raises(
            ValueError, match="has the atom CG of LEU, which is not as in"
        ):
            standard_labels(AtomTable.from_dict(plain), entry[1])


class TestSoundness:
    def test_of_a_folded_hairpin(self, chignolin):
        topology, positions = chignolin
        assert StereochemistryCheck(topology).problem(positions) is None
        problem = StereochemistryCheck(topology).problem(positions * np.nan)
        assert problem == Problem("positions are not finite", None)

    @pytest.mark.parametrize(("name", "number"), [("THR", 8), ("TYR", 2)])
    def test_wrong_hands_are_found(self, chignolin, name, number):
        """Threonine's beta carbon, and an alpha carbon."""
        topology, positions = chignolin
        residue = list(topology.residues())[number]
        atoms = {atom.name: atom.index for atom in residue.atoms()}
        pair = ["OG1", "CG2"] if name == "THR" else ["CB", "HA"]
        swapped = positions.copy()
        swapped[[atoms[a] for a in pair]] = positions[[atoms[a] for a in pair[::-1]]]
        assert residue.name == name
        wanted = Problem(f"{name} {residue.id} has the wrong hand", number)
        assert StereochemistryCheck(topology).problem(swapped) == wanted

    @pytest.mark.parametrize("name", ["PRO", "GLU"])
    def test_cis_is_let_pass_before_proline_only(self, chignolin, name):
        topology, positions = chignolin
        universe = mda.Universe(topology, positions.astype(np.float32))
        (residue,) = universe.select_atoms(f"resname {name}").residues
        before = universe.residues[residue.ix - 1]
        axis = [
            before.atoms.select_atoms("name C"),
            residue.atoms.select_atoms("name N"),
        ]
        moving = universe.select_atoms(f"resindex {residue.ix}:1000")
        moving.rotateby(
            180, axis[1].positions[0] - axis[0].positions[0], axis[0].positions[0]
        )
        problem = StereochemistryCheck(topology).problem(universe.atoms.positions)
        message = f"the amide before {name} {residue.resid} is cis"
        wanted = Problem(message, int(residue.ix))
        assert problem == (None if name == "PRO" else wanted)


class TestPeptideSets:
    def test_hold_what_was_asked_for(self, folder):
        index = json.loads((folder / "index.json").read_text())
        entries = index["molecules"]
        assert list(entries) == ["peptide-0000", "peptide-0001"]
        assert [entry["sequence"] for entry in entries.values()] == SHORT
        assert [e["split"] for e in entries.values()] == ["train", "validation"]
        assert index["skipped"] == {}
        assert {Path(name).suffix for name in contents(folder)} == {
            ".pdb",
            ".xtc",
            ".json",
        }

    def test_are_read_in_canonical_order(self, folder):
        for name, molecule in zip(
            ("peptide-0000", "peptide-0001"), read_molecules(folder), strict=True
        ):
            table, positions, entry = molecule
            assert entry["name"] == name
            assert positions.shape == (entry["n_frames"], entry["n_atoms"], 3)
            assert positions.dtype == np.float32
            universe = mda.Universe(folder / f"{name}.pdb", folder / f"{name}.xtc")
            assert len(universe.bonds) == len(table.bonds)
            for frame, ts in zip(positions, universe.trajectory, strict=True):
                rows = sorted(map(tuple, frame.round(3)))
                assert rows == sorted(map(tuple, ts.positions.round(3)))
            rows = table.stereocentres
            arms = positions[:, rows[:, 1:]] - positions[:, rows[:, :1]]
            assert (np.linalg.det(arms) > 0).all()
            lengths = np.linalg.norm(
                np.diff(positions[:, table.bonds], axis=2), axis=-1
            )
            assert 0.9 < lengths.min() < lengths.max() < 2.0
            np.testing.assert_array_equal(standard_labels(table, positions), positions)

    def test_are_the_same_for_the_same_seed(self, folder, tmp_path):
        brief_set(tmp_path)
        assert contents(tmp_path) == contents(folder)

    def test_go_on_where_they_stopped(self, folder, tmp_path, monkeypatch):
        class StoppedError(Exception):
            pass

        def stopping(sequence, generator):
            if sequence == SHORT[1]:
                raise StoppedError
            return build_peptide(sequence, generator)

        with monkeypatch.context() as patch:
            patch.setattr(peptide_sets, "build_peptide", stopping)
            with pytest.raises(StoppedError):
                brief_set(tmp_path)
        assert [m.entry["sequence"] for m in read_molecules(tmp_path)] == SHORT[:1]
        first = (tmp_path / "peptide-0000.xtc").stat().st_mtime_ns
        brief_set(tmp_path)
        assert (tmp_path / "peptide-0000.xtc").stat().st_mtime_ns == first
        assert contents(tmp_path) == contents(folder)

    def test_finished_ones_are_only_read(self, copied, monkeypatch):
        monkeypatch.setattr(peptide_sets, "build_peptide", None)
        assert "2 molecules with 6 frames" in str(brief_set(copied))

    def test_what_fails_is_left_out_with_a_message(self, tmp_path, monkeypatch):
        def failing(sequence, generator):
            if sequence == SHORT[0]:
                raise ValueError("RDKit could not embed it")
            return build_peptide(sequence, generator)

        monkeypatch.setattr(peptide_sets, "build_peptide", failing)
        molecules = brief_set(tmp_path)
        assert list(molecules.molecules) == ["peptide-0001"]
        assert "left out peptide-0000: RDKit could not embed it" in str(molecules)
        assert "peptide-0000" in brief_set(tmp_path)

    def test_unsound_frames_are_dropped_and_counted(self, tmp_path, monkeypatch):
        cis = Problem("cis", 2)
        problems = iter([None, cis, None, cis, cis, cis])
        monkeypatch.setattr(StereochemistryCheck, "problem", lambda *_: next(problems))
        molecules = brief_set(tmp_path)
        (entry,) = molecules.molecules.values()
        assert (entry["n_frames"], entry["n_dropped"]) == (2, 1)
        assert "3 of 3 frames are not sound: in the last cis" in str(molecules)

    def test_two_runs_do_not_mix(self, tmp_path):
        with (
            only_run(tmp_path / LOCK),
            pytest.raises(RuntimeError, match="`output` is being written by another"),
        ):
            brief_set(tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_what_another_run_made_in_the_meantime_is_kept(self, folder, tmp_path):
        config = {"seed": SHORT_SEED, "platform": "CPU", **asdict(BRIEF)}
        late = MoleculeSet(tmp_path, {"kind": "peptides", "config": config})
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
        late.fill({}, {"odd": "no such molecule"}, progress=False)
        assert len(late.molecules) == 2
        assert late.skipped == {"odd": "no such molecule"}

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"seed": 7}, "holds a run with .*seed was 200, now 7"),
            ({"n_peptides": 0}, "`n_peptides` is 0 but must be at least 1"),
            ({"seed": -1}, "`seed` is -1 but must be at least 0"),
        ],
    )
    def test_other_settings_are_refused(self, copied, options, message):
        with pytest.raises(ValueError, match=message):
            brief_set(copied, **options)

    @pytest.mark.parametrize(
        ("name", "value"),
        [("n_frames", 0), ("equilibration_ps", 0.0), ("interval_ps", 0.001)],
    )
    def test_impossible_times_are_refused(self, name, value):
        times = {"minimiser_iterations": 1, "equilibration_ps": 1.0}
        times |= {"interval_ps": 1.0, "n_frames": 1}
        with pytest.raises(
            ValueError, match=f"`{name}` is {value} but must be at least"
        ):
            Dynamics(**(times | {name: value}))


class TestReading:
    def test_no_set(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"which has no index\.json; give"):
            list(read_molecules(tmp_path))

    @pytest.mark.parametrize("text", ["[]", "{", '{"molecules": 3}'])
    def test_another_index(self, tmp_path, text):
        (tmp_path / "index.json").write_text(text)
        with pytest.raises(ValueError, match="lists no molecules"):
            list(read_molecules(tmp_path))

    def test_missing_files(self, copied):
        (copied / "peptide-0001.xtc").unlink()
        with pytest.raises(ValueError, match="peptide-0001 in its .* cannot be read"):
            list(read_molecules(copied))

    def test_other_files(self, copied):
        shutil.copy(copied / "peptide-0001.xtc", copied / "peptide-0000.xtc")
        with pytest.raises(ValueError, match="peptide-0000 with 50 atoms and frames"):
            list(read_molecules(copied))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda entry: entry.clear(), "its n_atoms or n_frames is no whole number"),
            (lambda entry: entry.update(n_frames=3.0), "n_frames is no whole number"),
            (lambda entry: entry.update(n_atoms="22"), "n_frames is no whole number"),
            (lambda entry: entry.pop("split"), "its split is neither 'train' nor"),
            (lambda entry: entry.update(split="test"), "its split is neither 'train'"),
            (lambda entry: entry.update(sequence=5), "its sequence is no text"),
        ],
    )
    def test_an_edited_entry(self, copied, change, message):
        index = json.loads((copied / INDEX).read_text())
        change(index["molecules"]["peptide-0001"])
        (copied / INDEX).write_text(json.dumps(index))
        with pytest.raises(ValueError, match=f"'peptide-0001' .*{message}.*; delete"):
            list(read_molecules(copied))

    @pytest.mark.parametrize("entry", [None, [], 3, "text"])
    def test_an_entry_that_is_no_record(self, copied, entry):
        (copied / INDEX).write_text(json.dumps({"molecules": {"odd": entry}}))
        with pytest.raises(ValueError, match="what it says is no record; delete"):
            list(read_molecules(copied))

    @pytest.mark.parametrize("name", ["../peptide-0000", "/etc/passwd", "a/b"])
    def test_a_name_that_is_a_path(self, copied, name):
        index = json.loads((copied / INDEX).read_text())["molecules"]
        entries = {"molecules": {name: index["peptide-0000"]}}
        (copied / INDEX).write_text(json.dumps(entries))
        with pytest.raises(ValueError, match="but its name is a path; delete"):
            list(read_molecules(copied))

    def test_frames_of_other_atoms(self, copied):
        path = copied / "peptide-0000.xtc"
        with XTCFile(str(path)) as file:
            frames = [frame.x[::-1].copy() for frame in file]
        with XTCFile(str(path), "w") as file:
            for number, frame in enumerate(frames):
                file.write(frame, np.zeros((3, 3)), number, float(number), 1e4)
        with pytest.raises(ValueError, match="Å: its frames are not of its atoms"):
            list(read_molecules(copied))

    def test_atoms_of_no_protein(self, copied):
        path = copied / "peptide-0000.pdb"
        lines = path.read_text().splitlines(keepends=True)
        named = [
            f"{line[:17]}XYZ{line[20:]}" if line[:4] in ("ATOM", "HETA") else line
            for line in lines
        ]
        path.write_text("".join(named))
        with pytest.raises(
            ValueError, match="peptide-0000.*; delete the entry and run"
        ):
            list(read_molecules(copied))

    @pytest.mark.parametrize("molecules", [[], 3, "text"])
    def test_an_index_of_no_molecules_is_not_continued(self, copied, molecules):
        index = json.loads((copied / INDEX).read_text())
        (copied / INDEX).write_text(json.dumps(index | {"molecules": molecules}))
        with pytest.raises(ValueError, match="lists no molecules; remove "):
            brief_set(copied)
