"""Make atoms from every frame of a trajectory of beads.

    python examples/backmap_a_trajectory.py          (a minute)
    python examples/backmap_a_trajectory.py --quick  (seconds)

Writes atoms.pdb, one structure, to be opened together with atoms.xtc, all of them.
"""

import argparse
from pathlib import Path

import MDAnalysis as mda
import numpy as np

from openmm_cgvae import Backmapper, coarse_grain, load_model
from openmm_cgvae.data import data_path

N_SAMPLES = 2  # of each frame

parser = argparse.ArgumentParser(description="Make atoms from a trajectory of beads.")
parser.add_argument("--output", type=Path, default=Path(), help="folder for the files")
parser.add_argument("--quick", action="store_true", help="take fewer frames")
options = parser.parse_args()

# The beads. Yours are read with mda.Universe("beads.pdb", "beads.xtc"); if a universe
# holds more than one molecule, give the Backmapper a group of the beads of one.
model = load_model("alanine-dipeptide-3")
beads = coarse_grain(
    mda.Universe(
        str(data_path("alanine-dipeptide.pdb")), str(data_path("alanine-dipeptide.xtc"))
    ),
    model.mapping,
)

# The names of beads and residues tell which of the models that ship with the package
# to use; `model=` takes another, such as one of your own.
backmapper = Backmapper(beads)
print(backmapper)

# One frame, to look at. The report says what is wrong with the samples, if anything.
beads.trajectory[1000]
ensemble = backmapper.sample(n=10, seed=0)
ensemble[0].write(options.output / "atoms.pdb")
print(ensemble.report())

# All frames, or a slice of them. Frames are written as they are made, so a long
# trajectory takes no more memory than a short one.
step = 1000 if options.quick else 10
backmapper.run(
    step=step, n=N_SAMPLES, output=options.output / "atoms.xtc", progress=False
)

# Every structure has exactly the beads it was made from.
atoms = mda.Universe(
    str(options.output / "atoms.pdb"), str(options.output / "atoms.xtc")
)
beads.trajectory[step]
for sample in range(N_SAMPLES):
    atoms.trajectory[N_SAMPLES + sample]
    made = model.mapping.project(atoms.atoms.positions)
    furthest = np.abs(made - beads.atoms.positions).max()
    print(f"sample {sample} of frame {step}: beads within {furthest:.3f} A")
