"""Beads that are not what they seem: what came out of each kind of them."""

import MDAnalysis as mda
import numpy as np
import pytest

from openmm_cgvae import Backmapper

pytestmark = pytest.mark.slow


def beads_of(sequence, names, positions, resids=None):
    """Make a universe of one bead per residue."""
    n = len(sequence)
    universe = mda.Universe.empty(n, n, atom_resindex=range(n), trajectory=True)
    universe.add_TopologyAttr("resnames", list(sequence))
    universe.add_TopologyAttr("resids", list(resids or range(1, n + 1)))
    universe.add_TopologyAttr("names", list(names))
    universe.atoms.positions = positions
    return universe


def heavy_bonds(ensemble):
    table = ensemble.atom_table
    bonds = table.bonds[table.is_heavy[table.bonds].all(1)]
    ends = ensemble.positions_angstrom[:, bonds]
    return np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=-1)


def outcome(ensemble):
    columns = ensemble.report().columns
    lengths = heavy_bonds(ensemble)
    return (
        f"{int(columns['n_wrong_stereocentres'].sum())} wrong stereocentres, "
        f"{int(columns['n_cis_amides'].sum())} cis amides, "
        f"{lengths.min():.2f}-{lengths.max():.2f} Å"
    )


def test_a3_straight_chains_have_a_parity():
    rng = np.random.default_rng(0)
    letters = ["ALA", "GLY", "ASP", "GLU", "TRP", "PHE", "SER", "ARG", "PRO", "ASN"]
    sequence = rng.choice(letters, 236)
    line = np.arange(236)[:, None] * [0.0, 0.0, 3.8] - [0, 0, 446.5]
    ensemble = Backmapper(beads_of(sequence, ["CA"] * 236, line)).sample(n=2, seed=0)
    print(f"A3 a straight chain of 236: {outcome(ensemble)}")
    columns = ensemble.report().columns
    assert not columns["n_wrong_stereocentres"].any()
    assert heavy_bonds(ensemble).min() > 1.0
    assert heavy_bonds(ensemble).max() < 2.0
