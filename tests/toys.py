"""Small molecules and models to test with; in the default dtype of torch."""

import itertools

import numpy as np
import torch

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import CGVAE, ModelConfig, Molecule
from openmm_cgvae.model.graphs import GraphBatch, MoleculeGraph, collate
from openmm_cgvae.molecules import AtomTable

VOCABULARY = ("1", "6", "7", "8")
BOND = 1.5  # [A]


def toy_molecule(bead_of_atom, weights=None, elements=None):
    """Chain of atoms in one residue; elements repeat C, H, N, O by default."""
    n_atoms = len(bead_of_atom)
    if elements is None:
        elements = list(itertools.islice(itertools.cycle((6, 1, 7, 8)), n_atoms))
    atom_table = AtomTable(
        names=tuple(f"A{i}" for i in range(n_atoms)),
        atomic_numbers=np.array(elements),
        masses=2.0 * np.array(elements),
        residue_of_atom=np.zeros(n_atoms, dtype=int),
        residue_names=("TOY",),
        residue_ids=(1,),
        insertion_codes=("",),
        chain_ids=("A",),
        bonds=np.array([(i, i + 1) for i in range(n_atoms - 1)]),
        stereocentres=np.array([]),
    )
    return Molecule(atom_table, Mapping(bead_of_atom, weights))


def toy_graph(molecule):
    return MoleculeGraph.from_records(molecule.atom_table, molecule.mapping, VOCABULARY)


def toy_positions(molecule, n_frames=1, seed=0):
    """Random walks of the atoms, [n_frames, n_atoms, 3], and their beads."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(n_frames, molecule.mapping.n_atoms, 3))
    steps *= BOND / np.linalg.norm(steps, axis=-1, keepdims=True)
    atoms = np.cumsum(steps, axis=1) + rng.normal(size=3)
    beads = molecule.mapping.project(atoms)
    dtype = torch.get_default_dtype()
    return torch.tensor(atoms, dtype=dtype), torch.tensor(beads, dtype=dtype)


def toy_batch(molecule, n_frames=1, seed=0):
    atoms, beads = toy_positions(molecule, n_frames, seed)
    return toy_graph(molecule).batch(beads, atoms)


def ragged_batch(molecules, seed=0):
    """Collate one frame of each of several molecules."""
    frames = [toy_positions(m, seed=seed + k) for k, m in enumerate(molecules)]
    return collate(
        [toy_graph(m) for m in molecules],
        [beads[0] for _, beads in frames],
        [atoms[0] for atoms, _ in frames],
    )


def as_edge_lists(batch: GraphBatch) -> GraphBatch:
    """Forget that molecules are alike, so that networks use lists of edges."""
    return with_fields(batch, atoms_each=None, beads_each=None)


def with_fields(batch, **changes):
    return GraphBatch(**{**batch.__dict__, **changes})


def toy_config(**options):
    sizes = {
        "n_channels": 8,
        "n_radial": 4,
        "encoder_layers": 2,
        "prior_layers": 2,
        "decoder_layers": 3,
        "atom_cutoff": 4.0,
        "bead_cutoff": 6.0,
    }
    return ModelConfig(**{**sizes, **options})


def toy_model(molecule=None, **options):
    return CGVAE(toy_config(**options), VOCABULARY, molecule)


def toy_noise(batch, n_channels=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(
        batch.n_beads, n_channels, generator=generator, dtype=torch.float64
    ).to(batch.weights.dtype)
