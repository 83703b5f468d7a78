"""Random cuts of the backbone of a protein."""

from typing import Any

import MDAnalysis as mda
import numpy as np
from MDAnalysis.lib.distances import distance_array

from openmm_cgvae.mapping.mapping import Mapping
from openmm_cgvae.mapping.schemes.bead_groups import (
    assemble,
    checked_group,
    residue_label,
)

__all__ = ["backbone_partition"]

# Atoms along the backbone, in its direction; CH3 and C are also the caps' methyls.
_BACKBONE_RANK = {"N": 0, "CA": 1, "CH3": 1, "C": 2, "O": 3}


def backbone_partition(
    atoms: "mda.Universe | mda.AtomGroup",
    n_beads: int,
    seed: int = 0,
    weights: Any = "geometry",
) -> Mapping:
    """Split the backbone at random into beads and join side chains to the nearest.

    This is the backbone mapping of appendix F.2 of [1]_. The backbone are the
    atoms N, CA, C, O of each residue and the heavy atoms of the caps, in the order
    of the chain; every other atom goes to the segment whose centre of geometry is
    nearest in the current frame. Beads are named "P0", "P1", ...

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        One chain of a protein, whole (not broken by periodic boundaries).
    n_beads : int
        Number of segments.
    seed : int
        Seed of the cuts; the same seed gives the same mapping.
    weights : "geometry", "mass" or array_like, shape (n_atoms,)
        Weights of the atoms in their beads.

    Returns
    -------
    Mapping
        The segments with their side chains.

    Raises
    ------
    ValueError
        If there are fewer backbone atoms than beads, a residue has none, or the
        atoms are of several segments.

    References
    ----------
    .. [1] W. Wang *et al.*, "Generative coarse-graining of molecular
       conformations", *ICML* (2022), arXiv:2201.12176.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(4, atom_resindex=[0] * 4, trajectory=True)
    >>> universe.add_TopologyAttr("names", ["N", "CA", "C", "O"])
    >>> universe.add_TopologyAttr("resnames", ["GLY"])
    >>> backbone_partition(universe, n_beads=2).n_beads
    2
    """
    group = checked_group(atoms)
    chain = _backbone(group)
    if not 1 <= n_beads <= len(chain):
        raise ValueError(
            f"`n_beads` is {n_beads} but must be from 1 to {len(chain)}, the number "
            "of backbone atoms; ask for as many beads as that allows"
        )
    inner = np.arange(1, len(chain))
    cuts = np.random.default_rng(seed).choice(inner, size=n_beads - 1, replace=False)
    segments = np.split(chain, np.sort(cuts))
    positions = group.positions.astype(np.float64)
    centres = np.array([positions[segment].mean(axis=0) for segment in segments])
    segment_of_atom = np.argmin(distance_array(positions, centres), axis=1)
    for number, segment in enumerate(segments):
        segment_of_atom[segment] = number
    mapping = assemble(group, segment_of_atom, ["P"] * len(group), weights)
    names = [f"P{bead}" for bead in range(n_beads)]
    return Mapping(mapping.bead_of_atom, mapping.weights, bead_names=names)


def _backbone(group: "mda.AtomGroup") -> np.ndarray:
    """Return the backbone atoms of one chain in the order of the chain."""
    if len(np.unique(group.segindices)) > 1:
        raise ValueError(
            "`atoms` are of several segments but a backbone is one chain; give one "
            "segment at a time"
        )
    ranks = np.array([_BACKBONE_RANK.get(name, -1) for name in group.names])
    backbone = np.flatnonzero(ranks >= 0)
    without = np.setdiff1d(group.resindices, group.resindices[backbone])
    if len(without):
        residue = group.universe.residues[without[0]]
        raise ValueError(
            f"`atoms` has no backbone in residue {residue_label(residue)}; select "
            "residues of a protein"
        )
    keys = (ranks[backbone], group.resindices[backbone])
    return backbone[np.lexsort(keys)]
