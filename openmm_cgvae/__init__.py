"""Backmapping of coarse-grained beads to atoms with CGVAE."""

from openmm_cgvae._version import __version__

__all__ = ["__version__"]
