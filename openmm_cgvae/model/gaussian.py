"""Gaussian: a diagonal normal distribution and the head that makes one."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from openmm_cgvae.model.layers.messages import mlp

__all__ = ["Gaussian", "GaussianHead"]

SMALLEST_STD = 1e-6


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A diagonal normal distribution.

    Parameters
    ----------
    mean, std : Tensor, shape (n_beads, n_latents)
        Mean and standard deviation.
    """

    mean: Float[Tensor, "n_beads n_latents"]
    std: Float[Tensor, "n_beads n_latents"]

    def draw(self, noise: Float[Tensor, "n_beads n_latents"]) -> Tensor:
        """Compute a sample from standard normal noise."""
        return self.mean + self.std * noise

    def log_density(
        self, latents: Float[Tensor, "n_beads n_latents"]
    ) -> Float[Tensor, " n_beads"]:
        """Compute the logarithm of the density of latents, summed over channels."""
        scaled = (latents - self.mean) / self.std
        constant = 0.5 * math.log(2 * math.pi)
        return (-0.5 * scaled**2 - torch.log(self.std) - constant).sum(-1)


class GaussianHead(nn.Module):
    """Two networks that give mean and standard deviation from features.

    Parameters
    ----------
    n_channels, n_latents : int
        Hidden features and latents out.
    n_inputs : int, optional
        Features in; as many as are hidden by default.
    """

    def __init__(
        self, n_channels: int, n_latents: int, n_inputs: int | None = None
    ) -> None:
        super().__init__()
        n_inputs = n_channels if n_inputs is None else n_inputs
        self.mean = mlp(n_inputs, n_channels, n_latents)
        self.log_variance = mlp(n_inputs, n_channels, n_latents)

    def forward(self, features: Float[Tensor, "n_beads n_inputs"]) -> Gaussian:
        """Compute the distribution."""
        std = SMALLEST_STD + torch.exp(0.5 * self.log_variance(features))
        return Gaussian(self.mean(features), std)
