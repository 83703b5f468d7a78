"""Stereocentres: atoms with four different neighbours, and their chirality."""

import numpy as np
from rdkit import Chem

from openmm_cgvae.molecules.bond_graph import skeleton
from openmm_cgvae.molecules.elements import HYDROGEN
from openmm_cgvae.molecules.periodic_box import nearest_images

__all__ = ["find_stereocentres"]


def find_stereocentres(
    atomic_numbers: np.ndarray,
    bonds: np.ndarray,
    positions: np.ndarray,
    box: np.ndarray | None,
) -> np.ndarray:
    """Find atoms with four different neighbours, listed so that the volume is > 0.

    With explicit hydrogens two neighbours differ exactly when their places in the
    bond graph do, so RDKit's symmetry classes decide and bond orders are not needed.
    """
    molecule = skeleton(atomic_numbers, bonds)
    Chem.FastFindRings(molecule)
    ranks = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))
    rows = []
    for atom in molecule.GetAtoms():
        around = sorted(neighbour.GetIdx() for neighbour in atom.GetNeighbors())
        if len(around) != 4 or len({ranks[i] for i in around}) != 4:
            continue
        centre = atom.GetIdx()
        kept = [i for i in around if atomic_numbers[i] != HYDROGEN][:3]
        kept += [i for i in around if i not in kept][: 3 - len(kept)]
        arms = positions[kept].astype(np.float64) - positions[centre]
        # The molecule may be cut by the box.
        if np.linalg.det(nearest_images(arms, box)) < 0:
            kept[0], kept[1] = kept[1], kept[0]
        rows.append((centre, *kept))
    return np.array(rows, dtype=np.int64).reshape(-1, 4)
