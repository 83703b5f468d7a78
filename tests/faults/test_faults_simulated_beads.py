"""Beads as simulations leave them: dynamics at 300 K, and what is made of it."""

import MDAnalysis as mda
import numpy as np
import openmm
import pytest
from openmm import unit

from openmm_cgvae import Backmapper, coarse_grain, metrics
from openmm_cgvae.chemistry.proteins import family_mapping

pytestmark = pytest.mark.slow
SEQUENCE = "MSKEQDRLLTGANWHFPYIVCGSTKE"
NAMES = dict(
    A="ALA", C="CYS", D="ASP", E="GLU", F="PHE", G="GLY", H="HIS", I="ILE", K="LYS",
    L="LEU", M="MET", N="ASN", P="PRO", Q="GLN", R="ARG", S="SER", T="THR", V="VAL",
    W="TRP", Y="TYR",
)  # fmt: skip


def simulated_chain(n_frames=8):
    """Run alpha carbons 3.8 Å apart, 8033 kJ/mol/nm^2, that repel each other."""
    n = len(SEQUENCE)
    system = openmm.System()
    bonds = openmm.HarmonicBondForce()
    contacts = openmm.CustomNonbondedForce("(0.45/r)^12")
    for bead in range(n):
        system.addParticle(110.0)
        contacts.addParticle([])
        if bead:
            bonds.addBond(bead - 1, bead, 0.38, 8033.0)
            contacts.addExclusion(bead - 1, bead)
    system.addForce(bonds)
    system.addForce(contacts)
    integrator = openmm.LangevinMiddleIntegrator(300, 1.0, 0.01)
    integrator.setRandomNumberSeed(1)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, integrator, platform)
    turn = np.arange(n)
    helix = np.column_stack([0.3 * np.cos(turn), 0.3 * np.sin(turn), 0.25 * turn])
    context.setPositions(helix)
    openmm.LocalEnergyMinimizer.minimize(context)
    frames = []
    for _ in range(n_frames):
        integrator.step(2000)
        positions = context.getState(positions=True).getPositions(asNumpy=True)
        frames.append(positions.value_in_unit(unit.angstrom))
    beads = mda.Universe.empty(n, n, atom_resindex=range(n), trajectory=True)
    beads.add_TopologyAttr("resnames", [NAMES[letter] for letter in SEQUENCE])
    beads.add_TopologyAttr("resids", range(1, n + 1))
    beads.add_TopologyAttr("names", ["CA"] * n)
    beads.load_new(np.array(frames, dtype=np.float32), order="fac")
    return beads


def noisy_martini(by=0.2):
    """Martini 3 beads of a sample of the chain, each moved by chance [Å]."""
    sample = Backmapper(simulated_chain(1)).sample(n=1, seed=2)
    mapping = family_mapping(sample.atom_table, "martini3")
    mapped = coarse_grain(sample.to_universe(), mapping)
    beads = mda.Merge(mapped.atoms)
    noise = np.random.default_rng(3).normal(scale=by, size=beads.atoms.positions.shape)
    beads.atoms.positions = mapped.atoms.positions + noise
    return beads


def faults(ensemble):
    table, positions = ensemble.atom_table, ensemble.positions_angstrom
    graph = (table.atomic_numbers, table.bonds, table.residue_of_atom)
    before = table.residue_of_atom[table.amides[:, 3]]
    is_proline = np.array(table.residue_names)[before] == "PRO"
    omega = np.abs(metrics.dihedral_angles(positions, table.amides))
    volumes = metrics.signed_volumes(positions, table.stereocentres)
    valid = metrics.valid_parts(positions, *graph, heavy_only=True)
    return {
        "wrong stereocentres": int((~(volumes > 0)).sum()),
        "cis amides": int(((omega < 90) & ~is_proline).sum()),
        "residues with a wrong heavy bond": int((~valid).sum()),
    }


def test_a4_simulated_alpha_carbons_give_trans_amides_correct_chirality_and_bonds():
    beads = simulated_chain()
    mapper = Backmapper(beads, family="alpha-carbon")
    total = dict.fromkeys(("wrong stereocentres", "cis amides"), 0)
    n_wrong = 0
    for _ in beads.trajectory:
        found = faults(mapper.sample(n=1, seed=1))
        n_wrong += found.pop("residues with a wrong heavy bond")
        total = {name: total[name] + found[name] for name in total}
    print(f"A4 simulated alpha carbons: {total}, {n_wrong} residues wrong")
    assert total == {"wrong stereocentres": 0, "cis amides": 0}
    assert n_wrong <= 0.005 * len(SEQUENCE) * beads.trajectory.n_frames


def test_a4_noisy_martini_beads_give_sound_structures_with_slack():
    beads = noisy_martini()
    found = faults(Backmapper(beads, bead_slack=0.5).sample(n=4, seed=1))
    print(f"A4 noisy Martini beads, with slack: {found}")
    assert found == dict.fromkeys(found, 0)


def test_a4_noisy_martini_beads_give_trans_amides_and_correct_chirality_without():
    found = faults(Backmapper(noisy_martini()).sample(n=4, seed=1))
    print(f"A4 noisy Martini beads, kept: {found}")
    del found["residues with a wrong heavy bond"]
    assert found == {"wrong stereocentres": 0, "cis amides": 0}
