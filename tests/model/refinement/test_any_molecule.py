import numpy as np
import pytest
import torch

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import Molecule
from openmm_cgvae.model.graphs import MoleculeGraph, atom_types_of
from openmm_cgvae.model.refinement.any_molecule import TransferableRefinement
from openmm_cgvae.model.refinement.geometry_statistics import GeometryStatistics
from openmm_cgvae.testing import (
    assert_equivariant,
    assert_same,
    dipeptide,
    random_isometry,
)

pytestmark = pytest.mark.usefixtures("double_precision")
FRAMES = dipeptide.positions(40).astype(np.float64)
N_COPIES = 5


def molecule_of(weights):
    table = dipeptide.untrained().atom_table
    bead_of_atom = table.residue_of_atom
    if weights == "carbon":  # beads that are atoms: CH3, CA, C of the caps and ALA
        chosen = [table.names.index(name) for name in ("CH3", "CA")]
        chosen.append(len(table.names) - 4)
        weights = np.isin(np.arange(table.n_atoms), chosen).astype(float)
    return Molecule(table, Mapping(bead_of_atom, weights, masses=table.masses))


@pytest.fixture(params=["carbon", "mass", "geometry"])
def molecule(request):
    return molecule_of(request.param)


def batch_of(molecule, frames):
    table, mapping = molecule.atom_table, molecule.mapping
    words = sorted(set(atom_types_of(table, "identity")))
    graph = MoleculeGraph.from_records(table, mapping, words)
    return graph.batch(
        torch.from_numpy(mapping.project(frames)), torch.from_numpy(frames)
    )


def refinement_of(molecule, n_steps=40):
    geometry = GeometryStatistics.learned([(molecule.atom_table, FRAMES)])
    return TransferableRefinement(geometry, molecule, n_steps)


def disturbed(molecule, by=0.4):
    """Frames with noise, the beads where they were."""
    mapping = molecule.mapping
    frames = FRAMES[:N_COPIES]
    moved = frames + by * np.random.default_rng(1).normal(size=frames.shape)
    moved += mapping.lift(mapping.project(frames) - mapping.project(moved))
    return batch_of(molecule, moved)


def refined(molecule, batch, **options):
    return refinement_of(molecule, **options)(batch.atom_positions, batch)


def volumes(molecule, positions):
    frames = positions.reshape(N_COPIES, -1, 3).numpy()
    rows = molecule.atom_table.stereocentres
    arms = frames[:, rows[:, 1:]] - frames[:, rows[:, :1]]
    return np.linalg.det(arms)


def test_refinement_keeps_the_beads(molecule):
    batch = disturbed(molecule)
    made = refined(molecule, batch).reshape(N_COPIES, -1, 3).numpy()
    before = batch.atom_positions.reshape(N_COPIES, -1, 3).numpy()
    project = molecule.mapping.project
    np.testing.assert_allclose(project(made), project(before), atol=1e-6)
    assert np.abs(made - before).max() > 0.3


def test_strained_bonds_and_angles_come_right(molecule):
    batch = disturbed(molecule)
    pairs = torch.tensor(molecule.atom_table.pairs_within(2))

    def errors(positions):
        frames = positions.reshape(N_COPIES, -1, 3)
        gaps = frames[:, pairs[:, 0]] - frames[:, pairs[:, 1]]
        true = torch.from_numpy(FRAMES[:N_COPIES])
        right = true[:, pairs[:, 0]] - true[:, pairs[:, 1]]
        return (gaps.norm(dim=-1) - right.norm(dim=-1)).abs()

    assert errors(batch.atom_positions).mean() > 0.3
    assert errors(refined(molecule, batch)).mean() < 0.08


def test_mirror_images_get_the_correct_chirality():
    molecule = molecule_of("mass")
    mirrored = batch_of(molecule, FRAMES[:N_COPIES] * [1, 1, -1])
    assert (volumes(molecule, mirrored.atom_positions) < 0).all()
    assert (volumes(molecule, refined(molecule, mirrored, n_steps=80)) > 0.5).all()


def test_frames_of_the_data_hardly_move(molecule):
    batch = batch_of(molecule, FRAMES[:N_COPIES])
    moved = (refined(molecule, batch) - batch.atom_positions).norm(dim=-1)
    assert moved.mean() < 0.02


def test_atoms_that_overlap_part():
    molecule = molecule_of("mass")
    frames = FRAMES[:1].copy()
    table = molecule.atom_table
    far = table.names.index("O"), table.n_atoms - 1
    frames[0, far[1]] = frames[0, far[0]] + [0.3, 0.2, 0.1]
    batch = batch_of(molecule, frames)
    made = refined(molecule, batch, n_steps=80)
    assert (made[far[0]] - made[far[1]]).norm() > 1.8


def test_rotation_equivariance(molecule):
    refinement = refinement_of(molecule, n_steps=10)

    def function(given):
        return refinement(given.atom_positions, given)

    # Lists of contacts are made in float64 of either place, and steps are smooth.
    assert_equivariant(function, disturbed(molecule), random_isometry(), 1e-5)


def test_copies_are_refined_as_if_alone(molecule):
    batch = disturbed(molecule)
    together = refined(molecule, batch).reshape(N_COPIES, -1, 3)
    given = batch.atom_positions.reshape(N_COPIES, -1, 3)
    for copy in range(N_COPIES):
        one = batch_of(molecule, given[[copy]].numpy())
        assert_same(refined(molecule, one), together[copy], 1e-9)
