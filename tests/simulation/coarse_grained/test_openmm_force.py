import copy
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import openmm
import pytest
import torch
from openmm import unit
from torch import nn

from openmm_cgvae import cg_force

N = 4
PLATFORMS = ("Reference", "CPU")


class Chain(nn.Module):
    """Springs between neighbours and a smooth repulsion of all pairs."""

    def __init__(self, stiffness=500.0, dtype=torch.float64):
        super().__init__()
        self.stiffness = nn.Parameter(torch.tensor(stiffness, dtype=dtype))

    def forward(self, positions, box):
        steps = positions.diff(dim=0)
        if box is not None:
            steps = steps - (steps / box.diagonal()).round() * box.diagonal()
        bonds = (steps.norm(dim=-1) - 0.3).square().sum()
        spread = (-(positions - positions.mean(0)).square().sum() / 0.1).exp()
        return self.stiffness * bonds + 3.0 * spread


class Odd(nn.Module):
    def __init__(self, result):
        super().__init__()
        self.result = result

    def forward(self, positions, box):  # noqa: ARG002
        return self.result(positions)


def start(n=N, seed=0):
    noise = 0.03 * np.random.default_rng(seed).normal(size=(n, 3))
    return np.arange(n)[:, None] * np.array([0.25, 0.1, 0.0]) + noise


def make_system(force, n=N, box=None):
    system = openmm.System()
    for _ in range(n):
        system.addParticle(20.0)
    if box is not None:
        system.setDefaultPeriodicBoxVectors(*(np.eye(3) * box))
    system.addForce(force)
    return system


def make_context(system, platform="Reference", timestep=0.002, positions=None):
    properties = {"Threads": "1"} if platform == "CPU" else {}
    context = openmm.Context(
        system,
        openmm.VerletIntegrator(timestep),
        openmm.Platform.getPlatformByName(platform),
        properties,
    )
    n = system.getNumParticles()
    context.setPositions(start(n) if positions is None else positions)
    return context


def energy_of(context):
    return context.getState(energy=True).getPotentialEnergy()._value


def forces_of(context):
    return context.getState(forces=True).getForces(asNumpy=True)._value


def total_energy(context):
    state = context.getState(energy=True)
    return state.getPotentialEnergy()._value + state.getKineticEnergy()._value


@pytest.mark.parametrize("platform", PLATFORMS)
def test_forces_are_the_slope_of_the_energy(platform):
    context = make_context(make_system(cg_force(Chain(), backend="openmm")), platform)
    forces = forces_of(context)
    h = 1e-4
    for particle, axis in np.ndindex(N, 3):
        energies = []
        for sign in (-1, 1):
            moved = start()
            moved[particle, axis] += sign * h
            context.setPositions(moved)
            energies.append(energy_of(context))
        slope = (energies[1] - energies[0]) / (2 * h)
        # The CPU platform rounds positions to float32 before they get here.
        tolerance = 1e-3 if platform == "Reference" else 0.5
        assert forces[particle, axis] == pytest.approx(-slope, abs=tolerance)


def test_energy_is_that_of_the_module():
    context = make_context(make_system(cg_force(Chain(), backend="openmm")))
    expected = Chain()(torch.tensor(start()), None).item()
    assert energy_of(context) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_either_precision(dtype):
    seen = []

    def energy(positions):
        seen.append(positions.dtype)
        return positions.square().sum()

    for force in (
        cg_force(Odd(energy), dtype=dtype, backend="openmm"),
        cg_force(Chain(dtype=dtype), backend="openmm"),
    ):
        context = make_context(make_system(force))
        assert np.isfinite(forces_of(context)).all()
    assert set(seen) == {dtype}
    expected = Chain()(torch.tensor(start()), None).item()
    assert energy_of(context) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_energy_is_conserved(platform):
    context = make_context(
        make_system(cg_force(Chain(), backend="openmm")), platform, timestep=0.001
    )
    context.setVelocitiesToTemperature(300, 1)
    before = total_energy(context)
    energies = []
    for _ in range(20):
        context.getIntegrator().step(10)
        energies.append(total_energy(context))
    kinetic = context.getState(energy=True).getKineticEnergy()._value
    assert kinetic > 1.0
    assert np.abs(np.array(energies) - before).max() < 0.02


def test_systems_serialise_pickle_and_copy():
    system = make_system(cg_force(Chain(700.0), backend="openmm"))
    expected = energy_of(make_context(system))
    text = openmm.XmlSerializer.serialize(system)
    for again in (
        openmm.XmlSerializer.deserialize(text),
        pickle.loads(pickle.dumps(system)),
        copy.deepcopy(system),
    ):
        context = make_context(again)
        assert energy_of(context) == pytest.approx(expected, rel=1e-12)


def test_it_keeps_the_module_as_it_was():
    module = Chain()
    context = make_context(make_system(cg_force(module, backend="openmm")))
    before = energy_of(context)
    with torch.no_grad():
        module.stiffness *= 10
    context.setPositions(start())
    assert energy_of(context) == before
    assert module.stiffness.requires_grad
    assert module.training


def test_the_box_is_there_when_asked_for():
    wrapped = start()
    wrapped[0] += [2.0, 0.0, -4.0]
    force = cg_force(Chain(), periodic=True, backend="openmm")
    context = make_context(make_system(force, box=2.0), positions=wrapped)
    assert force.usesPeriodicBoundaryConditions()
    context.setPositions(wrapped)
    wrapped_energy = energy_of(context)
    expected = Chain()(torch.tensor(wrapped), 2.0 * torch.eye(3, dtype=torch.double))
    assert wrapped_energy == pytest.approx(expected.item(), rel=1e-9)
    boxes = []

    class Look(nn.Module):
        def __deepcopy__(self, memo):
            return self

        def forward(self, positions, box):
            boxes.append(box)
            return positions.square().sum()

    energy_of(make_context(make_system(cg_force(Look(), backend="openmm"), box=2.0)))
    assert boxes == [None]


@pytest.mark.parametrize("openmm_picks", [True, False])
def test_some_particles_in_their_order(openmm_picks, monkeypatch):
    if not openmm_picks:  # as before OpenMM 8.6
        monkeypatch.delattr(openmm.PythonForce, "setParticles", raising=False)
    force = cg_force(Chain(), particles=np.array([5, 1, 3]), backend="openmm")
    positions = start(6)
    context = make_context(make_system(force, n=6), positions=positions)
    expected = Chain()(torch.tensor(positions[[5, 1, 3]]), None).item()
    assert energy_of(context) == pytest.approx(expected, rel=1e-12)
    assert not forces_of(context)[[0, 2, 4]].any()
    assert forces_of(context)[[1, 3, 5]].all()


def test_threads_are_set_for_the_evaluation_alone():
    seen = []

    def energy(positions):
        seen.append(torch.get_num_threads())
        return positions.square().sum()

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        force = cg_force(Odd(energy), n_threads=2, backend="openmm")
        energy_of(make_context(make_system(force)))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {2}


def test_it_works_where_gradients_are_off():
    context = make_context(make_system(cg_force(Chain(), backend="openmm")))
    expected = forces_of(context)
    with torch.no_grad():
        np.testing.assert_array_equal(forces_of(context), expected)


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (lambda x: x.square().sum(-1), r"tensor of shape \(4,\) but the energy must"),
        (
            lambda x: x.detach().sum().item(),
            "gave a float but the energy must be a tensor",
        ),
        (lambda x: x.sum() * torch.nan, "gave the energy nan kJ/mol but it must be"),
        (lambda x: x.sum().detach(), "autograd cannot follow"),
        (lambda x: (x - x).norm() + (x - x).sum().sqrt(), "forces that are not finite"),
    ],
)
def test_a_wrong_energy_is_a_sentence(result, sentence):
    context = make_context(make_system(cg_force(Odd(result), backend="openmm")))
    with pytest.raises(openmm.OpenMMException, match=sentence):
        energy_of(context)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"module": torch.square}, TypeError, "module"),
        ({"dtype": torch.int64}, TypeError, "`dtype` is torch.int64 but must"),
        ({"n_threads": 0}, ValueError, "`n_threads` is 0 but must be at least 1"),
        ({"backend": "cuda"}, ValueError, "`backend` is 'cuda' but must be one of"),
        ({"particles": [0, 0]}, ValueError, "`particles` has 2 numbers, 1 of them"),
        ({"particles": [-1]}, ValueError, "the lowest -1, but must name each"),
        ({"particles": []}, ValueError, "`particles` has 0 numbers"),
    ],
)
def test_impossible_options_are_refused(options, error, sentence):
    with pytest.raises(error, match=sentence):
        cg_force(**{"module": Chain(), **options})


def test_an_openmm_without_python_forces_is_named(monkeypatch):
    monkeypatch.delattr(openmm, "PythonForce")
    with pytest.raises(ImportError, match="has no PythonForce, which came with 8.5"):
        cg_force(Chain(), backend="openmm")


class StandInForce(openmm.CustomExternalForce):
    """What PythonTorchForce of openmm-torch takes and keeps."""

    def __init__(self, computation):
        super().__init__("0")
        self.computation = computation

    def setParticles(self, particles):  # noqa: N802
        self.particles = particles

    def setUsesPeriodicBoundaryConditions(self, periodic):  # noqa: N802, FBT001
        self.periodic = periodic


def test_openmm_torch_gets_tensors(monkeypatch):
    stand_in = SimpleNamespace(PythonTorchForce=StandInForce)
    monkeypatch.setitem(sys.modules, "openmmtorch", stand_in)
    force = cg_force(Chain(), particles=range(N))
    assert isinstance(force, StandInForce)
    assert force.particles == [0, 1, 2, 3]
    assert not force.periodic
    place = torch.tensor(start(), dtype=torch.float32)
    context = make_context(make_system(cg_force(Chain(), backend="openmm")))
    computation = pickle.loads(pickle.dumps(force.computation))
    energy, forces = computation(context.getState(positions=True), place)
    assert energy.shape == ()
    assert energy.item() == pytest.approx(energy_of(context), rel=1e-5)
    assert forces.dtype == place.dtype
    np.testing.assert_allclose(forces, forces_of(context), atol=1e-3)


@pytest.mark.parametrize("stand_in", [None, SimpleNamespace(TorchForce=object)])
def test_without_a_python_force_there_it_is_openmms_own(monkeypatch, stand_in):
    monkeypatch.setitem(sys.modules, "openmmtorch", stand_in)
    assert isinstance(cg_force(Chain()), openmm.PythonForce)


def test_without_openmm_torch_it_cannot_be_had(monkeypatch):
    monkeypatch.setitem(sys.modules, "openmmtorch", None)
    with pytest.raises(ImportError, match="`backend` is 'openmm-torch' but no"):
        cg_force(Chain(), backend="openmm-torch")


class StandInScriptForce(openmm.CustomExternalForce):
    """What TorchForce of openmm-torch takes and keeps."""

    def __init__(self, script):
        super().__init__("0")
        self.script = script

    def setUsesPeriodicBoundaryConditions(self, periodic):  # noqa: N802, FBT001
        self.periodic = periodic


class TestScript:
    """An OpenMM of old, and an openmm-torch that has only TorchForce."""

    @pytest.fixture(autouse=True)
    def old(self, monkeypatch):
        stand_in = SimpleNamespace(TorchForce=StandInScriptForce)
        monkeypatch.setitem(sys.modules, "openmmtorch", stand_in)
        monkeypatch.delattr(openmm, "PythonForce", raising=False)

    @pytest.mark.parametrize("periodic", [False, True])
    def test_has_the_energy_and_forces_of_the_module(self, periodic):
        force = cg_force(Chain(), particles=[4, 2, 0, 1], periodic=periodic)
        assert isinstance(force, StandInScriptForce)
        assert force.periodic is periodic
        place = torch.randn(6, 3, requires_grad=True)
        box = 1.5 * torch.eye(3)
        energy = force.script(place, box) if periodic else force.script(place)
        (slope,) = torch.autograd.grad(energy, place)
        wanted = Chain()(
            place[[4, 2, 0, 1]].double(), box.double() if periodic else None
        )
        assert energy.item() == pytest.approx(wanted.item(), rel=1e-6)
        (wanted_slope,) = torch.autograd.grad(wanted, place)
        np.testing.assert_allclose(slope, wanted_slope, rtol=1e-5, atol=1e-3)

    def test_has_to_know_how_many(self):
        with pytest.raises(ValueError, match="`particles` is left out, but the Torch"):
            cg_force(Chain())

    def test_cannot_decide(self):
        module = Odd(lambda x: x.norm() if x[0, 0] > 0 else 2 * x.norm())
        with pytest.raises(ValueError, match="`module` looks at a number to decide"):
            cg_force(module, particles=range(N))


def test_openmm_torch_gives_the_same_where_it_is_installed():
    openmmtorch = pytest.importorskip("openmmtorch")
    system = make_system(cg_force(Chain(), particles=range(N), backend="openmm-torch"))
    for platform in PLATFORMS:
        context = make_context(system, platform)
        place = torch.tensor(start(), requires_grad=True)
        wanted = Chain()(place, None)
        (slope,) = torch.autograd.grad(wanted, place)
        assert energy_of(context) == pytest.approx(wanted.item(), rel=1e-5)
        np.testing.assert_allclose(forces_of(context), -slope, rtol=1e-4, atol=1e-2)
    # With OpenMM 8.6 reading a TorchForce back crashes Python.
    if hasattr(openmmtorch, "PythonTorchForce") or not hasattr(openmm, "PythonForce"):
        text = openmm.XmlSerializer.serialize(system)
        again = make_context(openmm.XmlSerializer.deserialize(text))
        assert energy_of(again) == pytest.approx(energy_of(context), rel=1e-6)


def test_the_kinetic_energy_of_a_bath_is_right():
    system = make_system(cg_force(Chain(), backend="openmm"), n=20)
    integrator = openmm.LangevinMiddleIntegrator(300, 20.0, 0.004)
    integrator.setRandomNumberSeed(3)
    context = openmm.Context(
        system, integrator, openmm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(start(20))
    context.setVelocitiesToTemperature(300, 1)
    kinetic = []
    for _ in range(100):
        integrator.step(10)
        kinetic.append(context.getState(energy=True).getKineticEnergy()._value)
    kt = (unit.MOLAR_GAS_CONSTANT_R * 300 * unit.kelvin)._value / 1000
    expected = 0.5 * kt * 60
    assert np.mean(kinetic) == pytest.approx(expected, rel=0.1)
