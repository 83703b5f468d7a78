"""Residues of a protein, read from beads of any kind."""

from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.chemistry.proteins.residue_labels import ResidueLabels, read_labels
from openmm_cgvae.chemistry.proteins.residue_names import KnownName, known_name
from openmm_cgvae.molecules.attributes import attribute_or
from openmm_cgvae.molecules.static_groups import static_atoms

__all__ = ["BeadResidues", "has_positions", "read_residues", "shortlist"]


@dataclass(frozen=True, eq=False, kw_only=True)
class BeadResidues:
    """Beads that are in amino acids or caps, residue by residue.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
        All beads that were given, in the order of the universe.
    labels : ResidueLabels
        Names and numbers of the residues of all beads, a protein's or not.
    residue_of_bead : ndarray of int, shape (n_beads,)
        Index of the residue of each bead of ``atoms``; -1 outside a protein.
    bead_names : list of str, one per bead of ``atoms``
        Names of the beads, in capitals.
    first_beads : ndarray of int, shape (n_residues,)
        Where in ``atoms`` each residue begins.
    raw_names : tuple of str, one per residue
        Names of the residues as they came.
    names : tuple of KnownName, one per residue
        What these mean.
    ids, insertion_codes, chain_ids : tuple, one per residue
        Numbers, insertion codes and chains.
    segments : ndarray of int, shape (n_residues,)
        Equal where the segment, the chain and the molecule (of a TPR) are.
    is_alternate : ndarray of bool, shape (n_beads,)
        Whether a bead of a protein is left out as an alternate location.
    is_site : ndarray of bool, shape (n_beads,)
        Whether a bead is left out as a virtual site that stands behind the beads.
    notes : tuple of str
        What was taken for granted.
    """

    atoms: "mda.AtomGroup"
    labels: ResidueLabels
    residue_of_bead: np.ndarray
    bead_names: list[str]
    first_beads: np.ndarray
    raw_names: tuple[str, ...]
    names: tuple[KnownName, ...]
    ids: tuple[int, ...]
    insertion_codes: tuple[str, ...]
    chain_ids: tuple[str, ...]
    segments: np.ndarray
    is_alternate: np.ndarray
    is_site: np.ndarray
    notes: tuple[str, ...]

    @property
    def members(self) -> list[np.ndarray]:
        """The beads of each residue, in rising order."""
        order = np.argsort(self.residue_of_bead, kind="stable")
        sizes = np.bincount(self.residue_of_bead + 1, minlength=self.n_residues + 1)
        return np.split(order, np.cumsum(sizes)[:-1])[1:]

    @property
    def n_residues(self) -> int:
        """Number of residues."""
        return len(self.names)

    def only(self, is_kept: np.ndarray) -> "BeadResidues":
        """Return some of the residues; the others count as no protein."""
        rank = np.append(np.where(is_kept, np.cumsum(is_kept) - 1, -1), [-1])
        return replace(
            self,
            residue_of_bead=rank[self.residue_of_bead],
            first_beads=self.first_beads[is_kept],
            raw_names=tuple(compress(self.raw_names, is_kept)),
            names=tuple(compress(self.names, is_kept)),
            ids=tuple(compress(self.ids, is_kept)),
            insertion_codes=tuple(compress(self.insertion_codes, is_kept)),
            chain_ids=tuple(compress(self.chain_ids, is_kept)),
            segments=self.segments[is_kept],
        )

    def label(self, residue: int) -> str:
        """Return the name of a residue in a message."""
        chain = self.chain_ids[residue]
        where = f" of chain {chain}" if chain else ""
        number = f"{self.ids[residue]}{self.insertion_codes[residue]}"
        return f"{self.raw_names[residue]} {number}{where}"


def read_residues(
    beads: "mda.Universe | mda.AtomGroup", argument: str = "beads"
) -> BeadResidues:
    """Find the beads of amino acids and caps by the names of their residues.

    Parameters
    ----------
    beads : MDAnalysis.Universe or AtomGroup
        Beads with names of residues and beads; or atoms.
    argument : str
        What the caller calls them.

    Returns
    -------
    BeadResidues
        At least one residue.

    Raises
    ------
    ValueError
        If a bead comes twice, names are missing, or no residue is an amino acid.
    """
    group = static_atoms(beads, argument)
    indices = np.unique(group.indices)
    if not len(group):
        raise ValueError(f"`{argument}` is empty; select the {argument} of a protein")
    if len(indices) < len(group):
        raise ValueError(
            f"`{argument}` has {len(group)} {argument}, but {len(indices)} different "
            "ones; select each once"
        )
    atoms = group.universe.atoms[indices]
    labels = read_labels(atoms, argument)
    raw, names = labels.residue_names, labels.bead_names
    meanings = {name: known_name(name) for name in set(raw)}
    is_protein = np.array([meanings[name] is not None for name in raw])
    is_alternate = is_protein & _is_alternate(atoms, names)
    is_protein &= ~is_alternate
    if not is_protein.any():
        raise ValueError(
            f"`{argument}` has no amino acid among {len(group)} {argument} of "
            f"{shortlist(sorted(set(raw)))}; name residues as in the PDB, such as "
            "ALA or HIS"
        )
    residue_of_bead, first = _number(labels, is_protein)
    chain_ids, segments = _read_chains(atoms, labels)
    codes = attribute_or(atoms, "icodes", "")
    found = BeadResidues(
        atoms=atoms,
        labels=labels,
        residue_of_bead=residue_of_bead,
        bead_names=names,
        first_beads=first,
        raw_names=tuple(raw[bead] for bead in first),
        names=tuple(known for b in first if (known := meanings[raw[b]]) is not None),
        ids=tuple(int(labels.ids[bead]) for bead in first),
        insertion_codes=tuple(str(codes[bead]).strip() for bead in first),
        chain_ids=tuple(chain_ids[bead] for bead in first),
        segments=segments[first],
        is_alternate=is_alternate,
        is_site=np.zeros(len(atoms), dtype=bool),
        notes=(*labels.notes, *_copy_notes(labels, first)),
    )
    return _without_sites(found)


def _read_chains(
    atoms: "mda.AtomGroup", labels: ResidueLabels
) -> tuple[list[str], np.ndarray]:
    """Return the chain of each bead, and a number that differs between segments."""
    chains = attribute_or(atoms, "chainIDs", "")
    segids = attribute_or(atoms, "segids", "")
    chain_ids = [str(c or s) for c, s in zip(chains, segids, strict=True)]
    keys = list(
        zip(atoms.segindices.tolist(), chain_ids, labels.molecules, strict=True)
    )
    rank = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return chain_ids, np.array([rank[key] for key in keys])


def _without_sites(residues: BeadResidues) -> BeadResidues:
    """Return the residues without those that are only sites of others.

    martinize2 puts the Gō sites of a chain behind its beads, one named CA for each
    residue, with the residue's name and number.
    """
    members = [[residues.bead_names[bead] for bead in m] for m in residues.members]
    keys = list(
        zip(
            residues.segments.tolist(),
            residues.ids,
            residues.insertion_codes,
            residues.raw_names,
            strict=True,
        )
    )
    with_backbone = {
        key for key, names in zip(keys, members, strict=True) if "BB" in names
    }
    is_site = np.array(
        [
            key in with_backbone and not any(_is_of_martini(name) for name in names)
            for key, names in zip(keys, members, strict=True)
        ]
    )
    if not is_site.any():
        return residues
    of_bead = np.append(is_site, [False])[residues.residue_of_bead]
    return replace(residues.only(~is_site), is_site=of_bead)


def _is_of_martini(name: str) -> bool:
    return name == "BB" or (name.startswith("SC") and name[2:].isdigit())


def has_positions(atoms: "mda.AtomGroup") -> bool:
    """Return whether atoms have positions."""
    return hasattr(atoms.universe, "trajectory")


def shortlist(words: list[str]) -> str:
    """Return words as a list in a message, not too many of them."""
    return ", ".join(words if len(words) <= 8 else [*words[:6], "…", words[-1]])


def _is_alternate(atoms: "mda.AtomGroup", names: list[str]) -> np.ndarray:
    """Find beads at an alternate location of one that came before."""
    locations = [str(loc).strip() for loc in attribute_or(atoms, "altLocs", "")]
    if not any(locations):
        return np.zeros(len(atoms), dtype=bool)
    # Where residues differ too, MDAnalysis has two of them with one number.
    codes = attribute_or(atoms, "icodes", "")
    numbers = zip(atoms.segindices.tolist(), atoms.resids.tolist(), codes, strict=True)
    first: dict[tuple[Any, str], tuple[str, int]] = {}
    found = []
    for number, name, location, residue in zip(
        numbers, names, locations, atoms.resindices.tolist(), strict=True
    ):
        known, there = first.setdefault((number, name), (location, residue))
        found.append(location != known or (bool(location) and residue != there))
    return np.array(found)


def _number(
    labels: ResidueLabels, is_protein: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the residue of each bead, and where each begins: at a name that recurs.

    Files that number all residues alike are read as one residue.
    """
    residue_of_bead = np.full(len(is_protein), -1)
    seen: dict[tuple[int, str], int] = {}
    number: dict[tuple[int, int], int] = {}
    first = []
    resindices = labels.residues.tolist()
    for bead in np.flatnonzero(is_protein).tolist():
        key = (resindices[bead], labels.bead_names[bead])
        copy = seen[key] = seen.get(key, -1) + 1
        residue = (resindices[bead], copy)
        if residue not in number:
            number[residue] = len(number)
            first.append(bead)
        residue_of_bead[bead] = number[residue]
    return residue_of_bead, np.array(first)


def _copy_notes(labels: ResidueLabels, first: np.ndarray) -> list[str]:
    """Check that residues were not made of a molecule whose beads have one name."""
    found, where, sizes = np.unique(
        labels.residues[first], return_index=True, return_counts=True
    )
    if not (sizes > 1).any():
        return []
    largest = int(sizes.argmax())
    bead = first[where[largest]]
    others = int((sizes > 1).sum()) - 1
    return [
        f"{sizes[largest]} beads named {labels.bead_names[bead]} of one residue are "
        f"taken for as many residues {labels.residue_names[bead]}"
        + (f", and so in {others} more" if others else "")
        + "; leave out names of residues and name each bead by its amino acid if it "
        "is a molecule"
    ]
