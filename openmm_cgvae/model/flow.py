"""Coupling flow: a prior of the latents that is not one Gaussian bump."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from openmm_cgvae.model.config import ModelConfig
from openmm_cgvae.model.gaussian import Gaussian
from openmm_cgvae.model.layers.messages import InvariantMessage, mlp
from openmm_cgvae.model.layers.neighbour_sums import Neighbourhood

__all__ = ["Coupling", "FlowDistribution"]

LARGEST_LOG_SCALE = 2.0  # of one layer; keeps the inverse well conditioned


class Coupling(nn.Module):
    """One invertible layer: half of the latents moves as the other half says.

    How far depends on the unmoved latents of the bead and, by one round of
    messages, of its neighbours, and on what the prior knows of the bead.

    Parameters
    ----------
    config : ModelConfig
        Sizes.
    n_functions : int
        Radial functions of the bead graph.
    moves_first : bool
        Which half moves.
    """

    def __init__(
        self, config: ModelConfig, n_functions: int, *, moves_first: bool
    ) -> None:
        super().__init__()
        n_channels, n_latents = config.n_channels, config.latents_of_bead
        self.moves_first = moves_first
        self.n_first = n_latents // 2
        n_moved = self.n_first if moves_first else n_latents - self.n_first
        self.entry = nn.Linear(n_channels + n_latents - n_moved, n_channels)
        self.message = InvariantMessage(
            n_channels, n_functions, "sender", config.bead_degree
        )
        self.exit = mlp(n_channels, n_channels, 2 * n_moved)
        # The flow starts as the identity.
        last = self.exit[-1]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(
        self, latents: Tensor, features: Tensor, edges: Neighbourhood
    ) -> tuple[Tensor, Tensor]:
        """Compute latents one layer nearer to the Gaussian; also log det by bead."""
        kept, moved = self._halves(latents)
        log_scale, shift = self._motion(kept, features, edges)
        moved = (moved - shift) * torch.exp(-log_scale)
        return self._joined(kept, moved), -log_scale.sum(-1)

    def inverse(
        self, latents: Tensor, features: Tensor, edges: Neighbourhood
    ) -> Tensor:
        """Compute latents one layer farther from the Gaussian."""
        kept, moved = self._halves(latents)
        log_scale, shift = self._motion(kept, features, edges)
        return self._joined(kept, moved * torch.exp(log_scale) + shift)

    def _motion(
        self, kept: Tensor, features: Tensor, edges: Neighbourhood
    ) -> tuple[Tensor, Tensor]:
        hidden = torch.nn.functional.silu(self.entry(torch.cat([kept, features], -1)))
        hidden = hidden + self.message(edges, hidden)
        raw, shift = self.exit(hidden).chunk(2, -1)
        return LARGEST_LOG_SCALE * torch.tanh(raw / LARGEST_LOG_SCALE), shift

    def _halves(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        first, second = latents.tensor_split([self.n_first], -1)
        return (second, first) if self.moves_first else (first, second)

    def _joined(self, kept: Tensor, moved: Tensor) -> Tensor:
        halves = (moved, kept) if self.moves_first else (kept, moved)
        return torch.cat(halves, -1)


@dataclass(frozen=True, eq=False)
class FlowDistribution:
    """The distribution of latents that a flow makes from a Gaussian.

    Parameters
    ----------
    base : Gaussian
        The Gaussian.
    layers : sequence of Coupling
        From the latents to the Gaussian.
    features : Tensor, shape (n_beads, n_channels)
        What the prior knows of every bead.
    edges : Neighbourhood
        The bead graph.
    """

    base: Gaussian
    layers: Sequence[Coupling]
    features: Float[Tensor, "n_beads n_channels"]
    edges: Neighbourhood

    def draw(self, noise: Float[Tensor, "n_beads n_latents"]) -> Tensor:
        """Compute a sample from standard normal noise."""
        latents = self.base.draw(noise)
        for layer in reversed(self.layers):
            latents = layer.inverse(latents, self.features, self.edges)
        return latents

    def log_density(
        self, latents: Float[Tensor, "n_beads n_latents"]
    ) -> Float[Tensor, " n_beads"]:
        """Compute the logarithm of the density of the latents, bead by bead."""
        total = latents.new_zeros(len(latents))
        for layer in self.layers:
            latents, log_det = layer(latents, self.features, self.edges)
            total = total + log_det
        return total + self.base.log_density(latents)
