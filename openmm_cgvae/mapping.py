"""Which atom belongs to which bead, and with which weight it places the bead.

The two are kept apart on purpose. The *assignment* says which bead has to give an
atom its position back; the *weights* say where the bead sits. A model of alpha
carbons assigns every atom of a residue to its bead and weighs all but one by zero.
"""

import json
import operator
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

__all__ = ["Mapping"]

FORMAT_NAME = "openmm_cgvae mapping"
FORMAT_VERSION = 1
LARGEST_FLOAT = float(np.finfo(np.float64).max)


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
    is ever built.

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

    Notes
    -----
    A mapping never changes, compares by value and pickles.

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
        assignment = _checked_assignment(bead_of_atom)
        n_beads = int(assignment.max()) + 1
        if bead_names is None:
            names = tuple(f"B{bead}" for bead in range(n_beads))
        else:
            names = _checked_names(bead_names, n_beads)
        raw_weights = _raw_weights(weights, masses, len(assignment))
        normalised = _normalised(raw_weights, assignment, names)
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
        """Say how many atoms and beads there are."""
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
        positions = _checked_points(positions, "positions", self.n_atoms, "atoms")
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
        beads = _checked_points(bead_positions, "bead_positions", self.n_beads, "beads")
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
        groups = [self.atoms_of_bead(bead) for bead in range(self.n_beads)]
        return {
            "format": FORMAT_NAME,
            "format_version": FORMAT_VERSION,
            "n_atoms": self.n_atoms,
            "beads": [
                {
                    "name": name,
                    "atoms": atoms.tolist(),
                    "weights": self.weights[atoms].tolist(),
                }
                for name, atoms in zip(self.bead_names, groups, strict=True)
            ],
        }

    @classmethod
    def from_dict(cls, data: Any) -> "Mapping":
        """Make a mapping from what :meth:`to_dict` gave.

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
        n_atoms, beads = _checked_document(data)
        bead_of_atom = np.full(n_atoms, -1, dtype=np.int64)
        weights = np.zeros(n_atoms)
        for number, bead in enumerate(beads):
            atoms = _checked_bead(bead, number, n_atoms)
            if (bead_of_atom[atoms] >= 0).any():
                raise ValueError(
                    f"`beads[{number}]` holds an atom of an earlier bead; "
                    "every atom belongs to one bead"
                )
            bead_of_atom[atoms] = number
            weights[atoms] = bead["weights"]
        if (bead_of_atom < 0).any():
            atom = int(np.argmin(bead_of_atom))
            raise ValueError(
                f"`beads` do not hold atom {atom}; every atom belongs to one bead"
            )
        return cls(bead_of_atom, weights, bead_names=[bead["name"] for bead in beads])

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
        path = Path(path)
        document = self.to_dict()
        beads = ",\n".join(f"  {json.dumps(bead)}" for bead in document.pop("beads"))
        head = json.dumps(document, indent=1).removesuffix("\n}")
        text = f'{head},\n "beads": [\n{beads}\n ]\n}}\n'
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

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
        text = Path(path).read_bytes()
        try:
            return cls.from_dict(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"`path` {os.fspath(path)!r} is not a mapping this version reads "
                f"({error}); give a file written by Mapping.save"
            ) from error


def _checked_assignment(bead_of_atom: npt.ArrayLike) -> np.ndarray:
    """Return a copy of the assignment as int64, every bead of it filled."""
    given = np.asarray(bead_of_atom)
    if given.ndim != 1 or given.size == 0:
        raise ValueError(
            f"`bead_of_atom` has shape {given.shape} but must be (n_atoms,) with one "
            "atom or more; give one bead number per atom"
        )
    if not np.issubdtype(given.dtype, np.integer):
        raise TypeError(
            f"`bead_of_atom` is of type {given.dtype} but must be of integers; "
            "give one bead number per atom"
        )
    lowest, highest = int(given.min()), int(given.max())
    if lowest < 0:
        raise ValueError(
            f"`bead_of_atom` holds {lowest} but beads are numbered from 0; "
            "assign every atom to a bead"
        )
    # A gap is certain if there are more beads than atoms, and need not be counted.
    n_filled = len(np.unique(given))
    if n_filled <= highest:
        raise ValueError(
            f"`bead_of_atom` numbers beads up to {highest} but fills {n_filled} of "
            f"them; number the beads 0, 1, 2, ... without a gap"
        )
    return given.astype(np.int64)


def _checked_names(bead_names: Sequence[str], n_beads: int) -> tuple[str, ...]:
    """Return the names, one string per bead."""
    if isinstance(bead_names, str) or not all(isinstance(n, str) for n in bead_names):
        raise TypeError(
            f"`bead_names` is {bead_names!r} but must be a sequence of strings; "
            "give one name per bead"
        )
    if len(bead_names) != n_beads:
        raise ValueError(
            f"`bead_names` has {len(bead_names)} names but there are {n_beads} beads; "
            "give one name per bead"
        )
    return tuple(str(name) for name in bead_names)


def _raw_weights(weights: Any, masses: Any, n_atoms: int) -> np.ndarray:
    """Return the weights that were asked for, not yet normalised."""
    if weights is None:
        return np.ones(n_atoms)
    name = "weights"
    if isinstance(weights, str):
        if weights == "geometry":
            return np.ones(n_atoms)
        if weights != "mass":
            raise ValueError(
                f'`weights` is {weights!r} but must be "geometry", "mass" or one '
                "number per atom; choose one of them"
            )
        if masses is None:
            raise ValueError(
                '`weights` is "mass" but `masses` is None; give the masses of the atoms'
            )
        name, weights = "masses", masses
    values = np.array(weights, dtype=np.float64)
    if values.shape != (n_atoms,):
        raise ValueError(
            f"`{name}` has shape {values.shape} but there are {n_atoms} atoms; "
            "give one number per atom"
        )
    if not np.isfinite(values).all() or (values < 0).any():
        atom = int(np.argmin(np.isfinite(values) & (values >= 0)))
        raise ValueError(
            f"`{name}` holds {values[atom]} for atom {atom} but must be finite and "
            "not negative; correct that atom"
        )
    return values


def _normalised(
    weights: np.ndarray, bead_of_atom: np.ndarray, bead_names: tuple[str, ...]
) -> np.ndarray:
    """Scale the weights to sum to one over each bead."""
    heaviest = np.zeros(len(bead_names))
    np.maximum.at(heaviest, bead_of_atom, weights)
    if (heaviest == 0).any():
        bead = int(np.argmin(heaviest))
        raise ValueError(
            f"`weights` are zero for every atom of bead {bead} ({bead_names[bead]}), "
            "which leaves it without a place; give one of its atoms a weight"
        )
    totals = np.bincount(bead_of_atom, weights)
    # Weights that are normalised already stay bit for bit as they are, so that a
    # mapping survives files and pickles unchanged.
    tolerance = 2 * len(weights) * np.finfo(np.float64).eps
    if (np.abs(totals - 1) <= tolerance).all():
        return weights
    # By the heaviest first: the sum of huge weights would overflow.
    scaled = weights / heaviest[bead_of_atom]
    return scaled / np.bincount(bead_of_atom, scaled)[bead_of_atom]


def _checked_points(
    points: npt.ArrayLike, name: str, n_points: int, kind: str
) -> np.ndarray:
    """Return points as a floating-point array of shape (..., n_points, 3)."""
    array = np.asarray(points)
    if array.shape[-2:] != (n_points, 3):
        raise ValueError(
            f"`{name}` has shape {array.shape} but the mapping has {n_points} {kind}; "
            f"give an array of shape (..., {n_points}, 3)"
        )
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _checked_document(data: Any) -> tuple[int, list[Any]]:
    """Return number of atoms and list of beads of a mapping as a dictionary."""
    if not isinstance(data, dict) or data.get("format") != FORMAT_NAME:
        raise ValueError(f'it does not say "format": "{FORMAT_NAME}"')
    if data.get("format_version") != FORMAT_VERSION:
        raise ValueError(
            f"`format_version` is {data.get('format_version')!r} but this version "
            f"of the package reads {FORMAT_VERSION}"
        )
    n_atoms, beads = data.get("n_atoms"), data.get("beads")
    if not isinstance(beads, list) or type(n_atoms) is not int:
        raise ValueError("`n_atoms` must be an integer and `beads` a list")
    if n_atoms != sum(len(b["atoms"]) for b in beads if _has_lists(b)):
        raise ValueError(f"`beads` do not hold `n_atoms` = {n_atoms} atoms")
    return n_atoms, beads


def _has_lists(bead: Any) -> bool:
    """Tell whether a bead of a file has lists for its atoms and weights."""
    return isinstance(bead, dict) and all(
        isinstance(bead.get(key), list) for key in ("atoms", "weights")
    )


def _checked_bead(bead: Any, number: int, n_atoms: int) -> list[int]:
    """Return the atoms of one bead of a file."""
    if not _has_lists(bead) or not isinstance(bead.get("name"), str):
        raise ValueError(
            f"`beads[{number}]` must have a name and lists of atoms and weights"
        )
    atoms, weights = bead["atoms"], bead["weights"]
    if not all(type(atom) is int and 0 <= atom < n_atoms for atom in atoms):
        raise ValueError(
            f"`beads[{number}]` must number its atoms from 0 to {n_atoms - 1}"
        )
    if not atoms or len(atoms) != len(weights) or len(set(atoms)) != len(atoms):
        raise ValueError(
            f"`beads[{number}]` must list each of its atoms once, and one weight each"
        )
    # By comparison: an integer may be too long for a float.
    if not all(type(w) in (int, float) and abs(w) < LARGEST_FLOAT for w in weights):
        raise ValueError(f"`beads[{number}]` must have finite numbers as weights")
    return atoms
