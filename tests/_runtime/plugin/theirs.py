"""What a package that adds a mapping scheme and a model looks like."""

import numpy as np
import torch

from openmm_cgvae import Mapping
from openmm_cgvae.model import LinearMap


def runs(atoms, n_beads=3):
    """Cut a molecule into runs of equally many atoms."""
    beads = np.arange(len(atoms.atoms)) * n_beads // len(atoms.atoms)
    return Mapping(beads, atoms.atoms.masses)


class OutOfPlane(LinearMap):
    """The linear map, and cross products that lead out of the plane of three beads."""

    def __init__(self, config, vocabulary, molecule=None, provenance=None):
        super().__init__(config, vocabulary, molecule, provenance)
        n_corners = self.mapping.n_beads - 2
        self.lift = torch.nn.Linear(n_corners, self.mapping.n_atoms, bias=False)

    def make(self, centred_beads):
        steps = centred_beads.diff(dim=1)
        normals = torch.linalg.cross(steps[:, :-1], steps[:, 1:])
        return super().make(centred_beads) + self.lift(normals.mT).mT
