"""Laws of models hold for models that obey them, and fail for others."""

import numpy as np
import pytest
import torch

from openmm_cgvae.model import CGVAE, LinearMap, Perceptron
from openmm_cgvae.testing import (
    MOLECULE,
    VOCABULARY,
    GraphModelLaws,
    ModelLaws,
    in_double_precision,
    toy_batch,
    toy_config,
    toy_model,
)


class TestLinearMap(ModelLaws):
    claims_reflection = True

    @pytest.fixture
    def model(self):
        return LinearMap(toy_config(), VOCABULARY, MOLECULE)


class SeesAtoms(CGVAE):
    def sample(self, batch, noise):
        atoms = batch.atom_positions
        return super().sample(batch, noise) + (0.0 if atoms is None else atoms)


class MixesFrames(CGVAE):
    def forward(self, batch, noise):
        return super().forward(batch, noise - noise.mean(0))


class CountsBeads(CGVAE):
    def forward(self, batch, noise):
        index = torch.arange(batch.n_beads) % self.mapping.n_beads
        return super().forward(batch, noise + index[:, None])


@pytest.mark.usefixtures("double_precision")
class TestModelsThatBreakALaw:
    def made(self, kind):
        return kind(toy_config(), VOCABULARY, MOLECULE)

    def test_of_rotation(self):
        with pytest.raises(AssertionError, match="not close"):
            ModelLaws().test_rotation_and_translation_equivariance(
                self.made(Perceptron), toy_batch(MOLECULE, 2), seed=0
            )

    def test_of_reflection_where_it_is_claimed(self):
        laws = ModelLaws()
        model = toy_model(pseudoscalar_init=1.0)
        batch = toy_batch(MOLECULE, 2)
        laws.test_reflection_equivariance_where_claimed(model, batch)
        laws.claims_reflection = True
        with pytest.raises(AssertionError, match="not close"):
            laws.test_reflection_equivariance_where_claimed(model, batch)

    def test_of_batches(self):
        with pytest.raises(AssertionError, match="not close"):
            ModelLaws().test_a_batch_equals_its_frames_one_at_a_time(
                self.made(MixesFrames)
            )

    def test_of_sampling(self):
        with pytest.raises(AssertionError, match="not close"):
            ModelLaws().test_sampling_does_not_see_atoms(
                self.made(SeesAtoms), toy_batch(MOLECULE, 2)
            )

    def test_of_permutation(self):
        with pytest.raises(AssertionError, match="not close"):
            GraphModelLaws().test_permutation_invariance_of_bead_indices(
                self.made(CountsBeads), toy_batch(MOLECULE, 2)
            )

    def test_of_beads_that_are_kept(self):
        class Shifted(CGVAE):
            def sample(self, batch, noise):
                return super().sample(batch, noise) + 1e-3

        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            GraphModelLaws().test_the_network_keeps_the_beads(
                self.made(Shifted), toy_batch(MOLECULE, 2)
            )


def test_double_precision_ends_with_the_block():
    with in_double_precision():
        assert torch.get_default_dtype() == torch.float64
    assert torch.get_default_dtype() == torch.float32
    with pytest.raises(KeyError), in_double_precision():
        raise KeyError
    assert torch.zeros(1).numpy().dtype == np.float32
