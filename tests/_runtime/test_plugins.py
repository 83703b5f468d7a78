"""Models and schemes of other packages; `plugin/theirs.py` is such a package."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from openmm_cgvae import Backmapper, coarse_grain, train
from openmm_cgvae._runtime import plugins
from openmm_cgvae.cli import main
from openmm_cgvae.mapping.schemes import from_spec
from openmm_cgvae.model import ModelConfig
from openmm_cgvae.model.checkpoint import load_file, save_model
from openmm_cgvae.testing import dipeptide

PLUGIN = Path(__file__).parent / "plugin"
SOURCE = (PLUGIN / "theirs.py").read_text(encoding="utf-8")
QUICK = {"n_epochs": 1, "fine_tuning_epochs": 0, "n_folds": 2}


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with these entry points onto the path, as pip would."""

    def put(models="", schemes="", name="theirs", source=SOURCE):
        folder = tmp_path / "site" / name
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(
            f"[{plugins.MODELS}]\n{models}\n[{plugins.SCHEMES}]\n{schemes}\n"
        )
        monkeypatch.syspath_prepend(str(folder))

    return put


@pytest.fixture
def theirs(install):
    install(models="out-of-plane = theirs:OutOfPlane", schemes="runs = theirs:runs")


@pytest.mark.usefixtures("theirs")
class TestSchemes:
    def test_are_known_by_name_and_numbers(self):
        atoms = dipeptide.atoms()
        assert from_spec(atoms, "runs").n_beads == 3
        mapping = from_spec(atoms, "runs:11")
        np.testing.assert_array_equal(mapping.bead_of_atom, np.arange(22) // 2)

    def test_after_mapping_on_the_command_line(self, capsys):
        assert main(["map", "--topology", dipeptide.TOPOLOGY, "--mapping", "runs"]) == 0
        assert "22 atoms, 3 beads" in capsys.readouterr().out

    @pytest.mark.parametrize("text", ["run", "runs:x", "runs:", "runs:-1"])
    def test_others_are_refused_and_these_named(self, text):
        with pytest.raises(ValueError, match=r"give residues, .*, runs, "):
            from_spec(dipeptide.atoms(), text)

    @pytest.mark.parametrize("at", ["import", "call"])
    def test_that_end_the_program_are_a_sentence(self, install, at):
        end = "raise SystemExit(3)"
        source = end if at == "import" else f"def ends(atoms):\n    {end}"
        name = f"ending_at_{at}"
        install(schemes=f"ends = {name}:ends", name=name, source=source)
        with pytest.raises(ValueError, match="'ends' of .*3.*; .*mend"):
            from_spec(dipeptide.atoms(), "ends")


@pytest.mark.usefixtures("theirs")
class TestModels:
    def test_are_trained_saved_read_and_sampled(self, tmp_path):
        atoms = dipeptide.atoms(60)
        mapping = from_spec(atoms, "residues")
        model = train(
            atoms,
            mapping,
            model_options={"model": "out-of-plane"},
            training_options=QUICK,
            progress=False,
        )
        path = save_model(model, tmp_path / "theirs.cgvae")
        read = load_file(path)
        assert type(read).__name__ == "OutOfPlane"
        beads = coarse_grain(atoms, mapping)
        made = Backmapper(beads, path).sample(n=2, seed=0)
        np.testing.assert_allclose(
            mapping.project(made.positions_angstrom)[0],
            beads.atoms.positions,
            atol=1e-5,
        )
        atoms_of = made.positions_angstrom[0]
        centred = atoms_of - beads.atoms.positions.mean(0)
        normal = np.cross(*np.diff(beads.atoms.positions, axis=0))
        assert np.abs(centred @ normal).max() > 1e-3  # not in the plane of the beads

    def test_others_are_refused_and_these_named(self):
        for name in ("out-of-line", ["out-of-plane"], None):
            with pytest.raises(
                ValueError, match=r"`model` is .* one of 'cgvae', .*'out-of-plane'"
            ):
                ModelConfig(model=name)


def test_a_file_of_a_model_that_is_not_installed(theirs, tmp_path, monkeypatch):  # noqa: ARG001
    model = dipeptide.untrained("residues")
    path = tmp_path / "theirs.cgvae"
    from openmm_cgvae.model import make_model

    made = make_model(
        ModelConfig(model="out-of-plane"), model.vocabulary, model.molecule
    )
    save_model(made, path)
    monkeypatch.undo()
    with pytest.raises(
        ValueError, match="`model` is 'out-of-plane' but must be one of 'cgvae'"
    ):
        load_file(path)


def test_laws_are_tested_without_the_settings_of_this_suite(tmp_path):
    """Somebody who has the package and pytest runs `plugin/test_theirs.py`."""
    for path in PLUGIN.glob("*.py"):
        shutil.copy(path, tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:jaxtyping"]
    done = subprocess.run(
        [sys.executable, *words, "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


class TestBadPackages:
    def test_that_cannot_be_imported(self, install):
        install(models="ill = ill:Ill", name="ill", source="1 / 0")
        with pytest.raises(ValueError, match=r"'ill' of ill .*ZeroDivisionError"):
            dipeptide_model("ill")

    def test_that_is_no_model(self, install):
        install(models="no = no:Model", name="no", source="def Model(*_): return 5")
        with pytest.raises(ValueError, match=r"must be a subclass of openmm_cgvae"):
            dipeptide_model("no")

    def test_that_makes_no_mapping(self, install):
        install(schemes="none = none:make", name="none", source="def make(_): pass")
        with pytest.raises(ValueError, match="made None but must make a Mapping of 22"):
            from_spec(dipeptide.atoms(), "none")

    def test_two_of_one_name(self, install):
        install(schemes="runs = theirs:runs")
        install(schemes="runs = other:runs", name="other")
        with pytest.raises(ValueError, match=r"'runs' twice, from .*; uninstall one"):
            plugins.registered(plugins.SCHEMES)

    def test_none_takes_the_place_of_ours(self, install):
        install(models="cgvae = theirs:OutOfPlane", schemes="residues = theirs:runs")
        assert type(dipeptide_model("cgvae")).__name__ == "CGVAE"
        assert from_spec(dipeptide.atoms(), "residues").bead_names == ("RES",) * 3


def dipeptide_model(name):
    from openmm_cgvae.model import make_model

    model = dipeptide.untrained("residues")
    return make_model(
        ModelConfig(model=name, n_channels=22), model.vocabulary, model.molecule
    )
