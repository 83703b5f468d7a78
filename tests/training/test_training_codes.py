"""Training with codes: a bead of two conformations that its neighbours do not tell."""

import math

import numpy as np
import pytest

from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.metrics import energy_score
from openmm_cgvae.testing import toy_molecule
from openmm_cgvae.training import TrainingMolecule, train_many
from openmm_cgvae.training.presets import configure

# Three beads; of the middle one two atoms are on either side of the plane of the beads.
MOLECULE = toy_molecule([0, 1, 1, 1, 2], elements=[6, 6, 7, 8, 7])
SIDE = 1.5  # [Å]
SMALL = {
    "n_channels": 16,
    "n_latents": 2,
    "n_radial": 4,
    "prior_layers": 1,
    "decoder_layers": 1,
    "message_dropout": 0.0,
    "refinement_steps": 0,
    "atom_types": "element",
    "methyl_labels": "as_given",
}
TWO = {"n_codes": 2, "n_subcodes": 1}
SHORT = {"n_epochs": 12, "batch_size": 96, "kl_weight": 0.02, "code_weight": 0.2}


def frames(n, seed):
    """Structures with the nitrogen above, in one of two, or below the oxygen."""
    rng = np.random.default_rng(seed)
    structures = np.zeros((n, 5, 3))
    structures[:, 1:4] = 4.0, 2.0, 0.0
    structures[:, 4] = 8.0, 0.0, 0.0
    above = rng.choice([-SIDE, SIDE], size=n)
    structures[:, 2, 2], structures[:, 3, 2] = above, -above
    return structures + rng.normal(scale=0.05, size=structures.shape)


def trained(**options):
    table, mapping = MOLECULE.atom_table, MOLECULE.mapping
    return train_many(
        [
            TrainingMolecule(table, mapping, frames(600, 0)),
            TrainingMolecule(table, mapping, frames(60, 1), is_validation=True),
        ],
        "toy",
        model_options={**SMALL, **options},
        training_options=SHORT,
        progress=False,
    )


@pytest.fixture(scope="module")
def model():
    return trained(**TWO)


def test_the_codebook_has_the_two_conformations(model):
    book = model.codebook
    middle = book.bead_types.index(("6", "7", "8"))
    sides = book.coarse[middle, :, 1:, 2].numpy()  # of nitrogen and oxygen, by code
    np.testing.assert_allclose(np.abs(sides), SIDE, atol=0.1)
    np.testing.assert_allclose(sides.sum(0), 0.0, atol=0.1)
    np.testing.assert_allclose(
        book.coarse_log_frequency[middle].numpy(), math.log(0.5), atol=0.15
    )


def test_samples_are_of_both_conformations_and_of_nothing_between(model):
    truth = frames(40, 2)
    sampler = Sampler(model.for_molecule(MOLECULE))
    beads = MOLECULE.mapping.project(truth)
    samples = sampler.sample(beads, np.arange(40), 8, seed=0)
    heights = samples[:, :, 2, 2]
    assert (np.abs(np.abs(heights) - SIDE) < 0.5).mean() > 0.95
    assert 0.35 < (heights > 0).mean() < 0.65
    # As good as the best possible score: half of a distance, less a quarter.
    everything = np.ones(5, dtype=bool)
    apart = 2 * SIDE * math.sqrt(2 / 5)
    best = 0.25 * apart
    assert float(energy_score(samples, truth, everything)) < 1.25 * best


def test_the_most_likely_structure_is_one_of_them(model):
    beads = MOLECULE.mapping.project(frames(5, 3))
    sampler = Sampler(model.for_molecule(MOLECULE), temperature=0.0)
    first, second = (sampler.sample(beads, np.arange(5), 2, seed=s) for s in (0, 1))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(np.abs(first[:, :, 2, 2]), SIDE, atol=0.5)


def test_reconstructions_have_the_codes_of_the_structure(model):
    truth = frames(20, 4)
    made = Sampler(model.for_molecule(MOLECULE)).reconstruct(truth)
    assert (np.sign(made[:, 2, 2]) == np.sign(truth[:, 2, 2])).all()


@pytest.mark.parametrize(
    "option",
    [{"prior_epochs": 2}, {"fine_tuning_epochs": 2}, {"fits_prior_temperature": True}],
)
def test_stages_of_other_priors_are_refused(option):
    with pytest.raises(ValueError, match="a model with codes has no such stage"):
        configure("transferable", TWO, option)
