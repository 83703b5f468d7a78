"""Reproductions of faults that reports did not see, or could not be made for."""

import resource
import time

import numpy as np
import pytest

from benchmarks.condensate import coils
from openmm_cgvae import AtomisticEnsemble, Backmapper
from openmm_cgvae.mapping.replicas import repeat

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two_chains():
    universe = coils(2, 40)
    return Backmapper(universe).sample(seed=1)


def changed(ensemble, positions):
    return AtomisticEnsemble(
        ensemble.atom_table,
        positions,
        ensemble.mapping,
        ensemble.bead_positions,
        ensemble.box,
        given_beads=ensemble.given_beads,
    )


def test_a1_a_chain_in_another_image_is_reported(two_chains):
    positions = two_chains.positions_angstrom.copy()
    second = np.array(two_chains.atom_table.residue_of_atom) >= 40
    positions[:, second] += [0.0, 0.0, two_chains.box[0, 2]]
    before = two_chains.report().columns["n_displaced_chains"][0]
    report = changed(two_chains, positions).report()
    after = report.columns["n_displaced_chains"][0]
    assert (before, after) == (0, 1)
    assert not report.is_good[0]
    print("A1 a chain a box away: 1 chain is reported, and no bead off")  # noqa: T201


def test_a3_collapsed_chains_are_reported(two_chains):
    table = two_chains.atom_table
    positions = two_chains.positions_angstrom.copy()
    carbons = [i for i, name in enumerate(table.names) if name == "CB"]
    for i, carbon in enumerate(carbons):
        (alpha,) = (a for a in table.neighbours[carbon] if table.names[a] == "CA")
        arm = positions[0, carbon] - positions[0, alpha]
        positions[0, carbon] = positions[0, alpha] + (0.01, 1.6)[i % 2] * arm
    report = changed(two_chains, positions).report()
    n_wrong = report.columns["n_wrong_bonds"][0]
    assert n_wrong >= len(carbons)
    assert not report.is_good[0]
    print(f"A3 bonds of 0.02 and 2.4 Å: {n_wrong} are reported")  # noqa: T201


def test_a4_cis_amides_and_chirality_are_reported_with_their_residues(two_chains):
    mirrored = -two_chains.positions_angstrom
    report = changed(two_chains, mirrored).report()
    n_wrong = report.columns["n_wrong_stereocentres"][0]
    assert n_wrong == len(two_chains.atom_table.stereocentres)
    print(f"A4 a mirror image: {n_wrong} wrong stereocentres are reported")  # noqa: T201


def test_b13_a_report_of_many_atoms_takes_seconds(two_chains):
    n_copies = 150
    shift = np.arange(n_copies)[:, None, None] * [0.0, 0.0, two_chains.box[0, 2]]
    box = two_chains.box[0].copy()
    box[2] *= n_copies
    large = AtomisticEnsemble(
        repeat(two_chains.atom_table, n_copies),
        (two_chains.positions_angstrom + shift).reshape(1, -1, 3),
        repeat(two_chains.mapping, n_copies),
        (two_chains.bead_positions + shift).reshape(1, -1, 3),
        box,
    )
    start = time.process_time()
    report = large.report()
    seconds = time.process_time() - start
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    n_atoms = large.atom_table.n_atoms
    assert n_atoms > 150_000
    assert seconds < 60
    assert gigabytes < 4
    one = two_chains.report().columns
    for name in ("n_clashes", "n_wrong_bonds", "n_pierced_rings"):
        assert report.columns[name][0] == n_copies * one[name][0]
    print(f"B13 {n_atoms} atoms: {seconds:.0f} CPU s, {gigabytes:.1f} GB")  # noqa: T201


def test_a3_a_trajectory_with_faults_tells_of_them(tmp_path):
    universe = coils(1, 30)
    whole = universe.atoms.positions
    torn = whole.copy()
    torn[15] += 9.0  # no bonds reach there
    universe.load_new(np.stack([whole, torn]), dimensions=universe.dimensions)
    written = Backmapper(universe).run(output=tmp_path / "a.xtc", progress=False)
    assert 1 in {each.frame for each in written.faults}
    print(f"A3 in a trajectory: {written.faults[-1]}")  # noqa: T201
