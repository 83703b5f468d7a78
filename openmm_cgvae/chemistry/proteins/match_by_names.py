"""Residue templates matched to atoms by the names that programs give them."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from openmm import app

from openmm_cgvae.chemistry.proteins.residue_templates import (
    residue_template,
    variants_of_residue,
)

__all__ = ["TemplateMatch", "match_by_names", "plain_names"]


class TemplateMatch(NamedTuple):
    """A residue template, and which atom each atom of the template is."""

    variant: str
    order: np.ndarray  # int, shape (n_atoms,)


@cache
def match_by_names(residue_name: str, names: tuple[str, ...]) -> TemplateMatch | None:
    """Find the variant of a residue that has just these atoms, by their names.

    OpenMM's table of names is the authority for what the PDB, CHARMM, Gromacs and
    others call an atom.

    Parameters
    ----------
    residue_name : str
        Name of the residue in a PDB file.
    names : tuple of str
        Names of its atoms.

    Returns
    -------
    TemplateMatch or None
        None if no variant has these names.

    Examples
    --------
    >>> match_by_names("GLY", ("C", "O", "CA", "HA1", "HA2", "N", "HN"))
    TemplateMatch(variant='GLY', order=array([5, 6, 2, 4, 3, 0, 1]))
    """
    plain = plain_names(residue_name, names)
    rank = {name: index for index, name in enumerate(plain)}
    if len(rank) < len(names):
        return None
    for variant in variants_of_residue(residue_name):
        if variant == "CYM":  # the same names as CYX; what it is bonded to tells
            continue
        wanted = plain_names(residue_name, residue_template(variant).names)
        if set(wanted) == set(plain):
            return TemplateMatch(variant, np.array([rank[name] for name in wanted]))
    return None


def plain_names(residue_name: str, names: Sequence[str]) -> list[str]:
    """Return the names that OpenMM gives to the atoms of a residue."""
    table = _replacements(residue_name)
    return [table.get(name, name) for name in names]


@cache
def _replacements(residue_name: str) -> dict[str, str]:
    app.PDBFile._loadNameReplacementTables()  # noqa: SLF001 - it has no other door
    key = {"NHE": "NH2"}.get(residue_name, residue_name)
    found: dict[str, str] = app.PDBFile._atomNameReplacements[key]  # noqa: SLF001
    return found
