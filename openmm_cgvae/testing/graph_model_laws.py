"""Laws that networks of graphs obey besides: permutations, any molecule, cutoffs."""

import numpy as np
import pytest
import torch

from openmm_cgvae.model import Model
from openmm_cgvae.model.graphs import GraphBatch
from openmm_cgvae.testing.assertions import assert_same, assert_same_with_gradients
from openmm_cgvae.testing.batches import (
    as_edge_lists,
    joined,
    permuted_atoms,
    permuted_beads,
)
from openmm_cgvae.testing.model_laws import (
    ModelLaws,
    assert_finite_gradients,
    outputs,
    prior_outputs,
)
from openmm_cgvae.testing.molecules import (
    MOLECULE,
    SINGLE,
    SMALLER,
    ragged_batch,
    toy_batch,
    toy_molecule,
    toy_noise,
    toy_positions,
)
from openmm_cgvae.testing.tolerances import DOUBLE_PRECISION

__all__ = ["GraphModelLaws"]


class GraphModelLaws(ModelLaws):
    """Laws of models that take a batch of any molecules.

    Such a model knows atoms by their types and beads by their neighbours, and not by
    their indices. The fixture ``model`` has to know the atom types of `VOCABULARY`.

    Examples
    --------
    >>> from openmm_cgvae.testing import toy_model
    >>> class TestSmallCGVAE(GraphModelLaws):
    ...     @pytest.fixture
    ...     def model(self):
    ...         return toy_model(encoder="signed")
    """

    @pytest.fixture
    def batch(self) -> GraphBatch:
        """Return two frames of a molecule of four beads."""
        return toy_batch(MOLECULE, n_frames=2)

    def test_the_network_keeps_the_beads(self, model: Model, batch: GraphBatch) -> None:
        """What the network makes maps back to its beads without a correction."""
        made = model.sample(batch, toy_noise(batch, model.n_latents)).detach().numpy()
        beads = MOLECULE.mapping.project(made.reshape(2, -1, 3))
        np.testing.assert_allclose(
            beads.reshape(-1, 3), batch.bead_positions, rtol=0, atol=DOUBLE_PRECISION
        )

    def test_permutation_equivariance_of_atoms(
        self, model: Model, batch: GraphBatch
    ) -> None:
        """Atoms come in the order in which they went."""
        order = torch.randperm(
            batch.n_atoms // 2, generator=torch.Generator().manual_seed(1)
        )
        order = torch.cat([order, order.flip(0) + len(order)])
        noise = toy_noise(batch, model.n_latents)
        made, other = model(batch, noise), model(permuted_atoms(batch, order), noise)
        assert_same(other.positions, made.positions[order])
        assert_same(other.posterior.mean, made.posterior.mean)
        for name, value in prior_outputs(made).items():
            assert_same(prior_outputs(other)[name], value)

    def test_permutation_invariance_of_bead_indices(
        self, model: Model, batch: GraphBatch
    ) -> None:
        """Atoms do not depend on the indices of the beads."""
        order = torch.tensor([2, 0, 3, 1, 5, 4, 7, 6])
        noise = toy_noise(batch, model.n_latents)
        made = model(batch, noise)
        other = model(permuted_beads(batch, order), noise[order])
        assert_same(other.positions, made.positions)
        assert_same(other.posterior.mean, made.posterior.mean[order])
        for name, value in prior_outputs(made).items():
            assert_same(prior_outputs(other)[name], value[order])

    def test_permutation_equivariance_of_molecules(self, model: Model) -> None:
        """Molecules come in the order in which they went."""
        first, second = toy_batch(MOLECULE, seed=0), toy_batch(SMALLER, seed=1)
        noises = (
            toy_noise(first, model.n_latents),
            toy_noise(second, model.n_latents, seed=1),
        )
        expected = [
            model(second, noises[1]).positions,
            model(first, noises[0]).positions,
        ]
        made = model(joined(second, first), torch.cat([noises[1], noises[0]]))
        assert_same(made.positions, torch.cat(expected))

    def test_a_batch_equals_its_molecules_one_at_a_time(self, model: Model) -> None:
        """Molecules of one batch know nothing of each other."""
        molecules = [MOLECULE, SMALLER, SINGLE, MOLECULE]
        batch = ragged_batch(molecules)
        noise = toy_noise(batch, model.n_latents)
        together = outputs(model(batch, noise))
        splits = noise.split([m.mapping.n_beads for m in molecules])
        alone = [
            outputs(model(toy_batch(m, seed=k), own))
            for k, (m, own) in enumerate(zip(molecules, splits, strict=True))
        ]
        for name, value in together.items():
            assert_same(value, torch.cat([part[name] for part in alone]))

    def test_dense_blocks_equal_edge_lists(
        self, model: Model, batch: GraphBatch
    ) -> None:
        """Both ways to sum over neighbours agree, and so do their gradients."""
        noise = toy_noise(batch, model.n_latents)
        leaves = list(model.parameters())
        blocks = outputs(model(batch, noise))
        lists = outputs(model(as_edge_lists(batch), noise))
        for name, value in blocks.items():
            assert_same_with_gradients(value, lists[name], leaves)

    def test_a_bead_beyond_the_cutoff_changes_nothing(self, model: Model) -> None:
        """Beads out of reach may be anywhere."""
        near = toy_batch(MOLECULE)
        noise = toy_noise(near, model.n_latents)
        cutoff = max(model.config.bead_cutoff, model.config.atom_cutoff)
        is_last = near.bead_of_atom == near.n_beads - 1
        results = []
        for further in (3.0, 30.0):
            shift = torch.tensor([20 * cutoff + further, 0.0, 0.0])
            beads = near.bead_positions.clone()
            beads[-1] += shift
            atoms = toy_positions(MOLECULE)[0][0] + shift * is_last[:, None]
            made = model(near.with_positions(beads, atoms), noise)
            results.append(outputs(made))
            results[-1]["positions"] = made.positions[~is_last]
        for name in results[0]:
            assert_same(results[0][name], results[1][name])

    def test_axial_symmetry_of_two_beads(self, model: Model) -> None:
        """Two beads put all atoms on their line.

        A turn about the line through both beads changes nothing, so no direction
        across it can be told from another.
        """
        batch = toy_batch(toy_molecule([0, 0, 0, 1, 1]))
        made = model.sample(batch, toy_noise(batch, model.n_latents))
        first, second = batch.bead_positions
        across = torch.linalg.cross(made - first, (second - first)[None], dim=1)
        assert_same(across, torch.zeros_like(across))

    def test_spherical_symmetry_of_a_single_bead(self, model: Model) -> None:
        """A single bead has its atoms at its centre: there is no direction."""
        batch = toy_batch(SINGLE)
        made = model.sample(batch, toy_noise(batch, model.n_latents))
        assert_same(made, batch.bead_positions.expand(3, 3))
        beads = batch.bead_positions.requires_grad_()
        moved = batch.with_positions(beads, batch.atom_positions)
        assert_finite_gradients(model, moved, beads)

    def test_a_bead_of_one_atom_is_that_atom(self, model: Model) -> None:
        """Where a bead has one atom, the atom is where the bead is."""
        batch = toy_batch(toy_molecule([0, 1, 2, 2]))
        made = model(batch, toy_noise(batch, model.n_latents)).positions
        assert_same(made[:2], batch.bead_positions[:2])

    def test_a_network_of_zeros_keeps_the_beads(
        self, model: Model, batch: GraphBatch
    ) -> None:
        """All weights zero: every atom is at the centre of its bead."""
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        made = model.sample(batch, toy_noise(batch, model.n_latents))
        assert_same(made, batch.bead_positions[batch.bead_of_atom])
