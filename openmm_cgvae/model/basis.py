"""Radial basis and cutoff envelope: distances as features (appendix D)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


class RadialBasis(nn.Module):
    r"""Sine functions of a distance under a cosine envelope, and the envelope itself.

    .. math::

        R_k(d) = f(d) \frac{\sin(k \pi d / d_\mathrm{cut})}{d}, \quad
        R_0(d) = f(d), \quad
        f(d) = \tfrac{1}{2}\left(\cos(\pi d / d_\mathrm{cut}) + 1\right)

    for :math:`k = 1 \dots K`, zero beyond the cutoff. :math:`R_0` carries the bias
    of the linear filters that act on the basis, so that they vanish at the cutoff.

    Parameters
    ----------
    n_radial : int
        Number of sine functions K.
    cutoff : float
        Cutoff [A].

    References
    ----------
    Appendix D of the paper; the form is that of PaiNN (Schuett et al., 2021).

    Examples
    --------
    >>> basis = RadialBasis(n_radial=2, cutoff=4.0)
    >>> basis(torch.tensor([4.0])).abs().max().item() < 1e-6
    True
    """

    def __init__(self, n_radial: int, cutoff: float) -> None:
        super().__init__()
        self.n_radial = n_radial
        self.cutoff = cutoff
        orders = torch.arange(1, n_radial + 1, dtype=torch.get_default_dtype())
        self.register_buffer("frequencies", orders / cutoff, persistent=False)
        self.frequencies: Tensor

    @property
    def n_functions(self) -> int:
        """Number of functions, the envelope included."""
        return self.n_radial + 1

    def forward(self, distances: Float[Tensor, "*edges"]) -> Float[Tensor, "*edges k"]:
        """Evaluate the basis.

        Parameters
        ----------
        distances : Tensor, any shape
            Distances [A].

        Returns
        -------
        Tensor, shape (..., n_radial + 1)
            The functions, the envelope last.
        """
        inside = (distances < self.cutoff).to(distances.dtype)
        envelope = 0.5 * (torch.cos(distances * (math.pi / self.cutoff)) + 1) * inside
        # sin(pi f d) / d = pi f sinc(f d) is finite where beads coincide.
        scaled = torch.sinc(distances[..., None] * self.frequencies)
        waves = scaled * (math.pi * self.frequencies)
        return (
            torch.cat([waves, torch.ones_like(waves[..., :1])], -1)
            * (envelope[..., None])
        )
