"""Molecules among beads, found by bead names, residue names and residue numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import MDAnalysis as mda
import numpy as np
from MDAnalysis.exceptions import NoDataError
from numpy.lib.stride_tricks import sliding_window_view

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.attributes import attribute_or

__all__ = [
    "BeadName",
    "FoundMolecules",
    "bead_names_of",
    "bead_names_of_molecule",
    "check_bonds",
    "find_molecules",
    "spell",
]

# Residue name and bead name.
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
        Those that are there, perhaps none; its ``others`` are what is left over.

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
    """Return the residue name and bead name of every bead of a group.

    Parameters
    ----------
    beads : MDAnalysis.AtomGroup
        The beads.

    Returns
    -------
    tuple of (str, str)
        Residue and bead names, empty where the universe has none.

    Examples
    --------
    >>> bead_names_of(mda.Universe.empty(2).atoms)
    (('', ''), ('', ''))
    """
    return tuple(
        zip(
            map(str, attribute_or(beads, "resnames", "")),
            map(str, attribute_or(beads, "names", "")),
            strict=True,
        )
    )


def bead_names_of_molecule(
    atom_table: AtomTable, mapping: Mapping
) -> tuple[BeadName, ...]:
    """Return the residue name and bead name of every bead of a molecule.

    Parameters
    ----------
    atom_table : AtomTable
        The atoms.
    mapping : Mapping
        Which atom is in which bead.

    Returns
    -------
    tuple of (str, str)
        Residue and bead names; a bead is in the residue of its first atom.

    Examples
    --------
    >>> from openmm_cgvae import load_model
    >>> model = load_model("alanine-dipeptide-3")
    >>> bead_names_of_molecule(model.atom_table, model.mapping)
    (('ACE', 'RES'), ('ALA', 'RES'), ('NME', 'RES'))
    """
    first = [mapping.atoms_of_bead(bead)[0] for bead in range(mapping.n_beads)]
    names, residue_of_atom = atom_table.residue_names, atom_table.residue_of_atom
    residues = [names[residue_of_atom[atom]] for atom in first]
    return tuple(zip(residues, mapping.bead_names, strict=True))


def check_bonds(found: FoundMolecules) -> None:
    """Check that no bond joins a molecule to anything else.

    Parameters
    ----------
    found : FoundMolecules
        Molecules of a model.

    Raises
    ------
    ValueError
        If one does: what is bonded is one molecule, and another one than the model's.
    """
    universe = found.known.universe
    if not hasattr(universe, "bonds") or not len(found.known):
        return
    molecule = np.full(len(universe.atoms), -1)
    n_beads = len(found.known) // found.n_molecules
    molecule[found.known.indices] = np.arange(len(found.known)) // n_beads
    ends = molecule[np.asarray(universe.bonds.indices, dtype=int).reshape(-1, 2)]
    across = universe.bonds.indices[ends[:, 0] != ends[:, 1]]
    if len(across):
        one, other = universe.atoms[across[0]]
        raise ValueError(
            f"`universe` has a bond from {one.name} {one.index} to {other.name} "
            f"{other.index}, which joins a molecule of the model to something else; "
            "give the model of the whole molecule, or delete the bond"
        )


def spell(names: Sequence[BeadName]) -> str:
    """Return bead names as a sentence has them, the middle of a long list left out.

    Examples
    --------
    >>> spell([("ACE", "RES"), ("ALA", "RES")])
    '2 beads ACE:RES ALA:RES'
    """
    words = [f"{residue}:{bead}" for residue, bead in names]
    shown = words if len(words) <= 8 else [*words[:4], "…", *words[-3:]]
    plural = "" if len(words) == 1 else "s"
    return f"{len(words)} bead{plural} {' '.join(shown)}"


def _in_order(codes: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """Find beads [n_molecules, n_beads] whose codes stand just as in the pattern."""
    n_starts = max(len(codes) - len(pattern) + 1, 0)
    fits = np.ones(n_starts, dtype=bool)
    for offset, code in enumerate(pattern):
        fits &= codes[offset : offset + n_starts] == code
    return _apart(np.flatnonzero(fits), len(pattern))


def _in_windows(
    codes: np.ndarray, pattern: np.ndarray, numbers: np.ndarray
) -> np.ndarray:
    """Find beads [n_molecules, n_beads] that stand together in another order."""
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
    """Return the beads of windows that begin there, the first of any that overlap."""
    taken: list[int] = []
    for start in starts.tolist():
        if not taken or start >= taken[-1] + n_beads:
            taken.append(start)
    return np.array(taken, dtype=np.int64)[:, None] + np.arange(n_beads)


def _numbers(group: "mda.AtomGroup") -> np.ndarray:
    """Return ranks of residue numbers with insertion codes; equal within a residue."""
    try:
        resids = np.asarray(group.resids)
    except NoDataError:
        return np.zeros(len(group), dtype=np.int64)
    named = [str(code) for code in attribute_or(group, "icodes", "")]
    codes = np.unique(named, return_inverse=True)[1]
    both = np.stack([resids, codes], axis=1)
    return np.unique(both, axis=0, return_inverse=True)[1].ravel()
