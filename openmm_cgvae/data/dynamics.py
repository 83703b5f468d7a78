"""The force field and the dynamics that reference trajectories are made with."""

import openmm
from openmm import app, unit

__all__ = ["EQUILIBRATION_PS", "METHOD", "TIMESTEP_FS", "create_simulation"]

FORCE_FIELD = ("amber99sbildn.xml", "amber99_obc.xml")
TIMESTEP_FS = 4.0
FRICTION_PER_PS = 1.0
HYDROGEN_MASS_DA = 3.0
EQUILIBRATION_PS = 20.0
METHOD = {
    "force_field": list(FORCE_FIELD),
    "cutoff": None,
    "constraints": "HBonds",
    "hydrogen_mass_Da": HYDROGEN_MASS_DA,
    "integrator": "LangevinMiddleIntegrator",
    "timestep_fs": TIMESTEP_FS,
    "friction_per_ps": FRICTION_PER_PS,
    "equilibration_ps": EQUILIBRATION_PS,
}


def create_simulation(
    topology: app.Topology, temperature: float, seed: int, platform: str
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

    Returns
    -------
    openmm.app.Simulation
        The simulation, see :data:`METHOD`.
    """
    system = app.ForceField(*FORCE_FIELD).createSystem(
        topology,
        nonbondedMethod=app.NoCutoff,
        constraints=app.HBonds,
        hydrogenMass=HYDROGEN_MASS_DA * unit.dalton,
    )
    integrator = openmm.LangevinMiddleIntegrator(
        temperature * unit.kelvin,
        FRICTION_PER_PS / unit.picosecond,
        TIMESTEP_FS * unit.femtosecond,
    )
    integrator.setRandomNumberSeed(seed)
    properties = {"Threads": "1"} if platform == "CPU" else {}
    return app.Simulation(
        topology, system, integrator, openmm.Platform.getPlatform(platform), properties
    )
