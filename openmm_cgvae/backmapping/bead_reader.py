"""Beads: the coarse-grained molecules of a universe, read frame by frame."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import MDAnalysis as mda
import numpy as np
from MDAnalysis.coordinates.timestep import Timestep

from openmm_cgvae.backmapping.faulty_structures import FaultyStructure
from openmm_cgvae.chemistry.proteins import NeighbourGeometry, ProteinBeads
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.contiguity import bonds_between_beads
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.periodic_box import cell_vectors
from openmm_cgvae.molecules.static_groups import static_atoms
from openmm_cgvae.molecules.unwrapping import BondTree

__all__ = [
    "UNREADABLE",
    "BadFrameError",
    "BeadBlock",
    "BeadFrame",
    "Beads",
    "checked_beads",
    "tree_of_beads",
]


# What readers raise on frames that are damaged, or gone since the file was opened.
UNREADABLE = (OSError, EOFError, StopIteration, IndexError, ValueError, RuntimeError)


class BadFrameError(ValueError):
    """A frame that cannot be used, such as one without positions."""


@dataclass(frozen=True, eq=False)
class BeadFrame:
    """The beads of one frame.

    Parameters
    ----------
    number : int
        Number of the frame in its trajectory.
    time : float
        Its time [ps].
    positions : ndarray of float64, shape (n_molecules, n_beads, 3)
        Bead centres, every chain whole where its beads are [Å].
    box : ndarray, shape (6,), or None
        Unit cell [Å, degrees].
    others : ndarray of float64, shape (n_others, 3)
        Particles beside the molecules, as they are [Å].
    """

    number: int
    time: float
    positions: np.ndarray
    box: np.ndarray | None
    others: np.ndarray

    @property
    def particles(self) -> np.ndarray:
        """The beads of all molecules, then what is beside them [n_particles, 3]."""
        return np.concatenate([self.positions.reshape(-1, 3), self.others])


@dataclass(frozen=True, eq=False, kw_only=True)
class BeadBlock:
    """The beads of many frames.

    Parameters
    ----------
    numbers : ndarray of int, shape (n_frames,)
        Numbers of the frames in their trajectory.
    times : ndarray, shape (n_frames,)
        Their times [ps].
    positions : ndarray of float64, shape (n_frames, n_molecules, n_beads, 3)
        Bead centres, every chain whole where its beads are [Å].
    boxes : ndarray of float32, shape (n_frames, 6)
        Unit cells [Å, degrees], zero where there is none.
    others : ndarray of float64, shape (n_frames, n_others, 3)
        What is kept beside the molecules [Å].
    skipped : list of (int, str)
        Bad frames that were left out, and why.
    n_faulty : int
        Structures with faults among those that were made of the beads.
    faulty : list of FaultyStructure
        The first of these.
    """

    numbers: np.ndarray
    times: np.ndarray
    positions: np.ndarray
    boxes: np.ndarray
    others: np.ndarray
    skipped: list[tuple[int, str]]
    n_faulty: int = 0
    faulty: list[FaultyStructure] = field(default_factory=list)


class Beads:
    """The beads of molecules of one kind; pickles with its universe.

    Parameters
    ----------
    group : MDAnalysis.AtomGroup
        The beads, molecule after molecule.
    n_beads : int
        Beads of one molecule.
    others : MDAnalysis.AtomGroup, optional
        Particles of the same universe that are read along with them.
    tree : BondTree, optional
        The bonds along which a molecule is made whole, see `tree_of_beads`. By default
        every bead is bonded to the next.
    neighbours : NeighbourGeometry, optional
        What tells how unusual beads of a protein are.

    Raises
    ------
    ValueError
        If there are no beads, one comes twice, or they are not whole molecules.

    Examples
    --------
    >>> universe = mda.Universe.empty(6, trajectory=True)
    >>> beads = Beads(universe.atoms, 3)
    >>> beads.n_molecules, beads.read().positions.shape
    (2, (2, 3, 3))
    """

    def __init__(
        self,
        group: "mda.AtomGroup",
        n_beads: int,
        others: "mda.AtomGroup | None" = None,
        tree: BondTree | None = None,
        neighbours: NeighbourGeometry | None = None,
    ) -> None:
        checked_beads(group)
        if len(group) % n_beads:
            raise ValueError(
                f"`universe` has {len(group)} beads, which is not a number of "
                f"molecules of {n_beads} beads; select whole molecules"
            )
        self.group = group
        self.n_beads = n_beads
        self.others = group[[]] if others is None else others
        self.tree = tree or _chain_of_beads(n_beads)
        self.neighbours = neighbours

    @property
    def n_molecules(self) -> int:
        """Number of molecules."""
        return len(self.group) // self.n_beads

    def unusual_fraction(self, positions: np.ndarray) -> float:
        """Compute the largest unusual fraction of the frames; 0 if it is not known."""
        if self.neighbours is None or not positions.size:
            return 0.0
        return float(self.neighbours.unusual_fraction(positions).max())

    def notes(self) -> tuple[str, ...]:
        """Check how unusual the beads of the current frame are, if that is known."""
        if self.neighbours is None:
            return ()
        try:
            frame = self.read()
        except BadFrameError:
            return ()  # which is told where the frame is asked for
        return self.neighbours.notes(frame.positions)

    def read(self, number: int | None = None) -> BeadFrame:
        """Read a frame, and make its chains whole.

        Parameters
        ----------
        number : int, optional
            Which frame to go to; the current one by default.

        Returns
        -------
        BeadFrame
            The beads.

        Raises
        ------
        BadFrameError
            If the frame cannot be read or a bead has no position.
        """
        trajectory = self.group.universe.trajectory
        if number is not None:
            try:
                trajectory[number]
            except UNREADABLE as error:
                reason = str(error) or "its file ends before it"
                raise BadFrameError(
                    f"`universe` cannot read frame {number} ({reason}); mend or leave "
                    "out the frame"
                ) from error
        timestep = trajectory.ts
        others, time = _positions_of(self.others), _time_of(timestep)
        molecules = _positions_of(self.group).reshape(-1, self.n_beads, 3)
        box = timestep.dimensions
        if box is None or not np.any(box[:3]):
            return BeadFrame(timestep.frame, time, molecules, None, others)
        box = np.array(box)
        if not cell_vectors(box).any():
            raise BadFrameError(
                f"`universe` has the box {box.tolist()} in frame {timestep.frame}, "
                "which is none; correct it with "
                "MDAnalysis.transformations.boxdimensions.set_dimensions"
            )
        whole = self.tree.whole(molecules, box)
        return BeadFrame(timestep.frame, time, whole, box, others)

    def block_of(
        self, frames: Sequence[BeadFrame], skipped: Sequence[tuple[int, str]] = ()
    ) -> BeadBlock:
        """Return frames as one block.

        Parameters
        ----------
        frames : sequence of BeadFrame
            Frames of these beads, or none.
        skipped : sequence of (int, str)
            Bad frames that were left out, and why.

        Returns
        -------
        BeadBlock
            The block.

        Examples
        --------
        >>> beads = Beads(mda.Universe.empty(6, trajectory=True).atoms, 3)
        >>> beads.block_of([beads.read(), beads.read()]).positions.shape
        (2, 2, 3, 3)
        """
        n_frames = len(frames)
        boxes = np.zeros((n_frames, 6), dtype=np.float32)
        for box, frame in zip(boxes, frames, strict=True):
            if frame.box is not None:
                box[:] = frame.box
        # Without frames, arrays have to be told the axes behind the first.
        return BeadBlock(
            numbers=np.array([frame.number for frame in frames], dtype=np.int64),
            times=np.array([frame.time for frame in frames]),
            positions=np.array([frame.positions for frame in frames]).reshape(
                n_frames, self.n_molecules, self.n_beads, 3
            ),
            boxes=boxes,
            others=np.array([frame.others for frame in frames]).reshape(
                n_frames, len(self.others), 3
            ),
            skipped=list(skipped),
        )


def _positions_of(group: "mda.AtomGroup") -> np.ndarray:
    positions = group.positions.astype(np.float64)
    if not np.isfinite(positions).all():
        bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))[0]
        raise BadFrameError(
            f"`universe` has no position for bead {bad} in frame "
            f"{group.universe.trajectory.frame} (not a number); mend or leave out the "
            "frame"
        )
    return positions


def _time_of(timestep: Timestep) -> float:
    if "time" in timestep.data:  # as most formats have it; a filter costs more
        return float(timestep.time)
    with warnings.catch_warnings():
        # A single structure has no time, which then is 0.
        warnings.filterwarnings("ignore", message="Reader has no dt information")
        return float(timestep.time)


def checked_beads(
    universe: "mda.Universe | mda.AtomGroup | ProteinBeads",
) -> "mda.AtomGroup":
    """Return the beads after checking that there are some, each once, with positions.

    Parameters
    ----------
    universe : MDAnalysis.Universe, AtomGroup or ProteinBeads
        The beads, or a protein made from them.

    Returns
    -------
    MDAnalysis.AtomGroup
        The beads.

    Raises
    ------
    ValueError
        If there are none, one comes twice, they have no positions, or the group is an
        updating one.
    """
    if isinstance(universe, ProteinBeads):
        beads = universe.known
    else:
        beads = static_atoms(universe, "universe")
    if not len(beads):
        raise ValueError("`universe` has no beads; select the beads of the molecule")
    if len(np.unique(beads.indices)) != len(beads):
        raise ValueError("`universe` has a bead twice; take `atoms.unique`")
    if not hasattr(beads.universe, "trajectory"):
        raise ValueError(
            "`universe` has no positions; load them with universe.load_new first"
        )
    return beads


def tree_of_beads(atom_table: AtomTable, mapping: Mapping) -> BondTree:
    """Return the bonds along which the beads of a molecule are made whole.

    Parameters
    ----------
    atom_table : AtomTable
        Its atoms.
    mapping : Mapping
        Which atom is in which bead.

    Returns
    -------
    BondTree
        Beads are bonded where their atoms are, so that chains of a protein are apart
        but for bridges; bead after bead where the table has no such bonds.

    Examples
    --------
    >>> from openmm_cgvae import load_model
    >>> model = load_model("alanine-dipeptide-3")
    >>> tree_of_beads(model.atom_table, model.mapping).parents.tolist()
    [0, 0, 1]
    """
    bonds = bonds_between_beads(mapping, atom_table.bonds)
    if not len(bonds):
        return _chain_of_beads(mapping.n_beads)
    return BondTree.from_bonds(mapping.n_beads, bonds)


def _chain_of_beads(n_beads: int) -> BondTree:
    beads = np.arange(n_beads)
    return BondTree(np.maximum(beads - 1, 0), np.zeros(n_beads, dtype=np.int64))
