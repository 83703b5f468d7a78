"""The baselines of appendix F.1: what they are, and what they obey."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.model import CGVAE, LinearMap, ModelConfig, Perceptron, make_model
from openmm_cgvae.testing import (
    MOLECULE,
    SMALLER,
    VOCABULARY,
    assert_different,
    assert_equivariant,
    assert_same,
    moved,
    ragged_batch,
    random_isometry,
    toy_batch,
    toy_molecule,
    toy_positions,
)
from openmm_cgvae.training.losses import objective

pytestmark = pytest.mark.usefixtures("double_precision")

# Alpha-carbon beads: most weights are zero.
CARBONS = toy_molecule([0, 0, 0, 1, 1, 1, 2, 2], weights=[0, 1, 0, 0, 1, 0, 1, 0])
MOLECULES = {"sizes": MOLECULE, "weights": SMALLER, "alpha-carbon": CARBONS}


def baseline(name, molecule=MOLECULE, seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make_model(ModelConfig(model=name, **options), VOCABULARY, molecule)


def made(model):
    return lambda batch: model.reconstruct(batch).detach()


@pytest.fixture
def batch():
    return toy_batch(MOLECULE, n_frames=3)


def frames_of(batch):
    beads = batch.bead_positions.reshape(3, -1, 3).numpy()
    return zip(beads, beads.mean(1), strict=True)


def test_a_config_names_its_model():
    kinds = {"cgvae": CGVAE, "linear": LinearMap, "mlp": Perceptron}
    for name, kind in kinds.items():
        model = make_model(ModelConfig(model=name), VOCABULARY, MOLECULE, {"a": 1})
        assert type(model) is kind
        assert model.provenance == {"a": 1}


def test_the_linear_map_is_the_printed_sum(batch):
    model = baseline("linear", keeps_beads=False)
    coefficients = model.combine.weight.detach().numpy()  # D_iI
    expected = [
        [
            centre[m]
            + sum(
                coefficients[i, bead] * (beads[bead, m] - centre[m])
                for bead in range(len(beads))
            )
            for m in range(3)
        ]
        for beads, centre in frames_of(batch)
        for i in range(MOLECULE.mapping.n_atoms)
    ]
    assert_same(made(model)(batch), torch.tensor(expected), 1e-12)


def test_the_perceptron_is_the_printed_one(batch):
    model = baseline("mlp", keeps_beads=False)
    parameters = [p.detach().numpy() for p in model.parameters()]
    n = 3 * MOLECULE.mapping.n_atoms
    shapes = [(n, 3 * MOLECULE.mapping.n_beads), (n,), (n, n), (n,), (n, n), (n,)]
    assert [p.shape for p in parameters] == shapes
    first, one, second, two, third, three = parameters
    expected = []
    for beads, centre in frames_of(batch):
        flat = (beads - centre).reshape(-1)
        hidden = np.maximum(first @ flat + one, 0)
        hidden = np.maximum(second @ hidden + two, 0)
        expected.append((third @ hidden + three).reshape(-1, 3) + centre)
    assert_same(made(model)(batch), torch.tensor(np.concatenate(expected)), 1e-12)


@pytest.mark.parametrize("reflects", [False, True])
@pytest.mark.parametrize("keeps_beads", [False, True])
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_the_linear_map_is_equivariant_under_isometries(seed, reflects, keeps_beads):
    model = baseline("linear", seed=seed, keeps_beads=keeps_beads)
    isometry = random_isometry(seed, reflects=reflects)
    assert_equivariant(made(model), toy_batch(MOLECULE, 3, seed), isometry)


@pytest.mark.parametrize("keeps_beads", [False, True])
def test_the_perceptron_is_translation_but_not_rotation_equivariant(batch, keeps_beads):
    model = baseline("mlp", keeps_beads=keeps_beads)
    turn, shift = random_isometry(1)
    assert_equivariant(made(model), batch, (torch.eye(3), shift))
    turned = made(model)(moved(batch, (turn, torch.zeros(3))))
    assert_different(turned, made(model)(batch) @ turn.T, 1e-2)


@pytest.mark.parametrize("molecule", MOLECULES.values(), ids=MOLECULES)
@pytest.mark.parametrize("name", ["linear", "mlp"])
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_beads_are_kept_for_any_weights(name, molecule, seed):
    batch = toy_batch(molecule, n_frames=2, seed=seed)
    kept, printed = (
        made(baseline(name, molecule, seed, keeps_beads=keeps))(batch)
        for keeps in (True, False)
    )
    project = molecule.mapping.project
    beads = batch.bead_positions.reshape(2, -1, 3).numpy()
    both = (x.reshape(2, -1, 3).numpy() for x in (kept, printed))
    kept_beads, printed_beads = map(project, both)
    np.testing.assert_allclose(kept_beads, beads, rtol=0, atol=1e-9)
    assert abs(printed_beads - beads).max() > 1e-3
    # Shifted by beads: what is inside a bead is as it was.
    shift = (kept - printed).reshape(2, -1, 3)
    for bead in range(molecule.mapping.n_beads):
        own = shift[:, molecule.mapping.atoms_of_bead(bead)]
        assert_same(own, own[:, :1].expand_as(own))


def test_the_best_linear_map_keeps_the_beads_by_itself():
    # Least squares of x on X predicts M x as M times what it predicts for x.
    atoms, beads = toy_positions(MOLECULE, n_frames=40)
    centre = beads.mean(1, keepdim=True)
    n_atoms, n_beads = MOLECULE.mapping.n_atoms, MOLECULE.mapping.n_beads
    known = (beads - centre).mT.reshape(-1, n_beads).numpy()
    wanted = (atoms - centre).mT.reshape(-1, n_atoms).numpy()
    best = np.linalg.lstsq(known, wanted, rcond=None)[0].T
    model = baseline("linear", keeps_beads=False)
    with torch.no_grad():
        model.combine.weight.copy_(torch.tensor(best))
    batch = toy_batch(MOLECULE, n_frames=40)
    made_beads = MOLECULE.mapping.project(made(model)(batch).reshape(40, -1, 3).numpy())
    np.testing.assert_allclose(made_beads, beads, rtol=0, atol=1e-9)


def test_atoms_of_three_beads_lie_in_their_plane():
    molecule = toy_molecule([0, 0, 1, 1, 1, 2, 2])
    batch = toy_batch(molecule)
    beads = batch.bead_positions
    normal = torch.linalg.cross(beads[1] - beads[0], beads[2] - beads[0])
    atoms = made(baseline("linear", molecule))(batch)
    assert_same((atoms - beads[0]) @ normal, torch.zeros(7))


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_there_are_no_latents(name, batch):
    model = baseline(name)
    noise = torch.empty(batch.n_beads, model.n_latents)
    assert noise.shape == (batch.n_beads, 0)
    result = model(batch, noise)
    terms = objective(model, batch, result, 5.0, 1.0)
    assert terms.kl_divergence == 0
    assert_same(terms.total, terms.reconstruction + 5.0 * terms.bond_length)
    for atoms in (model.sample(batch, noise), model.reconstruct(batch)):
        assert torch.equal(atoms, result.positions)


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_a_batch_equals_its_frames_one_at_a_time(name, batch):
    model = baseline(name)
    atoms, beads = toy_positions(MOLECULE, n_frames=3)
    single = toy_batch(MOLECULE)
    alone = [
        made(model)(single.with_positions(*frame))
        for frame in zip(beads, atoms, strict=True)
    ]
    assert_same(made(model)(batch), torch.cat(alone))


@pytest.mark.parametrize("other", [[SMALLER], [MOLECULE, SMALLER]])
def test_other_molecules_are_refused(other):
    with pytest.raises(ValueError, match="not of molecules of 4 beads and 11 atoms"):
        baseline("linear").reconstruct(ragged_batch(other))


@pytest.mark.parametrize("kind", [LinearMap, Perceptron])
def test_a_baseline_is_for_a_molecule(kind):
    with pytest.raises(TypeError, match="required argument: 'molecule'"):
        kind(ModelConfig(model="linear"), VOCABULARY)


@pytest.mark.parametrize(
    "options", [{"encoder": "signed"}, {"n_channels": 8}, {"prior": "flow"}]
)
@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_settings_a_baseline_has_not_are_refused(name, options):
    (setting,) = options
    with pytest.raises(ValueError, match=f"`{setting}` is .* '{name}' has no such"):
        ModelConfig(model=name, **options)


def test_a_cgvae_keeps_the_beads():
    with pytest.raises(ValueError, match="`keeps_beads` is False but a CGVAE always"):
        ModelConfig(keeps_beads=False)
