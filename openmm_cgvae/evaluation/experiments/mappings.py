"""The mappings a benchmark compares, made anew for every fold."""

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.evaluation.experiments.benchmark_systems import BENCHMARK_SYSTEMS
from openmm_cgvae.evaluation.experiments.plan import (
    DEFAULT_MAPPING,
    N_FOLDS,
    BenchmarkConfig,
    Cell,
)
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.autograin import learn_mapping
from openmm_cgvae.mapping.schemes import from_spec
from openmm_cgvae.molecules.block_split import block_split
from openmm_cgvae.molecules.frames import Frames

__all__ = ["joined_residues", "make_mapping"]

N_AUTO_GRAIN_FRAMES = 1000  # appendix F.2
CAPS_BEFORE, CAPS_AFTER = ("ACE",), ("NME", "NMA", "NHE")


def make_mapping(
    atoms: mda.Universe,
    frames: Frames,
    config: BenchmarkConfig,
    cell: Cell,
    *,
    progress: bool = False,
) -> Mapping:
    """Build the mapping of a cell.

    Parameters
    ----------
    atoms : MDAnalysis.Universe
        The molecule, at its first frame.
    frames : Frames
        The trajectory in the order it is split.
    config : BenchmarkConfig
        The benchmark.
    cell : Cell
        Says which mapping: ``"default"`` is the system's own; ``"backbone"`` cuts the
        backbone at random, other cuts in every fold; ``"autograin"`` is learned from
        1,000 training frames of the fold; ``"joined-residues"`` has a bead a residue,
        with the caps in those of their neighbours; all else is for
        `schemes.from_spec`.
    progress : bool
        Whether to show how far the learning of a mapping is.

    Returns
    -------
    Mapping
        The mapping.

    Raises
    ------
    ValueError
        If it has another number of beads than the cell.
    """
    name = cell.mapping
    if name == DEFAULT_MAPPING:
        name = BENCHMARK_SYSTEMS[config.system].mappings[cell.n_beads]
    if name == "backbone":
        mapping = from_spec(atoms, f"backbone:{cell.n_beads}:{cell.fold}")
    elif name == "autograin":
        mapping = _learned(atoms, frames, config, cell, progress=progress)
    elif name == "joined-residues":
        mapping = joined_residues(atoms)
    else:
        mapping = from_spec(atoms, name)
    if mapping.n_beads != cell.n_beads:
        raise ValueError(
            f"`mapping` {name!r} makes {mapping.n_beads} beads of {config.system}, not "
            f"{cell.n_beads}; ask for that number of beads, or for another mapping"
        )
    return mapping


def joined_residues(atoms: "mda.Universe | mda.AtomGroup") -> Mapping:
    """Build beads of residues, named "RES", with the caps in their neighbours'.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        A peptide between caps.

    Returns
    -------
    Mapping
        Beads at the centres of mass.

    Examples
    --------
    >>> from openmm_cgvae.data import data_path
    >>> peptide = mda.Universe(str(data_path("alanine-dipeptide.pdb")))
    >>> joined_residues(peptide).n_beads
    1
    """
    group = atoms.atoms
    names = group.resnames
    index = group.resindices + np.isin(names, CAPS_BEFORE) - np.isin(names, CAPS_AFTER)
    _, bead_of_atom = np.unique(index, return_inverse=True)
    bead_names = ["RES"] * (int(bead_of_atom.max()) + 1)
    return Mapping(bead_of_atom, "mass", bead_names=bead_names, masses=group.masses)


def _learned(
    atoms: mda.Universe,
    frames: Frames,
    config: BenchmarkConfig,
    cell: Cell,
    *,
    progress: bool,
) -> Mapping:
    train = block_split(frames.n_frames, N_FOLDS, cell.fold).train
    some = train[:: max(1, len(train) // N_AUTO_GRAIN_FRAMES)][:N_AUTO_GRAIN_FRAMES]
    seen = atoms.copy()
    seen.load_new(frames.positions[some])
    return learn_mapping(
        seen,
        cell.n_beads,
        n_epochs=config.auto_grain_epochs,
        seed=cell.fold,
        progress=progress,
    )
