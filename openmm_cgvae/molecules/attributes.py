"""Attributes of a universe that may be missing, such as names and chains."""

from typing import Any

__all__ = ["attribute_or"]


def attribute_or(group: Any, name: str, default: Any) -> list[Any]:
    """Return an attribute of all atoms or residues, or the default for each.

    Parameters
    ----------
    group : MDAnalysis.AtomGroup or ResidueGroup
        Atoms or residues.
    name : str
        The attribute, in the plural as MDAnalysis has it.
    default : object
        What each has where the topology has no such attribute.

    Returns
    -------
    list
        One value for each atom or residue.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> attribute_or(mda.Universe.empty(2).atoms, "names", "X")
    ['X', 'X']
    """
    # NoDataError of MDAnalysis is an AttributeError as well.
    values = getattr(group, name, None)
    return [default] * len(group) if values is None else list(values)
