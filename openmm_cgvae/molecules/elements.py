"""Chemical elements, by number and by symbol."""

from rdkit import Chem

__all__ = [
    "ATOMIC_NUMBERS",
    "CARBON",
    "HYDROGEN",
    "NITROGEN",
    "OXYGEN",
    "atomic_number",
]

HYDROGEN, CARBON, NITROGEN, OXYGEN = 1, 6, 7, 8

ATOMIC_NUMBERS = {
    Chem.GetPeriodicTable().GetElementSymbol(number): number for number in range(1, 119)
}


def atomic_number(element: str) -> int:
    """Return the atomic number of a symbol, however it is written.

    Raises
    ------
    ValueError
        If there is no such element.

    Examples
    --------
    >>> atomic_number("CL")
    17
    """
    # RDKit dumps its stack on unknown or upper-case symbols, so look before asking.
    symbol = element.strip().capitalize()
    if symbol not in ATOMIC_NUMBERS:
        raise ValueError(
            f"`atoms` holds the element {element!r}, which is not in the periodic "
            "table; set universe.atoms.elements"
        )
    return ATOMIC_NUMBERS[symbol]
