"""Job: all that a process needs to make any block of frames."""

import json
import os
import pickle
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from multiprocessing import parent_process
from pathlib import Path
from threading import get_ident

import numpy as np
import torch

from openmm_cgvae.backmapping.bead_reader import BadFrameError, Beads
from openmm_cgvae.backmapping.packing import non_overlapping_samples
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.backmapping.streaming.block_reader import BeadBlock, BlockReader
from openmm_cgvae.backmapping.streaming.block_writer import write_block
from openmm_cgvae.model import Model
from openmm_cgvae.molecules import AtomTable

JOB_FILE = "job.pickle"
FRAME_BY_FRAME = ("numbers", "times", "positions", "boxes", "others")
NOTHING_MADE = (
    "`universe` has beads in frame {number} of which the model makes no atoms (not a "
    "number); they are too unlike what it was trained on: look at them, or leave out "
    "the frame"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Job:
    """Frames to be backmapped in blocks, each to files of its own.

    Parameters
    ----------
    beads : Beads
        The molecules.
    model : Model
        The model.
    batch_size : int
        Structures decoded at once.
    temperature : float
        Factor on the noise of the latents, see `sampler.Sampler`.
    frames : range
        Numbers of the frames.
    frames_per_block : int
        Frames of one block.
    n : int
        Samples of each frame.
    candidates : int
        Structures of each molecule to choose from for one sample.
    seed : int
        Seed.
    correlation : float or None
        Correlation time of the noise [frames].
    is_split : bool
        Whether every sample index has a file of its own.
    skips : bool
        Whether bad frames are left out; otherwise they are errors.
    format : str
        Format of the blocks: ``xtc``, ``dcd`` or ``trr``.
    folder : Path
        Where the blocks are put.
    atom_table : AtomTable
        The atoms of the molecules, and what is kept beside them.
    """

    beads: Beads
    model: Model
    batch_size: int
    temperature: float
    frames: range
    frames_per_block: int
    n: int
    candidates: int
    seed: int
    correlation: float | None
    is_split: bool
    skips: bool
    format: str
    folder: Path
    atom_table: AtomTable

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-len(self.frames) // self.frames_per_block)

    @property
    def n_files(self) -> int:
        """Number of files of each block."""
        return self.n if self.is_split else 1

    def frames_of(self, block: int) -> range:
        """Give the numbers of the frames of a block."""
        first = block * self.frames_per_block
        return self.frames[first : first + self.frames_per_block]

    def part(self, block: int, file: int) -> Path:
        """Give the path of one file of a block."""
        return self.folder / f"block-{block:08d}-{file}.{self.format}"

    def note(self, block: int) -> Path:
        """Give the path of what is noted of a finished block."""
        return self.folder / f"block-{block:08d}.json"

    def make(self, block: int) -> None:
        """Make a block: its files, and last the note that says it is finished.

        Parameters
        ----------
        block : int
            Which.

        Raises
        ------
        BadFrameError
            If a frame is bad and bad frames are not left out.
        """
        beads = self._reader.read(self.frames_of(block), skips=self.skips)
        made = np.empty(0)
        if len(beads.numbers):
            made = self._sampler.sample_many(
                beads.positions,
                beads.numbers,
                self.n * self.candidates,
                self.seed,
                self.correlation,
            )
            beads, made = self._sound(beads, made)
        n_frames = len(beads.numbers)
        if n_frames:
            if self.candidates > 1:
                boxes = [box if box[:3].any() else None for box in beads.boxes]
                made = non_overlapping_samples(made, self.candidates, boxes)
            atoms = made.reshape(n_frames, self.n, -1, 3)
            if beads.others.size:
                others = np.repeat(beads.others[:, None], self.n, axis=1)
                atoms = np.concatenate([atoms, others], axis=2)
            for file in range(self.n_files):
                chosen = slice(file, file + 1) if self.is_split else slice(None)
                self._write(self.part(block, file), beads, atoms[:, chosen])
        note = {"n_frames": n_frames, "skipped": beads.skipped}
        write_text(self.note(block), json.dumps(note))

    def save(self) -> Path:
        """Write the job for other processes.

        Returns
        -------
        Path
            The file, for `make_block`.

        Raises
        ------
        ValueError
            If the universe does not pickle.
        """
        path = self.folder / JOB_FILE
        try:
            path.write_bytes(pickle.dumps(self))
        except (TypeError, AttributeError, NotImplementedError) as error:
            raise ValueError(
                f"`universe` cannot be sent to other processes ({error}); call "
                "universe.transfer_to_memory() or use backend='serial'"
            ) from error
        return path

    @cached_property
    def _sampler(self) -> Sampler:
        return Sampler(self.model, self.batch_size, self.temperature)

    @cached_property
    def _reader(self) -> BlockReader:
        return BlockReader(self.beads)

    def _sound(
        self, beads: BeadBlock, made: np.ndarray
    ) -> tuple[BeadBlock, np.ndarray]:
        """Leave out frames of which the model made nothing, or say so."""
        is_sound = np.isfinite(made).reshape(len(made), -1).all(axis=1)
        if is_sound.all():
            return beads, made
        why = [
            (number, NOTHING_MADE.format(number=number))
            for number in beads.numbers[~is_sound].tolist()
        ]
        if not self.skips:
            raise BadFrameError(why[0][1])
        kept = {name: getattr(beads, name)[is_sound] for name in FRAME_BY_FRAME}
        skipped = sorted([*beads.skipped, *why])
        return replace(beads, **kept, skipped=skipped), made[is_sound]

    def _write(self, path: Path, beads: BeadBlock, atoms: np.ndarray) -> None:
        unfinished = path.with_name(f"{os.getpid()}-{get_ident()}-{path.name}")
        try:
            write_block(unfinished, self.format, beads, atoms, self._dt())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    def _dt(self) -> float | None:
        """Give the time between frames [ps] to the one format that has only that."""
        trajectory = self.beads.group.universe.trajectory
        if self.format != "dcd" or trajectory.n_frames < 2:
            return None
        return float(trajectory.dt) * abs(self.frames.step)


def make_block(job_file: str, token: str, block: int) -> int:
    """Make a block in another process, which reads the job once.

    Parameters
    ----------
    job_file : str
        Where the job was saved.
    token : str
        Different for every run, so that no old job is taken.
    block : int
        Which block.

    Returns
    -------
    int
        The block.
    """
    # A universe has one current frame, so threads must not share it.
    _load(job_file, token, get_ident()).make(block)
    return block


@lru_cache(maxsize=8)
def _load(job_file: str, token: str, thread: int) -> Job:
    del token, thread  # they tell one job from another
    if parent_process() is not None:
        # There are as many processes as cores, and a pool of threads that was forked
        # away from its threads would wait for them for ever.
        torch.set_num_threads(1)
    return pickle.loads(Path(job_file).read_bytes())


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step."""
    unfinished = path.with_name(f"{os.getpid()}-{get_ident()}-{path.name}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
