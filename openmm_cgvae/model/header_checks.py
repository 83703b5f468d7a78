"""Checks of the headers of model files, which may be from anybody: words and bonds."""

from collections.abc import Sequence

import numpy as np

from openmm_cgvae.molecules import AtomTable

__all__ = ["check_atoms", "check_words"]

# No atom of a molecule has more, and no molecule is bonded like a crystal: so work on
# atoms a few bonds apart grows with the number of atoms alone.
_MOST_BONDS_OF_ATOM = 8
_MOST_BONDS_PER_ATOM = 2
_HEAVIEST_ELEMENT = 118


def check_words(words: object, what: str) -> None:
    """Check that there are words, of letters that can be seen.

    Parameters
    ----------
    words : object
        What the header holds.
    what : str
        What the words are.

    Raises
    ------
    ValueError
        If it is no sequence of words, or one would command a terminal.

    Examples
    --------
    >>> check_words(["C", "N"], "vocabulary")
    """
    if not isinstance(words, Sequence) or isinstance(words, str):
        raise ValueError(f"the {what} is not a list of words")
    for word in words:
        if not isinstance(word, str):
            raise ValueError(f"the {what} is not a list of words")
        if not word.isprintable():
            raise ValueError(f"the {what} has {word!r}, which cannot be printed")


def check_atoms(table: AtomTable) -> None:
    """Check that atoms could be those of a molecule.

    Parameters
    ----------
    table : AtomTable
        The atoms.

    Raises
    ------
    ValueError
        If a name cannot be printed, an element does not exist, or there are more bonds
        than chemistry knows.
    """
    for name in ("names", "residue_names", "insertion_codes", "chain_ids"):
        check_words(getattr(table, name), name.replace("_", " "))
    numbers = table.atomic_numbers
    if numbers.size and (numbers.min() < 0 or numbers.max() > _HEAVIEST_ELEMENT):
        raise ValueError(f"the atomic number {numbers.max()} or a negative one")
    degrees = np.bincount(table.bonds.ravel(), minlength=1)
    if degrees.max() > _MOST_BONDS_OF_ATOM:
        raise ValueError(
            f"the atom {degrees.argmax()} has {degrees.max()} bonds, more than any"
        )
    if len(table.bonds) > _MOST_BONDS_PER_ATOM * table.n_atoms:
        raise ValueError(
            f"the {table.n_atoms} atoms have {len(table.bonds)} bonds, more than any "
            "molecule"
        )
