"""The files that a universe is read from: topology and trajectories."""

from os import PathLike
from pathlib import Path
from typing import Any

__all__ = ["source_files"]


def source_files(universe: Any) -> list[Path]:
    """Find the files that a universe is read from.

    Parameters
    ----------
    universe : MDAnalysis.Universe
        Of atoms, or of beads that `coarse_grain` made of them.

    Returns
    -------
    list of Path
        Its topology and all its trajectories; nothing for what is in memory.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> from openmm_cgvae.data import data_path
    >>> universe = mda.Universe(str(data_path("alanine-dipeptide.pdb")))
    >>> {path.name for path in source_files(universe)}
    {'alanine-dipeptide.pdb'}
    """
    trajectory = getattr(universe, "trajectory", None)
    trajectory = getattr(trajectory, "source", trajectory)
    names = [
        getattr(universe, "filename", None),
        getattr(trajectory, "filename", None),
        *getattr(trajectory, "filenames", ()),  # of a chained trajectory
    ]
    return [Path(name) for name in names if isinstance(name, str | PathLike)]
