"""Variants of amino acids: protonation, disulfide bridges, ends of chains."""

from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from typing import Any

import numpy as np

from openmm_cgvae.chemistry.proteins.bead_residues import BeadResidues, shortlist
from openmm_cgvae.chemistry.proteins.chains import Chains
from openmm_cgvae.chemistry.proteins.disulfides import checked_pairs, near_pairs
from openmm_cgvae.chemistry.proteins.residue_names import DEFAULT_HISTIDINE, STAND_INS
from openmm_cgvae.chemistry.proteins.residue_templates import (
    STANDARD_OF_VARIANT,
    has_template,
)

__all__ = [
    "Notes",
    "choose_variants",
    "find_bridges",
    "is_cap",
    "with_bridges_and_ends",
]

Notes = tuple[str, ...]


def choose_variants(
    residues: BeadResidues, protonation: MappingABC[int, str] | None
) -> tuple[list[str], Notes]:
    """Read the variants inside chains from the names, then from what was asked.

    Parameters
    ----------
    residues : BeadResidues
        The residues.
    protonation : mapping of int to str, or None
        Variants by number of residue.

    Returns
    -------
    list of str
        One variant per residue.
    tuple of str
        What was taken for granted.

    Raises
    ------
    ValueError
        If a residue cannot be of the variant that was asked for.
    """
    variants = [known.variant for known in residues.names]
    asked = dict(protonation or {})
    for residue, variant in asked.items():
        if not 0 <= residue < len(variants):
            raise ValueError(
                f"`protonation` names residue {residue}, but residues are counted "
                f"from 0 to {len(variants) - 1}"
            )
        standard = _standard(variants[residue])
        options = {v for v, name in STANDARD_OF_VARIANT.items() if name == standard}
        options = (options | {standard}) - {"HIS", "CYX"}
        if variant not in options:
            raise ValueError(
                f"`protonation` makes {residues.label(residue)} a {variant!r}, but it "
                f"can be {' or '.join(sorted(options))}; bridges are for `disulfides`"
            )
        variants[residue] = variant
    return variants, _name_notes(residues, asked)


def find_bridges(
    residues: BeadResidues,
    variants: Sequence[str],
    where: np.ndarray | None,
    chains: Chains,
    family: str,
    disulfides: Any,
) -> tuple[np.ndarray, Notes]:
    """Find the cysteines that are bonded.

    Parameters
    ----------
    residues : BeadResidues
        The residues.
    variants : sequence of str
        Their variants.
    where : ndarray, shape (n_residues, 3), or None
        The bead of each that tells [Å].
    chains : Chains
        Which residues are joined.
    family : str
        Family of the beads.
    disulfides : "auto" or sequence of (int, int)
        What was asked for.

    Returns
    -------
    ndarray of int, shape (n_disulfides, 2)
        Pairs of residues.
    tuple of str
        What was taken for granted.
    """
    if not isinstance(disulfides, str):
        return checked_pairs(disulfides, variants), ()
    if disulfides != "auto":
        raise ValueError(
            f"`disulfides` is {disulfides!r} but must be 'auto' or pairs of residues"
        )
    # A name that says so rules a bridge out; one that says nothing does not.
    cysteines = np.flatnonzero(np.isin(variants, ["CYS", "CYX"]))
    if where is None or len(cysteines) < 2:
        return np.empty((0, 2), dtype=np.int64), ()
    pairs = near_pairs(where, cysteines, chains, family, residues.atoms.dimensions)
    spelled = [
        f"{residues.label(i)} and {residues.label(j)}" for i, j in pairs.tolist()
    ]
    note = (
        f"disulfide bridges are taken to be between {shortlist(spelled)}, by the "
        "distance of their beads; pass `disulfides` to choose them"
    )
    return pairs, (note,) if spelled else ()


def with_bridges_and_ends(
    residues: BeadResidues,
    variants: Sequence[str],
    pairs: np.ndarray,
    chains: Chains,
) -> tuple[tuple[str, ...], Notes]:
    """Return the template of each residue, bridges and ends of chains considered.

    Parameters
    ----------
    residues : BeadResidues
        The residues.
    variants : sequence of str
        Variants inside chains.
    pairs : ndarray of int, shape (n_disulfides, 2)
        Bonded cysteines.
    chains : Chains
        Which residues are joined.

    Returns
    -------
    tuple of str
        One template per residue.
    tuple of str
        What had to be another variant than was asked for.
    """
    notes = []
    bridged = set(np.asarray(pairs).ravel().tolist())
    ends = []
    has_previous, has_next = chains.has_previous, chains.has_next
    for residue, variant in enumerate(variants):
        if residue in bridged:
            variant = "CYX"
        elif variant == "CYX":
            variant = "CYS"
            notes.append(
                f"{residues.label(residue)} has no cysteine near and is built as CYS"
            )
        end = "" if has_previous[residue] else "N"
        end += "" if has_next[residue] else "C"
        if end and not is_cap(variant):
            if not has_template(end + variant):
                notes.append(
                    f"{residues.label(residue)} ends a chain, where the force field "
                    f"has no {variant}, and is built as {_usual(variant)}"
                )
                variant = _usual(variant)
            variant = end + variant
        ends.append(variant)
    return tuple(ends), tuple(notes)


def is_cap(variant: str) -> bool:
    """Return whether a residue is a cap, not an amino acid."""
    return variant in ("ACE", "NME", "NHE")


def _usual(variant: str) -> str:
    standard = _standard(variant)
    return DEFAULT_HISTIDINE if standard == "HIS" else standard


def _standard(variant: str) -> str:
    return STANDARD_OF_VARIANT.get(variant, variant)


def _name_notes(residues: BeadResidues, asked: dict[int, str]) -> Notes:
    notes = []
    defaults = [
        residues.label(residue)
        for residue, known in enumerate(residues.names)
        if known == (DEFAULT_HISTIDINE, False) and residue not in asked
    ]
    if defaults:
        notes.append(
            f"the hydrogen of {shortlist(defaults)} is on NE2 ({DEFAULT_HISTIDINE}); "
            "pass `protonation` to choose"
        )
    for name, stand_in in STAND_INS.items():
        found = [
            residues.label(residue)
            for residue, raw in enumerate(residues.raw_names)
            if raw.strip().upper() == name
        ]
        if found:
            notes.append(f"{shortlist(found)} is built as {stand_in}")
    if residues.is_alternate.any():
        notes.append(
            f"{residues.is_alternate.sum()} beads at alternate locations are left out"
        )
    return tuple(notes)
