"""Many molecules with some frames of each, to train a model for any protein on."""

from openmm_cgvae.simulation.molecule_sets.molecule_set import MoleculeSet
from openmm_cgvae.simulation.molecule_sets.peptide_sets import simulate_peptides
from openmm_cgvae.simulation.molecule_sets.protein_sets import simulate_proteins
from openmm_cgvae.simulation.molecule_sets.reading import ReadMolecule, read_molecules
from openmm_cgvae.simulation.molecule_sets.short_dynamics import Dynamics

__all__ = [
    "Dynamics",
    "MoleculeSet",
    "ReadMolecule",
    "read_molecules",
    "simulate_peptides",
    "simulate_proteins",
]
