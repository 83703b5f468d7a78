import numpy as np
import openmm
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae import cg_force
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.schemes import from_spec, peptide_units
from openmm_cgvae.metrics.internal_coordinates import dihedral_angles
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.simulation.coarse_grained import (
    BeadPotential,
    HarmonicPrior,
    TorsionSeries,
    atomistic_forces,
    force_map,
    map_forces,
    match_forces,
    match_means,
    torsions,
)
from openmm_cgvae.structures.openmm_bridge import make_system
from openmm_cgvae.testing.dipeptide import atoms, positions

KT = 0.00831446261815324 * 300.0
VACUUM = ["amber99sbildn.xml"]


@pytest.fixture(scope="module")
def table():
    return AtomTable.from_universe(atoms())


@pytest.fixture(scope="module")
def chain():
    """Five beads that tremble about a chain without symmetry [A]."""
    start = np.array(
        [[0.0, 0, 0], [1.9, 0, 0], [2.9, 2.4, 0], [5.2, 2.9, 1.3], [6.0, 4.6, 2.0]]
    )
    noise = np.random.default_rng(0).normal(scale=0.1, size=(400, 5, 3))
    return start + noise


def matrix_of(mapping):
    """M itself, [n_beads, n_atoms]."""
    unit = np.eye(mapping.n_atoms)[:, :, None] * np.array([1.0, 0.0, 0.0])
    return mapping.project(unit)[:, :, 0].T


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=10),
    st.integers(0, 2**32 - 1),
)
def test_the_force_map_undoes_the_mapping(extra, seed):
    generator = np.random.default_rng(seed)
    bead_of_atom = np.array([0, 1, 2, *extra])
    weights = generator.uniform(0.1, 1, len(bead_of_atom)) * (
        generator.random(len(bead_of_atom)) < 0.7
    )
    weights[:3] = 1.0
    mapping = Mapping(bead_of_atom, weights)
    forces = generator.normal(size=(50, len(bead_of_atom), 3))
    for matrix in (force_map(mapping), force_map(mapping, forces)):
        product = matrix @ matrix_of(mapping).T
        np.testing.assert_allclose(product, np.eye(3), atol=1e-6)


def test_the_quiet_map_is_the_quietest():
    generator = np.random.default_rng(1)
    mapping = Mapping([0, 0, 0, 1, 1], generator.uniform(0.5, 1, 5))
    mixing = generator.normal(size=(5, 5))
    forces = np.einsum("ij,fjx->fix", mixing, generator.normal(size=(200, 5, 3)))
    quiet = force_map(mapping, forces)
    least = np.square(quiet @ forces).mean()
    assert least < np.square(map_forces(mapping, forces)).mean()
    # Any other matrix that undoes the mapping differs by rows orthogonal to M.
    free = np.eye(5) - np.linalg.pinv(matrix_of(mapping)) @ matrix_of(mapping)
    for _ in range(20):
        other = quiet + 0.3 * generator.normal(size=(2, 5)) @ free
        assert np.square(other @ forces).mean() > least


def test_rigid_bonds_pull_at_no_bead():
    mapping = Mapping([0, 0, 0, 1, 1], "mass", masses=[12.0, 1, 1, 16, 1])
    bonds = [(0, 1), (0, 2), (3, 4)]
    forces = np.random.default_rng(2).normal(size=(50, 5, 3))
    matrix = force_map(mapping, forces, bonds)
    np.testing.assert_allclose(matrix[:, [1, 2, 4]], matrix[:, [0, 0, 3]], atol=1e-12)


def test_rigid_bonds_between_beads_are_refused():
    with pytest.raises(ValueError, match="`rigid_bonds` ties atoms 1 and 2, of which"):
        force_map(Mapping([0, 0, 1]), rigid_bonds=[(0, 1), (1, 2)])
    with pytest.raises(ValueError, match="`rigid_bonds` ties atoms 0 and 1"):
        force_map(Mapping([0, 0], [1.0, 0.0]), rigid_bonds=[(0, 1)])


@pytest.mark.parametrize("spec", ["residues", "backbone:5"])
def test_beads_pushed_do_the_work_of_their_forces(table, spec):
    mapping = from_spec(atoms(), spec)
    system = make_system(table, VACUUM)
    start = positions(1).astype(float)[0]
    forces = map_forces(mapping, atomistic_forces(system, start[None]))[0]
    context = openmm.Context(
        system,
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    push = np.random.default_rng(3).normal(size=(mapping.n_beads, 3))
    energies = []
    for step in (-1e-5, 1e-5):
        context.setPositions((start / 10) + step * mapping.lift(push))
        energies.append(context.getState(energy=True).getPotentialEnergy()._value)
    slope = (energies[1] - energies[0]) / 2e-5
    assert -(forces * push).sum() == pytest.approx(slope, rel=1e-4)


def test_forces_of_a_trajectory_are_refused_for_other_systems(table):
    with pytest.raises(ValueError, match=r"`positions` has shape \(22, 3\) but must"):
        atomistic_forces(make_system(table, VACUUM), np.zeros((22, 3)))
    rigid = make_system(table, VACUUM, constraints=openmm.app.HBonds)
    with pytest.raises(ValueError, match="`system` has 12 constraints"):
        atomistic_forces(rigid, np.zeros((1, 22, 3)))
    with pytest.raises(ValueError, match=r"`forces` has shape \(2, 3\) but must be"):
        map_forces(Mapping([0, 0, 1]), np.zeros((2, 3)))


def test_the_prior_has_the_spread_of_the_data(chain):
    """A pair alone in its spring spreads as the data do, in one dimension."""
    prior = HarmonicPrior(chain[:, :2], 300.0)
    distances = np.linalg.norm(chain[:, 1] - chain[:, 0], axis=1) / 10
    at = distances.mean() + distances.std()
    place = torch.tensor([[0.0, 0, 0], [at, 0, 0]], dtype=torch.float32)
    assert prior(place).item() == pytest.approx(0.5 * KT, rel=1e-4)


def test_torsions_are_those_of_mdanalysis(chain):
    found = torsions(torch.tensor(chain)).numpy()
    for first in range(2):
        quad = chain[:, first : first + 4]
        expected = np.radians(dihedral_angles(quad, np.array([[0, 1, 2, 3]]))[:, 0])
        np.testing.assert_allclose(found[:, first], np.sin(expected), atol=1e-6)
        np.testing.assert_allclose(found[:, 2 + first], np.cos(expected), atol=1e-6)


def test_the_potential_turns_with_the_beads_but_sees_its_mirror(chain):
    potential = BeadPotential(chain, 300.0).double()
    beads = torch.tensor(chain[0] / 10)
    rotation, _ = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    turned = beads @ torch.tensor(rotation) + 0.7
    here = potential(beads).item()
    assert potential(turned).item() == pytest.approx(here, rel=1e-9)
    assert abs(potential(-beads).item() - here) > 1e-6


def test_copies_do_not_see_each_other(chain):
    potential = BeadPotential(chain, 300.0).double()
    beads = torch.tensor(chain[:3] / 10)
    alone = sum(potential(copy).item() for copy in beads)
    assert potential(beads.flatten(0, 1)).item() == pytest.approx(alone, rel=1e-9)


def test_it_stays_in_one_piece_in_openmm(chain):
    system = openmm.System()
    for _ in range(10):
        system.addParticle(20.0)
    system.addForce(cg_force(BeadPotential(chain, 300.0), backend="openmm"))
    context = openmm.Context(
        system,
        openmm.LangevinMiddleIntegrator(300, 1.0, 0.002),
        openmm.Platform.getPlatformByName("Reference"),
    )
    context.setPositions(chain[:2].reshape(-1, 3) / 10)
    context.setVelocitiesToTemperature(300, 1)
    context.getIntegrator().step(200)
    after = context.getState(positions=True).getPositions(asNumpy=True)._value
    lengths = np.linalg.norm(np.diff(after.reshape(2, 5, 3), axis=1), axis=-1)
    assert lengths.max() < 0.4


def test_matching_finds_a_known_potential(chain):
    """Forces of a spring stiffer than the prior, with noise on top."""
    places = torch.tensor(chain / 10, requires_grad=True)
    distances = (places[:, 0] - places[:, 4]).norm(dim=-1)
    energy = 0.5 * 2000.0 * (distances - 0.8).square().sum()
    (slope,) = torch.autograd.grad(energy, places)
    (rest,) = torch.autograd.grad(
        HarmonicPrior(chain, 300.0).double()(places.flatten(0, 1)), places
    )
    noise = 5.0 * np.random.default_rng(5).normal(size=chain.shape)
    forces = -(slope + rest).numpy() + noise
    potential = BeadPotential(chain, 300.0, n_hidden=16)
    log = match_forces(potential, chain, forces, n_epochs=60)
    assert log.train.shape == log.validation.shape == (60,)
    signal = np.sqrt(np.square(slope.numpy()).sum(-1).mean())
    # What is left is the noise, and some of the signal.
    assert log.validation.min() < 5.0 * np.sqrt(3) + 0.5 * signal
    assert log.validation.min() < 0.7 * log.validation[0]


def test_matching_is_the_same_for_the_same_seed(chain):
    results = []
    for _ in range(2):
        torch.manual_seed(0)
        potential = BeadPotential(chain, 300.0, n_hidden=4)
        log = match_forces(potential, chain, np.ones_like(chain), n_epochs=2, seed=1)
        results.append(log.validation)
    np.testing.assert_array_equal(*results)


def test_wrong_data_are_refused(chain):
    potential = BeadPotential(chain, 300.0)
    with pytest.raises(ValueError, match=r"`bead_forces` has shape \(3, 5, 3\) but"):
        match_forces(potential, chain, chain[:3])
    with pytest.raises(ValueError, match="`bead_positions` has 3 beads but must have"):
        BeadPotential(chain[:, :3], 300.0)


def test_the_beads_of_the_example_hold_their_hydrogens(table):
    """Rigid bonds to hydrogen stay inside the beads of `peptide_units`."""
    mapping = peptide_units(atoms())
    rigid = [bond for bond in table.bonds if not table.is_heavy[bond].all()]
    assert len(rigid) == 12
    assert force_map(mapping, rigid_bonds=rigid).sum() == 22


def bent(angles):
    """Chains of four beads with these torsions [degrees], at right angles [A]."""
    turn = np.deg2rad(angles)
    last = np.stack([np.cos(turn), np.sin(turn), np.ones_like(turn)], axis=-1)
    first = np.tile([[1.0, 0, 0], [0, 0, 0], [0, 0, 1]], (len(turn), 1, 1))
    return 3.0 * np.concatenate([first, last[:, None]], axis=1)


class TestSeries:
    """The part of a potential that is made to fit a simulation to the data."""

    def test_of_one_torsion_by_hand(self):
        angle = dihedral_angles(bent([40.0]), np.array([[0, 1, 2, 3]]))[0, 0]
        features = TorsionSeries(4, 300.0, order=2).features(torch.tensor(bent([40.0])))
        turn = np.deg2rad(angle)
        wanted = [np.cos(turn), np.sin(turn), np.cos(2 * turn), np.sin(2 * turn)]
        np.testing.assert_allclose(features[0], wanted, atol=1e-9)
        assert abs(angle) == pytest.approx(40.0)

    def test_of_two_torsions_has_all_products(self, chain):
        features = TorsionSeries(5, 300.0, order=1).features(torch.tensor(chain[:7]))
        angles = np.deg2rad(
            dihedral_angles(chain[:7], np.array([[0, 1, 2, 3], [1, 2, 3, 4]]))
        )
        one, two = ([np.ones(7), np.cos(a), np.sin(a)] for a in angles.T)
        wanted = [a * b for a in one for b in two][1:]
        np.testing.assert_allclose(features.T, wanted, atol=1e-9)

    def test_is_nothing_at_first(self, chain):
        series = TorsionSeries(5, 300.0)
        assert series(torch.tensor(chain[0], dtype=torch.float32) / 10) == 0

    def test_longer_chains_have_a_series_for_each_pair(self):
        assert len(TorsionSeries(7, 300.0, order=1).coefficients) == 3 * 8

    def test_finds_the_energy_that_is_missing(self):
        # Data of the energy (1.2 cos phi - 0.5 sin 2 phi) kT; what is simulated has
        # that of the series, nothing at first.
        flat = np.linspace(-180, 180, 20_001)[:-1]
        potential = BeadPotential(bent(flat) + 0.01, 300.0)
        features = potential.series.features(torch.tensor(bent(flat))).numpy()
        wanted = np.array([1.2, 0, 0, -0.5, 0, 0])
        generator = np.random.default_rng(0)

        def drawn(coefficients):
            odds = np.exp(-features @ coefficients)
            return bent(generator.choice(flat, 40_000, p=odds / odds.sum()))

        data = drawn(wanted)
        shares = [
            match_means(potential, drawn(potential.series.coefficients.numpy()), data)
            for _ in range(3)
        ]
        np.testing.assert_allclose(potential.series.coefficients, wanted, atol=0.04)
        assert shares[0] < 0.8 < 0.99 < shares[2] < 1

    def test_data_of_the_simulation_change_nothing(self, chain):
        potential = BeadPotential(chain, 300.0)
        assert match_means(potential, chain, chain) == pytest.approx(1.0)
        assert potential.series.coefficients.abs().max() < 1e-6

    def test_goes_a_part_of_the_way_where_the_data_are_far(self):
        generator = np.random.default_rng(0)
        here, there = generator.normal(-60, 30, 2000), generator.normal(40, 30, 2000)
        potential = BeadPotential(bent(here), 300.0)
        assert match_means(potential, bent(here), bent(there)) < 0.05
        features = potential.series.features(torch.tensor(bent(here))).numpy()
        weights = np.exp(-features @ potential.series.coefficients.numpy())
        left = weights.sum() ** 2 / (weights**2).sum() / len(weights)
        assert 0.1 <= left < 0.7

    @pytest.mark.parametrize("shape", [(3, 4, 3), (0, 5, 3), (5, 3)])
    def test_refuses_other_beads(self, chain, shape):
        potential = BeadPotential(chain, 300.0)
        with pytest.raises(ValueError, match="`simulated` has shape .* must be"):
            match_means(potential, np.zeros(shape), chain)
        with pytest.raises(ValueError, match="`reference` has shape .* must be"):
            match_means(potential, chain, np.zeros(shape))
