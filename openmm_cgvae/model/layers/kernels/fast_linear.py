"""Fast linear layers: by whichever of torch's libraries multiplies faster here."""

import platform
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["PREFERS_ONEDNN", "Linear", "linear", "prefers_onednn"]

# Fewer multiplications than this take less time than the other library's overhead.
LEAST_PRODUCT = 2**21


def prefers_onednn(cpu_info: str, instructions: str) -> bool:
    """Return whether oneDNN multiplies float32 matrices faster than MKL.

    MKL, which torch multiplies with, does not use AVX-512 on processors of AMD;
    oneDNN, which comes with torch too, does, and takes half the time (docs/speed.md).

    Parameters
    ----------
    cpu_info : str
        What the system says of the processor.
    instructions : str
        The instructions that torch found.

    Returns
    -------
    bool
        Whether it does.

    Examples
    --------
    >>> prefers_onednn("vendor_id : AuthenticAMD", "AVX512")
    True
    >>> prefers_onednn("vendor_id : GenuineIntel", "AVX512")
    False
    """
    return "AuthenticAMD" in cpu_info and instructions.startswith("AVX512")


def _cpu_info() -> str:
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return ""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return platform.processor()
    with path.open(encoding="utf-8") as file:
        return file.read(1000)  # the first of many cores will do


# By the kind of processor, not by a trial: the same machine rounds the same way always.
PREFERS_ONEDNN = prefers_onednn(_cpu_info(), torch.backends.cpu.get_cpu_capability())


class Linear(nn.Linear):
    """A linear layer, as `torch.nn.Linear`."""

    def forward(self, features: Tensor) -> Tensor:
        """Compute the linear layer; see `linear`."""
        return linear(features, self.weight, self.bias)


def linear(features: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute a linear layer, as `torch.nn.functional.linear`.

    Parameters
    ----------
    features : Tensor, shape (..., n_in)
        What goes in.
    weight : Tensor, shape (n_out, n_in)
        Weights.
    bias : Tensor, shape (n_out,), optional
        What is added.

    Returns
    -------
    Tensor, shape (..., n_out)
        The product, to rounding the same with either library.

    Examples
    --------
    >>> linear(torch.ones(1, 2), torch.tensor([[1.0, 2.0]]), torch.ones(1)).tolist()
    [[4.0]]
    """
    if (
        not PREFERS_ONEDNN
        or features.numel() * weight.shape[0] < LEAST_PRODUCT
        or features.dtype != torch.float32
        or features.device.type != "cpu"
    ):
        return functional.linear(features, weight, bias)
    if torch.is_grad_enabled():
        return _Linear.apply(features, weight, bias)
    return _product(features, weight, bias)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(features, weight)
        return _product(features, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        features, weight = ctx.saved_tensors
        of_features, of_weight, of_bias = ctx.needs_input_grad
        flat = gradient.flatten(0, -2)  # [rows, n_out], whatever axes came before
        return (
            linear(gradient, weight.t()) if of_features else None,
            linear(flat.t(), features.flatten(0, -2).t()) if of_weight else None,
            flat.sum(0) if of_bias else None,
        )


def _product(features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if torch.compiler.is_compiling():
        return torch.ops.openmm_cgvae.linear(features, weight, bias)
    return _by_onednn(features, weight, bias)


def _by_onednn(features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    # The operator of compiled models, which has no derivative of its own.
    return torch.ops.mkldnn._linear_pointwise(features, weight, bias, "none", [], "")


def _shaped(features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    del bias
    return features.new_empty(*features.shape[:-1], weight.shape[0])


# The compiler would take the weights of that operator for constants, but lets ours be.
NAME = "openmm_cgvae::linear"
torch.library.define(NAME, "(Tensor features, Tensor weight, Tensor? bias) -> Tensor")
torch.library.impl(NAME, "CPU", _by_onednn)
torch.library.register_fake(NAME, _shaped)
