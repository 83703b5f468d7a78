"""Unfinished trajectories on disk, so that a killed run loses only its last seconds."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from openmm import app, unit

from openmm_cgvae.simulation.reference.dynamics import TIMESTEP_FS

__all__ = [
    "WalkerPart",
    "concatenate",
    "refuse_other_settings",
    "write_atomically",
    "write_json",
    "write_pdb",
]


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_bytes(content)
    temporary.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Write plain values as readable JSON, whole or not at all."""
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())


def write_pdb(path: Path, pdb: app.PDBFile | app.Modeller) -> None:
    """Write a structure with a CONECT record for every bond.

    OpenMM itself leaves out the bonds inside standard residues, and MDAnalysis then
    finds none of them.

    Parameters
    ----------
    path : Path
        The file to write, whole or not at all.
    pdb : openmm.app.PDBFile or Modeller
        The structure.
    """
    temporary = path.with_name(f".{path.name}.partial")
    # A PDB file counts the end of a chain among its atoms; so serials may be shifted.
    serials = {}
    serial = 0
    for chain in pdb.topology.chains():
        for atom in chain.atoms():
            serial += 1
            serials[atom.index] = serial
        serial += 1
    pairs = sorted(
        (bond.atom1.index, bond.atom2.index) for bond in pdb.topology.bonds()
    )
    with temporary.open("w") as file:
        app.PDBFile.writeModel(pdb.topology, pdb.positions, file, keepIds=True)
        for first, second in pairs:
            file.write(f"CONECT{serials[first]:5d}{serials[second]:5d}\n")
        file.write("END\n")
    temporary.replace(path)


def concatenate(sources: list[Path], target: Path) -> None:
    """Join XTC files of one molecule: an XTC file is its frames and nothing else."""
    with target.open("wb") as joined:
        for source in sources:
            with source.open("rb") as part:
                shutil.copyfileobj(part, joined)


def refuse_other_settings(path: Path, wanted: dict[str, Any]) -> None:
    """Make sure that a file, if there, tells of a run with the same settings.

    Parameters
    ----------
    path : Path
        A JSON file, in or below the run's directory.
    wanted : dict
        Values the file should have; dictionaries are compared entry by entry.

    Raises
    ------
    ValueError
        If one of the values is another.
    """
    if not path.exists():
        return
    content = json.loads(path.read_text())
    # As they would come back from a file: tuples as lists.
    wanted = json.loads(json.dumps(wanted))
    for name, values in wanted.items():
        found = content.get(name, {})
        if not isinstance(values, dict):
            found, values = {name: found}, {name: values}
        for entry, value in values.items():
            if found.get(entry) != value:
                raise ValueError(
                    f"`output` holds a run with {entry} {found.get(entry)!r} "
                    f"({path}), but {value!r} was asked for; choose another "
                    "directory, or give the same settings"
                )


class WalkerPart:
    """The frames of one walker so far, and the checkpoint to go on from.

    Frames are appended to an XTC file at once; the checkpoint says how many of its
    bytes belong to the state it holds. What lies beyond, whole frames or a torn one,
    is cut off when the walker is taken up again.

    Parameters
    ----------
    stem : Path
        Path of the files without their suffix.
    topology : openmm.app.Topology
        The molecule.
    steps_per_frame : int
        Number of steps between frames.

    Examples
    --------
    >>> WalkerPart(Path("walker-000"), app.Topology(), 250).n_frames
    0
    """

    def __init__(
        self,
        stem: Path,
        topology: app.Topology,
        steps_per_frame: int,
    ) -> None:
        self.frames = stem.with_suffix(".xtc")
        self.checkpoint = stem.with_suffix(".checkpoint")
        self._topology = topology
        self._steps_per_frame = steps_per_frame
        self._xtc: app.XTCFile | None = None

    @property
    def n_frames(self) -> int:
        """Number of frames the checkpoint stands for; 0 without one."""
        return int(self._header()["n_frames"]) if self.checkpoint.exists() else 0

    def resume(self, simulation: app.Simulation) -> bool:
        """Take a simulation back to the checkpoint and cut off later frames.

        Parameters
        ----------
        simulation : openmm.app.Simulation
            The walker's simulation; changed in place.

        Returns
        -------
        bool
            False if there is no checkpoint; the simulation is then left as it was.
        """
        if not self.checkpoint.exists():
            self.frames.write_bytes(b"")
            return False
        os.truncate(self.frames, self._header()["n_bytes"])
        _, _, state = self.checkpoint.read_bytes().partition(b"\n")
        simulation.context.loadCheckpoint(state)
        return True

    def append(self, positions: unit.Quantity) -> None:
        """Append a frame.

        Parameters
        ----------
        positions : Quantity, shape (n_atoms, 3)
            Positions of the frame.
        """
        if self._xtc is None:
            self._xtc = app.XTCFile(
                str(self.frames),
                self._topology,
                TIMESTEP_FS / 1000,
                firstStep=self._steps_per_frame,
                interval=self._steps_per_frame,
                append=self.frames.stat().st_size > 0,
            )
        self._xtc.writeModel(positions)

    def save(self, simulation: app.Simulation, n_frames: int) -> None:
        """Write the checkpoint for the frames appended so far.

        Parameters
        ----------
        simulation : openmm.app.Simulation
            The walker's simulation, as it was at the last frame.
        n_frames : int
            Number of frames appended.
        """
        header = {"n_frames": n_frames, "n_bytes": self.frames.stat().st_size}
        write_atomically(
            self.checkpoint,
            json.dumps(header).encode() + b"\n" + simulation.context.createCheckpoint(),
        )

    def _header(self) -> dict[str, int]:
        with self.checkpoint.open("rb") as file:
            header: dict[str, int] = json.loads(file.readline())
        return header
