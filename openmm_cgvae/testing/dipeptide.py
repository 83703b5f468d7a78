"""Alanine dipeptide as it was simulated, and untrained networks for it."""

import functools
from typing import Any

import MDAnalysis as mda
import numpy as np
import torch
from jaxtyping import Float

from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.schemes import from_spec
from openmm_cgvae.model import CGVAE, ModelConfig, Molecule
from openmm_cgvae.model.graphs import atom_types_of
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.transformations import coarse_grain

__all__ = [
    "BEADS",
    "N_FRAMES",
    "TOPOLOGY",
    "TRAJECTORY",
    "atoms",
    "beads",
    "peptide",
    "positions",
    "trembling",
    "untrained",
]

TOPOLOGY = str(data_path("alanine-dipeptide.pdb"))
TRAJECTORY = str(data_path("alanine-dipeptide.xtc"))

# The acetyl group, the alanine, the methylamide.
BEADS = [0] * 6 + [1] * 10 + [2] * 6
N_FRAMES = 6
_FORMS = {
    "n_channels": 22,
    "n_radial": 3,
    "prior_layers": 1,
    "decoder_layers": 2,
    "encoder": "signed",
    "pseudoscalar_init": 1.0,
    "methyl_labels": "canonical",
}


def peptide(name: str = "alanine-dipeptide") -> mda.Universe:
    """Read a peptide that the package brings along.

    Parameters
    ----------
    name : {"alanine-dipeptide", "chignolin"}
        Which.

    Returns
    -------
    MDAnalysis.Universe
        One structure, with elements and bonds.

    Examples
    --------
    >>> peptide("chignolin").residues.n_residues
    12
    """
    return mda.Universe(str(data_path(f"{name}.pdb")))


@functools.cache
def _positions(n_frames: int) -> np.ndarray:
    trajectory = mda.Universe(TOPOLOGY, TRAJECTORY).trajectory
    step = len(trajectory) // n_frames
    return np.stack([ts.positions.copy() for ts in trajectory[::step][:n_frames]])


def positions(n_frames: int = N_FRAMES) -> Float[np.ndarray, "n_frames 22 3"]:
    """Read simulated frames, evenly spaced over the shipped trajectory.

    Parameters
    ----------
    n_frames : int
        How many.

    Returns
    -------
    numpy.ndarray of float32, shape (n_frames, 22, 3)
        Positions of the atoms [Å].

    Examples
    --------
    >>> positions(2).shape
    (2, 22, 3)
    """
    return _positions(n_frames).copy()


def atoms(n_frames: int = N_FRAMES, box: Any = None) -> mda.Universe:
    """Return simulated frames in memory.

    Parameters
    ----------
    n_frames : int
        How many.
    box : array_like, shape (6,), optional
        Lengths [Å] and angles [degrees] of a periodic box.

    Returns
    -------
    MDAnalysis.Universe
        The frames.

    Examples
    --------
    >>> len(atoms(3).trajectory)
    3
    """
    universe = mda.Universe(TOPOLOGY)
    universe.load_new(positions(n_frames), dimensions=box)
    return universe


def trembling(n_frames: int, amplitude: float = 0.1, seed: int = 0) -> mda.Universe:
    """Return one structure with normal noise on every atom, in memory.

    Parameters
    ----------
    n_frames : int
        How many frames.
    amplitude : float
        Standard deviation of the noise [Å].
    seed : int
        Seed of the noise.

    Returns
    -------
    MDAnalysis.Universe
        The frames.

    Examples
    --------
    >>> len(trembling(5).trajectory)
    5
    """
    universe = mda.Universe(TOPOLOGY)
    generator = np.random.default_rng(seed)
    noise = amplitude * generator.normal(size=(n_frames, len(universe.atoms), 3))
    universe.load_new((universe.atoms.positions + noise).astype(np.float32))
    return universe


def beads(
    spec: str = "residues", n_frames: int = N_FRAMES, box: Any = None
) -> mda.Universe:
    """Return simulated frames as beads.

    Parameters
    ----------
    spec : str
        A mapping, as `schemes.from_spec` reads it.
    n_frames : int
        How many frames.
    box : array_like, shape (6,), optional
        Lengths [Å] and angles [degrees] of a periodic box.

    Returns
    -------
    MDAnalysis.Universe
        The beads.

    Examples
    --------
    >>> beads().atoms.n_atoms
    3
    """
    return coarse_grain(atoms(n_frames, box), from_spec(mda.Universe(TOPOLOGY), spec))


def untrained(
    mapping: str | Mapping = "residues", *, seed: int = 3, **options: Any
) -> CGVAE:
    """Build a network with random weights, with forms and labels of a trained one.

    Parameters
    ----------
    mapping : str or Mapping
        A mapping of its 22 atoms, or a text that `schemes.from_spec` reads.
    seed : int
        Seed of the weights; the global generator of torch is left alone.
    **options
        Fields of `ModelConfig` that shall be otherwise.

    Returns
    -------
    CGVAE
        The network, in the default type of torch, ready to sample.

    Examples
    --------
    >>> untrained("alpha-carbon").mapping
    <Mapping of 22 atoms to 3 beads>
    """
    universe = mda.Universe(TOPOLOGY)
    table = AtomTable.from_universe(universe)
    config = ModelConfig(**{**_FORMS, **options})
    if isinstance(mapping, str):
        mapping = from_spec(universe, mapping)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return CGVAE(
            config,
            sorted(set(atom_types_of(table, config.atom_types))),
            molecule=Molecule(table, mapping),
        ).eval()
