"""Files of a long run: its trajectories, and what is in its folder until then."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import MDAnalysis as mda

from openmm_cgvae._runtime.output_files import refuse_overwriting_input
from openmm_cgvae.molecules.source_files import source_files
from openmm_cgvae.structures.export import check_ending

__all__ = ["RunFiles"]

# Formats whose files are a row of frames, so that blocks can be put one behind the
# other; others are made from the last of these when all is there.
_ROWS_OF_FRAMES = ("xtc", "dcd", "trr")
_INTERMEDIATE = "trr"
_SAMPLE_FIELD = "{sample}"
_OWN_FILES = re.compile(
    r"(\.[0-9a-f]{32}-)?"  # unfinished
    r"((block-\d+(-\d+)?|so-far-\d+)\.(xtc|dcd|trr|json)|progress\.json|job\.pickle)"
    r"|\.so-far-\d+\.trr_offsets\.(npz|lock)"  # of MDAnalysis, which reads the last
)


@dataclass(frozen=True)
class RunFiles:
    """The files of a run, all named after its output.

    Parameters
    ----------
    output : Path
        Name of the trajectory; with ``{sample}`` in it every sample index has a file
        of its own.
    n_samples : int
        Samples of each frame.

    Examples
    --------
    >>> files = RunFiles(Path("atoms-{sample}.xtc"), 2)
    >>> [path.name for path in files.outputs], files.folder.name
    (['atoms-0.xtc', 'atoms-1.xtc'], 'atoms-{sample}.xtc.parts')
    """

    output: Path
    n_samples: int

    @property
    def outputs(self) -> list[Path]:
        """The trajectory, or one for each sample index."""
        name = self.output.name
        if _SAMPLE_FIELD not in name:
            return [self.output]
        return [
            self.output.with_name(name.replace(_SAMPLE_FIELD, str(sample)))
            for sample in range(self.n_samples)
        ]

    @property
    def n_files(self) -> int:
        """Number of trajectories, and of files of each block."""
        return len(self.outputs)

    @property
    def folder(self) -> Path:
        """Where the run works until its trajectories are complete."""
        return self.output.with_name(f"{self.output.name}.parts")

    @property
    def format(self) -> str:
        """Format of the blocks: ``xtc``, ``dcd`` or ``trr``."""
        ending = self.output.suffix[1:].lower()
        return ending if ending in _ROWS_OF_FRAMES else _INTERMEDIATE

    @property
    def is_converted(self) -> bool:
        """Whether the trajectories have another format than the blocks."""
        return self.output.suffix[1:].lower() != self.format

    @property
    def progress(self) -> Path:
        """Where it is noted how far the run is."""
        return self.folder / "progress.json"

    @property
    def job(self) -> Path:
        """What other processes read."""
        return self.folder / "job.pickle"

    def part(self, block: int, file: int) -> Path:
        """Return the path of one file of a block."""
        return self.folder / f"block-{block:08d}-{file}.{self.format}"

    def note(self, block: int) -> Path:
        """Return the path of what is noted of a finished block."""
        return self.folder / f"block-{block:08d}.json"

    def growing(self, file: int) -> Path:
        """Return the path of one file of all blocks so far."""
        return self.folder / f"so-far-{file}.{self.format}"

    def check(self, universe: mda.Universe, n_frames: int, n_atoms: int) -> None:
        """Check that the trajectories can be written.

        Parameters
        ----------
        universe : MDAnalysis.Universe
            The beads.
        n_frames : int
            Frames of these.
        n_atoms : int
            Atoms that are made of one frame.

        Raises
        ------
        FileExistsError
            If there is something else where the run would work.
        FileNotFoundError
            If there is no such folder.
        ImportError
            If the format needs a package that is not installed.
        ValueError
            If the format is unknown, or holds one structure and there are more, or
            the universe is read from one of the files.
        """
        refuse_overwriting_input(self.outputs, source_files(universe))
        for output in self.outputs:
            n_structures = n_frames * self.n_samples // self.n_files
            check_ending(output, n_structures, "output", n_atoms)
        self.check_folder()

    def check_folder(self) -> None:
        """Check that the folder, if it is there, is that of a run.

        Raises
        ------
        FileExistsError
            If it is a user's own.
        """
        folder = self.folder
        is_own = folder.is_dir() and not folder.is_symlink()
        if is_own and not self.progress.is_file():
            # A run that is killed at its very beginning leaves no more than this.
            is_own = all(_OWN_FILES.fullmatch(path.name) for path in folder.iterdir())
        if os.path.lexists(folder) and not is_own:
            raise FileExistsError(
                f"`output` needs the folder {str(folder)!r} to work in, but there is "
                "one that is not from a run; move it away, or give another name"
            )

    def remove(self) -> None:
        """Remove what a run wrote to its folder, and the folder if that was all."""
        for path in self.folder.iterdir():
            if _OWN_FILES.fullmatch(path.name):
                path.unlink()
        if not any(self.folder.iterdir()):
            self.folder.rmdir()
