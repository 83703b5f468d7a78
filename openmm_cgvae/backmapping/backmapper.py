"""Backmapper: coarse-grained universes in, atomistic structures out."""

import os
from functools import cached_property
from pathlib import Path

import MDAnalysis as mda
import numpy as np

from openmm_cgvae._runtime.deprecations import warn_of_old_name
from openmm_cgvae.backmapping.bead_reader import Beads, check_group
from openmm_cgvae.backmapping.model_choice.bead_matching import bead_names_of
from openmm_cgvae.backmapping.model_choice.choose_model import choose_model
from openmm_cgvae.backmapping.packing import non_overlapping_samples
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.backmapping.streaming import (
    Backend,
    Job,
    WrittenTrajectory,
    backmap_frames,
)
from openmm_cgvae.backmapping.streaming.backends import check_backend
from openmm_cgvae.backmapping.streaming.block_reader import (
    about_torn_end,
    check_not_read,
)
from openmm_cgvae.backmapping.streaming.growing_files import (
    INTERMEDIATE,
    ROWS_OF_FRAMES,
    files_of,
)
from openmm_cgvae.chemistry.proteins import ProteinBeads
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.replicas import beside, repeat
from openmm_cgvae.model import Model
from openmm_cgvae.model.noise import seed_or_new
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.ensemble import AtomisticEnsemble
from openmm_cgvae.structures.export.universes import check_ending

# Enough that opening and closing files costs nothing, little enough to keep memory
# small, and not to lose much if a run is killed.
N_FRAMES_READ_AT_ONCE = 2000
N_ATOMS_MADE_AT_ONCE = 2**18


class Backmapper:
    """Turn the beads of a coarse-grained universe back into atoms.

    Parameters
    ----------
    universe : MDAnalysis.Universe, AtomGroup or ProteinBeads
        The beads, of one molecule or of any number of them. Those of a molecule may
        be in another order than the model's if names and residue numbers tell which
        is which. Of a protein, `proteins.protein_from_beads` lets you choose
        disulfides and protonation.
    model : Model, str or path-like, optional
        A model, the name of one that ships with the package, or a model file. By
        default the shipped model with the universe's own residue and bead names, or
        else the one for any protein with beads of that family.
    batch_size : int, optional
        Structures decoded at once; results do not depend on it. By default as many
        as are fast.
    unknown : {"raise", "drop", "keep"}
        What to do with particles that are not of the model's molecules, by the names
        of beads and residues. They are no part of the structures if dropped; if kept,
        they come as they are after the atoms of all molecules.
    temperature : float
        Sampling temperature: from 1, samples as they are likely, to 0, the single most
        likely structure. Between them samples are nearer to the truth one by one, and
        vary too little.
    spread : float, optional
        The name of ``temperature`` in version 0.1, deprecated.

    Attributes
    ----------
    model : Model
        The model in use.
    beads, dropped, kept : MDAnalysis.AtomGroup
        The beads that are backmapped, in the order of the model; those that are left
        out; and those that are put beside the atoms.
    is_reordered : bool
        Whether the beads were put into the model's order.
    notes : tuple of str
        What was taken for granted about a protein: protonation, gaps, bridges.

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
        universe: "mda.Universe | mda.AtomGroup | ProteinBeads",
        model: "Model | str | os.PathLike[str] | None" = None,
        *,
        batch_size: int | None = None,
        unknown: str = "raise",
        temperature: float = 1.0,
        spread: float | None = None,
    ) -> None:
        if spread is not None:
            warn_of_old_name("Backmapper(spread=...)", "Backmapper(temperature=...)")
            temperature = spread
        beads = universe if isinstance(universe, ProteinBeads) else universe.atoms
        group = beads.known if isinstance(beads, ProteinBeads) else beads
        check_group(group)
        if unknown not in ("raise", "drop", "keep"):
            raise ValueError(
                f"`unknown` is {unknown!r} but must be 'raise', 'drop' or 'keep', for "
                "beads the model does not know"
            )
        choice = choose_model(beads, model, allows_others=unknown != "raise")
        self.model, found, self.notes = choice.model, choice.found, choice.notes
        self.beads = found.known
        self.is_reordered = found.is_reordered
        nothing = group[[]]
        self.dropped = found.others if unknown == "drop" else nothing
        self.kept = found.others if unknown == "keep" else nothing
        self._source = Beads(self.beads, self.model.mapping.n_beads, self.kept)
        self._sampler = Sampler(self.model, batch_size, temperature)

    def __repr__(self) -> str:
        """Give one line."""
        molecule = self.model.atom_table.describe()
        times = f"{self.n_molecules} times " if self.n_molecules > 1 else ""
        groups = ((self.dropped, "left out"), (self.kept, "kept as they are"))
        notes = [f"{len(group)} others {what}" for group, what in groups if len(group)]
        if self.is_reordered:
            notes.append("put in the model's order")
        about = "".join(f", {note}" for note in notes)
        return f"<Backmapper from {len(self.beads)} beads to {times}{molecule}{about}>"

    @property
    def n_molecules(self) -> int:
        """Number of molecules that are backmapped side by side."""
        return self._source.n_molecules

    @cached_property
    def atom_table(self) -> AtomTable:
        """The atoms of all molecules, and what is kept beside them."""
        table = repeat(self.model.atom_table, self.n_molecules)
        if not len(self.kept):
            return table
        return beside(table, AtomTable.from_particles(self.kept))

    @cached_property
    def mapping(self) -> Mapping:
        """The beads of all molecules, and what is kept, each a bead of its own."""
        mapping = repeat(self.model.mapping, self.n_molecules)
        if not len(self.kept):
            return mapping
        names = [bead for _, bead in bead_names_of(self.kept)]
        alone = Mapping(np.arange(len(names)), np.ones(len(names)), bead_names=names)
        return beside(mapping, alone)

    def sample(
        self,
        n: int = 1,
        seed: int | None = None,
        *,
        candidates: int = 1,
        correlation_time: float | None = None,
    ) -> AtomisticEnsemble:
        """Draw atomistic structures for the current frame.

        Parameters
        ----------
        n : int
            How many.
        seed : int, optional
            The same seed gives the same atoms. By default a new one is drawn and
            noted in the ``info`` of every state.
        candidates : int
            Structures made of each molecule for one sample; of these the ones are
            taken that overlap least with the other molecules, see
            `packing.choose_non_overlapping`. With one, molecules know nothing of each
            other.
        correlation_time : float, optional
            As in `run`, whose frames are these samples.

        Returns
        -------
        AtomisticEnsemble
            The structures; coarse-graining any of them gives the beads back.

        Raises
        ------
        ValueError
            If ``n`` or ``candidates`` is less than one, or a bead has no position.
        """
        n, seed = _checked_count("n", n), seed_or_new(seed)
        candidates = _checked_count("candidates", candidates)
        frame = self._source.read()
        beads = frame.positions
        made = self._sampler.sample_many(
            beads[None],
            np.array([frame.number]),
            n * candidates,
            seed,
            self._in_frames(correlation_time),
        )
        atoms = non_overlapping_samples(made, candidates, [frame.box]).reshape(n, -1, 3)
        others = np.broadcast_to(frame.others, (n, *frame.others.shape))
        return AtomisticEnsemble(
            self.atom_table,
            np.concatenate([atoms, others], axis=1),
            mapping=self.mapping,
            bead_positions=np.concatenate([beads.reshape(-1, 3), frame.others]),
            box=frame.box,
            info=[
                {
                    "frame": frame.number,
                    "time": frame.time,
                    "seed": seed,
                    "sample": sample,
                }
                for sample in range(n)
            ],
        )

    def run(  # noqa: PLR0913 - the settings of a long run
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        *,
        n: int = 1,
        candidates: int = 1,
        output: str | os.PathLike[str],
        seed: int = 0,
        progress: bool = True,
        on_error: str = "raise",
        backend: Backend = "serial",
        n_workers: int | None = None,
        correlation_time: float | None = None,
    ) -> WrittenTrajectory:
        """Draw structures for every frame and write them to a trajectory.

        Frames are read, decoded and written a few hundred at a time, so memory does
        not grow with the trajectory. The file appears under its name when it is
        complete. Until then all that is done is in a folder ``<output>.parts``; the
        same call continues a run that was killed, and gives the same file. The
        universe stays at the frame it was at.

        Parameters
        ----------
        start, stop, step : int, optional
            Which frames, as in a slice.
        n : int
            Samples of each frame, written as consecutive frames.
        candidates : int
            Structures of each molecule to choose from for one sample, as in `sample`.
        output : path-like
            Any trajectory format MDAnalysis writes, by its extension. With
            ``{sample}`` in its name every sample index has a file of its own.
        seed : int
            Seed; the samples of a frame depend on it and the frame's number alone.
        progress : bool
            Whether to show a progress bar.
        on_error : {"raise", "skip"}
            What to do with frames that cannot be read or have no positions.
        backend : str, Client or BackendBase
            ``"serial"``, ``"multiprocessing"``, ``"dask"``, a
            ``dask.distributed.Client`` whose workers see the same files, or a
            backend of MDAnalysis. All give the same file.
        n_workers : int, optional
            Processes of the backends that are named; one for every core by default.
        correlation_time : float, optional
            Time over which the samples of a trajectory forget their latents [ps]; by
            default every frame is drawn independently. The distribution of the
            structures of a frame is the same.

        Returns
        -------
        WrittenTrajectory
            The path of the trajectory, or the first of them, with ``files``,
            ``n_frames``, ``skipped`` and ``seconds``.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ValueError
            If there is no frame to read, ``n`` is less than one, a bead has no
            position, the format is unknown, or it holds one structure and there are
            more, the universe is read from the file, or an unfinished run with other
            settings is in the way.
        """
        n, seed = _checked_count("n", n), seed_or_new(seed)
        candidates = _checked_count("candidates", candidates)
        if on_error not in ("raise", "skip"):
            raise ValueError(
                f"`on_error` is {on_error!r} but must be 'raise' or 'skip'"
            )
        check_backend(backend, n_workers)
        trajectory = self.beads.universe.trajectory
        numbers = range(int(trajectory.n_frames))[slice(start, stop, step)]
        if not len(numbers):
            raise ValueError(
                f"`start`, `stop`, `step` are {start}, {stop}, {step}, which is no "
                f"frame of {trajectory.n_frames}; choose frames that exist"
            )
        torn = "" if stop is not None else about_torn_end(trajectory)
        if torn and on_error == "raise":
            raise ValueError(torn)
        path = Path(output)
        outputs = files_of(path, n)
        check_not_read(self.beads.universe, outputs)
        for each in outputs:
            check_ending(each, len(numbers) * n // len(outputs), "output")
        ending = path.suffix[1:].lower()
        n_structures = self.n_molecules * n * candidates
        frames_per_block = min(
            N_FRAMES_READ_AT_ONCE // n_structures,
            N_ATOMS_MADE_AT_ONCE // (n_structures * self.model.mapping.n_atoms),
        )
        job = Job(
            beads=self._source,
            model=self.model,
            batch_size=self._sampler.batch_size,
            temperature=self._sampler.temperature,
            frames=numbers,
            frames_per_block=max(1, frames_per_block),
            n=n,
            candidates=candidates,
            seed=seed,
            correlation=self._in_frames(correlation_time),
            is_split=len(outputs) > 1,
            skips=on_error == "skip",
            format=ending if ending in ROWS_OF_FRAMES else INTERMEDIATE,
            folder=path.with_name(f"{path.name}.parts"),
            atom_table=self.atom_table,
        )
        here = trajectory.frame
        try:
            written = backmap_frames(
                job, outputs, backend, n_workers, shows_progress=progress
            )
        finally:
            trajectory[here]
        if torn:
            written.skipped[trajectory.n_frames] = torn
        return written

    def _in_frames(self, correlation_time: float | None) -> float | None:
        if correlation_time is None:
            return None
        if not 0 < correlation_time < np.inf:
            raise ValueError(
                f"`correlation_time` is {correlation_time} ps but must be positive and "
                "finite; leave it out to have independent frames"
            )
        return float(correlation_time) / float(self.beads.universe.trajectory.dt)


def _checked_count(name: str, n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(
            f"`{name}` is {n!r} but must be a whole number of at least 1; ask for one "
            "or more"
        )
    return int(n)
