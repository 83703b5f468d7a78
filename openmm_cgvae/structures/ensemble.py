"""AtomisticEnsemble: structures of one molecule, ready for OpenMM."""

from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import openmm

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.argument_checks import (
    check_mapping,
    checked_array,
    checked_beads,
    checked_box,
)
from openmm_cgvae.structures.converter import OpenMMConverter
from openmm_cgvae.structures.export import Exportable
from openmm_cgvae.structures.notebook_view import view_structures
from openmm_cgvae.structures.openmm_bridge import (
    ForceFieldLike,
    make_system,
    restrain_chirality,
)
from openmm_cgvae.structures.relaxation import (
    Minimisation,
    RelaxationSettings,
    minimise_restrained,
)
from openmm_cgvae.structures.report import UNKNOWN_FRAME, Report, make_report
from openmm_cgvae.structures.state import AtomisticState

__all__ = ["AtomisticEnsemble", "AtomisticState", "OpenMMConverter", "Relaxation"]


class AtomisticEnsemble(Exportable, Sequence[AtomisticState]):
    """Structures of one molecule: a sequence of states, kept as one array.

    They are written to files, to MDAnalysis and ParmEd as any
    :class:`~openmm_cgvae.structures.export.Exportable` is.

    Parameters
    ----------
    atom_table : AtomTable
        What the atoms are.
    positions : array_like, shape (n_samples, n_atoms, 3)
        Where they are [Å].
    mapping : Mapping, optional
        The beads the structures were made from.
    bead_positions : array_like, shape (n_samples, n_beads, 3), optional
        Where these were [Å]; of shape (n_beads, 3) if all samples share them.
    box : array_like, shape (6,) or (n_samples, 6), optional
        Unit cell as MDAnalysis has it [Å, degrees]; zeros mean none.
    info : sequence of mappings, optional
        Where each sample comes from: frame, time [ps], seed, sample, ...
    given_beads : array_like, shape (n_samples, n_beads, 3), optional
        The beads as the user has them [Å], cut by the box perhaps, for `report`.

    Attributes
    ----------
    positions_angstrom : ndarray of float64, shape (n_samples, n_atoms, 3)
        Read-only.
    bead_positions : ndarray of float64, shape (n_samples, n_beads, 3), or None
        Read-only.
    box : ndarray of float64, shape (n_samples, 6), or None
        Read-only.

    Raises
    ------
    ValueError
        If a shape does not fit or a position is not finite.

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> from openmm import app
    >>> from openmm_cgvae.data import data_path
    >>> pdb = mda.Universe(app.PDBFile(str(data_path("alanine-dipeptide.pdb"))))
    >>> positions = np.stack([pdb.atoms.positions] * 3)
    >>> ensemble = AtomisticEnsemble(AtomTable.from_universe(pdb), positions)
    >>> ensemble
    <AtomisticEnsemble of 3 samples of 22 atoms (ACE ALA NME)>
    >>> len(ensemble[1:]), ensemble.to_universe().trajectory.n_frames
    (2, 3)
    """

    def __init__(
        self,
        atom_table: AtomTable,
        positions: Any,
        mapping: Mapping | None = None,
        bead_positions: Any = None,
        box: Any = None,
        info: Sequence[MappingABC[str, Any]] | None = None,
        given_beads: Any = None,
    ) -> None:
        self.atom_table = atom_table
        self.mapping = mapping
        self.positions_angstrom = checked_array(
            "positions", positions, (None, atom_table.n_atoms, 3)
        )
        n_samples = len(self.positions_angstrom)
        check_mapping(mapping, atom_table)
        self.bead_positions = checked_beads(bead_positions, mapping, n_samples)
        self.given_beads = checked_beads(
            given_beads, mapping, n_samples, name="given_beads"
        )
        self.box = checked_box(box, n_samples)
        self.info = tuple({} for _ in range(n_samples)) if info is None else tuple(info)
        if len(self.info) != n_samples:
            raise ValueError(
                f"`info` has {len(self.info)} entries but there are {n_samples} "
                "samples; give one per sample"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what the ensemble is made from, to be pickled."""
        return AtomisticEnsemble, (
            self.atom_table,
            self.positions_angstrom,
            self.mapping,
            self.bead_positions,
            self.box,
            self.info,
            self.given_beads,
        )

    def __repr__(self) -> str:
        """Return how many samples of what there are."""
        molecule = self.atom_table.describe()
        return f"<AtomisticEnsemble of {len(self)} samples of {molecule}>"

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.positions_angstrom)

    @overload
    def __getitem__(self, index: int) -> AtomisticState: ...
    @overload
    def __getitem__(self, index: slice | np.ndarray) -> "AtomisticEnsemble": ...
    def __getitem__(self, index: Any) -> "AtomisticState | AtomisticEnsemble":
        """Return one state, or for a slice, indices or a mask an ensemble."""
        beads, box = self.bead_positions, self.box
        chosen = np.arange(len(self))[index]
        parts = (
            self.atom_table,
            self.positions_angstrom[index],
            self.mapping,
            None if beads is None else beads[index],
            None if box is None else box[index],
        )
        if chosen.ndim == 0:
            return AtomisticState(*parts, self.info[int(chosen)])
        given = self.given_beads
        return AtomisticEnsemble(
            *parts,
            [self.info[sample] for sample in chosen],
            None if given is None else given[index],
        )

    def relax(  # noqa: PLR0913 - the settings of a relaxation
        self,
        forcefield: ForceFieldLike = None,
        *,
        k: float = RelaxationSettings.k,
        tolerance: float = RelaxationSettings.tolerance,
        max_iterations: int = RelaxationSettings.max_iterations,
        energy_tolerance: float = RelaxationSettings.energy_tolerance,
        soft_start: bool | str = RelaxationSettings.soft_start,
        recentre: bool = RelaxationSettings.recentre,
        platform: openmm.Platform | str | None = None,
        workers: int = 1,
        progress: bool = False,
    ) -> "Relaxation":
        """Minimise the energy of every sample with the beads held where they were.

        Parameters
        ----------
        forcefield : ForceField, System, str or sequence of str, optional
            A force field, the names of its XML files, or a ready System. By default
            Amber99SB-ILDN in OBC implicit solvent, without constraints.
        k : float
            Stiffness of the spring on each bead [kJ/mol/nm^2].
        tolerance : float
            Stop when the root mean square force is lower [kJ/mol/nm].
        max_iterations : int
            Stop after so many iterations at the latest.
        energy_tolerance : float
            Stop when ten iterations lower the energy by less [kJ/mol]; 0 leaves the
            forces to decide.
        soft_start : bool or "auto"
            Whether clashing atoms are first pulled apart; "auto" where energy is high.
        recentre : bool
            Whether beads are put back exactly afterwards.
        platform : openmm.Platform or str, optional
            By default Reference for small molecules, else CPU with one thread.
        workers : int
            Number of processes; others than this one stay for the next call. A script
            that asks for more than one has to guard its top level with
            ``if __name__ == "__main__":``.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        Relaxation
            The relaxed ensemble, and energies and displacements of each sample. An
            ensemble without a mapping has no beads to hold and is just minimised.

        Raises
        ------
        ValueError
            If the force field does not know a residue or a setting is out of range.

        Examples
        --------
        >>> import MDAnalysis as mda
        >>> from openmm import app
        >>> from openmm_cgvae.data import data_path
        >>> pdb = mda.Universe(app.PDBFile(str(data_path("alanine-dipeptide.pdb"))))
        >>> table = AtomTable.from_universe(pdb)
        >>> mapping = Mapping(table.residue_of_atom, "mass", masses=table.masses)
        >>> ensemble = AtomisticEnsemble(table, [pdb.atoms.positions], mapping)
        >>> relaxation = ensemble.relax(recentre=True)
        >>> bool(relaxation.energy_after[0] < relaxation.energy_before[0])
        True
        >>> relaxation.ensemble
        <AtomisticEnsemble of 1 samples of 22 atoms (ACE ALA NME)>
        """
        settings = RelaxationSettings(
            k=k,
            tolerance=tolerance,
            max_iterations=max_iterations,
            energy_tolerance=energy_tolerance,
            soft_start=soft_start,
            recentre=recentre,
            platform=platform,
        )
        box = None if self.box is None else self.box[0]
        system = make_system(self.atom_table, forcefield, box=box)
        minimisation = minimise_restrained(
            restrain_chirality(system, self.atom_table.stereocentres),
            self.positions_angstrom,
            self.mapping,
            self.bead_positions,
            settings=settings,
            boxes=self.box,
            workers=workers,
            progress=progress,
        )
        relaxed = AtomisticEnsemble(
            self.atom_table,
            minimisation.positions,
            self.mapping,
            self.bead_positions,
            self.box,
            self.info,
            self.given_beads,
        )
        return Relaxation(**vars(minimisation), ensemble=relaxed)

    def view(self) -> Any:
        """Build a view of all samples for a notebook, beads as spheres.

        Needs py3Dmol: ``pip install 'openmm_cgvae[view]'``. Take a part of the
        ensemble to see fewer: ``ensemble[:3].view()``.

        Returns
        -------
        py3Dmol.view
            What a notebook shows; its methods change the picture.

        Raises
        ------
        ImportError
            If py3Dmol is not installed.
        """
        beads = self.bead_positions
        beads = None if beads is None or len(beads) == 0 else beads[0]
        return view_structures(self.atom_table, self.positions_angstrom, beads)

    def report(self) -> Report:
        """Assess every sample: find what is wrong with it.

        Returns
        -------
        Report
            One row per sample: bonds, chirality, amides, rings, clashes, beads.
        """
        frames = [info.get("frame", UNKNOWN_FRAME) for info in self.info]
        return make_report(
            self.atom_table,
            self.positions_angstrom,
            self.mapping,
            self.bead_positions,
            np.array(frames, dtype=np.int64),
            self.box,
            self.given_beads,
        )

    def _as_samples(self) -> tuple[np.ndarray, np.ndarray | None]:
        return self.positions_angstrom, self.box


@dataclass(frozen=True, kw_only=True)
class Relaxation(Minimisation):
    """A relaxed ensemble, and what relaxing did to every sample.

    Parameters
    ----------
    ensemble : AtomisticEnsemble
        The relaxed structures; the other numbers are those of
        :class:`~openmm_cgvae.structures.relaxation.Minimisation`.
    """

    ensemble: AtomisticEnsemble

    __str__ = Minimisation.__str__
