"""Radial basis and cutoff envelope: distances as features (appendix D)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["RadialBasis"]


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
        Cutoff [Å].

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

    @property
    def n_functions(self) -> int:
        """Number of functions, the envelope included."""
        return self.n_radial + 1

    def forward(
        self, distances: Float[Tensor, "*edges"], axis: int = -1
    ) -> Float[Tensor, "..."]:
        """Evaluate the basis.

        Parameters
        ----------
        distances : Tensor, any shape
            Distances [Å].
        axis : int
            Where the axis of the functions goes.

        Returns
        -------
        Tensor, shape (..., n_radial + 1)
            The functions, the envelope last.
        """
        angle = distances * (math.pi / self.cutoff)
        cosine = torch.cos(angle)
        envelope = 0.5 * (cosine + 1) * (distances < self.cutoff)
        # sin(k x) = 2 cos(x) sin((k - 1) x) - sin((k - 2) x): one sine for all of them,
        # and sin(x) / x is finite where beads coincide.
        twice = 2 * cosine
        wave = envelope * torch.sinc(distances / self.cutoff) * (math.pi / self.cutoff)
        waves = [wave, twice * wave]
        while len(waves) < self.n_radial:
            waves.append(torch.addcmul(-waves[-2], twice, waves[-1]))
        return torch.stack([*waves[: self.n_radial], envelope], axis)
