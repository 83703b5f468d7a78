import pytest
import torch

from openmm_cgvae.model import CGVAE
from openmm_cgvae.model.refinement.one_molecule import (
    MoleculeRefinement,
    least_distances,
)
from openmm_cgvae.testing import (
    MOLECULE,
    assert_equivariant,
    assert_same,
    random_isometry,
    toy_batch,
    toy_config,
    toy_molecule,
    toy_noise,
)

pytestmark = pytest.mark.usefixtures("double_precision")


def refinement_to(batch, n_steps=30):
    """MoleculeRefinement that knows the frames of a batch and no others."""
    n_atoms = batch.n_atoms // batch.n_molecules
    one = batch.close_pairs[: len(batch.close_pairs) // batch.n_molecules]
    refinement = MoleculeRefinement(len(one), n_atoms, n_steps)
    refinement.learn(batch.atom_positions.reshape(-1, n_atoms, 3), one)
    return refinement


def disturbed(batch, by=0.3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(batch.n_atoms, 3, generator=generator, dtype=torch.float64)
    return batch.atom_positions + by * noise


def bead_centres(positions, batch):
    zeros = positions.new_zeros(batch.n_beads, 3)
    return zeros.index_add(0, batch.bead_of_atom, batch.weights[:, None] * positions)


@pytest.fixture
def batch():
    return toy_batch(MOLECULE, n_frames=4)


def test_refinement_keeps_the_beads(batch):
    before = disturbed(batch)
    after = refinement_to(batch)(before, batch)
    assert (after - before).abs().max() > 0.05
    assert_same(bead_centres(after, batch), bead_centres(before, batch))


def test_refinement_leaves_the_data_alone():
    # Of a single frame every distance is its own mean.
    batch = toy_batch(MOLECULE)
    assert_same(
        refinement_to(batch)(batch.atom_positions, batch), batch.atom_positions, 1e-7
    )


def test_rotation_and_reflection_equivariance(batch):
    refinement = refinement_to(batch)

    def refined(given):
        return refinement(given.atom_positions, given)

    moved = batch.with_positions(batch.bead_positions, disturbed(batch))
    for reflects in (False, True):
        isometry = random_isometry(reflects=reflects)
        assert_equivariant(refined, moved, isometry, 1e-7)


def test_copies_are_refined_as_if_alone(batch):
    refinement = refinement_to(batch)
    given = disturbed(batch)
    together = refinement(given, batch).reshape(4, -1, 3)
    one = toy_batch(MOLECULE)
    for structure, made in zip(given.reshape(4, -1, 3), together, strict=True):
        assert_same(refinement(structure, one), made)


def test_a_stretched_bond_and_a_clash_are_mended():
    # Four atoms in a row, 1.5 A apart, in one bead: what is far is at 3 A or more.
    molecule = toy_molecule([0, 0, 0, 0])
    row = torch.tensor([[0.0, 0, 0], [1.5, 0, 0], [1.5, 1.5, 0], [0, 1.5, 0.3]])
    batch = toy_batch(molecule)
    right = batch.with_positions(row.mean(0, keepdim=True), row)
    refinement = refinement_to(right, n_steps=200)
    wrong = row.clone()
    wrong[1, 0] += 0.6
    wrong[3] = torch.tensor([0.0, 0.5, 0.3])
    made = refinement(wrong, right)
    first, second = right.close_pairs.unbind(1)
    lengths = (made[first] - made[second]).norm(dim=-1)
    assert_same(lengths, refinement.mean, 1e-3)
    apart = torch.cdist(made, made)
    assert (apart >= refinement.least - 1e-3).all()


def all_pairs_at_every_step(refinement, positions, batch):
    """Refine by the definition, one pair after another."""
    n_atoms = batch.n_atoms // batch.n_molecules
    for _ in range(refinement.n_steps):
        step = refinement._bond_moves(positions, batch)
        for offset in range(0, batch.n_atoms, n_atoms):
            for i in range(n_atoms):
                for j in range(n_atoms):
                    gap = positions[offset + i] - positions[offset + j]
                    lacking = refinement.least[i, j] - gap.norm()
                    if i != j and lacking > 0:
                        step[offset + i] += 0.5 * 0.4 * lacking * gap / gap.norm()
        drift = bead_centres(step, batch)
        positions = positions + step - drift[batch.bead_of_atom]
    return positions


def test_crowded_pairs_are_all_that_are_too_close(batch):
    refinement = refinement_to(batch, n_steps=7)
    given = disturbed(batch)
    expected = all_pairs_at_every_step(refinement, given, batch)
    assert_same(refinement(given, batch), expected, 1e-9)


def test_least_distances_leave_out_what_is_bonded_and_what_is_far(batch):
    n_atoms = MOLECULE.mapping.n_atoms
    pairs = toy_batch(MOLECULE).close_pairs
    frames = batch.atom_positions.reshape(-1, n_atoms, 3)
    least = least_distances(frames, pairs)
    assert (least == least.T).all()
    assert (least[pairs[:, 0], pairs[:, 1]] == 0).all()
    assert least.max() <= 3.0
    first, second = torch.triu(least).nonzero().unbind(1)
    closest = (frames[:, first] - frames[:, second]).norm(dim=-1).amin(0)
    assert_same(least[first, second], closest.clamp(max=3.0), 1e-6)


def test_samples_are_refined_and_decoded_structures_are_not():
    config = toy_config(refinement_steps=20)
    model = CGVAE(config, ("1", "6", "7", "8"), MOLECULE).double()
    batch = toy_batch(MOLECULE, n_frames=3)
    model.refinement.learn(
        batch.atom_positions.reshape(3, -1, 3), toy_batch(MOLECULE).close_pairs
    )
    noise = toy_noise(batch)
    latents = model.prior(batch).draw(noise)
    raw = model.decode(batch, latents)
    assert_same(model.sample(batch, noise), model.refinement(raw, batch))
    assert (model.sample(batch, noise) - raw).abs().max() > 0.01
