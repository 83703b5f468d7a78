"""A potential as TorchScript, for versions of openmm-torch that take nothing else."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["script_force", "traced"]

# In what torch says where a number is looked at while it traces.
_DECIDES = "Converting a tensor to a Python"
_EXAMPLE_SPACING = 0.3  # nm
_EXAMPLE_BOX = 3.0  # nm


def script_force(
    force_type: Any,
    module: nn.Module,
    dtype: torch.dtype,
    particles: Sequence[int],
    *,
    is_periodic: bool,
) -> Any:
    """Build a TorchForce of openmm-torch.

    Parameters
    ----------
    force_type : type
        ``openmmtorch.TorchForce``.
    module : torch.nn.Module
        As for `cg_force`.
    dtype : torch.dtype
        Its precision.
    particles : sequence of int
        The particles it acts on; their number is written into the script.
    is_periodic : bool
        Whether it looks at the box.

    Returns
    -------
    openmmtorch.TorchForce
        The force.

    Raises
    ------
    ValueError
        If the particles are not named, or the module cannot be made a script.
    """
    if not particles:
        raise ValueError(
            "`particles` is left out, but the TorchForce of this openmm-torch has to "
            "know how many there are; give particles=range(n), or use OpenMM 8.5 or "
            "newer"
        )
    script = traced(module, dtype, particles, is_periodic=is_periodic)
    force = force_type(script)
    force.setUsesPeriodicBoundaryConditions(is_periodic)
    return force


def traced(
    module: nn.Module,
    dtype: torch.dtype,
    particles: Sequence[int],
    *,
    is_periodic: bool,
) -> torch.jit.ScriptModule:
    """Follow a potential through one evaluation, and write down what it does.

    Parameters
    ----------
    module, dtype, particles, is_periodic
        See `script_force`.

    Returns
    -------
    torch.jit.ScriptModule
        Gives the energy from the positions of all particles, and the box if
        it looks at one.

    Raises
    ------
    ValueError
        If it decides by a number what to do, so that it may do something else for
        other positions.
    """
    chosen = _Chosen(module.cpu(), dtype, particles)
    steps = torch.randn(max(particles) + 1, 3)
    example = [(_EXAMPLE_SPACING * steps).cumsum(0)]
    if is_periodic:
        example.append(_EXAMPLE_BOX * torch.eye(3))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        script = torch.jit.trace(chosen, tuple(example), check_trace=False)
    if any(_DECIDES in str(each.message) for each in told):
        raise ValueError(
            "`module` looks at a number to decide what to do, which TorchScript cannot "
            "follow; write it without, or use OpenMM 8.5 or newer"
        )
    return script


class _Chosen(nn.Module):
    """A potential of some of the particles, in its own precision."""

    particles: Tensor

    def __init__(
        self, module: nn.Module, dtype: torch.dtype, particles: Sequence[int]
    ) -> None:
        super().__init__()
        self.module = module
        self.dtype = dtype
        self.register_buffer("particles", torch.tensor(particles))

    def forward(self, positions: Tensor, box: Tensor | None = None) -> Tensor:
        place = positions.index_select(0, self.particles).to(self.dtype)
        return self.module(place, None if box is None else box.to(self.dtype))
