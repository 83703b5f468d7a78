"""GraphBatch: any number of molecules, of any kinds, as one set of flat tensors."""

from openmm_cgvae.graphs.atom_types import atom_types_of
from openmm_cgvae.graphs.batch import GraphBatch, MoleculeGraph, collate
from openmm_cgvae.graphs.edges import radius_edges
from openmm_cgvae.graphs.references import (
    FARTHEST_RELATION,
    N_REFERENCES,
    N_RELATIONS,
)

__all__ = [
    "FARTHEST_RELATION",
    "N_REFERENCES",
    "N_RELATIONS",
    "GraphBatch",
    "MoleculeGraph",
    "atom_types_of",
    "collate",
    "radius_edges",
]
