import json
import time

import MDAnalysis as mda
import numpy as np
import pytest
from openmm import app

from openmm_cgvae.cli.demo import N_SAMPLES, N_STEPS, STEPS_PER_FRAME, run_demo
from openmm_cgvae.model.pretrained import load_model

PROMISED = {
    *("beads.pdb", "samples.pdb", "relaxed.pdb", "continued.pdb", "continued.xtc"),
    *("report.json", "overlay.png", "ramachandran.png"),
}
PNG = b"\x89PNG\r\n\x1a\n"
SECONDS_OF_WORK = 40.0
BEADS_HELD = 0.05  # [A]

pytestmark = pytest.mark.filterwarnings("ignore::Warning:MDAnalysis")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    begin = time.process_time()
    result = run_demo(tmp_path_factory.mktemp("demo") / "not there yet")
    return result, time.process_time() - begin


def test_writes_what_is_promised_and_nothing_else(demo):
    result, _ = demo
    assert {path.name for path in result.folder.iterdir()} == PROMISED


@pytest.mark.slow  # seconds of a processor that others use too
def test_is_soon_done(demo):
    assert demo[1] < SECONDS_OF_WORK


def test_says_what_to_look_at(demo):
    said = str(demo[0])
    assert all(name in said for name in PROMISED)
    assert "samples converged" in said


@pytest.mark.parametrize("name", ["overlay.png", "ramachandran.png"])
def test_figures_are_figures(demo, name):
    content = (demo[0].folder / name).read_bytes()
    assert content.startswith(PNG)
    assert len(content) > 10_000


def test_beads_samples_and_relaxed_samples_belong_together(demo):
    folder = demo[0].folder
    mapping = load_model("alanine-dipeptide-3").mapping
    beads = mda.Universe(str(folder / "beads.pdb")).atoms.positions
    for name in ("samples.pdb", "relaxed.pdb"):
        universe = mda.Universe(str(folder / name))
        assert len(universe.trajectory) == N_SAMPLES
        for ts in universe.trajectory:
            made = mapping.project(ts.positions)
            np.testing.assert_allclose(made, beads, atol=BEADS_HELD)


def test_report_is_good(demo):
    report = json.loads((demo[0].folder / "report.json").read_text())
    assert report["n_samples"] == N_SAMPLES
    assert report["summary"]["good"] >= 0.9


def test_simulation_went_on(demo):
    folder = demo[0].folder
    universe = mda.Universe(
        str(folder / "continued.pdb"), str(folder / "continued.xtc")
    )
    assert len(universe.trajectory) == N_STEPS // STEPS_PER_FRAME
    ca, cb = universe.select_atoms("name CA CB")
    for _ in universe.trajectory:
        assert 1.3 < np.linalg.norm(ca.position - cb.position) < 1.8


def test_files_are_read_by_openmm(demo):
    pdb = app.PDBFile(str(demo[0].folder / "relaxed.pdb"))
    assert pdb.getNumFrames() == N_SAMPLES
    assert pdb.topology.getPeriodicBoxVectors() is None
    assert pdb.topology.getNumBonds() == 21
