"""Prochirality: labels of the hydrogens of CH2 and of the methyls of valine.

Programs that add hydrogens number them as it comes, so that HB2 of one structure is HB3
of another. The recommendations of IUPAC tell them apart: seen from the side of the
backbone, the branch that goes on, then the lower and the higher number stand clockwise
(J. L. Markley *et al.*, *Pure Appl. Chem.* 70, 117 (1998)).
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from rdkit import Chem

from openmm_cgvae.chemistry.proteins.residue_templates import (
    ResidueTemplate,
    residue_template,
)
from openmm_cgvae.molecules import HYDROGEN, skeleton
from openmm_cgvae.molecules.periodic_box import nearest_images

__all__ = ["Fork", "forks", "standard_labels"]

GREEK = "ABGDEZH"


class Fork(NamedTuple):
    """A prochiral atom, whose two branches are alike, by ranks in a template."""

    centre: int
    onward: int  # neither towards the backbone nor one of the two
    lower: tuple[int, ...]  # atoms of the branch of the lower number
    higher: tuple[int, ...]


def standard_labels(
    templates: list[ResidueTemplate],
    order: np.ndarray,
    positions: np.ndarray,
    box: np.ndarray | None,
) -> np.ndarray:
    """Return atoms in the order that gives prochiral branches the labels of IUPAC.

    Parameters
    ----------
    templates : list of ResidueTemplate
        The residues.
    order : ndarray of int, shape (n_atoms,)
        Which atom each atom of the templates is, residue after residue.
    positions : ndarray, shape (..., 3)
        Positions that ``order`` points into [Å].
    box : ndarray, shape (6,), or None
        Unit cell.

    Returns
    -------
    ndarray of int, shape (n_atoms,)
        The order, branches with each other's labels swapped.
    """
    rows, branches = [], []
    start = 0
    for template in templates:
        for fork in forks(template.variant):
            corners = (fork.centre, fork.onward, fork.lower[0], fork.higher[0])
            rows.append([start + corner for corner in corners])
            branches.append((start, fork.lower, fork.higher))
        start += template.n_atoms
    where = positions[order[np.array(rows, dtype=np.int64).reshape(-1, 4)]]
    arms = nearest_images(where[:, 1:] - where[:, :1], box)
    labelled = order.copy()
    for fork_number in np.flatnonzero(np.linalg.det(arms) < 0).tolist():
        start, lower, higher = branches[fork_number]
        low, high = (start + np.array(branch) for branch in (lower, higher))
        labelled[low], labelled[high] = order[high], order[low]
    return labelled


@cache
def forks(variant: str) -> tuple[Fork, ...]:
    """Find the prochiral atoms of a residue, those that have two branches alike.

    Examples
    --------
    >>> names = residue_template("VAL").names
    >>> [names[fork.centre] for fork in forks("VAL")]
    ['CB']
    """
    template = residue_template(variant)
    molecule = skeleton(template.atomic_numbers, template.bonds)
    Chem.FastFindRings(molecule)
    ranks = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))
    found = []
    for atom in molecule.GetAtoms():
        around = [neighbour.GetIdx() for neighbour in atom.GetNeighbors()]
        alike = [i for i in around if sum(ranks[i] == ranks[j] for j in around) == 2]
        if len(around) != 4 or len(alike) != 2:
            continue
        centre = atom.GetIdx()
        lower, higher = sorted(alike, key=lambda atom: template.names[atom])
        found.append(
            Fork(
                centre=centre,
                onward=_onward(template, centre, set(around) - set(alike)),
                lower=_branch(molecule, template, lower, centre),
                higher=_branch(molecule, template, higher, centre),
            )
        )
    return tuple(found)


def _onward(template: ResidueTemplate, centre: int, others: set[int]) -> int:
    """Find the neighbour that is farther from the backbone's nitrogen, by its letter.

    From the nitrogen to the alpha carbon, from there along the side chain.
    """

    def distance(atom: int) -> int:
        name = template.names[atom]
        if template.atomic_numbers[atom] == HYDROGEN:
            return len(GREEK) + 1
        if template.names[centre] == "CA" and name == "N":
            return -1
        return GREEK.index(name[1]) if name[1:2] in set(GREEK) else len(GREEK)

    return max(others, key=distance)


def _branch(
    molecule: Chem.Mol, template: ResidueTemplate, root: int, centre: int
) -> tuple[int, ...]:
    """Return an atom and the hydrogens on it, in the order of their names."""
    around = [n.GetIdx() for n in molecule.GetAtomWithIdx(root).GetNeighbors()]
    leaves = [atom for atom in around if atom != centre]
    return (root, *sorted(leaves, key=lambda atom: template.names[atom]))
