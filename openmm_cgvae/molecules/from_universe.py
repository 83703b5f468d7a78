"""What MDAnalysis knows of a molecule, read for an atom table."""

from typing import Any

import MDAnalysis as mda
import numpy as np
from MDAnalysis.exceptions import NoDataError

from openmm_cgvae.molecules.elements import atomic_number
from openmm_cgvae.molecules.stereocentres import find_stereocentres


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
        names=tuple(str(name) for name in _attribute(group, "names", "")),
        atomic_numbers=numbers,
        masses=np.asarray(_needed(group, "masses"), dtype=np.float64),
        residue_of_atom=np.array([position[r] for r in group.resindices]),
        residue_names=tuple(map(str, _attribute(residues, "resnames", "UNK"))),
        residue_ids=tuple(map(int, _needed(residues, "resids"))),
        insertion_codes=tuple(
            str(code).strip() for code in _attribute(residues, "icodes", "")
        ),
        chain_ids=tuple(_chain_ids(residues)),
        bonds=bonds,
        stereocentres=find_stereocentres(
            numbers, bonds, _needed(group, "positions"), group.dimensions
        ),
    )


def _attribute(group: Any, name: str, default: str) -> list[Any]:
    try:
        return list(getattr(group, name))
    except NoDataError:
        return [default] * len(group)


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
    chains = _attribute(residues.atoms, "chainIDs", "")
    first_atoms = np.unique(residues.atoms.resindices, return_index=True)[1]
    by_index = dict(
        zip(
            residues.atoms.resindices[first_atoms],
            [chains[atom] for atom in first_atoms],
            strict=True,
        )
    )
    segids = _attribute(residues, "segids", "")
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
