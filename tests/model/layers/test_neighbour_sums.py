import pytest
import torch

from openmm_cgvae.model.graphs import radius_edges
from openmm_cgvae.model.layers.basis import RadialBasis
from openmm_cgvae.model.layers.messages import mlp
from openmm_cgvae.model.layers.neighbour_sums import (
    LARGEST_DENSE_BLOCK,
    DenseNeighbourhood,
    SparseNeighbourhood,
    neighbourhood,
)
from openmm_cgvae.testing import (
    assert_same,
    assert_same_with_gradients,
    random_isometry,
)

CUTOFF = 4.0
BASIS_SIZE = 4
N_CHANNELS = 3

pytestmark = pytest.mark.usefixtures("double_precision")


def make(layout, positions, n_molecules=1):
    basis = RadialBasis(BASIS_SIZE - 1, CUTOFF)
    if layout == "dense":
        return DenseNeighbourhood(positions, n_molecules, basis)
    molecules = torch.arange(n_molecules).repeat_interleave(
        len(positions) // n_molecules
    )
    edges = radius_edges(positions, molecules, CUTOFF)
    return SparseNeighbourhood(positions, edges, basis)


def spread(n_nodes, seed=0):
    """Nodes in a box so wide that some pairs are neighbours and some are not."""
    generator = torch.Generator().manual_seed(seed)
    positions = 5 * torch.rand(n_nodes, 3, generator=generator, dtype=torch.float64)
    return positions.requires_grad_()


@pytest.fixture(params=["dense", "sparse"])
def layout(request):
    return request.param


# Fewer nodes than functions, as many and more: the dense sums have two ways.
sizes = pytest.mark.parametrize("n_nodes", [1, 2, 3, BASIS_SIZE, 6, 9])


class TestSumsAreLoops:
    """Every sum against a loop over all pairs of nodes."""

    def loop(self, positions, filters, of_pair, shape):
        basis = RadialBasis(BASIS_SIZE - 1, CUTOFF)
        rows = []
        for i, receiver in enumerate(positions):
            total = torch.zeros(shape)
            for j, sender in enumerate(positions):
                distance = (sender - receiver).square().sum().sqrt()
                if i == j or distance >= CUTOFF:
                    continue
                weight = None if filters is None else basis(distance) @ filters
                total = total + of_pair(i, j, weight, (sender - receiver) / distance)
            rows.append(total)
        return torch.stack(rows)

    @pytest.fixture(params=[1, 2, 3, BASIS_SIZE, 6, 9])
    def positions(self, request):
        return spread(request.param)

    @pytest.fixture
    def filters(self):
        return torch.randn(BASIS_SIZE, N_CHANNELS, requires_grad=True)

    def test_filtered_sum(self, layout, positions, filters):
        values = torch.randn(len(positions), N_CHANNELS, requires_grad=True)
        edges = make(layout, positions)
        made = edges.filtered_sum(edges.prepared(filters), values)
        expected = self.loop(
            positions, filters, lambda _, j, w, __: w * values[j], (N_CHANNELS,)
        )
        assert_same_with_gradients(made, expected, [positions, filters, values])

    def test_filtered_sum_of_vectors(self, layout, positions, filters):
        values = torch.randn(len(positions), 3, N_CHANNELS, requires_grad=True)
        edges = make(layout, positions)
        made = edges.filtered_sum(edges.prepared(filters), values)
        expected = self.loop(
            positions, filters, lambda _, j, w, __: w * values[j], (3, N_CHANNELS)
        )
        assert_same_with_gradients(made, expected, [positions, filters, values])

    def test_filtered_directions(self, layout, positions, filters):
        values = torch.randn(len(positions), N_CHANNELS, requires_grad=True)
        edges = make(layout, positions)
        made = edges.filtered_directions(edges.prepared(filters), values)
        expected = self.loop(
            positions,
            filters,
            lambda _, j, w, e: (w * values[j])[None] * e[:, None],
            (3, N_CHANNELS),
        )
        assert_same_with_gradients(made, expected, [positions, filters, values])

    def test_plain_sum(self, layout, positions):
        values = torch.randn(len(positions), N_CHANNELS, requires_grad=True)
        made = make(layout, positions).plain_sum(values)
        expected = self.loop(
            positions, None, lambda _, j, __, ___: values[j], (N_CHANNELS,)
        )
        assert_same_with_gradients(made, expected, [values])

    def test_pair_sum(self, layout, positions, filters):
        network = mlp(N_CHANNELS, N_CHANNELS, N_CHANNELS)
        values = torch.randn(len(positions), N_CHANNELS, requires_grad=True)
        made = make(layout, positions).pair_sum(filters, values, network)
        expected = self.loop(
            positions,
            filters,
            lambda i, j, w, _: w * network(values[i] * values[j]),
            (N_CHANNELS,),
        )
        leaves = [positions, filters, values, *network.parameters()]
        assert_same_with_gradients(made, expected, leaves)


@sizes
def test_molecules_do_not_see_each_other(layout, n_nodes):
    positions = torch.cat([spread(n_nodes, seed) for seed in range(3)])
    values = torch.randn(3 * n_nodes, N_CHANNELS)
    filters = torch.randn(BASIS_SIZE, N_CHANNELS)

    def summed(edges, values):
        return edges.filtered_sum(edges.prepared(filters), values)

    together = summed(make(layout, positions, n_molecules=3), values)
    alone = [
        summed(make(layout, block), own)
        for block, own in zip(
            positions.split(n_nodes), values.split(n_nodes), strict=True
        )
    ]
    assert_same(together, torch.cat(alone))


def test_filtered_terms_fade_smoothly_at_the_cutoff(layout):
    filters = torch.randn(BASIS_SIZE, N_CHANNELS)
    network = mlp(N_CHANNELS, N_CHANNELS, N_CHANNELS)
    values = torch.randn(2, N_CHANNELS)

    def terms(distance):
        edges = make(layout, torch.tensor([[0.0, 0, 0], [distance, 0, 0]]))
        return torch.stack(
            [
                edges.filtered_sum(edges.prepared(filters), values),
                edges.filtered_directions(edges.prepared(filters), values)[:, 0],
                edges.pair_sum(filters, values, network),
            ]
        )

    # The envelope falls with the square of the distance to the cutoff.
    size = terms(CUTOFF / 2).abs().max()
    assert terms(CUTOFF - 1e-3).abs().max() < 1e-5 * size
    assert terms(CUTOFF - 1e-4).abs().max() < 1e-7 * size
    assert (terms(CUTOFF + 1e-9) == 0).all()


def test_the_plain_sum_jumps_at_the_cutoff(layout):
    # Eq. 5 gives the pseudoscalars no filter.
    values = torch.ones(2, N_CHANNELS)
    within, beyond = (
        make(layout, torch.tensor([[0.0, 0, 0], [x, 0, 0]])).plain_sum(values)
        for x in (CUTOFF - 1e-9, CUTOFF + 1e-9)
    )
    assert (within == 1).all()
    assert (beyond == 0).all()


def test_the_cutoff_itself_is_outside(layout):
    # d < d_cut, Table 2; lattices put nodes at just such distances.
    positions = torch.tensor([[0.0, 0, 0], [CUTOFF, 0, 0], [CUTOFF, 2, 0]])
    made = make(layout, positions).plain_sum(torch.ones(3, 1))
    assert made[:, 0].tolist() == [0, 1, 1]


def test_coincident_nodes_have_no_direction_and_finite_gradients(layout):
    positions = torch.zeros(3, 3, requires_grad=True)
    filters = torch.randn(BASIS_SIZE, N_CHANNELS, requires_grad=True)
    edges = make(layout, positions)
    values = torch.randn(3, N_CHANNELS)
    made = edges.filtered_directions(edges.prepared(filters), values)
    assert (made == 0).all()
    total = made.sum() + edges.filtered_sum(edges.prepared(filters), values).sum()
    for gradient in torch.autograd.grad(total, [positions, filters]):
        assert torch.isfinite(gradient).all()


def test_directions_point_from_receiver_to_sender(layout):
    # E_IJ = (X_J - X_I) / d_IJ with I the receiver, section 4.3.
    positions = torch.tensor([[0.0, 0, 0], [0, 2, 0]])
    envelope_only = torch.zeros(BASIS_SIZE, 1)
    envelope_only[-1] = 1.0
    edges = make(layout, positions)
    made = edges.filtered_directions(edges.prepared(envelope_only), torch.ones(2, 1))
    expected = torch.tensor([[0.0, 0.5, 0.0], [0.0, -0.5, 0.0]])[..., None]
    assert_same(made, expected)


def test_directions_are_rotation_equivariant(layout):
    positions = spread(5).detach()
    matrix, shift = random_isometry(4, reflects=True)
    filters, values = torch.randn(BASIS_SIZE, 2), torch.randn(5, 2)
    edges, turned = (
        make(layout, nodes) for nodes in (positions, positions @ matrix.T + shift)
    )
    made, expected = (
        each.filtered_directions(each.prepared(filters), values)
        for each in (turned, edges)
    )
    assert_same(made, matrix @ expected)


class TestChoice:
    def choose(self, n_nodes, nodes_each):
        positions = torch.rand(n_nodes, 3) * 50
        molecules = torch.zeros(n_nodes, dtype=torch.long)
        basis = RadialBasis(BASIS_SIZE - 1, CUTOFF)
        return neighbourhood(positions, molecules, nodes_each, basis)

    def test_small_alike_molecules_are_blocks(self):
        assert isinstance(self.choose(6, 6), DenseNeighbourhood)

    def test_unlike_or_large_molecules_are_lists(self):
        large = LARGEST_DENSE_BLOCK + 1
        assert isinstance(self.choose(6, None), SparseNeighbourhood)
        assert isinstance(self.choose(large, large), SparseNeighbourhood)
