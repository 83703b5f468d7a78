"""What beads take from their atoms: names, residues, masses, charges, bonds."""

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.mapping import Mapping

__all__ = ["bead_universe"]


def bead_universe(atoms: "mda.AtomGroup", mapping: Mapping) -> mda.Universe:
    """Return the beads' topology, with no trajectory yet."""
    # By atoms that have a weight: caps may belong to a bead of the next residue.
    weighted = np.flatnonzero(mapping.weights)
    _, first = np.unique(mapping.bead_of_atom[weighted], return_index=True)
    representatives = atoms[weighted[first]]
    residues = representatives.residues
    segments = residues.segments
    beads = mda.Universe.empty(
        mapping.n_beads,
        n_residues=len(residues),
        n_segments=len(segments),
        atom_resindex=np.searchsorted(residues.ix, representatives.resindices),
        residue_segindex=np.searchsorted(segments.ix, residues.segindices),
    )
    names = list(mapping.bead_names)
    # What the atoms do not have, the beads do not get.
    attributes = {
        "names": names,
        "types": names,
        "elements": [""] * mapping.n_beads,
        "chainIDs": getattr(representatives, "chainIDs", None),
        "resids": getattr(residues, "resids", None),
        "resnames": getattr(residues, "resnames", None),
        "icodes": getattr(residues, "icodes", None),
        "segids": getattr(segments, "segids", None),
        "masses": _sum_over_beads(mapping, getattr(atoms, "masses", None)),
        "charges": _sum_over_beads(mapping, getattr(atoms, "charges", None)),
        "bonds": _bead_bonds(atoms, mapping),
    }
    for name, values in attributes.items():
        if values is not None:
            beads.add_TopologyAttr(name, values)
    return beads


def _sum_over_beads(mapping: Mapping, values: np.ndarray | None) -> np.ndarray | None:
    if values is None:
        return None
    return np.bincount(mapping.bead_of_atom, values, minlength=mapping.n_beads)


def _bead_bonds(
    atoms: "mda.AtomGroup", mapping: Mapping
) -> list[tuple[int, int]] | None:
    """Return the pairs of beads with a bond between their atoms, if bonds are known."""
    bonds = getattr(atoms.universe, "bonds", None)
    if bonds is None:
        return None
    bead_of_index = np.full(len(atoms.universe.atoms), -1)
    bead_of_index[atoms.indices] = mapping.bead_of_atom
    pairs = np.sort(bead_of_index[np.asarray(bonds.indices).reshape(-1, 2)], axis=1)
    between = (pairs[:, 0] >= 0) & (pairs[:, 0] != pairs[:, 1])
    return [(int(i), int(j)) for i, j in np.unique(pairs[between], axis=0)]
