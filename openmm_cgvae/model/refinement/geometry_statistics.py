"""Geometry statistics by types of atoms: lengths, chirality and contacts."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor, nn

from openmm_cgvae.model.refinement.geometry_refinement import CONTACT_CUTOFF
from openmm_cgvae.molecules import CARBON, HYDROGEN, NITROGEN, OXYGEN, AtomTable

__all__ = [
    "N_BONDS_OF_PAIRS",
    "GeometryStatistics",
    "atom_pair_types",
    "contact_classes",
    "contacts_within",
    "stereocentre_types",
]

PROLINE = "PRO"
# Atoms that crowd each other alike; hydrogens by what they are bonded to.
N_CLASSES = 6
RAREST = 1e-3  # fraction of the contacts of data that may be closer
N_BONDS_OF_PAIRS = 3
# Three bonds apart a distance counts as a length only if no torsion changes it [Å].
LARGEST_DEVIATION = 0.12
MOST_FRAMES = 8  # of a molecule, to learn contacts from
FEWEST = 20  # times a type has to be seen


class GeometryStatistics(nn.Module):
    """Lengths, chirality and contacts by types of atoms, learned from data.

    What the geometry refinement of a molecule needs, see
    `any_molecule.TransferableRefinement`, also if it is none of those learned from.

    Parameters
    ----------
    pairs : tuple of str
        Types of pairs of atoms, ``"ALA CA CB"`` within a residue and ``"C N"``
        between two.
    stereocentres : tuple of str
        Types of stereocentres, with three of their neighbours, ``"ALA CA N CB C"``.

    Examples
    --------
    >>> GeometryStatistics(pairs=("ALA CA CB",)).pair_mean.shape
    torch.Size([1])
    """

    def __init__(
        self, pairs: tuple[str, ...] = (), stereocentres: tuple[str, ...] = ()
    ) -> None:
        super().__init__()
        self.pairs, self.stereocentres = pairs, stereocentres
        for name, types in (("pair", pairs), ("volume", stereocentres)):
            self.register_buffer(f"{name}_mean", torch.zeros(len(types)))
            self.register_buffer(f"{name}_deviation", torch.zeros(len(types)))
        # Of atoms three bonds apart, and of all that are farther.
        self.register_buffer("least", torch.zeros(2, N_CLASSES, N_CLASSES))
        self.pair_mean: Tensor
        self.pair_deviation: Tensor
        self.volume_mean: Tensor
        self.volume_deviation: Tensor
        self.least: Tensor

    @classmethod
    def learned(
        cls, molecules: Iterable[tuple[AtomTable, np.ndarray]]
    ) -> "GeometryStatistics":
        """Learn from structures of many molecules.

        Parameters
        ----------
        molecules : iterable of (AtomTable, ndarray of shape (n_frames, n_atoms, 3))
            Molecules and their frames [Å].

        Returns
        -------
        GeometryStatistics
            Means and deviations of each type that is seen often enough, and the
            distances below which contacts are rare.
        """
        pairs: dict[str, _Moments] = defaultdict(_Moments)
        centres: dict[str, _Moments] = defaultdict(_Moments)
        contacts: dict[tuple[int, int, int], list[np.ndarray]] = defaultdict(list)
        is_near: dict[str, bool] = {}
        for table, frames in molecules:
            index = table.pairs_within(N_BONDS_OF_PAIRS)
            bonded = _codes(table.pairs_within(N_BONDS_OF_PAIRS - 1), table.n_atoms)
            near = np.isin(_codes(index, table.n_atoms), bonded)
            steps = frames[:, index[:, 0]] - frames[:, index[:, 1]]
            lengths = np.linalg.norm(steps, axis=-1)
            for column, word in enumerate(atom_pair_types(table, index)):
                pairs[word].add(lengths[:, column])
                is_near[word] = is_near.get(word, False) or bool(near[column])
            for centre, word in zip(
                table.stereocentres, stereocentre_types(table), strict=True
            ):
                centres[word].add(_volumes(frames, centre))
            _collect_contacts(contacts, table, frames[:MOST_FRAMES])
        kept = {
            word: moments
            for word, moments in sorted(pairs.items())
            if moments.n >= FEWEST
            and (is_near[word] or moments.deviation < LARGEST_DEVIATION)
        }
        known = {w: m for w, m in sorted(centres.items()) if m.n >= FEWEST}
        geometry = cls(tuple(kept), tuple(known))
        for name, moments in (("pair", kept), ("volume", known)):
            each = list(moments.values())
            getattr(geometry, f"{name}_mean").copy_(_tensor(m.mean for m in each))
            getattr(geometry, f"{name}_deviation").copy_(
                _tensor(m.deviation for m in each)
            )
        for (far, one, other), found in contacts.items():
            least = float(np.quantile(np.concatenate(found), RAREST))
            geometry.least[far, one, other] = geometry.least[far, other, one] = least
        return geometry


@dataclass
class _Moments:
    """Running mean and standard deviation."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, values: np.ndarray) -> None:
        self.n += len(values)
        self.total += float(values.sum(dtype=np.float64))
        self.squares += float((values.astype(np.float64) ** 2).sum())

    @property
    def mean(self) -> float:
        return self.total / self.n

    @property
    def deviation(self) -> float:
        return float(np.sqrt(max(0.0, self.squares / self.n - self.mean**2)))


def atom_pair_types(table: AtomTable, pairs: np.ndarray) -> list[str]:
    """Return the type of every pair of atoms.

    Parameters
    ----------
    table : AtomTable
        The atoms.
    pairs : ndarray of int, shape (n_pairs, 2)
        The pairs.

    Returns
    -------
    list of str
        Residue and names within a residue, names alone between two, except before
        proline, whose amides may be cis.
    """
    names, residues = table.names, table.residue_of_atom
    words = []
    for i, j in pairs.tolist():
        both = " ".join(sorted((names[i], names[j])))
        later = table.residue_names[max(residues[i], residues[j])]
        if residues[i] == residues[j]:
            both = f"{later} {both}"
        elif later == PROLINE:
            both = f"{both} {PROLINE}"
        words.append(both)
    return words


def stereocentre_types(table: AtomTable) -> list[str]:
    """Return the type of every stereocentre by its residue and its neighbours."""
    return [
        " ".join(
            [
                table.residue_names[table.residue_of_atom[row[0]]],
                *(table.names[atom] for atom in row),
            ]
        )
        for row in table.stereocentres.tolist()
    ]


def contact_classes(table: AtomTable) -> np.ndarray:
    """Find the class of every atom: its element, hydrogens by what they are bonded to.

    Parameters
    ----------
    table : AtomTable
        The atoms.

    Returns
    -------
    ndarray of int, shape (n_atoms,)
        Classes, less than `N_CLASSES`; elements other than H, C, N, O, S count as S.
    """
    heavy = {CARBON: 0, NITROGEN: 1, OXYGEN: 2}
    classes = np.array([heavy.get(int(z), 3) for z in table.atomic_numbers])
    for atom in np.flatnonzero(table.atomic_numbers == HYDROGEN):
        around = table.neighbours[atom]
        on_carbon = bool(around) and table.atomic_numbers[around[0]] == CARBON
        classes[atom] = 4 if on_carbon else 5
    return classes


def contacts_within(
    positions: np.ndarray, cutoff: float, bonded: np.ndarray
) -> np.ndarray:
    """Find pairs of atoms in contact.

    Parameters
    ----------
    positions : ndarray, shape (n_atoms, 3)
        Positions [Å].
    cutoff : float
        Largest distance [Å].
    bonded : ndarray of int
        Sorted codes ``i * n_atoms + j`` of pairs that do not count.

    Returns
    -------
    ndarray of int, shape (n_pairs, 2)
        Pairs ``i < j``.
    """
    pairs = cKDTree(positions).query_pairs(cutoff, output_type="ndarray")
    codes = _codes(pairs, len(positions))
    where = np.searchsorted(bonded, codes).clip(max=max(len(bonded) - 1, 0))
    is_bonded = bonded[where] == codes if len(bonded) else np.zeros(len(pairs), bool)
    return pairs[~is_bonded]


def _collect_contacts(
    contacts: dict[tuple[int, int, int], list[np.ndarray]],
    table: AtomTable,
    frames: np.ndarray,
) -> None:
    classes = contact_classes(table)
    bonded = _codes(table.pairs_within(2), table.n_atoms)
    third = _codes(table.pairs_within(3), table.n_atoms)
    for frame in frames:
        pairs = contacts_within(frame, CONTACT_CUTOFF, bonded)
        lengths = np.linalg.norm(frame[pairs[:, 0]] - frame[pairs[:, 1]], axis=-1)
        far = ~np.isin(_codes(pairs, table.n_atoms), third)
        ends = np.sort(classes[pairs], axis=1)
        keys = np.column_stack([far, ends])
        for key in np.unique(keys, axis=0):
            found = lengths[(keys == key).all(1)]
            contacts[int(key[0]), int(key[1]), int(key[2])].append(found)


def _codes(pairs: np.ndarray, n_atoms: int) -> np.ndarray:
    """Compute one number for each pair, rising with sorted pairs."""
    return pairs[:, 0].astype(np.int64) * n_atoms + pairs[:, 1]


def _volumes(frames: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Compute the signed volumes that the first three arms of a centre span [Å³]."""
    arms = frames[:, row[1:]] - frames[:, row[:1]]
    return np.linalg.det(arms.astype(np.float64))


def _tensor(values: Iterable[float]) -> Tensor:
    return torch.tensor(list(values), dtype=torch.get_default_dtype())
