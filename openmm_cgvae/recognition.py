"""Which beads of a universe are the molecules of a model."""

from collections.abc import Sequence

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.model import Model
from openmm_cgvae.pretrained import BeadName, bead_names_of, spell


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


def check_beads(group: "mda.AtomGroup", model: Model) -> None:
    """Check that beads are those of molecules of a model, in its order.

    Parameters
    ----------
    group : MDAnalysis.AtomGroup
        The beads.
    model : Model
        The model.

    Raises
    ------
    ValueError
        If they are not; names are compared where the beads have them.
    """
    table, mapping = model.atom_table, model.mapping
    n_beads = len(group)
    residues = [residue for residue, _ in bead_names_of(group)]
    wanted = [residue for residue, _ in wanted_beads(model)]
    n_molecules, rest = divmod(n_beads, mapping.n_beads)
    is_known = residues == wanted * n_molecules
    if n_beads == table.n_atoms and n_molecules != 1 and not is_known:
        raise ValueError(
            f"`universe` has {n_beads} atoms, as many as the model makes, but "
            "beads are wanted; use coarse_grain(universe, model.mapping)"
        )
    if rest or (all(residues) and not is_known):
        _say_what_is_unknown(group, wanted_beads(model))
    if rest:
        raise ValueError(
            f"`universe` has {n_beads} beads but the model has {mapping.n_beads} "
            f"for {table.describe()}; select those of whole molecules or choose "
            "another model"
        )
    if all(residues) and not is_known:
        raise ValueError(
            f"`universe` has beads of the residues {_shortened(residues)} but the "
            f"model's are {' '.join(wanted)}; order the beads so or choose another "
            "model"
        )


def find_molecules(
    group: "mda.AtomGroup", wanted: Sequence[BeadName]
) -> "tuple[mda.AtomGroup, mda.AtomGroup]":
    """Find the molecules of one kind among others by the names of their beads.

    Parameters
    ----------
    group : MDAnalysis.AtomGroup
        Beads of any molecules.
    wanted : sequence of (str, str)
        Residue name and bead name of each bead of the molecule, in order.

    Returns
    -------
    known, others : MDAnalysis.AtomGroup
        The beads of the molecules, one after the other, and the rest.

    Raises
    ------
    ValueError
        If there is no such molecule.
    """
    spelled = [f"{residue}:{bead}" for residue, bead in wanted]
    rank = {word: code for code, word in enumerate(dict.fromkeys(spelled))}
    codes = np.array(
        [rank.get(f"{residue}:{bead}", -1) for residue, bead in bead_names_of(group)]
    )
    n_starts = max(len(codes) - len(wanted) + 1, 0)
    fits = np.ones(n_starts, dtype=bool)
    for place, word in enumerate(spelled):
        fits &= codes[place : place + n_starts] == rank[word]
    starts: list[int] = []
    for start in np.flatnonzero(fits).tolist():
        if not starts or start >= starts[-1] + len(wanted):
            starts.append(start)
    if not starts:
        raise ValueError(
            f"`universe` has no molecule of the beads {' '.join(spelled[:12])} among "
            f"{len(group)} beads; compare the names of its beads and residues"
        )
    known = (np.array(starts)[:, None] + np.arange(len(wanted))).ravel()
    others = np.setdiff1d(np.arange(len(group)), known)
    return group[known], group[others]


def _say_what_is_unknown(group: "mda.AtomGroup", wanted: Sequence[BeadName]) -> None:
    """Raise if the model's molecules are there, with others between them."""
    try:
        known, others = find_molecules(group, wanted)
    except ValueError:
        return
    raise ValueError(
        f"`universe` has {len(known) // len(wanted)} molecules of the model and other "
        f"beads, {spell(bead_names_of(others))}; select the molecules, or give "
        "unknown='drop' to leave out the rest"
    )


def _shortened(words: list[str]) -> str:
    shown = words if len(words) <= 12 else [*words[:8], "…", *words[-3:]]
    return " ".join(shown)
