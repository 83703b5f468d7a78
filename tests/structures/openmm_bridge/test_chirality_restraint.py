import MDAnalysis as mda
import numpy as np
import openmm
import pytest

from openmm_cgvae import AtomisticEnsemble, metrics
from openmm_cgvae.data import data_path
from openmm_cgvae.mapping.schemes import residues
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.openmm_bridge import make_system
from openmm_cgvae.structures.openmm_bridge.chirality_restraint import restrain_chirality


@pytest.fixture(scope="module")
def chignolin():
    universe = mda.Universe(str(data_path("chignolin.pdb")))
    return AtomTable.from_universe(universe), universe.atoms.positions.astype(float)


def energies(table, structures):
    """Energies of the force alone [kJ/mol]."""
    system = openmm.System()
    for mass in table.masses:
        system.addParticle(float(mass))
    restrain_chirality(system, table.stereocentres)
    platform = openmm.Platform.getPlatform("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    found = []
    for atoms in structures:
        context.setPositions(atoms / 10)
        found.append(context.getState(energy=True).getPotentialEnergy()._value)
    return found


def test_energy_is_zero_for_correct_chirality_and_large_for_mirror_images(chignolin):
    table, atoms = chignolin
    correct, mirrored = energies(table, [atoms, atoms * [1, 1, -1]])
    assert correct == 0
    volumes = metrics.signed_volumes(atoms, table.stereocentres) / 1000
    assert mirrored == pytest.approx((2e8 * (1e-3 + volumes) ** 2).sum(), rel=1e-4)


def test_a_stereocentre_pushed_through_comes_back(chignolin):
    table, atoms = chignolin
    centre, *arms = table.stereocentres[3]
    plane = atoms[arms].mean(0)
    pushed = atoms.copy()
    pushed[centre] += 1.6 * (plane - atoms[centre])
    wrong = metrics.signed_volumes(pushed, table.stereocentres) < 0
    assert wrong.tolist() == [row == 3 for row in range(len(wrong))]
    universe = mda.Universe(str(data_path("chignolin.pdb")))
    mapping = residues(universe)
    ensemble = AtomisticEnsemble(
        table, pushed[None], mapping=mapping, bead_positions=mapping.project(atoms)
    )
    relaxed = ensemble.relax(progress=False).ensemble.positions_angstrom[0]
    assert (metrics.signed_volumes(relaxed, table.stereocentres) > 1).all()


def test_small_systems_and_those_without_stereocentres_stay_as_they_are(chignolin):
    table, _ = chignolin
    system = make_system(table)
    n_forces = system.getNumForces()
    assert (
        restrain_chirality(system, table.stereocentres[:0]).getNumForces() == n_forces
    )
    small = openmm.System()
    for _ in range(4):
        small.addParticle(12.0)
    assert restrain_chirality(small, np.array([[0, 1, 2, 3]])).getNumForces() == 0
