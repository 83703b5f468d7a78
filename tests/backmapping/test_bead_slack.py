"""Beads that no atoms fit may move a little, where the user allows it."""

import MDAnalysis as mda
import numpy as np
import pytest
from test_any_protein import trace

from openmm_cgvae import Backmapper, coarse_grain, metrics
from openmm_cgvae.chemistry.proteins import family_mapping

SLACK = 0.5  # Å


def stretched(by=0.8):
    """Martini beads whose side chains were pulled from the backbone by some Å."""
    sample = Backmapper(trace()).sample(n=1, seed=2)
    mapping = family_mapping(sample.atom_table, "martini3")
    mapped = coarse_grain(sample.to_universe(), mapping)
    beads = mda.Merge(mapped.atoms)
    places = mapped.atoms.positions.astype(np.float64)
    backbone = places[beads.atoms.names == "BB"][beads.atoms.resindices]
    arms = places - backbone
    lengths = np.linalg.norm(arms, axis=1, keepdims=True)
    pull = np.divide(by * arms, lengths, out=np.zeros_like(arms), where=lengths > 0)
    beads.atoms.positions = places + pull
    return beads


def longest_bond(states):
    """The longest bond between carbons and nitrogens."""
    table = states.atom_table
    bonds = table.bonds[np.isin(table.atomic_numbers[table.bonds], (6, 7)).all(1)]
    return metrics.bond_lengths(states.positions_angstrom, bonds).max()


def moved(states, beads):
    made = states.mapping.project(states.positions_angstrom)
    return np.linalg.norm(made - beads.atoms.positions, axis=-1)


def test_beads_are_kept_by_default():
    beads = stretched()
    assert moved(Backmapper(beads).sample(n=2, seed=1), beads).max() < 1e-4


def test_beads_move_within_the_slack_where_bonds_were_too_long():
    beads = stretched()
    kept = Backmapper(beads).sample(n=2, seed=1)
    states = Backmapper(beads, bead_slack=SLACK).sample(n=2, seed=1)
    far = moved(states, beads)
    assert 0.2 < far.max() < SLACK + 1e-4
    assert longest_bond(states) < longest_bond(kept) - 0.05
    made = states.mapping.project(states.positions_angstrom)
    np.testing.assert_allclose(states.bead_positions, made, atol=1e-9)
    assert states.report().columns["bead_residual"].max() < 1e-4


def test_sound_structures_are_those_without_slack():
    beads = trace()
    kept = Backmapper(beads).sample(n=16, seed=1)
    states = Backmapper(beads, bead_slack=SLACK).sample(n=16, seed=1)
    is_sound = np.abs(states.positions_angstrom - kept.positions_angstrom) < 1e-4
    assert is_sound.all(axis=(1, 2)).any()


def test_relaxing_holds_the_beads_where_they_went():
    beads = stretched(0.4)
    states = Backmapper(beads, bead_slack=SLACK).sample(n=1, seed=1)
    relaxed = states.relax().ensemble
    off = states.mapping.project(relaxed.positions_angstrom) - states.bead_positions
    assert np.linalg.norm(off, axis=-1).max() < 0.1


def test_run_moves_beads_as_sample_does(tmp_path):
    beads = stretched()
    mapper = Backmapper(beads, bead_slack=SLACK)
    path = mapper.run(output=tmp_path / "atoms.pdb", seed=3, progress=False)
    written = mda.Universe(str(path)).atoms.positions
    made = mapper.sample(n=1, seed=3).positions_angstrom[0]
    np.testing.assert_allclose(written, made, atol=2e-3)


@pytest.mark.parametrize("slack", [-0.1, 1.5, float("nan"), float("inf")])
def test_a_slack_that_is_no_little_way_is_refused(slack):
    with pytest.raises(ValueError, match=r"`bead_slack` is .* from 0, beads are kept"):
        Backmapper(trace(), bead_slack=slack)


def test_models_that_keep_their_beads_refuse_slack():
    beads = mda.Universe.empty(3, 3, atom_resindex=[0, 1, 2], trajectory=True)
    beads.add_TopologyAttr("names", ["RES"] * 3)
    beads.add_TopologyAttr("resnames", ["ACE", "ALA", "NME"])
    with pytest.raises(ValueError, match="this model keeps its beads; leave it out"):
        Backmapper(beads, "alanine-dipeptide-3", bead_slack=0.2)
