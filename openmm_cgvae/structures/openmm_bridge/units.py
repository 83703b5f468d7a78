"""Angstrom inside, nanometre at the OpenMM door: the two factors, nothing else."""

NM_PER_ANGSTROM = 0.1
ANGSTROM_PER_NM = 10.0
