"""Label symmetry: atoms that trade labels with nothing changed, in a canonical order.

The hydrogens of a methyl, and the two sides of a phenyl ring or a carboxylate, are the
same to physics; a trajectory holds copies of each conformation that differ by their
labels alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int, UInt64
from rdkit import Chem

from openmm_cgvae.mapping.mapping import Mapping
from openmm_cgvae.molecules import CARBON, AtomTable, skeleton

__all__ = ["EquivalentGroup", "LabelSymmetry"]


@dataclass(frozen=True)
class EquivalentGroup:
    """A flat group with two sides of symmetry-equivalent atoms.

    Parameters
    ----------
    torsion : tuple of int
        Four atoms: half a turn of the group changes this torsion; the last is of the
        first side.
    first, second : tuple of int
        Atoms of the two sides; those of one rank trade labels.
    in_ring : bool
        Whether the sides are part of a ring.
    """

    torsion: tuple[int, int, int, int]
    first: tuple[int, ...]
    second: tuple[int, ...]
    in_ring: bool


def _no_rotors() -> np.ndarray:
    return np.empty((0, 6), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class LabelSymmetry:
    """Which atoms of a molecule can trade labels without moving a bead.

    Parameters
    ----------
    rotors : ndarray of int, shape (n_rotors, 6)
        Methyl and ammonium groups, rows of `AtomTable.rotors`. None by default.
    groups : sequence of EquivalentGroup
        Rings, carboxylates and other flat groups. None by default.

    Examples
    --------
    >>> ethane = AtomTable(
    ...     names=("C1", "C2", "H1", "H2", "H3", "H4", "H5", "H6"),
    ...     atomic_numbers=[6, 6, 1, 1, 1, 1, 1, 1], masses=[12, 12, 1, 1, 1, 1, 1, 1],
    ...     residue_of_atom=[0] * 8, residue_names=("ETH",), residue_ids=(1,),
    ...     insertion_codes=("",), chain_ids=("A",), stereocentres=[],
    ...     bonds=[[0, 1], [0, 2], [0, 3], [0, 4], [1, 5], [1, 6], [1, 7]],
    ... )
    >>> len(LabelSymmetry.of(ethane, Mapping([0] * 8)).rotors)
    2
    >>> len(LabelSymmetry.of(ethane, Mapping([0, 0, 0, 0, 1, 1, 1, 1])).rotors)
    1
    """

    rotors: np.ndarray = field(default_factory=_no_rotors)
    groups: Sequence[EquivalentGroup] = ()

    @classmethod
    def of(cls, atom_table: AtomTable, mapping: Mapping) -> "LabelSymmetry":
        """Find the symmetry-equivalent atoms of a molecule.

        The groups are carbons with two like neighbours besides the one that the rest
        of the molecule hangs on: the rings of phenylalanine and tyrosine,
        carboxylates, guanidinium.

        Parameters
        ----------
        atom_table : AtomTable
            The atoms.
        mapping : Mapping
            Their beads. Atoms of different beads, or of different weights in one, keep
            their labels, since a trade would move a bead.

        Returns
        -------
        LabelSymmetry
            What is left.

        Examples
        --------
        >>> glycolate = AtomTable(
        ...     names=("O", "C", "CX", "O1", "O2", "H1", "H2", "H"),
        ...     atomic_numbers=[8, 6, 6, 8, 8, 1, 1, 1], masses=[16] * 8,
        ...     residue_of_atom=[0] * 8, residue_names=("GOA",), residue_ids=(1,),
        ...     insertion_codes=("",), chain_ids=("A",), stereocentres=[],
        ...     bonds=[[0, 1], [1, 2], [2, 3], [2, 4], [1, 5], [1, 6], [0, 7]],
        ... )
        >>> LabelSymmetry.of(glycolate, Mapping([0] * 8)).groups
        [EquivalentGroup(torsion=(0, 1, 2, 3), first=(3,), second=(4,), in_ring=False)]
        """
        return cls(_rotors_of(atom_table, mapping), _groups_of(atom_table, mapping))

    def canonical(
        self, positions: Float[np.ndarray, "n_frames n_atoms 3"]
    ) -> tuple[
        Float[np.ndarray, "n_frames n_atoms 3"],
        Int[np.ndarray, "n_frames n_atoms"],
    ]:
        """Permute symmetry-equivalent atoms to the canonical order.

        The hydrogens of a rotor are permuted in a circle (two that traded places would
        make the mirror image), so that the first is the one most nearly trans to the
        rotor's reference atom. A ring stands across the bond it hangs on, so its
        torsion is taken from 0 to 180 degrees; other groups lie along theirs, which is
        taken from -90 to 90. The labels then change where conformations are rare.

        Parameters
        ----------
        positions : ndarray, shape (n_frames, n_atoms, 3)
            Positions [Å].

        Returns
        -------
        positions : ndarray, shape (n_frames, n_atoms, 3)
            Positions in the canonical order [Å], of the type they came in.
        order : ndarray of int, shape (n_frames, n_atoms)
            ``order[f, i]`` is the atom whose position atom ``i`` took.
        """
        frames = positions.astype(np.float64)
        order = np.tile(np.arange(frames.shape[1]), (len(frames), 1))
        for group in self.groups:
            both = np.array([*group.first, *group.second])
            traded = np.array([*group.second, *group.first])
            order[np.ix_(_has_turned(frames, group), both)] = traded
        for reference, neighbour, centre, *hydrogens in self.rotors.tolist():
            axis = frames[:, centre] - frames[:, neighbour]
            axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
            arm = frames[:, reference] - frames[:, neighbour]
            arm -= (arm * axis).sum(-1, keepdims=True) * axis
            spokes = frames[:, hydrogens] - frames[:, [centre]]
            # Trans means the spoke points away from the reference's arm.
            first = (spokes * arm[:, None]).sum(-1).argmin(-1)
            order[:, hydrogens] = _rolled(np.array(hydrogens), first)
        return positions[np.arange(len(frames))[:, None], order], order

    def undo(
        self,
        positions: Float[np.ndarray, "n_frames n_atoms 3"],
        order: Int[np.ndarray, "n_frames n_atoms"],
    ) -> Float[np.ndarray, "n_frames n_atoms 3"]:
        """Permute positions in the canonical order back.

        Parameters
        ----------
        positions : ndarray, shape (n_frames, n_atoms, 3)
            Positions in the canonical order [Å].
        order : ndarray of int, shape (n_frames, n_atoms)
            Where they came from, as `canonical` returned it.

        Returns
        -------
        ndarray, shape (n_frames, n_atoms, 3)
            Positions with the labels that `canonical` was called with [Å].
        """
        back = np.empty_like(positions)
        back[np.arange(len(back))[:, None], order] = positions
        return back

    def randomised(
        self,
        positions: Float[np.ndarray, "n_frames n_atoms 3"],
        random_bits: UInt64[np.ndarray, "n_frames n_rotors"],
    ) -> Float[np.ndarray, "n_frames n_atoms 3"]:
        """Permute the hydrogens of every rotor in a circle, by 0, 1 or 2 places.

        Parameters
        ----------
        positions : ndarray, shape (n_frames, n_atoms, 3)
            Positions [Å].
        random_bits : ndarray of uint64, shape (n_frames, n_rotors)
            Random whole numbers: with these all three are as likely.

        Returns
        -------
        ndarray, shape (n_frames, n_atoms, 3)
            Positions with random labels of rotors [Å]; flat groups keep theirs.
        """
        rows = np.arange(len(positions))[:, None]
        permuted = positions.copy()
        places = (random_bits % np.uint64(3)).astype(np.int64)
        for rotor, first in zip(self.rotors, places.T, strict=True):
            permuted[:, rotor[3:]] = positions[rows, _rolled(rotor[3:], first)]
        return permuted


def _rolled(
    hydrogens: Int[np.ndarray, "3"], first: Int[np.ndarray, " n_frames"]
) -> Int[np.ndarray, "n_frames 3"]:
    """Return the hydrogens of every frame in a circle that begins with one of them."""
    return hydrogens[(first[:, None] + np.arange(3)) % 3]


def _has_turned(
    frames: Float[np.ndarray, "n_frames n_atoms 3"], group: EquivalentGroup
) -> np.ndarray:
    """Return in which frames the sides of a group have to trade labels."""
    a, b, c, d = frames[:, list(group.torsion)].swapaxes(0, 1)
    axis = c - b
    normal = np.cross(a - b, axis)
    # From side to side, so that a bent group too has one canonical order.
    side = d - frames[:, group.second[0]]
    # These have the signs of the torsion's sine and cosine.
    sine = -(normal * side).sum(-1)
    cosine = -(np.cross(normal, axis) * side).sum(-1)
    has_turned: np.ndarray = (sine if group.in_ring else cosine) < 0
    return has_turned


def _rotors_of(atom_table: AtomTable, mapping: Mapping) -> np.ndarray:
    """Find rotors whose three hydrogens are in one bead and have one weight."""
    rotors = atom_table.rotors
    hydrogens = rotors[:, 3:]
    beads = mapping.bead_of_atom[hydrogens]
    weights = mapping.weights[hydrogens]
    is_one = (beads == beads[:, :1]) & np.isclose(weights, weights[:, :1], atol=0)
    return rotors[is_one.all(1)]


def _groups_of(atom_table: AtomTable, mapping: Mapping) -> list[EquivalentGroup]:
    """Find flat groups that half a turn takes to themselves, beads and all."""
    ranks = _symmetry_ranks(atom_table)
    found: dict[frozenset[int], EquivalentGroup] = {}
    for centre, around in enumerate(atom_table.neighbours):
        if atom_table.atomic_numbers[centre] != CARBON or len(around) != 3:
            continue
        for root in around:
            one, other = sorted(set(around) - {root})
            # The two hydrogens of an alkene never trade places.
            if ranks[one] != ranks[other] or not atom_table.is_heavy[one]:
                continue
            group = _group(atom_table, ranks, root, centre, (one, other))
            if group is not None and _keeps_beads(group, mapping):
                # A ring can be seen from both its ends.
                found.setdefault(frozenset(group.first + group.second), group)
    return list(found.values())


def _symmetry_ranks(atom_table: AtomTable) -> list[int]:
    """Return one number for all atoms that are alike in the bond graph."""
    molecule = skeleton(atom_table.atomic_numbers, atom_table.bonds)
    molecule.UpdatePropertyCache(strict=False)
    return list(Chem.CanonicalRankAtoms(molecule, breakTies=False))


def _group(
    atom_table: AtomTable,
    ranks: list[int],
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
            sorted((ranks[a], a) for a in atom_table.neighbours[atom] if a not in seen)
            for atom in (one, other)
        )
        if [rank for rank, _ in of_one] != [rank for rank, _ in of_other]:
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


def _keeps_beads(group: EquivalentGroup, mapping: Mapping) -> bool:
    first, second = list(group.first), list(group.second)
    same_beads = np.array_equal(
        mapping.bead_of_atom[first], mapping.bead_of_atom[second]
    )
    return same_beads and bool(
        np.allclose(mapping.weights[first], mapping.weights[second], atol=0)
    )
