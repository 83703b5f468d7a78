"""simulate_peptides: a set of random peptides, a few frames of each."""

import os
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from openmm_cgvae.simulation.molecule_sets.molecule_set import Made, MoleculeSet
from openmm_cgvae.simulation.molecule_sets.peptides import build_peptide
from openmm_cgvae.simulation.molecule_sets.sequences import random_sequences
from openmm_cgvae.simulation.molecule_sets.short_dynamics import Dynamics, sample_frames
from openmm_cgvae.simulation.reference.dynamics import create_simulation

__all__ = ["PEPTIDE_DYNAMICS", "simulate_peptides"]

PEPTIDE_DYNAMICS = Dynamics(
    minimiser_iterations=500, equilibration_ps=8.0, interval_ps=1.0, n_frames=30
)


def simulate_peptides(
    output: str | os.PathLike[str],
    *,
    n_peptides: int = 480,
    seed: int = 1,
    dynamics: Dynamics = PEPTIDE_DYNAMICS,
    platform: str = "CPU",
    progress: bool = True,
) -> MoleculeSet:
    """Simulate random peptides that hold all amino acids and all pairs evenly.

    Parameters
    ----------
    output : path-like
        Folder of the set. If it holds an unfinished one made with the same settings,
        or one of fewer peptides, that is continued.
    n_peptides : int
        Number of peptides.
    seed : int
        Seed of sequences, ends, protonation, temperatures and starts; the first
        peptides are the same whatever their number.
    dynamics : Dynamics
        How long each peptide is simulated, and how many frames are kept.
    platform : str
        Name of the OpenMM platform.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    MoleculeSet
        What there is, and what was left out and why.

    Raises
    ------
    ValueError
        If a setting is impossible, or the folder holds a set made with others.

    Notes
    -----
    3 to 12 residues, see `random_sequences`; either end charged or capped; histidines
    of all three kinds, one in four of ASP, GLU and LYS neutral; 300 to 500 K, so that
    side chains and backbones leave the basins they were embedded in. amber99sbildn
    with OBC implicit solvent, as `simulate` has it. Frames with a cis amide (but
    before proline), or of wrong chirality, are dropped and counted.
    """
    if n_peptides < 1:
        raise ValueError(
            f"`n_peptides` is {n_peptides} but must be at least 1; ask for more"
        )
    if seed < 0:
        raise ValueError(f"`seed` is {seed} but must be at least 0; choose another")
    config = {"seed": seed, "platform": platform, **asdict(dynamics)}
    molecules = MoleculeSet(Path(output), {"kind": "peptides", "config": config})
    jobs = {
        f"peptide-{number:04d}": partial(
            _simulate, sequence, number, seed, dynamics, platform
        )
        for number, sequence in enumerate(random_sequences(n_peptides, seed))
    }
    molecules.fill(jobs, progress=progress)
    return molecules


def _simulate(
    sequence: str, number: int, seed: int, dynamics: Dynamics, platform: str
) -> Made:
    # A stream of its own for each, so that none depends on those before it.
    generator = np.random.default_rng((7 * seed, number))
    peptide = build_peptide(sequence, generator)
    own_seed = number + 1  # OpenMM takes 0 as "any"
    simulation = create_simulation(
        peptide.modeller.topology, peptide.temperature, own_seed, platform
    )
    frames = sample_frames(simulation, peptide.modeller.positions, dynamics, own_seed)
    entry = {
        "sequence": sequence,
        "capped": list(peptide.capped),
        "variants": list(peptide.variants),
        "temperature_K": peptide.temperature,
        "seed": own_seed,
        "n_dropped": frames.n_dropped,
    }
    return Made(peptide.modeller.topology, frames.positions, entry)
