"""MoleculeSet: a folder with a topology and a trajectory of every molecule."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import MDAnalysis as mda
import numpy as np
import openmm
from jaxtyping import Float
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from openmm import app, unit
from tqdm import tqdm

from openmm_cgvae._runtime.atomic_files import write_json, written_whole
from openmm_cgvae._runtime.run_folder import (
    LOCK,
    check_settings,
    only_run,
    read_settings,
)
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.simulation.molecule_sets.iupac_labels import standard_labels
from openmm_cgvae.simulation.reference.walker_files import write_pdb
from openmm_cgvae.structures.export.frame_files import frames_checked
from openmm_cgvae.structures.openmm_bridge.units import ANGSTROM_PER_NM

__all__ = ["INDEX", "Made", "MoleculeSet", "split_of"]

INDEX = "index.json"
VALIDATION_SHARE = 20  # one sequence in so many
PRECISION = 10_000.0  # of the files, per nm: steps of 0.001 Å


class Made(NamedTuple):
    """A molecule to be added to a set.

    Parameters
    ----------
    topology : openmm.app.Topology
        Its atoms and bonds.
    positions : ndarray, shape (n_frames, n_atoms, 3)
        Its frames [Å].
    entry : dict
        What is known of it, in plain JSON types, with its ``"sequence"``.
    """

    topology: app.Topology
    positions: Float[np.ndarray, "n_frames n_atoms 3"]
    entry: dict[str, Any]


def split_of(sequence: str) -> str:
    """Find which part of a set a sequence belongs to, wherever it is met.

    Examples
    --------
    >>> split_of("MKSRAPM"), split_of("AIL")
    ('train', 'train')
    """
    digest = hashlib.sha256(sequence.encode()).hexdigest()
    return "validation" if int(digest, 16) % VALIDATION_SHARE == 0 else "train"


class MoleculeSet:
    """A folder of molecules that grows, and the index of what is in it.

    ``NAME.pdb`` and ``NAME.xtc`` are there before the index names them, so what a
    killed run left over is written again.

    Parameters
    ----------
    folder : Path
        The folder; made with the first molecule.
    settings : dict
        What the set is made with: its ``"kind"``, and what has to be the same for it
        to be continued.

    Raises
    ------
    ValueError
        If the folder holds a set made with other settings.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self._settings = settings
        self._read()

    def _read(self) -> None:
        """Read what the folder holds, and check that it is of the same settings."""
        index = self.folder / INDEX
        there = read_settings(index) if index.exists() else self._settings
        check_settings(there, self._settings, index)
        parts = {part: there.get(part, {}) for part in ("molecules", "skipped")}
        if not all(isinstance(part, dict) for part in parts.values()):
            raise ValueError(
                f"`output` has an {INDEX} that lists no molecules; remove "
                f"{str(index)!r} to make the set again"
            )
        self._content = self._settings | parts

    @property
    def molecules(self) -> MappingProxyType[str, dict[str, Any]]:
        """What is known of every molecule, by its name."""
        return MappingProxyType(self._content["molecules"])

    @property
    def skipped(self) -> MappingProxyType[str, str]:
        """Why molecules were left out: a message each."""
        return MappingProxyType(self._content["skipped"])

    def __contains__(self, name: str) -> bool:
        """Return whether a molecule is done, one way or the other."""
        return name in self.molecules or name in self.skipped

    def __str__(self) -> str:
        """Describe what there is, and line by line what was left out."""
        entries = self.molecules.values()
        n_frames, n_dropped = (
            sum(entry[name] for entry in entries) for name in ("n_frames", "n_dropped")
        )
        return "\n".join(
            [
                f"{len(entries)} molecules with {n_frames} frames in {self.folder}; "
                f"{n_dropped} frames were dropped",
                *(f"left out {name}: {why}" for name, why in self.skipped.items()),
            ]
        )

    def fill(
        self,
        jobs: Mapping[str, Callable[[], Made]],
        left_out: Mapping[str, str] = MappingProxyType({}),
        *,
        progress: bool = True,
    ) -> None:
        """Build what is not there yet; what fails is noted and left out.

        Parameters
        ----------
        jobs : mapping of str to callable
            How to make each molecule, by its name.
        left_out : mapping of str to str
            Why others are left out from the start.
        progress : bool
            Whether to show a progress bar.

        Raises
        ------
        RuntimeError
            If another run is filling the folder.
        """
        if all(name in self for name in (*left_out, *jobs)):
            return
        with only_run(self.folder / LOCK):
            self._read()  # another run may have gone on in the meantime
            for name, message in left_out.items():
                if name not in self:
                    self._skip(name, message)
            self._build(jobs, progress=progress)

    def _build(self, jobs: Mapping[str, Callable[[], Made]], *, progress: bool) -> None:
        waiting = {name: make for name, make in jobs.items() if name not in self}
        with tqdm(
            total=len(jobs),
            initial=len(jobs) - len(waiting),
            desc=self._content["kind"],
            unit="molecule",
            disable=not progress,
        ) as bar:
            for name, make in waiting.items():
                try:
                    self._add(name, make())
                except (ValueError, openmm.OpenMMException) as error:
                    self._skip(name, str(error))
                bar.update()

    def _add(self, name: str, made: Made) -> None:
        """Write a molecule with the labels of IUPAC, and then its line in the index."""
        start = app.Modeller(made.topology, made.positions[0] * unit.angstrom)
        table = AtomTable.from_universe(mda.Universe(start))
        positions = standard_labels(table, made.positions)
        start.positions = positions[0] * unit.angstrom
        write_pdb(self.folder / f"{name}.pdb", start)
        _write_xtc(self.folder / f"{name}.xtc", positions)
        size = {"n_atoms": table.n_atoms, "n_frames": len(positions)}
        split = {"split": split_of(made.entry["sequence"])}
        self._content["molecules"][name] = made.entry | size | split
        write_json(self.folder / INDEX, self._content)

    def _skip(self, name: str, message: str) -> None:
        """Write down why a molecule is left out."""
        self._content["skipped"][name] = message
        write_json(self.folder / INDEX, self._content)


def _write_xtc(path: Path, positions: np.ndarray) -> None:
    box = np.zeros((3, 3), dtype=np.float32)
    frames = positions.astype(np.float32) / ANGSTROM_PER_NM
    with (
        written_whole(path) as unfinished,
        frames_checked(unfinished, len(frames), "xtc"),
        XTCFile(str(unfinished), "w") as file,
    ):
        for number, frame in enumerate(frames):
            file.write(frame, box, number, float(number), PRECISION)
