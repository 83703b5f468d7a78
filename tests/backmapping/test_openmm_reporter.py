import os
import subprocess
import sys

import MDAnalysis as mda
import numpy as np
import openmm
import pytest
from openmm import app

from openmm_cgvae import Backmapper, BackmapReporter
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.model import CGVAE
from openmm_cgvae.testing.dipeptide import TOPOLOGY, TRAJECTORY, beads, untrained
from openmm_cgvae.transformations import coarse_grain

TIMESTEP = 0.002
PRECISION = {"xtc": 6e-3, "dcd": 1e-4, "pdb": 6e-4, "trr": 1e-4, "h5md": 1e-4}


@pytest.fixture(scope="module")
def backmapper():
    return Backmapper(beads("residues"), untrained("residues"))


def running(n_beads=3, periodic=False, seed=5):
    """Three beads in a chain of springs, in a bath."""
    system = openmm.System()
    springs = openmm.HarmonicBondForce()
    springs.setUsesPeriodicBoundaryConditions(periodic)
    for bead in range(n_beads):
        system.addParticle(50.0)
        if bead:
            springs.addBond(bead - 1, bead, 0.4, 5000.0)
    system.addForce(springs)
    system.setDefaultPeriodicBoxVectors(*(np.eye(3) * 3.0))
    topology = app.Topology()
    chain = topology.addChain()
    for _ in range(n_beads):
        topology.addAtom("B", None, topology.addResidue("BEAD", chain))
    integrator = openmm.LangevinMiddleIntegrator(300, 1.0, TIMESTEP)
    integrator.setRandomNumberSeed(seed)
    simulation = app.Simulation(
        topology, system, integrator, openmm.Platform.getPlatformByName("Reference")
    )
    start = np.arange(n_beads)[:, None] * np.array([0.35, 0.1, 0.0])
    simulation.context.setPositions(start)
    simulation.context.setVelocitiesToTemperature(300, seed)
    return simulation


class Watch:
    """Keep the positions [A] of every report."""

    def __init__(self, interval):
        self.interval = interval
        self.beads = []

    def describeNextReport(self, simulation):  # noqa: N802
        steps = self.interval - simulation.currentStep % self.interval
        return {"steps": steps, "periodic": False, "include": ["positions"]}

    def report(self, simulation, state):  # noqa: ARG002
        self.beads.append(state.getPositions(asNumpy=True)._value * 10)


def read(path):
    universe = mda.Universe(TOPOLOGY, str(path))
    return universe, np.array([ts.positions.copy() for ts in universe.trajectory])


@pytest.mark.filterwarnings("ignore:DCDReader currently makes:DeprecationWarning")
@pytest.mark.parametrize("ending", PRECISION)
@pytest.mark.parametrize("n", [1, 2])
def test_frames_are_samples_of_the_running_beads(backmapper, tmp_path, ending, n):
    simulation, watch = running(), Watch(10)
    path = tmp_path / f"atoms.{ending}"
    simulation.reporters.append(watch)
    with BackmapReporter(path, 10, backmapper, n=n, seed=3) as reporter:
        simulation.reporters.append(reporter)
        simulation.step(45)
    _, atoms = read(path)
    assert atoms.shape == (4 * n, 22, 3)
    found = backmapper.model.mapping.project(atoms)
    expected = np.repeat(watch.beads, n, axis=0)
    np.testing.assert_allclose(found, expected, atol=PRECISION[ending])
    assert "4 frames" in repr(reporter) if n == 1 else "8 frames" in repr(reporter)


@pytest.mark.filterwarnings("ignore:DCDReader currently makes:DeprecationWarning")
@pytest.mark.parametrize("ending", ["xtc", "trr", "dcd"])
def test_times_and_numbers_are_right(backmapper, tmp_path, ending):
    simulation = running()
    simulation.step(20)
    with BackmapReporter(tmp_path / f"a.{ending}", 10, backmapper) as reporter:
        simulation.reporters.append(reporter)
        simulation.step(30)
    universe, _ = read(reporter.path)
    times = [ts.time for ts in universe.trajectory]
    np.testing.assert_allclose(times, [0.06, 0.08, 0.10], rtol=1e-5)
    assert [ts.frame for ts in universe.trajectory] == [0, 1, 2]
    if ending != "dcd":
        assert [ts.data["step"] for ts in universe.trajectory] == [30, 40, 50]


def test_structures_with_faults_are_counted_and_named(backmapper, tmp_path):
    spoil = Sampler.sample_many

    def mirrored(self, *args, **options):
        return -spoil(self, *args, **options)

    simulation = running()
    with (
        pytest.MonkeyPatch.context() as patch,
        BackmapReporter(tmp_path / "a.xtc", 10, backmapper, n=2) as reporter,
    ):
        patch.setattr(Sampler, "sample_many", mirrored)
        simulation.reporters.append(reporter)
        simulation.step(30)
    assert reporter.n_faulty == len(reporter.faults) == 6
    assert [each.frame for each in reporter.faults] == [1, 1, 2, 2, 3, 3]


def test_a_run_in_two_parts_gives_the_frames_of_one(backmapper, tmp_path):
    whole = running()
    with BackmapReporter(tmp_path / "whole.xtc", 5, backmapper, n=2, seed=1) as report:
        whole.reporters.append(report)
        whole.step(20)
    parts = running()
    for name, steps in (("a", 7), ("b", 13)):
        path = tmp_path / f"{name}.xtc"
        with BackmapReporter(path, 5, backmapper, n=2, seed=1) as report:
            parts.reporters[:] = [report]
            parts.step(steps)
    both = [read(tmp_path / f"{name}.xtc")[1] for name in "ab"]
    expected = read(tmp_path / "whole.xtc")[1]
    np.testing.assert_array_equal(np.concatenate(both), expected)


def test_seeds_and_reports_differ(backmapper, tmp_path):
    still = running()
    still.integrator.setStepSize(1e-9)
    still.context.setVelocities(np.zeros((3, 3)))
    for seed in (0, 1):
        path = tmp_path / f"{seed}.trr"
        with BackmapReporter(path, 1, backmapper, n=2, seed=seed) as report:
            still.reporters[:] = [report]
            still.step(2)
    atoms = np.concatenate([read(tmp_path / f"{seed}.trr")[1] for seed in (0, 1)])
    for i in range(8):
        for j in range(i):
            assert np.abs(atoms[i] - atoms[j]).max() > 1e-2


def test_a_model_stands_for_its_backmapper(backmapper, tmp_path):
    assert isinstance(backmapper.model, CGVAE)
    simulation = running()
    with BackmapReporter(tmp_path / "a.xtc", 5, backmapper.model) as report:
        simulation.reporters.append(report)
        simulation.step(5)
    assert len(read(report.path)[1]) == 1


def test_the_box_is_written_and_molecules_stay_whole(backmapper, tmp_path):
    simulation = running(periodic=True)
    # Half of the molecule is outside of the box.
    shift = simulation.context.getState(positions=True).getPositions(asNumpy=True)
    simulation.context.setPositions(shift._value + [2.7, 0.0, 7.0])
    watch = Watch(5)
    with BackmapReporter(tmp_path / "a.xtc", 5, backmapper) as report:
        simulation.reporters += [report, watch]
        simulation.step(5)
    universe, atoms = read(report.path)
    np.testing.assert_allclose(universe.dimensions, [30, 30, 30, 90, 90, 90])
    found = backmapper.model.mapping.project(atoms)[0]
    np.testing.assert_allclose(found, watch.beads[0], atol=6e-3)


def test_without_a_box_there_is_none_in_the_file(backmapper, tmp_path):
    simulation = running()
    with BackmapReporter(tmp_path / "a.pdb", 5, backmapper, n=2) as report:
        simulation.reporters.append(report)
        simulation.step(10)
    assert app.PDBFile(str(report.path)).topology.getPeriodicBoxVectors() is None
    assert app.PDBFile(str(report.path)).getNumFrames() == 4


@pytest.mark.parametrize("ending", ["xtc", "trr", "dcd"])
@pytest.mark.filterwarnings("ignore:DCDReader currently makes:DeprecationWarning")
def test_frames_can_be_read_while_it_runs(backmapper, tmp_path, ending):
    simulation = running()
    report = BackmapReporter(tmp_path / f"a.{ending}", 5, backmapper)
    simulation.reporters.append(report)
    for n_frames in (1, 2, 3):
        simulation.step(5)
        assert len(read(report.path)[1]) == n_frames
        for offsets in tmp_path.glob(".*offsets*"):
            offsets.unlink()
    report.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.slow
def test_a_killed_run_leaves_its_frames(tmp_path):
    script = (
        "import os, sys; sys.path[:0] = ['tests', 'tests/backmapping']\n"
        "from test_openmm_reporter import *\n"
        "simulation = running()\n"
        f"report = BackmapReporter({str(tmp_path / 'a.xtc')!r}, 5, untrained())\n"
        "simulation.reporters.append(report)\n"
        "simulation.step(17)\n"
        "os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == 9
    assert len(read(tmp_path / "a.xtc")[1]) == 3


def test_nothing_is_written_before_the_first_report(backmapper, tmp_path):
    with BackmapReporter(tmp_path / "a.xtc", 5, backmapper) as report:
        running().reporters.append(report)
    assert not list(tmp_path.iterdir())


def test_other_particles_are_refused_before_a_step(backmapper, tmp_path):
    simulation = running(n_beads=4)
    report = BackmapReporter(tmp_path / "a.xtc", 5, backmapper)
    simulation.reporters.append(report)
    with pytest.raises(ValueError, match="`simulation` has 4 particles but the model"):
        simulation.step(5)
    assert simulation.currentStep == 0
    assert not list(tmp_path.iterdir())


def several(backmapper, n_molecules, n_others=0, periodic=False):
    """Molecules of three beads, far apart, behind beads of something else."""
    simulation = running(n_others + 3 * n_molecules, periodic)
    # Each where it was in another frame, and no springs between them.
    springs = simulation.system.getForce(0)
    for bond in range(springs.getNumBonds()):
        first, second, *_ = springs.getBondParameters(bond)
        springs.setBondParameters(bond, first, second, 0.4, 0.0)
    springs.updateParametersInContext(simulation.context)
    source = backmapper.beads.universe
    places = [source.trajectory[k % 6].positions / 10 for k in range(n_molecules)]
    shifts = np.arange(n_molecules)[:, None, None] * np.array([1.5, 0.4, 0.2])
    start = np.array(places, dtype=float) + shifts
    others = np.full((n_others, 3), 9.0)
    simulation.context.setPositions(np.concatenate([others, start.reshape(-1, 3)]))
    return simulation


def test_molecules_are_decoded_independently(backmapper, tmp_path):
    simulation, watch = several(backmapper, 4), Watch(5)
    with BackmapReporter(tmp_path / "a.trr", 5, backmapper, n=2, seed=1) as report:
        simulation.reporters += [report, watch]
        simulation.step(10)
    universe = mda.Universe.empty(4 * 22, trajectory=True)
    universe.load_new(str(report.path))
    atoms = np.array([ts.positions.copy() for ts in universe.trajectory])
    assert atoms.shape == (4, 88, 3)
    found = backmapper.model.mapping.project(atoms.reshape(2, 2, 4, 22, 3))
    wanted = np.reshape(watch.beads, (2, 1, 4, 3, 3)).repeat(2, axis=1)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    # The first molecule has the atoms it has alone.
    alone = running()
    alone.context.setPositions(watch.beads[0][:3] / 10)
    alone.integrator.setStepSize(1e-12)
    with BackmapReporter(tmp_path / "b.trr", 1, backmapper, n=2, seed=1) as report:
        alone.reporters.append(report)
        alone.step(1)
    np.testing.assert_allclose(read(report.path)[1], atoms[:2, :22], atol=1e-3)


def test_solvent_is_left_out(backmapper, tmp_path):
    simulation, watch = several(backmapper, 2, n_others=5), Watch(5)
    path = tmp_path / "a.pdb"
    with BackmapReporter(path, 5, backmapper, particles=range(5, 11)) as report:
        simulation.reporters += [report, watch]
        simulation.step(10)
    universe = mda.Universe(str(path))
    assert universe.residues.resnames.tolist() == ["ACE", "ALA", "NME"] * 2
    universe.trajectory[-1]
    found = backmapper.model.mapping.project(universe.atoms.positions.reshape(2, 22, 3))
    np.testing.assert_allclose(found.reshape(-1, 3), watch.beads[-1][5:], atol=1e-3)


def test_molecules_that_the_box_cuts_are_made_whole(backmapper, tmp_path):
    simulation, watch = several(backmapper, 2, periodic=True), Watch(1)
    simulation.integrator.setStepSize(1e-12)
    place = simulation.context.getState(positions=True).getPositions(asNumpy=True)
    cut = np.array(place._value)
    cut[1] += [3.0, 0, -6.0]  # the box is 3 nm wide
    simulation.context.setPositions(cut)
    with BackmapReporter(tmp_path / "a.trr", 1, backmapper) as report:
        simulation.reporters += [report, watch]
        simulation.step(1)
    universe = mda.Universe.empty(2 * 22, trajectory=True)
    universe.load_new(str(report.path))
    found = backmapper.model.mapping.project(universe.atoms.positions.reshape(2, 22, 3))
    np.testing.assert_allclose(found.reshape(-1, 3), place._value * 10, atol=1e-3)


def test_beads_that_the_model_cannot_take_are_named(backmapper, tmp_path, monkeypatch):
    nothing = np.full((1, 1, 1, 22, 3), np.nan)
    monkeypatch.setattr(Sampler, "sample_many", lambda *_, **__: nothing)
    simulation = running()
    simulation.reporters.append(BackmapReporter(tmp_path / "a.xtc", 10, backmapper))
    with pytest.raises(ValueError, match="has beads at step 10 of which the model mak"):
        simulation.step(20)
    assert list(tmp_path.iterdir()) == []


def test_particles_that_are_not_there_are_refused(backmapper, tmp_path):
    simulation = running(n_beads=4)
    path = tmp_path / "a.xtc"
    for particles, sentence in (
        ([0, 1, 4], "`particles` names particle 4 but `simulation` has 4; count"),
        ([0, 1], "`simulation` has 2 particles but the model has 3 beads"),
    ):
        report = BackmapReporter(path, 5, backmapper, particles=particles)
        simulation.reporters[:] = [report]
        with pytest.raises(ValueError, match=sentence):
            simulation.step(5)
    with pytest.raises(ValueError, match="`particles` has 2 numbers, 1 of them"):
        BackmapReporter(path, 5, backmapper, particles=[1, 1])


def test_a_closed_file_is_closed(backmapper, tmp_path):
    simulation = running()
    with BackmapReporter(tmp_path / "a.xtc", 5, backmapper) as report:
        simulation.reporters.append(report)
        simulation.step(5)
    report.close()
    with pytest.raises(ValueError, match="a.xtc' is closed already"):
        simulation.step(5)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"interval": 0}, ValueError, "`interval` is 0 but must be"),
        ({"n": 0}, ValueError, "`n` is 0 but must be a whole number of at least 1"),
        ({"n": True}, ValueError, "`n` is True but must be a whole number"),
        ({"seed": -1}, ValueError, "`seed` is -1 but must be"),
        ({"candidates": 0}, ValueError, "`candidates` is 0 but must be"),
        (
            {"correlation_time": 0.0},
            ValueError,
            "`correlation_time` is 0.0 ps but must",
        ),
        ({"file": "a.foo"}, ValueError, "a.foo' but MDAnalysis writes no traj"),
        ({"file": "a.gro"}, ValueError, "a.gro' but MDAnalysis writes no traj"),
        ({"file": "atoms"}, ValueError, "atoms' but MDAnalysis writes no traj"),
        ({"file": "no/a.xtc"}, FileNotFoundError, "there is no folder '.*no'"),
    ],
)
def test_impossible_options_are_refused(backmapper, tmp_path, options, error, sentence):
    given = {"file": "a.xtc", "interval": 5, "backmapper": backmapper, **options}
    given["file"] = tmp_path / given["file"]
    with pytest.raises(error, match=sentence):
        BackmapReporter(**given)


def crowded(n_others):
    """Two frames of two molecules that are close, behind other particles."""
    one = beads("residues")
    frames = np.array([one.trajectory[k].positions.copy() for k in range(4)])
    molecules = frames.reshape(2, 2, 3, 3) + np.array([[0, 0, 0], [4, 0, 0]])[:, None]
    others = np.full((2, n_others, 3), 30.0) + np.arange(n_others)[:, None]
    positions = np.concatenate([others, molecules.reshape(2, 6, 3)], axis=1)
    n = n_others + 6
    universe = mda.Universe.empty(n, n, atom_resindex=range(n))
    universe.add_TopologyAttr("names", ["ION"] * n_others + ["RES"] * 6)
    residues = ["ION"] * n_others + ["ACE", "ALA", "NME"] * 2
    universe.add_TopologyAttr("resnames", residues)
    universe.load_new(positions.astype(np.float32))
    return universe


def reported(universe, path, backmapper, **options):
    """The structures of a report while the beads stand still in frame 1."""
    simulation = running(len(universe.atoms))
    simulation.integrator.setStepSize(1e-9)
    start = universe.trajectory[1].positions.astype(float) / 10
    simulation.context.setPositions(start)
    with BackmapReporter(path, 1, backmapper, **options) as report:
        simulation.reporters.append(report)
        simulation.step(1)
    made = mda.Universe.empty(len(report._atoms.atoms), trajectory=True)
    made.load_new(str(path))
    return np.array([ts.positions.copy() for ts in made.trajectory])


@pytest.mark.parametrize(
    ("made", "drawn"),
    [
        ({}, {}),
        ({"temperature": 0.0}, {}),
        ({"temperature": 0.5, "batch_size": 4}, {}),
        ({}, {"candidates": 3}),
        ({}, {"correlation_time": 5.0}),
        ({"unknown": "keep"}, {"candidates": 2}),
    ],
)
def test_a_report_has_the_samples_of_its_backmapper(tmp_path, made, drawn):
    universe = crowded(n_others=2 if "unknown" in made else 0)
    universe.trajectory[1]
    backmapper = Backmapper(universe, untrained("residues"), **made)
    wanted = backmapper.sample(n=3, seed=4, **drawn).positions_angstrom
    if "correlation_time" in drawn:  # in reports of 1e-9 ps, not in frames of 1 ps
        drawn = {"correlation_time": 5e-9}
    atoms = reported(universe, tmp_path / "a.trr", backmapper, n=3, seed=4, **drawn)
    np.testing.assert_allclose(atoms, wanted, atol=1e-3)


def test_at_temperature_0_all_samples_are_one_structure(tmp_path):
    universe = crowded(n_others=0)
    model = untrained("residues", methyl_labels="as_given")
    cold, warm = (Backmapper(universe, model, temperature=t) for t in (0.0, 1.0))
    atoms = reported(universe, tmp_path / "cold.trr", cold, n=4)
    np.testing.assert_allclose(atoms, atoms[:1].repeat(4, axis=0), atol=1e-5)
    atoms = reported(universe, tmp_path / "warm.trr", warm, n=4)
    assert np.abs(atoms - atoms[:1])[1:].max(axis=(1, 2)).min() > 1e-2


def test_no_batch_is_larger_than_the_backmappers(tmp_path, monkeypatch):
    sizes, original = [], Sampler._decode

    def note(self, positions, noise):
        sizes.append(len(positions))
        return original(self, positions, noise)

    monkeypatch.setattr(Sampler, "_decode", note)
    universe = crowded(n_others=0)
    backmapper = Backmapper(universe, untrained("residues"), batch_size=4)
    reported(universe, tmp_path / "a.trr", backmapper, n=5)
    assert sum(sizes) == 10
    assert max(sizes) <= 4


def test_kept_particles_need_those_of_the_universe(tmp_path):
    universe = crowded(n_others=2)
    backmapper = Backmapper(universe, untrained("residues"), unknown="keep")
    with pytest.raises(ValueError, match="`particles` chooses the beads, but `backma"):
        BackmapReporter(tmp_path / "a.xtc", 5, backmapper, particles=range(2, 8))
    simulation = running(n_beads=6)
    simulation.reporters.append(BackmapReporter(tmp_path / "a.xtc", 5, backmapper))
    with pytest.raises(
        ValueError, match="has 6 particles but the universe of .* has 8"
    ):
        simulation.step(5)
    assert not list(tmp_path.iterdir())


def test_a_mapped_frame_starts_a_reported_simulation(tmp_path):
    model = untrained("residues")
    universe = coarse_grain(mda.Universe(TOPOLOGY, TRAJECTORY), model.mapping)
    simulation = running()
    simulation.context.setPositions(universe.atoms.positions.astype(float) / 10)
    with BackmapReporter(tmp_path / "a.xtc", 5, Backmapper(universe, model)) as report:
        simulation.reporters.append(report)
        simulation.step(5)
    assert np.isfinite(read(report.path)[1]).all()
