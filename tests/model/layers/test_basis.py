import pytest
import torch
from reference import equations

from openmm_cgvae.model.layers.basis import RadialBasis

CUTOFF = 5.0

pytestmark = pytest.mark.usefixtures("double_precision")


def test_is_that_of_appendix_d():
    basis = RadialBasis(n_radial=4, cutoff=CUTOFF)
    distances = torch.tensor([0.0, 0.3, 1.7, 4.999, 5.0, 8.0])
    expected = torch.stack(
        [torch.stack(equations.radial_basis(d, 4, CUTOFF)) for d in distances]
    )
    torch.testing.assert_close(basis(distances), expected, rtol=0, atol=1e-13)


def test_by_hand_halfway_to_the_cutoff():
    # The envelope is one half there; sin(pi/2) / 2.5 and sin(pi) / 2.5 under it.
    made = RadialBasis(n_radial=2, cutoff=CUTOFF)(torch.tensor([2.5]))
    torch.testing.assert_close(made, torch.tensor([[0.2, 0.0, 0.5]]))


def test_any_shape_of_distances():
    basis = RadialBasis(n_radial=3, cutoff=CUTOFF)
    distances = torch.rand(2, 3, 4) * 6
    made = basis(distances)
    assert made.shape == (2, 3, 4, basis.n_functions)
    torch.testing.assert_close(made[1, 2], basis(distances[1, 2]))


def test_the_functions_go_where_they_are_asked():
    basis = RadialBasis(n_radial=3, cutoff=CUTOFF)
    distances = torch.rand(2, 3) * 6
    assert torch.equal(basis(distances, axis=1), basis(distances).movedim(-1, 1))


def test_one_function_and_its_envelope():
    made = RadialBasis(n_radial=1, cutoff=CUTOFF)(torch.tensor([2.5]))
    torch.testing.assert_close(made, torch.tensor([[0.2, 0.5]]))


def test_many_functions_keep_the_digits_of_single_precision():
    basis = RadialBasis(n_radial=24, cutoff=CUTOFF)
    distances = torch.linspace(0, CUTOFF, 1000)
    rounded = basis(distances.float()).double()
    assert (rounded - basis(distances)).abs().max() < 1e-4 * basis(distances).max()


def test_vanishes_with_its_gradient_at_the_cutoff_and_beyond():
    basis = RadialBasis(n_radial=4, cutoff=CUTOFF)
    distances = torch.tensor([CUTOFF - 1e-6, CUTOFF, CUTOFF + 3], requires_grad=True)
    made = basis(distances)
    assert made.abs().max() < 1e-11
    (gradients,) = torch.autograd.grad(made.abs().sum(), [distances])
    assert gradients.abs().max() < 1e-4
    assert gradients[2] == 0


def test_is_finite_with_its_gradient_at_zero():
    distances = torch.zeros(1, requires_grad=True)
    made = RadialBasis(n_radial=4, cutoff=CUTOFF)(distances)
    (gradient,) = torch.autograd.grad(made.sum(), [distances])
    assert torch.isfinite(made).all()
    assert gradient == 0


def test_gradients_are_right():
    basis = RadialBasis(n_radial=4, cutoff=CUTOFF)
    distances = torch.tensor([0.7, 2.0, 4.9], requires_grad=True)
    assert torch.autograd.gradcheck(basis, (distances,))
