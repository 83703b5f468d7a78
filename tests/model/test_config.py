import math
import re

import pytest

from openmm_cgvae._runtime.records import rules_of
from openmm_cgvae.model import ModelConfig

WORDS = (
    "model",
    "encoder",
    "decoder",
    "prior",
    "messages",
    "likelihood",
    "atom_types",
    "methyl_labels",
)
POSITIVE_INTS = (
    "n_channels",
    "n_radial",
    "decoder_layers",
    "flow_layers",
    "n_frames_of_bead",
    "n_subcodes",
)
LAYERS = ("encoder_layers", "prior_layers", "n_latents", "n_codes")
POSITIVE = ("atom_cutoff", "bead_cutoff", "atom_degree", "pool_degree", "bead_degree")


def refuses(name, value, ending):
    sentence = re.escape(f"`{name}` is {value!r} but must be {ending}")
    with pytest.raises(ValueError, match=f"^{sentence}"):
        ModelConfig(**{name: value})


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("value", ["printed", "", None, 1])
def test_refuses_words_it_does_not_know(name, value):
    refuses(name, value, "one of '")


@pytest.mark.parametrize("name", [*POSITIVE_INTS, *LAYERS])
@pytest.mark.parametrize("value", [2.0, "2", None, True, math.nan])
def test_refuses_what_is_not_a_whole_number(name, value):
    refuses(name, value, "a whole number")


@pytest.mark.parametrize("name", [*POSITIVE, "pseudoscalar_init"])
@pytest.mark.parametrize("value", ["2", None, False, math.nan])
def test_refuses_what_is_not_a_number(name, value):
    refuses(name, value, "a number")


@pytest.mark.parametrize("name", [*POSITIVE, "pseudoscalar_init"])
def test_refuses_infinity(name):
    refuses(name, math.inf, "finite")


@pytest.mark.parametrize("name", POSITIVE_INTS)
@pytest.mark.parametrize("value", [0, -3])
def test_sizes_are_at_least_one(name, value):
    refuses(name, value, "at least 1")


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_not_negative(name):
    refuses(name, -1, "at least 0")
    assert getattr(ModelConfig(**{name: 0}), name) == 0


@pytest.mark.parametrize("name", POSITIVE)
def test_cutoffs_and_degrees_are_positive(name):
    refuses(name, -0.5, "positive")
    refuses(name, 0.0, "positive")


@pytest.mark.parametrize("name", ["mixes_vectors", "normalises_sums"])
@pytest.mark.parametrize("value", [1, 0, None, "yes"])
def test_flags_are_bools(name, value):
    refuses(name, value, "a bool")


@pytest.mark.parametrize("value", [0, 1, -2.5])
def test_the_pseudoscalar_may_be_anything(value):
    assert ModelConfig(pseudoscalar_init=value).pseudoscalar_init == value


def test_whole_numbers_make_floats():
    config = ModelConfig(bead_cutoff=8)
    assert isinstance(config.bead_cutoff, float)
    assert config == ModelConfig(bead_cutoff=8.0)


def test_defaults_are_those_of_table_4():
    config = ModelConfig()
    assert (config.n_channels, config.n_radial) == (600, 8)
    assert (config.atom_cutoff, config.bead_cutoff) == (8.5, 9.5)
    layers = (config.encoder_layers, config.prior_layers, config.decoder_layers)
    assert layers == (4, 4, 5)


def test_plain_values_come_back():
    config = ModelConfig(n_channels=16, encoder="signed")
    assert ModelConfig.from_dict(dict(config.__dict__)) == config


def test_names_it_does_not_know_are_refused():
    with pytest.raises(
        ValueError, match="`n_chanels` is not an option of ModelConfig; the options are"
    ):
        ModelConfig.from_dict({"n_chanels": 4})


@pytest.mark.parametrize("name", sorted(rules_of(ModelConfig)))
def test_every_number_has_an_upper_bound(name):
    rule = rules_of(ModelConfig)[name]
    if rule.kind in (int, float):
        assert rule.limits.most is not None or rule.limits.below is not None
