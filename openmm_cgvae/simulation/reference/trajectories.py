"""Reference trajectories made with OpenMM, for training and benchmarks.

Independent walkers from different minima are joined into one trajectory. A run that
was killed goes on where it was: each walker writes its own part and checkpoint.
"""

import logging
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import openmm
from openmm import app
from tqdm import tqdm

from openmm_cgvae._runtime.atomic_files import write_json
from openmm_cgvae._runtime.run_folder import check_settings, only_run, read_settings
from openmm_cgvae._runtime.version import __version__
from openmm_cgvae.simulation.reference.dynamics import METHOD, create_simulation
from openmm_cgvae.simulation.reference.settings import SimulationConfig
from openmm_cgvae.simulation.reference.systems import basin_shares, system_named
from openmm_cgvae.simulation.reference.walker_files import (
    WalkerPart,
    concatenate,
    write_pdb,
)
from openmm_cgvae.structures.openmm_bridge.platforms import LARGEST_REFERENCE_SYSTEM

__all__ = ["SimulationConfig", "SimulationResult", "simulate"]

CHECKPOINT_SECONDS = 10.0
SETTINGS = "settings.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SimulationResult:
    """Where the files of a simulation are.

    Parameters
    ----------
    topology, trajectory, provenance : Path
        The PDB, XTC and JSON file.
    was_complete : bool
        True if the files were there already and nothing was run.
    """

    topology: Path
    trajectory: Path
    provenance: Path
    was_complete: bool


def simulate(  # noqa: PLR0913 - one argument for each setting of a run
    system: str,
    output: str | os.PathLike[str],
    *,
    n_frames: int | None = None,
    interval_ps: float | None = None,
    temperature: float | Sequence[float] | None = None,
    n_walkers: int | None = None,
    seed: int = 0,
    platform: str | None = None,
    progress: bool = True,
) -> SimulationResult:
    """Simulate a system by name and write a trajectory with its provenance.

    Several walkers from different minima give a broader set of conformations than
    one walker of the same length; the set is no Boltzmann sample, and the JSON file
    tells which walker every frame is from.

    Parameters
    ----------
    system : str
        ``"alanine-dipeptide"`` or ``"chignolin"``.
    output : path
        Directory for ``<system>.pdb``, ``.xtc`` and ``.json``; made if need be. If
        it holds an unfinished run with the same settings, that run is continued.
    n_frames : int, optional
        Number of frames, of all walkers together; by default 20,000 for alanine
        dipeptide, 10,000 for chignolin.
    interval_ps : float, optional
        Time between frames [ps]; by default 5 for alanine dipeptide, 1 for chignolin.
    temperature : float or sequence of float, optional
        Temperature [K]; by default 300, and 300 and 340 for chignolin. Of several,
        the walkers of the first round of starts have the first, those of the next
        round the second, and so on, round and round.
    n_walkers : int, optional
        Number of walkers, which take the starts of the system in turn; by default
        40 for alanine dipeptide, 20 for chignolin.
    seed : int
        Seed of all random numbers.
    platform : str, optional
        OpenMM platform; by default ``"Reference"`` for the smallest molecules, which
        is fastest there, else ``"CPU"`` with one thread.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    SimulationResult
        The files.

    Raises
    ------
    ValueError
        If a setting is impossible, or `output` holds a run with other settings.
    FileExistsError
        If `output` holds files of these names that are no run.
    RuntimeError
        If another run is writing to the same files.

    Notes
    -----
    amber99sbildn with OBC implicit solvent, no cutoff, bonds to hydrogen constrained,
    hydrogens of 3 Da, Langevin middle integrator with 1/ps and 4 fs. A continued run
    is bit for bit the uninterrupted one on the Reference platform; other platforms
    do not promise it.
    """
    defaults = system_named(system)
    pdb = defaults.structure()
    if platform is None:
        small = pdb.topology.getNumAtoms() < LARGEST_REFERENCE_SYSTEM
        platform = "Reference" if small else "CPU"
    if temperature is None:
        temperature = defaults.temperatures
    config = SimulationConfig(
        system=system,
        n_frames=defaults.n_frames if n_frames is None else n_frames,
        interval_ps=float(defaults.interval_ps if interval_ps is None else interval_ps),
        temperature=np.atleast_1d(temperature).astype(float).tolist(),
        n_walkers=defaults.n_walkers if n_walkers is None else n_walkers,
        seed=seed,
        platform=platform,
    )
    folder = Path(output)
    result = _result_in(folder, config)
    if result.was_complete:
        return result
    with only_run(folder / f".{system}.lock"):
        result = _result_in(folder, config)  # the last holder may have completed it
        if not result.was_complete:
            _run(config, pdb, folder / f"{system}.parts", result, progress=progress)
    return result


def _result_in(folder: Path, config: SimulationConfig) -> SimulationResult:
    """Name the files of a run; if they are there, check that they are of this one."""
    stem = folder / config.system
    result = SimulationResult(
        topology=stem.with_suffix(".pdb"),
        trajectory=stem.with_suffix(".xtc"),
        provenance=stem.with_suffix(".json"),
        was_complete=stem.with_suffix(".json").exists(),
    )
    if result.was_complete:
        there = read_settings(result.provenance)
        check_settings(there, {"config": asdict(config)}, result.provenance)
        _log.info("%s is complete; nothing to do", result.trajectory)
    return result


def _run(
    config: SimulationConfig,
    pdb: app.PDBFile,
    parts_folder: Path,
    result: SimulationResult,
    *,
    progress: bool,
) -> None:
    """Run what is not there yet, and join the parts."""
    _claim(parts_folder, config, result)
    stems = [
        parts_folder / f"walker-{walker:04d}" for walker in range(config.n_walkers)
    ]
    parts = [WalkerPart(stem, pdb.topology, config.steps_per_frame) for stem in stems]
    _run_walkers(config, pdb.topology, parts, progress=progress)
    _join(config, pdb, parts, result)
    shutil.rmtree(parts_folder, ignore_errors=True)


def _claim(
    parts_folder: Path, config: SimulationConfig, result: SimulationResult
) -> None:
    """Make the folder for the parts, unless it would mix with anything else."""
    for path in (result.topology, result.trajectory):
        if path.exists() and not parts_folder.exists():
            raise FileExistsError(
                f"`output` holds {path.name}, which is not from an unfinished run and "
                "would be overwritten; choose another directory, or move the file"
            )
    # Another version of OpenMM could not read the checkpoints.
    settings = {"config": asdict(config), "openmm": openmm.__version__}
    note = parts_folder / SETTINGS
    if note.exists():
        check_settings(read_settings(note), settings, note)
    parts_folder.mkdir(exist_ok=True)
    write_json(note, settings)


def _run_walkers(
    config: SimulationConfig,
    topology: app.Topology,
    parts: list[WalkerPart],
    *,
    progress: bool,
) -> None:
    """Run all walkers until their parts have their full length."""
    with tqdm(
        total=config.n_frames,
        initial=sum(part.n_frames for part in parts),
        desc=config.system,
        unit="frame",
        disable=not progress,
    ) as bar:
        for walker, part in enumerate(parts):
            if part.n_frames < config.frames_of_walker[walker]:
                for _ in _run_walker(config, walker, topology, part):
                    bar.update()


def _run_walker(
    config: SimulationConfig, walker: int, topology: app.Topology, part: WalkerPart
) -> Iterator[None]:
    """Run one walker to its end; yield after every frame."""
    velocity_seed, thermostat_seed = config.seeds(walker)
    temperature = config.temperature_of_walker(walker)
    simulation = create_simulation(
        topology, temperature, thermostat_seed, config.platform
    )
    if not part.resume(simulation):
        system_named(config.system).equilibrate(
            simulation, walker, temperature, velocity_seed
        )
        part.save(simulation, 0)
    last_saved = time.monotonic()
    n_wanted = config.frames_of_walker[walker]
    for n_frames in range(part.n_frames + 1, n_wanted + 1):
        simulation.step(config.steps_per_frame)
        state = simulation.context.getState(positions=True)
        part.append(state.getPositions(asNumpy=True))
        is_due = time.monotonic() - last_saved >= CHECKPOINT_SECONDS
        if is_due or n_frames == n_wanted:
            part.save(simulation, n_frames)
            last_saved = time.monotonic()
        yield


def _join(
    config: SimulationConfig,
    pdb: app.PDBFile,
    parts: list[WalkerPart],
    result: SimulationResult,
) -> None:
    """Write one trajectory; the provenance, written last, tells that it is whole."""
    write_pdb(result.topology, pdb)
    frames = [part.frames for part in parts]
    concatenate(frames, result.trajectory, config.n_frames)
    molecule = system_named(config.system)
    walkers = [
        {
            "walker": walker,
            "start": molecule.start_of_walker(walker).name,
            "temperature_K": config.temperature_of_walker(walker),
            "n_frames": n_frames,
        }
        for walker, n_frames in enumerate(config.frames_of_walker)
    ]
    provenance = {
        "config": asdict(config),
        "walkers": walkers,
        "basin_shares": basin_shares(result.trajectory, pdb.topology),
        "method": METHOD,
        "versions": {"openmm": openmm.__version__, "openmm_cgvae": __version__},
        "date": datetime.now(UTC).date().isoformat(),
    }
    write_json(result.provenance, provenance)
