import pytest
import torch


@pytest.fixture
def double_precision():
    """Make models and toys in float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture(autouse=True)
def seeded_torch():
    """Weights do not depend on which tests ran before."""
    torch.manual_seed(7)
