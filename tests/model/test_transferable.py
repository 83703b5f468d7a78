"""A model of many molecules gives models of single ones, which share its weights."""

import numpy as np
import pytest
import torch

from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.model import (
    CGVAE,
    GeometryStatistics,
    ModelConfig,
    TransferableModel,
    require_molecule,
)
from openmm_cgvae.model.checkpoint import load_file, save_model
from openmm_cgvae.testing import (
    MOLECULE,
    SMALLER,
    VOCABULARY,
    assert_same,
    dipeptide,
    toy_batch,
    toy_config,
    toy_model,
    toy_molecule,
    toy_noise,
)


def transferable(**options):
    torch.manual_seed(0)
    config = toy_config(**options)
    return TransferableModel(config, VOCABULARY, "toy", GeometryStatistics())


def of_dipeptides(**options):
    """A model with random weights that knows the geometry of the dipeptide."""
    one = dipeptide.untrained(atom_types="identity", **options)
    geometry = GeometryStatistics.learned([(one.atom_table, dipeptide.positions(40))])
    torch.manual_seed(0)
    return TransferableModel(one.config, one.vocabulary, "residue", geometry).eval()


@pytest.mark.parametrize("likelihood", ["fixed", "learned"])
def test_models_of_molecules_share_all_weights(likelihood):
    model = transferable(likelihood=likelihood, n_latents=3)
    first, second = (model.for_molecule(each) for each in (MOLECULE, SMALLER))
    weights = dict(model.named_parameters())
    for one in (first, second):
        assert isinstance(one, CGVAE)
        assert one.origin is model
        named = dict(one.named_parameters())
        assert named.keys() == weights.keys()
        assert all(named[name] is weights[name] for name in weights)
    assert first.molecule is MOLECULE
    assert second.molecule is SMALLER


def test_the_networks_are_those_of_a_model_of_one_with_the_same_seed():
    torch.manual_seed(0)
    one = toy_model(MOLECULE)
    batch = toy_batch(MOLECULE, n_frames=2)
    noise = toy_noise(batch)
    many = transferable()
    made = many(batch, noise)
    assert_same(made.positions, one(batch, noise).positions, 0.0)
    assert_same(
        many.for_molecule(MOLECULE).sample(batch, noise), one.sample(batch, noise), 0.0
    )


def test_only_a_model_of_a_molecule_refines():
    model = of_dipeptides(refinement_steps=3)
    ready = model.for_molecule(dipeptide.untrained().molecule)
    assert ready.refinement.n_steps == 3
    assert not hasattr(model, "refinement")
    assert not ready.training
    assert model.train().for_molecule(ready.molecule).training


def test_a_bead_of_more_atoms_than_channels_is_refused():
    with pytest.raises(ValueError, match="a bead holds 9 atoms; use n_channels >= 9"):
        transferable().for_molecule(toy_molecule([0] * 9 + [1]))


def test_a_baseline_is_for_one_molecule():
    with pytest.raises(ValueError, match="the model 'linear', which is for one molec"):
        TransferableModel(
            ModelConfig(model="linear"), VOCABULARY, "toy", GeometryStatistics()
        )


def test_it_describes_itself():
    assert repr(of_dipeptides()).startswith(
        "<TransferableModel for residue beads, 22 atom types, "
    )
    assert repr(transferable()).endswith(
        "4 atom types, 0 pair types, 0 stereocentre types>"
    )


def test_where_one_molecule_is_needed_many_are_refused():
    model, one = transferable(), toy_model()
    assert require_molecule(one) is one
    with pytest.raises(ValueError, match=r"molecule with toy beads, .*for_molecule"):
        require_molecule(model)


def test_of_a_model_of_a_molecule_the_file_has_all_it_was_made_from(tmp_path):
    model = of_dipeptides(refinement_steps=5)
    molecule = dipeptide.untrained().molecule
    path = save_model(model.for_molecule(molecule), tmp_path / "many.cgvae")
    assert path.read_bytes() == save_model(model, tmp_path / "m.cgvae").read_bytes()
    again = load_file(path)
    assert repr(again) == repr(model)
    beads = molecule.mapping.project(dipeptide.positions(2).astype(float))
    made = [
        Sampler(each.for_molecule(molecule)).sample(beads, np.arange(2), 2, seed=0)
        for each in (model, again)
    ]
    np.testing.assert_array_equal(*made)
