"""GraphBatch: any number of any molecules as one set of flat tensors."""

from openmm_cgvae.model.graphs.atom_types import atom_types_of
from openmm_cgvae.model.graphs.batch import GraphBatch, MoleculeGraph, collate
from openmm_cgvae.model.graphs.edges import radius_edges
from openmm_cgvae.model.graphs.reference_beads import (
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
