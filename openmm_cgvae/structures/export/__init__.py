"""Structures written for MDAnalysis, ParmEd, GROMACS, Amber and CHARMM."""

from openmm_cgvae.structures.export.engines import write_any, write_for_engine
from openmm_cgvae.structures.export.exportable import Exportable
from openmm_cgvae.structures.export.formats import check_ending
from openmm_cgvae.structures.export.structure_files import (
    structure_writer,
    write_structures,
)
from openmm_cgvae.structures.export.universes import make_parmed, make_universe

__all__ = [
    "Exportable",
    "check_ending",
    "make_parmed",
    "make_universe",
    "structure_writer",
    "write_any",
    "write_for_engine",
    "write_structures",
]
