"""The model that fits the beads of a universe, and which beads are whose."""

import os
from dataclasses import dataclass

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.backmapping.model_choice.bead_matching import (
    FoundMolecules,
    bead_names_of,
    spell,
)
from openmm_cgvae.backmapping.model_choice.recognition import check_bonds, recognise
from openmm_cgvae.chemistry.proteins import ProteinBeads, protein_from_beads
from openmm_cgvae.model import CGVAE, Model, Molecule
from openmm_cgvae.model.pretrained import find_model, find_model_of_family, load_model

# Atoms of one bead would sit on it, those of two on the line through them.
FEWEST_BEADS = 3


@dataclass(frozen=True, eq=False)
class ModelChoice:
    """A model and the beads it is for.

    Parameters
    ----------
    model : Model
        A model with a molecule.
    found : FoundMolecules
        The molecules among the beads.
    notes : tuple of str
        What was taken for granted about them, in sentences.
    """

    model: Model
    found: FoundMolecules
    notes: tuple[str, ...] = ()


def choose_model(
    beads: "mda.AtomGroup | ProteinBeads",
    model: "Model | str | os.PathLike[str] | None",
    *,
    allows_others: bool,
) -> ModelChoice:
    """Choose a model for beads and find its molecules among them.

    Parameters
    ----------
    beads : AtomGroup or ProteinBeads
        The beads, or a protein made from them.
    model : Model, str, path-like or None
        A model, its name or file. By default the shipped model with the very beads;
        if there is none, the one for proteins with beads of that family.
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
        If the beads are not those of the model, or others are there and not allowed.
    """
    if isinstance(model, str | os.PathLike):
        model = load_model(model)
    if isinstance(beads, ProteinBeads):
        return _fit_protein(beads, model, allows_others=allows_others)
    if model is None:
        try:
            model = find_model(beads, allows_others=allows_others)
        except LookupError as error:
            protein = _protein_or(error, beads)
            if protein.mapping.n_beads < FEWEST_BEADS:
                raise error from None
            try:
                model = find_model_of_family(protein.family)
            except LookupError:
                raise error from None
            return _fit_protein(protein, model, allows_others=allows_others)
    if _is_for_many(model):
        protein = protein_from_beads(beads, family=_family_of(model))
        return _fit_protein(protein, model, allows_others=allows_others)
    found = recognise(beads, model, allows_others=allows_others)
    check_bonds(found)
    return ModelChoice(model, found)


def _is_for_many(model: Model) -> bool:
    return isinstance(model, CGVAE) and model.kinds is not None


def _family_of(model: Model) -> str:
    kinds = model.kinds if isinstance(model, CGVAE) else None
    if kinds is None:
        raise ValueError(
            f"`model` is for {model.atom_table.describe()} alone, but the beads are "
            "those of a protein; leave model out, or give a model for many molecules"
        )
    return kinds.beads


def _protein_or(error: LookupError, beads: "mda.AtomGroup") -> ProteinBeads:
    """Read beads as a protein; if they are none, say that of both searches."""
    try:
        return protein_from_beads(beads)
    except ValueError as reason:
        raise LookupError(f"{error}. Nor is it a protein: {reason}") from reason


def _fit_protein(
    protein: ProteinBeads, model: Model | None, *, allows_others: bool
) -> ModelChoice:
    if model is None:
        model = find_model_of_family(protein.family)
    if _family_of(model) != protein.family:
        raise ValueError(
            f"`model` is for {_family_of(model)} beads but the protein has "
            f"{protein.family} beads; leave model out, or choose another"
        )
    # Virtual and Go sites belong to residues of the protein, and are no atoms.
    is_site = np.isin(protein.others.resindices, protein.known.resindices)
    others = protein.others[~is_site]
    if len(others) and not allows_others:
        raise ValueError(
            f"`universe` has a protein of {protein.atom_table.n_residues} residues "
            f"and other beads, {spell(bead_names_of(others))}; select the protein, or "
            "give unknown='drop' to leave out the rest or 'keep' to have it beside it"
        )
    if protein.mapping.n_beads < FEWEST_BEADS:
        raise ValueError(
            f"`universe` has a protein of {protein.mapping.n_beads} beads, but the "
            f"directions between at least {FEWEST_BEADS} are needed to place atoms off "
            "a line; give a longer chain"
        )
    molecule = Molecule(protein.atom_table, protein.mapping)
    ready = model.for_molecule(molecule) if isinstance(model, CGVAE) else model
    is_reordered = bool((np.diff(protein.known.indices) < 0).any())
    found = FoundMolecules(protein.known, others, 1, is_reordered)
    return ModelChoice(ready, found, protein.notes)
