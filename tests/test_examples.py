"""Examples run: quickly with the other tests, in full with `make examples`."""

import os
import re
import runpy
import sys
from pathlib import Path

import openmm
import parmed
import pytest
from openmm import app, unit

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
LONGEST = 120.0  # s, of one core
# Free energies of beads in simulations, which are noisy themselves [kT].
LARGEST_ERROR = 0.4


def test_there_are_examples():
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs_and_writes_into_its_folder(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [path.name, "--quick", "--output", "made"])
    (tmp_path / "made").mkdir()
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out
    assert any((tmp_path / "made").iterdir())
    assert [entry.name for entry in tmp_path.iterdir()] == ["made"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_tells_how_it_is_run(path):
    text = path.read_text(encoding="utf-8")
    assert f"python examples/{path.name}" in text
    assert "--quick" in text


@pytest.mark.examples
class TestInFull:
    @pytest.fixture
    def run(self, tmp_path, monkeypatch, capsys):
        def in_full(stem):
            (path,) = (path for path in EXAMPLES if path.stem == stem)
            monkeypatch.chdir(tmp_path)
            monkeypatch.setattr(sys, "argv", [path.name])
            before = sum(os.times()[:4])  # children that have ended are in it
            made = runpy.run_path(str(path), run_name="__main__")
            assert sum(os.times()[:4]) - before < LONGEST
            return made, capsys.readouterr().out

        return in_full

    # What the others make, training, is tested elsewhere.
    @pytest.mark.parametrize("stem", ["backmap_a_trajectory", "continue_in_openmm"])
    def test_takes_no_longer_than_it_may(self, run, stem):
        assert run(stem)[1]

    def test_the_full_circle(self, run):
        _, text = run("full_circle")
        errors = [
            [float(error) for error in line.split(",")]
            for line in re.findall(r"off by (.*) kT", text)
        ]
        assert max(errors[-1]) < LARGEST_ERROR
        # Torsions, which force matching alone does not get right.
        assert max(errors[-1][:2]) < 0.7 * max(errors[0][:2])
        (drift,) = re.findall(r"drift (\S+) kJ/mol/ps", text)
        assert abs(float(drift)) < 0.01
        (moved,) = re.findall(r"move as before to (\S+) A/ps", text)
        assert float(moved) < 1e-8

    def test_a_long_trajectory_on_a_cluster(self, run):
        _, text = run("trajectory_on_a_cluster")
        assert text.count("10000 frames") == 2
        assert text.splitlines()[-1] == "the same"

    # GromacsTopFile of OpenMM leaves its file open.
    @pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    def test_a_box_of_a_hundred_dipeptides(self, run, tmp_path):
        made, _ = run("box_of_dipeptides")
        assert abs(made["difference"]) < 0.05
        for name in ("n_wrong_stereocentres", "n_pierced_rings", "n_clashes"):
            assert made["report"].columns[name].tolist() == [0]
        assert made["report"].is_good.tolist() == [True]
        assert made["n_collisions"](made["relaxed"]) == 0
        # What GROMACS gets has the energy of what was relaxed.
        gro = parmed.load_file(str(tmp_path / "box.gro"))
        vectors = gro.topology.getPeriodicBoxVectors()
        top = app.GromacsTopFile(str(tmp_path / "box.top"), periodicBoxVectors=vectors)
        system = top.createSystem(
            nonbondedMethod=app.PME, nonbondedCutoff=1 * unit.nanometer
        )
        context = openmm.Context(system, openmm.VerletIntegrator(0.001))
        context.setPositions(gro.positions)
        energy = context.getState(energy=True).getPotentialEnergy()._value
        state = made["relaxed"][0]
        wanted = state.simulation(made["FORCEFIELD"], minimise=False, constraints=None)
        wanted = wanted.context.getState(energy=True).getPotentialEnergy()._value
        assert energy == pytest.approx(wanted, rel=1e-4)
