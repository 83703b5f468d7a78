"""Residues inside a protein that cannot be built."""

import numpy as np

from openmm_cgvae.chemistry.proteins.bead_residues import (
    BeadResidues,
    has_positions,
    shortlist,
)
from openmm_cgvae.chemistry.proteins.chain_breaks import FAR, REACH
from openmm_cgvae.chemistry.proteins.chains import distances_between
from openmm_cgvae.chemistry.proteins.family_mappings import MARTINI_VERSIONS

__all__ = ["refuse_unknown_residues"]

IONS = frozenset({"CA", "CAL", "CA2+", "CA+2", "ION"})  # their beads may be named CA


def refuse_unknown_residues(
    residues: BeadResidues, order: np.ndarray, family: str
) -> None:
    """Check that chains have no residues which are no amino acids.

    Such a residue has a bead of the name that the beads beside it have, in the same
    segment, and is bonded to one of them: by its number or by the distance. Where all
    beads are named like their residues, it is bonded to two.

    Parameters
    ----------
    residues : BeadResidues
        The residues that are known.
    order : ndarray of int
        Which beads are theirs.
    family : str
        Family of the beads.

    Raises
    ------
    ValueError
        If there are some; the message lists them.
    """
    atoms = residues.atoms
    names = np.array(residues.bead_names)
    first = residues.first_beads
    is_known = np.zeros(len(atoms), dtype=bool)
    is_known[order] = True
    telling = ["BB"] if family in MARTINI_VERSIONS else np.unique(names[order])
    labels = residues.labels
    resnames = np.array([name.strip().upper() for name in labels.residue_names])
    is_alike = np.isin(names, telling)
    is_named = (names == resnames) & (names[first] == resnames[first]).all()
    is_chain = (is_alike | is_named) & ~np.isin(resnames, list(IONS))
    is_chain &= is_known | ((residues.residue_of_bead < 0) & ~residues.is_alternate)
    chain = np.flatnonzero(is_chain)
    is_strange = ~is_known[chain]
    if not is_strange.any():
        return
    here, following = chain[:-1], chain[1:]
    is_bonded = atoms.segindices[here] == atoms.segindices[following]
    is_near = np.diff(labels.ids[chain]) == 1
    if has_positions(atoms):
        where = atoms.positions.astype(np.float64)
        distances = distances_between(where[here], where[following], atoms.dimensions)
        is_near &= distances < FAR * REACH[family]
        is_near |= distances < REACH[family]
    is_bonded &= is_near
    touches = np.zeros(len(chain), dtype=np.int64)
    touches[:-1] += is_bonded & ~is_strange[1:]
    touches[1:] += is_bonded & ~is_strange[:-1]
    found = chain[is_strange & (touches >= np.where(is_alike[chain], 1, 2))]
    if len(found):
        strange = [_label(residues, bead) for bead in found.tolist()]
        raise ValueError(
            "`beads` has residues inside its chains that are no standard amino acids: "
            f"{shortlist(strange)}; rename them to those they come from, or leave them "
            "out"
        )


def _label(residues: BeadResidues, bead: int) -> str:
    atom = residues.atoms[bead]
    chain = getattr(atom, "chainID", "") or getattr(atom, "segid", "")
    where = f" of chain {chain}" if chain else ""
    return f"{residues.labels.residue_names[bead]} {residues.labels.ids[bead]}{where}"
