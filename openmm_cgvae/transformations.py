"""Coarse-grained universes whose frames are mapped as they are read."""

import pickle
import warnings
from typing import Any, SupportsIndex

import MDAnalysis as mda
import numpy as np
from MDAnalysis.coordinates.base import ProtoReader
from MDAnalysis.coordinates.memory import MemoryReader
from MDAnalysis.coordinates.timestep import Timestep
from MDAnalysis.exceptions import NoDataError
from MDAnalysis.lib.distances import minimize_vectors
from MDAnalysis.lib.mdamath import triclinic_vectors
from MDAnalysis.transformations.base import TransformationBase

from openmm_cgvae.mapping import Mapping

__all__ = ["CoarseGrainReader", "MapToBeads", "coarse_grain"]

NO_PERIOD = 1e6  # Angstrom, longer than any system


def coarse_grain(
    universe: "mda.Universe | mda.AtomGroup", mapping: Mapping
) -> mda.Universe:
    """Make a universe of beads from an atomistic one.

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
    >>> from openmm_cgvae.schemes import residues
    >>> universe = mda.Universe(data_path("alanine-dipeptide.pdb"))
    >>> beads = coarse_grain(universe, residues(universe))
    >>> beads.atoms.resnames.tolist()
    ['ACE', 'ALA', 'NME']
    """
    atoms = _fitting_atoms(universe, mapping, "universe")
    beads = _bead_universe(atoms, mapping)
    source = _independent_source(atoms.universe.trajectory)
    beads.trajectory = CoarseGrainReader(source, mapping, atoms.indices)
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
        self._centres = _BeadCentres(mapping, np.asarray(indices))
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


class MapToBeads(TransformationBase):
    """Put every atom at the centre of its bead, as an MDAnalysis transformation.

    This shows what a mapping keeps, M+ M of the paper, at the full number of atoms.
    Atoms outside the group stay as they are.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        The atoms that are mapped, in the order of the mapping.
    mapping : Mapping
        Which atoms make which bead.

    Raises
    ------
    ValueError
        If the mapping is for another number of atoms.

    Notes
    -----
    Periodic images are treated as in :class:`CoarseGrainReader`. Velocities, if
    there are any, are mapped alike.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> universe = mda.Universe.empty(2, trajectory=True)
    >>> universe.atoms.positions = [[0, 0, 0], [2, 0, 0]]
    >>> universe.trajectory.add_transformations(
    ...     MapToBeads(universe, Mapping([0, 0]))
    ... )
    >>> universe.atoms.positions.tolist()
    [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """

    def __init__(self, atoms: "mda.Universe | mda.AtomGroup", mapping: Mapping) -> None:
        super().__init__(max_threads=1, parallelizable=True)
        # Indices and not the group: a copied universe gets its own atoms moved.
        indices = _fitting_atoms(atoms, mapping, "atoms").indices
        self._centres = _BeadCentres(mapping, indices)

    def _transform(self, ts: Timestep) -> Timestep:
        indices, lift = self._centres.indices, self._centres.mapping.lift
        ts.positions[indices] = lift(self._centres.positions(ts))
        if ts.has_velocities:
            ts.velocities[indices] = lift(self._centres.velocities(ts))
        return ts


class _BeadCentres:
    """Bead centres of the atoms with some indices in timesteps of their universe."""

    def __init__(self, mapping: Mapping, indices: np.ndarray) -> None:
        if len(indices) != mapping.n_atoms:
            raise ValueError(
                f"`mapping` is for {mapping.n_atoms} atoms but there are "
                f"{len(indices)}; give the atoms it was made for"
            )
        self.mapping = mapping
        self.indices = indices
        weighed = np.flatnonzero(mapping.weights)
        _, first = np.unique(mapping.bead_of_atom[weighed], return_index=True)
        self._anchors = weighed[first]

    def positions(self, ts: Timestep) -> np.ndarray:
        """Return the centres [n_beads, 3], of nearest images if there is a box."""
        atoms = np.take(ts.positions, self.indices, axis=0)
        if ts.dimensions is None:
            return self.mapping.project(atoms)
        anchors = atoms[self._anchors].astype(np.float64)
        images = _nearest_images(atoms - self.mapping.lift(anchors), ts.dimensions)
        return anchors + self.mapping.project(images)

    def velocities(self, ts: Timestep) -> np.ndarray:
        """Return the velocities of the centres [n_beads, 3]."""
        return self.mapping.project(ts.velocities[self.indices])


def _nearest_images(vectors: np.ndarray, dimensions: np.ndarray) -> np.ndarray:
    """Return the shortest periodic image of each vector [n, 3]."""
    # A slab has no length, and no images, along one of its directions.
    box = np.where(dimensions == 0, NO_PERIOD, dimensions)
    with np.errstate(invalid="ignore"):
        edges = triclinic_vectors(box, dtype=np.float64)
    if not edges.any():
        raise ValueError(
            f"`dimensions` are {dimensions.tolist()}, which is not a box; correct "
            "them with transformations.boxdimensions.set_dimensions"
        )
    # A vector shorter than half the least height of the box is shortest already;
    # nearly all are, and to search for the image is much dearer.
    least_height = 1 / np.linalg.norm(np.linalg.inv(edges), axis=0).max()
    squares = np.einsum("ij,ij->i", vectors, vectors)
    # Vectors that are not finite stay so; the search would make zeros of them.
    is_far = (squares >= (least_height / 2) ** 2) & np.isfinite(squares)
    if is_far.any():
        vectors[is_far] = minimize_vectors(vectors[is_far], box)
    return vectors


def _fitting_atoms(
    atoms: "mda.Universe | mda.AtomGroup", mapping: Mapping, name: str
) -> "mda.AtomGroup":
    """Return the atoms as a group, of the number the mapping is for."""
    group = atoms.atoms
    if len(group) != mapping.n_atoms:
        raise ValueError(
            f"`{name}` has {len(group)} atoms but the mapping is for "
            f"{mapping.n_atoms}; give the atoms it was made for"
        )
    if len(np.unique(group.indices)) != len(group):
        raise ValueError(f"`{name}` has an atom twice; take `atoms.unique`")
    return group


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


def _bead_universe(atoms: "mda.AtomGroup", mapping: Mapping) -> mda.Universe:
    """Return the beads' topology, with no trajectory yet."""
    _, first = np.unique(mapping.bead_of_atom, return_index=True)
    representatives = atoms[first]
    residues = representatives.residues
    segments = residues.segments
    beads = mda.Universe.empty(
        mapping.n_beads,
        n_residues=len(residues),
        n_segments=len(segments),
        atom_resindex=np.searchsorted(residues.ix, representatives.resindices),
        residue_segindex=np.searchsorted(segments.ix, residues.segindices),
    )
    names = list(mapping.bead_names)
    attributes = {
        "names": names,
        "types": names,
        "elements": [""] * mapping.n_beads,
        "chainIDs": _attribute(representatives, "chainIDs"),
        "resids": _attribute(residues, "resids"),
        "resnames": _attribute(residues, "resnames"),
        "icodes": _attribute(residues, "icodes"),
        "segids": _attribute(segments, "segids"),
        "masses": _sum_over_beads(mapping, _attribute(atoms, "masses")),
        "charges": _sum_over_beads(mapping, _attribute(atoms, "charges")),
        "bonds": _bead_bonds(atoms, mapping),
    }
    for name, values in attributes.items():
        if values is not None:
            beads.add_TopologyAttr(name, values)
    return beads


def _attribute(group: Any, name: str) -> Any:
    """Return an attribute of a group, or None where the topology has none."""
    try:
        return getattr(group, name)
    except NoDataError:
        return None


def _sum_over_beads(mapping: Mapping, values: np.ndarray | None) -> np.ndarray | None:
    if values is None:
        return None
    return np.bincount(mapping.bead_of_atom, values, minlength=mapping.n_beads)


def _bead_bonds(
    atoms: "mda.AtomGroup", mapping: Mapping
) -> list[tuple[int, int]] | None:
    """Return the pairs of beads with a bond between their atoms, if bonds are known."""
    bonds = _attribute(atoms.universe, "bonds")
    if bonds is None:
        return None
    bead_of_index = np.full(len(atoms.universe.atoms), -1)
    bead_of_index[atoms.indices] = mapping.bead_of_atom
    pairs = np.sort(bead_of_index[np.asarray(bonds.indices).reshape(-1, 2)], axis=1)
    between = (pairs[:, 0] >= 0) & (pairs[:, 0] != pairs[:, 1])
    return [(int(i), int(j)) for i, j in np.unique(pairs[between], axis=0)]
