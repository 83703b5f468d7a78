import pytest
import torch
from reference import equations
from test_encoder import ASSIGNMENTS, CUTOFFS, SMALL, leaves_of

from openmm_cgvae.model.decoder import (
    LocalFrameDecoder,
    VectorDecoder,
    place_atoms,
)
from openmm_cgvae.model.layers.bonded_frames import orthonormal
from openmm_cgvae.testing import (
    as_edge_lists,
    assert_same,
    assert_same_with_gradients,
    toy_batch,
    toy_config,
    toy_molecule,
    toy_noise,
)

pytestmark = pytest.mark.usefixtures("double_precision")


def stacked(vectors):
    return torch.stack([torch.stack(list(row), -1) for row in vectors])


class TestVectorDecoder:
    @pytest.mark.parametrize(
        ("n_beads", "layers", "init", "mixes"),
        [
            (1, 2, 1.0, False),
            (2, 3, 0.0, False),
            (3, 4, 0.0, False),
            (3, 3, 1.0, True),
            (6, 3, 1.0, False),
        ],
    )
    def test_is_eqs_5_6_and_8(self, n_beads, layers, init, mixes):
        config = toy_config(
            decoder_layers=layers,
            pseudoscalar_init=init,
            mixes_vectors=mixes,
            bead_degree=1.5,
            **SMALL,
            **CUTOFFS,
        )
        module = VectorDecoder(config)
        batch, (_, beads) = leaves_of(toy_batch(toy_molecule(ASSIGNMENTS[n_beads])))
        latents = toy_noise(batch, n_latents=2).requires_grad_()
        expected = stacked(equations.decoder(module, list(beads), latents))
        leaves = [beads, latents, *module.parameters()]
        for layout in (batch, as_edge_lists(batch)):
            assert_same_with_gradients(module(layout, latents), expected, leaves)


class TestLocalFrameDecoder:
    def decoder_and_batch(self, assignment):
        module = LocalFrameDecoder(toy_config(decoder="local_frames"))
        return module, toy_batch(toy_molecule(assignment))

    def test_is_smooth_at_the_cutoff(self):
        module, batch = self.decoder_and_batch([0, 1, 2])

        def vectors(distance):
            positions = torch.tensor([[0.0, 0, 0], [-1, 1, 0], [distance, 0, 0]])
            return module(batch.with_positions(positions), toy_noise(batch))[:2]

        cutoff = module.config.bead_cutoff
        assert_same(vectors(cutoff - 1e-5), vectors(cutoff + 1e-5), 1e-6)

    def test_does_not_jump_where_beads_become_collinear(self):
        module, batch = self.decoder_and_batch([0, 1, 2])
        latents = toy_noise(batch)

        def vectors(height):
            positions = torch.tensor([[0.0, 0, 0], [2, height, 0], [4, 0, 0]])
            return module(batch.with_positions(positions), latents)

        straight = vectors(0.0)
        assert_same(vectors(1e-6), straight, 1e-3)
        assert_same(vectors(-1e-6), straight, 1e-3)

    def test_collinear_beads_have_finite_gradients(self):
        module, batch = self.decoder_and_batch([0, 1, 2, 3])
        positions = torch.arange(4.0)[:, None] * torch.tensor([1.0, 0, 0])
        positions.requires_grad_()
        made = module(batch.with_positions(positions), toy_noise(batch))
        for gradient in torch.autograd.grad(
            made.square().sum(), [positions, *module.parameters()]
        ):
            assert torch.isfinite(gradient).all()

    def test_frames_are_orthonormal_and_right_handed(self):
        first, second = 10 * torch.randn(5, 3, 1), 10 * torch.randn(5, 3, 1)
        frames = orthonormal(first, second)[..., 0]
        # Axes are shortened by what makes them fade, 1e-2 against about 10.
        identity = torch.eye(3).expand(5, 3, 3)
        assert_same(frames.transpose(1, 2) @ frames, identity, 1e-4)
        assert (torch.linalg.det(frames) > 0.99).all()


class TestPlaceAtoms:
    @pytest.mark.parametrize("weights", [None, [1.0, 0.0, 2.0, 0.5, 0.0, 3.0]])
    def test_is_section_4_3_with_its_matrices(self, weights):
        molecule = toy_molecule([1, 0, 1, 0, 1, 1], weights)
        batch = toy_batch(molecule)
        vectors = torch.randn(2, 3, 5, requires_grad=True)
        beads = batch.bead_positions.requires_grad_()
        raw = [1.0] * 6 if weights is None else weights
        expected = equations.placed(
            [[vectors[i, :, c] for c in range(5)] for i in range(2)],
            beads,
            batch.bead_of_atom.tolist(),
            raw,
        )
        made = place_atoms(
            vectors,
            beads,
            batch.bead_of_atom,
            batch.channel_of_atom,
            batch.weights,
        )
        assert_same_with_gradients(made, expected, [vectors, beads])

    def test_channels_are_ranks_in_the_bead(self):
        # The paper's example: Index(1, (1, 2, 4)) = 0 and Index(4, (1, 2, 4)) = 2.
        assignment = [1, 0, 0, 1, 0]
        batch = toy_batch(toy_molecule(assignment))
        ranks = [equations.index_in_bead(i, assignment) for i in range(5)]
        assert batch.channel_of_atom.tolist() == ranks == [0, 0, 1, 1, 2]
