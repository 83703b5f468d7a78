"""Why no model is chosen for beads: the sentences of the refusals."""

from collections.abc import Sequence

import MDAnalysis as mda

from openmm_cgvae.backmapping.model_choice.bead_matching import (
    FoundMolecules,
    bead_names_of,
    bead_names_of_molecule,
    spell,
)
from openmm_cgvae.backmapping.model_choice.shipped_models import ShippedModel
from openmm_cgvae.chemistry.proteins.bead_residues import shortlist
from openmm_cgvae.model import Model
from openmm_cgvae.model.pretrained import list_models

__all__ = [
    "why_caps_are_refused",
    "why_family_is_unknown",
    "why_none_ships",
    "why_not_of_model",
    "why_others_are_refused",
]


def why_others_are_refused(what: str, others: "mda.AtomGroup") -> str:
    """Return the sentence about beads beside molecules that are known.

    Parameters
    ----------
    what : str
        The molecules that are known.
    others : MDAnalysis.AtomGroup
        The beads beside them.

    Returns
    -------
    str
        The sentence.

    Examples
    --------
    >>> print(why_others_are_refused("a protein", mda.Universe.empty(1).atoms))
    `universe` has a protein and other beads, 1 bead :; select the molecules, or give unknown='drop' to leave out the rest or 'keep' to have it beside them
    """  # noqa: E501 - one sentence
    return (
        f"`universe` has {what} and other beads, {spell(bead_names_of(others))}; "
        "select the molecules, or give unknown='drop' to leave out the rest or 'keep' "
        "to have it beside them"
    )


def why_none_ships(
    beads: "mda.AtomGroup",
    matches: Sequence[tuple[ShippedModel, FoundMolecules]],
    fitting: Sequence[ShippedModel],
    why_no_protein: str,
) -> str:
    """Return the sentence about beads for which no shipped model is chosen.

    Parameters
    ----------
    beads : MDAnalysis.AtomGroup
        The beads.
    matches : sequence of (ShippedModel, FoundMolecules)
        The shipped models of one molecule, and the molecules of each.
    fitting : sequence of ShippedModel
        Those of them that fit; not just one.
    why_no_protein : str
        Why no model for proteins fits; a whole sentence where most beads are those of
        amino acids, since the reason is then in the protein.

    Returns
    -------
    str
        The sentence: several models fit, atoms came in place of beads, others are
        beside the molecules, or nothing is known.
    """
    if fitting:
        return (
            "`universe` has the beads of several models, "
            f"{', '.join(each.name for each in fitting)}; choose one with model="
        )
    names = bead_names_of(beads)
    atom_names = [atom for _, atom in names]
    atomistic = [each.name for each, _ in matches if each.has_atoms(atom_names)]
    if atomistic:
        return (
            f"`universe` has the {len(names)} atoms that {', '.join(atomistic)} make, "
            "but beads are wanted; use coarse_grain(universe, model.mapping)"
        )
    for each, found in matches:
        if found.n_molecules:
            what = _count(found.n_molecules, f"of {each.name}")
            return why_others_are_refused(what, found.others)
    if why_no_protein.startswith("`universe`"):
        return f"{why_no_protein}; nor has a shipped model of one molecule its beads"
    return (
        f"`universe` has {spell(names)}, which no shipped model has, {why_no_protein}; "
        f"give model= or train one with openmm_cgvae.train; {_those_that_ship()}"
    )


def why_caps_are_refused(caps: Sequence[str], family: str) -> str:
    """Return the sentence about caps of a protein that a model does not know."""
    several = len(caps) > 1
    return (
        f"`universe` has the cap{'s' if several else ''} {shortlist(list(caps))}, of "
        f"which the model for {family} beads does not know the atoms; leave "
        f"{'their beads' if several else 'its bead'} out, which makes the end of the "
        "chain charged, or train a model on such molecules"
    )


def why_family_is_unknown(family: str) -> str:
    """Return the sentence about a protein of beads for which no model ships."""
    return (
        f"`universe` has a protein of {family} beads, for which no model ships with "
        "the package; give model= or train one with openmm_cgvae.training.train_many; "
        f"{_those_that_ship()}"
    )


def why_not_of_model(
    beads: "mda.AtomGroup", model: Model, found: FoundMolecules
) -> str:
    """Return the sentence about beads that a given model is not for.

    Parameters
    ----------
    beads : MDAnalysis.AtomGroup
        The beads.
    model : Model
        A model of one molecule.
    found : FoundMolecules
        Its molecules among the beads; there may be others, or no molecule at all.

    Returns
    -------
    str
        The sentence.
    """
    if found.n_molecules:
        what = _count(found.n_molecules, "of the model")
        return why_others_are_refused(what, found.others)
    table, mapping = model.atom_table, model.mapping
    wanted = bead_names_of_molecule(table, mapping)
    if len(beads) == table.n_atoms:
        return (
            f"`universe` has {len(beads)} atoms, as many as the model makes, but "
            "beads are wanted; use coarse_grain(universe, model.mapping)"
        )
    if len(beads) % mapping.n_beads:
        return (
            f"`universe` has {len(beads)} beads but the model has {mapping.n_beads} "
            f"for {table.describe()}, and no molecule of {spell(wanted)} is among "
            "them; select whole molecules or choose another model"
        )
    return (
        f"`universe` has {spell(bead_names_of(beads))} but the model's are "
        f"{spell(wanted)}, and no molecule of these is among them; compare the names "
        "of beads and residues or choose another model"
    )


def _count(n_molecules: int, whose: str) -> str:
    return f"{n_molecules} molecule{'' if n_molecules == 1 else 's'} {whose}"


def _those_that_ship() -> str:
    return f"the models that ship are {', '.join(list_models())}"
