"""The family of a protein's beads (alpha carbons, residues, Martini), recognised."""

from collections import Counter
from collections.abc import Sequence

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.chemistry.proteins.bead_residues import (
    BeadResidues,
    read_residues,
    shortlist,
)
from openmm_cgvae.chemistry.proteins.bead_spacing import (
    ALPHA_SPACING,
    is_on_alpha_carbons,
    measure_spacing,
)
from openmm_cgvae.chemistry.proteins.family_mappings import (
    CAPS,
    MARTINI_VERSIONS,
    checked_family,
    side_chain_beads,
)
from openmm_cgvae.chemistry.proteins.residue_templates import STANDARD_OF_VARIANT

__all__ = ["family_beads", "family_of", "recognise_family"]

# Names of beads at side chains, with none at the backbone.
SIDE_CHAIN_NAMES = frozenset({"SC", "SC1", "SCM", "SCB", "CB"})
KINDS = {"alpha-carbon": "alpha carbons", "residue": "centres of mass"}
OTHER = {"alpha-carbon": "residue", "residue": "alpha-carbon"}


def recognise_family(beads: "mda.Universe | mda.AtomGroup") -> str:
    """Find the family of a protein's beads by their names and distances.

    Parameters
    ----------
    beads : MDAnalysis.Universe or AtomGroup
        Beads of a protein, perhaps among others.

    Returns
    -------
    {"alpha-carbon", "residue", "martini3", "martini2"}
        One bead per residue is ``"alpha-carbon"`` or ``"residue"``, by the distances of
        neighbours, and by the name CA where these are too few. BB, SC1, ... is Martini,
        whose versions differ in the side chains of alanine, tyrosine and tryptophan (3
        where there is none of them); BB that are 3.8 Å apart are alpha carbons.

    Raises
    ------
    ValueError
        If there is no amino acid, or their beads are none of these, or some are alpha
        carbons and others centres of mass.

    Examples
    --------
    >>> beads = mda.Universe.empty(2, 2, atom_resindex=[0, 1])
    >>> beads.add_TopologyAttr("resnames", ["ALA", "TRP"])
    >>> beads.add_TopologyAttr("resids", [1, 2])
    >>> beads.add_TopologyAttr("names", ["CA", "CA"])
    >>> recognise_family(beads)
    'alpha-carbon'
    """
    return family_of(read_residues(beads))[0]


def family_of(residues: BeadResidues) -> tuple[str, tuple[str, ...]]:
    """Find the family of residues that are read, and what was taken for granted."""
    beads = _bead_names(residues)
    amino = [r for r, known in enumerate(residues.names) if known.variant not in CAPS]
    if not amino:
        raise ValueError(
            f"`beads` has {residues.label(0)} but no amino acid; give a protein"
        )
    with_backbone = sum("BB" in beads[residue] for residue in amino)
    if 2 * with_backbone > len(amino):
        if is_on_alpha_carbons(residues, _backbone_or_first(residues)):
            return "alpha-carbon", (_backbone_note(beads),)
        return _martini_version(residues, beads, amino)
    crowded = [residue for residue in amino if len(beads[residue]) != 1]
    if not crowded:
        return _by_spacing(residues, {beads[residue][0] for residue in amino})
    names = Counter(name for residue in amino for name in beads[residue])
    raise ValueError(
        f"`beads` has {len(beads[crowded[0]])} beads in {residues.label(crowded[0])}, "
        f"named {shortlist(beads[crowded[0]])}; one bead per residue or Martini's BB, "
        "SC1, ... are known"
        + (
            ", so select_atoms('name CA') of these gives alpha carbons"
            if names["CA"] == len(amino)
            else ""
        )
    )


def family_beads(residues: BeadResidues, family: str) -> np.ndarray:
    """Return the beads of a family in the order of its mapping.

    Parameters
    ----------
    residues : BeadResidues
        The residues.
    family : str
        The family.

    Returns
    -------
    ndarray of int, shape (n_beads,)
        Where they are among ``residues.atoms``.

    Raises
    ------
    ValueError
        If a residue lacks a bead.
    """
    version = MARTINI_VERSIONS.get(checked_family(family))
    by_residue: list[dict[str, int]] = [{} for _ in residues.names]
    for bead, residue in enumerate(residues.residue_of_bead.tolist()):
        if residue >= 0:
            by_residue[residue][residues.bead_names[bead]] = bead
    found: list[int] = []
    lacking: list[str] = []
    for residue, beads in enumerate(by_residue):
        wanted = _wanted(residues, residue, version, beads, family)
        found += [beads[name] for name in wanted if name in beads]
        missing = [name for name in wanted if name not in beads]
        if missing:
            lacking.append(f"{' '.join(missing)} of {residues.label(residue)}")
    if lacking:
        raise ValueError(
            f"`beads` lacks beads of {family}: {shortlist(lacking)}; give whole "
            "residues, or another `family`"
        )
    return np.array(found)


def _wanted(
    residues: BeadResidues,
    residue: int,
    version: int | None,
    beads: dict[str, int],
    family: str,
) -> Sequence[str]:
    variant = residues.names[residue].variant
    if version is not None:
        if variant in CAPS:
            raise ValueError(
                f"`beads` has {residues.label(residue)}, but Martini has no beads for "
                "caps; leave them out"
            )
        n_side = side_chain_beads(STANDARD_OF_VARIANT.get(variant, variant), version)
        return ["BB", *(f"SC{number}" for number in range(1, n_side + 1))]
    if len(beads) == 1:
        return list(beads)
    alpha = [name for name in ("CA", "BB") if name in beads]
    if alpha and family == "alpha-carbon":
        return alpha[:1]
    raise ValueError(
        f"`beads` has {len(beads)} beads in {residues.label(residue)}, named "
        f"{shortlist(list(beads))}, but one per residue is wanted for the family "
        f"{family}; select one of them, or give another `family`"
    )


def _by_spacing(residues: BeadResidues, names: set[str]) -> tuple[str, tuple[str, ...]]:
    """Tell alpha carbons from centres of mass where residues have one bead each."""
    spacing = measure_spacing(
        residues, residues.first_beads, is_named_alpha=names == {"CA"}
    )
    named = shortlist(sorted(names))
    if names <= SIDE_CHAIN_NAMES or spacing.are_side_chains:
        raise ValueError(
            f"`beads` seem to be side chains alone, named {named} and "
            f"{spacing.median:.1f} Å from one to the next, where centres of mass of "
            "whole residues are some 4.7 Å apart, and no model is for side chains; "
            "give other beads, or family='residue' if they are centres of mass"
        )
    if spacing.other_stretch is not None:
        begin, end = map(residues.label, spacing.other_stretch)
        here, others = KINDS[spacing.family], KINDS[OTHER[spacing.family]]
        raise ValueError(
            f"`beads` are {others} from about {begin} to {end} but {here} elsewhere, "
            "by their distances, and no model is for both; select one of the two, or "
            "give family='residue' or 'alpha-carbon' to take all for one"
        )
    if (spacing.family == "alpha-carbon") == (names == {"CA"}):
        return spacing.family, ()
    note = (
        f"beads named {named} are {spacing.median:.1f} Å from one to the next, where "
        f"alpha carbons are {ALPHA_SPACING} Å apart, so they are taken for "
        f"{KINDS[spacing.family]}, family={spacing.family!r}; give "
        f"family={OTHER[spacing.family]!r} if they are {KINDS[OTHER[spacing.family]]}"
    )
    return spacing.family, (note,)


def _backbone_note(beads: list[list[str]]) -> str:
    n_others = sum(len(names) - ("BB" in names) for names in beads)
    return (
        f"beads named BB are {ALPHA_SPACING} Å from one to the next, so they are taken "
        f"for alpha carbons and the {n_others} others of their residues are left out; "
        "give family='martini2' or 'martini3' if BB are centres of mass"
    )


def _backbone_or_first(residues: BeadResidues) -> np.ndarray:
    """Find the bead BB of each residue, or else its first bead."""
    found = residues.first_beads.copy()
    for bead, residue in enumerate(residues.residue_of_bead.tolist()):
        if residue >= 0 and residues.bead_names[bead] == "BB":
            found[residue] = bead
    return found


def _bead_names(residues: BeadResidues) -> list[list[str]]:
    names: list[list[str]] = [[] for _ in residues.names]
    for bead, residue in enumerate(residues.residue_of_bead.tolist()):
        if residue >= 0:
            names[residue].append(residues.bead_names[bead])
    return names


def _martini_version(
    residues: BeadResidues, beads: list[list[str]], amino: list[int]
) -> tuple[str, tuple[str, ...]]:
    votes = {family: 0 for family in MARTINI_VERSIONS}
    telling = 0
    for residue in amino:
        variant = residues.names[residue].variant
        name = STANDARD_OF_VARIANT.get(variant, variant)
        sizes = {f: side_chain_beads(name, v) for f, v in MARTINI_VERSIONS.items()}
        if len(set(sizes.values())) == 1:
            continue
        telling += 1
        n_side = sum(_is_side_chain(bead) for bead in beads[residue])
        for family, size in sizes.items():
            votes[family] += size == n_side
    if not telling:
        note = (
            "no ALA, TYR or TRP tells Martini 2 from 3, so the beads are taken for "
            "Martini 3; give family='martini2' if they are not"
        )
        return "martini3", (note,)
    family = max(votes, key=lambda name: (votes[name], name))
    if votes[family] < telling:
        raise ValueError(
            f"`beads` fits neither version of Martini: of {telling} residues ALA, TYR "
            f"and TRP {votes['martini2']} have the beads of Martini 2 and "
            f"{votes['martini3']} those of Martini 3; give whole residues"
        )
    return family, ()


def _is_side_chain(name: str) -> bool:
    return name.startswith("SC") and name[2:].isdigit()
