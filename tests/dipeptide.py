"""Alanine dipeptide as it is simulated, and networks for it that nobody trained."""

import functools

import MDAnalysis as mda
import numpy as np
import torch

from openmm_cgvae.data import data_path
from openmm_cgvae.mapping.schemes import from_spec
from openmm_cgvae.model import CGVAE, ModelConfig, Molecule
from openmm_cgvae.model.graphs import atom_types_of
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.transformations import coarse_grain

TOPOLOGY = str(data_path("alanine-dipeptide.pdb"))
TRAJECTORY = str(data_path("alanine-dipeptide.xtc"))

N_FRAMES = 6
SIZES = {
    "n_channels": 22,
    "n_radial": 3,
    "prior_layers": 1,
    "decoder_layers": 2,
    "encoder": "signed",
    "pseudoscalar_init": 1.0,
}


@functools.cache
def positions(n_frames=N_FRAMES):
    """Simulated frames [A], evenly spaced over the shipped trajectory."""
    trajectory = mda.Universe(TOPOLOGY, TRAJECTORY).trajectory
    step = len(trajectory) // n_frames
    return np.stack([ts.positions.copy() for ts in trajectory[::step][:n_frames]])


def atoms(n_frames=N_FRAMES, box=None):
    """The frames in memory, in a box if there is one."""
    universe = mda.Universe(TOPOLOGY)
    universe.load_new(positions(n_frames).copy(), dimensions=box)
    return universe


def untrained(spec="residues", **options):
    """A model with random weights, sizes and labels as a trained one has them."""
    return _untrained(torch.get_default_dtype(), spec, **options)


@functools.cache
def _untrained(_, spec, **options):
    universe = mda.Universe(TOPOLOGY)
    table = AtomTable.from_universe(universe)
    config = ModelConfig(**{**SIZES, "methyl_labels": "canonical", **options})
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return CGVAE(
            config,
            sorted(set(atom_types_of(table, config.atom_types))),
            molecule=Molecule(table, from_spec(universe, spec)),
        ).eval()


def beads(spec="residues", n_frames=N_FRAMES, box=None):
    """The frames as beads."""
    return coarse_grain(atoms(n_frames, box), untrained(spec).mapping)
