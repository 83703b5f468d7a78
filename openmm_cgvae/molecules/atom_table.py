"""AtomTable: what the atoms of a molecule are and how they are bonded."""

from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, no_type_check

import MDAnalysis as mda
import numpy as np
from rdkit import Chem

from openmm_cgvae.molecules.argument_checks import check_printable, checked_array
from openmm_cgvae.molecules.bond_graph import neighbours_of, pairs_within, skeleton
from openmm_cgvae.molecules.elements import HYDROGEN
from openmm_cgvae.molecules.from_universe import read_atoms, read_particles
from openmm_cgvae.molecules.functional_groups import find_amides, find_rotors

__all__ = ["AtomTable"]


@no_type_check  # arrays may be given as lists; wrong ones are refused by a message
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
        Rows ``(centre, a, b, c)``; the correct chirality has
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
            array = checked_array(name, getattr(self, name), widths.get(name))
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        for name in _TEXTS:
            check_printable(name, getattr(self, name))
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
        for name in _PER_RESIDUE:
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
            which tell the chirality of each stereocentre.

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
        return cls(**read_atoms(atoms))

    @classmethod
    def from_particles(cls, group: "mda.AtomGroup") -> "AtomTable":
        """Read the table of particles of any kind, as far as a universe knows them.

        Parameters
        ----------
        group : MDAnalysis.AtomGroup
            Beads, atoms or both; nothing need be known of them.

        Returns
        -------
        AtomTable
            Beads, which have no element, have the atomic number 0. A residue begins
            wherever that of the particles changes, and there are no stereocentres.

        Examples
        --------
        >>> water = mda.Universe.empty(2, 2, atom_resindex=[0, 1])
        >>> water.add_TopologyAttr("resnames", ["W", "ION"])
        >>> AtomTable.from_particles(water.atoms).describe()
        '2 atoms (W ION)'
        """
        return cls(**read_particles(group))

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
        return neighbours_of(self.n_atoms, self.bonds)

    @cached_property
    def amides(self) -> np.ndarray:
        """Torsions omega of the amide bonds, int of shape (n_amides, 4).

        Rows ``(C, C, N, C)``: 180 degrees is trans, 0 is cis.
        """
        return find_amides(self.atomic_numbers, self.bonds, self.neighbours)

    @cached_property
    def rotors(self) -> np.ndarray:
        """Methyl and ammonium groups, int of shape (n_rotors, 6).

        Rows ``(reference, neighbour, centre, H, H, H)``: the torsion
        reference-neighbour-centre-H tells how far the group has turned. The three
        hydrogens are the same to physics; only their labels differ.
        """
        return find_rotors(self.atomic_numbers, self.neighbours)

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
        return pairs_within(self.neighbours, n_bonds)

    def describe(self) -> str:
        """Describe the molecule in a few words."""
        names = list(self.residue_names)
        shown = names if len(names) <= 12 else [*names[:5], "…", *names[-5:]]
        return f"{self.n_atoms} atoms ({' '.join(shown)})"

    def to_dict(self) -> dict[str, Any]:
        """Return the table as plain JSON types."""
        plain = {}
        for field in fields(self):
            value = getattr(self, field.name)
            is_array = isinstance(value, np.ndarray)
            plain[field.name] = value.tolist() if is_array else list(value)
        return plain

    @classmethod
    def from_dict(cls, plain: MappingABC[str, Any]) -> "AtomTable":
        """Build the table again from what `to_dict` returned.

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


_PER_ATOM = ("atomic_numbers", "masses", "residue_of_atom")
_PER_RESIDUE = ("residue_names", "residue_ids", "insertion_codes", "chain_ids")
_TEXTS = ("names", "residue_names", "insertion_codes", "chain_ids")
