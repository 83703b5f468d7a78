"""Which beads of a universe are the molecules of a model."""

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.backmapping.model_choice.bead_matching import (
    BeadName,
    FoundMolecules,
    bead_names_of,
    find_molecules,
    spell,
)
from openmm_cgvae.model import Model


def wanted_beads(model: Model) -> list[BeadName]:
    """Name the residue and the name of each bead of a model's molecule.

    Parameters
    ----------
    model : Model
        A model with a molecule.

    Returns
    -------
    list of (str, str)
        Residue and bead names; a bead is in the residue of its first atom.
    """
    table, mapping = model.atom_table, model.mapping
    first = [mapping.atoms_of_bead(bead)[0] for bead in range(mapping.n_beads)]
    residues = [table.residue_names[table.residue_of_atom[atom]] for atom in first]
    return list(zip(residues, mapping.bead_names, strict=True))


def recognise(
    group: "mda.AtomGroup", model: Model, *, allows_others: bool = False
) -> FoundMolecules:
    """Find the molecules of a model among beads.

    Parameters
    ----------
    group : MDAnalysis.AtomGroup
        The beads.
    model : Model
        The model.
    allows_others : bool
        Whether there may be beads that are not of its molecules.

    Returns
    -------
    FoundMolecules
        The molecules, beads in the order of the model.

    Raises
    ------
    ValueError
        If there is none, or if there are others and they are not allowed. Names are
        compared where the beads have them.
    """
    found = find_molecules(group, wanted_beads(model))
    if len(found.others) and _has_residues(group, model):
        # Beads may have names of the user's own.
        n_molecules = len(group) // model.mapping.n_beads
        return FoundMolecules(group, group[[]], n_molecules, is_reordered=False)
    if found.n_molecules == 0:
        raise ValueError(_why_none(group, model))
    if len(found.others) and not allows_others:
        raise ValueError(
            f"`universe` has {found.n_molecules} molecules of the model and other "
            f"beads, {spell(bead_names_of(found.others))}; select the molecules, or "
            "give unknown='drop' to leave out the rest or 'keep' to have it beside them"
        )
    return found


def check_bonds(found: FoundMolecules) -> None:
    """Check that no bond joins a molecule to anything else.

    Parameters
    ----------
    found : FoundMolecules
        Molecules of a model.

    Raises
    ------
    ValueError
        If one does: what is bonded is one molecule, and another one than the model's.
    """
    universe = found.known.universe
    if not hasattr(universe, "bonds") or not len(found.known):
        return
    molecule = np.full(len(universe.atoms), -1)
    n_beads = len(found.known) // found.n_molecules
    molecule[found.known.indices] = np.arange(len(found.known)) // n_beads
    ends = molecule[np.asarray(universe.bonds.indices, dtype=int).reshape(-1, 2)]
    across = universe.bonds.indices[ends[:, 0] != ends[:, 1]]
    if len(across):
        one, other = universe.atoms[across[0]]
        raise ValueError(
            f"`universe` has a bond from {one.name} {one.index} to {other.name} "
            f"{other.index}, which joins a molecule of the model to something else; "
            "give the model of the whole molecule, or delete the bond"
        )


def _has_residues(group: "mda.AtomGroup", model: Model) -> bool:
    """Whether the number of beads, and residues with names, are those of molecules."""
    n_molecules, rest = divmod(len(group), model.mapping.n_beads)
    if rest:
        return False
    residues = [residue for residue, _ in bead_names_of(group)]
    wanted = [residue for residue, _ in wanted_beads(model)]
    is_known = residues == wanted * n_molecules
    looks_atomistic = len(group) == model.atom_table.n_atoms and n_molecules > 1
    return is_known or not (all(residues) or looks_atomistic)


def _why_none(group: "mda.AtomGroup", model: Model) -> str:
    """Say why beads are no molecules of a model."""
    table, mapping = model.atom_table, model.mapping
    wanted = wanted_beads(model)
    if len(group) == table.n_atoms:
        return (
            f"`universe` has {len(group)} atoms, as many as the model makes, but "
            "beads are wanted; use coarse_grain(universe, model.mapping)"
        )
    if len(group) % mapping.n_beads:
        return (
            f"`universe` has {len(group)} beads but the model has {mapping.n_beads} "
            f"for {table.describe()}, and no molecule of {spell(wanted)} is among "
            "them; select whole molecules or choose another model"
        )
    return (
        f"`universe` has {spell(bead_names_of(group))} but the model's are "
        f"{spell(wanted)}, and no molecule of these is among them; compare the names "
        "of beads and residues or choose another model"
    )
