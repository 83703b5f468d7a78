"""The atom table of residues that are joined in chains."""

from dataclasses import dataclass, field

import numpy as np

from openmm_cgvae.chemistry.proteins.residue_templates import residue_template
from openmm_cgvae.molecules import AtomTable

__all__ = ["Residues", "join_residues"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Residues:
    """Residues of a protein, in order, and what they are joined to.

    Parameters
    ----------
    variants : tuple of str, one per residue
        Names of templates.
    ids, insertion_codes, chain_ids : tuple, one per residue
        Numbers, insertion codes and chains.
    is_joined : ndarray of bool, shape (n_residues,)
        Whether a residue has a peptide bond to the next.
    disulfides : ndarray of int, shape (n_disulfides, 2)
        Pairs of residues whose sulphurs are bonded.
    rings : ndarray of int, shape (n_rings, 2)
        Last and first residue of each chain whose ends have a peptide bond.
    """

    variants: tuple[str, ...]
    ids: tuple[int, ...]
    insertion_codes: tuple[str, ...]
    chain_ids: tuple[str, ...]
    is_joined: np.ndarray
    disulfides: np.ndarray
    rings: np.ndarray = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))


def join_residues(residues: Residues) -> AtomTable:
    """Build the atom table: every residue in the order of its template.

    Parameters
    ----------
    residues : Residues
        What stands after what.

    Returns
    -------
    AtomTable
        Atoms, bonds and stereocentres.

    Examples
    --------
    >>> join_residues(
    ...     Residues(
    ...         variants=("ACE", "ALA", "NME"), ids=(1, 2, 3),
    ...         insertion_codes=("", "", ""), chain_ids=("A", "A", "A"),
    ...         is_joined=np.array([True, True, False]),
    ...         disulfides=np.empty((0, 2), dtype=int),
    ...     )
    ... ).describe()
    '22 atoms (ACE ALA NME)'
    """
    templates = [residue_template(variant) for variant in residues.variants]
    sizes = np.array([template.n_atoms for template in templates])
    starts = np.cumsum(sizes) - sizes
    heads, tails, sulphurs = (
        np.array([getattr(template, end) for template in templates]) + starts
        for end in ("head", "tail", "sulphur")
    )
    joined = np.flatnonzero(residues.is_joined)
    before = np.concatenate([joined, residues.rings[:, 0]])
    after = np.concatenate([joined + 1, residues.rings[:, 1]])
    bonds = np.concatenate(
        [
            *(t.bonds + start for t, start in zip(templates, starts, strict=True)),
            np.stack([tails[before], heads[after]], axis=1),
            sulphurs[np.asarray(residues.disulfides, dtype=np.int64).reshape(-1, 2)],
        ]
    )
    return AtomTable(
        names=tuple(name for template in templates for name in template.names),
        atomic_numbers=np.concatenate([t.atomic_numbers for t in templates]),
        masses=np.concatenate([t.masses for t in templates]),
        residue_of_atom=np.repeat(np.arange(len(templates)), sizes),
        residue_names=tuple(template.residue_name for template in templates),
        residue_ids=residues.ids,
        insertion_codes=residues.insertion_codes,
        chain_ids=residues.chain_ids,
        bonds=np.unique(np.sort(bonds, axis=1), axis=0),
        stereocentres=np.concatenate(
            [
                t.stereocentres + start
                for t, start in zip(templates, starts, strict=True)
            ]
        ),
    )
