"""Atoms with positions: ensembles, OpenMM, relaxation, reports, other engines."""
