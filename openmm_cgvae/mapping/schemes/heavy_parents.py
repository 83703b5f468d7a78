"""Hydrogens of a protein, and the heavy atoms they are on."""

import MDAnalysis as mda
import numpy as np
from MDAnalysis.exceptions import NoDataError
from MDAnalysis.lib.distances import distance_array

__all__ = ["heavy_of_atom", "is_hydrogen"]


def is_hydrogen(group: "mda.AtomGroup") -> np.ndarray:
    """Find hydrogens by element, or by name where elements are missing."""
    try:
        symbols = [symbol.strip().upper() for symbol in group.elements]
    except NoDataError:
        symbols = [""]
    if all(symbols):
        return np.array([symbol in ("H", "D") for symbol in symbols])
    # Safe in a peptide, where no heavy atom has a name that begins with H.
    return np.array([name.lstrip("0123456789")[:1] == "H" for name in group.names])


def heavy_of_atom(group: "mda.AtomGroup") -> np.ndarray:
    """Return for each atom the nearest heavy atom of its residue, itself if heavy.

    Nearest by the positions of the current frame, since files of proteins seldom
    have bonds; -1 in a residue that has no heavy atom.
    """
    is_light = is_hydrogen(group)
    parents = np.where(is_light, -1, np.arange(len(group)))
    for residue in np.unique(group.resindices[is_light]):
        inside = np.flatnonzero(group.resindices == residue)
        heavy, hydrogens = inside[~is_light[inside]], inside[is_light[inside]]
        if len(heavy):
            distances = distance_array(
                group[hydrogens].positions, group[heavy].positions, box=group.dimensions
            )
            parents[hydrogens] = heavy[np.argmin(distances, axis=1)]
    return parents
