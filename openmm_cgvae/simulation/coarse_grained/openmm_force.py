"""A coarse-grained potential written in torch as an OpenMM force."""

import copy
import itertools
import operator
from collections.abc import Iterable
from importlib import import_module
from typing import Any, SupportsIndex

import numpy as np
import openmm
import torch
from torch import Tensor, nn

from openmm_cgvae._runtime.threads import threads
from openmm_cgvae.simulation.coarse_grained.torchscript import script_force

__all__ = ["cg_force"]

BACKENDS = ("auto", "openmm", "openmm-torch")


def cg_force(
    module: nn.Module,
    *,
    particles: Iterable[SupportsIndex] | None = None,
    periodic: bool = False,
    dtype: torch.dtype | None = None,
    n_threads: int = 1,
    backend: str = "auto",
) -> openmm.Force:
    """Build an OpenMM force of a potential written in torch.

    Where openmm-torch is installed and has ``PythonTorchForce``, that is used: on a
    GPU positions then stay there. Elsewhere it is ``openmm.PythonForce``, which came
    with OpenMM 8.5 and gives the same energies and forces. An older OpenMM needs the
    ``TorchForce`` of openmm-torch 1.5; it runs the module as TorchScript.

    Parameters
    ----------
    module : torch.nn.Module
        ``module(positions, box)`` gives the energy, a tensor of one number [kJ/mol],
        from the positions, shape (n_particles, 3) [nm], and the box vectors, shape
        (3, 3) [nm], or None. Forces come by autograd. The force keeps a copy of the
        module as it is now, so training it further changes no force.
    particles : iterable of int, optional
        The particles it acts on, in the order the module wants; by default all.
        ``TorchForce`` has to be told.
    periodic : bool
        Whether the module looks at the box. The box is None otherwise. OpenMM may
        then move particles by whole box vectors, so take nearest images.
    dtype : torch.dtype, optional
        Precision of positions and box; by default that of the module's first
        floating-point parameter or buffer, float64 if it has none.
    n_threads : int
        Threads of torch during an evaluation. Small potentials are fastest with one.
    backend : {"auto", "openmm", "openmm-torch"}
        Whose force to make.

    Returns
    -------
    openmm.Force
        To add to a System. It serialises, as long as the module pickles and its class
        can be imported where it is read.

    Raises
    ------
    TypeError
        If ``module`` is no torch module or ``dtype`` no floating-point type.
    ValueError
        If ``particles`` names a particle twice, or an option is not possible.
    ImportError
        If the backend is not installed.

    Notes
    -----
    An energy that is not one finite number, or does not depend on the positions, stops
    the simulation with an ``openmm.OpenMMException`` that says so. With ``TorchForce``
    nobody looks.

    Examples
    --------
    >>> class Spring(nn.Module):
    ...     def forward(self, positions, box):
    ...         return 50.0 * (positions[1] - positions[0]).square().sum()
    >>> system = openmm.System()
    >>> [system.addParticle(12.0) for _ in range(2)]
    [0, 1]
    >>> system.addForce(cg_force(Spring(), backend="openmm"))
    0
    >>> context = openmm.Context(system, openmm.VerletIntegrator(0.001))
    >>> context.setPositions(np.array([[0.0, 0.0, 0.0], [0.2, 0.0, 0.0]]))
    >>> context.getState(energy=True).getPotentialEnergy().format('%.6f')
    '2.000000 kJ/mol'
    """
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"`module` is a {type(module).__name__} but must be a torch.nn.Module; "
            "wrap the function in the forward() of one"
        )
    if n_threads < 1:
        raise ValueError(f"`n_threads` is {n_threads} but must be at least 1")
    precision = _dtype_of(module) if dtype is None else dtype
    if not precision.is_floating_point:
        raise TypeError(f"`dtype` is {dtype} but must be a floating-point type")
    frozen = copy.deepcopy(module).eval().requires_grad_(requires_grad=False)
    chosen = checked_particles(particles)
    force_type, potential_type = _force_type(backend)
    if potential_type is None:
        return script_force(force_type, frozen, precision, chosen, is_periodic=periodic)
    potential = potential_type(frozen, precision, n_threads, is_periodic=periodic)
    if chosen and not hasattr(force_type, "setParticles"):  # as in OpenMM 8.5
        potential.particles = chosen
    force = force_type(potential)
    if chosen and not potential.particles:
        force.setParticles(chosen)
    force.setUsesPeriodicBoundaryConditions(periodic)
    return force


class _Potential:
    """Energy and forces of a module; a class of its own, so that it pickles."""

    def __init__(
        self,
        module: nn.Module,
        dtype: torch.dtype,
        n_threads: int,
        *,
        is_periodic: bool,
    ) -> None:
        self.module = module
        self.dtype = dtype
        self.is_periodic = is_periodic
        self.n_threads = n_threads
        self.particles: list[int] = []  # those to pick from all; none if OpenMM does
        tensors = itertools.chain(module.parameters(), module.buffers())
        self.device = next((tensor.device for tensor in tensors), torch.device("cpu"))

    def evaluate(self, state: openmm.State, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the energy [kJ/mol] and the forces [kJ/mol/nm]."""
        if not self.particles:
            return self._evaluate(state, positions)
        energy, chosen = self._evaluate(state, positions[self.particles])
        forces = chosen.new_zeros(positions.shape)
        forces[self.particles] = chosen
        return energy, forces

    def _evaluate(
        self, state: openmm.State, positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        # A copy that is a leaf: nobody else's graph or memory is touched.
        place = positions.detach().to(self.device, self.dtype, copy=True)
        place.requires_grad_()
        box = None
        if self.is_periodic:
            vectors = state.getPeriodicBoxVectors(asNumpy=True)._value
            box = torch.tensor(vectors, dtype=self.dtype, device=self.device)
        with threads(self.n_threads), torch.enable_grad():
            energy = _checked_energy(self.module(place, box))
            gradient = None
            if energy.requires_grad:
                (gradient,) = torch.autograd.grad(energy, place, allow_unused=True)
        if gradient is None:
            raise ValueError(
                "`module` gave an energy that autograd cannot follow back to the "
                "positions; compute it from them with torch, without detach or item"
            )
        if not torch.isfinite(gradient).all():
            raise ValueError(
                f"`module` gave the energy {energy.item():g} kJ/mol but forces that "
                "are not finite; look for a square root or a division at zero"
            )
        return energy.detach(), -gradient


class _ArrayPotential(_Potential):
    """What openmm.PythonForce calls."""

    def __call__(self, state: openmm.State) -> tuple[float, np.ndarray]:
        positions = torch.tensor(state.getPositions(asNumpy=True)._value)
        energy, forces = self.evaluate(state, positions)
        # OpenMM takes arrays alone, a tensor is an error there.
        return energy.item(), forces.double().cpu().numpy()


class _TensorPotential(_Potential):
    """What the PythonTorchForce of openmm-torch calls."""

    def __call__(self, state: openmm.State, positions: Tensor) -> tuple[Tensor, Tensor]:
        energy, forces = self.evaluate(state, positions)
        return energy.double(), forces.to(positions.device, positions.dtype)


def _checked_energy(energy: Any) -> Tensor:
    if not isinstance(energy, Tensor) or energy.numel() != 1:
        came = (
            f"a tensor of shape {tuple(energy.shape)}"
            if isinstance(energy, Tensor)
            else f"a {type(energy).__name__}"
        )
        raise ValueError(
            f"`module` gave {came} but the energy must be a tensor of one number; sum "
            "over the particles"
        )
    if not torch.isfinite(energy).all():
        raise ValueError(
            f"`module` gave the energy {energy.item()} kJ/mol but it must be finite; "
            "look at the start positions, or make the time step shorter"
        )
    return energy.reshape(())


def _dtype_of(module: nn.Module) -> torch.dtype:
    tensors = itertools.chain(module.parameters(), module.buffers())
    return next((t.dtype for t in tensors if t.is_floating_point()), torch.float64)


def checked_particles(particles: Iterable[SupportsIndex] | None) -> list[int]:
    """Check particle indices, and return them as ints.

    Parameters
    ----------
    particles : iterable of int, optional
        What the user gave.

    Returns
    -------
    list of int
        The numbers, none for None.

    Raises
    ------
    ValueError
        If one comes twice or is negative, or there are none.
    """
    if particles is None:
        return []
    chosen = [operator.index(particle) for particle in particles]
    if not chosen or min(chosen) < 0 or len(set(chosen)) < len(chosen):
        raise ValueError(
            f"`particles` has {len(chosen)} numbers, {len(set(chosen))} of them "
            f"different and the lowest {min(chosen, default='none')}, but must name "
            "each particle once, counted from 0; leave it out for all of them"
        )
    return chosen


def _force_type(backend: str) -> tuple[Any, type[_Potential] | None]:
    """Find the class of the force, and of what it calls; None where it is a script."""
    if backend not in BACKENDS:
        raise ValueError(
            f"`backend` is {backend!r} but must be one of "
            f"{', '.join(map(repr, BACKENDS))}"
        )
    of_torch: Any = None if backend == "openmm" else _openmm_torch()
    if hasattr(of_torch, "PythonTorchForce"):
        return of_torch.PythonTorchForce, _TensorPotential
    if backend != "openmm-torch" and hasattr(openmm, "PythonForce"):
        return openmm.PythonForce, _ArrayPotential
    if hasattr(of_torch, "TorchForce"):
        return of_torch.TorchForce, None
    if backend == "openmm-torch":
        raise ImportError(
            "`backend` is 'openmm-torch' but no openmm-torch can be imported that fits "
            "this OpenMM and this PyTorch; install it, or use 'openmm'"
        )
    raise ImportError(
        f"OpenMM {openmm.__version__} has no PythonForce, which came with 8.5; "
        "install a newer OpenMM, or openmm-torch"
    )


def _openmm_torch() -> Any:
    # Built against one torch and one OpenMM, it fails to load next to others.
    try:
        return import_module("openmmtorch")
    except (ImportError, OSError):
        return None
