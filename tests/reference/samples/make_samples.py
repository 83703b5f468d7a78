"""Structures that each shipped model makes, kept to be compared with later ones.

    python tests/reference/samples/make_samples.py

writes samples.npz beside it: beads of one frame, and atoms of two samples and of the
most likely structure, of version 0.1.0. Made anew only where a model is trained anew.
"""

from pathlib import Path

import MDAnalysis as mda
import numpy as np

from openmm_cgvae import Backmapper, coarse_grain, list_models, load_model
from openmm_cgvae.chemistry.proteins import family_mapping
from openmm_cgvae.data import data_path
from openmm_cgvae.molecules import AtomTable

SAMPLES = Path(__file__).with_name("samples.npz")
SEED = 5


def beads_for(name):
    """One frame of the molecule of a model; chignolin where it is any protein."""
    is_for_many = name.startswith("protein-")
    molecule = "chignolin" if is_for_many else name.rpartition("-")[0]
    files = data_path(f"{molecule}.pdb"), data_path(f"{molecule}.xtc")
    atoms = mda.Universe(*map(str, files))
    if is_for_many:
        family = name.removeprefix("protein-")
        mapping = family_mapping(AtomTable.from_universe(atoms), family)
    else:
        mapping = load_model(name).mapping
    return coarse_grain(atoms, mapping)


def structures(name, beads):
    """Two samples and the most likely structure, as float32 [A]."""
    drawn = Backmapper(beads, name).sample(n=2, seed=SEED)
    likely = Backmapper(beads, name, temperature=0.0).sample(n=1, seed=SEED)
    both = [drawn.positions_angstrom, likely.positions_angstrom]
    return np.concatenate(both).astype(np.float32)


def main():
    arrays = {}
    for name in list_models():
        beads = beads_for(name)
        arrays[f"{name}/beads"] = beads.atoms.positions
        arrays[f"{name}/atoms"] = structures(name, beads)
    np.savez_compressed(SAMPLES, **arrays)


if __name__ == "__main__":
    main()
