"""Many dipeptides in one universe, as atoms and as beads."""

import MDAnalysis as mda
import numpy as np
from scipy.spatial.transform import Rotation

from openmm_cgvae.testing import dipeptide

SAME = 1e-4  # [Å], decoded with others; beads are float32
TRICLINIC = np.array([40, 42, 44, 70, 80, 100], dtype=np.float32)
NAMES = [("ACE", "RES"), ("ALA", "RES"), ("NME", "RES")]
SPACING = 9.0  # [Å]


def scattered(k, mapping, spacing=SPACING):
    """Atoms of k dipeptides on a cubic grid, turned at random, [k, 22, 3]."""
    n_side = int(np.ceil(k ** (1 / 3)))
    places = np.indices((n_side,) * 3).reshape(3, -1).T[:k] * spacing
    frames = dipeptide.positions()
    turned = [
        Rotation.random(random_state=m).apply(
            frames[m % len(frames)] - frames[m % len(frames)].mean(0)
        )
        for m in range(k)
    ]
    atoms = np.array(turned) + places[:, None]
    return atoms, mapping.project(atoms)


def universe_of(beads, names=NAMES, box=None):
    """Beads [n_molecules, n_beads, 3] as a universe of one frame."""
    flat = np.asarray(beads, dtype=np.float32).reshape(1, -1, 3)
    n_beads = flat.shape[1]
    names = [*names] * (n_beads // len(names))
    universe = mda.Universe.empty(n_beads, n_beads, atom_resindex=range(n_beads))
    universe.add_TopologyAttr("resnames", [residue for residue, _ in names])
    universe.add_TopologyAttr("names", [bead for _, bead in names])
    universe.load_new(flat, dimensions=box)
    return universe
