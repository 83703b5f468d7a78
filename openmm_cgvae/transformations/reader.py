"""A reader of beads, and the universe that it makes."""

import pickle
import warnings
from typing import Any, SupportsIndex

import MDAnalysis as mda
import numpy as np
from MDAnalysis.coordinates.base import ProtoReader
from MDAnalysis.coordinates.memory import MemoryReader
from MDAnalysis.coordinates.timestep import Timestep

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.transformations.bead_centres import BeadCentres, fitting_atoms
from openmm_cgvae.transformations.bead_topology import bead_universe

__all__ = ["CoarseGrainReader", "coarse_grain"]


def coarse_grain(
    universe: "mda.Universe | mda.AtomGroup", mapping: Mapping
) -> mda.Universe:
    """Build a universe of beads from an atomistic one.

    Frames are mapped when they are read, so that a long trajectory costs no
    memory. The beads have names and types from the mapping; residue and chain of
    their first atom; sums of masses and, where the atoms have them, charges; and a
    bond wherever two of their atoms are bonded.

    Parameters
    ----------
    universe : MDAnalysis.Universe or AtomGroup
        The atoms, ``mapping.n_atoms`` of them, in the order of the mapping.
    mapping : Mapping
        Which atoms make which bead.

    Returns
    -------
    MDAnalysis.Universe
        The beads, at the current frame of the source. It has a copy of the source's
        trajectory, with its transformations, and moves independently of it.

    Raises
    ------
    ValueError
        If the mapping is for another number of atoms, or the trajectory cannot be
        copied.

    See Also
    --------
    CoarseGrainReader : how the frames are mapped.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> from openmm_cgvae.data import data_path
    >>> from openmm_cgvae.mapping.schemes import residues
    >>> universe = mda.Universe(data_path("alanine-dipeptide.pdb"))
    >>> beads = coarse_grain(universe, residues(universe))
    >>> beads.atoms.resnames.tolist()
    ['ACE', 'ALA', 'NME']
    """
    atoms = fitting_atoms(universe, mapping, "universe")
    beads = bead_universe(atoms, mapping)
    source = _independent_source(atoms.universe.trajectory)
    beads.trajectory = CoarseGrainReader(source, mapping, atoms.indices)
    beads.filename = atoms.universe.filename
    return beads


class CoarseGrainReader(ProtoReader):
    """Read the beads of an atomistic trajectory, frame by frame.

    Parameters
    ----------
    source : MDAnalysis reader
        The atomistic trajectory; this reader moves it and should have it alone.
    mapping : Mapping
        Which atoms make which bead.
    indices : array_like of int, shape (mapping.n_atoms,), optional
        The atoms of the source that are mapped; all of them by default.

    Raises
    ------
    ValueError
        If the number of atoms does not fit the mapping.

    Notes
    -----
    In a periodic box, a bead is the mean of its atoms' images nearest to its first
    atom that has a weight: right if every atom with a weight is less than half a
    box away from that one, however the molecule is wrapped, and independent of
    bonds. The bead lies beside that first atom and need not be inside the box.
    Velocities are mapped like positions; forces are left out.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(2, trajectory=True)
    >>> universe.atoms.positions = [[0, 0, 0], [2, 0, 0]]
    >>> reader = CoarseGrainReader(universe.trajectory, Mapping([0, 0]))
    >>> reader.ts.positions.tolist()
    [[1.0, 0.0, 0.0]]
    """

    units = {"time": "ps", "length": "Angstrom", "velocity": "Angstrom/ps"}
    convert_units = False  # the source has done so

    def __init__(
        self, source: ProtoReader, mapping: Mapping, indices: Any = None
    ) -> None:
        super().__init__()
        if indices is None:
            indices = np.arange(source.n_atoms)
        self._centres = BeadCentres(mapping, np.asarray(indices))
        self._source = source
        self.n_atoms = mapping.n_beads
        self.n_frames = source.n_frames
        # Only for its name to be shown: a structure object would have to pickle.
        filename = getattr(source, "filename", None)
        self.filename = filename if isinstance(filename, str) else None
        # A single frame has no time step, and to ask for it is to be warned.
        self._dt = float(source.dt) if source.n_frames > 1 else None
        self.ts = Timestep(self.n_atoms)
        self._map(source.ts)

    @property
    def source(self) -> ProtoReader:
        """The atomistic trajectory."""
        return self._source

    def _map(self, atomistic: Timestep) -> Timestep:
        """Fill the timestep from the source's."""
        beads = self.ts
        beads.frame = atomistic.frame
        beads.data = dict(atomistic.data)
        if self._dt is not None:
            beads.dt = self._dt
        beads.dimensions = atomistic.dimensions
        beads.positions = self._centres.positions(atomistic)
        beads.has_velocities = atomistic.has_velocities
        if atomistic.has_velocities:
            beads.velocities = self._centres.velocities(atomistic)
        return beads

    def _read_frame(self, frame: SupportsIndex) -> Timestep:
        return self._map(self._source[int(frame)])

    def _read_next_timestep(self, ts: Timestep | None = None) -> Timestep:
        del ts  # part of the interface, needed by readers that fill it
        frame = self.ts.frame + 1
        if frame >= self.n_frames:
            raise EOFError
        if 0 < frame == self._source.frame + 1:  # cheaper than to seek
            return self._map(self._source.next())
        return self._read_frame(frame)

    def _reopen(self) -> None:
        self.ts.frame = -1

    def copy(self) -> "CoarseGrainReader":
        """Return an independent reader at the same frame.

        Returns
        -------
        CoarseGrainReader
            A copy with its own source and its own transformations.
        """
        return _independent_copy(self)

    def close(self) -> None:
        """Close the trajectory that is mapped."""
        self._source.close()


def _independent_source(reader: ProtoReader) -> ProtoReader:
    """Copy the trajectory of an atomistic universe, at its current frame."""
    if reader.n_frames > 1:
        return _independent_copy(reader)
    # One frame needs no file, and some that come from no file do not pickle, such
    # as that of an OpenMM simulation. Transformations are in its positions already.
    frame = reader.ts
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Reader has no dt information")
        time = frame.time
    return MemoryReader(
        frame.positions[np.newaxis].copy(),
        dimensions=frame.dimensions,
        velocities=frame.velocities[np.newaxis] if frame.has_velocities else None,
        time_offset=time,
    )


def _independent_copy(reader: ProtoReader) -> ProtoReader:
    """Copy a reader with all that its transformations look at.

    ``reader.copy()`` would not do: transformations bound to atoms, like ``unwrap``,
    would go on looking at the atoms of the original.
    """
    try:
        return pickle.loads(pickle.dumps(reader))
    except (
        TypeError,
        AttributeError,
        NotImplementedError,
        RecursionError,
        pickle.PickleError,
    ) as error:
        raise ValueError(
            f"`universe` has a trajectory that cannot be copied ({error}); call "
            "universe.transfer_to_memory() first and use no transformation that "
            "does not pickle, such as a lambda"
        ) from error
