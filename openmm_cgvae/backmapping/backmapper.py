"""Backmapper: atomistic structures of the beads of a coarse-grained universe."""

import copy
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import MDAnalysis as mda
import numpy as np

from openmm_cgvae._runtime.deprecations import warn_of_old_name
from openmm_cgvae.backmapping.bead_reader import Beads, checked_beads, tree_of_beads
from openmm_cgvae.backmapping.decoding import Decoding, checked_correlation_time
from openmm_cgvae.backmapping.model_choice.bead_matching import bead_names_of
from openmm_cgvae.backmapping.model_choice.choose_model import choose_model
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.backmapping.streaming import (
    Backend,
    Job,
    WrittenTrajectory,
    backmap_frames,
)
from openmm_cgvae.backmapping.streaming.backends import check_backend
from openmm_cgvae.backmapping.streaming.block_reader import (
    chosen_frames,
    staying_at_frame,
)
from openmm_cgvae.backmapping.streaming.job import frames_per_block
from openmm_cgvae.backmapping.streaming.run_files import RunFiles
from openmm_cgvae.chemistry.proteins import ProteinBeads
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.replicas import beside, repeat
from openmm_cgvae.model import Model, TransferableModel
from openmm_cgvae.model.noise import seed_or_new
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.ensemble import AtomisticEnsemble

__all__ = ["Backmapper"]


class Backmapper:
    """Turn the beads of a coarse-grained universe back into atoms.

    Parameters
    ----------
    universe : MDAnalysis.Universe, AtomGroup or ProteinBeads
        The beads of any number of molecules, each in the order of the model, or in
        another one that names and residue numbers tell. Of a protein,
        `protein_from_beads` lets you choose disulfides and protonation.
    model : Model, TransferableModel, str or path-like, optional
        A model, the name of one that ships with the package, or a model file. By
        default the shipped model with the universe's own residue and bead names, or
        else the one for any protein with beads of that family.
    family : {"alpha-carbon", "residue", "martini3", "martini2"}, optional
        Family of the beads of a protein, where names and distances mislead.
    batch_size : int, optional
        Structures decoded at once; changes no result. By default as many as are fast.
    unknown : {"raise", "drop", "keep"}
        What to do with particles that are not of the model's molecules, by the names
        of beads and residues. They are no part of the structures if dropped; if kept,
        they come as they are after the atoms of all molecules.
    temperature : float
        Sampling temperature: from 1, samples as they are likely, to 0, the single most
        likely structure. Between them samples are nearer to the truth, and vary less.
    bead_slack : float
        How far beads may move where no atoms fit them [Å]; ``bead_positions`` of
        structures are where they went.
    spread : float, optional
        The name of ``temperature`` in version 0.1, deprecated.

    Attributes
    ----------
    model : Model
        The model in use.
    sampler : Sampler
        What draws the structures, with the batch size and the temperature.
    beads, dropped, kept : MDAnalysis.AtomGroup
        The beads that are backmapped, in the order of the model; those that are left
        out; and those that are put beside the atoms.
    is_reordered : bool
        Whether the beads were put into the model's order.
    notes : tuple of str
        What was taken for granted about a protein: protonation, gaps, bridges; and
        whether its beads are unlike those of crystals in the frame it was made at.

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
        model: "Model | TransferableModel | str | os.PathLike[str] | None" = None,
        *,
        family: str | None = None,
        batch_size: int | None = None,
        unknown: str = "raise",
        temperature: float = 1.0,
        bead_slack: float = 0.0,
        spread: float | None = None,
    ) -> None:
        if spread is not None:
            warn_of_old_name("Backmapper(spread=...)", "Backmapper(temperature=...)")
            temperature = spread
        group = checked_beads(universe)
        if unknown not in ("raise", "drop", "keep"):
            raise ValueError(
                f"`unknown` is {unknown!r} but must be 'raise', 'drop' or 'keep', for "
                "beads the model does not know"
            )
        allows = unknown != "raise"
        choice = choose_model(universe, model, family=family, allows_others=allows)
        self.model, found, self.beads = choice.model, choice.found, choice.found.known
        self.is_reordered = found.is_reordered
        self.dropped = found.others if unknown == "drop" else group[[]]
        self.kept = found.others if unknown == "keep" else group[[]]
        n_beads = self.model.mapping.n_beads
        tree = tree_of_beads(self.model.atom_table, self.model.mapping)
        self._source = Beads(self.beads, n_beads, self.kept, tree, choice.neighbours)
        self.notes = (*choice.notes, *self._source.notes())
        self.sampler = Sampler(self.model, batch_size, temperature, bead_slack)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Backmapper":
        """Return a copy with a model and a universe of its own, at the same frame."""
        made = memo[id(self)] = copy.copy(self)
        atoms = self.beads.universe.copy().atoms
        for name in ("beads", "dropped", "kept"):
            setattr(made, name, atoms[getattr(self, name).indices])
        made._source = copy.copy(self._source)
        made._source.group, made._source.others = made.beads, made.kept
        made.sampler = copy.deepcopy(self.sampler, memo)
        made.model = made.sampler.model
        return made

    def __repr__(self) -> str:
        """Return one line."""
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
        on_fault: str = "warn",
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
            Structures drawn of each molecule for one sample, of which those are chosen
            that overlap least with other molecules, see
            `packing.choose_non_overlapping`. One knows nothing of the others.
        correlation_time : float, optional
            Latent correlation time, as in `run`, whose frames are these samples.
        on_fault : {"warn", "raise", "resample"}
            What to do about structures with faults, as in `run`; the ``info`` of a
            state names those it has left, as ``faults``.

        Returns
        -------
        AtomisticEnsemble
            The structures, whose beads are those given, to within ``bead_slack``.

        Raises
        ------
        ValueError
            If ``n`` or ``candidates`` is less than one, a bead has no position, or
            the model makes no atoms of the beads, or makes faults that are refused.
        """
        decoding = self._decoding(
            correlation_time, n=n, candidates=candidates, seed=seed, on_fault=on_fault
        )
        frame = self._source.read()
        block, atoms = decoding.decode(self._source.block_of([frame]))
        given = np.concatenate([self._source.group.positions, frame.others])
        is_kept = not self.sampler.bead_slack
        beads = frame.particles if is_kept else self.mapping.project(atoms[0])
        return AtomisticEnsemble(
            self.atom_table,
            atoms[0],
            mapping=self.mapping,
            bead_positions=beads,
            box=frame.box,
            info=decoding.info_of(frame, block),
            given_beads=beads + (given - frame.particles),
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
        on_fault: str = "warn",
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
            Latent correlation time, over which the samples of a trajectory forget
            their latents [ps]; by default every frame is drawn independently. The
            distribution of the structures of a frame is the same.
        on_fault : {"warn", "raise", "resample"}
            Name structures with faults in ``faults`` of what is returned, refuse them,
            or draw them again, see `faulty_structures`.

        Returns
        -------
        WrittenTrajectory
            The path of the trajectory, or the first of them, with ``files``,
            ``n_frames``, ``skipped``, ``n_faulty``, ``faults`` and ``seconds``.

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
        if on_error not in ("raise", "skip"):
            raise ValueError(
                f"`on_error` is {on_error!r} but must be 'raise' or 'skip'"
            )
        decoding = self._decoding(
            correlation_time, n=n, candidates=candidates, seed=seed, on_fault=on_fault
        )
        check_backend(backend, n_workers)
        universe, skips = self.beads.universe, on_error == "skip"
        trajectory = universe.trajectory
        frames, torn = chosen_frames(trajectory, slice(start, stop, step), skips=skips)
        files = RunFiles(Path(output), decoding.n)
        files.check(universe, len(frames), self.atom_table.n_atoms)
        job = Job(
            beads=self._source,
            decoding=decoding,
            frames=frames,
            frames_per_block=frames_per_block(decoding, self.n_molecules),
            skips=skips,
            files=files,
            atom_table=self.atom_table,
        )
        with staying_at_frame(trajectory):
            written = backmap_frames(job, backend, n_workers, shows_progress=progress)
        if torn:
            written.skipped[trajectory.n_frames] = torn
        return written

    def _decoding(self, time: float | None, **settings: Any) -> Decoding:
        correlation = checked_correlation_time(time)
        if correlation is not None:  # from ps to frames
            dt = float(self.beads.universe.trajectory.dt)
            correlation = correlation / dt if dt else np.inf
        settings["seed"] = seed_or_new(settings["seed"])
        return Decoding(sampler=self.sampler, correlation=correlation, **settings)
