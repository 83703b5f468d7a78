"""All atoms of a protein, built from the names and order of its beads."""

from collections.abc import Mapping as MappingABC
from collections.abc import Sequence

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.chemistry.proteins.bead_family import family_beads, family_of
from openmm_cgvae.chemistry.proteins.bead_residues import (
    BeadResidues,
    read_residues,
)
from openmm_cgvae.chemistry.proteins.chains import (
    find_chains,
    positions_of,
    without_lone_residues,
)
from openmm_cgvae.chemistry.proteins.family_mappings import (
    checked_family,
    family_mapping,
)
from openmm_cgvae.chemistry.proteins.join_residues import Residues, join_residues
from openmm_cgvae.chemistry.proteins.protein_beads import ProteinBeads
from openmm_cgvae.chemistry.proteins.residue_variants import (
    choose_variants,
    find_bridges,
    with_bridges_and_ends,
)
from openmm_cgvae.chemistry.proteins.unknown_residues import refuse_unknown_residues

__all__ = ["protein_from_beads"]


def protein_from_beads(
    beads: "mda.Universe | mda.AtomGroup",
    *,
    family: str | None = None,
    disulfides: str | Sequence[tuple[int, int]] = "auto",
    protonation: MappingABC[int, str] | None = None,
) -> ProteinBeads:
    """Build the atoms of a protein from the names and order of its beads.

    Ends of chains are charged, or have the caps ACE, NME, NHE where the beads have
    them. Names of residues tell the protonation (HID, HSD, ASH, GLH, LYN, CYM, ...);
    HIS has its hydrogen on NE2.

    Parameters
    ----------
    beads : MDAnalysis.Universe or AtomGroup
        Beads of a protein, perhaps among others. Positions of the current frame tell
        gaps and disulfide bridges.
    family : {"alpha-carbon", "residue", "martini3", "martini2"}, optional
        Family of the beads; by their names if not given.
    disulfides : "auto" or sequence of (int, int)
        Pairs of cysteines that are bonded, as numbers of residues of the protein
        counted from 0; "auto" takes cysteines that are near.
    protonation : mapping of int to str, optional
        Variant of a residue, by its number counted from 0: ``{41: "HIP"}``.

    Returns
    -------
    ProteinBeads
        Atoms, mapping, beads in its order, and what was taken for granted.

    Raises
    ------
    ValueError
        If there is no protein, a residue inside a chain is unknown, beads are
        missing, or an argument does not fit.

    Examples
    --------
    >>> beads = mda.Universe.empty(3, 3, atom_resindex=[0, 1, 2], trajectory=True)
    >>> for name, values in (
    ...     ("resnames", ["ALA", "HSP", "GLY"]), ("resids", [1, 2, 3]),
    ...     ("names", ["CA"] * 3),
    ... ):
    ...     beads.add_TopologyAttr(name, values)
    >>> beads.atoms.positions = [[0, 0, 0], [3.8, 0, 0], [7.6, 0, 0]]
    >>> protein = protein_from_beads(beads)
    >>> protein
    <3 residues of 3 alpha-carbon beads, 38 atoms, 0 other beads>
    >>> protein.atom_table.residue_names
    ('ALA', 'HIS', 'GLY')
    """
    residues = read_residues(beads)
    recognised: tuple[str, ...] = ()
    if family is None:
        family, recognised = family_of(residues)
    order = family_beads(residues, checked_family(family))
    refuse_unknown_residues(residues, order, family)
    chains = find_chains(residues, _telling(residues, order, "BB"), family)
    residues, chains = without_lone_residues(residues, chains)
    order = order[residues.residue_of_bead[order] >= 0]
    variants, named = choose_variants(residues, protonation)
    telling = positions_of(residues.atoms, _telling(residues, order, "SC1"))
    pairs, bridged = find_bridges(
        residues, variants, telling, chains, family, disulfides
    )
    templates, ended = with_bridges_and_ends(residues, variants, pairs, chains)
    atom_table = join_residues(
        Residues(
            variants=templates,
            ids=residues.ids,
            insertion_codes=residues.insertion_codes,
            chain_ids=chains.chain_ids,
            is_joined=chains.is_joined,
            disulfides=pairs,
            rings=chains.rings,
        )
    )
    atoms, labels = residues.atoms, residues.labels.residues
    is_other = ~np.isin(np.arange(len(atoms)), order)
    is_site = residues.is_site | np.isin(labels, labels[order])
    return ProteinBeads(
        family=family,
        atom_table=atom_table,
        mapping=family_mapping(atom_table, family),
        known=atoms[order],
        others=atoms[is_other],
        sites=atoms[is_other & is_site],
        notes=(*residues.notes, *recognised, *named, *chains.notes, *bridged, *ended),
    )


def _telling(residues: BeadResidues, order: np.ndarray, name: str) -> np.ndarray:
    """Find one bead of each residue: that of a name, or else its first."""
    beads = np.zeros(residues.n_residues, dtype=np.int64)
    # The first is written last, and then the one of the name.
    beads[residues.residue_of_bead[order][::-1]] = order[::-1]
    named = [bead for bead in order.tolist() if residues.bead_names[bead] == name]
    beads[residues.residue_of_bead[named]] = named
    return beads
