"""Compiled losses of training steps, where `torch.compile` finds a compiler."""

import os
import shutil
import warnings
from collections.abc import Callable, Iterable
from types import FunctionType, MethodType

import torch
from torch import Tensor

from openmm_cgvae.model.graphs import GraphBatch

__all__ = ["CompiledLosses", "pays"]

# Fewer steps than this take less time than the compiler.
FEWEST_STEPS = 10_000
# Of the difference between the gradients of the first step to the gradient.
LARGEST_DIFFERENCE = 1e-3
# Buffers that are overwritten in place were seen to be read afterwards, and gradients
# to be wrong (torch 2.13).
OPTIONS: dict[str, str | int | bool | Callable] = {"inplace_buffers": False}

Losses = Callable[..., dict[str, Tensor]]


class CompiledLosses:
    """Losses that are compiled for batches of one size, that of the first.

    The first step waits for the compiler, a minute or more, or some seconds where it
    has compiled the same before, and is made both ways: where the gradients differ
    by more than rounding, or nothing can be compiled, the losses stay as they are.
    Smaller batches, as at the end of an epoch, and those of validation are not
    compiled for.

    Parameters
    ----------
    losses : bound method
        Takes a batch, noise and weights; returns the terms of the loss, among them
        ``total``.
    trained : iterable of Parameter
        The weights that are trained.
    """

    def __init__(self, losses: Losses, trained: Iterable[torch.nn.Parameter]) -> None:
        self.losses, self.trained = losses, list(trained)
        self.compiled = torch.compile(
            _copied(losses), fullgraph=True, dynamic=False, options=OPTIONS
        )
        self.n_molecules = 0
        self.works = True

    def __call__(
        self, batch: GraphBatch, noise: Tensor, *numbers: float
    ) -> dict[str, Tensor]:
        """Compute the terms of the loss."""
        # Other numbers would be compiled for anew.
        tensors = [batch.bead_positions.new_tensor(number) for number in numbers]
        if not self.n_molecules:
            self.n_molecules = batch.n_molecules
            fault = self._fault(batch, noise, tensors)
            self.works = not fault
            if fault:
                warnings.warn(
                    f"training steps could not be compiled ({fault}); they run without "
                    "it. It takes a C++ compiler",
                    stacklevel=2,
                )
        if not self.works or batch.n_molecules != self.n_molecules:
            return self.losses(batch, noise, *numbers)
        return self.compiled(batch, noise, *tensors)

    def _fault(self, batch: GraphBatch, noise: Tensor, numbers: list[Tensor]) -> str:
        """Compute a step both ways, and return what is wrong with the compiled one."""
        expected = self._gradient(self.losses(batch, noise, *numbers))
        try:
            with warnings.catch_warnings():
                # Torch's own, while it loads its compiler.
                warnings.simplefilter("ignore", DeprecationWarning)
                warnings.simplefilter("ignore", FutureWarning)
                found = self._gradient(self.compiled(batch, noise, *numbers))
        except Exception as error:  # noqa: BLE001 - whatever a compiler may raise
            inner = getattr(error, "inner_exception", error)
            return next(iter(str(inner).strip().splitlines()), type(inner).__name__)
        difference = float((found - expected).norm() / expected.norm())
        if difference < LARGEST_DIFFERENCE:
            return ""
        return f"gradients are {difference:.1e} off"

    def _gradient(self, losses: dict[str, Tensor]) -> Tensor:
        gradients = torch.autograd.grad(
            losses["total"], self.trained, allow_unused=True
        )
        return torch.cat([g.flatten() for g in gradients if g is not None])


def pays(n_steps: int) -> bool:
    """Check whether compiling saves more time than it takes, and is possible.

    Parameters
    ----------
    n_steps : int
        Steps of a training.

    Returns
    -------
    bool
        Whether there are steps enough and a compiler.

    Examples
    --------
    >>> pays(100)
    False
    """
    names = (os.environ.get("CXX"), "g++", "clang++")
    return n_steps >= FEWEST_STEPS and any(shutil.which(n) for n in names if n)


def _copied(method: Losses) -> Losses:
    """Copy a method with its code, whose compiled forms go when the copy does.

    They are kept with the code, and eight at most: a process that trains one model
    after another would run out of them.
    """
    function = method.__func__  # type: ignore[attr-defined]
    copy = FunctionType(
        function.__code__.replace(),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    return MethodType(copy, method.__self__)  # type: ignore[attr-defined]
