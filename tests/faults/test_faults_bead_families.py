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


def helix(n, radius=2.3):
    turns = np.radians(100) * np.arange(n)
    return np.stack(
        [radius * np.cos(turns), radius * np.sin(turns), 1.5 * np.arange(n)], 1
    )


def test_a4_backbone_beads_on_alpha_carbons_are_served_with_a_note():
    sequence = ["LEU", "SER", "LYS", "VAL", "ASP"] * 6
    positions, names, residues = [], [], []
    for residue, place in enumerate(helix(30)):
        n_side = 2 if sequence[residue] == "LYS" else 1
        for bead in range(n_side + 1):
            names.append(f"SC{bead}" if bead else "BB")
            residues.append(residue)
            positions.append(place * [1 + bead, 1 + bead, 1])
    universe = mda.Universe.empty(
        len(names), 30, atom_resindex=residues, trajectory=True
    )
    universe.add_TopologyAttr("resnames", sequence)
    universe.add_TopologyAttr("resids", range(1, 31))
    universe.add_TopologyAttr("names", names)
    universe.atoms.positions = positions
    backmapper = Backmapper(universe)
    ensemble = backmapper.sample(n=2, seed=0)
    print(f"A4 BB on alpha carbons: {outcome(ensemble)}; {backmapper.notes[0][:60]}...")
    assert "taken for alpha carbons" in " ".join(backmapper.notes)
    assert not ensemble.report().columns["n_wrong_stereocentres"].any()
    assert not ensemble.report().columns["n_cis_amides"].any()
    assert heavy_bonds(ensemble).max() < 2.0


def test_b12_centres_of_mass_named_ca_are_told_by_distances():
    sequence = ["LEU", "SER", "LYS", "VAL", "ASP"] * 6
    centres = helix(30, radius=3.2)
    backmapper = Backmapper(beads_of(sequence, ["CA"] * 30, centres))
    ensemble = backmapper.sample(n=2, seed=0)
    print(f"B12 centres of mass named CA: {outcome(ensemble)}")
    assert "family='residue'" in " ".join(backmapper.notes)
    assert heavy_bonds(ensemble).max() < 2.3


def test_b12_chains_of_both_kinds_are_refused():
    steps = np.array([3.8] * 60 + [5.0] * 40)
    across = np.arange(100) % 2 * steps * np.sin(0.5)
    positions = np.stack([np.cumsum(steps * np.cos(0.5)), across, 0 * steps], 1)
    universe = beads_of(["LEU"] * 100, ["CA"] * 100, positions)
    with pytest.raises(LookupError, match="no model is for both") as caught:
        Backmapper(universe)
    print(f"B12 a disordered part and a domain: {str(caught.value)[:110]}...")


def test_b14_beads_named_by_amino_acids_are_read():
    universe = mda.Universe.empty(20, 1, atom_resindex=[0] * 20, trajectory=True)
    universe.add_TopologyAttr("names", list("GSKFDVLSYA") * 2)
    universe.add_TopologyAttr("resnames", [0])
    universe.add_TopologyAttr("resids", [0])
    bonds = [(i, i + 1) for start in (0, 10) for i in range(start, start + 9)]
    universe.add_TopologyAttr("bonds", bonds)
    universe.atoms.positions = np.concatenate([helix(10), helix(10) + [20, 0, 0]])
    backmapper = Backmapper(universe)
    ensemble = backmapper.sample(seed=0)
    table = backmapper.atom_table
    print(
        f"B14 beads of HOOMD: {outcome(ensemble)}, {' '.join(table.residue_names[:10])}"
    )
    assert table.residue_names[:3] == ("GLY", "SER", "LYS")
    assert table.names.count("OXT") == 2


def test_b14_side_chains_alone_are_refused():
    sequence = ["LEU", "SER", "LYS", "VAL", "ASP"] * 6
    universe = beads_of(sequence, ["SC"] * 30, helix(30, radius=4.5))
    with pytest.raises(LookupError, match="side chains alone") as caught:
        Backmapper(universe)
    print(f"B14 side chains alone: {str(caught.value)[:110]}...")
