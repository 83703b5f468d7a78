"""Residue templates: atoms of amino acids as OpenMM has them, with their chirality."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from rdkit import Chem

if TYPE_CHECKING:
    from openmm import app

__all__ = [
    "CAPS_AFTER",
    "CAPS_BEFORE",
    "ONE_LETTER",
    "STANDARD_OF_VARIANT",
    "ResidueTemplate",
    "has_template",
    "residue_template",
    "variants_of_residue",
]

AUTHORITY = "amber14/protein.ff14SB.xml"
# Protonation states and bridges of the standard residues, as Amber names them.
STANDARD_OF_VARIANT = {
    "ASH": "ASP",
    "CYM": "CYS",
    "CYX": "CYS",
    "GLH": "GLU",
    "HID": "HIS",
    "HIE": "HIS",
    "HIP": "HIS",
    "LYN": "LYS",
}
ONE_LETTER = {
    "ALA": "A", "ARG": "R", "ASN": "N", "ASP": "D", "CYS": "C", "GLN": "Q", "GLU": "E",
    "GLY": "G", "HIS": "H", "ILE": "I", "LEU": "L", "LYS": "K", "MET": "M", "PHE": "F",
    "PRO": "P", "SER": "S", "THR": "T", "TRP": "W", "TYR": "Y", "VAL": "V",
}  # fmt: skip
CAPS_BEFORE = frozenset({"ACE"})
CAPS_AFTER = frozenset({"NME", "NHE"})


@dataclass(frozen=True, eq=False)
class ResidueTemplate:
    """Atoms and bonds of one variant of a residue.

    Parameters
    ----------
    variant : str
        Name of the template, such as ``"NHID"``.
    residue_name : str
        Name of the residue in a PDB file, such as ``"HIS"``.
    names : tuple of str, one per atom
        Names of the atoms; their order is the canonical one.
    atomic_numbers, masses : ndarray, shape (n_atoms,)
        Atomic numbers, masses [Da].
    bonds : ndarray of int, shape (n_bonds, 2)
        Bonds inside the residue.
    head, tail, sulphur : int
        The nitrogen bonded to the residue before, the carbon bonded to the residue
        after, and the sulphur bonded to another; -1 where there is no such bond.
    stereocentres : ndarray of int, shape (n_stereocentres, 4)
        Rows as in `AtomTable`, of the L residue.
    """

    variant: str
    residue_name: str
    names: tuple[str, ...]
    atomic_numbers: np.ndarray
    masses: np.ndarray
    bonds: np.ndarray
    head: int
    tail: int
    sulphur: int
    stereocentres: np.ndarray

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.names)


@cache
def residue_template(variant: str) -> ResidueTemplate:
    """Return the template of a variant of a residue.

    Parameters
    ----------
    variant : str
        Amber's name: ``"ALA"``, ``"NALA"`` at the start of a chain, ``"CALA"`` at its
        end, ``"HID"``, ``"HIE"``, ``"HIP"``, ``"CYX"``, ``"ACE"``, ...

    Returns
    -------
    ResidueTemplate
        Atoms, bonds and stereocentres.

    Raises
    ------
    ValueError
        If there is no such template.

    Examples
    --------
    >>> residue_template("NGLY").names
    ('N', 'H1', 'H2', 'H3', 'CA', 'HA2', 'HA3', 'C', 'O')
    """
    if not has_template(variant):
        raise ValueError(
            f"`variant` is {variant!r} but must be the name of an amino acid or cap "
            f"of {AUTHORITY}, such as 'ALA', 'NALA' or 'HIE'"
        )
    found = _force_field()._templates[variant]  # noqa: SLF001 - it has no other door
    names = tuple(atom.name for atom in found.atoms)
    outside = {names[atom]: atom for atom in found.externalBonds}
    bonds = np.sort(np.array(found.bonds, dtype=np.int64).reshape(-1, 2), axis=1)
    residue_name = _pdb_name(variant)
    elements = [atom.element for atom in found.atoms]
    atomic_numbers = np.array([element.atomic_number for element in elements])
    return ResidueTemplate(
        variant=variant,
        residue_name=residue_name,
        names=names,
        atomic_numbers=atomic_numbers,
        masses=np.array([element.mass._value for element in elements]),  # noqa: SLF001
        bonds=bonds,
        head=outside.get("N", -1),
        tail=outside.get("C", -1),
        sulphur=outside.get("SG", -1),
        stereocentres=_stereocentres(residue_name, names, atomic_numbers, bonds),
    )


def has_template(variant: str) -> bool:
    """Return whether there is a template of this name that is built here."""
    return variant in _force_field()._templates and _is_built(_pdb_name(variant))  # noqa: SLF001


@cache
def variants_of_residue(residue_name: str) -> tuple[str, ...]:
    """Return the variants of a residue of the PDB.

    Examples
    --------
    >>> variants_of_residue("ASP")
    ('ASH', 'ASP', 'CASP', 'NASP')
    """
    return tuple(
        variant
        for variant in _force_field()._templates  # noqa: SLF001
        if has_template(variant) and _pdb_name(variant) == residue_name
    )


@cache
def _force_field() -> "app.ForceField":
    from openmm import app

    return app.ForceField(AUTHORITY)


def _is_built(residue_name: str) -> bool:
    return residue_name in {*ONE_LETTER, *CAPS_BEFORE, *CAPS_AFTER}


def _pdb_name(variant: str) -> str:
    """Return the residue of a variant: NHID, CHID and HID are HIS."""
    base = variant[1:] if len(variant) == 4 and variant[0] in "NC" else variant
    return STANDARD_OF_VARIANT.get(base, base)


def _stereocentres(
    residue_name: str,
    names: tuple[str, ...],
    atomic_numbers: np.ndarray,
    bonds: np.ndarray,
) -> np.ndarray:
    rows = []
    for name, ordered in _ordered_arms(residue_name).items():
        centre = names.index(name)
        around = {int(a) for pair in bonds if centre in pair for a in pair} - {centre}
        arms = sorted(a for a in around if atomic_numbers[a] > 1)
        # The three are the same, so only whether an odd number of swaps leads from
        # one order to the other matters.
        if _is_odd([ordered.index(names[a]) for a in arms]):
            arms[0], arms[1] = arms[1], arms[0]
        rows.append((centre, *arms))
    return np.array(sorted(rows), dtype=np.int64).reshape(-1, 4)


@cache
def _ordered_arms(residue_name: str) -> dict[str, list[str]]:
    """Return the heavy neighbours of each stereocentre, signed volume positive.

    RDKit builds L residues from their letters; only its tetrahedral tags are read.
    """
    if residue_name not in ONE_LETTER:
        return {}
    # With a residue on either side the ends play no part.
    molecule = Chem.AddHs(Chem.MolFromSequence(f"G{ONE_LETTER[residue_name]}G"))
    arms: dict[str, list[str]] = {}
    for atom in molecule.GetAtoms():
        tag = atom.GetChiralTag()
        if tag == Chem.ChiralType.CHI_UNSPECIFIED:
            continue
        around = [bond.GetOtherAtom(atom) for bond in atom.GetBonds()]
        # Seen from the first, the others are counterclockwise with this tag; so seen
        # from the other side they are clockwise and their volume is negative.
        if tag == Chem.ChiralType.CHI_TETRAHEDRAL_CCW:
            around[0], around[1] = around[1], around[0]
        light = next(i for i, a in enumerate(around) if a.GetAtomicNum() == 1)
        heavy = [a for i, a in enumerate(around) if i != light]
        if light % 2:
            heavy[0], heavy[1] = heavy[1], heavy[0]
        arms[_name(atom)] = [_name(a) for a in heavy]
    return arms


def _name(atom: Chem.Atom) -> str:
    """Return the name of an atom in PDB files; RDKit swaps carbons of isoleucine."""
    info = atom.GetPDBResidueInfo()
    name = str(info.GetName()).strip()
    if info.GetResidueName() == "ILE" and name in ("CG1", "CG2"):
        n_carbons = sum(other.GetAtomicNum() == 6 for other in atom.GetNeighbors())
        return "CG1" if n_carbons == 2 else "CG2"
    return name


def _is_odd(order: list[int]) -> bool:
    swaps = sum(a > b for i, a in enumerate(order) for b in order[i + 1 :])
    return swaps % 2 == 1
