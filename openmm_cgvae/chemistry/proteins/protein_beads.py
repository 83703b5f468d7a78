"""ProteinBeads: a protein of beads and the atoms it stands for."""

from dataclasses import dataclass

import MDAnalysis as mda

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import AtomTable

__all__ = ["ProteinBeads"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ProteinBeads:
    """The beads of a protein, the atoms they stand for, and which is in which.

    Parameters
    ----------
    family : str
        Family of the beads, such as ``"alpha-carbon"``.
    atom_table : AtomTable
        The atoms, all chains in one table.
    mapping : Mapping
        Atoms to beads.
    known : MDAnalysis.AtomGroup
        The beads of the protein, in the order of the mapping.
    others : MDAnalysis.AtomGroup
        The rest, in the order of the universe: virtual sites, solvent, lipids, ...
    sites : MDAnalysis.AtomGroup
        Those of the others that belong to residues of the protein and are no atoms:
        virtual sites, and Gō sites behind the beads.
    notes : tuple of str
        What was taken for granted, a message each.
    """

    family: str
    atom_table: AtomTable
    mapping: Mapping
    known: "mda.AtomGroup"
    others: "mda.AtomGroup"
    sites: "mda.AtomGroup"
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        """Return in one line what was found."""
        return (
            f"<{self.atom_table.n_residues} residues of {self.mapping.n_beads} "
            f"{self.family} beads, {self.atom_table.n_atoms} atoms, "
            f"{len(self.others)} other beads>"
        )
