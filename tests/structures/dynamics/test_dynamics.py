import numpy as np
import openmm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openmm import app

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.schemes import from_spec
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.dynamics import (
    energy_drift,
    release,
    set_velocities,
    velocities_given_beads,
)
from openmm_cgvae.structures.ensemble import AtomisticState
from openmm_cgvae.structures.openmm_bridge import make_system
from openmm_cgvae.testing.dipeptide import atoms

KT_300 = 249.43387854459716  # 300 K in Da (A/ps)^2


@pytest.fixture(scope="module")
def table():
    return AtomTable.from_universe(atoms())


@pytest.fixture(scope="module")
def state(table):
    universe = atoms()
    mapping = from_spec(universe, "residues")
    return AtomisticState(table, universe.atoms.positions, mapping)


def quick(state, **options):
    """The state without a solvent, on the platform that is fast for it."""
    return state.simulation(["amber99sbildn.xml"], platform="Reference", **options)


def velocities_of(simulation):
    state = simulation.context.getState(velocities=True)
    return state.getVelocities(asNumpy=True)._value * 10


def positions_of(simulation):
    state = simulation.context.getState(positions=True)
    return state.getPositions(asNumpy=True)._value * 10


def bonds_of(simulation):
    system = simulation.system
    return np.array(
        [
            system.getConstraintParameters(index)[:2]
            for index in range(system.getNumConstraints())
        ]
    )


def parting(positions, velocities, bonds):
    """Speed at which the ends of bonds part [A/ps]."""
    along = positions[bonds[:, 0]] - positions[bonds[:, 1]]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    return np.abs(
        ((velocities[bonds[:, 0]] - velocities[bonds[:, 1]]) * along).sum(1)
    ).max()


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 3), min_size=4, max_size=20),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["mass", "geometry", "any"]),
)
def test_the_beads_move_as_told_for_any_weights(extra, seed, kind):
    bead_of_atom = np.array([0, 1, 2, 3, *extra])
    generator = np.random.default_rng(seed)
    masses = generator.choice([1.008, 12.011, 15.999], len(bead_of_atom))
    weights = kind
    if kind == "any":
        weights = generator.uniform(0, 1, len(bead_of_atom)) * (
            generator.random(len(bead_of_atom)) < 0.7
        )
        weights[:4] = 0.5
    mapping = Mapping(bead_of_atom, weights, masses=masses)
    beads = generator.normal(size=(4, 3)) * 5
    velocities = velocities_given_beads(masses, mapping, beads, seed=seed)
    np.testing.assert_allclose(mapping.project(velocities), beads, atol=1e-10)


def test_with_mass_weights_the_noise_loses_its_bead_motion():
    masses = np.array([12.0, 1.0, 16.0, 1.0, 14.0])
    mapping = Mapping([0, 0, 1, 1, 1], "mass", masses=masses)
    beads = np.array([[1.0, 2.0, 3.0], [-1.0, 0.0, 0.5]])
    noise = velocities_given_beads(masses, mapping, 0 * beads, seed=4)
    moving = velocities_given_beads(masses, mapping, beads, seed=4)
    np.testing.assert_allclose(moving - noise, mapping.lift(beads), atol=1e-10)


@pytest.mark.parametrize("weights", ["mass", "geometry", "one"])
@pytest.mark.parametrize("rigid", [False, True])
def test_the_free_motion_has_the_temperature(weights, rigid):
    masses = np.array([12.0, 1.0, 1.0, 16.0, 1.0, 14.0])
    chosen = np.array([1.0, 0, 0, 1.0, 0, 0]) if weights == "one" else weights
    mapping = Mapping([0, 0, 0, 1, 1, 1], chosen, masses=masses)
    positions = np.random.default_rng(2).normal(size=(6, 3))
    bonds = [(0, 1), (0, 2), (3, 4)] if rigid else []
    n_free = 3 * 6 - 3 * 2 - len(bonds)
    n_draws = 200
    energies = [
        0.5
        * (
            masses[:, None]
            * velocities_given_beads(
                masses,
                mapping,
                np.zeros((2, 3)),
                positions=positions,
                rigid_bonds=bonds,
                seed=seed,
            )
            ** 2
        ).sum()
        for seed in range(n_draws)
    ]
    # A chi-square of n_free degrees has the variance 2 n_free.
    error = np.sqrt(2 * n_free / n_draws) * 0.5 * KT_300
    assert abs(np.mean(energies) - 0.5 * n_free * KT_300) < 4 * error
    assert np.var(energies) == pytest.approx(0.5 * n_free * KT_300**2, rel=0.5)


def test_beads_of_the_bath_give_atoms_of_the_bath():
    masses = np.array([12.0, 1.0, 16.0, 1.0])
    mapping = Mapping([0, 0, 1, 1], "geometry")
    # A bead's velocity has the variance kT sum w_i^2 / m_i.
    variance = KT_300 * np.array(
        [(1 / 12 + 1) / 4, (1 / 16 + 1) / 4]  # [(A/ps)^2]
    )
    generator = np.random.default_rng(0)
    draws = []
    for seed in range(500):
        beads = generator.normal(size=(2, 3)) * np.sqrt(variance)[:, None]
        draws.append(velocities_given_beads(masses, mapping, beads, seed=seed))
    found = np.einsum("nix,njx->ij", draws, draws) / (3 * len(draws))
    expected = np.diag(KT_300 / masses)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert np.abs((found - expected) / scale).max() < 5 / np.sqrt(1500)


@pytest.mark.parametrize("spec", ["residues", "alpha-carbon", "backbone:5"])
@pytest.mark.parametrize("constraints", [None, app.HBonds])
def test_simulations_go_on_with_the_motion_of_the_beads(table, spec, constraints):
    universe = atoms()
    mapping = from_spec(universe, spec)
    state = AtomisticState(table, universe.atoms.positions, mapping)
    beads = np.random.default_rng(1).normal(size=(mapping.n_beads, 3)) * 2
    simulation = quick(state, bead_velocities=beads, constraints=constraints)
    velocities, positions = velocities_of(simulation), positions_of(simulation)
    np.testing.assert_allclose(mapping.project(velocities), beads, atol=1e-8)
    kept = mapping.project(positions) - mapping.project(state.positions_angstrom)
    assert np.abs(kept).max() < 0.05
    if constraints is not None:
        bonds = bonds_of(simulation)
        assert len(bonds) == 12
        assert parting(positions, velocities, bonds) < 1e-6
        # What OpenMM itself takes away of the motion along bonds is nothing.
        simulation.context.applyVelocityConstraints(1e-6)
        np.testing.assert_allclose(velocities_of(simulation), velocities, atol=1e-4)
    simulation.step(20)
    assert np.isfinite(positions_of(simulation)).all()


def test_temperatures_may_have_units(state):
    beads = np.zeros((3, 3))
    simulation = quick(state, bead_velocities=beads, temperature=0 * openmm.unit.kelvin)
    assert np.abs(velocities_of(simulation)).max() < 1e-10
    set_velocities(simulation, state.mapping, beads, 300 * openmm.unit.kelvin, seed=1)
    warm = velocities_of(simulation)
    assert np.abs(warm).max() > 1.0
    set_velocities(simulation, state.mapping, beads, 300.0, seed=1)
    np.testing.assert_array_equal(velocities_of(simulation), warm)


def test_a_rigid_bond_between_beads_may_forbid_a_motion():
    mapping = Mapping([0, 1])
    apart = [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]
    options = {"positions": np.eye(3)[:2] * 2, "rigid_bonds": [(0, 1)]}
    with pytest.raises(ValueError, match="`bead_velocities` cannot be had with the 1"):
        velocities_given_beads([1.0, 1.0], mapping, apart, **options)
    along = velocities_given_beads([1.0, 1.0], mapping, np.ones((2, 3)), **options)
    np.testing.assert_allclose(along, np.ones((2, 3)), atol=1e-10)


def test_beads_are_held_until_they_are_let_go(state):
    simulation = quick(state, hold_beads=1e5)
    simulation.integrator.setRandomNumberSeed(1)
    simulation.context.reinitialize(preserveState=True)
    where = state.mapping.project(state.positions_angstrom)

    def shift():
        return np.abs(state.mapping.project(positions_of(simulation)) - where).max()

    simulation.step(500)
    # Thermal motion of a bead in its spring: sqrt(kT/k) is 0.05 A.
    assert shift() < 0.35
    release(simulation, [(1e3, 0.5), (1e2, 0.5)])
    assert simulation.context.getParameter("bead_k") == 0.0
    assert simulation.currentStep == 1000
    simulation.step(1000)
    assert shift() > 0.35


def test_a_ready_system_stays_the_users(state, table):
    system = make_system(table, ["amber99sbildn.xml"])
    n_forces = system.getNumForces()
    state.simulation(system, platform="Reference", hold_beads=1e4)
    assert system.getNumForces() == n_forces


def test_energy_is_conserved_from_a_relaxed_start_and_not_with_long_steps(state):
    simulation = quick(state)
    simulation.context.setVelocitiesToTemperature(300.0, 1)
    before = positions_of(simulation)
    drift = energy_drift(simulation, duration=0.2)
    np.testing.assert_array_equal(positions_of(simulation), before)
    assert drift.n_degrees == 66 - 12
    assert drift.times[-1] == pytest.approx(0.2)
    assert len(drift.times) == len(drift.energies) == 101
    assert abs(drift.drift) < 0.01
    assert drift.energies.std() < 0.1
    assert "over 0.2 ps" in str(drift)
    rough = energy_drift(simulation, duration=0.2, timestep=0.004)
    assert rough.energies.std() > 5 * drift.energies.std()


def test_drift_of_a_straight_line_is_its_gradient_per_degree_of_freedom(state):
    drift = energy_drift(quick(state), duration=0.01)
    made = type(drift)(
        times=np.arange(5.0), energies=7.0 + 6.0 * np.arange(5.0), n_degrees=3
    )
    assert made.drift == pytest.approx(2.0)
    with pytest.warns(DeprecationWarning, match=r"`EnergyDrift\.drift`"):
        assert made.slope == made.drift


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"bead_velocities": np.zeros((4, 3))}, r"shape \(4, 3\) but must be \(3, 3\)"),
        ({"bead_velocities": np.full((3, 3), np.nan)}, "one finite velocity for every"),
    ],
)
def test_wrong_velocities_are_refused(state, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        quick(state, minimise=False, **options)


@pytest.mark.parametrize("options", [{"hold_beads": 1.0}, {"bead_velocities": [[0]]}])
def test_beads_need_a_mapping(table, options):
    state = AtomisticState(table, atoms().atoms.positions)
    with pytest.raises(ValueError, match="but the state has no `mapping`"):
        quick(state, **options)


def test_wrong_arguments_are_refused(state):
    mapping, beads = Mapping([0, 0]), np.zeros((1, 3))
    with pytest.raises(ValueError, match=r"`masses` has shape \(3,\) but the mapping"):
        velocities_given_beads([1.0] * 3, mapping, beads)
    with pytest.raises(ValueError, match="`temperature` is -1.0 but must be 0 K"):
        velocities_given_beads([1.0] * 2, mapping, beads, temperature=-1.0)
    with pytest.raises(ValueError, match="`positions` are missing but there are 1"):
        velocities_given_beads([1.0] * 2, mapping, beads, rigid_bonds=[(0, 1)])
    simulation = quick(state, minimise=False)
    with pytest.raises(ValueError, match="`simulation` holds no beads"):
        release(simulation)
    with pytest.raises(ValueError, match="`duration` is 0.0005 ps, less than two"):
        energy_drift(simulation, duration=0.0005)
    held = quick(state, minimise=False, hold_beads=1.0)
    with pytest.raises(ValueError, match=r"`stages` is \[\(-1.0, 1.0\)\] but"):
        release(held, [(-1.0, 1.0)])


def test_atoms_without_mass_stay():
    mapping = Mapping([0, 0, 0], [1.0, 1.0, 0.0])
    velocities = velocities_given_beads([12.0, 1.0, 0.0], mapping, [[1.0, 0, 0]])
    assert not velocities[2].any()
    np.testing.assert_allclose(mapping.project(velocities), [[1.0, 0, 0]], atol=1e-10)
