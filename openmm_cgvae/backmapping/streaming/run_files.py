"""Files of a long run: its trajectories, and what is in its folder until then."""

from dataclasses import dataclass
from pathlib import Path

import MDAnalysis as mda

from openmm_cgvae.backmapping.streaming.block_reader import check_not_read
from openmm_cgvae.structures.export.universes import check_ending

__all__ = ["RunFiles"]

# Formats whose files are a row of frames, so that blocks can be put one behind the
# other; others are made from the last of these when all is there.
_ROWS_OF_FRAMES = ("xtc", "dcd", "trr")
_INTERMEDIATE = "trr"
_SAMPLE_FIELD = "{sample}"


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

    def part(self, block: int, file: int) -> Path:
        """Return the path of one file of a block."""
        return self.folder / f"block-{block:08d}-{file}.{self.format}"

    def note(self, block: int) -> Path:
        """Return the path of what is noted of a finished block."""
        return self.folder / f"block-{block:08d}.json"

    def growing(self, file: int) -> Path:
        """Return the path of one file of all blocks so far."""
        return self.folder / f"so-far-{file}.{self.format}"

    def check(self, universe: mda.Universe, n_frames: int) -> None:
        """Check that the trajectories can be written.

        Parameters
        ----------
        universe : MDAnalysis.Universe
            The beads.
        n_frames : int
            Frames of these.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ImportError
            If the format needs a package that is not installed.
        ValueError
            If the format is unknown, or holds one structure and there are more, or
            the universe is read from one of the files.
        """
        check_not_read(universe, self.outputs)
        for output in self.outputs:
            check_ending(output, n_frames * self.n_samples // self.n_files, "output")
