"""Reports: what is wrong with each structure of an ensemble, as data.

A sample is assessed by what must hold whatever the conformation: the molecule's
bonds, the chirality of its stereocentres, flat amides and aromatic rings, atoms
that do not sit on each other, and beads that are where they were asked to be.
"""

from openmm_cgvae.structures.report.assess import make_report
from openmm_cgvae.structures.report.fault_finder import FaultFinder
from openmm_cgvae.structures.report.report import UNKNOWN_FRAME, Report

__all__ = ["UNKNOWN_FRAME", "FaultFinder", "Report", "make_report"]
