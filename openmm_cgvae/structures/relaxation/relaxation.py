"""Relaxation of many samples: energy minimisation with the beads held.

It works on arrays; `AtomisticEnsemble.relax` makes an ensemble of what it returns.
"""

import hashlib
import time
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
import openmm
import pandas as pd
from tqdm import tqdm

from openmm_cgvae._runtime.run_folder import StoppedError
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.structures.openmm_bridge import find_platform
from openmm_cgvae.structures.relaxation.minimiser import (
    Minimiser,
    Outcome,
    RelaxationSettings,
)
from openmm_cgvae.structures.relaxation.worker_pool import (
    OtherProcesses,
    other_processes,
)

__all__ = ["Minimisation", "RelaxationSettings", "minimise_restrained"]

# Several chunks a worker, so that none waits long for the slowest at the end.
CHUNKS_PER_WORKER = 16
# Other processes are not started for less: so long they take to be ready [CPU s].
SECONDS_TO_START = 1.0


@dataclass(frozen=True, kw_only=True)
class Minimisation:
    """What minimising did to every sample.

    Parameters
    ----------
    positions : ndarray, shape (n_samples, n_atoms, 3)
        Relaxed atoms [Å].
    energy_before, energy_after : ndarray, shape (n_samples,)
        Energy of the force field alone, without the springs [kJ/mol].
    atom_shift : ndarray, shape (n_samples,)
        Largest displacement of an atom [Å].
    bead_shift : ndarray, shape (n_samples,)
        Largest displacement of a bead [Å]; nan where no bead was held.
    converged : ndarray of bool, shape (n_samples,)
        Whether the forces, or the fall of the energy, came below their tolerance.
    n_iterations : ndarray of int, shape (n_samples,)
        Iterations of the minimiser, a soft start included.
    """

    positions: np.ndarray
    energy_before: np.ndarray
    energy_after: np.ndarray
    atom_shift: np.ndarray
    bead_shift: np.ndarray
    converged: np.ndarray
    n_iterations: np.ndarray

    def to_dataframe(self) -> pd.DataFrame:
        """Return the numbers as a table, one row per sample.

        Returns
        -------
        pandas.DataFrame
            Columns of the names of the attributes; the positions are left out.
        """
        columns = {
            field.name: getattr(self, field.name)
            for field in fields(Minimisation)
            if field.name != "positions"
        }
        return pd.DataFrame(columns).rename_axis("sample")

    def __str__(self) -> str:
        """Return a table of the lowest, median and highest of each number."""
        summary = self.to_dataframe().drop(columns="converged").quantile([0, 0.5, 1])
        summary.index = pd.Index(["lowest", "median", "highest"])
        head = f"{int(self.converged.sum())} of {len(self.converged)} samples converged"
        return f"{head}\n{summary.round(3).T.to_string()}"


def minimise_restrained(
    system: openmm.System,
    positions: np.ndarray,
    mapping: Mapping | None = None,
    bead_positions: np.ndarray | None = None,
    *,
    settings: RelaxationSettings | None = None,
    boxes: np.ndarray | None = None,
    workers: int = 1,
    progress: bool = False,
) -> Minimisation:
    """Minimise the energy of every sample, holding its beads.

    Parameters
    ----------
    system : openmm.System
        The forces; it is copied, not changed.
    positions : ndarray, shape (n_samples, n_atoms, 3)
        Where the atoms start, molecules whole [Å].
    mapping : Mapping, optional
        What the beads are. Without it nothing is held: a plain minimisation.
    bead_positions : ndarray, shape (n_samples, n_beads, 3), optional
        Where the beads are held [Å]; by default where the atoms put them.
    settings : RelaxationSettings, optional
        Stiffness, tolerances, platform and the like.
    boxes : ndarray, shape (n_samples, 6), optional
        Unit cells [Å, degrees], read if the System is periodic.
    workers : int
        Number of processes, this one included; each has a Context of its own. Others
        are started where there is work for more than a second, and stay for the next
        call. Scripts that ask for more than one need
        ``if __name__ == "__main__":``, as always with spawned processes.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Minimisation
        Samples in the order they came.

    Raises
    ------
    ValueError
        If a shape does not fit, the platform is unknown or `recentre` lacks a mapping.
    """
    settings = settings or RelaxationSettings()
    if mapping is None and settings.recentre:
        raise ValueError(
            "`recentre` is True but there is no `mapping`, hence no bead to put back; "
            "give the mapping or leave out `recentre`"
        )
    if workers < 1:
        raise ValueError(f"`workers` is {workers} but must be 1 or more; ask for one")
    if mapping is not None and bead_positions is None:
        bead_positions = mapping.project(positions)
    samples = _Samples(positions, bead_positions, boxes)
    bar = tqdm(total=len(positions), disable=not progress, desc="relaxing", unit="")
    with bar:
        minimiser = Minimiser(system, mapping, settings)
        if workers == 1 or len(positions) < 2:
            outcomes = _relax(minimiser, samples, bar)
        else:
            outcomes = _in_processes(minimiser, samples, workers, bar)
    return _gather(outcomes, positions.shape)


@dataclass(frozen=True)
class _Samples:
    """Arrays whose first axis is the sample; None where there is nothing to say."""

    positions: np.ndarray
    bead_positions: np.ndarray | None
    boxes: np.ndarray | None

    def columns(self) -> tuple[Any, ...]:
        nothing = [None] * len(self.positions)
        arrays = (self.positions, self.bead_positions, self.boxes)
        return tuple(nothing if array is None else array for array in arrays)

    def split(self, workers: int) -> "list[_Samples]":
        """Return parts that become smaller, so that none waits for the last one."""
        n_samples = len(self.positions)
        largest = max(1, n_samples // (workers * CHUNKS_PER_WORKER))
        parts, start = [], 0
        while start < n_samples:
            fair = (n_samples - start) // (4 * workers)
            stop = start + min(largest, max(1, fair))
            parts.append(self._part(slice(start, stop)))
            start = stop
        return parts

    def _part(self, part: slice) -> "_Samples":
        beads, boxes = self.bead_positions, self.boxes
        return _Samples(
            self.positions[part],
            None if beads is None else beads[part],
            None if boxes is None else boxes[part],
        )


@dataclass(frozen=True)
class _Job:
    """What a worker needs to begin; it begins once for all with the same token."""

    token: str
    system_xml: str = field(compare=False)
    mapping: Mapping | None = field(compare=False)
    settings: RelaxationSettings = field(compare=False)

    @classmethod
    def of(cls, minimiser: Minimiser) -> "_Job":
        settings = minimiser.settings
        platform = find_platform(settings.platform)
        if platform is not None:
            # A Platform does not pickle, its name does.
            settings = replace(settings, platform=platform.getName())
        system_xml = openmm.XmlSerializer.serialize(minimiser.system)
        mapping = minimiser.mapping
        content = (system_xml, mapping and mapping.to_dict(), settings)
        token = hashlib.sha256(repr(content).encode()).hexdigest()
        return cls(token, system_xml, mapping, settings)

    def run(self, samples: _Samples) -> list[Outcome]:
        return list(map(_minimiser(self).relax, *samples.columns()))


@lru_cache(maxsize=1)
def _minimiser(job: _Job) -> Minimiser:
    system = openmm.XmlSerializer.deserialize(job.system_xml)
    return Minimiser(system, job.mapping, job.settings)


def _relax(minimiser: Minimiser, samples: _Samples, bar: tqdm) -> list[Outcome]:
    outcomes = []
    for outcome in map(minimiser.relax, *samples.columns()):
        outcomes.append(outcome)
        bar.update()
    return outcomes


def _in_processes(
    minimiser: Minimiser, samples: _Samples, workers: int, bar: tqdm
) -> list[Outcome]:
    """Distribute the samples to other processes as soon as these are ready.

    OpenMM's minimiser does not let go of Python while a reporter listens, so threads
    would wait for each other.
    """
    chunks = dict(enumerate(samples.split(workers)))
    others = other_processes(workers - 1)
    try:
        done = _until_ready(others, minimiser, chunks, bar)
        if chunks:  # only then is the System written out for others
            done |= _distributed(others, minimiser, chunks, bar)
        return _in_order(done)
    except BrokenProcessPool as error:
        other_processes.cache_clear()
        raise StoppedError(
            f"`workers` is {workers} but a worker process died; in a script, call "
            "this under `if __name__ == '__main__':`, or use workers=1"
        ) from error


def _until_ready(
    others: OtherProcesses, minimiser: Minimiser, chunks: dict[int, _Samples], bar: tqdm
) -> dict[int, list[Outcome]]:
    """Relax chunks here until other processes are ready, which start if it pays."""
    done: dict[int, list[Outcome]] = {}
    started = time.process_time()
    while chunks and not others.are_ready:
        number = next(iter(chunks))
        done[number] = _relax(minimiser, chunks.pop(number), bar)
        seconds_left = (time.process_time() - started) / len(done) * len(chunks)
        if seconds_left >= SECONDS_TO_START:
            others.call(_greet)
    return done


def _distributed(
    others: OtherProcesses, minimiser: Minimiser, chunks: dict[int, _Samples], bar: tqdm
) -> dict[int, list[Outcome]]:
    """Submit chunks to others, and relax here what none of them has taken yet."""
    job, done = _Job.of(minimiser), {}
    futures = {n: others.submit(job.run, chunk) for n, chunk in chunks.items()}
    try:
        for number, future in futures.items():
            if future.cancel():
                done[number] = _relax(minimiser, chunks[number], bar)
        for number in futures.keys() - done.keys():
            done[number] = futures[number].result()
            bar.update(len(done[number]))
    finally:
        for future in futures.values():
            future.cancel()
    return done


def _greet() -> None:
    """Do nothing: to call it another process has to import this module."""


def _in_order(done: dict[int, list[Outcome]]) -> list[Outcome]:
    return [outcome for number in sorted(done) for outcome in done[number]]


def _gather(outcomes: list[Outcome], shape: tuple[int, ...]) -> Minimisation:
    columns = {
        field.name: np.array([getattr(outcome, field.name) for outcome in outcomes])
        for field in fields(Minimisation)
    }
    columns["positions"] = columns["positions"].reshape(shape)
    return Minimisation(**columns)
