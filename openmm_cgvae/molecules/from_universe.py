"""Reading an atom table from a universe: strictly for molecules, else what it has."""

from typing import Any

import MDAnalysis as mda
import numpy as np
from MDAnalysis.exceptions import NoDataError

from openmm_cgvae.molecules.attributes import attribute_or
from openmm_cgvae.molecules.elements import ATOMIC_NUMBERS, atomic_number
from openmm_cgvae.molecules.stereocentres import find_stereocentres

__all__ = ["read_atoms", "read_particles"]


def read_atoms(atoms: "mda.Universe | mda.AtomGroup") -> dict[str, Any]:
    """Read the fields of an `AtomTable` from a universe or group of atoms.

    Parameters and errors are those of `AtomTable.from_universe`.

    Returns
    -------
    dict
        The fields by name.
    """
    group = atoms.atoms
    if not len(group) or len(set(group.indices)) < len(group):
        raise ValueError(
            f"`atoms` has {len(group)} atoms, {len(set(group.indices))} of them "
            "different; select every atom of a molecule once"
        )
    elements = _elements(group)
    bonds = _bonds(group)
    residues = group.residues
    position = {index: rank for rank, index in enumerate(residues.resindices)}
    numbers = np.array([atomic_number(element) for element in elements])
    return dict(
        names=tuple(str(name) for name in attribute_or(group, "names", "")),
        atomic_numbers=numbers,
        masses=np.asarray(_needed(group, "masses"), dtype=np.float64),
        residue_of_atom=np.array([position[r] for r in group.resindices]),
        residue_names=tuple(map(str, attribute_or(residues, "resnames", "UNK"))),
        residue_ids=tuple(map(int, _needed(residues, "resids"))),
        insertion_codes=tuple(
            str(code).strip() for code in attribute_or(residues, "icodes", "")
        ),
        chain_ids=tuple(_chain_ids(residues)),
        bonds=bonds,
        stereocentres=find_stereocentres(
            numbers, bonds, _needed(group, "positions"), group.dimensions
        ),
    )


def read_particles(group: "mda.AtomGroup") -> dict[str, Any]:
    """Read the fields of an `AtomTable` as far as a universe knows them.

    Parameters are those of `AtomTable.from_particles`.

    Returns
    -------
    dict
        The fields by name.
    """
    is_new = np.diff(group.resindices, prepend=-1) != 0
    residues = group[is_new]
    rank = np.full(len(group.universe.atoms), -1)
    rank[group.indices] = np.arange(len(group))
    bonds = np.empty((0, 2), dtype=np.int64)
    # To look whether there are any takes as long as to take them.
    known = getattr(group.universe, "bonds", None) if len(group) else None
    if known is not None:
        ends = np.asarray(known.indices, dtype=int).reshape(-1, 2)
        bonds = np.sort(rank[ends], axis=1)
        bonds = np.unique(bonds[bonds[:, 0] >= 0], axis=0)
    elements = [str(each).strip() for each in attribute_or(group, "elements", "")]
    return dict(
        names=tuple(map(str, attribute_or(group, "names", ""))),
        atomic_numbers=np.array(
            [ATOMIC_NUMBERS.get(each.capitalize(), 0) for each in elements], dtype=int
        ),
        masses=np.array(attribute_or(group, "masses", 0.0), dtype=float),
        residue_of_atom=np.cumsum(is_new) - 1,
        residue_names=tuple(map(str, attribute_or(residues, "resnames", "UNK"))),
        residue_ids=tuple(map(int, attribute_or(residues, "resids", 1))),
        insertion_codes=tuple(
            str(code).strip() for code in attribute_or(residues, "icodes", "")
        ),
        chain_ids=tuple(map(str, attribute_or(residues, "chainIDs", ""))),
        bonds=bonds,
        stereocentres=np.empty((0, 4), dtype=np.int64),
    )


def _needed(group: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(getattr(group, name))
    except NoDataError as error:
        raise ValueError(
            f"`atoms` has no {name}; read a structure that holds them or call "
            f"universe.add_TopologyAttr or universe.load_new first"
        ) from error


def _chain_ids(residues: "mda.ResidueGroup") -> list[str]:
    # chainIDs belong to atoms in MDAnalysis, segids to segments; many formats fill
    # only one of the two.
    chains = attribute_or(residues.atoms, "chainIDs", "")
    first_atoms = np.unique(residues.atoms.resindices, return_index=True)[1]
    by_index = dict(
        zip(
            residues.atoms.resindices[first_atoms],
            [chains[atom] for atom in first_atoms],
            strict=True,
        )
    )
    segids = attribute_or(residues, "segids", "")
    return [
        str(by_index[index] or segid)
        for index, segid in zip(residues.resindices, segids, strict=True)
    ]


def _elements(group: "mda.AtomGroup") -> list[str]:
    try:
        elements = list(group.elements)
    except NoDataError:
        elements = [""]
    if not all(elements):
        raise ValueError(
            "`atoms` has no element for some atoms; call "
            "universe.guess_TopologyAttrs(to_guess=['elements']) first"
        )
    return elements


def _bonds(group: "mda.AtomGroup") -> np.ndarray:
    try:
        bonded = group.bonds.atomgroup_intersection(group, strict=True).indices
    except (NoDataError, AttributeError) as error:
        raise ValueError(
            "`atoms` has no bonds; read a topology that holds them or call "
            "universe.guess_TopologyAttrs(to_guess=['bonds']) first"
        ) from error
    rank = np.full(int(group.indices.max()) + 1, -1)
    rank[group.indices] = np.arange(len(group))
    pairs = np.sort(rank[np.asarray(bonded, dtype=int)].reshape(-1, 2), axis=1)
    # A PDB file often holds the bonds of its odd residues only.
    alone = np.setdiff1d(np.arange(len(group)), pairs)
    # An ion has none, and is its whole residue.
    alone = alone[[len(atom.residue.atoms) > 1 for atom in group[alone]]]
    if len(alone):
        atom = group[int(alone[0])]
        raise ValueError(
            f"`atoms` has bonds, but none for {len(alone)} atoms such as {atom.name} "
            f"of {atom.resname} {atom.resid}; read the structure with "
            "MDAnalysis.Universe(openmm.app.PDBFile(path)) or guess the bonds"
        )
    return np.unique(pairs, axis=0)
