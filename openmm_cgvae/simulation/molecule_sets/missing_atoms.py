"""Completing fragments of structures: missing heavy atoms by PDBFixer, hydrogens."""

from io import StringIO
from typing import Any

from openmm import app, unit

from openmm_cgvae.simulation.molecule_sets.add_hydrogens import add_hydrogens
from openmm_cgvae.simulation.molecule_sets.fragments import Fragment

__all__ = ["complete", "imported_pdbfixer"]

# Heavy atoms that may be missing: so many, and so many per residue.
MOST_MISSING, MOST_MISSING_PER_RESIDUE = 8, 0.5


def imported_pdbfixer() -> Any:
    """Import PDBFixer, or say how to get it."""
    try:
        from pdbfixer import PDBFixer  # noqa: PLC0415 - not everybody has it
    except ImportError as error:
        raise ImportError(
            "completing the structures of proteins needs PDBFixer, which is not "
            "installed; pip install 'openmm_cgvae[structures]' or conda install "
            "-c conda-forge pdbfixer"
        ) from error
    return PDBFixer


def complete(fragment: Fragment, seed: int) -> app.Modeller:
    """Add what is missing, with the protonation that is usual at pH 7.

    Parameters
    ----------
    fragment : Fragment
        The heavy atoms there are.
    seed : int
        Seed of where atoms are first put.

    Returns
    -------
    openmm.app.Modeller
        The fragment with charged ends, its disulfide bonds, and all atoms.

    Raises
    ------
    ValueError
        If too much is missing, or there is what an amino acid does not have.
    ImportError
        If PDBFixer is not installed.
    """
    text = StringIO()
    app.PDBFile.writeFile(fragment.topology, fragment.positions * unit.angstrom, text)
    text.seek(0)
    fixer = imported_pdbfixer()(pdbfile=text)
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    n_missing = sum(map(len, fixer.missingAtoms.values()))
    n_residues = len(fragment.sequence)
    if n_missing > MOST_MISSING + MOST_MISSING_PER_RESIDUE * n_residues:
        raise ValueError(
            f"{n_missing} heavy atoms of {n_residues} residues are missing"
        )
    fixer.addMissingAtoms(seed=seed)
    modeller = app.Modeller(fixer.topology, fixer.positions)
    add_hydrogens(modeller, seed)
    return modeller
