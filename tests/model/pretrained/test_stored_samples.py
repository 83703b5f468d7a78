"""Shipped models and seeds give the structures that they gave in version 0.1.0."""

import numpy as np
import pytest
from reference.samples.make_samples import SAMPLES, beads_for, structures

from openmm_cgvae import list_models
from openmm_cgvae.testing.tolerances import BETWEEN_PROCESSORS


def stored():
    with np.load(SAMPLES) as arrays:
        return dict(arrays)


def test_every_shipped_model_has_some():
    names = {name.partition("/")[0] for name in stored()}
    assert names == set(list_models())


@pytest.mark.parametrize("name", list_models())
def test_are_made_again(name):
    kept = stored()
    beads = beads_for(name)
    np.testing.assert_allclose(beads.atoms.positions, kept[f"{name}/beads"], atol=1e-4)
    made = structures(name, beads)
    np.testing.assert_allclose(
        made, kept[f"{name}/atoms"], rtol=0, atol=BETWEEN_PROCESSORS
    )
