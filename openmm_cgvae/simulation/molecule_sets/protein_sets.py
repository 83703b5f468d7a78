"""simulate_proteins: a set of fragments of known structures, a few frames of each."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from openmm_cgvae.simulation.molecule_sets.fragments import (
    SHORTEST,
    Fragment,
    Similarity,
    fragments_of,
    free_name,
    longer_part,
    pieces,
    structure_files,
)
from openmm_cgvae.simulation.molecule_sets.missing_atoms import (
    complete,
    imported_pdbfixer,
)
from openmm_cgvae.simulation.molecule_sets.molecule_set import Made, MoleculeSet
from openmm_cgvae.simulation.molecule_sets.short_dynamics import Dynamics, sample_frames
from openmm_cgvae.simulation.molecule_sets.stereochemistry import StereochemistryError
from openmm_cgvae.simulation.reference.dynamics import create_simulation

__all__ = ["PROTEIN_DYNAMICS", "chosen_fragments", "simulate_proteins"]

PROTEIN_DYNAMICS = Dynamics(
    minimiser_iterations=60, equilibration_ps=0.8, interval_ps=0.24, n_frames=4
)
TEMPERATURE = 300.0
FRICTION_PER_PS = 2.0
# Atoms from which on interactions are cut off and the solvent is left out.
LARGE, CUTOFF_NM = 900, 1.0
LIKE, LIKE_HELD_OUT = 0.5, 0.2
FEWEST_HEAVY_PER_RESIDUE = 5.5
MOST_CUTS = 3


def simulate_proteins(
    structures: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    held_out: Sequence[str | os.PathLike[str]] = (),
    seed: int = 1,
    dynamics: Dynamics = PROTEIN_DYNAMICS,
    platform: str = "CPU",
    progress: bool = True,
) -> MoleculeSet:
    """Simulate fragments of known structures for a moment.

    Parameters
    ----------
    structures : sequence of path-like
        Folders of PDB and mmCIF files, which may be packed by gzip, or such files.
    output : path-like
        Folder of the set. If it holds an unfinished one made with the same settings,
        that is continued.
    held_out : sequence of path-like
        Folders or files of proteins that a model will be tested on. What has a fifth
        of its runs of five residues in common with one of them is left out.
    seed : int
        Seed of added atoms, velocities and thermostat.
    dynamics : Dynamics
        How long each fragment is simulated, and how many frames are kept.
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
    FileNotFoundError
        If a folder is not there.
    ImportError
        If PDBFixer is not installed.
    ValueError
        If a setting is impossible, there are no structures, or the output holds a set
        made with other settings.

    Notes
    -----
    Chains are cut where residues are not joined or are no amino acids; pieces of 20
    to 230 residues are kept, but not what has more than half of its runs of five
    residues in common with one before. Missing atoms, hydrogens and charged ends are
    added; a short minimisation and dynamics at 300 K take away the strain of the
    experiment and leave the fold. Where a residue ends up with the wrong chirality or a
    cis amide, the longer part of the fragment beside it is taken, three times at most.
    Large fragments are simulated in vacuum with a cutoff of 1 nm. The frames are near
    the structure and no Boltzmann sample.
    """
    imported_pdbfixer()
    if not 0 < seed < 2**31:
        raise ValueError(f"`seed` is {seed} but must be from 1 to 2^31 - 1")
    _check_folder(Path(output), [*structures, *held_out])
    config = {"seed": seed, "platform": platform, **asdict(dynamics)}
    molecules = MoleculeSet(Path(output), {"kind": "proteins", "config": config})
    chosen, left_out = chosen_fragments(
        [Path(folder) for folder in structures], [Path(path) for path in held_out]
    )
    jobs = {
        name: partial(_simulate, fragment, seed, dynamics, platform)
        for name, fragment in chosen.items()
    }
    molecules.fill(jobs, left_out, progress=progress)
    return molecules


def _check_folder(output: Path, structures: Sequence[str | os.PathLike[str]]) -> None:
    """Check that no structure is in the folder, where a molecule may replace it."""
    for path in map(Path, structures):
        folder = path if path.is_dir() else path.parent
        if output.resolve() == folder.resolve():
            raise ValueError(
                f"`output` is {str(output)!r}, where structures are read from, and "
                "molecules might replace them; give another folder"
            )


def chosen_fragments(
    structures: Sequence[Path], held_out: Sequence[Path]
) -> tuple[dict[str, Fragment], dict[str, str]]:
    """Choose fragments that are long enough, whole enough and unlike each other.

    Parameters
    ----------
    structures, held_out : sequence of Path
        Folders or files.

    Returns
    -------
    chosen : dict of str to Fragment
        Fragments by name.
    left_out : dict of str to str
        Why files and fragments were left out, by what they are.
    """
    tested, seen = Similarity(LIKE_HELD_OUT), Similarity(LIKE)
    left_out: dict[str, str] = {}
    chosen: dict[str, Fragment] = {}
    if held_out:
        # What cannot be read cannot be held out: that must not go unnoticed.
        for path in structure_files(held_out):
            for fragment in fragments_of(path):
                tested.remember(fragment.label, fragment.sequence)
    for fragment in _readable(structure_files(structures), left_out):
        problem = _problem(fragment, tested, seen)
        if problem:
            left_out[fragment.label] = problem
            continue
        seen.remember(fragment.label, fragment.sequence)
        for piece in pieces(fragment):
            chosen[free_name(piece, chosen.keys())] = piece
    return chosen, left_out


def _readable(paths: Sequence[Path], left_out: dict[str, str]) -> Iterator[Fragment]:
    """Yield the fragments of all files, noting which files have none."""
    for path in paths:
        found = None
        try:
            for found in fragments_of(path):
                yield found
        except ValueError as error:
            left_out[path.name] = str(error)
        else:
            if found is None:
                left_out[path.name] = "it has no amino acids with N, CA and C"


def _problem(fragment: Fragment, tested: Similarity, seen: Similarity) -> str:
    n_residues = len(fragment.sequence)
    if n_residues < SHORTEST:
        return f"it has {n_residues} residues in a row, fewer than {SHORTEST}"
    held_out = tested.like(fragment.sequence)
    if held_out:
        return f"it is like {held_out}, which is held out"
    other = seen.like(fragment.sequence)
    if other:
        return f"it is like {other}, which is in the set"
    n_heavy = fragment.topology.getNumAtoms()
    if n_heavy < FEWEST_HEAVY_PER_RESIDUE * n_residues:
        return f"it has only {n_heavy} heavy atoms in {n_residues} residues"
    return ""


def _simulate(
    fragment: Fragment,
    seed: int,
    dynamics: Dynamics,
    platform: str,
    n_cuts: int = MOST_CUTS,
) -> Made:
    """Simulate a fragment, or the longer part of it beside a residue that is wrong."""
    try:
        return _simulated(fragment, seed, dynamics, platform)
    except StereochemistryError as error:
        wrong = error.problem.residue
        part = None if wrong is None or not n_cuts else longer_part(fragment, wrong)
        if part is None:
            raise
    return _simulate(part, seed, dynamics, platform, n_cuts - 1)


def _simulated(
    fragment: Fragment, seed: int, dynamics: Dynamics, platform: str
) -> Made:
    modeller = complete(fragment, seed)
    topology = modeller.topology
    simulation = create_simulation(
        topology,
        TEMPERATURE,
        seed,
        platform,
        friction_per_ps=FRICTION_PER_PS,
        cutoff_nm=None if topology.getNumAtoms() < LARGE else CUTOFF_NM,
    )
    frames = sample_frames(simulation, modeller.positions, dynamics, seed)
    entry = {
        "sequence": " ".join(fragment.sequence),
        "source": fragment.label,
        "seed": seed,
        "n_dropped": frames.n_dropped,
    }
    return Made(topology, frames.positions, entry)
