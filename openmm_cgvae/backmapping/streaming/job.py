"""Job: all that a process needs to backmap any block of frames."""

import hashlib
import json
import os
import pickle
import uuid
from dataclasses import dataclass
from functools import cached_property, lru_cache
from multiprocessing import parent_process
from pathlib import Path
from threading import get_ident

import numpy as np
import torch

from openmm_cgvae._runtime.atomic_files import write_atomically, written_whole
from openmm_cgvae.backmapping.bead_reader import BeadBlock, Beads
from openmm_cgvae.backmapping.decoding import Decoding
from openmm_cgvae.backmapping.streaming.block_reader import BlockReader
from openmm_cgvae.backmapping.streaming.block_writer import write_block
from openmm_cgvae.backmapping.streaming.run_files import RunFiles
from openmm_cgvae.molecules import AtomTable

__all__ = ["Job", "SavedJob", "frames_per_block", "make_block"]

# Enough that opening and closing files costs nothing, little enough to keep memory
# small, and not to lose much if a run is killed.
_N_FRAMES_READ_AT_ONCE = 2000
_N_ATOMS_DECODED_AT_ONCE = 2**18


def frames_per_block(decoding: Decoding, n_molecules: int) -> int:
    """Compute how many frames are read, decoded and written at once.

    Parameters
    ----------
    decoding : Decoding
        How structures are drawn.
    n_molecules : int
        Molecules of each frame.

    Returns
    -------
    int
        At least 1.
    """
    n_structures = n_molecules * decoding.n * decoding.candidates
    n_atoms = n_structures * decoding.sampler.model.mapping.n_atoms
    return max(
        1,
        min(
            _N_FRAMES_READ_AT_ONCE // n_structures, _N_ATOMS_DECODED_AT_ONCE // n_atoms
        ),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Job:
    """Frames to be backmapped in blocks, each to files of its own.

    Parameters
    ----------
    beads : Beads
        The molecules.
    decoding : Decoding
        How structures are drawn for them.
    frames : range
        Numbers of the frames.
    frames_per_block : int
        Frames of one block.
    skips : bool
        Whether bad frames are left out; otherwise they are errors.
    files : RunFiles
        Where everything is written.
    atom_table : AtomTable
        The atoms of the molecules, and what is kept beside them.
    """

    beads: Beads
    decoding: Decoding
    frames: range
    frames_per_block: int
    skips: bool
    files: RunFiles
    atom_table: AtomTable

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-len(self.frames) // self.frames_per_block)

    def frames_of(self, block: int) -> range:
        """Return the numbers of the frames of a block."""
        first = block * self.frames_per_block
        return self.frames[first : first + self.frames_per_block]

    def make(self, block: int) -> None:
        """Backmap a block: write its files, and last the note that it is finished.

        Parameters
        ----------
        block : int
            Which.

        Raises
        ------
        BadFrameError
            If a frame is bad and bad frames are not left out.
        """
        read = self._reader.read(self.frames_of(block), skips=self.skips)
        beads, atoms = self.decoding.decode(read, skips=self.skips)
        n_frames, n_files = len(beads.numbers), self.files.n_files
        if n_frames:
            for file in range(n_files):
                chosen = slice(file, file + 1) if n_files > 1 else slice(None)
                self._write(self.files.part(block, file), beads, atoms[:, chosen])
        note = {
            "n_frames": n_frames,
            "skipped": beads.skipped,
            "n_faulty": beads.n_faulty,
            "faulty": beads.faulty,
            "unusual_beads": self.beads.unusual_fraction(beads.positions),
        }
        write_atomically(self.files.note(block), json.dumps(note).encode())

    def save(self) -> "SavedJob":
        """Write the job for other processes.

        Returns
        -------
        SavedJob
            Where it is, for `make_block`.

        Raises
        ------
        ValueError
            If the universe does not pickle.
        """
        try:
            content = pickle.dumps(self)
        except (TypeError, AttributeError, NotImplementedError) as error:
            raise ValueError(
                f"`universe` cannot be sent to other processes ({error}); call "
                "universe.transfer_to_memory() or use backend='serial'"
            ) from error
        path = self.files.job
        path.unlink(missing_ok=True)
        with open(path, "xb", opener=_for_owner_alone) as file:  # noqa: PTH123 - a Path has no opener
            file.write(content)
        digest = hashlib.sha256(content).hexdigest()
        return SavedJob(str(path.resolve()), digest, uuid.uuid4().hex)

    @cached_property
    def _reader(self) -> BlockReader:
        return BlockReader(self.beads)

    def _write(self, path: Path, beads: BeadBlock, atoms: np.ndarray) -> None:
        with written_whole(path) as unfinished:
            write_block(unfinished, self.files.format, beads, atoms, self._dt())

    def _dt(self) -> float | None:
        """Return the time between frames [ps], for formats that have only that."""
        trajectory = self.beads.group.universe.trajectory
        if self.files.format != "dcd" or trajectory.n_frames < 2:
            return None
        return float(trajectory.dt) * abs(self.frames.step)


@dataclass(frozen=True)
class SavedJob:
    """A job in a file, and how to know that it is still the one that was written.

    A pickle can run anything, and others may be able to write to the folder. So the
    digest goes to workers another way than the file.

    Parameters
    ----------
    path : str
        The file.
    digest : str
        SHA-256 of its content.
    token : str
        Different for every run, so that no old job is taken.
    """

    path: str
    digest: str
    token: str

    def load(self) -> Job:
        """Read the job.

        Raises
        ------
        ValueError
            If the file was changed.
        """
        content = Path(self.path).read_bytes()
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise ValueError(
                f"`output` is written by a run whose {self.path!r} was changed by "
                "another program; choose a folder that nobody else can write to"
            )
        job: Job = pickle.loads(content)
        return job


def make_block(saved: SavedJob, block: int) -> int:
    """Backmap a block in another process, which reads the job once.

    Parameters
    ----------
    saved : SavedJob
        What `Job.save` returned.
    block : int
        Which block.

    Returns
    -------
    int
        The block.
    """
    # A universe has one current frame, so threads must not share it.
    _load(saved, get_ident()).make(block)
    return block


@lru_cache(maxsize=8)
def _load(saved: SavedJob, thread: int) -> Job:
    del thread  # it tells one job from another
    if parent_process() is not None:
        # There are as many processes as cores, and a pool of threads that was forked
        # away from its threads would wait for them for ever.
        torch.set_num_threads(1)
    return saved.load()


def _for_owner_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
