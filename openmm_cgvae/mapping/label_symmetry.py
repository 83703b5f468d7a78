"""Rings and forks that look the same when turned by half a turn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rdkit import Chem

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import AtomTable

__all__ = ["EquivalentGroup", "flip_labels", "interchangeable_flips"]

CARBON = 6


@dataclass(frozen=True)
class EquivalentGroup:
    """A group whose two sides can trade labels.

    Parameters
    ----------
    torsion : tuple of int
        Four atoms: turning the group changes this torsion; the last is of the first
        side.
    first, second : tuple of int
        Atoms of the two sides; those of one rank trade labels.
    in_ring : bool
        Whether the sides are part of a ring.
    """

    torsion: tuple[int, int, int, int]
    first: tuple[int, ...]
    second: tuple[int, ...]
    in_ring: bool


def interchangeable_flips(
    atom_table: AtomTable, mapping: Mapping
) -> list[EquivalentGroup]:
    """Find the flat groups that half a turn takes to themselves.

    These are carbons with two like neighbours besides the one that the rest of the
    molecule hangs on: the rings of phenylalanine and tyrosine, carboxylates,
    guanidinium.

    Parameters
    ----------
    atom_table : AtomTable
        The atoms.
    mapping : Mapping
        Their beads; groups whose beads the trade would move are left out.

    Returns
    -------
    list of EquivalentGroup
        The groups.

    Examples
    --------
    >>> glycolate = AtomTable(
    ...     names=("O", "C", "CX", "O1", "O2", "H1", "H2", "H"),
    ...     atomic_numbers=[8, 6, 6, 8, 8, 1, 1, 1], masses=[16] * 8,
    ...     residue_of_atom=[0] * 8, residue_names=("GOA",), residue_ids=(1,),
    ...     insertion_codes=("",), chain_ids=("A",), stereocentres=[],
    ...     bonds=[[0, 1], [1, 2], [2, 3], [2, 4], [1, 5], [1, 6], [0, 7]],
    ... )
    >>> interchangeable_flips(glycolate, Mapping([0] * 8))
    [EquivalentGroup(torsion=(0, 1, 2, 3), first=(3,), second=(4,), in_ring=False)]
    """
    kinds = _kinds(atom_table)
    found: dict[frozenset[int], EquivalentGroup] = {}
    for centre, around in enumerate(atom_table.neighbours):
        if atom_table.atomic_numbers[centre] != CARBON or len(around) != 3:
            continue
        for root in around:
            one, other = sorted(set(around) - {root})
            # The two hydrogens of an alkene never trade places.
            if kinds[one] != kinds[other] or not atom_table.is_heavy[one]:
                continue
            flip = _flip(atom_table, kinds, root, centre, (one, other))
            if flip is not None and _keeps_beads(flip, mapping):
                # A ring can be seen from both its ends.
                found.setdefault(frozenset(flip.first + flip.second), flip)
    return list(found.values())


def flip_labels(positions: np.ndarray, flips: Sequence[EquivalentGroup]) -> np.ndarray:
    """Choose the labels with which every group is turned the standard way.

    Rings stand across the bond they hang on, so theirs is the torsion from 0 to 180
    degrees; other groups lie along it, so theirs is the torsion from -90 to 90. The
    labels then change where conformations are rare.

    Parameters
    ----------
    positions : ndarray, shape (n_frames, n_atoms, 3)
        Positions [A].
    flips : sequence of EquivalentGroup
        The groups.

    Returns
    -------
    ndarray of int, shape (n_frames, n_atoms)
        ``order[f, i]`` is the atom whose position atom ``i`` is to take.
    """
    order = np.tile(np.arange(positions.shape[1]), (len(positions), 1))
    for flip in flips:
        a, b, c, d = positions[:, list(flip.torsion)].swapaxes(0, 1)
        axis = c - b
        normal = np.cross(a - b, axis)
        # From side to side, so that a bent group too has one standard way.
        side = d - positions[:, flip.second[0]]
        # These have the signs of the torsion's sine and cosine.
        sine = -(normal * side).sum(-1)
        cosine = -(np.cross(normal, axis) * side).sum(-1)
        trades = (sine if flip.in_ring else cosine) < 0
        both, traded = [*flip.first, *flip.second], [*flip.second, *flip.first]
        order[np.ix_(trades, both)] = traded
    return order


def _kinds(atom_table: AtomTable) -> list[int]:
    """Give atoms that are alike in the bond graph one number."""
    molecule = Chem.RWMol()
    for number in atom_table.atomic_numbers:
        atom = Chem.Atom(int(number))
        atom.SetNoImplicit(True)  # noqa: FBT003 - RDKit's signature
        molecule.AddAtom(atom)
    for first, second in atom_table.bonds.tolist():
        molecule.AddBond(first, second, Chem.BondType.SINGLE)
    molecule.UpdatePropertyCache(strict=False)
    return list(Chem.CanonicalRankAtoms(molecule, breakTies=False))


def _flip(
    atom_table: AtomTable,
    kinds: list[int],
    root: int,
    centre: int,
    sides: tuple[int, int],
) -> EquivalentGroup | None:
    """Follow both sides outwards, matching like atoms; None if they do not match."""
    beyond = [
        a for a in atom_table.neighbours[root] if a != centre and atom_table.is_heavy[a]
    ]
    if not beyond:
        return None
    first, second = [sides[0]], [sides[1]]
    seen = {centre, *sides}
    for one, other in zip(first, second, strict=False):  # both grow on the way
        of_one, of_other = (
            sorted((kinds[a], a) for a in atom_table.neighbours[atom] if a not in seen)
            for atom in (one, other)
        )
        if [kind for kind, _ in of_one] != [kind for kind, _ in of_other]:
            return None
        for (_, a), (_, b) in zip(of_one, of_other, strict=True):
            seen |= {a, b}
            if a == root or b == root:
                return None
            if a != b:  # where a ring closes both sides meet
                first.append(a)
                second.append(b)
    in_ring = any(centre in ring and sides[0] in ring for ring in atom_table.rings)
    torsion = (min(beyond), root, centre, sides[0])
    return EquivalentGroup(torsion, tuple(first), tuple(second), in_ring)


def _keeps_beads(flip: EquivalentGroup, mapping: Mapping) -> bool:
    first, second = list(flip.first), list(flip.second)
    same_beads = np.array_equal(
        mapping.bead_of_atom[first], mapping.bead_of_atom[second]
    )
    return same_beads and bool(
        np.allclose(mapping.weights[first], mapping.weights[second], atol=0)
    )
