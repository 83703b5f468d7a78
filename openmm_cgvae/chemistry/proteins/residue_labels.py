"""Residue labels of beads: from residues, or from beads named by their amino acids."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.chemistry.proteins.residue_names import known_name, spelled_out
from openmm_cgvae.molecules.attributes import attribute_or

__all__ = ["ResidueLabels", "read_labels"]

# Elements of one letter: names of atoms, where no other letter is among them.
_ELEMENTS = frozenset("HBCNOFPSKVYIWU")
_FEWEST_AMINO_ACIDS = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class ResidueLabels:
    """The residue of each bead, what it is called, and the name of the bead.

    Parameters
    ----------
    residues : ndarray of int, shape (n_beads,)
        Equal for beads of one residue.
    residue_names, bead_names : list of str, one per bead
        Names, amino acids spelled out and beads in capitals.
    ids : ndarray of int, shape (n_beads,)
        Numbers of the residues.
    molecules : list, one per bead
        Differs between beads that the topology knows to be of two molecules.
    notes : tuple of str
        What was taken for granted.
    """

    residues: np.ndarray
    residue_names: list[str]
    bead_names: list[str]
    ids: np.ndarray
    molecules: Sequence[Hashable]
    notes: tuple[str, ...] = ()


def read_labels(atoms: "mda.AtomGroup", argument: str) -> ResidueLabels:
    """Read the labels of residues and beads.

    Files of HOOMD and LAMMPS have no names of residues; their residues are molecules or
    bodies, and the names or types of beads are the amino acids. Then each bead is a
    residue, numbered from 1 in each molecule.

    Parameters
    ----------
    atoms : MDAnalysis.AtomGroup
        The beads.
    argument : str
        What the caller calls them.

    Returns
    -------
    ResidueLabels
        The labels.

    Raises
    ------
    ValueError
        If names are missing.

    Examples
    --------
    >>> beads = mda.Universe.empty(3, 1, atom_resindex=[0, 0, 0])
    >>> beads.add_TopologyAttr("names", ["GLY", "LEU", "LYS"])
    >>> labels = read_labels(beads.atoms, "beads")
    >>> labels.residue_names, labels.ids.tolist()
    (['GLY', 'LEU', 'LYS'], [1, 2, 3])
    """
    words = {
        name: [str(value).strip() for value in attribute_or(atoms, name, "")]
        for name in ("resnames", "names", "types")
    }
    # HOOMD's bodies have numbers for names.
    if not any(name and not name.isdecimal() for name in words["resnames"]):
        for attribute in ("names", "types"):
            if _are_amino_acids(words[attribute]):
                return _labels_of_beads(atoms, words[attribute])
        raise ValueError(_why_nameless(atoms, argument, words["names"]))
    if not any(words["names"]):
        raise ValueError(
            f"`{argument}` has no names of {argument}; add them with "
            "universe.add_TopologyAttr('names', ...)"
        )
    return ResidueLabels(
        residues=atoms.resindices,
        residue_names=spelled_out([str(name) for name in atoms.resnames]),
        bead_names=[name.upper() for name in words["names"]],
        ids=atoms.resids,
        molecules=attribute_or(atoms, "molnums", 0),
    )


def _are_amino_acids(words: list[str]) -> bool:
    letters = {word.upper() for word in words}
    if spelled_out(words) != words:
        return not letters <= _ELEMENTS | set("ACGTUIN")
    known = [word for word in words if len(word) > 1 and known_name(word)]
    return len(known) >= _FEWEST_AMINO_ACIDS


def _labels_of_beads(atoms: "mda.AtomGroup", words: list[str]) -> ResidueLabels:
    names = [name.upper() for name in spelled_out(words)]
    resindices = atoms.resindices.tolist()
    if len(set(resindices)) == len(resindices):
        molecules: list[Hashable] = attribute_or(atoms, "molnums", 0)
        ids = atoms.resids
    else:
        fragments = [0] * len(atoms)
        if len(getattr(atoms.universe, "bonds", ())):
            fragments = atoms.fragindices.tolist()
        molecules = list(zip(resindices, fragments, strict=True))
        seen: Counter[Hashable] = Counter()
        ids = np.zeros(len(atoms), dtype=np.int64)
        for bead, molecule in enumerate(molecules):
            seen[molecule] += 1
            ids[bead] = seen[molecule]
    note = (
        "residues have no names, so each bead is taken for the amino acid that it is "
        f"named by, from {names[0]} to {names[-1]}"
    )
    return ResidueLabels(
        residues=np.arange(len(atoms)),
        residue_names=names,
        bead_names=names,
        ids=ids,
        molecules=molecules,
        notes=(note,),
    )


def _why_nameless(atoms: "mda.AtomGroup", argument: str, names: list[str]) -> str:
    sizes = np.bincount(atoms.resindices)
    if any(names) or sizes.max() == 1:
        return (
            f"`{argument}` has no names of residues; add them with "
            "universe.add_TopologyAttr('resnames', ...)"
        )
    n_residues = int((sizes > 0).sum())
    return (
        f"`{argument}` has no names, and its residues seem to be molecules, "
        f"{n_residues} of up to {sizes.max()} {argument}; name each of the {argument} "
        "by its amino acid: universe.add_TopologyAttr('names', ['MET', 'LYS', ...])"
    )
