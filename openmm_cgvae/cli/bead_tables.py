"""A mapping as a table to read."""

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.mapping import Mapping, bonds_within, pieces_of_beads

__all__ = ["bead_table"]


def bead_table(atoms: "mda.AtomGroup", mapping: Mapping) -> str:
    """Write a line per bead: its residue, its atoms, and how many pieces they are.

    Parameters
    ----------
    atoms : AtomGroup
        All atoms of the universe.
    mapping : Mapping
        Their beads.

    Returns
    -------
    str
        The table, and below it whether all beads hang together.
    """
    bonds = bonds_within(atoms)
    pieces = None if bonds is None else pieces_of_beads(mapping, bonds)
    rows = [("bead", "name", "residue", "atoms", "pieces", "which")]
    for bead, name in enumerate(mapping.bead_names):
        own = atoms[mapping.atoms_of_bead(bead)]
        counts = (str(len(own)), "?" if pieces is None else str(pieces[bead]))
        # That of the coarse-grained universe.
        home = own[mapping.weights[own.indices] > 0][0].residue
        rows.append((str(bead), name, _label(home), *counts, _which(own)))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        cells = zip(row[:5], widths, "><<>>", strict=True)
        padded = [f"{cell:{side}{width}}" for cell, width, side in cells]
        lines.append("  ".join([*padded, row[5]]))
    return "\n".join([*lines, _verdict(mapping, pieces)])


def _label(residue: "mda.core.groups.Residue") -> str:
    return f"{getattr(residue, 'resname', '')}{residue.resid}"


def _which(own: "mda.AtomGroup") -> str:
    """Name the atoms of a bead, by residue where there are several."""
    residues = own.residues
    if len(residues) == 1:
        return " ".join(own.names)
    return "; ".join(
        f"{_label(residue)} {' '.join(own[own.resindices == residue.resindex].names)}"
        for residue in residues
    )


def _verdict(mapping: Mapping, pieces: np.ndarray | None) -> str:
    total = f"{mapping.n_atoms} atoms, {mapping.n_beads} beads"
    if pieces is None:
        return f"{total}; in how many pieces is not known, since not all bonds are"
    apart = int((pieces > 1).sum())
    if apart == 0:
        return f"{total}, each in one piece"
    return f"{total}, {apart} of them in several pieces"
