import pytest
import torch
from reference import equations
from test_neighbour_sums import BASIS_SIZE, CUTOFF, make, spread

from openmm_cgvae.model.layers.messages import (
    EquivariantMessage,
    EquivariantUpdate,
    InvariantMessage,
)
from openmm_cgvae.testing import assert_same, assert_same_with_gradients

F = 2  # channels; the loops of the reference are slow
N_RADIAL = BASIS_SIZE - 1

pytestmark = pytest.mark.usefixtures("double_precision")
layouts = pytest.mark.parametrize("layout", ["dense", "sparse"])
sizes = pytest.mark.parametrize("n_beads", [1, 2, 3, 6])


def features(n_beads, *, vectors=False):
    shape = (n_beads, 3, F) if vectors else (n_beads, F)
    return torch.randn(shape, requires_grad=True)


def channels(tensor):
    """Take a tensor apart: scalars or components apart for every bead and channel."""
    if tensor.dim() == 2:
        return [[tensor[i, c] for c in range(F)] for i in range(len(tensor))]
    return [[tensor[i, :, c] for c in range(F)] for i in range(len(tensor))]


def together(table):
    return torch.stack([torch.stack(list(row), -1) for row in table])


@layouts
@sizes
@pytest.mark.parametrize("messages", ["product", "sender"])
def test_invariant_message_is_that_of_e1(messages, n_beads, layout):
    module = InvariantMessage(F, BASIS_SIZE, messages, degree=1.5)
    positions, scalars = spread(n_beads), features(n_beads)
    made = module(make(layout, positions), scalars)
    expected = equations.invariant_message(
        module, list(positions), channels(scalars), N_RADIAL, CUTOFF
    )
    leaves = [positions, scalars, *module.parameters()]
    assert_same_with_gradients(made, together(expected), leaves)


@layouts
@sizes
def test_equivariant_message_is_eq_5(n_beads, layout):
    module = EquivariantMessage(F, BASIS_SIZE, degree=1.5)
    positions = spread(n_beads)
    given = [
        features(n_beads),
        features(n_beads),
        features(n_beads, vectors=True),
        features(n_beads, vectors=True),
    ]
    made = module(make(layout, positions), *given)
    expected = equations.equivariant_message(
        module, list(positions), *map(channels, given), N_RADIAL, CUTOFF
    )
    leaves = [positions, *given, *module.parameters()]
    for ours, theirs in zip(made, expected, strict=True):
        assert_same_with_gradients(ours, together(theirs), leaves)


@pytest.mark.parametrize("mixes_vectors", [False, True])
def test_update_is_eq_8(mixes_vectors):
    module = EquivariantUpdate(F, mixes_vectors=mixes_vectors)
    scalars, vectors = features(3), features(3, vectors=True)
    made = module(scalars, vectors)
    beads = [
        equations.equivariant_update(module, h, v)
        for h, v in zip(channels(scalars), channels(vectors), strict=True)
    ]
    leaves = [scalars, vectors, *module.parameters()]
    for ours, theirs in zip(made, zip(*beads, strict=True), strict=True):
        assert_same_with_gradients(ours, together(theirs), leaves)


def test_update_leaves_zero_vectors_zero_and_its_gradients_finite():
    module = EquivariantUpdate(F, mixes_vectors=False)
    vectors = torch.zeros(2, 3, F, requires_grad=True)
    scalars, changed = module(features(2), vectors)
    assert (changed == 0).all()
    total = scalars.sum() + changed.sum()
    for gradient in torch.autograd.grad(total, [vectors, *module.parameters()]):
        assert torch.isfinite(gradient).all()


@layouts
def test_degrees_divide_the_sums(layout):
    positions, given = spread(5), (features(5), features(5))
    vectors = features(5, vectors=True), features(5, vectors=True)
    for module, arguments in (
        (InvariantMessage(F, BASIS_SIZE, "product", 1.0), given[:1]),
        (InvariantMessage(F, BASIS_SIZE, "sender", 1.0), given[:1]),
        (EquivariantMessage(F, BASIS_SIZE, 1.0), (*given, *vectors)),
    ):
        edges = make(layout, positions)
        plain = module(edges, *arguments)
        module.degree = 4.0
        divided = module(edges, *arguments)
        if torch.is_tensor(plain):
            plain, divided = (plain,), (divided,)
        for whole, part in zip(plain, divided, strict=True):
            assert_same(part, whole / 4)


def test_some_pairs_are_cut_and_some_are_not():
    # Otherwise the comparisons above would say little.
    for n_beads in (3, 6):
        distances = torch.pdist(spread(n_beads).detach())
        assert (distances < CUTOFF).any()
        if n_beads == 6:
            assert (distances >= CUTOFF).any()
