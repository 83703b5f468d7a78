"""What all schemes share: the atoms they take and the mapping they make."""

from typing import Any

import MDAnalysis as mda
import numpy as np
from MDAnalysis.exceptions import NoDataError

from openmm_cgvae.mapping.mapping import Mapping

__all__ = ["assemble", "atom_label", "atom_masses", "checked_group", "residue_label"]


def checked_group(atoms: "mda.Universe | mda.AtomGroup") -> "mda.AtomGroup":
    """Return the atoms as a group that is not empty and has each atom once."""
    group = atoms.atoms
    if len(group) == 0:
        raise ValueError("`atoms` is empty; select one atom or more")
    if len(np.unique(group.indices)) != len(group):
        raise ValueError("`atoms` has an atom twice; take `atoms.unique`")
    return group


def assemble(
    group: "mda.AtomGroup", labels: np.ndarray, names: list[str], weights: Any
) -> Mapping:
    """Build a bead of the atoms with the same label, beads by their first atom."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.argsort(order)
    by_mass = isinstance(weights, str) and weights == "mass"
    masses = atom_masses(group) if by_mass else None
    bead_names = [names[atom] for atom in first[order]]
    return Mapping(rank[inverse], weights, bead_names=bead_names, masses=masses)


def atom_masses(group: "mda.AtomGroup") -> np.ndarray:
    """Return the masses, which have to be there."""
    try:
        return group.masses
    except NoDataError as error:
        raise ValueError(
            "`atoms` has no masses; add them with "
            'universe.guess_TopologyAttrs(to_guess=["masses"]) or use '
            'weights="geometry"'
        ) from error


def residue_label(residue: "mda.core.groups.Residue") -> str:
    """Name a residue in a message."""
    return f"{residue.resname} {residue.resid}"


def atom_label(atom: "mda.core.groups.Atom") -> str:
    """Name an atom in a message."""
    name = getattr(atom, "name", "")
    return f"atom {atom.index} {name} of residue {atom.resid}".replace("  ", " ")
