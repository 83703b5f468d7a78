"""Chains in a unit cell: atoms are in the image of their beads, whatever it cuts."""

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.lib.distances import minimize_vectors

from openmm_cgvae import Backmapper
from openmm_cgvae.chemistry.proteins import protein_from_beads
from openmm_cgvae.molecules.periodic_box import cell_vectors

KEPT = 1e-3  # [Å], of the beads, read in single precision
# [Å], of atoms: beads moved by an edge are rounded otherwise in single precision, which
# refinement makes larger. Another image is 60 Å off, another structure an ångström.
SAME = 0.2
BOXES = {
    "cube": [70, 70, 70, 90, 90, 90],
    "triclinic": [75, 70, 80, 75, 80, 70],
    "slab": [70, 75, 0, 90, 90, 90],
}


def helices(n_chains=2, n=12, apart=9.5, resname="ALA"):
    """Make parallel helices of alpha carbons side by side."""
    turn = np.radians(100) * np.arange(n)
    one = np.column_stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(n)])
    where = np.concatenate([one + [apart * c, 0, 0] for c in range(n_chains)])
    chain = np.repeat(np.arange(n_chains), n)
    universe = mda.Universe.empty(
        len(where),
        len(where),
        n_segments=n_chains,
        atom_resindex=range(len(where)),
        residue_segindex=chain,
        trajectory=True,
    )
    universe.add_TopologyAttr("names", ["CA"] * len(where))
    universe.add_TopologyAttr("resnames", [resname] * len(where))
    universe.add_TopologyAttr("resids", np.tile(np.arange(1, n + 1), n_chains))
    universe.add_TopologyAttr("segids", [chr(65 + c) for c in range(n_chains)])
    universe.atoms.positions = where + 10
    return universe


def in_a_box(universe, positions, box):
    made = mda.Merge(universe.atoms)
    made.atoms.positions = positions
    made.dimensions = box
    return made


def beads_of(backmapper, made):
    return backmapper.mapping.project(made.positions_angstrom)


@pytest.mark.parametrize("box", BOXES)
def test_atoms_of_whole_chains_are_where_their_beads_are_in_any_image(box):
    # Each chain more than half a box from the end of the one before.
    box = np.array(BOXES[box], dtype=float)
    edges = cell_vectors(box) * (box[:3] > 0)[:, None]
    chains = helices(3)
    where = chains.atoms.positions.astype(float)
    where += np.repeat([[0, 0, 0], [1, 0, 0], [-1, 2, 0]], 12, axis=0) @ edges
    backmapper = Backmapper(in_a_box(chains, where, box))
    made = backmapper.sample(n=2, seed=1)
    assert np.abs(beads_of(backmapper, made) - where).max() < KEPT
    np.testing.assert_allclose(made.bead_positions[0], where, atol=KEPT)


@pytest.mark.parametrize("box", BOXES)
def test_atoms_of_cut_chains_are_those_of_whole_ones_by_the_box(box):
    box = np.array(BOXES[box], dtype=float)
    edges = cell_vectors(box) * (box[:3] > 0)[:, None]
    chains = helices(2)
    where = chains.atoms.positions.astype(float)
    whole = Backmapper(in_a_box(chains, where, box)).sample(seed=1)
    cut = where + np.random.default_rng(0).integers(-1, 2, where.shape) @ edges
    made = Backmapper(in_a_box(chains, cut, box)).sample(seed=1)
    steps = made.positions_angstrom[0] - whole.positions_angstrom[0]
    chain = np.array(made.atom_table.chain_ids)[made.atom_table.residue_of_atom]
    for name in "AB":
        # One lattice vector for each chain.
        assert np.ptp(steps[chain == name], axis=0).max() < SAME
    assert np.abs(minimize_vectors(steps, np.where(box == 0, 1e6, box))).max() < SAME


def test_chains_that_touch_through_a_wall_are_decoded_side_by_side():
    chains = helices(2, apart=7.0, resname="PHE")
    box = np.array([60.0, 60, 60, 90, 90, 90])
    where = chains.atoms.positions.astype(float)
    whole = Backmapper(in_a_box(chains, where, box)).sample(seed=1)
    apart = where.copy()
    apart[12:] -= [60, 0, 60]
    backmapper = Backmapper(in_a_box(chains, apart, box))
    made = backmapper.sample(seed=1)
    assert np.abs(beads_of(backmapper, made) - apart).max() < KEPT
    steps = made.positions_angstrom[0] - whole.positions_angstrom[0]
    assert np.abs(minimize_vectors(steps, box)).max() < SAME


def test_chains_with_a_bridge_are_whole_together():
    chains = helices(2, apart=5.5)
    chains.atoms[[5, 17]].residues.resnames = "CYS"
    box = np.array([60.0, 60, 60, 90, 90, 90])
    where = chains.atoms.positions.astype(float)
    where[12:] += [60, 0, 0]
    beads = in_a_box(chains, where, box)
    backmapper = Backmapper(protein_from_beads(beads, disulfides=[(5, 17)]))
    made = backmapper.sample(seed=1)
    names = np.array(made.atom_table.names)
    sulphurs = made.positions_angstrom[0][names == "SG"]
    assert np.linalg.norm(sulphurs[1] - sulphurs[0]) < 3.0
    assert np.abs(minimize_vectors(made.bead_positions[0] - where, box)).max() < KEPT


def test_written_frames_are_those_that_are_sampled(tmp_path):
    chains = helices(2, apart=7.0)
    box = np.array([60.0, 60, 60, 90, 90, 90])
    where = chains.atoms.positions.astype(float)
    where[12:] -= [60, 0, 60]
    backmapper = Backmapper(in_a_box(chains, where, box))
    path = backmapper.run(output=tmp_path / "a.xtc", seed=3, progress=False)
    made = backmapper.sample(seed=3)
    universe = mda.Universe.empty(made.atom_table.n_atoms, trajectory=True)
    universe.load_new(str(path))
    np.testing.assert_allclose(
        universe.atoms.positions, made.positions_angstrom[0], atol=0.006
    )
