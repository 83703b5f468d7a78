"""Static groups: groups of atoms that stay the same from frame to frame."""

import MDAnalysis as mda
from MDAnalysis.core.groups import UpdatingAtomGroup

__all__ = ["static_atoms"]


def static_atoms(
    universe: "mda.Universe | mda.AtomGroup", argument: str
) -> "mda.AtomGroup":
    """Return the atoms of a universe or group, which must not change with the frames.

    Parameters
    ----------
    universe : MDAnalysis.Universe or AtomGroup
        A universe, or some of its atoms.
    argument : str
        What the caller calls it.

    Returns
    -------
    MDAnalysis.AtomGroup
        The atoms.

    Raises
    ------
    ValueError
        If the group is an updating one.

    Examples
    --------
    >>> len(static_atoms(mda.Universe.empty(3), "universe"))
    3
    """
    if isinstance(universe, UpdatingAtomGroup):
        raise ValueError(
            f"`{argument}` is an updating group, which has other members in other "
            "frames, but those of a molecule stay; pass its `atoms`, which are those "
            "of the current frame"
        )
    return universe.atoms
