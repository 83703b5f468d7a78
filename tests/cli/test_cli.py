import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys

import MDAnalysis as mda
import numpy as np
import pytest

from openmm_cgvae._runtime.run_folder import only_run
from openmm_cgvae.backmapping.backmapper import Backmapper
from openmm_cgvae.cli import main, make_parser
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import ModelConfig, pretrained
from openmm_cgvae.model.checkpoint import save_model
from openmm_cgvae.model.pretrained import load_model
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.testing import dipeptide
from openmm_cgvae.training import Batches, TrainingConfig

VERBS = (
    *("simulate", "map", "train", "sample", "relax", "evaluate", "info", "demo"),
    *("report", "benchmark"),
)
WRITTEN_EXACTLY = 0.0006  # [A], half of the last digit of a PDB file
XTC_PRECISION = 0.0051
N_FRAMES = 300
TINY = ("--n-epochs", "1", "--n-channels", "16", "--n-radial", "3")
SHALLOW = ("--prior-layers", "1", "--decoder-layers", "1")

pytestmark = pytest.mark.filterwarnings("ignore::Warning:MDAnalysis")


def run(*words):
    """Run a command line that has to work."""
    assert main([str(word) for word in words]) == 0


@pytest.fixture
def refused(capsys):
    """Run a command line that has to fail, and give the one line it says."""

    def run_it(*words, code=1):
        assert main([str(word) for word in words]) == code
        said = capsys.readouterr().err
        assert said.startswith("openmm-cgvae: ")
        assert said.count("\n") == 1
        return said

    return run_it


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that nobody expects."""
    return tmp_path_factory.mktemp("Größe 5 Å mäppchen")


@pytest.fixture(scope="module")
def short(folder):
    """The options for a short trajectory of atoms."""
    universe = mda.Universe(dipeptide.TOPOLOGY)
    universe.load_new(dipeptide.positions(N_FRAMES), dt=5.0)
    universe.atoms.write(str(folder / "some atoms.xtc"), frames="all")
    return (
        "--topology",
        dipeptide.TOPOLOGY,
        "--trajectory",
        str(folder / "some atoms.xtc"),
    )


@pytest.fixture(scope="module")
def model_file(folder):
    path = folder / "untrained.cgvae"
    return save_model(dipeptide.untrained(), path)


@pytest.fixture(scope="module")
def bead_files(folder, short):
    """The options for a trajectory of beads."""
    written = (folder / "beads of atoms.pdb", folder / "beads of atoms.xtc")
    run(
        *("map", *short, "--mapping", "residues"),
        *("--output-topology", written[0], "--output", written[1]),
    )
    return ("--topology", str(written[0]), "--trajectory", str(written[1]))


@pytest.fixture(scope="module")
def road(folder, short):
    """The verbs one after another, each with the files of the one before."""
    files = {
        name: folder / name
        for name in (
            *("mapping.json", "beads.xtc", "beads.pdb", "mine.cgvae"),
            *("samples.pdb", "samples.xtc", "report.json", "relaxed.pdb"),
            "numbers.json",
        )
    }
    beads = ("--topology", files["beads.pdb"], "--trajectory", files["beads.xtc"])
    mine = ("--model", files["mine.cgvae"])
    mapping = ("--mapping", files["mapping.json"])
    run(
        *("map", *short, "--mapping", "residues", "--output", files["beads.xtc"]),
        *("--output-topology", files["beads.pdb"]),
        *("--save-mapping", files["mapping.json"]),
    )
    run("train", *short, *mapping, "--output", files["mine.cgvae"], *TINY, *SHALLOW)
    run("info", files["mine.cgvae"])
    run(
        *("sample", *beads, *mine, "--n", 3, "--frame", 7),
        *("--output", files["samples.pdb"], "--report", files["report.json"]),
    )
    run("sample", *beads, *mine, "--output", files["samples.xtc"], "--seed", 4)
    run(
        *("relax", "--topology", files["samples.pdb"], *mapping),
        *("--output", files["relaxed.pdb"]),
    )
    run(
        *("evaluate", *short, *mine, "--n-frames", 20, "--n-samples", 2),
        *("--output", files["numbers.json"]),
    )
    return files


class TestRoad:
    def test_beads_are_those_of_the_atoms(self, road, short):
        beads = mda.Universe(str(road["beads.pdb"]), str(road["beads.xtc"]))
        atoms = mda.Universe(short[1], short[3])
        mapping = Mapping.load(road["mapping.json"])
        assert len(beads.trajectory) == N_FRAMES
        assert beads.atoms.resnames.tolist() == ["ACE", "ALA", "NME"]
        for frame in (0, 200, -1):
            atoms.trajectory[frame]
            beads.trajectory[frame]
            wanted = mapping.project(atoms.atoms.positions)
            np.testing.assert_allclose(
                beads.atoms.positions, wanted, atol=XTC_PRECISION
            )
            assert beads.trajectory.ts.time == atoms.trajectory.ts.time

    def test_bead_topology_is_the_first_frame(self, road):
        first = mda.Universe(str(road["beads.pdb"]))
        beads = mda.Universe(str(road["beads.pdb"]), str(road["beads.xtc"]))
        np.testing.assert_allclose(
            first.atoms.positions, beads.atoms.positions, atol=XTC_PRECISION
        )
        assert "CRYST1" not in road["beads.pdb"].read_text()

    def test_the_model_is_the_one_asked_for(self, road):
        model = load_model(road["mine.cgvae"])
        assert model.config.n_channels == 16
        assert model.provenance["training"]["n_epochs"] == 1
        assert model.provenance["n_frames"] == N_FRAMES
        assert model.mapping == Mapping.load(road["mapping.json"])

    def test_samples_have_elements_and_bonds(self, road):
        samples = mda.Universe(str(road["samples.pdb"]))
        table = load_model(road["mine.cgvae"]).atom_table
        read = AtomTable.from_universe(samples)
        assert read.names == table.names
        np.testing.assert_array_equal(read.atomic_numbers, table.atomic_numbers)
        np.testing.assert_array_equal(read.bonds, table.bonds)
        assert len(samples.trajectory) == 3

    def test_samples_of_a_trajectory_are_those_of_its_frames(self, road):
        beads = mda.Universe(str(road["beads.pdb"]), str(road["beads.xtc"]))
        beads.trajectory[150]
        wanted = Backmapper(beads, road["mine.cgvae"]).sample(seed=4)
        samples = mda.Universe(dipeptide.TOPOLOGY, str(road["samples.xtc"]))
        assert len(samples.trajectory) == N_FRAMES
        np.testing.assert_allclose(
            samples.trajectory[150].positions,
            wanted[0].positions_angstrom,
            atol=XTC_PRECISION,
        )

    def test_report_is_on_the_frame(self, road):
        report = json.loads(road["report.json"].read_text())
        assert report["n_samples"] == 3
        assert report["columns"]["frame"] == [7, 7, 7]

    def test_relaxed_samples_keep_their_beads(self, road):
        mapping = Mapping.load(road["mapping.json"])
        before = mda.Universe(str(road["samples.pdb"]))
        after = mda.Universe(str(road["relaxed.pdb"]))
        assert len(after.trajectory) == 3
        for old, new in zip(before.trajectory, after.trajectory, strict=True):
            shift = mapping.project(new.positions) - mapping.project(old.positions)
            assert np.linalg.norm(shift, axis=-1).max() < 0.1

    def test_evaluation_is_written(self, road):
        numbers = json.loads(road["numbers.json"].read_text())
        assert numbers["n_frames"] == 20
        assert numbers["bead_residual"] < 1e-4

    def test_nothing_else_is_left(self, road):
        folder = road["mine.cgvae"].parent
        found = {path.name for path in folder.iterdir() if path.name[0] != "."}
        ours = {"some atoms.xtc", "mine.cgvae.run", *road}
        others = {"untrained.cgvae", "beads of atoms.pdb", "beads of atoms.xtc"}
        assert found - others == ours


class TestSample:
    def test_same_words_same_file(self, bead_files, model_file, folder):
        for name in ("one.pdb", "two.pdb"):
            run(
                *("sample", *bead_files, "--model", model_file, "--frame", "-1"),
                *("--n", 2, "--seed", 3, "--output", folder / name),
            )
        assert (folder / "one.pdb").read_text() == (folder / "two.pdb").read_text()

    def test_finds_the_model(self, bead_files, model_file, tmp_path, monkeypatch):
        shelf = tmp_path / "models"
        shelf.mkdir()
        shutil.copy(model_file, shelf)
        monkeypatch.setattr(pretrained, "FOLDER", shelf)
        run("sample", *bead_files, "--frame", 0, "--output", tmp_path / "a.pdb")

    def test_one_frame_at_a_time_for_a_report(
        self, bead_files, model_file, tmp_path, refused
    ):
        said = refused(
            *("sample", *bead_files, "--model", model_file),
            *("--output", tmp_path / "a.xtc", "--report", tmp_path / "r.json"),
        )
        assert "`--report` is about one frame; choose it with --frame" in said

    @pytest.mark.parametrize("frame", [N_FRAMES, -N_FRAMES - 1])
    def test_frames_that_are_not_there(
        self, bead_files, model_file, tmp_path, refused, frame
    ):
        said = refused(
            *("sample", *bead_files, "--model", model_file),
            *("--output", tmp_path / "a.pdb", "--frame", frame),
        )
        assert f"`--frame` is {frame} but the trajectory has {N_FRAMES}" in said


class TestInfo:
    def test_of_a_file(self, model_file, capsys):
        run("info", model_file)
        said = json.loads(capsys.readouterr().out)
        assert said["beads"] == "3 beads ACE:RES ALA:RES NME:RES"
        assert said["atoms"] == "22 of ACE ALA NME"
        assert said["config"]["n_channels"] == 22
        assert said["units"] == {"length": "angstrom"}

    def test_of_the_package(self, capsys):
        run("info")
        assert capsys.readouterr().out.split() == pretrained.list_models()

    def test_terminals_are_not_commanded(self, tmp_path, capsys):
        model = dipeptide.untrained()
        model.provenance = {"from": "\x9b31m\u202e\x7f"}
        run("info", save_model(model, tmp_path / "red.cgvae"))
        said = capsys.readouterr().out
        assert said.replace("\n", "").isprintable()
        assert "\\x9b31m" in said

    def test_of_no_model(self, refused):
        assert "is 'nonesuch', which is neither a file" in refused("info", "nonesuch")


class TestRefuses:
    """Bad input is one line, exit code 1; bad words are 2, as everywhere."""

    def test_files_that_are_not_there(self, tmp_path, refused):
        said = refused(
            *("map", "--topology", tmp_path / "no.pdb", "--mapping", "residues"),
            *("--output", tmp_path / "a.xtc"),
        )
        assert "no.pdb" in said

    def test_files_that_are_something_else(self, tmp_path, refused):
        (tmp_path / "shopping.txt").write_text("eggs\nmilk\n")
        said = refused(
            *("map", "--topology", tmp_path / "shopping.txt", "--mapping", "residues"),
            *("--output", tmp_path / "a.xtc"),
        )
        assert "'TXT' isn't a valid topology format" in said

    def test_unknown_mappings(self, short, tmp_path, refused):
        said = refused(
            "map", *short, "--mapping", "rezidues", "--output", tmp_path / "a.xtc"
        )
        assert "is 'rezidues', which names no scheme; give residues, alpha" in said

    @pytest.mark.parametrize("verb", ["map", "sample", "relax"])
    def test_formats_that_cannot_be_written(
        self, short, bead_files, model_file, tmp_path, refused, verb
    ):
        words = {
            "map": (*short, "--mapping", "residues"),
            "sample": (*bead_files, "--model", model_file),
            "relax": (*short, "--mapping", "residues"),
        }[verb]
        said = refused(verb, *words, "--output", tmp_path / "a.foo")
        assert "a.foo' but MDAnalysis has no writer for this ending" in said
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (("--preset", "slow"), "`preset` is 'slow' but must be one of"),
            (("--n-epochs", "0"), "`n_epochs` is 0 but must be at least 1"),
            (("--atom-cutoff", "-1"), "`atom_cutoff` is -1.0 but must be"),
            (("--learning-rate", "nan"), "`learning_rate` is nan but must be"),
            (
                ("--kl-warmup", "2"),
                "`kl_warmup` is 2.0 but must be 0 to 1; it is",
            ),
        ],
    )
    def test_training_options_before_anything_is_read(
        self, tmp_path, refused, words, sentence
    ):
        nowhere = ("--topology", tmp_path / "none.pdb", "--mapping", "residues")
        said = refused("train", *nowhere, "--output", tmp_path / "m.cgvae", *words)
        assert sentence in said
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("verb", ["map", "sample", "relax", "report", "train"])
    def test_an_output_in_place_of_an_input(
        self, short, bead_files, tmp_path, refused, verb
    ):
        atoms, beads = tmp_path / "atoms.xtc", tmp_path / "beads.xtc"
        shutil.copy(short[3], atoms)
        shutil.copy(bead_files[3], beads)
        of_atoms = ("--topology", short[1], "--trajectory", short[3], atoms)
        over = tmp_path / "link.xtc"
        over.symlink_to(beads if verb in ("sample", "report") else atoms)
        words = {
            "map": (*of_atoms, "--mapping", "residues", "--output"),
            "sample": (*bead_files, beads, "--frame", "0", "--output"),
            "relax": (*of_atoms, "--mapping", "residues", "--output"),
            "report": (bead_files[1], "--trajectory", beads, "--html"),
            "train": (*of_atoms, "--mapping", "residues", "--output"),
        }[verb]
        before = over.read_bytes()
        said = refused(verb, *words, over)
        assert f"`{words[-1]}` is '{over}', from which the input is read, and" in said
        assert over.read_bytes() == before

    def test_two_outputs_of_one_name(self, short, tmp_path, refused):
        both = ("--output", tmp_path / "a.pdb", "--output-topology", tmp_path / "a.pdb")
        said = refused("map", *short, "--mapping", "residues", *both)
        assert "`--output-topology` and `--output` are both" in said

    def test_a_mapping_over_itself(self, short, tmp_path, refused):
        path = tmp_path / "m.json"
        words = ("map", *short, "--mapping")
        run(*words, "residues", "--save-mapping", path)
        said = refused(*words, path, "--save-mapping", path)
        assert "`--save-mapping` is" in said

    def test_an_output_that_is_a_folder(self, short, tmp_path, refused):
        said = refused("map", *short, "--mapping", "residues", "--output", tmp_path)
        assert "which is a folder; give the name of a file in it" in said

    def test_an_output_of_three_hundred_letters(self, short, tmp_path, refused):
        path = tmp_path / f"{'a' * 300}.xtc"
        said = refused("map", *short, "--mapping", "residues", "--output", path)
        assert "`--output` has a name of 304 letters, 'aaaaaaaa" in said

    @pytest.mark.parametrize("ending", ["pdb", "gro", "psf"])
    def test_an_empty_file(self, tmp_path, refused, ending):
        path = tmp_path / f"empty.{ending}"
        path.touch()
        said = refused("map", "--topology", path, "--mapping", "residues")
        assert f"the input '{path}' is empty; give a file with content" in said

    @pytest.mark.parametrize("option", ["--topology", "--mapping"])
    def test_a_pipe(self, short, tmp_path, refused, option):
        pipe = tmp_path / "pipe.json"
        os.mkfifo(pipe)
        words = {"--topology": short[1], "--mapping": "residues", option: pipe}
        said = refused("map", *(word for pair in words.items() for word in pair))
        assert "a folder, a device or a pipe; give a file" in said

    def test_an_output_that_another_run_writes(
        self, bead_files, model_file, tmp_path, refused
    ):
        with only_run(tmp_path / ".a.xtc.parts.lock"):
            said = refused(
                *("sample", *bead_files, "--model", model_file),
                *("--output", tmp_path / "a.xtc"),
            )
        assert "`output` is being written by another run" in said

    def test_a_force_field_that_is_no_xml(self, short, tmp_path, refused):
        path = tmp_path / "ff.xml"
        path.write_text("eggs\n")
        said = refused(
            *("relax", "--topology", short[1], "--mapping", "residues"),
            *("--forcefield", path, "--output", tmp_path / "relaxed.pdb"),
        )
        assert "`forcefield` is" in said
        assert "name XML files that ship with OpenMM" in said

    def test_relaxing_without_bonds(self, tmp_path, refused):
        lines = dipeptide.data_path("alanine-dipeptide.pdb").read_text().splitlines()
        kept = [line for line in lines if not line.startswith("CONECT")]
        (tmp_path / "loose.pdb").write_text("\n".join(kept))
        said = refused(
            *("relax", "--topology", tmp_path / "loose.pdb", "--mapping", "residues"),
            *("--output", tmp_path / "relaxed.pdb"),
        )
        assert "bonds" in said

    def test_frames_of_another_training(self, short, model_file, refused):
        said = refused("evaluate", *short, "--model", model_file)
        assert f"`frames` has {N_FRAMES} frames of 22 atoms, but the model" in said

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ((), "arguments are required: VERB"),
            (("bake",), "invalid choice: 'bake'"),
            (("sample", "--n", "two"), "argument --n: invalid int value: 'two'"),
            (("train", "--encoder", "signd"), "argument --encoder: invalid choice"),
            (("train", "--threads", "0"), "'0' is not a whole number of at least 1"),
            (("sample", "--output", "no/a.pdb"), "'no', which is not there; make it"),
            (("sample", "--n-channels", "5"), "arguments are required: --topology"),
        ],
    )
    def test_words_that_are_no_command(self, words, sentence, capsys):
        with pytest.raises(SystemExit, match="2"):
            main(list(words))
        assert sentence in capsys.readouterr().err

    def test_a_key_error_is_never_about_the_input(self, monkeypatch):
        def broken():
            raise KeyError("bug")

        monkeypatch.setattr(pretrained, "list_models", broken)
        with pytest.raises(KeyError, match="bug"):
            main(["info"])


class TestStopped:
    @pytest.mark.parametrize(
        ("verb", "goes_on"), [("info", False), ("train", True), ("relax", False)]
    )
    def test_says_whether_it_goes_on(
        self, monkeypatch, short, tmp_path, refused, verb, goes_on
    ):
        def stop(*_, **__):
            raise KeyboardInterrupt

        monkeypatch.setattr("openmm_cgvae.training.train", stop)
        monkeypatch.setattr(
            "openmm_cgvae.structures.ensemble.AtomisticEnsemble.relax", stop
        )
        monkeypatch.setattr("openmm_cgvae.model.pretrained.list_models", stop)
        if verb != "info":
            monkeypatch.setattr("openmm_cgvae.model.pretrained.list_models", list)
        words = (*short, "--mapping", "residues", "--output", tmp_path / "a.xtc")
        said = refused(verb, *(words if verb != "info" else ()), code=130)
        assert ("the same command goes on from here" in said) == goes_on
        assert list(tmp_path.iterdir()) == []

    def test_training_goes_on_where_it_was_stopped(
        self, short, tmp_path, capsys, monkeypatch
    ):
        words = (
            *("train", *short, "--mapping", "residues", *TINY, *SHALLOW),
            *("--n-epochs", "3", "--fine-tuning-epochs", "0"),
            *("--output", tmp_path / "m.cgvae"),
        )
        epochs = []
        iterate = Batches.__iter__

        def stop_in_the_second(batches):
            epochs.append(batches.epoch)
            if batches.epoch == 1 and epochs.count(1) == 1:
                raise KeyboardInterrupt
            yield from iterate(batches)

        monkeypatch.setattr(Batches, "__iter__", stop_in_the_second)
        assert main([str(word) for word in words]) == 130
        assert "stopped; the same command goes on" in capsys.readouterr().err
        assert not (tmp_path / "m.cgvae").exists()
        run(*words)
        assert [epoch for epoch in epochs if epoch is not None] == [0, 1, 1, 2]
        stopped = load_model(tmp_path / "m.cgvae").state_dict()
        words = [*words[:-1], tmp_path / "whole.cgvae"]
        monkeypatch.setattr(Batches, "__iter__", iterate)
        run(*words)
        whole = load_model(tmp_path / "whole.cgvae").state_dict()
        for name, tensor in whole.items():
            np.testing.assert_array_equal(stopped[name].numpy(), tensor.numpy())


class TestMany:
    """From random peptides to a model for any protein."""

    SET = ("--n-peptides", 2, "--seed", 200, "--frames-of-peptide", 4)
    BRIEF = ("--equilibration-ps", 0.1, "--interval-ps", 0.04)
    SMALL = (*SHALLOW, "--n-channels", "28", "--n-radial", "4", "--batch-size", "8")

    @pytest.fixture(scope="class")
    @classmethod
    def peptides(cls, folder):
        run("simulate", "peptides", "--output", folder / "set", *cls.SET, *cls.BRIEF)
        return folder / "set"

    @pytest.mark.parametrize("beads", ["alpha-carbon", "martini3"])
    def test_trains_on_peptides(self, peptides, beads, tmp_path):
        words = ("--molecules", peptides, "--beads", beads, *self.SMALL)
        output = tmp_path / "any.cgvae"
        run("train", *words, "--n-epochs", 2, "--output", output)
        model = load_model(output)
        assert model.bead_family == beads
        assert model.provenance["preset"] == "transferable"
        source = model.provenance["source"]["set"]
        assert (source["n_molecules"], source["n_frames"]) == (2, 8)
        # A finished run is only read.
        run("train", *words, "--n-epochs", 2, "--output", output)
        again = load_model(output).state_dict()
        for name, weight in model.state_dict().items():
            np.testing.assert_array_equal(again[name].numpy(), weight.numpy())

    def test_a_set_is_continued(self, peptides, capsys):
        run("simulate", "peptides", "--output", peptides, *self.SET, *self.BRIEF)
        said = capsys.readouterr().out
        assert said.startswith("2 molecules with 8 frames in ")

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ((), "train was given no data; give --topology"),
            (("--beads", "residue"), "train was given --beads; give --topology"),
            (
                ("--molecules", "m", "--beads", "residue", "--trajectory", "t.xtc"),
                "was given --molecules and --beads and --trajectory; give",
            ),
            (("--molecules", "m", "--beads", "resi"), "`family` is 'resi' but must"),
            (
                ("--molecules", "m", "--beads", "residue"),
                "'m', which has no index.json",
            ),
        ],
    )
    def test_what_is_missing(self, words, sentence, tmp_path, refused):
        assert sentence in refused("train", *words, "--output", tmp_path / "m.cgvae")


class TestHelp:
    @pytest.mark.parametrize("verb", VERBS)
    def test_tells_units_and_every_option(self, verb, capsys):
        with pytest.raises(SystemExit, match="0"):
            main([verb, "--help"])
        said = capsys.readouterr().out
        assert "Angstrom" in said
        options = make_parser()._subparsers._group_actions[0].choices[verb]._actions
        for option in options:
            assert option.help
            if option.help == argparse.SUPPRESS:
                continue  # a name of version 0.1
            assert all(flag in said for flag in option.option_strings)

    def test_names_every_verb(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            main(["--help"])
        said = capsys.readouterr().out
        assert all(verb in said for verb in VERBS)

    @pytest.mark.parametrize("record", [ModelConfig, TrainingConfig])
    def test_train_has_the_fields_of_the_records(self, record):
        parser = make_parser()
        needed = ["train", "--topology", "t", "--mapping", "m", "--output", "o.cgvae"]
        parsed = vars(parser.parse_args(needed))
        for field in dataclasses.fields(record):
            assert field.name not in parsed  # the preset decides
            option = "--" + field.name.replace("_", "-")
            default = getattr(record(), field.name)
            is_flag = isinstance(default, bool)
            words = [option] if is_flag else [option, str(default)]
            given = getattr(parser.parse_args(needed + words), field.name)
            assert given == (True if is_flag else default)

    def test_is_at_hand_at_once(self):
        """Help loads none of the libraries that take seconds."""
        slow = "{'torch', 'openmm', 'MDAnalysis', 'lightning'}"
        code = (
            "import sys\nfrom openmm_cgvae.cli import main\n"
            "try: main(['sample', '--help'])\n"
            f"except SystemExit: sys.exit(str({slow} & set(sys.modules) or ''))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert done.stderr.strip() == ""


def test_as_a_program(short, tmp_path):
    """Once as a process, where words, encodings and exit codes are real."""
    code = "import sys; from openmm_cgvae.cli import main; sys.exit(main())"
    output = tmp_path / "Kügelchen.pdb"
    words = [*short, "--mapping", "residues", "--output", str(output)]
    done = subprocess.run(
        [sys.executable, "-c", code, "map", *words],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    first = "   0  RES   ACE1         6       1  H1 CH3 H2 H3 C O"
    assert done.stdout.splitlines()[1] == first
    assert output.exists()


def test_an_mmcif_file_is_read_with_gemmi(tmp_path, monkeypatch, capsys):
    (tmp_path / "beads.cif").write_text("data_beads")
    monkeypatch.setattr("openmm_cgvae.cli.files.find_spec", lambda _: None)
    arguments = [
        "map",
        "--topology",
        str(tmp_path / "beads.cif"),
        "--mapping",
        "residues",
    ]
    assert main(arguments) != 0
    assert "reads with gemmi, and that is not installed; pip" in capsys.readouterr().err
