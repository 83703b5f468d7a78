"""Checks of the fields of an atom table, with one message each."""

from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["check_printable", "checked_array"]


def checked_array(name: str, values: Any, width: int | None) -> np.ndarray:
    """Return a copy as an array of the right kind and shape, or raise."""
    dtype = np.dtype(np.float64 if name == "masses" else np.int64)
    try:
        array = np.array(values)
    except ValueError as error:
        raise ValueError(f"`{name}` is not an array ({error})") from error
    if array.size == 0:
        return np.empty((0,) if width is None else (0, width), dtype=dtype)
    is_shaped = array.ndim == 1 if width is None else array.shape[1:] == (width,)
    if not is_shaped or array.dtype.kind not in ("iuf" if dtype.kind == "f" else "iu"):
        raise ValueError(
            f"`{name}` has shape {array.shape} and type {array.dtype} but must be "
            f"{'' if dtype.kind == 'f' else 'whole '}numbers of shape "
            f"{'(n,)' if width is None else f'(n, {width})'}"
        )
    if dtype.kind == "f" and not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(f"`{name}` must be finite and not negative")
    return array.astype(dtype)


def check_printable(name: str, words: Iterable[str]) -> None:
    """Check that words have no line breaks and the like, which files cannot hold.

    Parameters
    ----------
    name : str
        The argument.
    words : iterable of str
        Names, identifiers or codes.

    Raises
    ------
    ValueError
        If one has a line break or another control character.

    Examples
    --------
    >>> check_printable("names", ["CA", "HB1"])
    """
    odd = next((word for word in set(words) if not str(word).isprintable()), None)
    if odd is not None:
        raise ValueError(
            f"`{name}` holds {ascii(odd)}, which has a line break or another control "
            "character, and files and terminals would take it for more than a name; "
            "rename it"
        )
