"""Beads in a straight line are seen on a helix; all others as they are."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from openmm_cgvae import Backmapper, load_model
from openmm_cgvae.chemistry.proteins import protein_from_beads
from openmm_cgvae.model import Molecule
from openmm_cgvae.model.graphs import MoleculeGraph
from openmm_cgvae.model.layers.bonded_frames import LocalFrames
from openmm_cgvae.model.layers.straight_beads import LARGEST_SINE, bent_where_straight
from tests.chemistry.proteins.beads import alpha_carbons

SEQUENCE = "MET GLY ASP GLU TRP ALA ILE ASN PRO HIS SER TYR VAL PRO PHE LYS"
N = len(SEQUENCE.split())
ANYHOW = Rotation.from_rotvec([0.3, -1.1, 0.7]).as_matrix()
LINE = 3.8 * np.arange(N)[:, None] * [1.0, 0, 0]
# The longest and shortest heavy bonds of ordinary samples, with room [Å].
LONGEST, SHORTEST = 2.0, 1.05


def bent_at(number, angle):
    """Return a straight chain that turns by an angle at one bead."""
    steps = np.tile([3.8, 0.0, 0.0], (N, 1))
    steps[number:] = 3.8 * np.array([np.cos(angle), np.sin(angle), 0.0])
    return np.cumsum(steps, axis=0)


def helix():
    turns = np.radians(100) * np.arange(N)
    return np.stack([2.3 * np.cos(turns), 2.3 * np.sin(turns), 1.5 * np.arange(N)], 1)


def one_angle_straight():
    """Return a helix with three beads in a line in its middle."""
    beads = helix()
    half = N // 2
    beads[half + 1 :] += 2 * beads[half] - beads[half - 1] - beads[half + 1]
    return beads


STRAIGHT = {
    "along an axis": LINE,
    "anyhow": LINE @ ANYHOW.T,
    "far from the origin": LINE @ ANYHOW.T + 500,
    "two halves": bent_at(N // 2, 1.2) @ ANYHOW.T,
    "two halves nearly in line": bent_at(N // 2, 0.4) @ ANYHOW.T,
    "three beads in a line": one_angle_straight() @ ANYHOW.T,
}


def graph_of(sequence=SEQUENCE):
    protein = protein_from_beads(alpha_carbons(sequence))
    model = load_model("protein-alpha-carbon")
    molecule = Molecule(protein.atom_table, protein.mapping)
    return model.for_molecule(molecule).graph()


def batch_of(*positions):
    beads = torch.tensor(np.stack(positions))
    return graph_of().batch(beads)


def heavy_bonds(ensemble):
    table = ensemble.atom_table
    bonds = table.bonds[table.is_heavy[table.bonds].all(1)]
    ends = ensemble.positions_angstrom[:, bonds]
    return np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=-1)


def assert_sound(ensemble):
    columns = ensemble.report().columns
    assert not columns["n_wrong_stereocentres"].any()
    assert not columns["n_cis_amides"].any()
    assert not columns["n_clashes"].any()
    assert columns["valid_heavy_2022"].all()
    assert columns["bead_residual"].max() < 1e-3
    assert heavy_bonds(ensemble).min() > SHORTEST
    assert heavy_bonds(ensemble).max() < LONGEST


@pytest.mark.parametrize("what", STRAIGHT)
def test_straight_chains_have_correct_chirality_and_bonds(what):
    beads = alpha_carbons(SEQUENCE, positions=STRAIGHT[what])
    assert_sound(Backmapper(beads).sample(n=2, seed=1))


def test_parallel_straight_chains_have_correct_chirality_and_bonds():
    positions = np.concatenate([LINE, LINE + [0, 10, 0]]) @ ANYHOW.T
    beads = alpha_carbons(
        f"{SEQUENCE} {SEQUENCE}", positions=positions, resids=[*range(1, N + 1)] * 2
    )
    assert_sound(Backmapper(beads).sample(n=2, seed=1))


def test_straight_frames_of_a_trajectory_have_correct_chirality_and_bonds(tmp_path):
    beads = alpha_carbons(SEQUENCE)
    beads.load_new(np.stack([helix(), LINE, STRAIGHT["two halves"]]))
    backmapper = Backmapper(beads)
    output = tmp_path / "atoms.xtc"
    backmapper.run(output=output, seed=1, progress=False)
    atoms = backmapper.sample(seed=1).to_universe()
    atoms.load_new(str(output))
    table = backmapper.atom_table
    for _ in atoms.trajectory:
        bonds = table.bonds[table.is_heavy[table.bonds].all(1)]
        ends = atoms.atoms.positions[bonds]
        lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
        assert lengths.min() > SHORTEST
        assert lengths.max() < LONGEST


def test_beads_that_are_in_no_line_are_the_very_same():
    batch = batch_of(helix(), bent_at(N // 2, 1.2) + 0.3 * helix())
    assert bent_where_straight(batch) is batch


def test_others_in_the_batch_change_nothing():
    alone = bent_where_straight(batch_of(LINE)).bead_positions
    beside = bent_where_straight(batch_of(helix(), LINE, helix())).bead_positions
    torch.testing.assert_close(beside[N : 2 * N], alone, rtol=0, atol=0)
    helices = torch.tensor(helix())
    torch.testing.assert_close(beside[:N], helices, rtol=0, atol=0)


def test_every_frame_of_a_straight_chain_has_three_axes():
    seen = bent_where_straight(batch_of(LINE @ ANYHOW.T))
    axes = LocalFrames.of(seen).axes[..., :3]
    volumes = torch.linalg.det(axes)
    assert (volumes > 0.9).all()


def test_a_straight_chain_is_seen_left_handed_whichever_way_it_points():
    for turned in (LINE, -LINE, LINE @ ANYHOW.T):
        seen = bent_where_straight(batch_of(turned)).bead_positions.numpy()
        a, b, c = (np.diff(seen, axis=0)[i : N - 3 + i] for i in range(3))
        volumes = np.einsum("ij,ij->i", a, np.cross(b, c))
        assert (volumes[1:-1] < 0).all()


def test_shifts_change_nothing():
    here = bent_where_straight(batch_of(LINE)).bead_positions
    there = bent_where_straight(batch_of(LINE + 7)).bead_positions
    torch.testing.assert_close(there - 7, here)


def test_what_is_seen_tends_to_the_beads_where_the_angle_opens():
    def moved(sine):
        beads = helix()
        beads[1] = beads[0] + [3.8, 0, 0]
        beads[2] = beads[1] + 3.8 * np.array([np.sqrt(1 - sine**2), sine, 0])
        batch = batch_of(beads)
        seen = bent_where_straight(batch)
        return float((seen.bead_positions - batch.bead_positions)[1].abs().max())

    assert moved(1.01 * LARGEST_SINE) == 0
    assert 0 < moved(0.99 * LARGEST_SINE) < 0.01
    assert moved(0.0) > 0.3


def test_two_beads_alone_keep_their_axial_symmetry():
    protein = protein_from_beads(alpha_carbons("ALA ALA"))
    vocabulary = load_model("protein-alpha-carbon").vocabulary
    graph = MoleculeGraph.from_records(protein.atom_table, protein.mapping, vocabulary)
    batch = graph.batch(torch.tensor([[[0.0, 0, 0], [3.8, 0, 0]]]))
    assert bent_where_straight(batch) is batch
