"""Decoding blocks of beads: the one path from beads to atoms.

`Backmapper.sample`, the blocks of `Backmapper.run` and `BackmapReporter` all go it.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from openmm_cgvae._runtime.arguments import checked_count
from openmm_cgvae.backmapping.bead_reader import (
    BadFrameError,
    BeadBlock,
    BeadFrame,
    tree_of_beads,
)
from openmm_cgvae.backmapping.contact_images import moves_to_contact
from openmm_cgvae.backmapping.faulty_structures import (
    FaultyStructureError,
    checked_on_fault,
    find_faulty_structures,
)
from openmm_cgvae.backmapping.non_overlapping import non_overlapping_samples
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.model.noise import checked_seed

__all__ = ["Decoding", "checked_correlation_time"]

_FRAME_BY_FRAME = ("numbers", "times", "positions", "boxes", "others")
# Each frame is a sum of the noises of seven times as many frames.
_LONGEST_CORRELATION = 10_000
_NO_ATOMS = (
    "`universe` has beads in frame {number} of which the model makes no atoms (not a "
    "number); they are too unlike what it was trained on: look at them, or leave out "
    "the frame"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Decoding:
    """How structures are drawn for beads.

    Parameters
    ----------
    sampler : Sampler
        The model, with its batch size and temperature.
    n : int
        Samples of each frame.
    candidates : int
        Structures of each molecule to choose from for one sample, see
        `packing.choose_non_overlapping`.
    seed : int
        Seed, at least 0 and less than 2**63.
    correlation : float, optional
        Correlation time of the latents [frames]. By default frames are independent.
    on_fault : {"warn", "raise", "resample"}
        What to do about structures with faults: name them, refuse them, or draw them
        again up to ten times and name those that are left.

    Raises
    ------
    ValueError
        If ``n`` or ``candidates`` is less than one, or the seed or the correlation time
        is not possible.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> from openmm_cgvae import coarse_grain, load_model
    >>> from openmm_cgvae.backmapping.bead_reader import Beads
    >>> from openmm_cgvae.data import data_path
    >>> model = load_model("alanine-dipeptide-3")
    >>> atoms = mda.Universe(str(data_path("alanine-dipeptide.pdb")))
    >>> beads = Beads(coarse_grain(atoms, model.mapping).atoms, 3)
    >>> decoding = Decoding(sampler=Sampler(model), n=4, seed=1)
    >>> _, atoms = decoding.decode(beads.block_of([beads.read()]))
    >>> atoms.shape
    (1, 4, 22, 3)
    """

    sampler: Sampler
    n: int = 1
    candidates: int = 1
    seed: int
    correlation: float | None = None
    on_fault: str = "warn"

    def __post_init__(self) -> None:
        """Validate the numbers."""
        for name in ("n", "candidates"):
            object.__setattr__(self, name, checked_count(name, getattr(self, name)))
        object.__setattr__(self, "seed", checked_seed(self.seed))
        checked_on_fault(self.on_fault)
        if self.correlation is not None and self.correlation > _LONGEST_CORRELATION:
            raise ValueError(
                f"`correlation_time` is {self.correlation:g} times the time between "
                f"frames but may be {_LONGEST_CORRELATION} times at most; give a "
                "shorter one, in ps, or temperature=0 for structures that never change "
                "by themselves"
            )

    def decode(
        self, beads: BeadBlock, *, skips: bool = False
    ) -> tuple[BeadBlock, np.ndarray]:
        """Draw the samples of every frame.

        Parameters
        ----------
        beads : BeadBlock
            The beads.
        skips : bool
            Whether frames of which the model makes no atoms are left out; otherwise
            they are errors.

        Returns
        -------
        beads : BeadBlock
            The frames that are left, with what has faults.
        atoms : ndarray of float64, shape (n_frames, n, n_atoms, 3)
            Their structures: the atoms of all molecules, and then what is kept
            beside them [Å].

        Raises
        ------
        BadFrameError
            If the model makes no atoms of a frame and such are not left out.
        FaultyStructureError
            If a structure has faults and ``on_fault`` is ``"raise"``.
        """
        model = self.sampler.model
        tree = tree_of_beads(model.atom_table, model.mapping)
        moves = moves_to_contact(beads.positions, beads.boxes, tree)
        # (n_frames, n * candidates, n_molecules, n_atoms of a molecule, 3)
        drawn = self.sampler.sample_many(
            beads.positions if moves is None else beads.positions + moves,
            beads.numbers,
            self.n * self.candidates,
            self.seed,
            self.correlation,
            redraws=self.on_fault == "resample",
        )
        if moves is not None:
            # Back to where the beads are: a chain moves with all of its beads.
            drawn = drawn - moves[:, None, :, model.mapping.bead_of_atom]
        beads, drawn = _finite_frames(beads, drawn, skips=skips)
        # (n_frames, n, n_molecules, n_atoms of a molecule, 3)
        chosen = non_overlapping_samples(drawn, self.candidates, beads.boxes)
        n_faulty, faulty = find_faulty_structures(
            self.sampler.fault_finder,
            model.atom_table,
            beads.numbers,
            beads.positions,
            chosen,
        )
        if faulty and self.on_fault == "raise":
            raise FaultyStructureError.about(faulty[0])
        beads = replace(beads, n_faulty=n_faulty, faulty=faulty)
        n_frames, n, *each = chosen.shape[:4]
        atoms = chosen.reshape(n_frames, n, math.prod(each), 3)
        if beads.others.size:
            others = np.repeat(beads.others[:, None], n, axis=1)
            atoms = np.concatenate([atoms, others], axis=2)
        return beads, atoms

    def info_of(self, frame: BeadFrame, block: BeadBlock) -> list[dict[str, Any]]:
        """Return where each sample of a frame comes from, and its faults.

        Parameters
        ----------
        frame : BeadFrame
            The frame.
        block : BeadBlock
            What `decode` returned of it alone.

        Returns
        -------
        list of dict
            Frame, time [ps], seed, sample, and faults where there are some.
        """
        origin = {"frame": frame.number, "time": frame.time, "seed": self.seed}
        faults = {each.sample: {"faults": each.what} for each in block.faulty}
        return [
            origin | {"sample": sample, **faults.get(sample, {})}
            for sample in range(self.n)
        ]


def checked_correlation_time(time: float | None) -> float | None:
    """Check a correlation time.

    Parameters
    ----------
    time : float or None
        The time [ps]; None for independent frames.

    Returns
    -------
    float or None
        The same.

    Raises
    ------
    ValueError
        If it is not positive and finite.

    Examples
    --------
    >>> checked_correlation_time(5.0)
    5.0
    """
    if time is None:
        return None
    if not 0 < time < np.inf:
        raise ValueError(
            f"`correlation_time` is {time} ps but must be positive and finite; leave "
            "it out to have independent frames"
        )
    return float(time)


def _finite_frames(
    beads: BeadBlock, drawn: np.ndarray, *, skips: bool
) -> tuple[BeadBlock, np.ndarray]:
    """Return the frames of which the model makes atoms; refuse others, or skip them."""
    is_finite = np.isfinite(drawn).all(axis=tuple(range(1, drawn.ndim)))
    if is_finite.all():
        return beads, drawn
    why = [
        (number, _NO_ATOMS.format(number=number))
        for number in beads.numbers[~is_finite].tolist()
    ]
    if not skips:
        raise BadFrameError(why[0][1])
    left = {name: getattr(beads, name)[is_finite] for name in _FRAME_BY_FRAME}
    skipped = sorted([*beads.skipped, *why])
    return replace(beads, **left, skipped=skipped), drawn[is_finite]
