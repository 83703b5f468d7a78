"""StereochemistryCheck: whether a structure is one of L residues with trans amides."""

from dataclasses import dataclass

import numpy as np
from MDAnalysis.lib.distances import calc_dihedrals
from openmm import app

__all__ = ["Problem", "StereochemistryCheck", "StereochemistryError"]

# Neighbours of the stereocentres of L residues in an order of positive volume; that of
# the alpha carbon is the same for all that have one.
ALPHA = ("N", "C", "CB")
BETA = {"ILE": ("CA", "CG1", "CG2"), "THR": ("CA", "OG1", "CG2")}
SMALLEST_TRANS = 120.0  # degrees from cis


@dataclass(frozen=True)
class Problem:
    """What is wrong with a structure, and the number of the residue if it is one's."""

    message: str
    residue: int | None = None


class StereochemistryError(ValueError):
    """A molecule has too few frames of correct stereochemistry.

    The problem is that of the last frame.
    """

    def __init__(self, message: str, problem: Problem) -> None:
        super().__init__(message)
        self.problem = problem


class StereochemistryCheck:
    """Which structures of a protein are fit to learn from.

    Heat and bad starts can turn amides cis, and bad starts can invert stereocentres.
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
    >>> StereochemistryCheck(pdb.topology).problem(mirrored)
    Problem(message='TYR 2 has the wrong hand', residue=1)
    """

    def __init__(self, topology: app.Topology) -> None:
        self._centres = _stereocentres(topology)
        self._amides = _amides(topology)

    def problem(self, positions: np.ndarray) -> Problem | None:
        """Find what is wrong with the stereochemistry of a structure.

        Parameters
        ----------
        positions : ndarray, shape (n_atoms, 3)
            Positions, in any unit.

        Returns
        -------
        Problem or None
            The first problem found; None if the structure is correct.
        """
        if not np.isfinite(positions).all():
            return Problem("positions are not finite")
        for residue, (centre, *arms) in self._centres:
            if np.linalg.det(positions[arms] - positions[centre]) <= 0:
                return Problem(f"{_label(residue)} has the wrong hand", residue.index)
        for residue, atoms in self._amides:
            corners = positions[atoms].astype(np.float32)
            if abs(np.degrees(calc_dihedrals(*corners))) < SMALLEST_TRANS:
                message = f"the amide before {_label(residue)} is cis"
                return Problem(message, residue.index)
        return None


def _label(residue: app.topology.Residue) -> str:
    return f"{residue.name} {residue.id}"


def _stereocentres(
    topology: app.Topology,
) -> list[tuple[app.topology.Residue, list[int]]]:
    """Find each centre with three neighbours that have a positive volume."""
    found = []
    for residue in topology.residues():
        atoms = {atom.name: atom.index for atom in residue.atoms()}
        arms = {"CA": ALPHA if "CB" in atoms else (), "CB": BETA.get(residue.name, ())}
        found += [
            (residue, [atoms[name] for name in (centre, *three)])
            for centre, three in arms.items()
            if three
        ]
    return found


def _amides(topology: app.Topology) -> list[tuple[app.topology.Residue, list[int]]]:
    """Find the torsions omega of amides that have to be trans, by what is after."""
    found = []
    residues = list(topology.residues())
    atoms = [{atom.name: atom.index for atom in r.atoms()} for r in residues]
    pairs = zip(atoms, atoms[1:], residues[1:], strict=False)
    for before, after, residue in pairs:
        if residue.name != "PRO":
            ends = before.get("CA", before.get("CH3")), after.get("CA", after.get("C"))
            omega = [ends[0], before["C"], after["N"], ends[1]]
            found.append((residue, omega))
    return found
