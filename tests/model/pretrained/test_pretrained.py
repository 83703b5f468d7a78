import hashlib
import json

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.coordinates.memory import MemoryReader

from openmm_cgvae.backmapping.backmapper import Backmapper
from openmm_cgvae.backmapping.model_choice.choose_model import choose_model
from openmm_cgvae.data import data_path
from openmm_cgvae.model import pretrained
from openmm_cgvae.model.checkpoint import read_header, save_model
from openmm_cgvae.model.pretrained import (
    list_models,
    load_model,
    model_path,
)
from openmm_cgvae.testing import dipeptide
from openmm_cgvae.transformations import coarse_grain

N_BEADS = {
    "alanine-dipeptide-3": 3,
    "alanine-dipeptide-5": 5,
    "alanine-dipeptide-8": 8,
    "chignolin-12": 12,
}
FAMILIES = ("alpha-carbon", "residue", "martini3", "martini2")
FOR_ANY_PROTEIN = tuple(f"protein-{family}" for family in FAMILIES)
N_SAMPLES = 8
# Of samples as they come, before any minimisation.
SMALLEST_GOOD_SHARE = {"alanine-dipeptide": 0.9, "chignolin": 0.6}


def molecule_of(name):
    """Name of the molecule a model of the package is for."""
    return name.rpartition("-")[0]


def atoms_of(name):
    """A few frames of the trajectory a model of the package was trained on."""
    molecule = molecule_of(name)
    files = data_path(f"{molecule}.pdb"), data_path(f"{molecule}.xtc")
    universe = mda.Universe(*map(str, files))
    few = universe.trajectory.timeseries(order="fac")[:: len(universe.trajectory) // 8]
    return mda.Universe(str(files[0]), few, format=MemoryReader)


class TestShipped:
    """What holds for each model of the package."""

    def test_are_those_that_are_promised(self):
        assert list_models() == sorted([*N_BEADS, *FOR_ANY_PROTEIN])

    @pytest.mark.parametrize("name", FOR_ANY_PROTEIN)
    def test_those_for_any_protein_are_of_no_molecule(self, name):
        header = read_header(model_path(name))
        assert header["kinds"]["beads"] == name.removeprefix("protein-")
        assert header["atom_table"] is None

    @pytest.mark.parametrize("name", N_BEADS)
    def test_have_the_beads_of_their_name(self, name):
        assert load_model(name).mapping.n_beads == N_BEADS[name]

    @pytest.mark.parametrize("name", N_BEADS)
    def test_are_found_by_their_beads(self, name):
        model = load_model(name)
        beads = coarse_grain(atoms_of(name), model.mapping)
        assert choose_model(beads).model.mapping == model.mapping

    @pytest.mark.parametrize("name", N_BEADS)
    def test_were_trained_on_the_shipped_trajectory(self, name):
        provenance = load_model(name).provenance
        molecule = molecule_of(name)
        said = json.loads(data_path(f"{molecule}.json").read_text())
        assert provenance["source"] == f"{molecule}.xtc"
        assert provenance["n_frames"] == said["config"]["n_frames"]

    @pytest.mark.parametrize("name", [*N_BEADS, *FOR_ANY_PROTEIN])
    def test_tell_of_no_machine(self, name):
        header = json.dumps(read_header(model_path(name)))
        for folder in ("work", "home", "root", "tmp"):
            assert f"/{folder}/" not in header

    @pytest.mark.parametrize("name", N_BEADS)
    def test_make_good_molecules(self, name):
        beads = coarse_grain(atoms_of(name), load_model(name).mapping)
        backmapper = Backmapper(beads)
        good = []
        for _ in beads.trajectory:
            report = backmapper.sample(n=N_SAMPLES, seed=0).report()
            assert report.columns["bead_residual"].max() < 1e-4
            good.append(report.is_good.mean())
        assert np.mean(good) > SMALLEST_GOOD_SHARE[molecule_of(name)]

    def test_differ(self):
        contents = [model_path(name).read_bytes() for name in N_BEADS]
        assert len({hashlib.sha256(c).digest() for c in contents}) == len(N_BEADS)


class TestFiles:
    @pytest.fixture
    def shelf(self, tmp_path, monkeypatch):
        monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
        save_model(dipeptide.untrained(), tmp_path / "mine.cgvae")
        (tmp_path / "notes.txt").write_text("no model")
        return tmp_path

    def test_are_listed_by_name(self, shelf):
        save_model(dipeptide.untrained(), shelf / "a.b.cgvae")
        assert list_models() == ["a.b", "mine"]

    def test_name_and_path_are_the_same_model(self, shelf):
        assert model_path("mine") == model_path(shelf / "mine.cgvae")

    @pytest.mark.parametrize("name", ["yours", "", ".", "mine.cgvae", "../mine"])
    @pytest.mark.usefixtures("shelf")
    def test_neither_name_nor_file(self, name):
        with pytest.raises(
            FileNotFoundError, match="neither a file nor a model of the package; those "
        ):
            load_model(name)

    def test_other_files_are_no_models(self, shelf):
        with pytest.raises(ValueError, match="not a complete model file"):
            load_model(shelf / "notes.txt")

    def test_what_is_loaded_is_ready(self, shelf):
        del shelf
        model = load_model("mine")
        assert not model.training
        assert all(tensor.isfinite().all() for tensor in model.state_dict().values())


class TestOldNames:
    def test_find_model_forwards_with_a_warning(self):
        with pytest.warns(DeprecationWarning, match="is now `.*choose_model"):
            find_model = pretrained.find_model
        assert find_model(dipeptide.beads()).mapping.n_beads == 3

    def test_other_names_are_none(self):
        with pytest.raises(AttributeError, match="no attribute 'find_models'"):
            pretrained.find_models  # noqa: B018
