"""All-atom proteins from beads alone."""

from openmm_cgvae.chemistry.proteins.bead_family import recognise_family
from openmm_cgvae.chemistry.proteins.canonical_order import canonical_protein
from openmm_cgvae.chemistry.proteins.family_mappings import FAMILIES, family_mapping
from openmm_cgvae.chemistry.proteins.from_beads import protein_from_beads
from openmm_cgvae.chemistry.proteins.protein_beads import ProteinBeads
from openmm_cgvae.chemistry.proteins.unusual_beads import NeighbourGeometry

__all__ = [
    "FAMILIES",
    "NeighbourGeometry",
    "ProteinBeads",
    "canonical_protein",
    "family_mapping",
    "protein_from_beads",
    "recognise_family",
]
