"""Backmapper: coarse-grained universes in, atomistic structures out."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import MDAnalysis as mda
import numpy as np
from MDAnalysis.lib.distances import minimize_vectors
from tqdm.auto import tqdm

from openmm_cgvae.ensemble import AtomisticEnsemble
from openmm_cgvae.export import make_universe, structure_writer
from openmm_cgvae.model import CGVAE
from openmm_cgvae.pretrained import bead_names_of, find_model, load_model
from openmm_cgvae.sampling import Sampler

N_FRAMES_READ_AT_ONCE = 256


class Backmapper:
    """Turn the beads of a coarse-grained universe back into atoms.

    Parameters
    ----------
    universe : MDAnalysis.Universe or AtomGroup
        The beads, one molecule, in the order of the model's beads.
    model : CGVAE, str or path-like, optional
        A model, the name of one that ships with the package, or a model file. By
        default the shipped model with the universe's own residue and bead names.
    batch_size : int
        Structures decoded at once; results do not depend on it.

    Attributes
    ----------
    model : CGVAE
        The model in use.

    Raises
    ------
    LookupError
        If no model is given and none of the package fits, or several do.
    ValueError
        If the universe does not have the model's beads, or has atoms instead.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> from openmm_cgvae import coarse_grain, load_model
    >>> from openmm_cgvae.data import data_path
    >>> atoms = mda.Universe(
    ...     str(data_path("alanine-dipeptide.pdb")),
    ...     str(data_path("alanine-dipeptide.xtc")),
    ... )
    >>> beads = coarse_grain(atoms, load_model("alanine-dipeptide-3").mapping)
    >>> Backmapper(beads).sample(n=10, seed=1)
    <AtomisticEnsemble of 10 samples of 22 atoms (ACE ALA NME)>
    """

    def __init__(
        self,
        universe: "mda.Universe | mda.AtomGroup",
        model: "CGVAE | str | os.PathLike[str] | None" = None,
        *,
        batch_size: int = 256,
    ) -> None:
        self.beads = universe.atoms
        _check_group(self.beads)
        if model is None:
            model = find_model(self.beads)
        elif not isinstance(model, CGVAE):
            model = load_model(model)
        self.model = model
        self._check_beads()
        self._sampler = Sampler(model, batch_size)

    def __repr__(self) -> str:
        """Give one line."""
        return (
            f"<Backmapper from {len(self.beads)} beads to "
            f"{self.model.atom_table.describe()}>"
        )

    def sample(self, n: int = 1, seed: int | None = None) -> AtomisticEnsemble:
        """Draw atomistic structures for the current frame.

        Parameters
        ----------
        n : int
            How many.
        seed : int, optional
            The same seed gives the same atoms. By default a new one is drawn and
            noted in the ``info`` of every state.

        Returns
        -------
        AtomisticEnsemble
            The structures; coarse-graining any of them gives the beads back.

        Raises
        ------
        ValueError
            If ``n`` is less than one or a bead has no position.
        """
        n, seed = _checked_count(n), checked_seed(seed)
        frame, time, beads, box = self._read()
        atoms = self._sampler.sample(beads[None], np.array([frame]), n, seed)[0]
        return AtomisticEnsemble(
            self.model.atom_table,
            atoms,
            mapping=self.model.mapping,
            bead_positions=beads,
            box=box,
            info=[
                {"frame": frame, "time": time, "seed": seed, "sample": sample}
                for sample in range(n)
            ],
        )

    def run(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        *,
        n: int = 1,
        output: str | os.PathLike[str],
        seed: int = 0,
        progress: bool = True,
    ) -> Path:
        """Draw structures for every frame and write them to a trajectory.

        Frames are read, decoded and written a few hundred at a time, so memory does
        not grow with the trajectory. The file appears under its name when it is
        complete. The universe stays at the frame it was at.

        Parameters
        ----------
        start, stop, step : int, optional
            Which frames, as in a slice.
        n : int
            Samples of each frame, written as consecutive frames.
        output : path-like
            Any trajectory format MDAnalysis writes, by its extension.
        seed : int
            Seed; the samples of a frame depend on it and the frame's number alone.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        Path
            The trajectory.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ValueError
            If there is no frame to read, ``n`` is less than one, a bead has no
            position, the format is unknown, or it holds one structure and there are
            more.
        """
        n, seed = _checked_count(n), checked_seed(seed)
        trajectory = self.beads.universe.trajectory
        numbers = range(trajectory.n_frames)[slice(start, stop, step)]
        if not len(numbers):
            raise ValueError(
                f"`start`, `stop`, `step` are {start}, {stop}, {step}, which is no "
                f"frame of {trajectory.n_frames}; choose frames that exist"
            )
        table = self.model.atom_table
        atoms = make_universe(table, np.zeros((1, table.n_atoms, 3)))
        n_samples = len(numbers) * n
        here = trajectory.frame
        try:
            with (
                structure_writer(table.n_atoms, output, n_samples, "output") as writer,
                tqdm(
                    total=len(numbers),
                    desc="backmapping",
                    unit="frame",
                    disable=not progress,
                ) as bar,
            ):
                for chunk in self._chunks(numbers):
                    self._write(chunk, n, seed, atoms, writer)
                    bar.update(len(chunk))
        finally:
            trajectory[here]
        return Path(output)

    def _chunks(self, numbers: range) -> "Iterator[list[tuple]]":
        trajectory = self.beads.universe.trajectory
        for first in range(0, len(numbers), N_FRAMES_READ_AT_ONCE):
            chosen = numbers[first : first + N_FRAMES_READ_AT_ONCE]
            chunk = []
            for number in chosen:
                trajectory[number]
                chunk.append(self._read())
            yield chunk

    def _write(
        self, chunk: list[tuple], n: int, seed: int, atoms: mda.Universe, writer: object
    ) -> None:
        frames, times, beads, boxes = zip(*chunk, strict=True)
        made = self._sampler.sample(np.stack(beads), np.array(frames), n, seed)
        timestep = atoms.trajectory.ts
        for row, structures in enumerate(made):
            for structure in structures:
                timestep.positions = structure
                timestep.dimensions = boxes[row]
                timestep.time = times[row]
                timestep.frame = frames[row]
                # The universe and not its atoms, whose timestep would be a copy.
                writer.write(atoms)  # type: ignore[attr-defined]

    def _read(self) -> tuple[int, float, np.ndarray, np.ndarray | None]:
        """Read the current frame: number, time [ps], beads made whole [A], box."""
        timestep = self.beads.universe.trajectory.ts
        positions = self.beads.positions.astype(np.float64)
        if not np.isfinite(positions).all():
            bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
            raise ValueError(
                f"`universe` has no position for bead {bad[0]} in frame "
                f"{timestep.frame} (not a number); mend or leave out the frame"
            )
        time = _time_of(timestep)
        box = timestep.dimensions
        if box is None or not np.any(box[:3]):
            return timestep.frame, time, positions, None
        # Bead after bead by the nearest image: the molecule is whole afterwards.
        steps = minimize_vectors(np.diff(positions, axis=0), box).astype(np.float64)
        whole = positions[0] + np.concatenate([np.zeros((1, 3)), steps.cumsum(0)])
        return timestep.frame, time, whole, np.array(box)

    def _check_beads(self) -> None:
        table, mapping = self.model.atom_table, self.model.mapping
        n_beads = len(self.beads)
        if n_beads == table.n_atoms and n_beads != mapping.n_beads:
            raise ValueError(
                f"`universe` has {n_beads} atoms, as many as the model makes, but "
                "beads are wanted; use coarse_grain(universe, model.mapping)"
            )
        if n_beads != mapping.n_beads:
            raise ValueError(
                f"`universe` has {n_beads} beads but the model has {mapping.n_beads} "
                f"for {table.describe()}; select those of one molecule or choose "
                "another model"
            )
        residues = [residue for residue, _ in bead_names_of(self.beads)]
        first = [mapping.atoms_of_bead(bead)[0] for bead in range(n_beads)]
        wanted = [table.residue_names[table.residue_of_atom[atom]] for atom in first]
        if all(residues) and residues != wanted:
            raise ValueError(
                f"`universe` has beads of the residues {' '.join(residues)} but the "
                f"model's are {' '.join(wanted)}; order the beads so or choose another "
                "model"
            )


def _check_group(beads: "mda.AtomGroup") -> None:
    if not len(beads):
        raise ValueError("`universe` has no beads; select the beads of the molecule")
    if len(np.unique(beads.indices)) != len(beads):
        raise ValueError("`universe` has a bead twice; take `atoms.unique`")
    if not hasattr(beads.universe, "trajectory"):
        raise ValueError(
            "`universe` has no positions; load them with universe.load_new first"
        )


def _time_of(timestep: "mda.coordinates.timestep.Timestep") -> float:
    """Return the time [ps]; a single structure has none, which then is 0."""
    if "time" in timestep.data:
        return float(timestep.time)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Reader has no dt information")
        return float(timestep.time)


def _checked_count(n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(
            f"`n` is {n!r} but must be a whole number of at least 1; ask for one "
            "sample or more"
        )
    return int(n)


def checked_seed(seed: int | None) -> int:
    """Give a seed, drawing a new one for None.

    Parameters
    ----------
    seed : int or None
        What the user gave.

    Returns
    -------
    int
        At least 0 and less than 2**63.

    Raises
    ------
    ValueError
        If the seed is anything else.
    """
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    is_whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if not is_whole or not 0 <= seed < 2**63:
        raise ValueError(
            f"`seed` is {seed!r} but must be a whole number from 0 to 2**63 - 1"
        )
    return int(seed)
