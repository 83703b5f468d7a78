import copy
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import MDAnalysis as mda
import numpy as np
import openmm
import pytest
from openmm import app, unit

from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.openmm_bridge import make_system
from openmm_cgvae.structures.relaxation import minimiser, relaxation
from openmm_cgvae.structures.relaxation import worker_pool as processes
from openmm_cgvae.structures.relaxation.relaxation import (
    Minimisation,
    RelaxationSettings,
    minimise_restrained,
)

BEADS_HELD = 0.05  # Angstrom
BEADS_EXACT = 1e-4
SANE_ENERGY = 0.0  # kJ/mol; the relaxed molecule has about -130


@pytest.fixture(scope="module")
def native() -> mda.Universe:
    return mda.Universe(app.PDBFile(str(data_path("alanine-dipeptide.pdb"))))


@pytest.fixture(scope="module")
def table(native: mda.Universe) -> AtomTable:
    return AtomTable.from_universe(native)


@pytest.fixture(scope="module")
def system(table: AtomTable) -> openmm.System:
    return make_system(table)


@pytest.fixture(scope="module")
def mapping(table: AtomTable) -> Mapping:
    return Mapping(table.residue_of_atom, "mass", masses=table.masses)


@pytest.fixture(scope="module")
def noisy(native: mda.Universe) -> Callable[..., np.ndarray]:
    def make(noise: float, n_samples: int = 6, seed: int = 0) -> np.ndarray:
        x = native.atoms.positions.astype(np.float64)
        generator = np.random.default_rng(seed)
        return x + generator.normal(0.0, noise, (n_samples, *x.shape))

    return make


def energies(system: openmm.System, positions: np.ndarray) -> list[float]:
    context = openmm.Context(
        system,
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    found = []
    for sample in positions:
        context.setPositions(sample * 0.1)
        found.append(context.getState(energy=True).getPotentialEnergy()._value)
    return found


def same(a: Minimisation, b: Minimisation) -> bool:
    return all(
        np.array_equal(vars(a)[name], vars(b)[name], equal_nan=True) for name in vars(a)
    )


def test_energies_fall_and_beads_stay(system, mapping, noisy) -> None:
    start = noisy(0.2)
    result = minimise_restrained(system, start, mapping)
    assert (result.energy_after < SANE_ENERGY).all()
    assert (result.energy_before > result.energy_after + 1000).all()
    assert (result.bead_shift <= BEADS_HELD).all()
    assert result.converged.all()
    assert (result.n_iterations > 0).all()
    # The shifts are those of the positions that come back.
    moved = np.linalg.norm(result.positions - start, axis=-1).max(axis=-1)
    np.testing.assert_allclose(result.atom_shift, moved)
    beads = mapping.project(result.positions) - mapping.project(start)
    shift = np.linalg.norm(beads, axis=-1).max(axis=-1)
    np.testing.assert_allclose(result.bead_shift, shift, atol=1e-9)


def test_energies_are_of_the_force_field_alone(system, mapping, noisy) -> None:
    start = noisy(0.2, 3)
    result = minimise_restrained(system, start, mapping)
    np.testing.assert_allclose(result.energy_before, energies(system, start))
    np.testing.assert_allclose(
        result.energy_after, energies(system, result.positions), atol=1e-6
    )


def test_recentring_is_exact(system, mapping, noisy) -> None:
    start = noisy(0.2)
    settings = RelaxationSettings(recentre=True)
    result = minimise_restrained(system, start, mapping, settings=settings)
    assert (result.bead_shift <= BEADS_EXACT).all()
    np.testing.assert_allclose(
        mapping.project(result.positions), mapping.project(start), atol=BEADS_EXACT
    )
    np.testing.assert_allclose(
        result.energy_after, energies(system, result.positions), atol=1e-6
    )
    assert (result.energy_after < SANE_ENERGY).all()


def test_beads_are_held_where_they_are_asked_to_be(system, mapping, noisy) -> None:
    start = noisy(0.1, 1)
    targets = mapping.project(start) + np.array([0.3, 0.0, 0.0])
    result = minimise_restrained(system, start, mapping, targets)
    reached = mapping.project(result.positions)
    np.testing.assert_allclose(reached, targets, atol=BEADS_HELD)


def test_alpha_carbons_are_held_and_nothing_else(system, table, noisy) -> None:
    is_centre = np.array([name in {"CH3", "CA"} for name in table.names])
    is_centre[table.names.index("C", 18)] = True
    mapping = Mapping(table.residue_of_atom, is_centre.astype(float))
    start = noisy(0.2)
    result = minimise_restrained(system, start, mapping)
    shifts = np.linalg.norm(result.positions - start, axis=-1)
    assert (shifts[:, is_centre] <= BEADS_HELD).all()
    assert (shifts[:, ~is_centre].max(axis=1) > 2 * BEADS_HELD).all()


def test_stiffer_springs_hold_better(system, mapping, noisy) -> None:
    start = noisy(0.2, 2)
    shifts = [
        minimise_restrained(
            system, start, mapping, settings=RelaxationSettings(k=k)
        ).bead_shift.mean()
        for k in (1e4, 1e5, 1e6)
    ]
    assert shifts[0] > shifts[1] > shifts[2]


def test_without_mapping_it_is_openmms_minimiser(system, noisy) -> None:
    start = noisy(0.1, 2)
    settings = RelaxationSettings(energy_tolerance=0.0, platform="Reference")
    result = minimise_restrained(system, start, settings=settings)
    assert np.isnan(result.bead_shift).all()
    context = openmm.Context(
        system,
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    for sample, relaxed in zip(start, result.positions, strict=True):
        context.setPositions(sample * 0.1)
        openmm.LocalEnergyMinimizer.minimize(context)
        x = context.getState(positions=True).getPositions(asNumpy=True)
        np.testing.assert_allclose(x.value_in_unit(unit.angstrom), relaxed, atol=1e-6)


def test_the_force_tolerance_is_met(system, mapping, noisy) -> None:
    start = noisy(0.1, 2)
    strict = RelaxationSettings(
        energy_tolerance=0.0, tolerance=1.0, max_iterations=5000
    )
    loose = RelaxationSettings()
    tight = minimise_restrained(system, start, mapping, settings=strict)
    quick = minimise_restrained(system, start, mapping, settings=loose)
    assert tight.converged.all()
    assert (tight.n_iterations > quick.n_iterations).all()
    # Stopping early costs less than half of kT.
    assert (np.abs(tight.energy_after - quick.energy_after) < 1.2).all()


def test_too_few_iterations_are_admitted(system, mapping, noisy) -> None:
    settings = RelaxationSettings(max_iterations=3)
    result = minimise_restrained(system, noisy(0.2, 2), mapping, settings=settings)
    assert not result.converged.any()
    assert (result.n_iterations <= 3).all()


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[openmm.Context]:
    made: list[openmm.Context] = []
    make = minimiser._make_context

    def count(*args) -> openmm.Context:
        made.append(make(*args))
        return made[-1]

    monkeypatch.setattr(minimiser, "_make_context", count)
    return made


def test_one_context_serves_all_samples(system, mapping, noisy, contexts) -> None:
    minimise_restrained(system, noisy(0.2, 8), mapping)
    assert len(contexts) == 1
    assert contexts[0].getPlatform().getName() == "Reference"


def test_clashes_are_pulled_apart_first(system, mapping, noisy, contexts) -> None:
    start = noisy(0.8, 12)
    start[:] += mapping.lift(mapping.project(noisy(0.0, 12)) - mapping.project(start))
    soft = minimise_restrained(system, start, mapping)
    assert len(contexts) == 2
    assert (soft.energy_after < SANE_ENERGY).all()
    assert (soft.bead_shift < BEADS_HELD).all()


def test_atoms_on_their_beads_find_their_places(system, mapping, noisy) -> None:
    start = mapping.lift(mapping.project(noisy(0.0, 1)))
    result = minimise_restrained(system, start, mapping)
    assert not np.isfinite(result.energy_before).any()
    assert (result.energy_after < SANE_ENERGY).all()


def test_a_hopeless_sample_comes_back_as_it_was(system, mapping, noisy) -> None:
    start = noisy(0.1, 2)
    start[0] = mapping.lift(mapping.project(start[0]))
    settings = RelaxationSettings(soft_start=False)
    result = minimise_restrained(system, start, mapping, settings=settings)
    np.testing.assert_array_equal(result.converged, [False, True])
    np.testing.assert_array_equal(result.positions[0], start[0])


def test_samples_do_not_influence_each_other(system, mapping, noisy) -> None:
    start = noisy(0.5, 4)
    together = minimise_restrained(system, start, mapping)
    for sample in range(4):
        alone = minimise_restrained(system, start[sample : sample + 1], mapping)
        np.testing.assert_array_equal(alone.positions[0], together.positions[sample])


@pytest.fixture
def is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let other processes be started for a few samples."""
    monkeypatch.setattr(relaxation, "SECONDS_TO_START", 0.0)


@pytest.fixture
def other_process() -> Iterator[processes.OtherProcesses]:
    """Another process that is there, so that it has work to do."""
    processes.other_processes.cache_clear()
    other = processes.other_processes(1)
    other.call(relaxation._greet)
    other._greeting.result()
    yield other
    processes.other_processes.cache_clear()


def test_two_workers_give_what_one_gives(system, mapping, noisy, other_process) -> None:
    start = noisy(0.2, 5)
    settings = RelaxationSettings(
        recentre=True, platform=openmm.Platform.getPlatformByName("Reference")
    )
    serial = minimise_restrained(system, start, mapping, settings=settings)
    for _ in range(2):
        parallel = minimise_restrained(
            system, start, mapping, settings=settings, workers=2
        )
        assert same(serial, parallel)
    assert processes.other_processes(1) is other_process


@pytest.mark.usefixtures("is_worth_it")
def test_another_process_is_called_and_waited_for_at_work(
    system, mapping, noisy
) -> None:
    processes.other_processes.cache_clear()
    start = noisy(0.2, 40)
    serial = minimise_restrained(system, start, mapping)
    parallel = minimise_restrained(system, start, mapping, workers=2)
    assert same(serial, parallel)
    assert processes.other_processes(1)._greeting is not None
    processes.other_processes.cache_clear()


def test_no_process_is_started_for_little_work(
    system, mapping, noisy, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.other_processes.cache_clear()
    monkeypatch.setattr(processes.OtherProcesses, "submit", None)
    start = noisy(0.2, 4)
    serial = minimise_restrained(system, start, mapping)
    parallel = minimise_restrained(system, start, mapping, workers=2)
    assert same(serial, parallel)
    assert processes.other_processes(1)._greeting is None


def test_a_worker_makes_one_context(
    system, mapping, noisy, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, original = [], minimiser._make_context
    monkeypatch.setattr(
        minimiser,
        "_make_context",
        lambda *given: made.append(given) or original(*given),
    )
    job = relaxation._Job(
        "one", openmm.XmlSerializer.serialize(system), mapping, RelaxationSettings()
    )
    start = noisy(0.2, 4)
    samples = relaxation._Samples(start, mapping.project(start), None)
    for chunk in samples.split(1):
        # Every chunk comes with a copy of the job.
        assert len(pickle.loads(pickle.dumps(job)).run(chunk)) == 1
    assert len(made) == 1


def test_forces_of_the_caller_are_left_alone(system, mapping, noisy) -> None:
    before = openmm.XmlSerializer.serialize(system)
    minimise_restrained(system, noisy(0.8, 1), mapping)
    assert openmm.XmlSerializer.serialize(system) == before


def test_periodic_systems_follow_the_box_of_each_sample(table, mapping, noisy) -> None:
    boxes = np.array([[25.0, 25, 25, 90, 90, 90], [30.0, 30, 30, 90, 90, 90]])
    system = make_system(table, "amber99sbildn.xml", box=boxes[0])
    start = noisy(0.0, 2)
    result = minimise_restrained(system, start, mapping, boxes=boxes)
    swapped = minimise_restrained(system, start, mapping, boxes=boxes[::-1])
    assert result.energy_before[0] != result.energy_before[1]
    np.testing.assert_allclose(
        result.energy_before, swapped.energy_before[::-1], rtol=1e-6
    )
    assert (result.bead_shift < BEADS_HELD).all()


def test_no_samples_are_no_trouble(system, mapping, table) -> None:
    result = minimise_restrained(system, np.zeros((0, table.n_atoms, 3)), mapping)
    assert result.positions.shape == (0, table.n_atoms, 3)


def test_tables(system, mapping, noisy, capsys) -> None:
    result = minimise_restrained(system, noisy(0.1, 2), mapping, progress=True)
    assert "relaxing: 100%" in capsys.readouterr().err
    frame = result.to_dataframe()
    assert len(frame) == 2
    assert "positions" not in frame
    assert str(result).startswith("2 of 2 samples converged\n")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"k": 0.0}, "`k` is 0.0 but must be positive"),
        ({"tolerance": -1.0}, "`tolerance` is -1.0 but must be positive"),
        ({"max_iterations": 0}, "`max_iterations` is 0 but must be positive"),
        ({"max_iterations": 2.5}, "`max_iterations` is 2.5 but must be a whole numb"),
        ({"k": np.inf}, "`k` is inf but must be positive and finite; leave"),
        ({"tolerance": np.nan}, "`tolerance` is nan but must be positive"),
        ({"energy_tolerance": np.inf}, "is inf but must be 0 or more and finite"),
        ({"energy_tolerance": -0.1}, "`energy_tolerance` is -0.1 but must be 0 or"),
        ({"soft_start": "maybe"}, "`soft_start` is 'maybe' but must be True, False"),
    ],
)
def test_settings_out_of_range(settings: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        RelaxationSettings(**settings)


def test_iterations_end_where_bonds_are_constrained(system, mapping, noisy) -> None:
    constrained = copy.deepcopy(system)
    (bonds,) = (f for f in system.getForces() if type(f) is openmm.HarmonicBondForce)
    for bond in range(bonds.getNumBonds()):
        first, second, length, _ = bonds.getBondParameters(bond)
        constrained.addConstraint(first, second, length)
    limits = {"max_iterations": 40, "soft_start": False, "energy_tolerance": 0.0}
    settings = RelaxationSettings(tolerance=1e-3, **limits)
    result = minimise_restrained(constrained, noisy(0.1, 2), mapping, settings=settings)
    n_rounds = 12  # in which OpenMM makes the constraints stiffer
    assert (result.n_iterations <= 40 + n_rounds).all()


def test_bad_calls_get_a_sentence(system, mapping, noisy) -> None:
    start = noisy(0.1, 1)
    with pytest.raises(
        ValueError, match="`recentre` is True but there is no `mapping`"
    ):
        minimise_restrained(system, start, settings=RelaxationSettings(recentre=True))
    with pytest.raises(ValueError, match="`workers` is 0 but must be 1 or more"):
        minimise_restrained(system, start, mapping, workers=0)
    with pytest.raises(ValueError, match="`platform` is 'Abacus' but OpenMM has"):
        minimise_restrained(
            system, start, mapping, settings=RelaxationSettings(platform="Abacus")
        )


def test_only_lost_coordinates_are_forgiven(
    system, mapping, noisy, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "Particle coordinate is NaN."

    def fail(*_) -> None:
        raise openmm.OpenMMException(message)

    monkeypatch.setattr(openmm.LocalEnergyMinimizer, "minimize", fail)
    start = noisy(0.1, 1)
    result = minimise_restrained(system, start, mapping)
    np.testing.assert_array_equal(result.positions, start)
    assert not result.converged.any()
    message = "Out of memory"
    with pytest.raises(openmm.OpenMMException, match="Out of memory"):
        minimise_restrained(system, start, mapping)


@pytest.mark.usefixtures("is_worth_it")
def test_a_dead_worker_is_explained(
    system, mapping, noisy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_) -> None:
        raise BrokenProcessPool("gone")

    processes.other_processes.cache_clear()
    monkeypatch.setattr(ProcessPoolExecutor, "submit", die)
    with pytest.raises(RuntimeError, match="`workers` is 2 but a worker process died"):
        minimise_restrained(system, noisy(0.1, 2), mapping, workers=2)
