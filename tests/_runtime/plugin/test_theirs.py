"""The laws that the scheme and the model of this package obey."""

import pytest
from theirs import OutOfPlane, runs

from openmm_cgvae.testing import (
    MOLECULE,
    VOCABULARY,
    ModelLaws,
    SchemeLaws,
    assert_different,
    moved,
    random_isometry,
    toy_config,
)


class TestRuns(SchemeLaws):
    @pytest.fixture
    def scheme(self):
        return runs


class TestOutOfPlane(ModelLaws):
    @pytest.fixture
    def model(self):
        return OutOfPlane(toy_config(), VOCABULARY, MOLECULE)

    def test_parity_is_broken(self, model, batch):
        """Cross products do not change sign under reflection; nothing is claimed."""
        mirror, shift = random_isometry(reflects=True)
        made = model.reconstruct(moved(batch, (mirror, shift)))
        assert_different(made, model.reconstruct(batch) @ mirror.T + shift)
