"""Beads by residue, by alpha carbon, by selections."""

from collections.abc import Mapping as MappingABC
from typing import Any

import MDAnalysis as mda
import numpy as np
from MDAnalysis.exceptions import SelectionError

from openmm_cgvae.mapping.mapping import Mapping
from openmm_cgvae.mapping.schemes.bead_groups import (
    assemble,
    atom_label,
    checked_group,
    residue_label,
)

__all__ = ["ALPHA_OF_CAP", "alpha_carbon", "residues", "selections"]

# The atom that stands where a residue's alpha carbon would be, by residue name.
ALPHA_OF_CAP = {
    "ACE": ("CH3",),
    "NME": ("CH3", "C"),
    "NMA": ("CH3", "C"),
    "NHE": ("N",),
    "NH2": ("N",),
}


def residues(atoms: "mda.Universe | mda.AtomGroup", weights: Any = "mass") -> Mapping:
    """Build one bead of every residue, named "RES".

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        The atomistic molecule.
    weights : "mass", "geometry" or array_like, shape (n_atoms,)
        Weights of the atoms in their beads.

    Returns
    -------
    Mapping
        One bead per residue.

    Raises
    ------
    ValueError
        If the group is empty, repeats an atom, or has no masses to weigh by.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(3, 2, atom_resindex=[0, 0, 1])
    >>> residues(universe, weights="geometry").bead_of_atom.tolist()
    [0, 0, 1]
    """
    group = checked_group(atoms)
    return assemble(group, group.resindices, ["RES"] * len(group), weights)


def alpha_carbon(atoms: "mda.Universe | mda.AtomGroup") -> Mapping:
    """Build one bead of every residue, named "CA", that sits on its alpha carbon.

    All atoms of the residue belong to the bead; only one has a weight. A cap has
    no alpha carbon: its methyl carbon, which is where the next one would be,
    takes its part in ACE and NME, the nitrogen in NHE and NH2.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        The atomistic protein.

    Returns
    -------
    Mapping
        One bead per residue.

    Raises
    ------
    ValueError
        If a residue has no alpha carbon, or more than one.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(3, 1, atom_resindex=[0, 0, 0])
    >>> universe.add_TopologyAttr("names", ["N", "CA", "C"])
    >>> universe.add_TopologyAttr("resnames", ["GLY"])
    >>> alpha_carbon(universe).weights.tolist()
    [0.0, 1.0, 0.0]
    """
    group = checked_group(atoms)
    is_alpha = np.array(
        [
            name in ALPHA_OF_CAP.get(resname, ("CA",))
            for name, resname in zip(group.names, group.resnames, strict=True)
        ]
    )
    found = np.bincount(
        group.resindices[is_alpha], minlength=group.resindices.max() + 1
    )
    for residue in group.residues:
        if found[residue.resindex] != 1:
            raise ValueError(
                f"`atoms` has {found[residue.resindex]} alpha carbons in residue "
                f"{residue_label(residue)} but must have one; select residues of a "
                "protein, with one alternate location"
            )
    return assemble(group, group.resindices, ["CA"] * len(group), is_alpha)


def selections(
    atoms: "mda.Universe | mda.AtomGroup",
    beads: MappingABC[str, str],
    weights: Any = "mass",
    *,
    per_residue: bool = True,
) -> Mapping:
    """Build beads by MDAnalysis selections, one of each in every residue.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        The atomistic molecule.
    beads : mapping of str to str
        Selection by name of bead, such as ``{"BB": "name N CA C O", "SC": ...}``.
        Together they must take every atom once.
    weights : "mass", "geometry" or array_like, shape (n_atoms,)
        Weights of the atoms in their beads.
    per_residue : bool
        Whether a selection is split by residue; if not it is a single bead.

    Returns
    -------
    Mapping
        The beads, named by their selections.

    Raises
    ------
    ValueError
        If a selection cannot be read or is empty, two overlap, or atoms are left.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(4, 2, atom_resindex=[0, 0, 1, 1])
    >>> universe.add_TopologyAttr("names", ["N", "CB", "N", "CB"])
    >>> beads = {"BB": "name N", "SC": "name CB"}
    >>> selections(universe, beads, "geometry").bead_names
    ('BB', 'SC', 'BB', 'SC')
    """
    group = checked_group(atoms)
    kinds = np.full(len(group), -1)
    keys = list(beads)
    for number, key in enumerate(keys):
        is_taken = np.isin(group.indices, _selected(group, key, beads[key]).indices)
        overlap = np.flatnonzero(is_taken & (kinds >= 0))
        if len(overlap):
            raise ValueError(
                f"`beads` {keys[kinds[overlap[0]]]!r} and {key!r} both select "
                f"{atom_label(group[overlap[0]])}; let every atom be in one of them"
            )
        kinds[is_taken] = number
    left = np.flatnonzero(kinds < 0)
    if len(left):
        raise ValueError(
            f"`beads` leave {len(left)} atoms without a bead, the first "
            f"{atom_label(group[left[0]])}; select every atom, or give fewer atoms"
        )
    labels = kinds + len(keys) * group.resindices if per_residue else kinds
    return assemble(group, labels, [keys[kind] for kind in kinds], weights)


def _selected(group: "mda.AtomGroup", key: str, selection: str) -> "mda.AtomGroup":
    """Return the atoms of one selection, which must not be empty."""
    try:
        selected = group.select_atoms(selection)
    except SelectionError as error:
        raise ValueError(
            f"`beads` {key!r} is not a selection MDAnalysis understands ({error}); "
            "correct it"
        ) from error
    if len(selected) == 0:
        raise ValueError(
            f"`beads` {key!r} selects no atom ({selection!r}); correct it or leave "
            "it out"
        )
    return selected
