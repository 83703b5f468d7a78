import numpy as np
import pytest
import torch
from test_any_molecule import FRAMES, batch_of, molecule_of

from openmm_cgvae import metrics
from openmm_cgvae.model.refinement.contact_search import ContactSearch
from openmm_cgvae.model.refinement.fault_repair import FaultRepair
from openmm_cgvae.model.refinement.geometry_statistics import GeometryStatistics
from openmm_cgvae.model.refinement.geometry_terms import GeometryTerms
from openmm_cgvae.model.refinement.strain import (
    FLAT_AMIDE,
    STIFFNESS_OF_AMIDES,
    STIFFNESS_OF_CONTACTS,
    STIFFNESS_OF_PAIRS,
    STIFFNESS_OF_VOLUMES,
    Strain,
    amide_twists,
    torsion_gradients,
    volume_gradients,
)
from openmm_cgvae.testing import assert_same

pytestmark = pytest.mark.usefixtures("double_precision")
MOLECULE = molecule_of("mass")
TABLE, MAPPING = MOLECULE.atom_table, MOLECULE.mapping


def statistics():
    return GeometryStatistics.learned([(TABLE, FRAMES)])


def repaired(frames, beads=None, bead_slack=0.0):
    """Repair frames whose beads were put where they should be."""
    frames = np.array(frames, dtype=np.float64)
    if beads is not None:
        frames += MAPPING.lift(beads - MAPPING.project(frames))
    geometry = statistics()
    search = ContactSearch(geometry, TABLE)
    weights = torch.tensor(MAPPING.weights)
    owner = torch.tensor(MAPPING.bead_of_atom)
    squares = torch.zeros(MAPPING.n_beads).index_add(0, owner, weights**2)
    repair = FaultRepair(
        GeometryTerms.of(geometry, MOLECULE),
        search,
        MOLECULE,
        weights / squares[owner],
    )
    batch = batch_of(MOLECULE, frames)
    none = torch.empty(0, dtype=torch.long)
    contacts = none, none, torch.empty(0)
    made = repair(batch.atom_positions, batch, contacts, bead_slack)
    return made.reshape(frames.shape).numpy()


def cis(frame):
    """Turn what comes after the first amide's nitrogen by half a turn about it."""
    _, carbon, nitrogen, _ = TABLE.amides[0]
    axis = frame[nitrogen] - frame[carbon]
    axis /= np.linalg.norm(axis)
    later = np.arange(TABLE.n_atoms) >= nitrogen
    arms = frame - frame[nitrogen]
    turned = 2 * (arms @ axis)[:, None] * axis - arms
    return np.where(later[:, None], frame[nitrogen] + turned, frame)


def twists(frames):
    return 180 - np.abs(metrics.dihedral_angles(frames, TABLE.amides))


def test_gradients_of_torsions_and_volumes_are_those_of_autograd():
    generator = torch.Generator().manual_seed(1)
    ends = torch.randn(4, 7, 3, generator=generator, requires_grad=True)
    for function in (torsion_gradients, volume_gradients):
        values, slopes = function(list(ends.unbind(0)))
        (expected,) = torch.autograd.grad(values.sum(), ends)
        assert_same(torch.stack(slopes), expected, 1e-9)


def test_torsions_are_those_of_the_metrics():
    frames = torch.from_numpy(FRAMES)
    values, _ = torsion_gradients([frames[:, row] for row in TABLE.amides.T])
    expected = np.radians(metrics.dihedral_angles(FRAMES, TABLE.amides))
    np.testing.assert_allclose(np.abs(values.numpy()), np.abs(expected), atol=1e-6)


def literal_energy(positions, strain, contacts):
    """Add half the stiffness times the square of what is beyond the tolerance."""
    first, second = positions[strain.pairs.T]
    lengths = (first - second).norm(dim=-1)
    beyond = ((lengths - strain.mean).abs() - strain.tolerance).clamp(min=0)
    energy = (strain.stiffness * beyond**2).sum()
    centre, *ends = positions[strain.centres.T]
    a, b, c = (end - centre for end in ends)
    volumes = (a * torch.linalg.cross(b, c)).sum(-1)
    lacking = (strain.least_volume - volumes).clamp(min=0)
    energy = energy + STIFFNESS_OF_VOLUMES * (lacking**2).sum()
    torsions, _ = torsion_gradients(list(positions[strain.amides.T]))
    twisted = amide_twists(torsions, strain.may_be_cis).abs() - FLAT_AMIDE
    energy = energy + STIFFNESS_OF_AMIDES * (twisted.clamp(min=0) ** 2).sum()
    first, second, least = contacts
    gaps = (positions[first] - positions[second]).norm(dim=-1)
    crowded = (least - gaps).clamp(min=0)
    return (energy + STIFFNESS_OF_CONTACTS * (crowded**2).sum()) / 2


def test_the_gradient_is_that_of_the_energy():
    noise = np.random.default_rng(2).normal(size=FRAMES[:2].shape)
    positions = torch.tensor((FRAMES[:2] + 0.5 * noise).reshape(-1, 3))
    positions.requires_grad_()
    terms = GeometryTerms.of(statistics(), MOLECULE)
    everything = torch.ones(2, TABLE.n_atoms, dtype=torch.bool)
    strain = Strain.around(terms, everything)
    contacts = torch.tensor([0, 1]), torch.tensor([12, 30]), torch.tensor([9.0, 9.0])
    energy = literal_energy(positions, strain, contacts)
    (expected,) = torch.autograd.grad(energy, positions)
    assert energy > 100
    assert_same(strain.gradient(positions.detach(), contacts), expected, 1e-9)
    assert len(STIFFNESS_OF_PAIRS) == terms.n_bonds.max()


def test_sound_structures_stay_to_the_bit_beside_faulty_ones():
    frames = np.array([FRAMES[0], cis(FRAMES[1]), FRAMES[2]])
    made = repaired(frames)
    np.testing.assert_array_equal(made[[0, 2]], frames[[0, 2]])
    assert np.abs(made[1] - frames[1]).max() > 0.5


def test_cis_amides_become_trans_with_the_beads_kept():
    beads = MAPPING.project(FRAMES[:4])
    made = repaired([cis(frame) for frame in FRAMES[:4]], beads)
    assert twists(np.array([cis(frame) for frame in FRAMES[:4]])).max() > 150
    assert twists(made).max() < 40
    np.testing.assert_allclose(MAPPING.project(made), beads, atol=1e-6)
    lengths = metrics.bond_lengths(made, TABLE.bonds)
    right = metrics.bond_lengths(FRAMES, TABLE.bonds).mean(0)
    assert np.abs(lengths - right).max() < 0.15


def test_wrong_chirality_becomes_correct_with_the_beads_kept():
    beads = MAPPING.project(FRAMES[:4])
    mirrored = FRAMES[:4] * [1, 1, -1]
    made = repaired(mirrored, beads)
    assert (metrics.signed_volumes(made, TABLE.stereocentres) > 0.5).all()
    np.testing.assert_allclose(MAPPING.project(made), beads, atol=1e-6)


def test_beads_that_no_atoms_fit_move_within_the_slack_and_no_farther():
    beads = MAPPING.project(FRAMES[:4])
    apart = beads + (beads - beads.mean(1, keepdims=True)) * 0.25
    exact, slack = repaired(FRAMES[:4], apart), repaired(FRAMES[:4], apart, 0.4)

    def strain(made):
        right = metrics.bond_lengths(FRAMES, TABLE.bonds).mean(0)
        return np.abs(metrics.bond_lengths(made, TABLE.bonds) - right).max()

    def moved(made):
        return np.linalg.norm(MAPPING.project(made) - apart, axis=-1).max()

    assert moved(exact) < 1e-6
    assert 0.1 < moved(slack) < 0.4 + 1e-6
    assert strain(slack) < 0.7 * strain(exact)


def test_amides_are_trans_but_where_nitrogen_bears_no_hydrogen():
    omega = torch.tensor([0.2, -0.2, 3.0, -3.0])
    trans = amide_twists(omega, torch.tensor(False).expand(4))
    either = amide_twists(omega, torch.tensor(True).expand(4))
    turn = np.pi - np.array([0.2, 0.2, 3.0, 3.0])
    np.testing.assert_allclose(trans.abs(), turn, atol=1e-12)
    np.testing.assert_allclose(either, [0.2, -0.2, 3 - np.pi, np.pi - 3], atol=1e-12)
