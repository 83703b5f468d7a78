"""Which beads of a group are molecules of some kind, told by names and numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import MDAnalysis as mda
import numpy as np
from MDAnalysis.exceptions import NoDataError
from numpy.lib.stride_tricks import sliding_window_view

from openmm_cgvae.molecules.attributes import attribute_or

BeadName = tuple[str, str]


@dataclass(frozen=True, eq=False)
class FoundMolecules:
    """Molecules of one kind among beads.

    Parameters
    ----------
    known : MDAnalysis.AtomGroup
        Their beads, molecule after molecule, each in the order that was wanted.
    others : MDAnalysis.AtomGroup
        The rest, in the order of the group.
    n_molecules : int
        How many there are.
    is_reordered : bool
        Whether the beads came in another order.
    """

    known: "mda.AtomGroup"
    others: "mda.AtomGroup"
    n_molecules: int
    is_reordered: bool


def find_molecules(
    group: "mda.AtomGroup", wanted: Sequence[BeadName]
) -> FoundMolecules:
    """Find the molecules of one kind among others by the names of their beads.

    Where beads are in another order they are sorted by segment and residue number,
    and if that is not enough, beads of a molecule that stand together are put in
    order by residue number, or by name where all names differ.

    Parameters
    ----------
    group : MDAnalysis.AtomGroup
        Beads of any molecules.
    wanted : sequence of (str, str)
        Residue name and bead name of each bead of the molecule, in order.

    Returns
    -------
    FoundMolecules
        What is there; perhaps none.

    Examples
    --------
    >>> water = mda.Universe.empty(3, 3, atom_resindex=[0, 1, 2])
    >>> water.add_TopologyAttr("resnames", ["SOL", "NA", "SOL"])
    >>> water.add_TopologyAttr("names", ["W", "NA", "W"])
    >>> find_molecules(water.atoms, [("SOL", "W")]).known.indices.tolist()
    [0, 2]
    """
    rank = {name: code for code, name in enumerate(dict.fromkeys(wanted))}
    codes = np.array([rank.get(name, -1) for name in bead_names_of(group)], dtype=int)
    pattern = np.array([rank[name] for name in wanted])
    numbers = _numbers(group)
    by_number = np.lexsort((numbers, group.segindices))
    molecules = _in_order(codes, pattern)
    for other in (
        by_number[_in_order(codes[by_number], pattern)],
        _in_windows(codes, pattern, numbers),
    ):
        if len(other) > len(molecules):
            molecules = other
    # In the order of the group, whatever the order inside.
    molecules = molecules[np.argsort(molecules.min(axis=1, initial=0))]
    known = molecules.ravel()
    others = np.setdiff1d(np.arange(len(group)), known)
    return FoundMolecules(
        known=group[known],
        others=group[others],
        n_molecules=len(molecules),
        is_reordered=bool((np.diff(known) < 0).any()),
    )


def bead_names_of(beads: "mda.AtomGroup") -> tuple[BeadName, ...]:
    """Give the residue name and bead name of every bead of a group.

    Parameters
    ----------
    beads : MDAnalysis.AtomGroup
        The beads.

    Returns
    -------
    tuple of (str, str)
        Residue and bead names, empty where the universe has none.
    """
    return tuple(
        zip(
            map(str, attribute_or(beads, "resnames", "")),
            map(str, attribute_or(beads, "names", "")),
            strict=True,
        )
    )


def spell(names: Sequence[BeadName]) -> str:
    """Spell bead names for a sentence."""
    words = [f"{residue}:{bead}" for residue, bead in names]
    shown = words if len(words) <= 8 else [*words[:4], "…", *words[-3:]]
    plural = "" if len(words) == 1 else "s"
    return f"{len(words)} bead{plural} {' '.join(shown)}"


def _in_order(codes: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """Find the places [n_molecules, n_beads] where codes are just as wanted."""
    n_starts = max(len(codes) - len(pattern) + 1, 0)
    fits = np.ones(n_starts, dtype=bool)
    for place, code in enumerate(pattern):
        fits &= codes[place : place + n_starts] == code
    return _apart(np.flatnonzero(fits), len(pattern))


def _in_windows(
    codes: np.ndarray, pattern: np.ndarray, numbers: np.ndarray
) -> np.ndarray:
    """Find beads that stand together and are a molecule in another order."""
    n_beads = len(pattern)
    if len(codes) < n_beads:
        return np.empty((0, n_beads), dtype=np.int64)
    windows = sliding_window_view(codes, n_beads)
    fits = np.ones(len(windows), dtype=bool)
    for code in np.unique(pattern):
        # A running count: to sort every window would cost its length squared.
        before = np.concatenate([[0], np.cumsum(codes == code)])
        fits &= before[n_beads:] - before[:-n_beads] == (pattern == code).sum()
    molecules = _apart(np.flatnonzero(fits), n_beads)
    by_number = np.argsort(numbers[molecules], axis=1, kind="stable")
    by_number = np.take_along_axis(molecules, by_number, axis=1)
    fits = (codes[by_number] == pattern).all(axis=1)
    if len(np.unique(pattern)) == n_beads:
        # Every name once: put name after name, and these where they are wanted.
        by_name = np.argsort(codes[molecules], axis=1)[:, pattern]
        by_name = np.take_along_axis(molecules, by_name, axis=1)
        return np.where(fits[:, None], by_number, by_name)
    return by_number[fits]


def _apart(starts: np.ndarray, n_beads: int) -> np.ndarray:
    """Take stretches that begin there, the first of those that overlap."""
    taken: list[int] = []
    for start in starts.tolist():
        if not taken or start >= taken[-1] + n_beads:
            taken.append(start)
    return np.array(taken, dtype=np.int64)[:, None] + np.arange(n_beads)


def _numbers(group: "mda.AtomGroup") -> np.ndarray:
    """Rank residue numbers with insertion codes; equal within a residue."""
    try:
        resids = np.asarray(group.resids)
    except NoDataError:
        return np.zeros(len(group), dtype=np.int64)
    named = [str(code) for code in attribute_or(group, "icodes", "")]
    codes = np.unique(named, return_inverse=True)[1]
    both = np.stack([resids, codes], axis=1)
    return np.unique(both, axis=0, return_inverse=True)[1].ravel()
