import pytest
import torch
from reference import equations

from openmm_cgvae.model.encoder import DistanceEncoder, SignedEncoder
from openmm_cgvae.model.layers.neighbour_sums import bead_graph
from openmm_cgvae.testing import (
    as_edge_lists,
    assert_different,
    assert_same,
    assert_same_with_gradients,
    toy_batch,
    toy_config,
    toy_molecule,
)

pytestmark = pytest.mark.usefixtures("double_precision")

SMALL = {"n_channels": 2, "n_radial": 3}
# Assignments to one, two, three and six beads; some atoms and beads are too far
# apart to be neighbours.
ASSIGNMENTS = {
    1: [0, 0, 0],
    2: [0, 0, 1, 0],
    3: [2, 0, 0, 1, 1, 2],
    6: [0, 1, 1, 2, 3, 4, 4, 5],
}
CUTOFFS = {"atom_cutoff": 2.8, "bead_cutoff": 4.0}


def leaves_of(batch):
    atoms = batch.atom_positions.requires_grad_()
    beads = batch.bead_positions.requires_grad_()
    return batch.with_positions(beads, atoms), [atoms, beads]


@pytest.mark.parametrize("messages", ["product", "sender"])
@pytest.mark.parametrize("n_beads", list(ASSIGNMENTS))
def test_is_eqs_2_to_4(n_beads, messages):
    config = toy_config(
        messages=messages,
        atom_degree=2.0,
        pool_degree=1.5,
        bead_degree=3.0,
        **SMALL,
        **CUTOFFS,
    )
    module = DistanceEncoder(config, n_types=4)
    batch, positions = leaves_of(toy_batch(toy_molecule(ASSIGNMENTS[n_beads])))
    mean, std = equations.encoder(
        module,
        list(batch.atom_positions),
        list(batch.bead_positions),
        batch.bead_of_atom.tolist(),
        batch.atom_types.tolist(),
    )
    leaves = [*positions, *module.parameters()]
    for layout in (batch, as_edge_lists(batch)):
        made = module(layout)
        assert_same_with_gradients(made.mean, mean, leaves)
        assert_same_with_gradients(made.std, std, leaves)


def test_without_layers_knows_nothing():
    # H_I^0 is zero, Eq. 3.
    module = DistanceEncoder(toy_config(encoder_layers=0), n_types=4)
    first, second = (module(toy_batch(toy_molecule([0, 0, 1]), seed=s)) for s in (0, 1))
    assert_same(first.mean, second.mean)


def test_signed_features_are_products_with_the_axes_of_the_beads():
    module = SignedEncoder(toy_config(**SMALL), n_types=4)
    batch = toy_batch(toy_molecule(ASSIGNMENTS[3]))
    made = module._invariants(batch, bead_graph(batch, module.bead_basis))
    relative = batch.atom_positions - batch.bead_positions[batch.bead_of_atom]
    weight = module.embedding.weight
    for bead in range(3):
        first, second = _axes(module, batch.bead_positions, bead)
        for c in range(2):
            inner = torch.zeros(3)
            for i in torch.nonzero(batch.bead_of_atom == bead)[:, 0]:
                inner = inner + weight[batch.atom_types[i], c] * relative[i]
            axes = [first[c], second[c], equations.cross(first[c], second[c])]
            expected = [equations.dot(inner, axis) for axis in axes]
            expected.append(equations.dot(inner, inner).sqrt())
            assert_same(made[bead, c::2], torch.stack(expected))


def _axes(module, beads, bead):
    """Two sums of filtered directions for every channel."""
    n_channels = module.config.n_channels
    axes = [torch.zeros(3) for _ in range(2 * n_channels)]
    for other in range(len(beads)):
        d = equations.distance(beads[bead], beads[other]) if other != bead else 99.0
        if d >= module.bead_basis.cutoff:
            continue
        direction = (beads[other] - beads[bead]) / d
        basis = equations.radial_basis(d, 3, module.bead_basis.cutoff)
        for k in range(2 * n_channels):
            weight = equations.linear_filter(module.axis_filters, k, basis)
            axes[k] = axes[k] + weight * direction
    return axes[:n_channels], axes[n_channels:]


@pytest.mark.parametrize("kind", [DistanceEncoder, SignedEncoder])
def test_a_bead_passing_the_cutoff_is_not_noticed_at_once(kind):
    module = kind(toy_config(), n_types=4)
    batch = toy_batch(toy_molecule([0, 1, 2]))

    def latents(distance):
        positions = torch.tensor([[0.0, 0, 0], [-1, 1, 0], [distance, 0, 0]])
        moved = batch.with_positions(positions, positions + 0.1)
        return module(moved).mean[:2]

    cutoff = module.config.bead_cutoff
    assert_same(latents(cutoff - 1e-4), latents(cutoff + 1e-4), 1e-6)
    assert_different(latents(cutoff - 2.0), latents(cutoff + 1e-4), 1e-6)


def test_coincident_atoms_have_finite_gradients():
    module = SignedEncoder(toy_config(), n_types=4)
    batch = toy_batch(toy_molecule([0, 0, 1, 1]))
    positions = torch.zeros(4, 3, requires_grad=True)
    made = module(batch.with_positions(torch.zeros(2, 3), positions))
    (gradient,) = torch.autograd.grad(made.mean.sum(), [positions])
    assert torch.isfinite(gradient).all()
