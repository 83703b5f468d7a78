"""Coarse-grained dynamics of one protein at 300 K, in three simple models with OpenMM.

* `calvados`: one bead a residue, harmonic bonds, Ashbaugh-Hatch and Debye-Hueckel as in
  CALVADOS 2 (G. Tesei and K. Lindorff-Larsen, Open Res. Europe 2, 94, 2023: table of
  lambdas; sigmas of Y. C. Kim and G. Hummer, J. Mol. Biol. 375, 1416, 2008).
* `network`: the same bonds with harmonic springs between residues that are near in a
  known structure, as CALVADOS 3 holds folded domains (F. Cao *et al.*, Protein Sci. 33,
  e5172, 2024).
* `martini`: bonds, angles, dihedrals and elastic network of Martini 2.2 (D. H. de Jong
  *et al.*, J. Chem. Theory Comput. 9, 687, 2013) and Martini 3 (P. C. T. Souza
  *et al.*, Nat. Methods 18, 382, 2021). Of the rest only the repulsion is kept: there
  is no water.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import openmm
from openmm import unit

from openmm_cgvae import metrics

TEMPERATURE = 300.0  # K
TIMESTEP = 0.010  # ps
NM_PER_ANGSTROM = 0.1
# lambda, sigma [nm] and charge of each residue in CALVADOS 2; histidine is neutral.
CALVADOS = {
    "ALA": (0.2743, 0.504, 0),
    "ARG": (0.7308, 0.656, 1),
    "ASN": (0.4256, 0.568, 0),
    "ASP": (0.0416, 0.558, -1),
    "CYS": (0.5615, 0.548, 0),
    "GLN": (0.3934, 0.602, 0),
    "GLU": (0.0007, 0.592, -1),
    "GLY": (0.7059, 0.450, 0),
    "HIS": (0.4664, 0.608, 0),
    "ILE": (0.5424, 0.618, 0),
    "LEU": (0.6440, 0.618, 0),
    "LYS": (0.1790, 0.636, 1),
    "MET": (0.5308, 0.618, 0),
    "PHE": (0.8672, 0.636, 0),
    "PRO": (0.3593, 0.556, 0),
    "SER": (0.4625, 0.518, 0),
    "THR": (0.3713, 0.562, 0),
    "TRP": (0.9894, 0.678, 0),
    "TYR": (0.9775, 0.646, 0),
    "VAL": (0.2084, 0.586, 0),
}
CALVADOS_BOND, CALVADOS_STIFFNESS = 0.38, 8033.0  # nm, kJ/mol/nm^2
CALVADOS_SPRING, CALVADOS_REACH = 700.0, 0.9
ASHBAUGH_HATCH = (
    "select(step(2^(1/6)*sigma - r), 4*epsilon*(x^2 - x) + epsilon*(1 - hydropathy),"
    "hydropathy*4*epsilon*(x^2 - x)); x = (sigma/r)^6; epsilon = 0.8368;"
    "sigma = (sigma1 + sigma2)/2; hydropathy = (hydropathy1 + hydropathy2)/2"
)
# 0.15 M salt in water at 300 K: 138.9/77.7 kJ nm/mol, Debye length 0.79 nm.
DEBYE_HUECKEL = "1.788*charge1*charge2*exp(-r/0.79)/r"

STIFF = 30000.0  # instead of constraints [kJ/mol/nm^2]
HELIX, STRAND, COIL = "H", "E", "-"
BACKBONE_STIFFNESS = {2: 1250.0, 3: 4000.0}
BACKBONE_LENGTH = {HELIX: 0.31, STRAND: 0.35, COIL: 0.35}
BACKBONE_ANGLE = {HELIX: (96.0, 700.0), STRAND: (134.0, 25.0), COIL: (127.0, 20.0)}
HELIX_DIHEDRAL = (-120.0, 400.0)
SIDE_CHAIN_DIHEDRAL = 75.0  # SC1-BB-BB-SC1 as in the known structure [kJ/mol/rad^2]
SIDE_CHAIN_ANGLE = (100.0, 25.0)  # of two backbone beads and a side chain
RING_ANGLE = {2: (150.0, 50.0), 3: (120.0, 50.0)}
CHAIN_ANGLE = (180.0, 25.0)
NETWORK = {2: (500.0, 0.9), 3: (700.0, 0.85)}  # spring, reach
FEWEST_BETWEEN = 3  # residues along the chain that the network passes over
REPULSION = (3.5, 0.40)  # kJ/mol, nm: of ordinary beads 0.47, of small ones 0.34-0.41
# Length [nm] and stiffness of BB-SC1; None stands for a constraint.
FIRST_BONDS: dict[int, dict[str, tuple[float, float | None]]] = {
    2: {
        "ARG": (0.33, 5000),
        "ASN": (0.32, 5000),
        "ASP": (0.32, 7500),
        "CYS": (0.31, 7500),
        "GLN": (0.40, 5000),
        "GLU": (0.40, 5000),
        "HIS": (0.32, 7500),
        "ILE": (0.31, None),
        "LEU": (0.33, 7500),
        "LYS": (0.33, 5000),
        "MET": (0.40, 2500),
        "PHE": (0.31, 7500),
        "PRO": (0.30, 7500),
        "SER": (0.25, 7500),
        "THR": (0.26, None),
        "TRP": (0.30, 5000),
        "TYR": (0.32, 5000),
        "VAL": (0.265, None),
    },
    3: {
        "ALA": (0.27, None),
        "ARG": (0.33, 5000),
        "ASN": (0.352, 5000),
        "ASP": (0.352, 7500),
        "CYS": (0.341, 7500),
        "GLN": (0.40, 5000),
        "GLU": (0.40, 5000),
        "HIS": (0.336, 7500),
        "ILE": (0.341, None),
        "LEU": (0.363, 7500),
        "LYS": (0.33, 5000),
        "MET": (0.40, 2500),
        "PHE": (0.325, 7500),
        "PRO": (0.33, 7500),
        "SER": (0.287, 7500),
        "THR": (0.305, None),
        "TRP": (0.315, 5000),
        "TYR": (0.325, 5000),
        "VAL": (0.292, None),
    },
}
# SC1-SC2 of side chains of two beads. Rings keep the shape of the known structure.
SECOND_BONDS = {2: {"LYS": 0.28, "ARG": 0.34}, 3: {"LYS": 0.36, "ARG": 0.38}}
SECOND_STIFFNESS = 5000.0


@dataclass(frozen=True, kw_only=True)
class Chain:
    """The beads of one chain: names, residues and a known structure.

    Parameters
    ----------
    residue_names : list of str
        Standard amino acids.
    residue_of_bead : ndarray of int, shape (n_beads,)
        The residue of each bead.
    positions : ndarray, shape (n_beads, 3)
        Where the beads are in a known structure [A]; dynamics start there.
    structure : str
        Secondary structure of each residue: ``"H"``, ``"E"`` or ``"-"``.
    is_folded : bool
        Whether an elastic network holds the known structure.
    """

    residue_names: list[str]
    residue_of_bead: np.ndarray
    positions: np.ndarray
    structure: str
    is_folded: bool

    @property
    def nanometres(self) -> np.ndarray:
        """The known structure [nm]."""
        return self.positions * NM_PER_ANGSTROM

    @property
    def first_beads(self) -> list[int]:
        """The first bead of each residue."""
        return np.unique(self.residue_of_bead, return_index=True)[1].tolist()

    def beads_of(self, residue: int) -> list[int]:
        """Find the beads of a residue."""
        return np.flatnonzero(self.residue_of_bead == residue).tolist()


def calvados_system(chain: Chain, bond: float | None = CALVADOS_BOND) -> openmm.System:
    """Build one bead a residue; without `bond` its lengths are the known ones."""
    n = len(chain.residue_names)
    known = chain.nanometres
    bonds = openmm.HarmonicBondForce()
    contacts = openmm.CustomNonbondedForce(ASHBAUGH_HATCH)
    contacts.addPerParticleParameter("hydropathy")
    contacts.addPerParticleParameter("sigma")
    charges = openmm.CustomNonbondedForce(DEBYE_HUECKEL)
    charges.addPerParticleParameter("charge")
    system = openmm.System()
    for number, name in enumerate(chain.residue_names):
        system.addParticle(110.0)
        hydropathy, sigma, charge = CALVADOS[name]
        contacts.addParticle([hydropathy, sigma])
        ends = (number == 0) - (number == n - 1)
        charges.addParticle([charge + ends])
    pairs = [(i, i + 1) for i in range(n - 1)]
    for i, j in pairs:
        length = np.linalg.norm(known[i] - known[j]) if bond is None else bond
        bonds.addBond(i, j, length, CALVADOS_STIFFNESS)
    if chain.is_folded:
        springs = _network(known, CALVADOS_REACH, fewest_between=2)
        for i, j, length in springs:
            bonds.addBond(i, j, length, CALVADOS_SPRING)
        pairs += [(i, j) for i, j, _ in springs]
    for force in (contacts, charges):
        for pair in pairs:
            force.addExclusion(*pair)
        force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffNonPeriodic)
        system.addForce(force)
    contacts.setCutoffDistance(2.0)
    charges.setCutoffDistance(4.0)
    system.addForce(bonds)
    return system


def martini_system(chain: Chain, version: int) -> openmm.System:
    """Build a chain of Martini beads."""
    known = chain.nanometres
    bonds = openmm.HarmonicBondForce()
    for i, j, length, stiffness in _martini_bonds(chain, version):
        bonds.addBond(i, j, length, stiffness)
    contacts = openmm.CustomNonbondedForce(
        "select(step(2^(1/6)*sigma - r), 4*epsilon*(x^2 - x) + epsilon, 0);"
        f"x = (sigma/r)^6; epsilon = {REPULSION[0]}; sigma = {REPULSION[1]}"
    )
    contacts.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffNonPeriodic)
    contacts.setCutoffDistance(0.5)
    system = openmm.System()
    for _ in known:
        system.addParticle(72.0)
        contacts.addParticle([])
    apart = {(min(i, j), max(i, j)) for i, j, *_ in _martini_bonds(chain, version)}
    if chain.is_folded:
        spring, reach = NETWORK[version]
        backbone = np.array(chain.first_beads)
        for i, j, length in _network(known[backbone], reach, FEWEST_BETWEEN):
            bonds.addBond(int(backbone[i]), int(backbone[j]), length, spring)
    for pair in sorted(apart):
        contacts.addExclusion(*pair)
    for force in (bonds, contacts, _martini_angles(chain, version), _helices(chain)):
        system.addForce(force)
    if chain.is_folded and version == 3:
        system.addForce(_side_chain_dihedrals(chain))
    return system


def _martini_bonds(
    chain: Chain, version: int
) -> Iterator[tuple[int, int, float, float]]:
    known, backbone = chain.nanometres, chain.first_beads
    for residue, name in enumerate(chain.residue_names):
        first, *side = chain.beads_of(residue)
        if residue:
            ends = chain.structure[residue - 1], chain.structure[residue]
            length = float(np.mean([BACKBONE_LENGTH[end] for end in ends]))
            stiffness = STIFF if HELIX in ends else BACKBONE_STIFFNESS[version]
            yield backbone[residue - 1], first, length, stiffness
        if not side:
            continue
        length, stiff = FIRST_BONDS[version][name]
        yield first, side[0], length, stiff or STIFF
        if name in SECOND_BONDS[version]:
            length = SECOND_BONDS[version][name]
            yield side[0], side[1], length, SECOND_STIFFNESS
            continue
        for row, i in enumerate(side):
            for j in side[row + 1 :]:
                yield i, j, float(np.linalg.norm(known[i] - known[j])), STIFF


def _martini_angles(chain: Chain, version: int) -> openmm.Force:
    force = openmm.CustomAngleForce("stiffness/2*(cos(theta) - wanted)^2")
    force.addPerAngleParameter("wanted")
    force.addPerAngleParameter("stiffness")

    def add(i: int, j: int, k: int, degrees: float, stiffness: float) -> None:
        force.addAngle(i, j, k, [np.cos(np.radians(degrees)), stiffness])

    backbone = chain.first_beads
    for residue, bead in enumerate(backbone):
        side = chain.beads_of(residue)[1:]
        if residue and side:
            add(backbone[residue - 1], bead, side[0], *SIDE_CHAIN_ANGLE)
        elif side:
            add(side[0], bead, backbone[1], *SIDE_CHAIN_ANGLE)
        if 0 < residue < len(backbone) - 1:
            three = chain.structure[residue - 1 : residue + 2]
            kind = next((s for s in (HELIX, STRAND) if s in three), COIL)
            add(*backbone[residue - 1 : residue + 2], *BACKBONE_ANGLE[kind])
        for end in side[1:3]:
            is_chain = len(side) == 2  # noqa: PLR2004 - lysine, arginine
            add(bead, side[0], end, *(CHAIN_ANGLE if is_chain else RING_ANGLE[version]))
    return force


def _helices(chain: Chain) -> openmm.Force:
    force = openmm.PeriodicTorsionForce()
    phase, stiffness = HELIX_DIHEDRAL
    backbone = chain.first_beads
    for first in range(len(backbone) - 3):
        if chain.structure[first : first + 4] == 4 * HELIX:
            four = backbone[first : first + 4]
            force.addTorsion(*four, 1, np.radians(phase), stiffness)
    return force


def _side_chain_dihedrals(chain: Chain) -> openmm.Force:
    """Keep side chains where they were, as martinize2 does by default (-scfix)."""
    # Sines take the force away where three beads are in line, with no torsion.
    force = openmm.CustomCompoundBondForce(
        4,
        f"{SIDE_CHAIN_DIHEDRAL}*(1 - cos(dihedral(p1, p2, p3, p4) - known))"
        "*sin(angle(p1, p2, p3))^2*sin(angle(p2, p3, p4))^2",
    )
    force.addPerBondParameter("known")
    for residue in range(len(chain.residue_names) - 1):
        (first, *side), (second, *other) = map(chain.beads_of, (residue, residue + 1))
        if side and other:
            four = [side[0], first, second, other[0]]
            known = metrics.dihedral_angles(chain.nanometres[None], np.array([four]))
            force.addBond(four, [np.radians(known[0, 0])])
    return force


def _network(
    known: np.ndarray, reach: float, fewest_between: int
) -> list[tuple[int, int, float]]:
    gaps = np.linalg.norm(known[:, None] - known, axis=-1)
    near = np.argwhere(np.triu(gaps < reach, k=fewest_between))
    return [(int(i), int(j), float(gaps[i, j])) for i, j in near]


def simulate(
    system: openmm.System,
    start: np.ndarray,
    *,
    n_frames: int,
    picoseconds: float,
    seed: int,
) -> np.ndarray:
    """Run Langevin dynamics at 300 K and return frames.

    Parameters
    ----------
    system : openmm.System
        The beads and their forces.
    start : ndarray, shape (n_beads, 3)
        Where they start [A].
    n_frames : int
        Number of frames.
    picoseconds : float
        Time between two frames, ten times of which pass before the first.
    seed : int
        Seed of velocities and noise.

    Returns
    -------
    ndarray, shape (n_frames, n_beads, 3)
        The frames [A].
    """
    integrator = openmm.LangevinMiddleIntegrator(TEMPERATURE, 1.0, TIMESTEP)
    integrator.setRandomNumberSeed(seed)
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, integrator, platform, {"Threads": "1"})
    context.setPositions(start * NM_PER_ANGSTROM)
    openmm.LocalEnergyMinimizer.minimize(context, 10.0)
    context.setVelocitiesToTemperature(TEMPERATURE, seed)
    n_steps = round(picoseconds / TIMESTEP)
    integrator.step(10 * n_steps)
    frames = []
    for _ in range(n_frames):
        integrator.step(n_steps)
        state = context.getState(positions=True)
        frames.append(state.getPositions(asNumpy=True).value_in_unit(unit.angstrom))
    return np.array(frames)
