"""FaultFinder: wrong chirality, amides and bond lengths, and where in a molecule.

Cheap enough to look at every structure of a long trajectory: a few operations on arrays
for all structures at once. Contacts and rings, which need a search, are in `assess`.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from openmm_cgvae import metrics
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import HYDROGEN, AtomTable
from openmm_cgvae.molecules.periodic_box import nearest_images

__all__ = [
    "BOND",
    "CHIRALITY",
    "CIS",
    "CIS_BELOW",
    "FAR",
    "LARGEST_TWIST",
    "TWIST",
    "FaultFinder",
    "Faults",
    "images_of_each",
    "residue_label",
]

CIS_BELOW = 90.0  # [deg]
LARGEST_TWIST = 60.0  # [deg]; peptides simulated at 300-340 K stay below 51
# Of the sum of covalent radii. Triple bonds are 0.78 of it; simulated lengths vary by
# less than a tenth.
BOND_LENGTHS = 0.7, 1.3
LARGEST_SMALL_RING = 8  # atoms; amides in such rings are cis
LONGEST_STEP = 1.6  # [Å] from atom to atom along a stretched chain
# Kinds of faults.
CHIRALITY, CIS, TWIST, BOND, FAR = range(5)
_WORDS = (
    "wrong chirality",
    "cis amide",
    "twisted amide",
    "wrong bond length",
    "atom far from its bead",
)


class Faults(NamedTuple):
    """Faults of structures, flat.

    Attributes
    ----------
    structure, kind, atom : ndarray of int, shape (n_faults,)
        Index of the structure, which kind of fault, and an atom that is part of it.
    """

    structure: np.ndarray
    kind: np.ndarray
    atom: np.ndarray

    def count_of(self, kind: int, n_structures: int) -> np.ndarray:
        """Count the faults of a kind in each structure."""
        return np.bincount(self.structure[self.kind == kind], minlength=n_structures)

    def describe(self, atom_table: AtomTable, structure: int, most: int = 3) -> str:
        """Describe the faults of a structure: each kind, and in which residue.

        Parameters
        ----------
        atom_table : AtomTable
            The molecule.
        structure : int
            Which structure.
        most : int
            So many are named, the others are counted.
        """
        chosen = np.flatnonzero(self.structure == structure).tolist()
        words = [
            f"{_WORDS[self.kind[i]]} in {residue_label(atom_table, int(self.atom[i]))}"
            for i in chosen
        ]
        words = list(dict.fromkeys(words))
        left = [f"{len(words) - most} more"] if len(words) > most else []
        return ", ".join([*words[:most], *left])


class FaultFinder:
    """Find what must not be, whatever the conformation.

    Stereocentres of wrong chirality; amides of a nitrogen with one carbon besides that
    are cis, but for those in small rings; amides more than 60 degrees from planar;
    bonds shorter than 0.7 or longer than 1.3 times the sum of covalent radii; atoms
    farther from their bead than a stretched chain of its heavy atoms reaches, if they
    are bonded. What is not finite is wrong.

    Parameters
    ----------
    atom_table : AtomTable
        The molecule. Particles of atomic number 0, which are beads, are passed over.
    mapping : Mapping, optional
        Which atom is in which bead.

    Examples
    --------
    >>> water = AtomTable(
    ...     names=("O", "H1", "H2"), atomic_numbers=np.array([8, 1, 1]),
    ...     masses=np.array([16.0, 1.0, 1.0]), residue_of_atom=np.zeros(3, int),
    ...     residue_names=("HOH",), residue_ids=(7,), insertion_codes=("",),
    ...     chain_ids=("A",), bonds=np.array([[0, 1], [0, 2]]),
    ...     stereocentres=np.empty((0, 4), int),
    ... )
    >>> bent = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
    >>> faults = FaultFinder(water).find(np.stack([bent, 0.01 * bent]))
    >>> faults.describe(water, 0), faults.describe(water, 1)
    ('', 'wrong bond length in HOH 7 of chain A')
    """

    def __init__(self, atom_table: AtomTable, mapping: Mapping | None = None) -> None:
        self.stereocentres = atom_table.stereocentres
        self.amides = atom_table.amides
        self.is_trans = _is_trans(atom_table)
        is_atom = atom_table.atomic_numbers > 0
        self.bonds = atom_table.bonds[is_atom[atom_table.bonds].all(axis=1)]
        radii = np.zeros(atom_table.n_atoms)
        radii[is_atom] = metrics.covalent_radii(
            atom_table.atomic_numbers[is_atom], "rdkit"
        )
        lengths = radii[self.bonds].sum(axis=1)
        self.shortest, self.longest = (factor * lengths for factor in BOND_LENGTHS)
        self.mapping = mapping
        if mapping is not None:
            self.reach = _reach_of_beads(atom_table, mapping)[mapping.bead_of_atom]

    def find(
        self,
        positions: np.ndarray,
        bead_positions: np.ndarray | None = None,
        boxes: np.ndarray | None = None,
    ) -> Faults:
        """Find the faults of structures.

        Parameters
        ----------
        positions : ndarray, shape (n_structures, n_atoms, 3)
            Structures [Å].
        bead_positions : ndarray, shape (n_structures or 1, n_beads, 3), optional
            Their beads [Å].
        boxes : ndarray, shape (n_structures, 6), optional
            Unit cells [Å, degrees]; lengths are those of nearest images.

        Returns
        -------
        Faults
            Those of all structures.
        """
        found = []
        with np.errstate(invalid="ignore"):
            volumes = metrics.signed_volumes(positions, self.stereocentres)
            found.append((CHIRALITY, ~(volumes > 0), self.stereocentres[:, 0]))
            omega = np.abs(metrics.dihedral_angles(positions, self.amides))
            is_cis = ~(omega >= CIS_BELOW) & self.is_trans
            found.append((CIS, is_cis, self.amides[:, 2]))
            twist = np.minimum(omega, 180.0 - omega)
            found.append((TWIST, ~(twist <= LARGEST_TWIST), self.amides[:, 2]))
            first, second = self.bonds.T
            gaps = images_of_each(positions[:, first] - positions[:, second], boxes)
            lengths = np.sqrt(np.einsum("sbx,sbx->sb", gaps, gaps))
            is_right = (lengths >= self.shortest) & (lengths <= self.longest)
            found.append((BOND, ~is_right, first))
            if self.mapping is not None and bead_positions is not None:
                centres = bead_positions[:, self.mapping.bead_of_atom]
                gaps = images_of_each(positions - centres, boxes)
                away = np.sqrt(np.einsum("sax,sax->sa", gaps, gaps))
                found.append((FAR, ~(away <= self.reach), np.arange(len(self.reach))))
        return _flat(found)

    def beads_near(self, faults: Faults, n_structures: int) -> np.ndarray:
        """Find the beads that have to be drawn again to mend faults.

        Parameters
        ----------
        faults : Faults
            What was found; there has to be a mapping.
        n_structures : int
            Number of structures.

        Returns
        -------
        ndarray of bool, shape (n_structures, n_beads)
            Those of the atoms, and those bonded to them.

        Raises
        ------
        ValueError
            If there is no mapping.
        """
        if self.mapping is None:
            raise ValueError(
                "`mapping` was not given, so beads are not known; build the finder "
                "with the mapping"
            )
        beads = self.mapping.bead_of_atom
        shape = (n_structures, self.mapping.n_beads)
        where = (faults.structure, beads[faults.atom])
        faulty = coo_array((np.ones(len(faults.atom)), where), shape=shape).tocsr()
        ends = np.concatenate(
            [beads[self.bonds], np.arange(shape[1])[:, None] + [0, 0]]
        )
        links = csr_array((np.ones(len(ends)), ends.T), shape=(shape[1], shape[1]))
        return np.asarray((faulty @ (links + links.T)).toarray() > 0)


def residue_label(atom_table: AtomTable, atom: int) -> str:
    """Return how the residue of an atom is called: ``ALA 12 of chain A``."""
    residue = int(atom_table.residue_of_atom[atom])
    name, number = atom_table.residue_names[residue], atom_table.residue_ids[residue]
    chain = atom_table.chain_ids[residue].strip()
    number_and_code = f"{number}{atom_table.insertion_codes[residue].strip()}"
    return f"{name} {number_and_code}" + (f" of chain {chain}" if chain else "")


def _is_trans(atom_table: AtomTable) -> np.ndarray:
    """Return whether each amide is one that is trans but for rare exceptions.

    Its nitrogen has one carbon besides, as that of proline has not, and the bond is in
    no small ring, which would force it to be cis.
    """
    if not len(atom_table.amides):
        return np.zeros(0, dtype=bool)
    small = [set(r) for r in atom_table.rings if len(r) <= LARGEST_SMALL_RING]
    rings_of: dict[int, list[set[int]]] = {}
    for ring in small:
        for atom in ring:
            rings_of.setdefault(atom, []).append(ring)
    numbers, neighbours = atom_table.atomic_numbers, atom_table.neighbours
    is_trans = []
    for _, carbon, nitrogen, _ in atom_table.amides.tolist():
        n_heavy = sum(numbers[a] != HYDROGEN for a in neighbours[nitrogen])
        in_ring = any(nitrogen in ring for ring in rings_of.get(carbon, []))
        is_trans.append(n_heavy == 2 and not in_ring)
    return np.array(is_trans, dtype=bool)


def _reach_of_beads(atom_table: AtomTable, mapping: Mapping) -> np.ndarray:
    """Compute how far an atom can be from each bead, if that is a chain [Å].

    Where the atoms of a bead are not bonded to each other there is no limit.
    """
    beads, n_atoms = mapping.bead_of_atom, atom_table.n_atoms
    inside = atom_table.bonds[np.equal(*beads[atom_table.bonds].T)]
    graph = coo_array((np.ones(len(inside)), inside.T), shape=(n_atoms, n_atoms))
    _, piece = connected_components(graph, directed=False)
    one_piece = np.zeros(mapping.n_beads, dtype=np.int64)
    one_piece[beads] = piece
    n_others = np.bincount(beads, piece != one_piece[beads], mapping.n_beads)
    n_heavy = np.bincount(beads, atom_table.is_heavy, mapping.n_beads)
    return np.where(n_others == 0, LONGEST_STEP * (n_heavy + 1), np.inf)


def images_of_each(gaps: np.ndarray, boxes: np.ndarray | None) -> np.ndarray:
    """Return the shortest images of the vectors of each structure.

    Parameters
    ----------
    gaps : ndarray, shape (n_structures, n, 3)
        Vectors [Å].
    boxes : ndarray, shape (n_structures, 6), or None
        Unit cells [Å, degrees].

    Returns
    -------
    ndarray, shape (n_structures, n, 3)
        Their images [Å].
    """
    if boxes is None:
        return gaps
    return np.stack(
        [nearest_images(each, box) for each, box in zip(gaps, boxes, strict=True)]
    ).reshape(gaps.shape)


def _flat(found: list[tuple[int, np.ndarray, np.ndarray]]) -> Faults:
    columns = []
    for kind, is_faulty, atoms in found:
        structure, which = np.nonzero(is_faulty)
        columns.append((structure, np.full(len(structure), kind), atoms[which]))
    return Faults(*(np.concatenate(each) for each in zip(*columns, strict=True)))
