"""How many distances and angles of neighbouring beads crystals hardly ever have."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from openmm_cgvae import Backmapper
from openmm_cgvae.chemistry.proteins import (
    FAMILIES,
    NeighbourGeometry,
    protein_from_beads,
)
from openmm_cgvae.chemistry.proteins.unusual_beads import (
    USUAL_ANGLES,
    USUAL_DISTANCES,
)
from tests.chemistry.proteins.beads import alpha_carbons

STATISTICS = Path(__file__).parents[3] / "benchmarks" / "bead_statistics.json"
SEQUENCE = "GLY ALA LEU SER LYS PHE ALA LEU SER LYS PHE ALA"
TURNS = np.radians(100) * np.arange(12)
HELIX = np.stack([2.3 * np.cos(TURNS), 2.3 * np.sin(TURNS), 1.5 * np.arange(12)], 1)


def geometry_of(beads):
    protein = protein_from_beads(beads, family="alpha-carbon")
    return NeighbourGeometry("alpha-carbon", protein.atom_table, protein.mapping)


def helix():
    return alpha_carbons(SEQUENCE, positions=HELIX)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_tables_are_those_of_the_crystals(family):
    found = json.loads(STATISTICS.read_text(encoding="utf-8"))["families"][family]
    assert [list(pair) for pair in USUAL_DISTANCES[family]] == found["distances"]
    assert [list(pair) for pair in USUAL_ANGLES[family]] == found["angles"]


def test_distances_and_angles_are_those_of_the_chain():
    geometry = geometry_of(helix())
    distances = np.linalg.norm(np.diff(HELIX, axis=0), axis=1)
    np.testing.assert_allclose(geometry.distances(HELIX), distances)
    # Of two steps of a helix the parts across its axis turn by 100 degrees.
    across, along = 2 * 2.3 * np.sin(np.radians(50)), 1.5
    cosine = (across**2 * np.cos(np.radians(100)) + along**2) / (across**2 + along**2)
    angle = 180 - np.degrees(np.arccos(cosine))
    np.testing.assert_allclose(geometry.angles(HELIX), np.full(10, angle))


def test_a_helix_is_usual_and_a_straight_chain_is_not():
    geometry = geometry_of(helix())
    line = 3.8 * np.arange(12)[:, None] * [1.0, 0, 0]
    assert geometry.unusual_fraction(HELIX) == 0
    # All ten angles of the 21 numbers.
    assert geometry.unusual_fraction(line) == pytest.approx(10 / 21)
    assert geometry.unusual_fraction(2 * line) == 1
    assert geometry.unusual_fraction(np.zeros((12, 3))) == 1


def test_frames_are_judged_one_by_one():
    geometry = geometry_of(helix())
    line = 3.8 * np.arange(12)[:, None] * [1.0, 0, 0]
    fractions = geometry.unusual_fraction(np.stack([HELIX, line, 2 * line]))
    np.testing.assert_allclose(fractions, [0, 10 / 21, 1])


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.floats(-3, 3)] * 3), st.floats(-100, 100))
def test_rigid_motions_and_reflections_change_nothing(turn, shift):
    geometry = geometry_of(helix())
    noisy = HELIX + np.random.default_rng(0).normal(scale=0.2, size=HELIX.shape)
    moved = -Rotation.from_rotvec(turn).apply(noisy) + shift
    assert geometry.unusual_fraction(moved) == geometry.unusual_fraction(noisy)


def test_neighbours_in_different_chains_do_not_count():
    positions = np.concatenate([HELIX, HELIX + 50])
    resids = [*range(1, 13)] * 2
    beads = alpha_carbons(f"{SEQUENCE} {SEQUENCE}", positions=positions, resids=resids)
    geometry = geometry_of(beads)
    assert len(geometry.pairs) == 22
    assert len(geometry.triples) == 20
    assert geometry.unusual_fraction(positions) == 0


def test_a_backmapper_notes_unusual_beads():
    assert not any("crystals" in note for note in Backmapper(helix()).notes)
    straight = alpha_carbons(SEQUENCE)
    notes = " ".join(Backmapper(straight).notes)
    assert "48 % of the distances and angles between neighbouring alpha-carbon" in notes


def test_a_box_does_not_make_beads_unusual():
    beads = helix()
    beads.dimensions = [30, 30, 30, 90, 90, 90]
    beads.atoms.wrap()
    assert not any("crystals" in note for note in Backmapper(beads).notes)


def test_a_run_tells_of_its_most_unusual_frame(tmp_path):
    beads = helix()
    line = 3.8 * np.arange(12)[:, None] * [1.0, 0, 0]
    beads.load_new(np.stack([HELIX, line, HELIX]))
    for frames, fraction in ((slice(None), 10 / 21), (slice(2, 3), 0)):
        written = Backmapper(beads).run(
            frames.start, frames.stop, output=tmp_path / "atoms.xtc", progress=False
        )
        assert written.unusual_beads == pytest.approx(fraction)
