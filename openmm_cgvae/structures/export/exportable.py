"""Exportable structures: written to files, to a universe, to ParmEd."""

import os
from abc import ABC, abstractmethod
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import parmed

from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.export.engines import write_any
from openmm_cgvae.structures.export.universes import make_parmed, make_universe
from openmm_cgvae.structures.openmm_bridge import ForceFieldLike

__all__ = ["Exportable"]


class Exportable(ABC):
    """One structure of a molecule or many, with ways out to files and libraries."""

    atom_table: AtomTable

    @abstractmethod
    def _as_samples(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Return positions and boxes [Å], of shape (n_samples, ...)."""

    def to_universe(self) -> mda.Universe:
        """Build an in-memory universe, a frame for each structure.

        Returns
        -------
        MDAnalysis.Universe
            With names, elements, masses, residues, chains, bonds and the box.
        """
        return make_universe(self.atom_table, *self._as_samples())

    def write(
        self, path: str | os.PathLike[str], forcefield: ForceFieldLike = None
    ) -> tuple[Path, ...]:
        """Write all structures as frames of one file, or for another engine.

        Parameters
        ----------
        path : path-like
            The ending tells the format, any that MDAnalysis writes; the file is
            replaced in one step. ``.top``, ``.prmtop``, ``.parm7`` and ``.psf`` are
            written with a force field, and coordinates beside them, see
            `write_for_engine`.
        forcefield : ForceField, System, str or sequence of str, optional
            For those; by default Amber99SB-ILDN in vacuum.

        Returns
        -------
        tuple of Path
            What was written.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ValueError
            If the format is unknown, or holds one structure and there are more.
        """
        return write_any(self.atom_table, *self._as_samples(), path, forcefield)

    def to_parmed(self, forcefield: ForceFieldLike = None) -> parmed.Structure:
        """Build a ParmEd structure with all structures as its coordinates.

        Parameters
        ----------
        forcefield : ForceField, System, str or sequence of str, optional
            If given, the structure has its parameters.

        Returns
        -------
        parmed.Structure
            ``structure.get_coordinates("all")`` has them all [Å].
        """
        positions, boxes = self._as_samples()
        box = None if boxes is None else boxes[0]
        return make_parmed(self.atom_table, positions, box, forcefield)
