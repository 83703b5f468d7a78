"""Named ways to make a Mapping from an atomistic universe.

Every scheme numbers its beads by their first atom, in the order of the atoms given;
only :func:`martini` keeps the order of a Martini file.
"""

from openmm_cgvae.mapping.schemes.backbone import backbone_partition
from openmm_cgvae.mapping.schemes.by_residue import alpha_carbon, residues, selections
from openmm_cgvae.mapping.schemes.cgsmiles import cgsmiles
from openmm_cgvae.mapping.schemes.from_text import from_spec
from openmm_cgvae.mapping.schemes.martini_proteins import martini
from openmm_cgvae.mapping.schemes.peptide_units import peptide_units

__all__ = [
    "alpha_carbon",
    "backbone_partition",
    "cgsmiles",
    "from_spec",
    "martini",
    "peptide_units",
    "residues",
    "selections",
]
