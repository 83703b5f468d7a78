"""What is wrong with a structure, per sample, as data.

A sample is judged against what must hold whatever the conformation: the molecule's
bonds, the handedness of its stereocentres, flat amides and aromatic rings, atoms
that do not sit on each other, and beads that are where they were asked to be.
"""

from openmm_cgvae.structures.report.assess import make_report
from openmm_cgvae.structures.report.report import Report

__all__ = ["Report", "make_report"]
