import pytest
import torch

from openmm_cgvae.model.flow import FlowDistribution
from openmm_cgvae.model.gaussian import Gaussian
from openmm_cgvae.model.layers.basis import RadialBasis
from openmm_cgvae.model.layers.neighbour_sums import SparseNeighbourhood
from openmm_cgvae.model.prior import Prior
from openmm_cgvae.testing import (
    MOLECULE,
    as_edge_lists,
    assert_different,
    assert_same,
    toy_batch,
    toy_config,
    toy_molecule,
    toy_noise,
)

pytestmark = pytest.mark.usefixtures("double_precision")


def bent_prior(n_channels=3, flow_layers=3):
    """A flow with random weights, for it starts as the identity."""
    config = toy_config(prior="flow", n_channels=n_channels, flow_layers=flow_layers)
    module = Prior(config, n_types=4)
    with torch.no_grad():
        for weight in module.flow.parameters():
            weight.copy_(torch.randn_like(weight) * 0.5)
    return module


@pytest.fixture(params=[2, 3, 8])
def n_channels(request):
    return request.param


@pytest.fixture
def distribution(n_channels):
    made = bent_prior(n_channels)(toy_batch(MOLECULE))
    assert isinstance(made, FlowDistribution)
    return made


def pulled_back(distribution, latents):
    """Take latents through the layers to the Gaussian."""
    for layer in distribution.layers:
        latents, _ = layer(latents, distribution.features, distribution.edges)
    return latents


def test_starts_as_its_gaussian():
    module = Prior(toy_config(prior="flow"), n_types=4)
    batch = toy_batch(MOLECULE)
    made, noise = module(batch), toy_noise(batch)
    assert_same(made.draw(noise), made.base.draw(noise))
    assert_same(made.log_density(noise), made.base.log_density(noise))


def test_layers_undo_their_inverses(distribution, n_channels):
    noise = toy_noise(toy_batch(MOLECULE), n_channels)
    drawn = distribution.draw(noise)
    assert_different(drawn, distribution.base.draw(noise))
    assert_same(pulled_back(distribution, drawn), distribution.base.draw(noise))


def test_every_channel_is_moved(distribution, n_channels):
    noise = toy_noise(toy_batch(MOLECULE), n_channels)
    change = (distribution.draw(noise) - distribution.base.draw(noise)).abs()
    assert (change.amax(0) > 1e-4).all()


def test_density_changes_by_the_whole_jacobian(distribution, n_channels):
    # Beads push each other about: the determinant is that of all beads together.
    latents = toy_noise(toy_batch(MOLECULE), n_channels)
    jacobian = torch.autograd.functional.jacobian(
        lambda flat: pulled_back(distribution, flat.reshape(latents.shape)).reshape(-1),
        latents.reshape(-1),
    )
    base = distribution.base
    normal = torch.distributions.Normal(base.mean, base.std)
    expected = normal.log_prob(pulled_back(distribution, latents)).sum()
    expected = expected + torch.linalg.slogdet(jacobian).logabsdet
    assert_same(distribution.log_density(latents).sum(), expected)


def test_density_integrates_to_one():
    batch = toy_batch(toy_molecule([0, 0]))
    n_points, width = 81, 8.0
    line = torch.linspace(-width, width, n_points)
    made = bent_prior(n_channels=2, flow_layers=2)(batch)
    total = 0.0
    for first in line:
        grid = torch.stack([first.expand(n_points), line], -1)
        one = FlowDistribution(
            Gaussian(
                made.base.mean.expand(n_points, 2), made.base.std.expand(n_points, 2)
            ),
            made.layers,
            made.features.expand(n_points, 2),
            _no_edges(n_points),
        )
        total += one.log_density(grid).exp().sum()
    area = (2 * width / (n_points - 1)) ** 2
    assert abs(total * area - 1) < 1e-3


def _no_edges(n_nodes):
    none = torch.zeros(2, 0, dtype=torch.long)
    return SparseNeighbourhood(torch.zeros(n_nodes, 3), none, RadialBasis(4, 6.0))


def test_layouts_agree(n_channels):
    module, batch = bent_prior(n_channels), toy_batch(MOLECULE, n_frames=2)
    noise = toy_noise(batch, n_channels)
    blocks, lists = module(batch), module(as_edge_lists(batch))
    assert_same(blocks.draw(noise), lists.draw(noise))
    assert_same(blocks.log_density(noise), lists.log_density(noise))


def test_gaussian_density_is_that_of_torch():
    base = bent_prior()(toy_batch(MOLECULE)).base
    latents = torch.randn_like(base.mean)
    expected = torch.distributions.Normal(base.mean, base.std).log_prob(latents)
    assert_same(base.log_density(latents), expected.sum(-1))
