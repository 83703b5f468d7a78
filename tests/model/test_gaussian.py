import pytest
import torch

from openmm_cgvae.model.gaussian import SMALLEST_STD, Gaussian, GaussianHead
from openmm_cgvae.testing import assert_same

pytestmark = pytest.mark.usefixtures("double_precision")


def test_draws_shift_and_scale_the_noise():
    gaussian = Gaussian(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 3.0]]))
    made = gaussian.draw(torch.tensor([[2.0, -1.0]]))
    assert made.tolist() == [[2.0, -1.0]]


def test_the_head_gives_half_the_log_variance():
    head = GaussianHead(3, 2)
    features = torch.randn(4, 3)
    made = head(features)
    assert_same(made.mean, head.mean(features))
    assert_same((made.std - SMALLEST_STD).log() * 2, head.log_variance(features))


def test_the_standard_deviation_never_reaches_zero():
    head = GaussianHead(2, 1)
    with torch.no_grad():
        head.log_variance[-1].bias.fill_(-1e4)
    assert (head(torch.zeros(1, 2)).std == SMALLEST_STD).all()
