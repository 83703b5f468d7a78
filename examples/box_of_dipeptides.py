"""Make a box of a hundred molecules from one frame of beads.

    python examples/box_of_dipeptides.py          (two minutes)
    python examples/box_of_dipeptides.py --quick  (seconds; eight molecules, hot start)

Simulates a periodic box of alanine dipeptides with atoms, keeps the beads of its last
frame, makes atoms of them again, and compares both after minimisation.
"""

import argparse
from pathlib import Path

import MDAnalysis as mda
import numpy as np

from openmm_cgvae import AtomisticEnsemble, Backmapper, coarse_grain, load_model
from openmm_cgvae.data import data_path
from openmm_cgvae.molecules import intermolecular_contacts, repeat

FORCEFIELD = "amber99sbildn.xml"  # without implicit solvent: the box is full
SPACING = 7.5  # [A]
TEMPERATURE = 350  # [K]
COLLISION = 1.5  # [A]

parser = argparse.ArgumentParser(description="Backmap a box of a hundred dipeptides.")
parser.add_argument("--output", type=Path, default=Path(), help="folder for the files")
parser.add_argument("--quick", action="store_true", help="take eight molecules")
options = parser.parse_args()
shape = (2, 2, 2) if options.quick else (5, 5, 4)
n_steps = 200 if options.quick else 4000
n_molecules = int(np.prod(shape))

# The reference: molecules on a grid, minimised and simulated. Yours may be a box of
# beads from any coarse-grained simulation.
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
table, mapping = (
    repeat(model.atom_table, n_molecules),
    repeat(model.mapping, n_molecules),
)
start = AtomisticEnsemble(table, grid[None], mapping, box=box)
simulation = (
    start.relax(FORCEFIELD).ensemble[0].simulation(FORCEFIELD, temperature=TEMPERATURE)
)
simulation.step(n_steps)
positions = simulation.context.getState(positions=True).getPositions(asNumpy=True)
reference = AtomisticEnsemble(table, positions._value[None] * 10, mapping, box=box)

# Only the beads go on from here, cut by the box as a coarse-grained program may do.
beads = coarse_grain(reference.to_universe(), mapping)
beads.transfer_to_memory()
beads.atoms.wrap()
backmapper = Backmapper(beads, model)
ensemble = backmapper.sample(n=1, seed=0)
print(backmapper)


def n_collisions(positions: np.ndarray) -> int:
    """Count pairs of atoms of different molecules on top of each other."""
    return len(intermolecular_contacts(positions, 22, box, COLLISION))


# Molecules are made one by one, so some collide; relaxing resolves it in the box, with
# the beads held.
relaxation = ensemble.relax(FORCEFIELD, soft_start=True)
relaxed = relaxation.ensemble
print(f"collisions {n_collisions(ensemble.positions_angstrom[0])}", end=", ")
print(f"after relaxing {n_collisions(relaxed.positions_angstrom[0])}")
energies = [
    each.energy_after[0] / n_molecules
    for each in (relaxation, reference.relax(FORCEFIELD))
]
print("energy per molecule {:.1f} kJ/mol, reference {:.1f}".format(*energies))
print(f"off by {abs(energies[0] / energies[1] - 1):.1%}")
print(relaxed.report())

relaxed.write(options.output / "box.pdb")
relaxed.write(options.output / "box.top", FORCEFIELD)  # and box.gro, for GROMACS
