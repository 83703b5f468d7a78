"""Soundness: whether a structure is one of L residues with trans amides."""

import numpy as np
from MDAnalysis.lib.distances import calc_dihedrals
from openmm import app

__all__ = ["Soundness"]

# Neighbours of the stereocentres of L residues in an order of positive volume; that of
# the alpha carbon is the same for all that have one.
ALPHA = ("N", "C", "CB")
BETA = {"ILE": ("CA", "CG1", "CG2"), "THR": ("CA", "OG1", "CG2")}
SMALLEST_TRANS = 120.0  # degrees from cis


class Soundness:
    """Which structures of a protein are fit to learn from.

    Heat and bad starts can turn amides cis, and bad starts can give the wrong hand.
    Amides before proline are cis in some proteins, so these are let pass.

    Parameters
    ----------
    topology : openmm.app.Topology
        One chain of standard amino acids and caps.

    Examples
    --------
    >>> from openmm_cgvae.data import data_path
    >>> pdb = app.PDBFile(str(data_path("chignolin.pdb")))
    >>> mirrored = pdb.getPositions(asNumpy=True)._value * [-1, 1, 1]
    >>> Soundness(pdb.topology).problem(mirrored)
    'TYR 2 has the wrong hand'
    """

    def __init__(self, topology: app.Topology) -> None:
        self._centres = _stereocentres(topology)
        self._amides = _amides(topology)

    def problem(self, positions: np.ndarray) -> str:
        """Say what is wrong with a structure; nothing if it is sound.

        Parameters
        ----------
        positions : ndarray, shape (n_atoms, 3)
            Positions, in any unit.

        Returns
        -------
        str
            The first problem found, or the empty string.
        """
        if not np.isfinite(positions).all():
            return "positions are not finite"
        for label, (centre, *arms) in self._centres:
            if np.linalg.det(positions[arms] - positions[centre]) <= 0:
                return f"{label} has the wrong hand"
        for label, atoms in self._amides:
            corners = positions[atoms].astype(np.float32)
            if abs(np.degrees(calc_dihedrals(*corners))) < SMALLEST_TRANS:
                return f"the amide before {label} is cis"
        return ""


def _stereocentres(topology: app.Topology) -> list[tuple[str, list[int]]]:
    """Give each centre with three neighbours that have a positive volume, labelled."""
    found = []
    for residue in topology.residues():
        atoms = {atom.name: atom.index for atom in residue.atoms()}
        arms = {"CA": ALPHA if "CB" in atoms else (), "CB": BETA.get(residue.name, ())}
        found += [
            (f"{residue.name} {residue.id}", [atoms[name] for name in (centre, *three)])
            for centre, three in arms.items()
            if three
        ]
    return found


def _amides(topology: app.Topology) -> list[tuple[str, list[int]]]:
    """Give the torsions omega of amides that have to be trans, labelled."""
    found = []
    residues = list(topology.residues())
    atoms = [{atom.name: atom.index for atom in r.atoms()} for r in residues]
    pairs = zip(atoms, atoms[1:], residues[1:], strict=False)
    for before, after, residue in pairs:
        if residue.name != "PRO":
            ends = before.get("CA", before.get("CH3")), after.get("CA", after.get("C"))
            omega = [ends[0], before["C"], after["N"], ends[1]]
            found.append((f"{residue.name} {residue.id}", omega))
    return found
