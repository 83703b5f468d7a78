"""Assertions of equivariance, invariance and equal gradients; random isometries."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.testing.tolerances import DOUBLE_PRECISION, GRADIENT

__all__ = [
    "assert_different",
    "assert_equivariant",
    "assert_invariant",
    "assert_same",
    "assert_same_with_gradients",
    "moved",
    "random_isometry",
]

Isometry = tuple[Float[Tensor, "3 3"], Float[Tensor, " 3"]]
FunctionOfBatch = Callable[[GraphBatch], Tensor]


def random_isometry(seed: int = 0, *, reflects: bool = False) -> Isometry:
    """Return a random rotation, or a rotation and a reflection, and a translation.

    Parameters
    ----------
    seed : int
        Other seeds give other isometries.
    reflects : bool
        Whether the determinant is -1.

    Returns
    -------
    matrix : Tensor, shape (3, 3)
        An orthogonal matrix, in the default type of torch.
    shift : Tensor, shape (3,)
        The translation [Å].

    Examples
    --------
    >>> matrix, shift = random_isometry(reflects=True)
    >>> round(float(torch.linalg.det(matrix)), 3)
    -1.0
    """
    rng = np.random.default_rng(seed)
    matrix, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    matrix *= np.sign(np.linalg.det(matrix)) * (-1 if reflects else 1)
    dtype = torch.get_default_dtype()
    return (
        torch.tensor(matrix, dtype=dtype),
        torch.tensor(rng.normal(scale=5.0, size=3), dtype=dtype),
    )


def moved(batch: GraphBatch, isometry: Isometry) -> GraphBatch:
    """Return a batch whose atoms and beads are moved together.

    Parameters
    ----------
    batch : GraphBatch
        Molecules with or without positions of their atoms.
    isometry : (Tensor, Tensor)
        Matrix and translation, as of `random_isometry`.

    Returns
    -------
    GraphBatch
        The moved batch.

    Examples
    --------
    >>> from openmm_cgvae.testing import MOLECULE, toy_batch
    >>> batch = toy_batch(MOLECULE)
    >>> lifted = moved(batch, (torch.eye(3), torch.tensor([0.0, 0.0, 2.0])))
    >>> round(float((lifted.bead_positions - batch.bead_positions)[0, 2]), 3)
    2.0
    """
    matrix, shift = isometry
    atoms = batch.atom_positions
    return batch.with_positions(
        batch.bead_positions @ matrix.T + shift,
        None if atoms is None else atoms @ matrix.T + shift,
    )


def assert_same(
    made: Tensor, expected: Tensor, tolerance: float = DOUBLE_PRECISION
) -> None:
    """Check that two tensors agree, number by number.

    Parameters
    ----------
    made, expected : Tensor
        Tensors of one shape and type.
    tolerance : float
        The largest difference allowed, in their unit.

    Raises
    ------
    AssertionError
        If they do not.

    Examples
    --------
    >>> assert_same(torch.ones(2), torch.ones(2) + 1e-6, tolerance=1e-5)
    """
    torch.testing.assert_close(made, expected, rtol=0, atol=tolerance)


def assert_different(made: Tensor, other: Tensor, at_least: float = 1e-4) -> None:
    """Check that two tensors differ somewhere.

    Parameters
    ----------
    made, other : Tensor
        Tensors whose shapes fit.
    at_least : float
        The difference that is asked for, in their unit.

    Raises
    ------
    AssertionError
        If all numbers are nearer than that.

    Examples
    --------
    >>> assert_different(torch.tensor([0.0, 0.0]), torch.tensor([0.0, 1.0]))
    """
    difference = float((made - other).detach().abs().max())
    if not difference > at_least:
        raise AssertionError(
            f"the tensors differ by {difference:.3g} at most, which is not more than "
            f"{at_least:.3g}"
        )


def assert_equivariant(
    function: FunctionOfBatch,
    batch: GraphBatch,
    isometry: Isometry,
    tolerance: float = DOUBLE_PRECISION,
) -> None:
    """Check that positions a function makes of a batch move with the batch.

    Parameters
    ----------
    function : callable
        Returns positions, shape (n, 3), of a `GraphBatch` [Å].
    batch : GraphBatch
        The batch as it stands; it is moved by the isometry.
    isometry : (Tensor, Tensor)
        Matrix and translation, as of `random_isometry`.
    tolerance : float
        The largest difference allowed [Å].

    Raises
    ------
    AssertionError
        If they do not.

    Examples
    --------
    >>> from openmm_cgvae.testing import MOLECULE, toy_batch
    >>> isometry = random_isometry(1)
    >>> batch = toy_batch(MOLECULE)
    >>> assert_equivariant(lambda b: b.atom_positions, batch, isometry, 1e-5)
    """
    matrix, shift = isometry
    expected = function(batch) @ matrix.T + shift
    assert_same(function(moved(batch, isometry)), expected, tolerance)


def assert_invariant(
    function: FunctionOfBatch,
    batch: GraphBatch,
    isometry: Isometry,
    tolerance: float = DOUBLE_PRECISION,
) -> None:
    """Check that what a function makes of a batch does not see where it stands.

    Parameters
    ----------
    function : callable
        Returns a tensor of a `GraphBatch`.
    batch : GraphBatch
        The batch as it stands; it is moved by the isometry.
    isometry : (Tensor, Tensor)
        Matrix and translation, as of `random_isometry`.
    tolerance : float
        The largest difference allowed, in the unit of the tensor.

    Raises
    ------
    AssertionError
        If it does.

    Examples
    --------
    >>> from openmm_cgvae.testing import MOLECULE, toy_batch
    >>> isometry = random_isometry(1)
    >>> assert_invariant(lambda b: b.weights, toy_batch(MOLECULE), isometry)
    """
    assert_same(function(moved(batch, isometry)), function(batch), tolerance)


def assert_same_with_gradients(
    made: Tensor,
    expected: Tensor,
    leaves: Sequence[Tensor],
    tolerance: float = GRADIENT,
) -> None:
    """Check that two ways to one tensor agree, and their gradients by every leaf.

    Parameters
    ----------
    made, expected : Tensor
        The tensor, computed in two ways.
    leaves : sequence of Tensor
        What both were computed from, for instance the parameters of a network.
    tolerance : float
        The largest difference allowed; of a gradient relative to its largest number,
        or to 1 where that is more.

    Raises
    ------
    AssertionError
        If they do not.

    Examples
    --------
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> assert_same_with_gradients(x * x, x**2, [x])
    """
    assert_same(made, expected, tolerance)
    directions = torch.cos(torch.arange(made.numel(), dtype=made.dtype))
    gradients = [
        _gradients((v.reshape(-1) * directions).sum(), leaves) for v in (made, expected)
    ]
    for first, second in zip(*gradients, strict=True):
        scale = max([1.0, *second.abs().reshape(-1).tolist()])
        assert_same(first, second, tolerance * scale)


def _gradients(total: Tensor, leaves: Sequence[Tensor]) -> list[Tensor]:
    """Compute gradients by every leaf, zero where the total does not depend on it."""
    if not total.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    gradients = torch.autograd.grad(total, leaves, allow_unused=True, retain_graph=True)
    pairs = zip(leaves, gradients, strict=True)
    return [torch.zeros_like(leaf) if g is None else g for leaf, g in pairs]
