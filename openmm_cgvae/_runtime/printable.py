"""Printable text: what files say, without the characters that command a terminal."""

__all__ = ["printable"]

_KEPT = "\n\t"


def printable(text: object) -> str:
    r"""Return a text with a backslash and a code for all that is not to be seen.

    Names in files of others may hold sequences that move a terminal's cursor, change
    its title or turn the order of letters round.

    Parameters
    ----------
    text : object
        The text, or what has one. Lines and tabs stay.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> printable("an \x1b[31mÅ\x9b")
    'an \\x1b[31mÅ\\x9b'
    """
    return "".join(
        letter if letter.isprintable() or letter in _KEPT else _code_of(letter)
        for letter in str(text)
    )


def _code_of(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
