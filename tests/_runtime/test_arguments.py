import numpy as np
import pytest

from openmm_cgvae._runtime.arguments import checked_count


@pytest.mark.parametrize("value", [1, 7, np.int64(7), np.uint8(1)])
def test_whole_numbers_of_any_type_are_counts(value):
    count = checked_count("n", value)
    assert (type(count), count) == (int, value)


@pytest.mark.parametrize("value", [0, -1, True, np.True_, 1.0, "1", None])
def test_anything_else_is_refused(value):
    with pytest.raises(ValueError, match=r"^`n` is .* whole number .* 1; give more$"):
        checked_count("n", value, "give more")
