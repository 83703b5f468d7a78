"""A small potential of beads, bounded by springs."""

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor, nn

from openmm_cgvae.structures.openmm_bridge.units import NM_PER_ANGSTROM

__all__ = [
    "BeadPotential",
    "HarmonicPrior",
    "PairDistances",
    "TorsionSeries",
    "torsions",
]

_MOLAR_GAS_CONSTANT = 0.00831446261815324  # kJ/mol/K
# Springs of the prior join beads at most so far apart in the chain.
_PRIOR_REACH = 2
# Keeps the sine and cosine of a torsion finite where three beads are in line [nm^4].
_SMALLEST_AREA = 1.0e-8


class PairDistances(nn.Module):
    """Distances between beads, in standard deviations from their means.

    Parameters
    ----------
    bead_positions : array_like, shape (n_frames, n_beads, 3)
        Beads of a trajectory, which gives the means and deviations [Å].
    reach : int, optional
        Only pairs at most so many beads apart in their order; by default all.
    """

    pairs: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, bead_positions: npt.ArrayLike, reach: int | None = None) -> None:
        super().__init__()
        beads = torch.as_tensor(np.asarray(bead_positions), dtype=torch.float64)
        n_beads = beads.shape[1]
        pairs = torch.triu_indices(n_beads, n_beads, 1)
        self.register_buffer(
            "pairs", pairs[:, pairs.diff(dim=0)[0] <= (reach or n_beads)]
        )
        distances = self._distances(beads * NM_PER_ANGSTROM)
        dtype = torch.get_default_dtype()
        self.register_buffer("mean", distances.mean(0).to(dtype))
        self.register_buffer("deviation", distances.std(0, correction=0).to(dtype))

    def forward(
        self, positions: Float[Tensor, "n_frames n_beads 3"]
    ) -> Float[Tensor, "n_frames n_pairs"]:
        """Compute the distances of all pairs; positions are in nm."""
        return (self._distances(positions) - self.mean) / self.deviation

    def _distances(
        self, positions: Float[Tensor, "n_frames n_beads 3"]
    ) -> Float[Tensor, "n_frames n_pairs"]:
        i, j = self.pairs
        return (positions[:, i] - positions[:, j]).norm(dim=-1)


class HarmonicPrior(nn.Module):
    r"""Springs along a chain of beads, as stiff as the data say.

    .. math:: E = \sum_{IJ} \frac{k_B T}{2 \sigma_{IJ}^2} (d_{IJ} - \mu_{IJ})^2

    over neighbours and next neighbours, with mean and standard deviation of their
    distance. It grows without end where there are no data, so what is learned on top
    cannot tear the molecule apart.

    Parameters
    ----------
    bead_positions : array_like, shape (n_frames, n_beads, 3)
        Beads of a trajectory, in the order of the chain [Å].
    temperature : float
        Its temperature [K].

    Examples
    --------
    >>> beads = np.array([[[0.0, 0, 0], [3.0, 0, 0]], [[0.0, 0, 0], [5.0, 0, 0]]])
    >>> prior = HarmonicPrior(beads, temperature=300.0)
    >>> round(float(prior(torch.tensor([[0.0, 0, 0], [0.5, 0, 0]]))), 4)
    1.2472
    """

    def __init__(self, bead_positions: npt.ArrayLike, temperature: float) -> None:
        super().__init__()
        self.n_beads = np.shape(bead_positions)[1]
        self.kt = _MOLAR_GAS_CONSTANT * temperature
        self.springs = PairDistances(bead_positions, _PRIOR_REACH)

    def forward(
        self,
        positions: Float[Tensor, "n_particles 3"],
        box: Tensor | None = None,  # noqa: ARG002 - what cg_force hands over
    ) -> Float[Tensor, ""]:
        """Compute the energy of all copies of the chain [kJ/mol], positions in nm."""
        beads = positions.reshape(-1, self.n_beads, 3)
        return 0.5 * self.kt * self.springs(beads).square().sum()


class TorsionSeries(nn.Module):
    r"""A Fourier series in torsions that follow each other along a chain.

    .. math:: E = k_B T \sum_{k} c_k f_k(\phi_j, \phi_{j+1})

    over all products of a sine or cosine of a multiple of one torsion with one of the
    next. All coefficients are zero at first; see `match_means`.

    Parameters
    ----------
    n_beads : int
        Beads of the chain, five or more, or four for one torsion alone.
    temperature : float
        Temperature [K].
    order : int
        Highest multiple of an angle.
    """

    coefficients: Tensor

    def __init__(self, n_beads: int, temperature: float, order: int = 3) -> None:
        super().__init__()
        self.n_beads, self.order = n_beads, order
        self.kt = _MOLAR_GAS_CONSTANT * temperature
        n_functions = 2 * order + 1
        n_pairs, n_each = n_beads - 4, n_functions**2 - 1
        if n_beads == 4:
            n_pairs, n_each = 1, n_functions - 1
        self.register_buffer("coefficients", torch.zeros(n_pairs * n_each))

    def features(
        self, beads: Float[Tensor, "n_frames n_beads 3"]
    ) -> Float[Tensor, "n_frames n_features"]:
        """Compute the terms, without their coefficients; positions in any unit."""
        sine, cosine = torsions(beads).chunk(2, dim=-1)
        turn = torch.complex(cosine, sine)
        powers = [turn**k for k in range(1, self.order + 1)]
        parts = [part for power in powers for part in (power.real, power.imag)]
        functions = torch.stack([torch.ones_like(sine), *parts], dim=-1)
        if self.n_beads == 4:
            return functions[:, 0, 1:]
        products = functions[:, :-1, :, None] * functions[:, 1:, None, :]
        return products.flatten(2)[:, :, 1:].flatten(1)

    def forward(
        self,
        positions: Float[Tensor, "n_particles 3"],
        box: Tensor | None = None,  # noqa: ARG002 - what cg_force hands over
    ) -> Float[Tensor, ""]:
        """Compute the energy of all copies of the chain [kJ/mol], positions in nm."""
        beads = positions.reshape(-1, self.n_beads, 3)
        return self.kt * (self.features(beads) @ self.coefficients).sum()


class BeadPotential(nn.Module):
    """A potential for the beads of a small chain molecule.

    Springs, see `HarmonicPrior`, and a small network that sees all distances between
    beads and the sine and cosine of the torsions of the chain, in the order of the
    beads. Distances alone would make no difference between a structure and its
    mirror image. A `TorsionSeries` is added, for `match_means` to change.

    Parameters
    ----------
    bead_positions : array_like, shape (n_frames, n_beads, 3)
        Beads of a trajectory, four or more [Å].
    temperature : float
        Its temperature [K].
    n_hidden : int
        Width of the network.

    Raises
    ------
    ValueError
        If there are less than four beads.

    Notes
    -----
    As a module for `cg_force` it takes any number of copies of the molecule, one
    after the other, which do not see each other. There is no box.
    """

    def __init__(
        self, bead_positions: npt.ArrayLike, temperature: float, n_hidden: int = 64
    ) -> None:
        super().__init__()
        self.n_beads = np.shape(bead_positions)[1]
        if self.n_beads < 4:
            raise ValueError(
                f"`bead_positions` has {self.n_beads} beads but must have 4 or more, "
                "to have a torsion; use HarmonicPrior alone"
            )
        self.prior = HarmonicPrior(bead_positions, temperature)
        self.series = TorsionSeries(self.n_beads, temperature)
        self.distances = PairDistances(bead_positions)
        n_features = len(self.distances.mean) + 2 * (self.n_beads - 3)
        self.network = nn.Sequential(
            nn.Linear(n_features, n_hidden),
            nn.SiLU(),
            nn.Linear(n_hidden, n_hidden),
            nn.SiLU(),
            nn.Linear(n_hidden, 1),
        )

    def forward(
        self, positions: Float[Tensor, "n_particles 3"], box: Tensor | None = None
    ) -> Float[Tensor, ""]:
        """Compute the energy of all copies of the molecule.

        Parameters
        ----------
        positions : Tensor, shape (n_copies * n_beads, 3)
            Beads [nm].
        box : Tensor, optional
            Not looked at.

        Returns
        -------
        Tensor, shape ()
            Energy [kJ/mol].
        """
        beads = positions.reshape(-1, self.n_beads, 3)
        features = torch.cat([self.distances(beads), torsions(beads)], dim=-1)
        learned = self.prior.kt * self.network(features).sum()
        return self.prior(positions, box) + self.series(positions, box) + learned


def torsions(
    positions: Float[Tensor, "n_frames n_beads 3"],
) -> Float[Tensor, "n_frames n_features"]:
    """Compute the sines, then the cosines, of the torsions along a chain of beads.

    Parameters
    ----------
    positions : Tensor, shape (n_frames, n_beads, 3)
        Beads.

    Returns
    -------
    Tensor, shape (n_frames, 2 * (n_beads - 3))
        Of the torsion of beads 0 to 3, 1 to 4 and so on; IUPAC's sign.
    """
    bonds = positions.diff(dim=1)
    normals = torch.linalg.cross(bonds[:, :-1], bonds[:, 1:])
    before, after = normals[:, :-1], normals[:, 1:]
    axis = bonds[:, 1:-1]
    areas = (before.norm(dim=-1) * after.norm(dim=-1)).clamp_min(_SMALLEST_AREA)
    sine = (torch.linalg.cross(before, after) * axis).sum(-1) / axis.norm(dim=-1)
    features = torch.cat([sine, (before * after).sum(-1)], dim=-1)
    return features / areas.repeat(1, 2)
