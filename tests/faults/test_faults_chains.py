"""Reproductions of faults with images and chains that real files had."""

import copy

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.lib.distances import distance_array

from openmm_cgvae import Backmapper

pytestmark = pytest.mark.slow


def alpha_carbons(positions, sequence, *, segids=None, resids=None, box=None):
    """Make alpha carbons, chain after chain."""
    positions = np.concatenate(positions)
    n, n_segments = len(positions), len(segids or "A")
    universe = mda.Universe.empty(
        n,
        n,
        n_segments=n_segments,
        atom_resindex=range(n),
        residue_segindex=np.repeat(np.arange(n_segments), n // n_segments),
        trajectory=True,
    )
    universe.add_TopologyAttr("names", ["CA"] * n)
    universe.add_TopologyAttr("resnames", list(sequence) * (n // len(sequence)))
    universe.add_TopologyAttr(
        "resids", np.arange(1, n + 1) if resids is None else resids
    )
    if segids:
        universe.add_TopologyAttr("segids", list(segids))
    universe.atoms.positions = positions
    universe.dimensions = box
    return universe


def helix(n):
    turn = np.radians(100) * np.arange(n)
    return np.column_stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(n)])


def test_a1_chains_stay_in_the_image_of_their_beads():
    sequence = ["LEU", "GLU", "LYS", "ALA"] * 15
    box = np.array([110.0, 110, 110, 90, 90, 90])
    chains = [helix(60) + [30, 30, 8], helix(60) + [39.5, 30, 8]]
    beads = alpha_carbons(
        chains, sequence, segids="AB", resids=list(range(1, 61)) * 2, box=box
    )
    backmapper = Backmapper(beads)
    made = backmapper.sample(seed=1)
    off = np.abs(
        backmapper.mapping.project(made.positions_angstrom)[0] - beads.atoms.positions
    ).max()
    assert off < 1e-3
    assert made.report().columns["n_clashes"][0] == 0
    print(f"A1 two helices in a box of 110 Å: beads {off:.1e} Å off, no clashes")  # noqa: T201


def test_a1_chains_relax_by_the_box():
    sequence = ["LEU", "GLU", "PHE", "ALA"] * 5
    box = np.array([60.0, 60, 60, 90, 90, 90])
    # The second helix beside the first, through a wall of the box.
    chains = [helix(20) + [4, 30, 8], helix(20) + [4 - 8.5 + 60, 30, 8]]
    beads = alpha_carbons(
        chains, sequence, segids="AB", resids=list(range(1, 21)) * 2, box=box
    )
    made = Backmapper(beads).sample(seed=1)
    relaxed = made.relax(progress=False).ensemble
    table = made.atom_table
    chain = np.array(table.chain_ids)[table.residue_of_atom]
    where = relaxed.positions_angstrom[0]
    nearest = distance_array(where[chain == "A"], where[chain == "B"], box).min()
    assert nearest > 1.5
    assert (np.abs(relaxed.bead_positions[0] - beads.atoms.positions) < 1e-3).all()
    print(f"A1 helices that touch through a wall, relaxed: {nearest:.2f} Å apart")  # noqa: T201


def strands(n_strands, apart=4.8):
    """Make strands of a fibril, each going back beside the one before."""
    x, z = 3.3 * np.arange(7), 0.9 * (-1.0) ** np.arange(7)
    return [
        np.column_stack([x[:: -1 if s % 2 else 1], np.full(7, apart * s), z])
        for s in range(n_strands)
    ]


def test_a2_separate_peptides_stay_separate():
    sequence = ["LYS", "LEU", "VAL", "PHE", "PHE", "ALA", "GLU"]
    for resids in (list(range(1, 57)), list(range(1, 8)) * 8):
        beads = alpha_carbons(strands(8), sequence, resids=resids)
        backmapper = Backmapper(beads)
        n_chains = backmapper.atom_table.names.count("OXT")
        assert n_chains == 8
        assert any("broken" in note for note in backmapper.notes)
        print(f"A2 strands 4.8 Å apart: {n_chains} chains; {backmapper.notes[-1]}")  # noqa: T201


def test_a2_bonds_part_and_join():
    sequence = ["LYS", "LEU", "VAL", "PHE", "PHE", "ALA", "GLU"]
    beads = alpha_carbons(strands(8, apart=3.8), sequence)
    beads.add_TopologyAttr("bonds", [(i, i + 1) for i in range(55) if (i + 1) % 7])
    n_chains = Backmapper(beads).atom_table.names.count("OXT")
    assert n_chains == 8
    print(f"A2 strands whose ends are 3.8 Å apart, with bonds: {n_chains} chains")  # noqa: T201


def test_a8_a_cyclic_peptide_is_closed():
    turn = 2 * np.pi * np.arange(10) / 10
    radius = 3.8 / (2 * np.sin(np.pi / 10))
    wave = 0.4 * (-1.0) ** np.arange(10)
    ring = np.column_stack([radius * np.cos(turn), radius * np.sin(turn), wave])
    beads = alpha_carbons([ring], ["GLY", "ALA"])
    beads.add_TopologyAttr("bonds", [(i, (i + 1) % 10) for i in range(10)])
    ensemble = Backmapper(beads).sample(n=4, seed=1)
    table = ensemble.atom_table
    relaxed = ensemble.relax("amber14-all.xml", progress=False).ensemble
    names = np.array(table.names)
    first = int(np.flatnonzero(names == "N")[0])
    last = int(np.flatnonzero(names == "C")[-1])
    assert [first, last] in table.bonds.tolist()
    lengths = np.linalg.norm(
        relaxed.positions_angstrom[:, first] - relaxed.positions_angstrom[:, last],
        axis=1,
    )
    assert np.abs(lengths - 1.34).max() < 0.1
    print(f"A8 a ring of ten residues: its last bond is {lengths.max():.2f} Å long")  # noqa: T201


def martini_with_go_sites(water=0):
    """Make beads of Martini 3, the sites of all residues behind them, and water."""
    sequence = ["ALA", "GLY", "SER", "ALA", "GLY", "SER"]
    where = helix(6)
    rows = [("BB", name, i, where[i]) for i, name in enumerate(sequence)]
    rows += [
        ("SC1", name, i, where[i] * [1.9, 1.9, 1])
        for i, name in enumerate(sequence)
        if name != "GLY"
    ]
    rows.sort(key=lambda row: row[2])
    rows += [("CA", name, 6 + i, where[i]) for i, name in enumerate(sequence)]
    rows += [("W", "W", 12 + i, np.array([40.0, 0, 5 * i])) for i in range(water)]
    universe = mda.Universe.empty(
        len(rows), 12 + water, atom_resindex=[row[2] for row in rows], trajectory=True
    )
    universe.add_TopologyAttr("names", [row[0] for row in rows])
    universe.add_TopologyAttr("resnames", sequence * 2 + ["W"] * water)
    universe.add_TopologyAttr(
        "resids", [*range(1, 7), *range(1, 7), *range(1, water + 1)]
    )
    universe.atoms.positions = [row[3] for row in rows]
    return universe


def test_b10_go_sites_behind_the_beads_are_left_alone():
    alone = Backmapper(martini_with_go_sites())
    beside = Backmapper(martini_with_go_sites(water=4), unknown="drop")
    assert len(alone.beads) == len(beside.beads) == 10
    assert set(beside.dropped.names) == {"W"}
    print(f"B10 Go sites behind the beads: {alone!r}; with water: {beside!r}")  # noqa: T201


def test_b11_a_cap_that_no_model_knows_is_told():
    beads = alpha_carbons([helix(6)], ["ALA", "GLY", "SER", "ALA", "GLY", "NH2"])
    with pytest.raises(ValueError, match="leave its bead out") as caught:
        Backmapper(beads)
    print(f"B11 NH2: {caught.value}")  # noqa: T201


def test_b16_copies_are_deep_and_updating_groups_refused():
    beads = alpha_carbons([helix(6)], ["ALA", "GLY"])
    one = Backmapper(beads)
    other = copy.deepcopy(one)
    other.beads.translate([5, 0, 0])
    assert np.abs(one.beads.positions - other.beads.positions).max() == 5
    with pytest.raises(ValueError, match="updating group") as caught:
        Backmapper(beads.select_atoms("name CA", updating=True))
    print(f"B16 deep copy: {other!r}; updating: {caught.value}")  # noqa: T201
