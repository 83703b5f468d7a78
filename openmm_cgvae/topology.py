"""AtomTable: what the atoms of a molecule are and how they are bonded."""

from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, no_type_check

import MDAnalysis as mda
import numpy as np
from MDAnalysis.exceptions import NoDataError
from MDAnalysis.lib.distances import minimize_vectors
from rdkit import Chem

HYDROGEN, CARBON, NITROGEN, OXYGEN = 1, 6, 7, 8


@no_type_check  # arrays may be given as lists; wrong ones are refused by a sentence
@dataclass(frozen=True, eq=False, kw_only=True)
class AtomTable:
    """Names, elements, residues, bonds and stereocentres of one molecule.

    Everything that is known about the atoms before they have positions. It is
    read once from an atomistic universe and then travels with the model file,
    so that atoms can be made from beads with no atomistic input at all.

    Parameters
    ----------
    names : tuple of str, one per atom
        Atom names.
    atomic_numbers : ndarray of int, shape (n_atoms,)
        Atomic numbers.
    masses : ndarray, shape (n_atoms,)
        Masses [Da].
    residue_of_atom : ndarray of int, shape (n_atoms,)
        Index of the residue of every atom, counted from zero, never falling.
    residue_names, residue_ids, insertion_codes, chain_ids : tuple, one per residue
        Names, numbers, insertion codes and chains of the residues.
    bonds : ndarray of int, shape (n_bonds, 2)
        Bonded pairs ``i < j``, sorted.
    stereocentres : ndarray of int, shape (n_stereocentres, 4)
        Rows ``(centre, a, b, c)``; the right hand has
        ``(a - centre) x (b - centre) . (c - centre) > 0``.

    Raises
    ------
    ValueError
        If the fields do not fit together.

    Examples
    --------
    >>> water = AtomTable(
    ...     names=("O", "H1", "H2"), atomic_numbers=[8, 1, 1], masses=[16, 1, 1],
    ...     residue_of_atom=[0, 0, 0], residue_names=("HOH",), residue_ids=(1,),
    ...     insertion_codes=("",), chain_ids=("A",), bonds=[[0, 1], [0, 2]],
    ...     stereocentres=[],
    ... )
    >>> water.describe()
    '3 atoms (HOH)'
    """

    names: tuple[str, ...]
    atomic_numbers: np.ndarray
    masses: np.ndarray
    residue_of_atom: np.ndarray
    residue_names: tuple[str, ...]
    residue_ids: tuple[int, ...]
    insertion_codes: tuple[str, ...]
    chain_ids: tuple[str, ...]
    bonds: np.ndarray
    stereocentres: np.ndarray

    def __post_init__(self) -> None:
        """Freeze the arrays and check that the fields fit together."""
        widths = {"bonds": 2, "stereocentres": 4}
        for name in (*_PER_ATOM, *widths):
            array = _checked_array(name, getattr(self, name), widths.get(name))
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        self._check()

    def _check(self) -> None:
        n_atoms = len(self.names)
        for name in _PER_ATOM:
            if len(getattr(self, name)) != n_atoms:
                raise ValueError(
                    f"`{name}` has {len(getattr(self, name))} entries but `names` has "
                    f"{n_atoms}; give one per atom"
                )
        steps = np.diff(self.residue_of_atom, prepend=0)
        is_counted = (steps >= 0) & (steps <= 1)
        if n_atoms and not (is_counted.all() and self.residue_of_atom[0] == 0):
            raise ValueError(
                "`residue_of_atom` must count residues from 0 without gaps and keep "
                "the atoms of a residue together; sort the atoms by residue"
            )
        n_residues = int(self.residue_of_atom[-1]) + 1 if n_atoms else 0
        for name in ("residue_names", "residue_ids", "insertion_codes", "chain_ids"):
            if len(getattr(self, name)) != n_residues:
                raise ValueError(
                    f"`{name}` has {len(getattr(self, name))} entries but there are "
                    f"{n_residues} residues; give one per residue"
                )
        for name in ("bonds", "stereocentres"):
            index = getattr(self, name)
            if index.size and (index.min() < 0 or index.max() >= n_atoms):
                raise ValueError(
                    f"`{name}` names atom {index.max()} or a negative one but there "
                    f"are {n_atoms} atoms; count atoms from 0"
                )
        self._check_bonds()

    def _check_bonds(self) -> None:
        n_different = len(np.unique(self.bonds, axis=0))
        if (
            n_different < len(self.bonds)
            or (self.bonds[:, 0] >= self.bonds[:, 1]).any()
        ):
            raise ValueError(
                "`bonds` holds a pair twice, or one that does not rise; give every "
                "bond once, as i < j"
            )

    @classmethod
    def from_universe(cls, atoms: "mda.Universe | mda.AtomGroup") -> "AtomTable":
        """Read the table from an atomistic universe or group of atoms.

        Parameters
        ----------
        atoms : MDAnalysis.Universe or AtomGroup
            Needs elements, masses, bonds and the positions of the current frame,
            which say what hand each stereocentre has.

        Returns
        -------
        AtomTable
            The table, atoms in the order of the group.

        Raises
        ------
        ValueError
            If something is missing, an atom comes twice, or the residues are
            interleaved.
        """
        group = atoms.atoms
        if not len(group) or len(set(group.indices)) < len(group):
            raise ValueError(
                f"`atoms` has {len(group)} atoms, {len(set(group.indices))} of them "
                "different; select every atom of a molecule once"
            )
        elements = _elements(group)
        bonds = _bonds(group)
        residues = group.residues
        position = {index: rank for rank, index in enumerate(residues.resindices)}
        numbers = np.array([_atomic_number(element) for element in elements])
        return cls(
            names=tuple(str(name) for name in _attribute(group, "names", "")),
            atomic_numbers=numbers,
            masses=np.asarray(_needed(group, "masses"), dtype=np.float64),
            residue_of_atom=np.array([position[r] for r in group.resindices]),
            residue_names=tuple(map(str, _attribute(residues, "resnames", "UNK"))),
            residue_ids=tuple(map(int, _needed(residues, "resids"))),
            insertion_codes=tuple(
                str(code).strip() for code in _attribute(residues, "icodes", "")
            ),
            chain_ids=tuple(_chain_ids(residues)),
            bonds=bonds,
            stereocentres=_stereocentres(
                numbers, bonds, _needed(group, "positions"), group.dimensions
            ),
        )

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.names)

    @property
    def n_residues(self) -> int:
        """Number of residues."""
        return len(self.residue_names)

    @cached_property
    def is_heavy(self) -> np.ndarray:
        """Whether each atom is heavier than hydrogen, bool of shape (n_atoms,)."""
        return self.atomic_numbers != HYDROGEN

    @cached_property
    def neighbours(self) -> tuple[tuple[int, ...], ...]:
        """The bonded neighbours of every atom, in rising order."""
        lists: list[list[int]] = [[] for _ in self.names]
        for i, j in self.bonds.tolist():
            lists[i].append(j)
            lists[j].append(i)
        return tuple(tuple(sorted(found)) for found in lists)

    @cached_property
    def amides(self) -> np.ndarray:
        """Torsions omega of the amide bonds, int of shape (n_amides, 4).

        Rows ``(C, C, N, C)``: 180 degrees is trans, 0 is cis.
        """
        rows = []
        for carbon, nitrogen in _directed(self.bonds):
            if not self._is_element(carbon, CARBON, nitrogen, NITROGEN):
                continue
            around = self.neighbours[carbon]
            if not any(self._is_terminal_oxygen(atom) for atom in around):
                continue
            before = [a for a in around if self.atomic_numbers[a] == CARBON]
            after = [
                a
                for a in self.neighbours[nitrogen]
                if a != carbon and self.atomic_numbers[a] == CARBON
            ]
            if before and after:
                # Proline's ring also bonds CD to N: the backbone's CA carries the
                # next carbonyl, so it has the carbon with oxygen beside it.
                after.sort(key=lambda a: (not self._bears_carbonyl(a), a))
                rows.append((before[0], carbon, nitrogen, after[0]))
        return np.array(rows, dtype=np.int64).reshape(-1, 4)

    @cached_property
    def rotors(self) -> np.ndarray:
        """Methyl and ammonium groups, int of shape (n_rotors, 6).

        Rows ``(reference, neighbour, centre, H, H, H)``: the torsion
        reference-neighbour-centre-H tells how far the group has turned. The three
        hydrogens are the same to physics; only their labels differ.
        """
        rows = []
        for centre, around in enumerate(self.neighbours):
            hydrogens = [a for a in around if self.atomic_numbers[a] == HYDROGEN]
            others = [a for a in around if self.atomic_numbers[a] != HYDROGEN]
            if len(hydrogens) != 3 or len(others) != 1:
                continue
            beyond = [a for a in self.neighbours[others[0]] if a != centre]
            if beyond:
                # Prefer a heavy reference: hydrogens move more.
                reference = min(beyond, key=lambda a: (not self.is_heavy[a], a))
                rows.append((reference, others[0], centre, *hydrogens))
        return np.array(rows, dtype=np.int64).reshape(-1, 6)

    @cached_property
    def rings(self) -> tuple[tuple[int, ...], ...]:
        """The smallest set of smallest rings, each a tuple of atoms."""
        molecule = skeleton(self.atomic_numbers, self.bonds)
        return tuple(tuple(ring) for ring in Chem.GetSymmSSSR(molecule))

    def pairs_within(self, n_bonds: int) -> np.ndarray:
        """Pairs of atoms joined by at most some number of bonds.

        Parameters
        ----------
        n_bonds : int
            Largest number of bonds between the two; 1 gives the bonds.

        Returns
        -------
        ndarray of int, shape (n_pairs, 2)
            Pairs ``i < j``, sorted.

        Raises
        ------
        ValueError
            If ``n_bonds`` is less than one.
        """
        if n_bonds < 1:
            raise ValueError(f"`n_bonds` is {n_bonds} but must be at least 1")
        pairs: set[tuple[int, int]] = set()
        for start in range(self.n_atoms):
            seen = {start}
            shell = {start}
            for _ in range(n_bonds):
                shell = {b for a in shell for b in self.neighbours[a]} - seen
                seen |= shell
            pairs.update((start, atom) for atom in seen if atom > start)
        return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)

    def describe(self) -> str:
        """Say in a few words what the molecule is."""
        names = list(self.residue_names)
        shown = names if len(names) <= 12 else [*names[:5], "…", *names[-5:]]
        return f"{self.n_atoms} atoms ({' '.join(shown)})"

    def to_dict(self) -> dict[str, Any]:
        """Give the table as plain JSON types."""
        plain = {}
        for field in fields(self):
            value = getattr(self, field.name)
            is_array = isinstance(value, np.ndarray)
            plain[field.name] = value.tolist() if is_array else list(value)
        return plain

    @classmethod
    def from_dict(cls, plain: MappingABC[str, Any]) -> "AtomTable":
        """Make the table again from what `to_dict` gave.

        Raises
        ------
        ValueError
            If a field is missing, unknown, or has the wrong type.
        """
        wanted = {field.name for field in fields(cls)}
        if not isinstance(plain, MappingABC) or set(plain) != wanted:
            raise ValueError(
                f"`plain` is not a record with the keys {', '.join(sorted(wanted))}; "
                "give what AtomTable.to_dict gave"
            )
        values: dict[str, Any] = {}
        for name, value in plain.items():
            if not isinstance(value, list | tuple):
                raise ValueError(f"`{name}` is {value!r} but must be a list")
            if name in _TEXTS and not all(isinstance(word, str) for word in value):
                raise ValueError(f"`{name}` must be a list of words")
            if name == "residue_ids" and not all(type(i) is int for i in value):
                raise ValueError(f"`{name}` must be a list of whole numbers")
            values[name] = tuple(value)
        return cls(**values)

    def _is_element(self, a: int, number_a: int, b: int, number_b: int) -> bool:
        numbers = self.atomic_numbers
        return bool(numbers[a] == number_a and numbers[b] == number_b)

    def _is_terminal_oxygen(self, atom: int) -> bool:
        is_oxygen = bool(self.atomic_numbers[atom] == OXYGEN)
        return is_oxygen and len(self.neighbours[atom]) == 1

    def _bears_carbonyl(self, atom: int) -> bool:
        return any(
            self.atomic_numbers[carbon] == CARBON
            and any(self._is_terminal_oxygen(o) for o in self.neighbours[carbon])
            for carbon in self.neighbours[atom]
        )


_PER_ATOM = ("atomic_numbers", "masses", "residue_of_atom")
_TEXTS = ("names", "residue_names", "insertion_codes", "chain_ids")


def _checked_array(name: str, values: Any, width: int | None) -> np.ndarray:
    """Return a copy as an array of the right kind and shape, or say what is wrong."""
    dtype = np.dtype(np.float64 if name == "masses" else np.int64)
    try:
        array = np.array(values)
    except ValueError as error:
        raise ValueError(f"`{name}` is not an array ({error})") from error
    if array.size == 0:
        return np.empty((0,) if width is None else (0, width), dtype=dtype)
    is_shaped = array.ndim == 1 if width is None else array.shape[1:] == (width,)
    if not is_shaped or array.dtype.kind not in ("iuf" if dtype.kind == "f" else "iu"):
        raise ValueError(
            f"`{name}` has shape {array.shape} and type {array.dtype} but must be "
            f"{'' if dtype.kind == 'f' else 'whole '}numbers of shape "
            f"{'(n,)' if width is None else f'(n, {width})'}"
        )
    if dtype.kind == "f" and not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(f"`{name}` must be finite and not negative")
    return array.astype(dtype)


def _directed(bonds: np.ndarray) -> list[tuple[int, int]]:
    return [pair for i, j in bonds.tolist() for pair in ((i, j), (j, i))]


def _attribute(group: Any, name: str, default: str) -> list[Any]:
    try:
        return list(getattr(group, name))
    except NoDataError:
        return [default] * len(group)


def _needed(group: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(getattr(group, name))
    except NoDataError as error:
        raise ValueError(
            f"`atoms` has no {name}; read a structure that holds them or call "
            f"universe.add_TopologyAttr or universe.load_new first"
        ) from error


def _chain_ids(residues: "mda.ResidueGroup") -> list[str]:
    # chainIDs belong to atoms in MDAnalysis, segids to segments; many formats fill
    # only one of the two.
    chains = _attribute(residues.atoms, "chainIDs", "")
    first_atoms = np.unique(residues.atoms.resindices, return_index=True)[1]
    by_index = dict(
        zip(
            residues.atoms.resindices[first_atoms],
            [chains[atom] for atom in first_atoms],
            strict=True,
        )
    )
    segids = _attribute(residues, "segids", "")
    return [
        str(by_index[index] or segid)
        for index, segid in zip(residues.resindices, segids, strict=True)
    ]


def _elements(group: "mda.AtomGroup") -> list[str]:
    try:
        elements = list(group.elements)
    except NoDataError:
        elements = [""]
    if not all(elements):
        raise ValueError(
            "`atoms` has no element for some atoms; call "
            "universe.guess_TopologyAttrs(to_guess=['elements']) first"
        )
    return elements


def _bonds(group: "mda.AtomGroup") -> np.ndarray:
    try:
        bonded = group.bonds.atomgroup_intersection(group, strict=True).indices
    except (NoDataError, AttributeError) as error:
        raise ValueError(
            "`atoms` has no bonds; read a topology that holds them or call "
            "universe.guess_TopologyAttrs(to_guess=['bonds']) first"
        ) from error
    rank = np.full(int(group.indices.max()) + 1, -1)
    rank[group.indices] = np.arange(len(group))
    pairs = np.sort(rank[np.asarray(bonded, dtype=int)].reshape(-1, 2), axis=1)
    # A PDB file often holds the bonds of its odd residues only.
    alone = np.setdiff1d(np.arange(len(group)), pairs)
    # An ion has none, and is its whole residue.
    alone = alone[[len(atom.residue.atoms) > 1 for atom in group[alone]]]
    if len(alone):
        atom = group[int(alone[0])]
        raise ValueError(
            f"`atoms` has bonds, but none for {len(alone)} atoms such as {atom.name} "
            f"of {atom.resname} {atom.resid}; read the structure with "
            "MDAnalysis.Universe(openmm.app.PDBFile(path)) or guess the bonds"
        )
    return np.unique(pairs, axis=0)


def _atomic_number(element: str) -> int:
    # RDKit dumps its stack on unknown or upper-case symbols, so look before asking.
    symbol = element.strip().capitalize()
    if symbol not in ATOMIC_NUMBERS:
        raise ValueError(
            f"`atoms` holds the element {element!r}, which is not in the periodic "
            "table; set universe.atoms.elements"
        )
    return ATOMIC_NUMBERS[symbol]


ATOMIC_NUMBERS = {
    Chem.GetPeriodicTable().GetElementSymbol(number): number for number in range(1, 119)
}


def skeleton(atomic_numbers: np.ndarray, bonds: np.ndarray) -> Chem.Mol:
    """Make an RDKit molecule of single bonds: enough for rings and symmetry."""
    molecule = Chem.RWMol()
    for number in atomic_numbers.tolist():
        atom = Chem.Atom(number)
        atom.SetNoImplicit(True)  # noqa: FBT003
        molecule.AddAtom(atom)
    for i, j in bonds.tolist():
        molecule.AddBond(i, j, Chem.BondType.SINGLE)
    return molecule.GetMol()


def _stereocentres(
    atomic_numbers: np.ndarray,
    bonds: np.ndarray,
    positions: np.ndarray,
    box: np.ndarray | None,
) -> np.ndarray:
    """Find atoms with four different neighbours, listed so that the volume is > 0.

    With explicit hydrogens two neighbours differ exactly when their places in the
    bond graph do, so RDKit's symmetry classes decide and bond orders are not needed.
    """
    molecule = skeleton(atomic_numbers, bonds)
    Chem.FastFindRings(molecule)
    ranks = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))
    rows = []
    for atom in molecule.GetAtoms():
        around = sorted(neighbour.GetIdx() for neighbour in atom.GetNeighbors())
        if len(around) != 4 or len({ranks[i] for i in around}) != 4:
            continue
        centre = atom.GetIdx()
        kept = [i for i in around if atomic_numbers[i] != HYDROGEN][:3]
        kept += [i for i in around if i not in kept][: 3 - len(kept)]
        arms = positions[kept].astype(np.float64) - positions[centre]
        if box is not None and box.all():  # the molecule may be cut by the box
            arms = minimize_vectors(arms, box)
        if np.linalg.det(arms) < 0:
            kept[0], kept[1] = kept[1], kept[0]
        rows.append((centre, *kept))
    return np.array(rows, dtype=np.int64).reshape(-1, 4)
