"""The model for beads of a universe, and which beads are of its molecules."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import cast

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.backmapping.model_choice.bead_matching import (
    BeadName,
    FoundMolecules,
    bead_names_of,
    bead_names_of_molecule,
    check_bonds,
    find_molecules,
)
from openmm_cgvae.backmapping.model_choice.refusals import (
    why_caps_are_refused,
    why_family_is_unknown,
    why_none_ships,
    why_not_of_model,
    why_others_are_refused,
)
from openmm_cgvae.backmapping.model_choice.shipped_models import shipped_models
from openmm_cgvae.chemistry.proteins import (
    NeighbourGeometry,
    ProteinBeads,
    protein_from_beads,
)
from openmm_cgvae.chemistry.proteins.family_mappings import CAPS
from openmm_cgvae.chemistry.proteins.residue_names import known_name
from openmm_cgvae.model import Model, Molecule, TransferableModel, require_molecule
from openmm_cgvae.model.base import FEWEST_BEADS
from openmm_cgvae.model.graphs.atom_types import atom_types_of
from openmm_cgvae.model.pretrained import load_model
from openmm_cgvae.molecules import AtomTable

__all__ = ["ModelChoice", "choose_model"]


@dataclass(frozen=True, eq=False)
class ModelChoice:
    """A model and the beads it is for.

    Parameters
    ----------
    model : Model
        A model with a molecule.
    found : FoundMolecules
        Its molecules among the beads. ``found.others`` are left over: `choose_model`
        can be asked again for them.
    notes : tuple of str
        What was taken for granted about the beads, in sentences.
    neighbours : NeighbourGeometry, optional
        What tells how unusual the beads of a protein are.
    """

    model: Model
    found: FoundMolecules
    notes: tuple[str, ...] = ()
    neighbours: NeighbourGeometry | None = None


def choose_model(
    beads: "mda.Universe | mda.AtomGroup | ProteinBeads",
    model: "Model | TransferableModel | str | os.PathLike[str] | None" = None,
    *,
    family: str | None = None,
    allows_others: bool = False,
) -> ModelChoice:
    """Choose a model for beads and find its molecules among them.

    A model that is given comes first, then the shipped model with the very beads, and
    then the shipped one for proteins with beads of that family.

    Parameters
    ----------
    beads : MDAnalysis.Universe, AtomGroup or ProteinBeads
        The beads, or a protein made from them.
    model : Model, TransferableModel, str or path-like, optional
        A model, its name or file. The beads of a model of one molecule need no names
        if they come molecule after molecule in the order of the model.
    family : str, optional
        Family of the beads of a protein, as in `protein_from_beads`; by default names
        and distances tell.
    allows_others : bool
        Whether there may be beads that the model does not know.

    Returns
    -------
    ModelChoice
        Model and beads.

    Raises
    ------
    LookupError
        If no model is given and none of the package fits, or several do.
    ValueError
        If the beads are not those of the model, or others are there and not allowed,
        or a bond joins a molecule to something else.

    Examples
    --------
    >>> beads = mda.Universe.empty(3, 3, atom_resindex=[0, 1, 2])
    >>> beads.add_TopologyAttr("resnames", ["ACE", "ALA", "NME"])
    >>> beads.add_TopologyAttr("names", ["RES"] * 3)
    >>> choice = choose_model(beads)
    >>> choice.model.atom_table.describe(), choice.found.n_molecules
    ('22 atoms (ACE ALA NME)', 1)
    """
    if family is not None:
        if isinstance(beads, ProteinBeads):
            raise ValueError(
                f"`family` is {family!r} but `universe` is a protein whose family is "
                "known; give family= to protein_from_beads instead"
            )
        beads = protein_from_beads(beads, family=family)
    if model is None:
        return _choose_shipped(beads, allows_others=allows_others)
    if isinstance(model, str | os.PathLike):
        model = load_model(model)
    if not isinstance(model, TransferableModel):
        return _choose_molecule(beads, model, allows_others=allows_others)
    if not isinstance(beads, ProteinBeads):
        beads = protein_from_beads(beads, family=model.bead_family)
    return _choose_family(beads, model, allows_others=allows_others)


def _choose_shipped(
    beads: "mda.Universe | mda.AtomGroup | ProteinBeads", *, allows_others: bool
) -> ModelChoice:
    """Choose among the shipped models: of one molecule, or else of a bead family."""
    candidates = shipped_models()
    families = {each.family: each for each in candidates if each.family is not None}
    if isinstance(beads, ProteinBeads):
        if beads.family not in families:
            raise LookupError(why_family_is_unknown(beads.family))
        model = cast(TransferableModel, families[beads.family].load())
        return _choose_family(beads, model, allows_others=allows_others)
    matches = [
        (each, find_molecules(beads.atoms, each.bead_names))
        for each in candidates
        if each.family is None
    ]
    fitting = [
        (each, found)
        for each, found in matches
        if found.n_molecules and (allows_others or not len(found.others))
    ]
    if len(fitting) == 1:
        ((only, found),) = fitting
        check_bonds(found)
        return ModelChoice(require_molecule(only.load()), found)
    protein = _read_protein(beads, families)
    if isinstance(protein, str):
        several = [each for each, _ in fitting]
        raise LookupError(why_none_ships(beads.atoms, matches, several, protein))
    model = cast(TransferableModel, families[protein.family].load())
    return _choose_family(protein, model, allows_others=allows_others)


def _read_protein(
    beads: "mda.Universe | mda.AtomGroup", families: Collection[str]
) -> ProteinBeads | str:
    """Read beads as a protein of one of the families, or return why they are none."""
    try:
        protein = protein_from_beads(beads)
    except ValueError as error:
        if _is_mostly_protein(beads):
            return str(error).replace("`beads`", "`universe`")
        return f"nor does protein_from_beads read them ({error})"
    if protein.mapping.n_beads < FEWEST_BEADS:
        return f"nor are they a protein of at least {FEWEST_BEADS} beads"
    if protein.family not in families:
        return f"nor does one ship for proteins of {protein.family} beads"
    return protein


def _is_mostly_protein(beads: "mda.Universe | mda.AtomGroup") -> bool:
    """Return whether most beads are in residues with names of amino acids."""
    names = [residue for residue, _ in bead_names_of(beads.atoms)]
    n_known = sum(known_name(name) is not None for name in names)
    return len(names) >= FEWEST_BEADS and 2 * n_known > len(names)


def _choose_molecule(
    beads: "mda.Universe | mda.AtomGroup | ProteinBeads",
    model: Model,
    *,
    allows_others: bool,
) -> ModelChoice:
    """Find the molecules of a given model of one molecule."""
    if isinstance(beads, ProteinBeads):
        raise ValueError(
            f"`model` is for {model.atom_table.describe()} alone, but the beads are "
            "those of a protein; leave model out, or give a model for many molecules"
        )
    group = beads.atoms
    wanted = bead_names_of_molecule(model.atom_table, model.mapping)
    found = find_molecules(group, wanted)
    if len(found.others) and _has_residues(group, model, wanted):
        # The user gave the model, so beads may have names of the user's own.
        n_molecules = len(group) // model.mapping.n_beads
        found = FoundMolecules(group, group[[]], n_molecules, is_reordered=False)
    if not found.n_molecules or (len(found.others) and not allows_others):
        raise ValueError(why_not_of_model(group, model, found))
    check_bonds(found)
    return ModelChoice(model, found)


def _choose_family(
    protein: ProteinBeads, model: TransferableModel, *, allows_others: bool
) -> ModelChoice:
    """Build the model of a protein from one for many molecules."""
    if model.bead_family != protein.family:
        raise ValueError(
            f"`model` is for {model.bead_family} beads but the protein has "
            f"{protein.family} beads; leave model out, or choose another"
        )
    others = protein.others - protein.sites
    if len(others) and not allows_others:
        what = f"a protein of {protein.atom_table.n_residues} residues"
        raise ValueError(why_others_are_refused(what, others))
    if protein.mapping.n_beads < FEWEST_BEADS:
        raise ValueError(
            f"`universe` has a protein of {protein.mapping.n_beads} beads, but the "
            f"directions between at least {FEWEST_BEADS} are needed to place atoms off "
            "a line; give a longer chain"
        )
    caps = _unknown_caps(protein.atom_table, model)
    if caps:
        raise ValueError(why_caps_are_refused(caps, model.bead_family))
    molecule = Molecule(protein.atom_table, protein.mapping)
    is_reordered = bool((np.diff(protein.known.indices) < 0).any())
    found = FoundMolecules(protein.known, others, 1, is_reordered)
    neighbours = NeighbourGeometry(protein.family, protein.atom_table, protein.mapping)
    made = model.for_molecule(molecule)
    return ModelChoice(made, found, protein.notes, neighbours)


def _unknown_caps(table: AtomTable, model: TransferableModel) -> list[str]:
    """Find the caps whose atoms a model does not know, if it knows residues."""
    words = atom_types_of(table, "identity")
    if not any(word in model.vocabulary for word in words):
        return []
    is_unknown = np.array([word not in model.vocabulary for word in words])
    residues = np.unique(table.residue_of_atom[is_unknown]).tolist()
    return [
        f"{table.residue_names[residue]} {table.residue_ids[residue]}"
        for residue in residues
        if table.residue_names[residue] in CAPS
    ]


def _has_residues(
    group: "mda.AtomGroup", model: Model, wanted: Sequence[BeadName]
) -> bool:
    """Return whether beads are as many as whole molecules have, in such residues.

    Where some bead has no residue name, the number of beads is enough.
    """
    n_molecules, rest = divmod(len(group), model.mapping.n_beads)
    if rest:
        return False
    residues = [residue for residue, _ in bead_names_of(group)]
    is_known = residues == [residue for residue, _ in wanted] * n_molecules
    looks_atomistic = len(group) == model.atom_table.n_atoms and n_molecules > 1
    return is_known or not (all(residues) or looks_atomistic)
