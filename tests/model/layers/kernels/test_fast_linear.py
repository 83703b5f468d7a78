"""Linear layers by either library: the same products and gradients."""

import pytest
import torch
from torch.nn import functional

from openmm_cgvae.model.layers.kernels import fast_linear as products

SHAPES = [((5, 7), (4, 7)), ((2, 3, 7), (4, 7)), ((64, 128), (128, 128))]


@pytest.fixture
def onednn(monkeypatch):
    """Prefer oneDNN, whatever the processor, and count the calls of it."""
    monkeypatch.setattr(products, "PREFERS_ONEDNN", True)
    monkeypatch.setattr(products, "LEAST_PRODUCT", 1)
    calls = []
    operator = torch.ops.mkldnn._linear_pointwise

    def counted(*given):
        calls.append(given[0].shape)
        return operator(*given)

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", counted)
    return calls


def numbers(shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).requires_grad_()


def gradients(layer, features, weight, bias):
    """Return a product, its gradients, and gradients of these."""
    given = [each for each in (features, weight, bias) if each is not None]
    made = layer(features, weight, bias)
    first = torch.autograd.grad(made.pow(2).sum(), given, create_graph=True)
    second = torch.autograd.grad(sum(each.pow(2).sum() for each in first), given)
    return [each.detach() for each in (made, *first, *second)]


@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize(("of_features", "of_weight"), SHAPES)
def test_either_library_gives_the_same(onednn, of_features, of_weight, has_bias):
    features, weight = numbers(of_features, 0), numbers(of_weight, 1)
    bias = numbers(of_weight[:1], 2) if has_bias else None
    expected = gradients(functional.linear, features, weight, bias)
    made = gradients(products.linear, features, weight, bias)
    assert len(onednn) > 3
    for one, other in zip(made, expected, strict=True):
        torch.testing.assert_close(
            one, other, rtol=1e-4, atol=1e-5 * other.abs().max().item()
        )
    with torch.inference_mode():
        alone = products.linear(features, weight, bias)
    torch.testing.assert_close(alone, expected[0], rtol=1e-5, atol=1e-4)


def test_only_what_is_asked_for_gets_a_gradient(onednn):
    features, weight = numbers((5, 7), 0).detach(), numbers((4, 7), 1)
    products.linear(features, weight).sum().backward()
    assert weight.grad is not None
    assert onednn == [(5, 7), (4, 5)]


@pytest.mark.parametrize("why", ["double precision", "little to multiply", "another"])
def test_what_it_is_not_faster_for_is_left_alone(onednn, monkeypatch, why):
    features, weight = numbers((5, 7), 0), numbers((4, 7), 1)
    if why == "double precision":
        features, weight = features.double(), weight.double()
    elif why == "little to multiply":
        monkeypatch.setattr(products, "LEAST_PRODUCT", 5 * 7 * 4 + 1)
    else:
        monkeypatch.setattr(products, "PREFERS_ONEDNN", False)
    made = products.linear(features, weight)
    assert torch.equal(made, functional.linear(features, weight))
    assert not onednn


def test_intel_and_older_instructions_stay_with_mkl():
    assert products.prefers_onednn("vendor_id : AuthenticAMD", "AVX512_CORE_BF16")
    assert not products.prefers_onednn("vendor_id : AuthenticAMD", "AVX2")
    assert not products.prefers_onednn("vendor_id : GenuineIntel", "AVX512")
    assert not products.prefers_onednn("", "AVX512")
