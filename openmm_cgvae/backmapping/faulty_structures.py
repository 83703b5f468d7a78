"""Faulty structures: found in every block that is decoded, and drawn again if asked.

Every structure is looked at for wrong chirality, unexpected cis and twisted amides,
bonds of a wrong length and atoms far from their bead, see
`structures.report.fault_finder.FaultFinder`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.report import FaultFinder

__all__ = [
    "MOST_NAMED",
    "N_ATTEMPTS",
    "FaultyStructure",
    "FaultyStructureError",
    "checked_on_fault",
    "find_faulty_structures",
    "redraw_faulty",
]

N_ATTEMPTS = 10  # so often a faulty structure is drawn again
MOST_NAMED = 1000  # structures of a run whose faults are told; others are counted
_CHOICES = ("warn", "raise", "resample")
_ABOUT = (
    "`universe` gives a structure with faults in frame {frame}, sample {sample}: "
    "{what}; have it drawn again by on_fault='resample', or look at the beads there"
)


class FaultyStructure(NamedTuple):
    """A structure with faults.

    Attributes
    ----------
    frame : int
        Number of its frame.
    sample : int
        Which sample of the frame.
    what : str
        The faults, and the residues they are in.
    """

    frame: int
    sample: int
    what: str


class FaultyStructureError(ValueError):
    """A structure has faults, and such are not wanted."""

    @classmethod
    def about(cls, faulty: FaultyStructure) -> "FaultyStructureError":
        """Return the error about a structure."""
        return cls(_ABOUT.format(**faulty._asdict()))


def checked_on_fault(on_fault: str) -> str:
    """Check what to do about faults.

    Raises
    ------
    ValueError
        If it is none of the choices.

    Examples
    --------
    >>> checked_on_fault("warn")
    'warn'
    """
    if on_fault not in _CHOICES:
        raise ValueError(
            f"`on_fault` is {on_fault!r} but must be 'warn', 'raise' or 'resample'"
        )
    return on_fault


def find_faulty_structures(
    finder: FaultFinder,
    atom_table: AtomTable,
    frames: np.ndarray,
    bead_positions: np.ndarray,
    structures: np.ndarray,
) -> tuple[int, list[FaultyStructure]]:
    """Find the structures of a block that have faults.

    Parameters
    ----------
    finder : FaultFinder
        What knows the molecule.
    atom_table : AtomTable
        The molecule.
    frames : ndarray of int, shape (n_frames,)
        Numbers of the frames.
    bead_positions : ndarray, shape (n_frames, n_molecules, n_beads, 3)
        Their beads [Å].
    structures : ndarray, shape (n_frames, n, n_molecules, n_atoms, 3)
        What was drawn [Å].

    Returns
    -------
    n_faulty : int
        How many samples have faults in one of their molecules.
    faulty : list of FaultyStructure
        The first of them.
    """
    n_frames, n, n_molecules = structures.shape[:3]
    beads = np.broadcast_to(
        bead_positions[:, None], (n_frames, n, *bead_positions.shape[1:])
    )
    faults = finder.find(
        structures.reshape(-1, *structures.shape[3:]),
        beads.reshape(-1, *beads.shape[3:]),
    )
    # Structures of single molecules: those of a sample are one after the other.
    molecules = np.unique(faults.structure)
    samples, first = np.unique(molecules // n_molecules, return_index=True)
    named = []
    for sample, molecule in zip(
        samples[:MOST_NAMED].tolist(), molecules[first].tolist(), strict=False
    ):
        frame, copy = divmod(sample, n)
        what = faults.describe(atom_table, molecule)
        if n_molecules > 1:
            what += f" (molecule {molecule % n_molecules})"
        named.append(FaultyStructure(int(frames[frame]), copy, what))
    return len(samples), named


def redraw_faulty(
    atoms: np.ndarray,
    noise: np.ndarray,
    bead_positions: np.ndarray,
    finder: FaultFinder,
    noise_of: Callable[[np.ndarray, int], np.ndarray],
    decode: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Draw faulty structures again, with other noise for the beads at the faults.

    The noise of all other beads stays, so that a long chain with one fault does not
    become another that has one elsewhere. What has fewer faults than before is kept.

    Parameters
    ----------
    atoms : ndarray, shape (n_structures, n_atoms, 3)
        Structures [Å].
    noise : ndarray, shape (n_structures, n_beads, n_latents)
        The noise they were made with.
    bead_positions : ndarray, shape (n_structures, n_beads, 3)
        Their beads [Å].
    finder : FaultFinder
        What knows the molecule and its mapping.
    noise_of : callable
        Returns the noise of some of the structures, by their numbers, for an attempt.
    decode : callable
        Returns structures of beads and noise.

    Returns
    -------
    ndarray, shape (n_structures, n_atoms, 3)
        The structures; those that had no fault are the same.
    """
    faults = finder.find(atoms, bead_positions)
    n_faults = np.bincount(faults.structure, minlength=len(atoms))
    if not n_faults.any():
        return atoms
    atoms, noise = atoms.copy(), noise.copy()
    for attempt in range(1, N_ATTEMPTS + 1):
        rows = np.flatnonzero(n_faults)
        if not len(rows):
            break
        is_near = finder.beads_near(finder.find(atoms[rows]), len(rows))
        tried = np.where(is_near[..., None], noise_of(rows, attempt), noise[rows])
        made = decode(bead_positions[rows], tried)
        found = finder.find(made, bead_positions[rows])
        n_found = np.bincount(found.structure, minlength=len(rows))
        better = n_found < n_faults[rows]
        atoms[rows[better]], noise[rows[better]] = made[better], tried[better]
        n_faults[rows[better]] = n_found[better]
    return atoms
