"""Training molecules, read from the folders of molecule sets."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openmm_cgvae.chemistry.proteins import family_mapping
from openmm_cgvae.chemistry.proteins.family_mappings import checked_family
from openmm_cgvae.simulation.molecule_sets import read_molecules
from openmm_cgvae.simulation.molecule_sets.molecule_set import INDEX
from openmm_cgvae.training.many_molecules_data import TrainingMolecule

__all__ = ["training_molecules"]


def training_molecules(
    folders: Sequence[str | os.PathLike[str]], beads: str
) -> tuple[list[TrainingMolecule], dict[str, Any]]:
    """Read sets of molecules and map them to beads.

    Parameters
    ----------
    folders : sequence of path-like
        Folders that `simulate_peptides` or `simulate_proteins` wrote.
    beads : {"alpha-carbon", "residue", "martini3", "martini2"}
        Family of the beads.

    Returns
    -------
    molecules : list of TrainingMolecule
        The molecules; those whose sequences fell into the validation split are held
        out.
    source : dict
        What was read, for the record of a model, in plain JSON types.

    Raises
    ------
    FileNotFoundError
        If a folder holds no set.
    ValueError
        If there is no such family of beads, or a set is not as its index says.
    """
    checked_family(beads)
    molecules, source = [], {}
    for folder in folders:
        read = list(read_molecules(folder))
        molecules += [
            TrainingMolecule(
                molecule.atom_table,
                family_mapping(molecule.atom_table, beads),
                molecule.positions,
                is_validation=molecule.entry["split"] == "validation",
            )
            for molecule in read
        ]
        index = (Path(folder) / INDEX).read_bytes()
        source[Path(folder).name] = {
            "n_molecules": len(read),
            "n_frames": sum(len(molecule.positions) for molecule in read),
            "index_sha256": hashlib.sha256(index).hexdigest(),
        }
    return molecules, source
