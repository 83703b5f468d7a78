"""The systems that can be simulated by name, their starts and their basins.

A start is the structure of the system with every backbone torsion turned to one
point of the Ramachandran map, so that walkers begin in minima that a single
simulation would take long to find.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from MDAnalysis.lib.distances import calc_dihedrals
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from MDAnalysis.lib.transformations import rotation_matrix
from openmm import app, unit

from openmm_cgvae.data import data_path
from openmm_cgvae.simulation.reference.dynamics import EQUILIBRATION_PS, TIMESTEP_FS

__all__ = [
    "SYSTEMS",
    "MolecularSystem",
    "Start",
    "basin_shares",
    "ramachandran_torsions",
    "system_named",
]

# The range of psi that makes a residue with phi <= 0 helical [degree].
ALPHA_PSI = (-120.0, 50.0)


@dataclass(frozen=True, kw_only=True)
class Start:
    """A conformation for walkers to start from.

    Parameters
    ----------
    name : str
        What the conformation is called.
    phi, psi : float or None
        Backbone torsions every residue is turned to [degree]; None for the
        structure as it is.
    """

    name: str
    phi: float | None = None
    psi: float | None = None


@dataclass(frozen=True, kw_only=True)
class MolecularSystem:
    """A molecule, the conformations to start it from and how long to run it.

    Parameters
    ----------
    name : str
        Name of the system, also of its structure file.
    starts : tuple of Start
        Walkers take these in turn.
    n_walkers : int
        Default number of walkers.
    n_frames : int
        Default number of frames, of all walkers together.
    interval_ps : float
        Default time between frames [ps].
    temperatures : tuple of float
        Default temperatures [K].

    Examples
    --------
    >>> SYSTEMS["alanine-dipeptide"].structure().topology.getNumAtoms()
    22
    """

    name: str
    starts: tuple[Start, ...]
    n_walkers: int
    n_frames: int
    interval_ps: float
    temperatures: tuple[float, ...]

    def structure(self) -> app.PDBFile:
        """Read the structure the starts are made from."""
        return app.PDBFile(str(data_path(f"{self.name}.pdb")))

    def start_of_walker(self, walker: int) -> Start:
        """Name the conformation a walker begins in."""
        return self.starts[walker % len(self.starts)]

    def start_positions(self, start: Start) -> np.ndarray:
        """Compute the positions of a start by turning the backbone.

        Parameters
        ----------
        start : Start
            The conformation wanted.

        Returns
        -------
        ndarray, shape (n_atoms, 3)
            Positions [nm], not yet minimised.

        Notes
        -----
        A torsion about a bond of a ring, such as phi of proline, is left alone.
        """
        pdb = self.structure()
        positions = pdb.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        if start.phi is None or start.psi is None:
            return np.asarray(positions)
        neighbours = defaultdict(set)
        for bond in pdb.topology.bonds():
            neighbours[bond.atom1.index].add(bond.atom2.index)
            neighbours[bond.atom2.index].add(bond.atom1.index)
        for torsions in ramachandran_torsions(pdb.topology):
            for torsion, degrees in zip(torsions, (start.phi, start.psi), strict=True):
                moving = _atoms_beyond(neighbours, int(torsion[1]), int(torsion[2]))
                if torsion[1] not in moving:
                    positions = _turn(positions, torsion, degrees, sorted(moving))
        return positions

    def equilibrate(
        self, simulation: app.Simulation, walker: int, temperature: float, seed: int
    ) -> None:
        """Equilibrate a walker from its start; set its clock to zero.

        Parameters
        ----------
        simulation : openmm.app.Simulation
            The walker's simulation; changed in place.
        walker : int
            Which walker.
        temperature : float
            Temperature [K].
        seed : int
            Seed of the velocities.
        """
        context = simulation.context
        context.setPositions(self.start_positions(self.start_of_walker(walker)))
        simulation.minimizeEnergy()
        context.setVelocitiesToTemperature(temperature * unit.kelvin, seed)
        simulation.step(round(EQUILIBRATION_PS * 1000 / TIMESTEP_FS))
        context.setStepCount(0)
        context.setTime(0.0)


_C5 = Start(name="extended (C5)", phi=-150.0, psi=155.0)
_C7EQ = Start(name="hydrogen-bonded ring (C7eq)", phi=-80.0, psi=75.0)
_C7AX = Start(name="hydrogen-bonded ring (C7ax)", phi=65.0, psi=-50.0)
_POLYPROLINE = Start(name="polyproline helix", phi=-75.0, psi=150.0)
_ALPHA_R = Start(name="right-handed helix (alpha_R)", phi=-65.0, psi=-40.0)
_ALPHA_L = Start(name="left-handed helix (alpha_L)", phi=55.0, psi=45.0)

SYSTEMS = {
    system.name: system
    for system in (
        # phi > 0 is rarely entered and lasts for nanoseconds once there: a share of
        # short walkers started in it keeps it present. Eleven is prime, so that
        # splits into equal blocks of walkers do not put all of them in one fold.
        MolecularSystem(
            name="alanine-dipeptide",
            starts=(
                _C5,
                _ALPHA_L,
                _ALPHA_R,
                _C7EQ,
                _POLYPROLINE,
                _C5,
                _ALPHA_R,
                _C7AX,
                _C7EQ,
                _POLYPROLINE,
                _ALPHA_R,
            ),
            n_walkers=40,
            n_frames=20_000,
            interval_ps=5.0,
            temperatures=(300.0,),
        ),
        MolecularSystem(
            name="chignolin",
            starts=(
                Start(name="folded"),
                Start(name="extended", phi=-120.0, psi=130.0),
                _POLYPROLINE,
                _ALPHA_R,
            ),
            n_walkers=20,
            n_frames=10_000,
            interval_ps=1.0,
            temperatures=(300.0, 340.0),
        ),
    )
}


def system_named(name: str) -> MolecularSystem:
    """Look a system up.

    Parameters
    ----------
    name : str
        Name of the system.

    Returns
    -------
    MolecularSystem
        The system.

    Raises
    ------
    ValueError
        If there is none of that name.

    Examples
    --------
    >>> system_named("chignolin").n_walkers
    20
    """
    if name not in SYSTEMS:
        raise ValueError(
            f"`system` is {name!r} but only {' and '.join(map(repr, SYSTEMS))} "
            "can be simulated by name; choose one of these"
        )
    return SYSTEMS[name]


def ramachandran_torsions(topology: app.Topology) -> np.ndarray:
    """Find phi and psi of every residue that has both.

    Parameters
    ----------
    topology : openmm.app.Topology
        A peptide with neighbours, or caps, on both sides of each residue.

    Returns
    -------
    ndarray of int, shape (n_residues, 2, 4)
        The atoms of phi (C, N, CA, C) and psi (N, CA, C, N).
    """
    residues = [
        {atom.name: atom.index for atom in residue.atoms()}
        for residue in topology.residues()
    ]
    torsions = []
    for before, here, after in zip(residues, residues[1:], residues[2:], strict=False):
        n, ca, c = here["N"], here["CA"], here["C"]
        torsions.append([[before["C"], n, ca, c], [n, ca, c, after["N"]]])
    return np.array(torsions, dtype=np.int64).reshape(-1, 2, 4)


def basin_shares(trajectory: Path, topology: app.Topology) -> dict[str, float]:
    """Measure how often residues are in each basin of the Ramachandran map.

    Parameters
    ----------
    trajectory : Path
        An XTC file.
    topology : openmm.app.Topology
        The peptide it is of.

    Returns
    -------
    dict of str to float
        Share of each basin, over all frames and residues; they sum to 1.
    """
    torsions = ramachandran_torsions(topology)
    n_left, n_alpha, n_all = 0, 0, 0
    with XTCFile(str(trajectory)) as frames:
        for frame in frames:
            corners = np.moveaxis(frame.x[torsions], 2, 0).reshape(4, -1, 3)
            phi, psi = np.degrees(calc_dihedrals(*corners)).reshape(-1, 2).T
            is_left = phi > 0
            is_alpha = ~is_left & (psi > ALPHA_PSI[0]) & (psi < ALPHA_PSI[1])
            n_left += int(is_left.sum())
            n_alpha += int(is_alpha.sum())
            n_all += len(phi)
    return {
        "left (phi > 0)": n_left / n_all,
        f"alpha (phi <= 0, {ALPHA_PSI[0]} < psi < {ALPHA_PSI[1]})": n_alpha / n_all,
        "beta (the rest)": (n_all - n_left - n_alpha) / n_all,
    }


def _atoms_beyond(neighbours: dict[int, set[int]], here: int, there: int) -> set[int]:
    """Collect the atoms on the far side of a bond; all, if it is in a ring."""
    found, waiting = {there}, list(neighbours[there] - {here})
    while waiting:
        atom = waiting.pop()
        if atom not in found:
            found.add(atom)
            waiting.extend(neighbours[atom])
    return found


def _turn(
    positions: np.ndarray, torsion: np.ndarray, degrees: float, moving: list[int]
) -> np.ndarray:
    """Rotate the moving atoms about the torsion's axis until it has this value."""
    corners = positions[torsion]
    angle = np.radians(degrees) - calc_dihedrals(*corners[:, None].astype(np.float32))
    rotation = rotation_matrix(float(angle[0]), corners[2] - corners[1])[:3, :3]
    turned = positions.copy()
    turned[moving] = (positions[moving] - corners[2]) @ rotation.T + corners[2]
    return turned
