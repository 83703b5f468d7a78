"""Residue names: what programs call amino acids, and the variant each name means."""

from typing import NamedTuple

from openmm_cgvae.chemistry.proteins.residue_templates import ONE_LETTER, has_template
from openmm_cgvae.mapping.schemes.martini_tables import STANDARD_NAMES

__all__ = ["DEFAULT_HISTIDINE", "STAND_INS", "KnownName", "known_name", "spelled_out"]

# Names of residues by protonation (Amber, CHARMM, GROMOS, OPLS), which the names of
# Martini's tables tell apart by residue only.
_OF_VARIANT = {
    "ASH": "ASH ASPH ASPP ASP0",
    "CYM": "CYM",
    "CYX": "CYX CYS2 CYSX CYSD",
    "GLH": "GLH GLUH GLUP GLU0",
    "HID": "HID HSD HISD HISA",
    "HIE": "HIE HSE HISE HISB",
    "HIP": "HIP HSP HISP HISH",
    "LYN": "LYN LSN LYS0",
    "ACE": "ACE",
    "NME": "NME NMA",
    "NHE": "NHE NH2",
}
VARIANT_OF_NAME = {
    other: variant
    for variant, others in _OF_VARIANT.items()
    for other in others.split()
}
DEFAULT_HISTIDINE = "HIE"
# Residues that are built as another one: the heavy atoms are alike.
STAND_INS = {"MSE": "MET", "ARN": "ARG", "ARGN": "ARG", "TYM": "TYR"}
OF_LETTER = {letter: name for name, letter in ONE_LETTER.items()}
# Bases, and the water of Martini.
OTHER_LETTERS = frozenset("ACGTUIN") | {"W"}


class KnownName(NamedTuple):
    """What the name of a residue says."""

    variant: str  # as inside a chain
    is_explicit: bool  # whether the name tells the protonation


def known_name(name: str) -> KnownName | None:
    """Read the name of a residue; None if it is no amino acid or cap that is built.

    Examples
    --------
    >>> known_name("HSD")
    KnownName(variant='HID', is_explicit=True)
    >>> known_name("his")
    KnownName(variant='HIE', is_explicit=False)
    >>> known_name("SOL") is None
    True
    """
    name = name.strip().upper()
    if len(name) == 4 and name[0] in "NC" and has_template(name):
        name = name[1:]  # Amber's names of ends
    if name in VARIANT_OF_NAME:
        return KnownName(VARIANT_OF_NAME[name], is_explicit=True)
    name = STAND_INS.get(name, name)
    standard = STANDARD_NAMES.get(name)
    if standard == "HIS":
        return KnownName(DEFAULT_HISTIDINE, is_explicit=False)
    return None if standard is None else KnownName(standard, is_explicit=False)


def spelled_out(names: list[str]) -> list[str]:
    """Return one-letter names in full, if all are and no other molecules have these.

    Examples
    --------
    >>> spelled_out(["M", "K"]), spelled_out(["A", "G"])
    (['MET', 'LYS'], ['A', 'G'])
    """
    letters = {name.strip().upper() for name in names}
    if letters <= OF_LETTER.keys() and not letters <= OTHER_LETTERS:
        return [OF_LETTER[name.strip().upper()] for name in names]
    return names
