"""The full circle: atoms, beads, their potential, their dynamics, and atoms again.

    python examples/full_circle.py            (a minute)
    python examples/full_circle.py --quick    (to see that it runs; no good potential)

1. The alanine dipeptide that ships with the package becomes 5 beads: its peptide
   planes, its alpha carbon and the methyls at the ends.
2. Forces on the atoms are computed again and mapped to the beads; a small network on
   top of springs learns them (force matching). Forces are nearly all noise, which
   leaves the minima off by a kT or two, so a series in the two torsions is then
   changed until a simulation visits them as often as the data do (relative entropy).
3. The beads move by it in OpenMM: many copies for the free energies in the figure,
   each for some 25 ps from a frame of the data, and one whose atoms are written
   while it runs.
4. Where that one ends, its atoms go on, with the beads' velocities.
"""

import argparse
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import openmm
import torch
from matplotlib.figure import Figure
from openmm import app

from openmm_cgvae import Backmapper, BackmapReporter, cg_force, coarse_grain, train
from openmm_cgvae.data import data_path
from openmm_cgvae.mapping.schemes import peptide_units
from openmm_cgvae.metrics import bond_angles, dihedral_angles
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.simulation.coarse_grained import (
    BeadPotential,
    atomistic_forces,
    force_map,
    match_forces,
    match_means,
)
from openmm_cgvae.structures.dynamics import energy_drift, release, set_velocities
from openmm_cgvae.structures.openmm_bridge import make_system

TEMPERATURE = 300.0  # K
TIMESTEP = 0.004  # ps
FRICTION = 2.0  # 1/ps
REFERENCE = openmm.Platform.getPlatformByName("Reference")
TORSIONS = np.array([[0, 1, 2, 3], [1, 2, 3, 4]])
ANGLE = np.array([[1, 2, 3]])
N_BINS = 36
STRIDE = 50  # steps between frames
PANELS = (
    ("torsion CH3-PEP-CA-PEP", -180, 180),
    ("torsion PEP-CA-PEP-CH3", -180, 180),
    ("angle PEP-CA-PEP", 60, 130),
)


def learn_potential(universe, mapping, positions, n_epochs):
    table = AtomTable.from_universe(universe)
    forces = atomistic_forces(make_system(table), positions)
    # Bonds to hydrogen were rigid in the simulation; each is inside of a bead.
    rigid_bonds = [bond for bond in table.bonds if not table.is_heavy[bond].all()]
    matrix = force_map(mapping, forces, rigid_bonds)
    torch.manual_seed(0)
    potential = BeadPotential(mapping.project(positions), TEMPERATURE)
    log = match_forces(
        potential, mapping.project(positions), matrix @ forces, n_epochs=n_epochs
    )
    print(
        f"force on a bead {np.sqrt(np.square(matrix @ forces).sum(-1).mean()):.0f}, "
        f"left unexplained {log.validation.min():.0f} kJ/mol/nm (held-out frames)"
    )
    return potential


def make_simulation(potential, masses, starts):
    """Copies of the molecule that do not see each other; starts in Angstrom."""
    n_copies, n_beads = starts.shape[:2]
    system, topology = openmm.System(), app.Topology()
    chain = topology.addChain()
    for _ in range(n_copies):
        residue = topology.addResidue("BEAD", chain)
        for bead in range(n_beads):
            system.addParticle(masses[bead])
            topology.addAtom(f"B{bead}", None, residue)
    system.addForce(cg_force(potential, particles=range(system.getNumParticles())))
    integrator = openmm.LangevinMiddleIntegrator(TEMPERATURE, FRICTION, TIMESTEP)
    integrator.setRandomNumberSeed(1)
    simulation = app.Simulation(topology, system, integrator, REFERENCE)
    simulation.context.setPositions(starts.reshape(-1, 3).astype(float) / 10)
    simulation.context.setVelocitiesToTemperature(TEMPERATURE, 1)
    return simulation


def arrays_of(simulation):
    """Positions [A] and velocities [A/ps]."""
    state = simulation.context.getState(positions=True, velocities=True)
    return (
        10 * state.getPositions(asNumpy=True)._value,
        10 * state.getVelocities(asNumpy=True)._value,
    )


def run_copies(simulation, n_beads, n_frames, stride):
    simulation.step(n_frames * stride // 5)  # forget the starts
    frames = []
    for _ in range(n_frames):
        simulation.step(stride)
        frames.append(arrays_of(simulation)[0].reshape(-1, n_beads, 3))
    return np.concatenate(frames)


def measures(beads):
    """Both torsions and the angle between them [degrees]."""
    angles = dihedral_angles(beads, TORSIONS)
    return angles[:, 0], angles[:, 1], bond_angles(beads, ANGLE)[:, 0]


def differences(reference, simulated):
    """Root mean square differences of free energies where it is below 4 kT [kT]."""
    found = []
    pairs = zip(measures(reference), measures(simulated), PANELS, strict=True)
    for wanted, given, (_, low, high) in pairs:
        edges = np.linspace(low, high, N_BINS + 1)
        wanted, given = free_energy(wanted, edges), free_energy(given, edges)
        chosen = (wanted < 4) & np.isfinite(given)
        off = (given - wanted)[chosen]
        off -= np.average(off, weights=np.exp(-wanted[chosen]))
        found.append(f"{np.sqrt(np.mean(off**2)):.2f}")
    return ", ".join(found)


def free_energy(angles, edges):
    """In kT, from zero at the minimum; nan where nothing was."""
    counts = np.histogram(angles, edges)[0].astype(float)
    counts[counts == 0] = np.nan
    return -np.log(counts / np.nanmax(counts))


def refine(potential, masses, reference, starts, n_frames):
    """Correct the potential twice; give the beads of all three runs."""
    runs = []
    for length in (n_frames, n_frames, 3 * n_frames // 2):
        if runs:
            later = runs[-1][len(runs[-1]) // 2 :]
            match_means(potential, later, reference)
        # From the data each time: a run that went on would still be on its way from
        # where the potential before had led it.
        simulation = make_simulation(potential, masses, starts)
        runs.append(run_copies(simulation, reference.shape[1], length, STRIDE))
        print("off by", differences(reference, runs[-1]), "kT: torsions, angle")
    return runs


def draw(reference, runs, path):
    """Free energies over torsions and angle."""
    lines = (
        (reference, "#222222", "-", "mapped data"),
        (runs[0], "#56B4E9", "--", "force matching"),
        (runs[-1], "#D55E00", "-", "with relative entropy"),
    )
    figure = Figure(figsize=(11, 3.6), layout="constrained", facecolor="white")
    for k, (axes, (name, low, high)) in enumerate(
        zip(figure.subplots(1, 3), PANELS, strict=True)
    ):
        edges = np.linspace(low, high, N_BINS + 1)
        centres = (edges[1:] + edges[:-1]) / 2
        for beads, colour, style, label in lines:
            energy = free_energy(measures(beads)[k], edges)
            axes.plot(centres, energy, style, color=colour, label=label, lw=2)
        axes.set(xlabel=f"{name} [deg]", xlim=(low, high), ylim=(0, 10))
        axes.spines[["top", "right"]].set_visible(False)
        if low == -180:
            axes.set_xticks(range(-180, 181, 90))
    figure.axes[0].set_ylabel("free energy [kT]")
    figure.axes[2].legend(frameon=False, loc="upper center")
    figure.savefig(path, dpi=150)


def make_backmapper(beads, universe, mapping, n_frames, n_epochs):
    try:
        return Backmapper(beads)
    except LookupError:
        # No model of these beads came with the package: train a small one.
        step = len(universe.trajectory) // n_frames
        model = train(
            universe,
            mapping,
            model_options={"n_channels": 32},
            training_options={"n_epochs": n_epochs, "fine_tuning_epochs": 0},
            frames=Frames.from_universe(universe, step=step),
            progress=False,
        )
        return Backmapper(beads, model)


def main():
    parser = argparse.ArgumentParser(description="Atoms to beads and back.")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for files")
    parser.add_argument("--quick", action="store_true", help="see that it runs")
    options = parser.parse_args()
    quick = options.quick
    options.output.mkdir(parents=True, exist_ok=True)

    universe = mda.Universe(
        str(data_path("alanine-dipeptide.pdb")), str(data_path("alanine-dipeptide.xtc"))
    )
    mapping = peptide_units(universe)
    masses = np.bincount(mapping.bead_of_atom, universe.atoms.masses)
    positions = Frames.from_universe(universe, step=40 if quick else 1).positions
    reference = mapping.project(positions)

    potential = learn_potential(universe, mapping, positions, 2 if quick else 30)
    starts = reference[:: len(reference) // (4 if quick else 256)]
    runs = refine(potential, masses, reference, starts, 5 if quick else 80)
    draw(reference, runs, options.output / "full_circle.png")

    # One molecule now, its atoms written as it goes.
    beads = coarse_grain(universe, mapping)
    training = (100, 1) if quick else (2000, 10)
    backmapper = make_backmapper(beads, universe, mapping, *training)
    simulation = make_simulation(potential, masses, starts[:1])
    trajectory = options.output / "full_circle.xtc"
    with BackmapReporter(trajectory, 10 if quick else 100, backmapper) as reporter:
        simulation.reporters.append(reporter)
        simulation.step(30 if quick else 2000)
    print(reporter)

    # Where the beads are now, the atoms go on.
    places, velocities = arrays_of(simulation)
    beads.load_new(places.astype(np.float32))
    state = Backmapper(beads, backmapper.model).sample(n=1, seed=0)[0]
    atomistic = state.simulation(
        temperature=TEMPERATURE, platform="Reference", hold_beads=1.0e5
    )
    release(atomistic, [(1.0e4, 0.1), (1.0e2, 0.1)] if quick else [(1e4, 1), (1e2, 1)])
    set_velocities(atomistic, mapping, velocities, TEMPERATURE)
    moving = mapping.project(arrays_of(atomistic)[1])
    print(f"beads move as before to {np.abs(moving - velocities).max():.1g} A/ps")
    print("without a bath:", energy_drift(atomistic, duration=0.1 if quick else 2.0))
    atomistic.step(100 if quick else 5000)
    after = atomistic.context.getState(energy=True)
    print("atoms went on to", after.getPotentialEnergy())


if __name__ == "__main__":
    main()
