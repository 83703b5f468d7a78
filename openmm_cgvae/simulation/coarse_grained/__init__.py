r"""Coarse-grained potentials learned from atomistic forces.

The potential of mean force of the beads has the gradient

.. math:: -\nabla_I W(X) = \langle F_I(x) \rangle_{M x = X},

so a potential whose forces are nearest to the mapped forces :math:`F_I`, in the
least-squares sense over an equilibrium trajectory, tends to it as the data grow
(Noid et al., J. Chem. Phys. 128, 244114, 2008).
"""

from openmm_cgvae.simulation.coarse_grained.force_matching import (
    MatchingLog,
    match_forces,
)
from openmm_cgvae.simulation.coarse_grained.mapped_forces import (
    atomistic_forces,
    force_map,
    map_forces,
)
from openmm_cgvae.simulation.coarse_grained.mean_matching import match_means
from openmm_cgvae.simulation.coarse_grained.potential import (
    BeadPotential,
    HarmonicPrior,
    PairDistances,
    TorsionSeries,
    torsions,
)

__all__ = [
    "BeadPotential",
    "HarmonicPrior",
    "MatchingLog",
    "PairDistances",
    "TorsionSeries",
    "atomistic_forces",
    "force_map",
    "map_forces",
    "match_forces",
    "match_means",
    "torsions",
]
