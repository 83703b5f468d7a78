"""The page of a report, and what a browser makes of it."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from rdkit import Chem

from openmm_cgvae import AtomisticEnsemble, Backmapper, load_model
from openmm_cgvae.cli import main
from openmm_cgvae.evaluation.html_report import write_page
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.testing import dipeptide, molecule_in_memory

N_SAMPLES = 3
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def made():
    """Samples of the shipped model, and what relaxing them did."""
    ensemble = Backmapper(dipeptide.beads(), load_model("alanine-dipeptide-3")).sample(
        n=N_SAMPLES, seed=0
    )
    return ensemble, ensemble.relax()


@pytest.fixture(scope="module")
def page(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("a page of Übung")
    return write_page(made[0], folder / "it.html", made[1])


def structures_in(text):
    found = re.search(r'id="structures">(.*?)</script>', text, re.S)[1]
    return json.loads(found)


class TestPage:
    def test_holds_the_structures_before_and_after(self, page, made):
        data = structures_in(page.read_text(encoding="utf-8"))
        ensemble, relaxation = made
        for name, wanted in (
            ("samples", ensemble.positions_angstrom),
            ("relaxed", relaxation.ensemble.positions_angstrom),
            ("beads", ensemble.bead_positions),
        ):
            np.testing.assert_allclose(data[name], wanted, atol=0.00051)
        assert data["bonds"] == ensemble.atom_table.bonds.tolist()
        assert data["elements"] == ensemble.atom_table.atomic_numbers.tolist()
        assert len(data["bead_radii"]) == ensemble.mapping.n_beads

    def test_holds_checks_energies_and_torsions(self, page, made):
        text = page.read_text(encoding="utf-8")
        for label, *_ in made[0].report().rows():
            assert f"<td>{label}</td>" in text
        for energies in (made[1].energy_before, made[1].energy_after):
            for energy in energies:
                assert f"<td>{energy:.1f}</td>" in text
        points = re.findall(r"<circle ", text)
        assert len(points) == N_SAMPLES + 1  # and one for the legend

    def test_asks_nothing_of_the_network(self, page):
        text = page.read_text(encoding="utf-8")
        assert "default-src 'none'" in text
        assert not re.search(r"https?:|//cdn|<link|@import|\bsrc=|fetch\(", text)

    def test_without_relaxation_beads_or_backbone(self, tmp_path):
        molecule = molecule_in_memory("CO", [(0, 1)], [[0, 0, 0], [1.4, 0, 0]])
        table = AtomTable.from_universe(molecule)
        ensemble = AtomisticEnsemble(table, molecule.atoms.positions[None])
        text = write_page(ensemble, tmp_path / "it.html").read_text(encoding="utf-8")
        assert structures_in(text)["beads"] is None
        assert 'id="relaxed"' not in text
        assert 'id="beads"' not in text
        assert "Torsions" not in text

    def test_names_from_a_file_are_text_and_no_markup(self, tmp_path):
        molecule = molecule_in_memory("CO", [(0, 1)], [[0, 0, 0], [1.4, 0, 0]])
        molecule.residues.resnames = ["</script><script>alert(1)"]
        ensemble = AtomisticEnsemble(
            AtomTable.from_universe(molecule), molecule.atoms.positions[None]
        )
        text = write_page(ensemble, tmp_path / "it.html").read_text(encoding="utf-8")
        assert "<script>alert" not in text

    def test_no_sample_or_others(self, made, tmp_path):
        with pytest.raises(ValueError, match="`ensemble` has no sample; make at least"):
            write_page(made[0][:0], tmp_path / "it.html")
        with pytest.raises(ValueError, match="`relaxation` is of 3 samples but there"):
            write_page(made[0][:2], tmp_path / "it.html", made[1])
        assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore::Warning:MDAnalysis")
def test_on_the_command_line(tmp_path, capsys):
    dipeptide.beads().atoms.write(tmp_path / "beads.pdb")
    words = ["report", str(tmp_path / "beads.pdb"), "--n", "2"]
    assert main([*words, "--html", str(tmp_path / "it.html")]) == 0
    said = capsys.readouterr().out
    assert "2 samples of 22 atoms (ACE ALA NME)" in said
    assert "energy_after" in said
    assert len(structures_in((tmp_path / "it.html").read_text())["relaxed"]) == 2


class TestView:
    def test_shows_all_samples_and_the_beads(self, made):
        ensemble, _ = made
        shown = ensemble.view()._make_html()
        assert shown.count('"sdf"') == N_SAMPLES
        assert shown.count("addSphere") == ensemble.mapping.n_beads

    def test_draws_the_bonds_of_the_molecule(self, made, monkeypatch):
        texts = []
        monkeypatch.setattr(
            "py3Dmol.view.addModel",
            lambda _, text, *__: texts.append(text),
            raising=False,
        )
        made[0].view()
        table = made[0].atom_table
        for text, positions in zip(texts, made[0].positions_angstrom, strict=True):
            read = Chem.MolFromMolBlock(text, removeHs=False, sanitize=False)
            numbers = [atom.GetAtomicNum() for atom in read.GetAtoms()]
            assert numbers == table.atomic_numbers.tolist()
            pairs = [[b.GetBeginAtomIdx(), b.GetEndAtomIdx()] for b in read.GetBonds()]
            assert pairs == table.bonds.tolist()
            places = read.GetConformer().GetPositions()
            np.testing.assert_allclose(places, positions, atol=0.00051)

    def test_says_what_to_install(self, made, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "py3Dmol", None)
        with pytest.raises(ImportError, match=r"pip install 'openmm_cgvae\[view\]'"):
            made[0].view()


@pytest.mark.look
def test_a_browser_draws_it(page, tmp_path):
    """Atoms, bonds and beads reach the canvas; picture.png is there to be looked at."""
    found = [path for path in map(shutil.which, BROWSERS) if path]
    assert found, f"none of {', '.join(BROWSERS)} is installed; install one"
    words = (
        *(found[0], "--headless", "--no-sandbox", "--disable-gpu"),
        *("--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"),
    )
    url = page.as_uri()
    done = subprocess.run(
        [*words, "--dump-dom", url], capture_output=True, text=True, check=True
    )
    drawn = int(re.search(r'data-pieces="(\d+)"', done.stdout)[1])
    assert drawn == 22 + 2 * 21 + 3  # atoms, halves of bonds, beads
    picture = tmp_path / "picture.png"
    subprocess.run(
        [*words, "--window-size=1000,1900", f"--screenshot={picture}", url],
        capture_output=True,
        check=True,
    )
    from matplotlib.image import imread

    colours = np.unique(imread(picture).reshape(-1, 4), axis=0)
    assert len(colours) > 1000  # shaded spheres, not a blank page
