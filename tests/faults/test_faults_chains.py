"""Reproductions of faults with images and chains that real files had."""

import MDAnalysis as mda
import numpy as np
import pytest

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
