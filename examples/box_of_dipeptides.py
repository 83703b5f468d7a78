"""Make a box of a hundred molecules from one frame of beads.

    python examples/box_of_dipeptides.py          (a minute)
    python examples/box_of_dipeptides.py --quick  (seconds; eight molecules, hot start)

Simulates a periodic box of alanine dipeptides with atoms, keeps the beads of its last
frame, makes atoms of them again, and compares both after minimisation with the beads
held. Of eight structures of each molecule those are taken that go together best.
"""

import argparse
from pathlib import Path

import MDAnalysis as mda
import numpy as np

from openmm_cgvae import AtomisticEnsemble, Backmapper, coarse_grain, load_model
from openmm_cgvae.data import data_path
from openmm_cgvae.mapping.replicas import repeat
from openmm_cgvae.metrics import intermolecular_contacts

FORCEFIELD = "amber99sbildn.xml"  # without implicit solvent: the box is full
SPACING = 7.5  # [A]
TEMPERATURE = 350  # [K]
N_REFERENCES = 3
COLLISION = 1.5  # [A]

parser = argparse.ArgumentParser(description="Backmap a box of a hundred dipeptides.")
parser.add_argument("--output", type=Path, default=Path(), help="folder for the files")
parser.add_argument("--quick", action="store_true", help="take eight molecules")
options = parser.parse_args()
shape = (2, 2, 2) if options.quick else (5, 5, 4)
n_steps = 60 if options.quick else 2000  # between frames of the reference, 2 fs each
n_first_steps = 0 if options.quick else 4000
n_molecules = int(np.prod(shape))

# The reference: molecules on a grid, minimised and simulated. Yours may be a box of
# beads from any coarse-grained simulation. Nothing is held at the start: molecules on
# a grid overlap, and beads held in such places would turn amides over.
model = load_model("alanine-dipeptide-3")
molecule = mda.Universe(
    str(data_path("alanine-dipeptide.pdb")), str(data_path("alanine-dipeptide.xtc"))
)
places = np.indices(shape).reshape(3, -1).T * SPACING
stride = molecule.trajectory.n_frames // n_molecules
grid = np.concatenate(
    [
        molecule.atoms.positions - molecule.atoms.center_of_geometry() + place
        for place, _ in zip(places, molecule.trajectory[::stride], strict=False)
    ]
)
box = np.array([*np.array(shape) * SPACING, 90, 90, 90])
table = repeat(model.atom_table, n_molecules)
mapping = repeat(model.mapping, n_molecules)
start = AtomisticEnsemble(table, grid[None], box=box).relax(FORCEFIELD, soft_start=True)
simulation = start.ensemble[0].simulation(
    FORCEFIELD, temperature=TEMPERATURE, minimise=False
)
simulation.step(n_first_steps)
frames = []
for _ in range(N_REFERENCES):
    simulation.step(n_steps)
    state = simulation.context.getState(positions=True)
    frames.append(state.getPositions(asNumpy=True)._value * 10)
reference = AtomisticEnsemble(table, frames, mapping, box=box)

# Only the beads of the last frame go on from here, cut by the box as a coarse-grained
# program may do. The model is found by them.
beads = coarse_grain(reference[-1:].to_universe(), mapping)
beads.transfer_to_memory()
beads.atoms.wrap()
backmapper = Backmapper(beads)
print(backmapper)


def n_collisions(ensemble: AtomisticEnsemble) -> int:
    """Count pairs of atoms of different molecules on top of each other."""
    return len(
        intermolecular_contacts(ensemble.positions_angstrom[0], 22, box, COLLISION)
    )


# Molecules are made one by one, so some collide; fewer if there is a choice. Relaxing
# resolves the rest in the periodic box, with the beads held.
for candidates in (1, 8):
    ensemble = backmapper.sample(seed=0, candidates=candidates)
    print(f"of {candidates}: {n_collisions(ensemble)} collisions", end=", ")
    relaxation = ensemble.relax(FORCEFIELD, soft_start=True)
    energy = relaxation.energy_after[0] / n_molecules
    print(f"after relaxing {n_collisions(relaxation.ensemble)}", end=", ")
    print(f"{energy:.1f} kJ/mol per molecule")
relaxed = relaxation.ensemble
report = relaxed.report()
references = reference.relax(FORCEFIELD).energy_after / n_molecules
print("frames of the reference, relaxed alike:", references.round(1))
difference = energy / references.mean() - 1
print(f"off by {abs(difference):.1%} of their mean", end=", ")
print(f"{abs(energy / references[-1] - 1):.1%} of the frame the beads are from")
print(report)

relaxed.write(options.output / "box.pdb")
relaxed.write(options.output / "box.top", FORCEFIELD)  # and box.gro, for GROMACS
