"""Small universes, trajectories and models of real molecules to test with."""

import MDAnalysis as mda
import numpy as np
import torch
from openmm import app

from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import CGVAE, ModelConfig, Molecule
from openmm_cgvae.model.graphs import atom_types_of
from openmm_cgvae.molecules import AtomTable

# Beads of the alanine dipeptide: the acetyl group, the alanine, the methylamide.
BEADS = [0] * 6 + [1] * 10 + [2] * 6
SIZES = {"n_channels": 10, "n_radial": 3, "prior_layers": 1, "decoder_layers": 1}


def peptide(name="alanine-dipeptide"):
    return mda.Universe(app.PDBFile(str(data_path(f"{name}.pdb"))))


def trembling(n_frames, amplitude=0.1, seed=0):
    """The alanine dipeptide with normal noise [A] on every atom, in memory."""
    universe = peptide()
    generator = np.random.default_rng(seed)
    noise = amplitude * generator.normal(size=(n_frames, 22, 3))
    universe.load_new((universe.atoms.positions + noise).astype(np.float32))
    return universe


def molecule_in_memory(elements, bonds, positions, names=None):
    """Universe of one residue from lists."""
    n_atoms = len(elements)
    universe = mda.Universe.empty(n_atoms, atom_resindex=[0] * n_atoms, trajectory=True)
    universe.add_TopologyAttr("names", names or [f"X{i}" for i in range(n_atoms)])
    universe.add_TopologyAttr("elements", list(elements))
    universe.add_TopologyAttr("masses", [12.0] * n_atoms)
    universe.add_TopologyAttr("resids", [1])
    universe.add_TopologyAttr("resnames", ["MOL"])
    universe.add_TopologyAttr("bonds", [tuple(bond) for bond in bonds])
    universe.atoms.positions = np.asarray(positions, dtype=np.float32)
    return universe


def untrained(weights=None, bead_of_atom=BEADS, seed=3, **options):
    """A network of the alanine dipeptide with random weights."""
    table = AtomTable.from_universe(peptide())
    config = ModelConfig(**{**SIZES, "encoder": "signed", **options})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return CGVAE(
            config,
            sorted(set(atom_types_of(table, config.atom_types))),
            molecule=Molecule(table, Mapping(bead_of_atom, weights)),
        ).eval()
