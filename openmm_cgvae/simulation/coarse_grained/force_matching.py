"""Fitting a potential to forces on beads."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from openmm_cgvae.molecules.block_split import block_split
from openmm_cgvae.structures.openmm_bridge.units import NM_PER_ANGSTROM

__all__ = ["BATCH_SIZE", "LEARNING_RATE", "MatchingLog", "match_forces"]

BATCH_SIZE = 512
LEARNING_RATE = 5.0e-3
_WEIGHT_DECAY = 1.0e-4


@dataclass(frozen=True, kw_only=True)
class MatchingLog:
    """What force matching came to.

    Parameters
    ----------
    train, validation : ndarray, shape (n_epochs,)
        Root mean square of what is left of the force on a bead [kJ/mol/nm]. Most of
        it is noise that no potential can follow; what counts is the fall.
    """

    train: np.ndarray
    validation: np.ndarray


def match_forces(
    potential: nn.Module,
    bead_positions: npt.ArrayLike,
    bead_forces: npt.ArrayLike,
    *,
    n_epochs: int = 30,
    seed: int = 0,
) -> MatchingLog:
    """Fit a potential to the forces on beads; the weights are changed in place.

    Every fifth block of time is held out, and the weights that do best there kept.

    Parameters
    ----------
    potential : torch.nn.Module
        As for `cg_force`; it takes several molecules one after the other.
    bead_positions : array_like, shape (n_frames, n_beads, 3)
        Beads [Å].
    bead_forces : array_like, shape (n_frames, n_beads, 3)
        Forces on them [kJ/mol/nm], see `map_forces`.
    n_epochs : int
        Passes over the frames.
    seed : int
        Of the order of the frames.

    Returns
    -------
    MatchingLog
        How the error fell.
    """
    dtype = next(potential.parameters()).dtype
    places = torch.as_tensor(np.asarray(bead_positions), dtype=dtype) * NM_PER_ANGSTROM
    forces = torch.as_tensor(np.asarray(bead_forces), dtype=dtype)
    if places.shape != forces.shape:
        raise ValueError(
            f"`bead_forces` has shape {tuple(forces.shape)} but `bead_positions` "
            f"{tuple(places.shape)}; give one force for every bead of every frame"
        )
    split = block_split(len(places))
    held_out = torch.from_numpy(np.concatenate([split.validation, split.test]))
    train = torch.from_numpy(split.train)
    trained = [weight for weight in potential.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    n_steps = n_epochs * -(-len(train) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
    generator = torch.Generator().manual_seed(seed)
    errors: list[tuple[float, float]] = []
    best: dict[str, Tensor] = {}
    for _ in range(n_epochs):
        sums = 0.0
        for batch in train[torch.randperm(len(train), generator=generator)].split(
            BATCH_SIZE
        ):
            optimiser.zero_grad()
            loss = _mismatch(potential, places[batch], forces[batch], learns=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            sums += loss.item() * len(batch)
        after = _mismatch(potential, places[held_out], forces[held_out], learns=False)
        errors.append((sums / len(train), after.item()))
        if after.item() <= min(error for _, error in errors):
            best = {k: v.clone() for k, v in potential.state_dict().items()}
    potential.load_state_dict(best)
    return MatchingLog(
        train=np.sqrt([error for error, _ in errors]),
        validation=np.sqrt([error for _, error in errors]),
    )


def _mismatch(
    potential: nn.Module, places: Tensor, forces: Tensor, *, learns: bool
) -> Tensor:
    """Mean square of the vector left of the force on a bead [(kJ/mol/nm)^2]."""
    places = places.detach().requires_grad_()
    energy = potential(places.flatten(0, 1), None)
    (gradient,) = torch.autograd.grad(energy, places, create_graph=learns)
    return (gradient + forces).square().sum(-1).mean()
