"""Train a model for beads of your own choice, and see how good it is.

    python examples/train_your_own.py                (about two minutes)
    python examples/train_your_own.py --quick        (seconds; only to see it run)

Replace the two data files by your topology and trajectory. The topology has to tell
elements and bonds (a PDB file with CONECT records, a PSF, a TPR, ...).
"""

import argparse
from pathlib import Path

import MDAnalysis as mda

from openmm_cgvae import coarse_grain, evaluate, save_model, train
from openmm_cgvae.data import data_path
from openmm_cgvae.mapping.schemes import selections
from openmm_cgvae.molecules.frames import Frames

parser = argparse.ArgumentParser(description="Train a model for your own beads.")
parser.add_argument("--output", type=Path, default=Path(), help="folder for the files")
parser.add_argument("--quick", action="store_true", help="train next to nothing")
options = parser.parse_args()

atoms = mda.Universe(
    str(data_path("alanine-dipeptide.pdb")), str(data_path("alanine-dipeptide.xtc"))
)

# A bead for each of these selections in each residue: here a bead for either cap, one
# for the backbone of the alanine and one for its side chain. Every atom must be in
# exactly one selection; a sentence says which is not.
mapping = selections(
    atoms,
    {
        "CAP": "resname ACE NME",
        "BB": "resname ALA and not name CB HB*",
        "SC": "resname ALA and name CB HB*",
    },
)
for bead, name in enumerate(mapping.bead_names):
    print(bead, name, *atoms.atoms.names[mapping.atoms_of_bead(bead)])

# Blocks of time are held out, so that the numbers below are about structures the
# model has never seen. A real model takes every frame and the preset as it is.
frames = Frames.from_universe(atoms, step=100 if options.quick else 10)
smaller = {"n_channels": 16, "prior_layers": 1, "decoder_layers": 1}
model = train(
    atoms,
    mapping,
    frames=frames,
    model_options=smaller if options.quick else {},
    training_options={
        "n_epochs": 1 if options.quick else 50,
        "fine_tuning_epochs": 1 if options.quick else 5,
    },
)
save_model(model, options.output / "mine.cgvae")
print(evaluate(model, frames, n_frames=20 if options.quick else 200, n_samples=8))

# The beads to make atoms from: frames of a coarse-grained simulation, say. These come
# from the atoms. `openmm-cgvae sample --model mine.cgvae` reads them from a file, and
# examples/backmap_a_trajectory.py shows what follows.
beads = coarse_grain(atoms, mapping)
print(beads, "with names", *beads.atoms.names)
