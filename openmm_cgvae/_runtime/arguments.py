"""Checks of single arguments: counts."""

import operator
from typing import Any

import numpy as np

__all__ = ["checked_count"]


def checked_count(name: str, value: Any, advice: str = "ask for one or more") -> int:
    """Check that an argument is a whole number of at least 1.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object
        What the user gave; a bool is no number.
    advice : str
        What the user should do instead.

    Returns
    -------
    int
        The number.

    Raises
    ------
    ValueError
        If it is anything else.

    Examples
    --------
    >>> checked_count("n", 3)
    3
    """
    try:
        number = 0 if isinstance(value, bool | np.bool_) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(
            f"`{name}` is {value!r} but must be a whole number of at least 1; {advice}"
        )
    return number
