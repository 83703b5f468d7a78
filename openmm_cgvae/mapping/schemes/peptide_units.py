"""Beads of the rigid pieces of a peptide."""

from typing import Any

import MDAnalysis as mda
import numpy as np
from MDAnalysis.lib.distances import capped_distance

from openmm_cgvae.mapping.mapping import Mapping
from openmm_cgvae.mapping.schemes.bead_groups import (
    assemble,
    checked_group,
    residue_label,
)
from openmm_cgvae.mapping.schemes.heavy_parents import heavy_of_atom

__all__ = ["ACYL_CAPS", "AMINE_CAPS", "peptide_units"]

ACYL_CAPS = {"ACE", "FOR"}
AMINE_CAPS = {"NME", "NMA", "NHE", "NH2"}
_CARBONYL_NAMES = {"C", "O", "OXT", "OT1", "OT2", "OC1", "OC2", "O1", "O2"}
# Caps that CHARMM patches into the first and last residue.
_PATCHED_CAP_NAMES = {"CAY", "CY", "NT", "CAT"}
_PEPTIDE_BOND_CUTOFF = 2.0  # Angstrom, between 1.33 of the bond and 2.4 of C...CA


def peptide_units(
    atoms: "mda.Universe | mda.AtomGroup",
    *,
    split_planes: bool = False,
    weights: Any = "mass",
) -> Mapping:
    """Build beads of the rigid pieces of a peptide.

    By default a bead is a peptide plane, C=O with the N-H that follows ("PEP"), or
    an alpha carbon with its side chain ("CA"). With ``split_planes`` the planes
    fall into "CO" and "NH" and the side chain is a bead "SC" of its own. Methyls
    of caps are "CH3"; a C=O or N-H with no partner is "CO" or "NH".

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        Peptide of amino acids, possibly capped by residues ACE, FOR, NME, NMA,
        NHE or NH2. The positions of the current frame say which nitrogen follows
        a carbonyl and which atom a hydrogen is bound to.
    split_planes : bool
        Whether to split the planes and set the side chains apart.
    weights : "mass", "geometry" or array_like, shape (n_atoms,)
        Weights of the atoms in their beads.

    Returns
    -------
    Mapping
        The beads; one that spans two residues comes with its first.

    Raises
    ------
    ValueError
        If a residue is neither an amino acid nor one of those caps.

    Notes
    -----
    ACE-ALA-NME becomes 5 beads, or 8 with ``split_planes``. Glycine has no "SC".

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> from openmm_cgvae.data import data_path
    >>> universe = mda.Universe(data_path("alanine-dipeptide.pdb"))
    >>> sorted(peptide_units(universe).bead_names)
    ['CA', 'CH3', 'CH3', 'PEP', 'PEP']
    """
    group = checked_group(atoms)
    units = _units(group)
    if not split_planes:
        units[units == "SC"] = "CA"
    labels = np.char.add(units, group.resindices.astype(str))
    names = units.copy()
    if not split_planes:
        for carbon, nitrogen in _peptide_bonds(group):
            plane = np.isin(labels, labels[[carbon, nitrogen]])
            labels[plane] = labels[carbon]
            names[plane] = "PEP"
    return assemble(group, labels, names.tolist(), weights)


def _units(group: "mda.AtomGroup") -> np.ndarray:
    """Return for each atom "CO", "NH", "CA", "SC" or "CH3": its piece of a residue."""
    parents = heavy_of_atom(group)
    is_heavy = parents == np.arange(len(group))
    units = np.empty(len(group), dtype="<U3")
    for residue in group.residues:
        heavy = np.flatnonzero((group.resindices == residue.resindex) & is_heavy)
        units[heavy] = _heavy_units(group[heavy].names.tolist(), residue)
    return units[parents]


def _heavy_units(names: list[str], residue: "mda.core.groups.Residue") -> list[str]:
    """Return the pieces that the heavy atoms of one residue belong to."""
    if {"N", "CA", "C"} <= set(names) and _PATCHED_CAP_NAMES.isdisjoint(names):
        pieces = {"N": "NH", "CA": "CA"} | dict.fromkeys(_CARBONYL_NAMES, "CO")
        return [pieces.get(name, "SC") for name in names]
    if residue.resname in ACYL_CAPS and {"C", "O"} <= set(names):
        return ["CO" if name in ("C", "O") else "CH3" for name in names]
    if residue.resname in AMINE_CAPS and "N" in names:
        return ["NH" if name == "N" else "CH3" for name in names]
    raise ValueError(
        f"`atoms` has residue {residue_label(residue)} with atoms {' '.join(names)}, "
        "which is neither an amino acid nor a cap in a residue of its own; leave it "
        "out, or use schemes.selections"
    )


def _peptide_bonds(group: "mda.AtomGroup") -> np.ndarray:
    """Return pairs (C, N) near enough to be bonded, int [n_bonds, 2]."""
    is_cap = np.isin(group.resnames, list(AMINE_CAPS))
    carbons = np.flatnonzero((group.names == "C") & ~is_cap)
    nitrogens = np.flatnonzero(group.names == "N")
    pairs = capped_distance(
        group.positions[carbons],
        group.positions[nitrogens],
        max_cutoff=_PEPTIDE_BOND_CUTOFF,
        box=group.dimensions,
        return_distances=False,
    )
    return np.column_stack([carbons[pairs[:, 0]], nitrogens[pairs[:, 1]]])
