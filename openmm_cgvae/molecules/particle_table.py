"""An atom table of particles of any kind, as far as a universe knows them."""

from typing import Any

import MDAnalysis as mda
import numpy as np
from MDAnalysis.exceptions import NoDataError

from openmm_cgvae.molecules.atom_table import AtomTable
from openmm_cgvae.molecules.elements import ATOMIC_NUMBERS


def particle_table(group: "mda.AtomGroup") -> AtomTable:
    """Describe particles of any kind as far as a universe knows them.

    Parameters
    ----------
    group : MDAnalysis.AtomGroup
        Beads, atoms or both.

    Returns
    -------
    AtomTable
        Beads, which have no element, have the atomic number 0. A residue begins
        wherever that of the particles changes, and there are no stereocentres.

    Examples
    --------
    >>> water = mda.Universe.empty(2, 2, atom_resindex=[0, 1])
    >>> water.add_TopologyAttr("resnames", ["W", "ION"])
    >>> particle_table(water.atoms).describe()
    '2 atoms (W ION)'
    """
    is_new = np.diff(group.resindices, prepend=-1) != 0
    residues = group[is_new]
    index = np.full(len(group.universe.atoms), -1)
    index[group.indices] = np.arange(len(group))
    bonds = np.empty((0, 2), dtype=np.int64)
    if len(group) and hasattr(group.universe, "bonds"):
        ends = np.asarray(group.universe.bonds.indices, dtype=int).reshape(-1, 2)
        bonds = np.sort(index[ends], axis=1)
        bonds = np.unique(bonds[bonds[:, 0] >= 0], axis=0)
    return AtomTable(
        names=tuple(map(str, _of(group, "names", ""))),
        atomic_numbers=np.array(
            [_number_of(each) for each in _of(group, "elements", "")], dtype=int
        ),
        masses=np.array(_of(group, "masses", 0.0), dtype=float),
        residue_of_atom=np.cumsum(is_new) - 1,
        residue_names=tuple(map(str, _of(residues, "resnames", "UNK"))),
        residue_ids=tuple(map(int, _of(residues, "resids", 1))),
        insertion_codes=tuple(map(str.strip, _of(residues, "icodes", ""))),
        chain_ids=tuple(map(str, _of(residues, "chainIDs", ""))),
        bonds=bonds,
        stereocentres=np.empty((0, 4), dtype=np.int64),
    )


def _of(group: "mda.AtomGroup", name: str, default: Any) -> list[Any]:
    try:
        return list(getattr(group, name))
    except NoDataError:
        return [default] * len(group)


def _number_of(element: str) -> int:
    """Give the atomic number; what has no element of the periodic table has 0."""
    symbol = element.strip().capitalize()
    return ATOMIC_NUMBERS.get(symbol, 0)
