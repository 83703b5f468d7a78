"""The beads of Martini proteins."""

from functools import cache
from typing import Any, NamedTuple

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.mapping.mapping import Mapping
from openmm_cgvae.mapping.schemes.bead_groups import (
    atom_label,
    atom_masses,
    checked_group,
    residue_label,
)
from openmm_cgvae.mapping.schemes.heavy_parents import heavy_of_atom
from openmm_cgvae.mapping.schemes.martini_tables import (
    BACKBONES,
    OXYGENS,
    SHARES,
    SIDE_CHAINS,
    STANDARD_ATOMS,
    STANDARD_NAMES,
)
from openmm_cgvae.mapping.schemes.peptide_units import ACYL_CAPS, AMINE_CAPS

__all__ = ["CARBONYL", "MOST_BEADS", "Place", "bead_places", "martini"]

MOST_BEADS = 8  # of a residue, more than any has


class Place(NamedTuple):
    """Where a heavy atom belongs in its residue, and how much of it counts."""

    bead: int  # 0 is BB, 1 is SC1, ...
    share: float  # of its mass
    has_hydrogens: bool  # whether its hydrogens count as well


CARBONYL = Place(bead=0, share=1.0, has_hydrogens=False)


def martini(
    atoms: "mda.Universe | mda.AtomGroup", version: int = 3, weights: Any = "martini"
) -> Mapping:
    """Build the beads of a Martini protein, "BB", "SC1", "SC2", ...

    They come in the order of a Martini file: residue by residue, the backbone first.
    Hydrogens are in the bead of their heavy atom, the oxygens and hydrogens of charged
    ends in "BB". Martini has no beads for caps: the atoms of ACE, FOR, NME, NMA, NHE
    and NH2 are in the "BB" of the residue that they cap, and do not move it.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        Whole amino acids with all their heavy atoms, in any protonation, caps in
        residues of their own next to the residue they cap. Names and the positions
        of the current frame are read.
    version : int
        2 for Martini 2.2, 3 for Martini 3.
    weights : "martini", "mass", "geometry" or array_like, shape (n_atoms,)
        Weights of the atoms in their beads. "martini" is what martinize2 does for
        proteins in both versions: masses, without the hydrogens of aliphatic
        carbons and thiols. The others take every atom of a bead.

    Returns
    -------
    Mapping
        The beads.

    Raises
    ------
    ValueError
        If the version is another, a residue is no amino acid or cap, or heavy atoms
        of it are missing or unknown.

    Notes
    -----
    The beads lie where martinize2 (vermouth 0.15) puts them, but for phenylalanine in
    version 3: Martini shares atoms of its ring between beads, a mapping has every
    atom in one, and SC2 is off by 0.3 A. In version 2 martinize2 treats hydrogens
    of histidine and of side chains with rare protonation in its own way, which makes
    up to 0.1 A, and leaves out OXT.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> from openmm_cgvae.data import data_path
    >>> universe = mda.Universe(data_path("chignolin.pdb"))
    >>> martini(universe).bead_names[:6]
    ('BB', 'SC1', 'SC2', 'SC3', 'SC4', 'BB')
    """
    if version not in SIDE_CHAINS:
        raise ValueError(
            f"`version` is {version!r} but must be 2 or 3; choose one of them"
        )
    group = checked_group(atoms)
    parents = heavy_of_atom(group)
    _refuse_lone_hydrogens(group, parents)
    is_heavy = parents == np.arange(len(group))
    labels = np.zeros(len(group), dtype=np.int64)
    shares = np.zeros(len(group))
    keeps = np.zeros(len(group), dtype=bool)
    for rank, residue in enumerate(group.residues):
        inside = np.flatnonzero((group.resindices == residue.resindex) & is_heavy)
        if residue.resname in ACYL_CAPS | AMINE_CAPS:
            labels[inside] = MOST_BEADS * _capped(group, rank)
            continue
        places = _places(residue, group[inside], version)
        labels[inside] = [MOST_BEADS * rank + place.bead for place in places]
        shares[inside] = [place.share for place in places]
        keeps[inside] = [place.has_hydrogens for place in places]
    labels, counted = labels[parents], shares[parents] * (is_heavy | keeps[parents])
    found, bead_of_atom = np.unique(labels, return_inverse=True)
    names = [f"SC{bead}" if bead else "BB" for bead in found % MOST_BEADS]
    if isinstance(weights, str) and weights in ("martini", "mass"):
        masses = atom_masses(group)
        weights = counted * masses if weights == "martini" else masses
    return Mapping(bead_of_atom, weights, bead_names=names)


def _refuse_lone_hydrogens(group: "mda.AtomGroup", parents: np.ndarray) -> None:
    """Check that every hydrogen has a heavy atom in its residue."""
    lone = np.flatnonzero(parents < 0)
    if len(lone):
        raise ValueError(
            f"`atoms` has {atom_label(group[lone[0]])} but no heavy atom of that "
            "residue; select whole residues"
        )


def _capped(group: "mda.AtomGroup", rank: int) -> int:
    """Return the rank of the residue that a cap is on."""
    residues = group.residues
    cap = residues[rank]
    other = rank + 1 if cap.resname in ACYL_CAPS else rank - 1
    if (
        not 0 <= other < len(residues)
        or residues[other].segindex != cap.segindex
        or residues[other].resname not in STANDARD_NAMES
    ):
        raise ValueError(
            f"`atoms` has the cap {residue_label(cap)} with no amino acid beside it; "
            "put caps next to the residues they cap, or leave them out"
        )
    return other


def _places(
    residue: "mda.core.groups.Residue", heavy: "mda.AtomGroup", version: int
) -> list[Place]:
    """Return where each heavy atom of an amino acid belongs."""
    standard = STANDARD_NAMES.get(residue.resname)
    if standard is None:
        raise ValueError(
            f"`atoms` has residue {residue_label(residue)}, which is no amino acid "
            "that Martini has beads for here; leave it out, or use schemes.selections"
        )
    table = bead_places(standard, version)
    names = [STANDARD_ATOMS.get((standard, name), name) for name in heavy.names]
    missing = sorted(table.keys() - set(names))
    if missing:
        raise ValueError(
            f"`atoms` lacks {' '.join(missing)} of residue {residue_label(residue)}; "
            "complete it, for instance with PDBFixer"
        )
    places = []
    for atom, name in zip(heavy, names, strict=True):
        place = table.get(name, CARBONYL if name in OXYGENS else None)
        if place is None:
            raise ValueError(
                f"`atoms` has {atom_label(atom)}, which {standard} of Martini has "
                "not; leave the residue out, or use schemes.selections"
            )
        places.append(place)
    return places


@cache
def bead_places(standard: str, version: int) -> dict[str, Place]:
    """Find where the heavy atoms of an amino acid belong in Martini.

    Parameters
    ----------
    standard : str
        Standard name of the amino acid.
    version : int
        2 or 3.

    Returns
    -------
    dict of str to Place
        By name of atom; the oxygens of the backbone, which are in BB, are left out.

    Examples
    --------
    >>> bead_places("SER", 3)["OG"]
    Place(bead=1, share=1.0, has_hydrogens=True)
    """
    side_chain = SIDE_CHAINS[version][standard]
    beads = [BACKBONES[version][standard], *side_chain.split("|")]
    parts = SHARES.get((version, standard), {})
    return {
        entry.rstrip("*"): Place(
            bead, parts.get(entry.rstrip("*"), 1.0), entry.endswith("*")
        )
        for bead, text in enumerate(beads)
        for entry in text.split()
    }
