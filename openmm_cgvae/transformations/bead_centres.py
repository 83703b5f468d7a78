"""Where the beads of a timestep are, also in a periodic box."""

import MDAnalysis as mda
import numpy as np
from MDAnalysis.coordinates.timestep import Timestep
from MDAnalysis.transformations.base import TransformationBase

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules.periodic_box import cell_vectors, nearest_images
from openmm_cgvae.molecules.static_groups import static_atoms

__all__ = ["BeadCentres", "MapToBeads", "fitting_atoms"]


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
        indices = fitting_atoms(atoms, mapping, "atoms").indices
        self._centres = BeadCentres(mapping, indices)

    def _transform(self, ts: Timestep) -> Timestep:
        indices, lift = self._centres.indices, self._centres.mapping.lift
        ts.positions[indices] = lift(self._centres.positions(ts))
        if ts.has_velocities:
            ts.velocities[indices] = lift(self._centres.velocities(ts))
        return ts


class BeadCentres:
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
    edges = cell_vectors(dimensions)
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
        vectors[is_far] = nearest_images(vectors[is_far], dimensions)
    return vectors


def fitting_atoms(
    atoms: "mda.Universe | mda.AtomGroup", mapping: Mapping, name: str
) -> "mda.AtomGroup":
    """Return the atoms as a group, of the number the mapping is for."""
    group = static_atoms(atoms, name)
    if len(group) != mapping.n_atoms:
        raise ValueError(
            f"`{name}` has {len(group)} atoms but the mapping is for "
            f"{mapping.n_atoms}; give the atoms it was made for"
        )
    if len(np.unique(group.indices)) != len(group):
        raise ValueError(f"`{name}` has an atom twice; take `atoms.unique`")
    return group
