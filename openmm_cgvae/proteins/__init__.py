"""All-atom proteins from beads alone."""

from openmm_cgvae.proteins.families import FAMILIES, family_mapping
from openmm_cgvae.proteins.from_atoms import canonical_protein
from openmm_cgvae.proteins.from_beads import protein_from_beads
from openmm_cgvae.proteins.recognition import recognise_family
from openmm_cgvae.proteins.record import ProteinBeads

__all__ = [
    "FAMILIES",
    "ProteinBeads",
    "canonical_protein",
    "family_mapping",
    "protein_from_beads",
    "recognise_family",
]
