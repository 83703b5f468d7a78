"""A molecule that is no peptide: from its SMILES to atoms from beads.

    python examples/small_molecule.py            (two minutes of one core)
    python examples/small_molecule.py --quick    (to see that it runs)

Two units of poly(propylene oxide), 29 atoms with two stereocentres. RDKit builds it and
knows its MMFF94 force field, whose terms OpenMM takes over one by one; the energies of
both are compared. The molecule is simulated and cut into a bead for every three heavy
atoms, and a model learns to make its atoms again.
"""

import argparse
from itertools import combinations, product
from pathlib import Path

import MDAnalysis as mda
import networkx as nx
import numpy as np
import openmm
from matplotlib.figure import Figure
from openmm import unit
from rdkit import Chem
from rdkit.Chem import AllChem
from rdkit.Chem import rdForceFieldHelpers as mmff
from tqdm import trange

from openmm_cgvae import Backmapper, Mapping, coarse_grain, evaluate, save_model, train
from openmm_cgvae.evaluation.evaluation import held_out_frames
from openmm_cgvae.metrics import dihedral_angles
from openmm_cgvae.molecules.frames import Frames

SMILES = "COC[C@H](C)OC[C@H](C)OC"
BEAD_OF_HEAVY_ATOM = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
TORSIONS = {"C-C-O-C": [2, 3, 5, 6], "O-C-C-O": [5, 6, 7, 9]}
TEMPERATURE = 500.0  # K, so that a short simulation crosses all barriers
# MMFF94 (T. A. Halgren, J. Comput. Chem. 17, 490, 1996) in kJ/mol. Parameters are in
# Angstrom, degrees and kcal/mol as printed there; OpenMM has r in nm, theta in radians.
STRETCH = "4.184*71.96625*k*d^2*(1 - 2*d + 7/3*d^2); d = 10*r - r0"
BEND = "4.184*0.021922*k*d^2*(1 - 0.006981317*d); d = 57.29577951*theta - theta0"
STRETCH_BEND = (
    "4.184*2.5121*(k1*(10*distance(p1, p2) - r1) + k2*(10*distance(p2, p3) - r2))"
    "*(57.29577951*angle(p1, p2, p3) - theta0)"
)
TORSION = "2.092*(v1*(1 + cos(theta)) + v2*(1 - cos(2*theta)) + v3*(1 + cos(3*theta)))"
PAIR = (
    "4.184*(e*(1.07/(x + 0.07))^7*(1.12/(x^7 + 0.12) - 2) + 332.0716*qq/(10*r + 0.05))"
    "; x = 10*r/r0"
)


def mmff_system(molecule):
    """Write MMFF94 down for OpenMM, without the terms that only flat atoms have."""
    known = mmff.MMFFGetMoleculeProperties(molecule)
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()]
    graph = nx.Graph(bonds)
    system = openmm.System()
    for atom in molecule.GetAtoms():
        # Heavy hydrogens allow longer steps and change no distribution of positions.
        system.addParticle(4.0 if atom.GetAtomicNum() == 1 else atom.GetMass())
    forces = (
        *bonds_and_angles(molecule, known, graph),
        torsions(molecule, known, graph),
        pairs(known, graph),
    )
    for force in forces:
        system.addForce(force)
    return system


def bonds_and_angles(molecule, known, graph):
    """Make the forces of bonds, of angles, and of both together."""
    stretches = openmm.CustomBondForce(STRETCH)
    bends = openmm.CustomAngleForce(BEND)
    both = openmm.CustomCompoundBondForce(3, STRETCH_BEND)
    declare(stretches.addPerBondParameter, "k r0")
    declare(bends.addPerAngleParameter, "k theta0")
    declare(both.addPerBondParameter, "k1 k2 r1 r2 theta0")
    rest = {}
    for i, j in graph.edges:
        _, stiffness, length = known.GetMMFFBondStretchParams(molecule, i, j)
        rest[i, j] = rest[j, i] = length
        stretches.addBond(i, j, [stiffness, length])
    for j in graph:
        for i, k in combinations(graph[j], 2):
            _, stiffness, angle = known.GetMMFFAngleBendParams(molecule, i, j, k)
            bends.addAngle(i, j, k, [stiffness, angle])
            _, first, second = known.GetMMFFStretchBendParams(molecule, i, j, k)
            both.addBond([i, j, k], [first, second, rest[i, j], rest[j, k], angle])
    return stretches, bends, both


def torsions(molecule, known, graph):
    """Make the force of torsions."""
    force = openmm.CustomTorsionForce(TORSION)
    declare(force.addPerTorsionParameter, "v1 v2 v3")
    for j, k in graph.edges:
        for i, m in product(set(graph[j]) - {k}, set(graph[k]) - {j}):
            _, *heights = known.GetMMFFTorsionParams(molecule, i, j, k, m)
            force.addTorsion(i, j, k, m, heights)
    return force


def pairs(known, graph):
    """Make the force between atoms three bonds apart or more."""
    force = openmm.CustomBondForce(PAIR)
    declare(force.addPerBondParameter, "e r0 qq")
    charge = known.GetMMFFPartialCharge
    apart = dict(nx.all_pairs_shortest_path_length(graph))
    for i, j in combinations(graph, 2):
        if apart[i][j] > 2:
            share = 0.75 if apart[i][j] == 3 else 1.0
            _, _, distance, depth = known.GetMMFFVdWParams(i, j)
            force.addBond(i, j, [depth, distance, share * charge(i) * charge(j)])
    return force


def declare(add_parameter, names):
    """Name the parameters of a force, in the order in which terms give them."""
    for name in names.split():
        add_parameter(name)


def energy_of(context, positions):
    """Give the energy of positions [A] in kJ/mol."""
    context.setPositions(positions / 10)
    energy = context.getState(energy=True).getPotentialEnergy()
    return energy.value_in_unit(unit.kilojoule_per_mole)


def simulate(molecule, system, n_frames, n_steps):
    """Simulate and give frames [A], shape (n_frames, n_atoms, 3)."""
    integrator = openmm.LangevinMiddleIntegrator(TEMPERATURE, 2.0, 0.002)
    integrator.setRandomNumberSeed(1)
    reference = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, integrator, reference)
    positions = molecule.GetConformer().GetPositions()
    expected = mmff.MMFFGetMoleculeForceField(
        molecule, mmff.MMFFGetMoleculeProperties(molecule)
    ).CalcEnergy()
    print(f"energy: OpenMM {energy_of(context, positions):.3f} kJ/mol, ", end="")
    print(f"RDKit {4.184 * expected:.3f} kJ/mol")
    openmm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(TEMPERATURE, 1)
    frames = np.empty((n_frames, molecule.GetNumAtoms(), 3), dtype=np.float32)
    for frame in trange(n_frames, desc="simulating"):
        integrator.step(n_steps)
        state = context.getState(positions=True)
        frames[frame] = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    return frames


def draw(simulated, made, path):
    """Draw how often each torsion is found, in simulated and in made structures."""
    figure = Figure(figsize=(7, 2.8), layout="constrained")
    bins = np.linspace(-180, 180, 37)
    sets = {"simulated, held out": simulated, "made from 4 beads": made}
    panels = figure.subplots(1, len(TORSIONS))
    for axes, (name, atoms) in zip(panels, TORSIONS.items(), strict=True):
        for label, frames in sets.items():
            angles = dihedral_angles(frames, np.array([atoms]))
            axes.hist(angles, bins, density=True, histtype="step", label=label)
        axes.set(xlabel=f"torsion {name} [degrees]", xlim=(-180, 180))
        axes.set_xticks(range(-180, 181, 90))
    axes.legend(frameon=False)
    figure.axes[0].set_ylabel("density [1/degree]")
    figure.savefig(path, dpi=150)


def main():
    """Build, simulate, train, measure, backmap, relax."""
    parser = argparse.ArgumentParser(description="Backmap a molecule given as SMILES.")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for files")
    parser.add_argument("--quick", action="store_true", help="train next to nothing")
    options = parser.parse_args()

    molecule = Chem.AddHs(Chem.MolFromSmiles(SMILES))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    system = mmff_system(molecule)
    n_frames, n_steps = (60, 20) if options.quick else (4000, 125)
    frames = simulate(molecule, system, n_frames, n_steps)

    # A PDB file of RDKit has the names, elements and bonds a topology has to tell.
    topology = options.output / "molecule.pdb"
    Chem.MolToPDBFile(molecule, str(topology))
    atoms = mda.Universe(str(topology), frames)
    # Hydrogens are in the bead of their neighbour.
    beads_of_atoms = BEAD_OF_HEAVY_ATOM + [
        BEAD_OF_HEAVY_ATOM[atom.GetNeighbors()[0].GetIdx()]
        for atom in molecule.GetAtoms()
        if atom.GetAtomicNum() == 1
    ]
    mapping = Mapping(beads_of_atoms, weights="mass", masses=atoms.atoms.masses)

    # Frames from bonded beads tell the direction of a chain; thirty steps of settling
    # take off what strain samples have.
    form = "bonded_frames"
    model = train(
        atoms,
        mapping,
        model_options={
            **dict.fromkeys(("encoder", "decoder", "prior_input"), form),
            "refinement_steps": 30,
            "n_channels": 32 if options.quick else 64,
        },
        training_options={
            "n_epochs": 1 if options.quick else 60,
            "fine_tuning_epochs": 0,
            "kl_weight": 5e-3,
        },
    )
    save_model(model, options.output / "molecule.cgvae")
    data = Frames.from_universe(atoms)
    print(evaluate(model, data, n_frames=400, n_samples=8))

    # Structures of every held-out frame, for the figure, and of one, to relax them.
    beads = coarse_grain(atoms, mapping)
    backmapper = Backmapper(beads, model)
    unseen = held_out_frames(model, data)
    made = []
    for frame in unseen:
        beads.trajectory[int(frame)]
        ensemble = backmapper.sample(n=1, seed=0)
        made.append(ensemble.positions_angstrom[0])
    draw(frames[unseen], np.array(made), options.output / "small-molecule.png")
    ensemble = backmapper.sample(n=10, seed=0)
    print(ensemble.report())
    relaxation = ensemble.relax(system)
    print(relaxation)
    relaxation.ensemble.write(options.output / "relaxed.pdb")


if __name__ == "__main__":
    main()
