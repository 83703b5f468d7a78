"""The prior gets the temperature that frames it has not seen ask for."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import CGVAE
from openmm_cgvae.model.checkpoint import load_file, save_model
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.testing.dipeptide import BEADS, trembling, untrained
from openmm_cgvae.training import TrainingConfig, TrajectoryDataset, train
from openmm_cgvae.training.fit_prior_temperature import best_temperature

N_ATOMS, TREMBLING = 22, 0.1  # [A]
SIZES = {"n_channels": 10, "n_radial": 3, "prior_layers": 1, "decoder_layers": 1}
SHORT = {"n_epochs": 1, "fine_tuning_epochs": 0, "batch_size": 64}


@pytest.fixture(scope="module")
def universe():
    return trembling(400, TREMBLING)


class Trembling(CGVAE):
    """Its samples are the mean structure with a fraction of the noise of the data."""

    n_latents = 3 * N_ATOMS

    def decode(self, batch, latents, *_):
        noise = latents.reshape(batch.n_molecules, -1, N_ATOMS, 3)[:, 0]
        return (self.mean + self.fraction * TREMBLING * noise).flatten(0, 1)


@pytest.mark.parametrize(("fraction", "factor"), [(0.5, 2.0), (0.8, 1.25), (1.5, 1.0)])
def test_it_makes_up_for_what_samples_lack_in_spread(universe, fraction, factor):
    model = untrained(Mapping(BEADS), methyl_labels="as_given")
    data = TrajectoryDataset.prepare(
        Frames.from_universe(universe),
        model.atom_table,
        model.mapping,
        model.config,
        TrainingConfig(),
    )
    model.__class__ = Trembling
    model.prior.forward = lambda _: SimpleNamespace(draw=lambda noise: noise)
    model.mean, model.fraction = data.atom_positions[data.train].mean(0), fraction
    assert best_temperature(model, data, seed=0) == pytest.approx(factor, abs=0.15)


def test_the_fitted_temperature_is_kept_in_the_file(universe, tmp_path):
    def trained(**options):
        return train(
            universe,
            Mapping(BEADS),
            model_options=SIZES,
            training_options=SHORT | options,
            progress=False,
        )

    plain, tempered = trained(), trained(fits_prior_temperature=True)
    assert plain.config.prior_temperature == 1.0
    for name, weights in plain.state_dict().items():
        assert torch.equal(weights, tempered.state_dict()[name])
    tempered.config = type(tempered.config)(
        **{**vars(tempered.config), "prior_temperature": 1.7}
    )
    save_model(tempered, tmp_path / "wide.cgvae")
    again = load_file(tmp_path / "wide.cgvae")
    assert again.config.prior_temperature == 1.7


def test_samples_are_those_of_wider_noise():
    plain, wide = untrained(), untrained(prior_temperature=1.5)
    beads = np.random.default_rng(0).normal(size=(2, 3, 3)).astype(np.float32)
    batch = plain.graph().batch(torch.from_numpy(beads))
    noise = torch.randn(batch.n_beads, plain.n_latents)
    with torch.inference_mode():
        assert torch.equal(wide.sample(batch, noise), plain.sample(batch, 1.5 * noise))
        assert not torch.equal(wide.sample(batch, noise), plain.sample(batch, noise))


def test_the_setting_is_yes_or_no():
    with pytest.raises(
        ValueError, match="`fits_prior_temperature` is 1 but must be a bool"
    ):
        TrainingConfig(fits_prior_temperature=1)
