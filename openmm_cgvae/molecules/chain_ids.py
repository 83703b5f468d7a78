"""Chain identifiers: names for chains that are still free."""

import itertools
import string
from collections.abc import Container, Iterator

__all__ = ["CHAIN_LETTERS", "free_chain_ids"]

# One letter as long as there are some, since PDB files have one column.
CHAIN_LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits


def free_chain_ids(taken: Container[str] = ()) -> Iterator[str]:
    """Yield chain identifiers that are not taken, without end and none of them twice.

    Parameters
    ----------
    taken : container of str
        Identifiers that are in use.

    Yields
    ------
    str
        One letter or digit; two and more when these are used up.

    Examples
    --------
    >>> from itertools import islice
    >>> list(islice(free_chain_ids({"A"}), 2))
    ['B', 'C']
    >>> list(islice(free_chain_ids(), 62, 64))
    ['AA', 'AB']
    """
    for length in itertools.count(1):
        letters = CHAIN_LETTERS if length == 1 else string.ascii_uppercase
        for each in itertools.product(letters, repeat=length):
            name = "".join(each)
            if name not in taken:
                yield name
