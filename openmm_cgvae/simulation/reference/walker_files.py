"""Walker files: trajectories that grow, of which a killed run loses seconds only."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
from MDAnalysis.lib.formats.libmdaxdr import XTCFile
from openmm import app, unit

from openmm_cgvae._runtime.atomic_files import (
    raise_incomplete,
    write_atomically,
    written_whole,
)
from openmm_cgvae.simulation.reference.dynamics import TIMESTEP_FS
from openmm_cgvae.structures.export.frame_files import count_frames

__all__ = [
    "WalkerPart",
    "concatenate",
    "write_pdb",
]


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
    with written_whole(path) as unfinished, unfinished.open("w") as file:
        app.PDBFile.writeModel(pdb.topology, pdb.positions, file, keepIds=True)
        for first, second in pairs:
            file.write(f"CONECT{serials[first]:5d}{serials[second]:5d}\n")
        file.write("END\n")


def concatenate(sources: list[Path], target: Path, n_frames: int) -> None:
    """Write the frames of XTC files, which are nothing else, to one file.

    Parameters
    ----------
    sources : list of Path
        The files.
    target : Path
        The file to write.
    n_frames : int
        Frames of all files together.

    Raises
    ------
    ValueError
        If there is another number of frames, or one cannot be read; nothing is written.
    """
    with written_whole(target) as unfinished:
        with unfinished.open("wb") as joined:
            for source in sources:
                with source.open("rb") as part:
                    shutil.copyfileobj(part, joined)
        n_found = _n_good_frames(unfinished)
        if n_found != n_frames:
            raise ValueError(
                f"`output` has parts of a run that are damaged: of {n_frames} frames "
                f"only {n_found} can be read; remove {str(sources[0].parent)!r} to "
                "begin anew"
            )


def _n_good_frames(path: Path) -> int:
    """Count the frames of an XTC file until its end, or until one that is damaged."""
    n_frames = 0
    with suppress(OSError, EOFError), XTCFile(str(path)) as file:
        for frame in file:
            if not np.isfinite(frame.x).all():
                break
            n_frames += 1
    return n_frames


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
        return self._header()[0]

    def resume(self, simulation: app.Simulation) -> bool:
        """Load the checkpoint into a simulation and cut off later frames.

        Parameters
        ----------
        simulation : openmm.app.Simulation
            The walker's simulation; changed in place.

        Returns
        -------
        bool
            False if there is no checkpoint of the frames that are there; the
            simulation is then left as it was.
        """
        _, n_bytes = self._header()
        if n_bytes < 0:
            self.frames.write_bytes(b"")
            return False
        os.truncate(self.frames, n_bytes)
        _, _, state = self.checkpoint.read_bytes().partition(b"\n")
        simulation.context.loadCheckpoint(state)
        return True

    def append(self, positions: unit.Quantity) -> None:
        """Append a frame.

        Parameters
        ----------
        positions : Quantity, shape (n_atoms, 3)
            Positions of the frame.

        Raises
        ------
        OSError
            If there is no space for it.
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
        n_bytes = self.frames.stat().st_size
        self._xtc.writeModel(positions)
        n_frames, end = count_frames(self.frames, "xtc", n_bytes)
        if n_frames != 1 or end != self.frames.stat().st_size:
            raise_incomplete(self.frames, "its last frame is not there")

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

    def _header(self) -> tuple[int, int]:
        """Read the number of frames and of their bytes, the latter -1 without any.

        A checkpoint is none if it is damaged, or has outlived its frames, as it may
        where a machine loses power or a user removes a file.
        """
        try:
            with self.checkpoint.open("rb") as file:
                header = json.loads(file.readline())
            n_frames, n_bytes = int(header["n_frames"]), int(header["n_bytes"])
            if self.frames.stat().st_size >= n_bytes:
                return n_frames, n_bytes
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return 0, -1
