"""Numbers gathered part by part are those of the definitions on the whole."""

import math

import numpy as np
import pytest

from openmm_cgvae import metrics
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.metrics import sample_metrics as measuring
from openmm_cgvae.metrics.sample_metrics import Measurement, chunks
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.testing import molecule_in_memory
from openmm_cgvae.testing.dipeptide import BEADS, peptide

N_FRAMES, N_SAMPLES = 6, 4


@pytest.fixture(scope="module")
def table():
    return AtomTable.from_universe(peptide())


@pytest.fixture(scope="module")
def truth():
    noise = 0.03 * np.random.default_rng(0).normal(size=(N_FRAMES, 22, 3))
    return peptide().atoms.positions.astype(float) + noise


@pytest.fixture(scope="module")
def samples(truth):
    # Noise of such a size that some samples are valid and some are not.
    noise = np.random.default_rng(1).normal(size=(N_FRAMES, N_SAMPLES, 22, 3))
    size = np.linspace(0.01, 0.07, N_SAMPLES)[:, None, None]
    return truth[:, None] + size * noise


def measured(table, truth, samples, parts):
    measurement = Measurement(table, Mapping(BEADS), truth)
    for part in parts:
        measurement.add(part, samples[part])
    return measurement.numbers()


def same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value == pytest.approx(other[name], nan_ok=True), name


def test_parts_make_the_whole(table, truth, samples):
    whole = measured(table, truth, samples, [slice(0, N_FRAMES)])
    same(whole, measured(table, truth, samples, [slice(0, 1), slice(1, 6)]))


def test_numbers_are_those_of_the_definitions(table, truth, samples):
    numbers = measured(table, truth, samples, [slice(0, N_FRAMES)])
    for kind, mask in (("heavy", table.is_heavy), ("all", None)):
        score = metrics.energy_score(samples, truth, mask)
        assert numbers[f"energy_score_{kind}"] == pytest.approx(score)
        ratio = metrics.calibration(samples, truth, mask)
        assert numbers[f"calibration_{kind}"] == pytest.approx(ratio)
        graphs = metrics.compare_bond_graphs(
            samples, table.atomic_numbers, table.bonds, heavy_only=kind == "heavy"
        )
        assert numbers[f"valid_{kind}"] == graphs.is_valid.mean()
        difference = graphs.graph_difference.mean()
        assert numbers[f"lambda_{kind}"] == pytest.approx(difference)
        signed = graphs.lambda_signed.mean()
        assert numbers[f"lambda_{kind}_as_coded"] == pytest.approx(signed)
        for average, suffix in (("root mean square", ""), ("mean", "_as_coded")):
            expected = metrics.rmsd_gen(
                samples, truth, graphs.is_valid, mask, average=average
            )
            assert numbers[f"rmsd_gen_{kind}{suffix}"] == pytest.approx(expected)
    assert 0 < numbers["valid_all"] < 1


def pulled(table, truth, atom, shift):
    """Samples like the truth, but for one atom in every second one."""
    samples = np.repeat(truth[:, None], 2, axis=1)
    samples[:, 1, atom] += shift
    return measured(table, truth, samples, [slice(0, len(truth))])


def test_a_bond_missing_and_one_too_many_cancel_as_coded():
    """A hydrogen goes from one oxygen to another, in one of two samples."""
    peroxide = AtomTable.from_universe(
        molecule_in_memory("OHOO", [(0, 1), (2, 3)], [[0, 0, 0]] * 4)
    )
    right = np.array([[[0.0, 0, 0], [0.9, 0, 0], [5.0, 0, 0], [6.2, 0, 0]]])
    wrong = right.copy()
    wrong[:, 1] = [4.1, 0, 0]
    measurement = Measurement(peroxide, Mapping([0, 0, 1, 1]), right)
    measurement.add(slice(0, 1), np.stack([right, wrong], axis=1))
    numbers = measurement.numbers()
    assert (numbers["valid_all"], numbers["valid_heavy"]) == (0.5, 1.0)
    # One of two bonds is missing, one is new: 2 / 2 or 0 / 2, in half of the samples.
    assert numbers["lambda_all"] == 0.5
    assert numbers["lambda_all_as_coded"] == 0.0


def test_a_clash_of_heavy_atoms_by_hand():
    """Two diatomics 1.5 A apart: nearer than 2.0, further than 1.2."""
    table = AtomTable.from_universe(
        molecule_in_memory("COOC", [(0, 1), (2, 3)], [[0, 0, 0]] * 4)
    )
    near = np.array([[[0.0, 0, 0], [1.2, 0, 0], [2.7, 0, 0], [3.9, 0, 0]]])
    far = near + np.array([0, 0, 9.0, 9.0])[:, None]
    measurement = Measurement(table, Mapping([0, 0, 1, 1]), far)
    measurement.add(slice(0, 1), np.stack([near, far], axis=1))
    numbers = measurement.numbers()
    assert numbers["clashes_heavy"] == 0.5
    assert numbers["clashes_all"] == 0.0


def test_errors_of_bonds_and_angles_by_hand():
    water = AtomTable.from_universe(
        molecule_in_memory("OHH", [(0, 1), (0, 2)], [[0, 0, 0]] * 3)
    )
    # Two frames with bonds of 0.9 and 1.1 at a right angle; samples are 1.2 long.
    corner = np.array([[0.0, 0, 0], [1.0, 0, 0], [0, 1.0, 0]])
    truth = np.stack([0.9 * corner, 1.1 * corner])
    wide = np.array([[0.0, 0, 0], [0.6, -0.6 * math.sqrt(3), 0], [0, 1.2, 0]])
    samples = np.broadcast_to(wide, (2, 2, 3, 3))
    measurement = Measurement(water, Mapping([0, 0, 0]), truth)
    measurement.add(slice(0, 2), samples)
    numbers = measurement.numbers()
    assert numbers["bond_length_error"] == pytest.approx(0.2)
    assert numbers["bond_length_error_of_data"] == pytest.approx(0.1)
    assert numbers["bond_angle_error"] == pytest.approx(60.0)
    assert numbers["bond_angle_error_of_data"] == pytest.approx(0.0, abs=1e-6)
    assert "jsd_chi" not in numbers
    assert math.isnan(numbers["correct_chirality"])


def test_divergence_of_torsions_by_hand(table, truth):
    # One torsion of frames and samples each: of two bins, half is shared.
    numbers = measured(table, truth[:1], truth[:1, None].repeat(2, 1), [slice(0, 1)])
    assert numbers["jsd_phi_psi"] == 0.0
    mirrored = truth[:1] * [1, 1, -1]
    numbers = measured(table, truth[:1], mirrored[:, None].repeat(2, 1), [slice(0, 1)])
    assert numbers["jsd_phi_psi"] == 1.0
    both = np.stack([truth[0], mirrored[0]])[None]
    numbers = measured(table, truth[:1], both, [slice(0, 1)])
    # p = (1, 0), q = (1/2, 1/2): half of log2(4/3) and half of (log2(2/3) + 1) / 2.
    expected = 0.5 * math.log2(4 / 3) + 0.25 * (math.log2(2 / 3) + 1)
    assert numbers["jsd_phi_psi"] == pytest.approx(expected)


def test_half_a_turn_of_a_phenyl_ring_changes_nothing():
    table = AtomTable.from_universe(peptide("chignolin"))
    truth = peptide("chignolin").atoms.positions.astype(float)[None]
    turned = truth.copy()
    names = np.array(table.names)
    first = table.residue_of_atom == 1
    for one, other in (("CD1", "CD2"), ("CE1", "CE2"), ("HD1", "HD2"), ("HE1", "HE2")):
        pair = [np.flatnonzero(first & (names == name))[0] for name in (one, other)]
        turned[:, pair] = turned[:, pair[::-1]]
    measurement = Measurement(table, Mapping(table.residue_of_atom), truth)
    measurement.add(slice(0, 1), np.stack([truth, turned], axis=1))
    numbers = measurement.numbers()
    assert numbers["error_heavy"] > 0.2
    assert numbers["jsd_chi"] == 0.0


def test_structures_that_are_none_count_as_wrong(table, truth):
    samples = np.repeat(truth[:1, None], 2, axis=1)
    samples[0, 0] = np.nan
    numbers = measured(table, truth[:1], samples, [slice(0, 1)])
    assert numbers["valid_all"] == 0.5
    assert math.isnan(numbers["error_all"])
    assert math.isfinite(numbers["jsd_phi_psi"])


def test_parts_cover_all_frames_and_are_small():
    parts = list(chunks(1000, 32, 175))
    assert [i for part in parts for i in range(part.start, part.stop)] == list(
        range(1000)
    )
    largest = max(part.stop - part.start for part in parts)
    assert largest * 32 * 175 * 3 * 8 <= measuring.CHUNK_BYTES
