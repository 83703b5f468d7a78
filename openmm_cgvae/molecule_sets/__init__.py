"""Many molecules with some frames of each, to train a model for any protein on."""

from openmm_cgvae.molecule_sets.peptide_sets import simulate_peptides
from openmm_cgvae.molecule_sets.protein_sets import simulate_proteins
from openmm_cgvae.molecule_sets.reading import ReadMolecule, read_molecules
from openmm_cgvae.molecule_sets.sampling import Dynamics
from openmm_cgvae.molecule_sets.shards import MoleculeSet

__all__ = [
    "Dynamics",
    "MoleculeSet",
    "ReadMolecule",
    "read_molecules",
    "simulate_peptides",
    "simulate_proteins",
]
