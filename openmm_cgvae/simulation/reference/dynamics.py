"""The force field and the dynamics that reference trajectories are made with."""

from functools import cache

import openmm
from openmm import app, unit

from openmm_cgvae.structures.openmm_bridge import DEFAULT_FORCEFIELD

__all__ = [
    "EQUILIBRATION_PS",
    "FRICTION_PER_PS",
    "METHOD",
    "TIMESTEP_FS",
    "create_simulation",
    "force_field",
]

TIMESTEP_FS = 4.0
FRICTION_PER_PS = 1.0
HYDROGEN_MASS_DA = 3.0
EQUILIBRATION_PS = 20.0
METHOD = {
    "force_field": list(DEFAULT_FORCEFIELD),
    "cutoff": None,
    "constraints": "HBonds",
    "hydrogen_mass_Da": HYDROGEN_MASS_DA,
    "integrator": "LangevinMiddleIntegrator",
    "timestep_fs": TIMESTEP_FS,
    "friction_per_ps": FRICTION_PER_PS,
    "equilibration_ps": EQUILIBRATION_PS,
}


@cache
def force_field(*, is_solvated: bool = True) -> app.ForceField:
    """Load the force field, with its implicit solvent or without.

    Examples
    --------
    >>> force_field() is force_field()
    True
    """
    return app.ForceField(
        *(DEFAULT_FORCEFIELD if is_solvated else DEFAULT_FORCEFIELD[:1])
    )


def create_simulation(
    topology: app.Topology,
    temperature: float,
    seed: int,
    platform: str,
    *,
    friction_per_ps: float = FRICTION_PER_PS,
    cutoff_nm: float | None = None,
) -> app.Simulation:
    """Set up the dynamics of a molecule, without positions.

    Parameters
    ----------
    topology : openmm.app.Topology
        The molecule.
    temperature : float
        Temperature [K].
    seed : int
        Seed of the thermostat; OpenMM takes 0 as "any".
    platform : str
        Name of the OpenMM platform; ``"CPU"`` gets one thread, as more slow small
        molecules down.
    friction_per_ps : float
        Friction of the thermostat [1/ps].
    cutoff_nm : float, optional
        Where interactions are cut off [nm], in vacuum: pairs without a cutoff, and
        implicit solvent, are slow for large molecules.

    Returns
    -------
    openmm.app.Simulation
        The simulation, see :data:`METHOD`.
    """
    ranges = {"nonbondedMethod": app.NoCutoff}
    if cutoff_nm is not None:
        ranges = {
            "nonbondedMethod": app.CutoffNonPeriodic,
            "nonbondedCutoff": cutoff_nm * unit.nanometer,
        }
    system = force_field(is_solvated=cutoff_nm is None).createSystem(
        topology,
        **ranges,
        constraints=app.HBonds,
        hydrogenMass=HYDROGEN_MASS_DA * unit.dalton,
    )
    integrator = openmm.LangevinMiddleIntegrator(
        temperature * unit.kelvin,
        friction_per_ps / unit.picosecond,
        TIMESTEP_FS * unit.femtosecond,
    )
    integrator.setRandomNumberSeed(seed)
    properties = {"Threads": "1"} if platform == "CPU" else {}
    return app.Simulation(
        topology, system, integrator, openmm.Platform.getPlatform(platform), properties
    )
