"""Factors between Å, used inside, and nanometre, the unit of OpenMM."""

__all__ = ["ANGSTROM_PER_NM", "NM_PER_ANGSTROM"]

NM_PER_ANGSTROM = 0.1
ANGSTROM_PER_NM = 10.0
