"""Toy molecules, and batches and untrained networks of them."""

import itertools
from collections.abc import Sequence
from typing import Any

import MDAnalysis as mda
import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import CGVAE, ModelConfig, Molecule
from openmm_cgvae.model.graphs import GraphBatch, MoleculeGraph, collate
from openmm_cgvae.molecules import AtomTable

__all__ = [
    "MOLECULE",
    "SINGLE",
    "SMALLER",
    "VOCABULARY",
    "molecule_in_memory",
    "ragged_batch",
    "toy_batch",
    "toy_config",
    "toy_graph",
    "toy_model",
    "toy_molecule",
    "toy_noise",
    "toy_positions",
]

VOCABULARY = ("1", "6", "7", "8")
_BOND = 1.5  # [Å]


def toy_molecule(
    bead_of_atom: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    elements: npt.ArrayLike | None = None,
) -> Molecule:
    """Build a chain of bonded atoms in one residue.

    Parameters
    ----------
    bead_of_atom : array_like of int, shape (n_atoms,)
        The bead of each atom.
    weights : array_like, shape (n_atoms,), optional
        Weight of each atom in its bead; all alike by default.
    elements : array_like of int, shape (n_atoms,), optional
        Atomic numbers; carbon, hydrogen, nitrogen, oxygen and again by default.

    Returns
    -------
    Molecule
        Its atom table and mapping.

    Examples
    --------
    >>> toy_molecule([0, 0, 1]).mapping
    <Mapping of 3 atoms to 2 beads>
    """
    mapping = Mapping(bead_of_atom, weights)
    n_atoms = mapping.n_atoms
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
    return Molecule(atom_table, mapping)


# Beads of unlike sizes, atoms of a bead not always side by side.
MOLECULE = toy_molecule([0, 0, 1, 0, 1, 2, 2, 2, 3, 2, 3])
SMALLER = toy_molecule([1, 0, 0, 0, 1], weights=[1.0, 0.0, 2.0, 0.5, 3.0])
SINGLE = toy_molecule([0, 0, 0])


def toy_graph(molecule: Molecule) -> MoleculeGraph:
    """Build the static graph of a toy molecule.

    Parameters
    ----------
    molecule : Molecule
        One of `toy_molecule`.

    Returns
    -------
    MoleculeGraph
        Its graph, with the atom types of `VOCABULARY`.

    Examples
    --------
    >>> toy_graph(SINGLE).n_atoms
    3
    """
    return MoleculeGraph.from_records(molecule.atom_table, molecule.mapping, VOCABULARY)


def toy_positions(
    molecule: Molecule, n_frames: int = 1, seed: int = 0
) -> tuple[Float[Tensor, "n_frames n_atoms 3"], Float[Tensor, "n_frames n_beads 3"]]:
    """Draw random walks along the chain.

    Parameters
    ----------
    molecule : Molecule
        The molecule.
    n_frames : int
        How many walks.
    seed : int
        Other seeds give other walks.

    Returns
    -------
    atoms : Tensor, shape (n_frames, n_atoms, 3)
        Positions of the atoms, in the default type of torch [Å].
    beads : Tensor, shape (n_frames, n_beads, 3)
        Positions of their beads [Å].

    Examples
    --------
    >>> atoms, beads = toy_positions(SINGLE, n_frames=2)
    >>> tuple(atoms.shape), tuple(beads.shape)
    ((2, 3, 3), (2, 1, 3))
    """
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(n_frames, molecule.mapping.n_atoms, 3))
    steps *= _BOND / np.linalg.norm(steps, axis=-1, keepdims=True)
    atoms = np.cumsum(steps, axis=1) + rng.normal(size=3)
    beads = molecule.mapping.project(atoms)
    dtype = torch.get_default_dtype()
    return torch.tensor(atoms, dtype=dtype), torch.tensor(beads, dtype=dtype)


def toy_batch(molecule: Molecule, n_frames: int = 1, seed: int = 0) -> GraphBatch:
    """Build a batch of frames of one toy molecule.

    Parameters
    ----------
    molecule : Molecule
        The molecule.
    n_frames : int
        How many frames.
    seed : int
        Seed of `toy_positions`.

    Returns
    -------
    GraphBatch
        The batch, with positions of atoms and beads.

    Examples
    --------
    >>> toy_batch(SINGLE, n_frames=2).n_atoms
    6
    """
    atoms, beads = toy_positions(molecule, n_frames, seed)
    return toy_graph(molecule).batch(beads, atoms)


def ragged_batch(molecules: Sequence[Molecule], seed: int = 0) -> GraphBatch:
    """Collate one frame of each of several molecules.

    Parameters
    ----------
    molecules : sequence of Molecule
        Molecules of any sizes.
    seed : int
        Seed of the frame of the first; that of the next is one more.

    Returns
    -------
    GraphBatch
        The batch, with positions of atoms and beads.

    Examples
    --------
    >>> ragged_batch([MOLECULE, SINGLE]).n_molecules
    2
    """
    frames = [toy_positions(m, seed=seed + k) for k, m in enumerate(molecules)]
    return collate(
        [toy_graph(m) for m in molecules],
        [beads[0] for _, beads in frames],
        [atoms[0] for atoms, _ in frames],
    )


def toy_config(**options: Any) -> ModelConfig:
    """Return settings of a network that is small enough to test.

    Parameters
    ----------
    **options
        Fields of `ModelConfig` that shall be otherwise.

    Returns
    -------
    ModelConfig
        The settings.

    Examples
    --------
    >>> toy_config(n_channels=12).decoder_layers
    3
    """
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


def toy_model(molecule: Molecule = MOLECULE, **options: Any) -> CGVAE:
    """Build a small CGVAE with random weights.

    Parameters
    ----------
    molecule : Molecule, optional
        What it is made for.
    **options
        Fields of `ModelConfig`.

    Returns
    -------
    CGVAE
        The network, in the default type of torch.

    Examples
    --------
    >>> toy_model(SINGLE).n_latents
    8
    """
    return CGVAE(toy_config(**options), VOCABULARY, molecule)


def toy_noise(
    batch: GraphBatch, n_latents: int = 8, seed: int = 0
) -> Float[Tensor, "n_beads n_latents"]:
    """Draw normal noise for the latents of a batch.

    Parameters
    ----------
    batch : GraphBatch
        The batch.
    n_latents : int
        Latents of every bead.
    seed : int
        Other seeds give other noise.

    Returns
    -------
    Tensor, shape (n_beads, n_latents)
        The noise, in the floating-point type of the batch.

    Examples
    --------
    >>> tuple(toy_noise(toy_batch(MOLECULE)).shape)
    (4, 8)
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(
        batch.n_beads, n_latents, generator=generator, dtype=torch.float64
    ).to(batch.weights.dtype)


def molecule_in_memory(
    elements: Sequence[str],
    bonds: npt.ArrayLike,
    positions: npt.ArrayLike,
    names: Sequence[str] | None = None,
) -> mda.Universe:
    """Build a universe of one residue from lists.

    Parameters
    ----------
    elements : sequence of str
        Symbols of the elements.
    bonds : array_like of int, shape (n_bonds, 2)
        Pairs of bonded atoms.
    positions : array_like, shape (n_atoms, 3)
        Positions of the atoms [Å].
    names : sequence of str, optional
        Names of the atoms; X0, X1, ... by default.

    Returns
    -------
    MDAnalysis.Universe
        The molecule, with masses of 12 Da.

    Examples
    --------
    >>> molecule_in_memory("CO", [(0, 1)], [[0, 0, 0], [1.4, 0, 0]]).atoms.n_atoms
    2
    """
    n_atoms = len(elements)
    universe = mda.Universe.empty(n_atoms, atom_resindex=[0] * n_atoms, trajectory=True)
    universe.add_TopologyAttr("names", names or [f"X{i}" for i in range(n_atoms)])
    universe.add_TopologyAttr("elements", list(elements))
    universe.add_TopologyAttr("masses", [12.0] * n_atoms)
    universe.add_TopologyAttr("resids", [1])
    universe.add_TopologyAttr("resnames", ["MOL"])
    universe.add_TopologyAttr("bonds", [(int(i), int(j)) for i, j in np.asarray(bonds)])
    universe.atoms.positions = np.asarray(positions, dtype=np.float32)
    return universe
