"""The atoms behind the beads, from names and order."""

from openmm_cgvae.chemistry.proteins import (
    FAMILIES,
    ProteinBeads,
    canonical_protein,
    family_mapping,
    protein_from_beads,
    recognise_family,
)

__all__ = [
    "FAMILIES",
    "ProteinBeads",
    "canonical_protein",
    "family_mapping",
    "protein_from_beads",
    "recognise_family",
]
