"""Mapping: the assignment of atoms to beads, M and M+."""

import json
import operator
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from openmm_cgvae.mapping import json_format
from openmm_cgvae.mapping.argument_checks import (
    checked_assignment,
    checked_names,
    checked_points,
    normalised_weights,
    raw_weights,
)

__all__ = ["Mapping"]


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Mapping:
    r"""Map atoms to beads, and beads back to where their atoms belong.

    A bead is the weighted mean of its atoms (:meth:`project`, the matrix
    :math:`M`); an atom is lifted to the centre of its bead (:meth:`lift`, the
    matrix :math:`M^+`):

    .. math::

        M_{I,i} = \frac{w_i}{\sum_{j \in C_I} w_j} \text{ if } m(i) = I,
        \qquad M^+_{i,I} = 1 \text{ if } m(i) = I,

    and zero otherwise, so that :math:`M M^+ = 1` for any weights. Neither matrix
    is ever built. A mapping never changes, compares by value and pickles.

    Parameters
    ----------
    bead_of_atom : array_like of int, shape (n_atoms,)
        The assignment :math:`m`. Beads are numbered from 0 without a gap.
    weights : None, "geometry", "mass" or array_like, shape (n_atoms,)
        Weight of each atom in its bead, zero or more, at least one of every bead
        positive; they are normalised to sum to one over each bead. None and
        "geometry" weigh all atoms alike, "mass" by ``masses``.
    bead_names : sequence of str, optional
        One name per bead; "B0", "B1", ... by default.
    masses : array_like, shape (n_atoms,), optional
        Masses of the atoms [Da]; read for ``weights="mass"`` and not kept.

    Attributes
    ----------
    bead_of_atom : numpy.ndarray of int64, shape (n_atoms,)
        The assignment; read-only.
    weights : numpy.ndarray of float64, shape (n_atoms,)
        The normalised weights; read-only.
    bead_names : tuple of str
        The names of the beads.

    Raises
    ------
    TypeError
        If the assignment is not made of integers or a name is not a string.
    ValueError
        If a bead has no atom or no weight, or a length does not fit.

    Examples
    --------
    >>> mapping = Mapping([0, 0, 1], weights=[1.0, 3.0, 5.0])
    >>> mapping.weights.tolist()
    [0.25, 0.75, 1.0]
    >>> beads = mapping.project([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 9.0, 0.0]])
    >>> beads.tolist()
    [[3.0, 0.0, 0.0], [0.0, 9.0, 0.0]]
    >>> mapping.lift(beads).tolist()
    [[3.0, 0.0, 0.0], [3.0, 0.0, 0.0], [0.0, 9.0, 0.0]]
    """

    bead_of_atom: np.ndarray
    weights: np.ndarray
    bead_names: tuple[str, ...]

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        bead_of_atom: npt.ArrayLike,
        weights: Any = None,
        *,
        bead_names: Sequence[str] | None = None,
        masses: Any = None,
    ) -> None:
        assignment = checked_assignment(bead_of_atom)
        n_beads = int(assignment.max()) + 1
        names = checked_names(bead_names, n_beads)
        chosen = raw_weights(weights, masses, len(assignment))
        normalised = normalised_weights(chosen, assignment, names)
        assignment.setflags(write=False)
        normalised.setflags(write=False)
        self.__dict__.update(
            bead_of_atom=assignment, weights=normalised, bead_names=names
        )

    def __eq__(self, other: object) -> bool:
        """Compare assignment, weights and names."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return (
            self.bead_names == other.bead_names
            and np.array_equal(self.bead_of_atom, other.bead_of_atom)
            and np.array_equal(self.weights, other.weights)
        )

    def __reduce__(self) -> tuple[Any, tuple[np.ndarray, np.ndarray]]:
        """Pickle what the mapping is made from."""
        # Through __init__, because a pickled array forgets that it is read-only.
        rebuild = partial(Mapping, bead_names=self.bead_names)
        return rebuild, (self.bead_of_atom, self.weights)

    def __repr__(self) -> str:
        """Describe how many atoms and beads there are."""
        return f"<Mapping of {self.n_atoms} atoms to {self.n_beads} beads>"

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.bead_of_atom)

    @property
    def n_beads(self) -> int:
        """Number of beads."""
        return len(self.bead_names)

    @cached_property
    def largest_bead(self) -> int:
        """Number of atoms in the bead that has most."""
        return int(np.bincount(self.bead_of_atom).max())

    @cached_property
    def channel_of_atom(self) -> np.ndarray:
        """Rank of each atom among the atoms of its bead, int [n_atoms], read-only.

        The decoder reads an atom's displacement from the vector channel of this
        number (``Index(i, C_I)`` of the paper's appendix E.2.3).
        """
        order = np.argsort(self.bead_of_atom, kind="stable")
        sizes = np.bincount(self.bead_of_atom)
        first_of_bead = np.cumsum(sizes) - sizes
        channels = np.empty(self.n_atoms, dtype=np.int64)
        channels[order] = np.arange(self.n_atoms) - np.repeat(first_of_bead, sizes)
        channels.setflags(write=False)
        return channels

    @cached_property
    def _contributions(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Atoms with a weight sorted by bead, their weights, where each bead starts."""
        atoms = np.flatnonzero(self.weights)
        atoms = atoms[np.argsort(self.bead_of_atom[atoms], kind="stable")]
        starts = np.searchsorted(self.bead_of_atom[atoms], np.arange(self.n_beads))
        return atoms, self.weights[atoms, None], starts

    def atoms_of_bead(self, bead: SupportsIndex) -> np.ndarray:
        """Return the atoms of a bead in ascending order.

        Parameters
        ----------
        bead : int
            Number of the bead, from 0.

        Returns
        -------
        numpy.ndarray of int, shape (n_atoms_of_bead,)
            Indices of its atoms.

        Raises
        ------
        IndexError
            If there is no such bead.

        Examples
        --------
        >>> Mapping([0, 1, 0]).atoms_of_bead(0).tolist()
        [0, 2]
        """
        bead = operator.index(bead)
        if not 0 <= bead < self.n_beads:
            raise IndexError(
                f"`bead` is {bead} but the mapping has {self.n_beads} beads; "
                f"ask for one from 0 to {self.n_beads - 1}"
            )
        return np.flatnonzero(self.bead_of_atom == bead)

    def project(self, positions: npt.ArrayLike) -> np.ndarray:
        """Place every bead at the weighted mean of its atoms: M of the paper.

        Velocities map the same way.

        Parameters
        ----------
        positions : array_like, shape (..., n_atoms, 3)
            Atoms, for instance of many frames [Å].

        Returns
        -------
        numpy.ndarray, shape (..., n_beads, 3)
            Beads, in the floating-point type of the atoms [Å].

        Raises
        ------
        ValueError
            If the shape does not fit the mapping.

        Notes
        -----
        Equivariant to rotation, reflection and translation. Sums run in float64,
        and each frame by itself, so that a batch gives what single frames give.
        Periodic images are not looked at: atoms of a bead have to be whole.

        Examples
        --------
        >>> Mapping([0, 0]).project([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]).tolist()
        [[1.0, 0.0, 0.0]]
        """
        positions = checked_points(positions, "positions", self.n_atoms, "atoms")
        atoms, weights, starts = self._contributions
        weighted = np.take(positions, atoms, axis=-2) * weights
        beads = np.add.reduceat(weighted, starts, axis=-2)
        return beads.astype(positions.dtype, copy=False)

    def lift(self, bead_positions: npt.ArrayLike) -> np.ndarray:
        """Put every atom at the centre of its bead: M+ of the paper.

        Parameters
        ----------
        bead_positions : array_like, shape (..., n_beads, 3)
            Beads [Å].

        Returns
        -------
        numpy.ndarray, shape (..., n_atoms, 3)
            Atoms, in the floating-point type of the beads [Å].

        Raises
        ------
        ValueError
            If the shape does not fit the mapping.

        Examples
        --------
        >>> Mapping([0, 0]).lift([[1.0, 2.0, 3.0]]).tolist()
        [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]
        """
        beads = checked_points(bead_positions, "bead_positions", self.n_beads, "beads")
        return np.take(beads, self.bead_of_atom, axis=-2)

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping as plain JSON types, one entry per bead.

        Returns
        -------
        dict
            What :meth:`from_dict` reads: names, atoms and weights of the beads.

        Examples
        --------
        >>> Mapping([0, 0], bead_names=["CA"]).to_dict()["beads"]
        [{'name': 'CA', 'atoms': [0, 1], 'weights': [0.5, 0.5]}]
        """
        return json_format.document(self.bead_of_atom, self.weights, self.bead_names)

    @classmethod
    def from_dict(cls, data: Any) -> "Mapping":
        """Build a mapping from what :meth:`to_dict` returned.

        Parameters
        ----------
        data : dict
            Plain JSON types.

        Returns
        -------
        Mapping
            Equal to the one that was written.

        Raises
        ------
        ValueError
            If anything is missing, of the wrong type or of another format.

        Examples
        --------
        >>> mapping = Mapping([0, 1, 1])
        >>> Mapping.from_dict(mapping.to_dict()) == mapping
        True
        """
        bead_of_atom, weights, names = json_format.read_document(data)
        return cls(bead_of_atom, weights, bead_names=names)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the mapping to a JSON file that people can read and edit.

        Parameters
        ----------
        path : path-like
            File to write; replaced in one step, so that it is never half there.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Mapping([0, 1, 1]).save(f"{folder}/mapping.json")
        ...     Mapping.load(f"{folder}/mapping.json")
        <Mapping of 3 atoms to 2 beads>
        """
        json_format.write_document(self.to_dict(), Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Mapping":
        """Read a mapping that :meth:`save` wrote; nothing in the file is executed.

        Parameters
        ----------
        path : path-like
            File to read.

        Returns
        -------
        Mapping
            Equal to the one that was saved.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is not a mapping of this format.
        """
        text = json_format.read_file(Path(path))
        try:
            return cls.from_dict(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"`path` {os.fspath(path)!r} is not a mapping this version reads "
                f"({error}); give a file written by Mapping.save"
            ) from error
