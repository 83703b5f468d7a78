"""A run over a long trajectory: started, killed, continued, finished."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import MDAnalysis as mda
import numpy as np
from tqdm.auto import tqdm

from openmm_cgvae._runtime.atomic_files import write_json
from openmm_cgvae._runtime.run_folder import check_settings, only_run
from openmm_cgvae.backmapping.faulty_structures import MOST_NAMED, FaultyStructure
from openmm_cgvae.backmapping.streaming.backends import Backend, finished_blocks
from openmm_cgvae.backmapping.streaming.growing_files import (
    append_part,
    cut,
    size_of,
    wait_for_disk,
)
from openmm_cgvae.backmapping.streaming.job import Job
from openmm_cgvae.backmapping.streaming.run_identity import identity_of
from openmm_cgvae.structures.export import make_universe, structure_writer

__all__ = ["Progress", "WrittenTrajectory", "backmap_frames"]

# A run that fails sooner than this leaves nothing behind that is worth continuing.
SECONDS_WORTH_KEEPING = 5.0
# So much work may be lost if a run is killed; to wait for the disk after every block
# costs a tenth of what a small network does.
SECONDS_BETWEEN_SAVES = 0.5

_ConcretePath: Any = type(Path())


class WrittenTrajectory(_ConcretePath):
    """The path of a trajectory, which also knows what is in it.

    Attributes
    ----------
    files : tuple of Path
        The file, or one for each sample index.
    n_frames : int
        Frames that were backmapped.
    skipped : dict of int to str
        Frames that were left out, and why.
    seconds : float
        Time that this run took; less than all where it continued another.
    n_faulty : int
        Structures with faults: wrong chirality, cis or twisted amides, wrong lengths.
    faults : tuple of FaultyStructure
        Frame, sample and faults of each of these, of the first thousand.
    unusual_beads : float
        Of the distances and angles between neighbouring beads of a protein, the
        fraction that crystals hardly ever have, in the frame that has most.
    """

    files: tuple[Path, ...]
    n_frames: int
    skipped: dict[int, str]
    seconds: float
    n_faulty: int
    faults: tuple[FaultyStructure, ...]
    unusual_beads: float


@dataclass
class Progress:
    """How far a run is; written every now and then.

    Parameters
    ----------
    settings : dict
        What the frames depend on; only a run with the same continues.
    n_blocks : int
        Blocks that are in the files.
    n_frames : int
        Frames of these.
    n_bytes : list of int
        Length of each file up to there.
    skipped : list of (int, str)
        Frames that were left out, and why.
    n_faulty : int
        Structures with faults.
    faulty : list of FaultyStructure
        The first thousand of these.
    unusual_beads : float
        Largest fraction of unusual distances and angles of a frame.
    """

    settings: dict[str, Any]
    n_blocks: int
    n_frames: int
    n_bytes: list[int]
    skipped: list[tuple[int, str]]
    n_faulty: int = 0
    faulty: list[FaultyStructure] = field(default_factory=list)
    unusual_beads: float = 0.0


def backmap_frames(
    job: Job, backend: Backend, n_workers: int | None, *, shows_progress: bool
) -> WrittenTrajectory:
    """Run a job, or what is left of it, and move its files where they belong.

    Parameters
    ----------
    job : Job
        What is to be done; its folder is made, and removed at the end.
    backend : str, Client or BackendBase
        Where the blocks are backmapped.
    n_workers : int or None
        Number of processes.
    shows_progress : bool
        Whether to show a progress bar.

    Returns
    -------
    WrittenTrajectory
        The first of the files.

    Raises
    ------
    RuntimeError
        If another run is writing to the same output.
    ValueError
        If an unfinished run with other settings is in the way, or no frame was good.
    """
    folder = job.files.folder
    # Beside the folder, which is removed in the end.
    with only_run(folder.with_name(f".{folder.name}.lock")):
        return _backmap(job, backend, n_workers, shows_progress=shows_progress)


def _backmap(
    job: Job, backend: Backend, n_workers: int | None, *, shows_progress: bool
) -> WrittenTrajectory:
    started = time.monotonic()
    is_new = not job.files.progress.is_file()
    progress = _begin(job)
    bar = tqdm(
        total=len(job.frames),
        initial=min(progress.n_blocks * job.frames_per_block, len(job.frames)),
        desc="backmapping",
        unit="frame",
        disable=not shows_progress,
    )
    try:
        with bar:
            _make_all(job, progress, backend, n_workers, bar)
            if progress.n_faulty:
                bar.set_postfix_str(f"{progress.n_faulty} structures with faults")
    except Exception as error:
        if is_new and time.monotonic() - started < SECONDS_WORTH_KEEPING:
            job.files.remove()
        else:
            error.add_note(
                f"{progress.n_frames} frames are in {job.files.growing(0)}; run again "
                "with the same settings to go on from there"
            )
        raise
    if progress.n_frames == 0:
        job.files.remove()
        raise ValueError(
            f"`universe` has no good frame among {len(job.frames)}, the first is: "
            f"{progress.skipped[0][1]}"
        )
    outputs = job.files.outputs
    for file, output in enumerate(outputs):
        _finish(job, job.files.growing(file), output, progress.n_frames)
    job.files.remove()
    written = WrittenTrajectory(outputs[0])
    written.files = tuple(outputs)
    written.n_frames = progress.n_frames
    written.skipped = dict(progress.skipped)
    written.seconds = time.monotonic() - started
    written.n_faulty = progress.n_faulty
    written.faults = tuple(progress.faulty)
    written.unusual_beads = progress.unusual_beads
    return written


def _begin(job: Job) -> Progress:
    """Read what an earlier run with the same settings left, or begin anew."""
    files = job.files
    files.check_folder()
    settings = identity_of(job)
    if files.progress.is_file():
        progress = _read_progress(files.progress)
        check_settings(progress.settings, settings, files.folder)
        grown = [files.growing(file) for file in range(files.n_files)]
        if all(map(cut, grown, progress.n_bytes)):
            return progress
    if files.folder.is_dir():
        files.remove()
    # What is in it is nobody else's until it is complete.
    files.folder.mkdir(mode=0o700, exist_ok=True)
    progress = Progress(settings, 0, 0, [0] * files.n_files, [])
    _save(job, progress)
    return progress


def _read_progress(path: Path) -> Progress:
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        noted["skipped"] = [(frame, why) for frame, why in noted["skipped"]]
        noted["faulty"] = [FaultyStructure(*each) for each in noted["faulty"]]
        progress = Progress(**noted)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"`output` has an unfinished run that cannot go on: {str(path)!r}, which "
            "says how far it is, is damaged; remove its folder to begin anew"
        ) from error
    return progress


def _make_all(
    job: Job, progress: Progress, backend: Backend, n_workers: int | None, bar: tqdm
) -> None:
    # Blocks that were made out of order before a run was killed are not made again.
    missing = [
        block
        for block in range(progress.n_blocks, job.n_blocks)
        if not job.files.note(block).is_file()
    ]
    try:
        _append_ready(job, progress, bar)
        saved = time.monotonic()
        for _ in finished_blocks(job, missing, backend, n_workers):
            _append_ready(job, progress, bar)
            if time.monotonic() - saved >= SECONDS_BETWEEN_SAVES:
                _save(job, progress)
                saved = time.monotonic()
    finally:
        _save(job, progress)


def _append_ready(job: Job, progress: Progress, bar: tqdm) -> None:
    """Write the blocks that are next behind the others."""
    files = job.files
    growing = [files.growing(file) for file in range(files.n_files)]
    while progress.n_blocks < job.n_blocks and files.note(progress.n_blocks).is_file():
        block = progress.n_blocks
        note = json.loads(files.note(block).read_text(encoding="utf-8"))
        parts = [files.part(block, file) for file in range(files.n_files)]
        progress.n_frames += note["n_frames"]
        if note["n_frames"]:
            n_written = progress.n_frames * job.decoding.n // files.n_files
            for whole, part in zip(growing, parts, strict=True):
                append_part(whole, part, n_written)
        progress.n_blocks += 1
        progress.n_bytes = [size_of(whole) for whole in growing]
        progress.skipped += [(frame, why) for frame, why in note["skipped"]]
        progress.n_faulty += note["n_faulty"]
        progress.unusual_beads = max(progress.unusual_beads, note["unusual_beads"])
        named = [FaultyStructure(*each) for each in note["faulty"]]
        progress.faulty += named[: MOST_NAMED - len(progress.faulty)]
        for path in (*parts, files.note(block)):
            path.unlink(missing_ok=True)
        bar.update(len(job.frames_of(block)))


def _save(job: Job, progress: Progress) -> None:
    for file in range(job.files.n_files):
        wait_for_disk(job.files.growing(file))
    write_json(job.files.progress, asdict(progress))


def _finish(job: Job, whole: Path, output: Path, n_frames: int) -> None:
    """Move a file to its place, or write it in the format that is wanted."""
    if not job.files.is_converted:
        whole.replace(output)
        return
    table = job.atom_table
    atoms = make_universe(table, np.zeros((1, table.n_atoms, 3)))
    timestep = atoms.trajectory.ts
    n_structures = n_frames * job.decoding.n // job.files.n_files
    with (
        structure_writer(table.n_atoms, output, n_structures, "output") as writer,
        mda.coordinates.TRR.TRRReader(str(whole), refresh_offsets=True) as reader,
    ):
        for made in reader:
            timestep.positions = made.positions
            timestep.dimensions = made.dimensions
            timestep.time = made.time
            timestep.frame = made.data["step"]
            writer.write(atoms.atoms)
