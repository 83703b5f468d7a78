"""Go on with atoms where a coarse-grained simulation stands.

    python examples/continue_in_openmm.py            (seconds)
    python examples/continue_in_openmm.py --quick    (fewer steps)

Each state of an ensemble can make an OpenMM Simulation; its topology, positions and
box vectors are there too, for a System of your own.
"""

import argparse
from pathlib import Path

import MDAnalysis as mda
from openmm import app, unit

from openmm_cgvae import Backmapper, coarse_grain, load_model
from openmm_cgvae.data import data_path

parser = argparse.ArgumentParser(description="Go on with atoms in OpenMM.")
parser.add_argument("--output", type=Path, default=Path(), help="folder for the files")
parser.add_argument("--quick", action="store_true", help="take fewer steps")
options = parser.parse_args()
n_steps = 100 if options.quick else 5000

beads = coarse_grain(
    mda.Universe(
        str(data_path("alanine-dipeptide.pdb")), str(data_path("alanine-dipeptide.xtc"))
    ),
    load_model("alanine-dipeptide-3").mapping,
)
beads.trajectory[1000]
ensemble = Backmapper(beads).sample(n=5, seed=0)

# Generated atoms are near a minimum of the energy, but not in it. This goes there
# while springs hold the beads; the table says what it took.
relaxation = ensemble.relax()
print(relaxation)

# The road for most: a Simulation with Amber99SB-ILDN in implicit solvent. Other force
# fields go in by name, such as ["charmm36_2024.xml"], or as a System.
state = relaxation.ensemble[0]
simulation = state.simulation(temperature=300)
simulation.reporters.append(
    app.XTCReporter(str(options.output / "continued.xtc"), n_steps // 10)
)
simulation.step(n_steps)
energy = simulation.context.getState(energy=True).getPotentialEnergy()
print(f"after {n_steps} steps: {energy.in_units_of(unit.kilojoule_per_mole)}")

# The road for those who know what they want: a Modeller, to add solvent or hydrogens
# of another force field, and then whatever OpenMM can do.
modeller = state.modeller()
print(modeller.topology)

# And to a file, for any other program.
state.write(options.output / "continued.pdb")
