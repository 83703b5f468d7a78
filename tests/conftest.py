import pytest
import torch


@pytest.fixture
def double_precision():
    """Make models and toys in float64."""
    # Not at the top: shapes are checked in what is imported after this file.
    from openmm_cgvae.testing import in_double_precision

    with in_double_precision():
        yield


@pytest.fixture(autouse=True)
def seeded_torch():
    """Weights do not depend on which tests ran before."""
    torch.manual_seed(7)
