"""Beads written in CGSmiles, the line notation of coarse-grained molecules."""

from typing import Any

import MDAnalysis as mda
import networkx as nx
import numpy as np
from MDAnalysis.exceptions import NoDataError

from openmm_cgvae.mapping.mapping import Mapping
from openmm_cgvae.mapping.schemes.bead_groups import atom_masses, checked_group
from openmm_cgvae.mapping.schemes.heavy_parents import is_hydrogen

__all__ = ["cgsmiles"]


def cgsmiles(
    atoms: "mda.Universe | mda.AtomGroup", text: str, weights: Any = "mass"
) -> Mapping:
    """Build the beads that a CGSmiles text describes.

    The molecule of the text is found in the atoms by its graph of elements and bonds;
    names and order do not matter. Needs cgsmiles: ``pip install
    'openmm_cgvae[cgsmiles]'``.

    Parameters
    ----------
    atoms : MDAnalysis.Universe or AtomGroup
        One molecule with elements and bonds.
    text : str
        Beads and fragments [1]_, such as ``"{[#A][#B]}.{#A=CC[$],#B=[$]CO}"``.
    weights : "mass", "geometry" or array_like, shape (n_atoms,)
        Weights of the atoms in their beads.

    Returns
    -------
    Mapping
        The beads, named and ordered as in the text.

    Raises
    ------
    ImportError
        If cgsmiles is not installed.
    ValueError
        If the text cannot be read, describes another molecule, or has atoms that
        several beads share.

    Notes
    -----
    Of atoms that a symmetry of the molecule exchanges, either may be taken for the
    other.

    References
    ----------
    .. [1] F. Gruenewald *et al.*, "CGsmiles: a versatile line notation for molecular
       representations across multiple resolutions", *J. Chem. Inf. Model.* (2025).

    Examples
    --------
    >>> import MDAnalysis as mda
    >>> from openmm_cgvae.data import data_path
    >>> universe = mda.Universe(data_path("alanine-dipeptide.pdb"))
    >>> text = "{[#A][#B]}.{#A=CC(=O)NC(C)[$],#B=[$]C(=O)NC}"
    >>> cgsmiles(universe, text).bead_names
    ('A', 'B')
    """
    group = checked_group(atoms)
    names, described = _read(text)
    molecule = _graph(group)
    found = nx.isomorphism.GraphMatcher(
        molecule,
        described,
        node_match=lambda one, other: (
            (one["element"], one["n_hydrogens"])
            == (other["element"], other["n_hydrogens"])
        ),
    )
    if not found.is_isomorphic():
        raise ValueError(
            f"`text` describes {described.number_of_nodes()} heavy atoms and `atoms` "
            f"has {molecule.number_of_nodes()}, but not with the same bonds and "
            "hydrogens; describe this molecule"
        )
    bead_of_atom = np.full(len(group), -1)
    for atom, node in found.mapping.items():
        own = [atom, *molecule.nodes[atom]["hydrogens"]]
        bead_of_atom[own] = described.nodes[node]["bead"]
    masses = None
    if isinstance(weights, str) and weights == "mass":
        masses = atom_masses(group)
    return Mapping(bead_of_atom, weights, bead_names=names, masses=masses)


def _read(text: str) -> tuple[list[str], nx.Graph]:
    """Return the names of the beads, and the graph of heavy atoms with their beads."""
    try:
        from cgsmiles import MoleculeResolver
    except ImportError as error:
        raise ImportError(
            "CGSmiles needs cgsmiles, which is not installed; "
            "run pip install 'openmm_cgvae[cgsmiles]'"
        ) from error
    try:
        beads, atoms = MoleculeResolver.from_string(text).resolve()
    except (SyntaxError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"`text` {text!r} cannot be read as CGSmiles ({error}); correct it"
        ) from error
    order = {bead: rank for rank, bead in enumerate(beads)}
    described = nx.Graph()
    for atom, about in atoms.nodes(data=True):
        if about["element"] == "H":
            continue
        if len(about["fragid"]) > 1:
            raise ValueError(
                f"`text` {text!r} has an atom that beads share, but a mapping has "
                "every atom in one; give it to one of them"
            )
        hydrogens = [n for n in atoms[atom] if atoms.nodes[n]["element"] == "H"]
        described.add_node(
            atom,
            element=about["element"].upper(),
            n_hydrogens=len(hydrogens),
            bead=order[about["fragid"][0]],
        )
    described.add_edges_from(
        pair for pair in atoms.edges if all(atom in described for atom in pair)
    )
    return [name for _, name in beads.nodes(data="fragname")], described


def _graph(group: "mda.AtomGroup") -> nx.Graph:
    """Return the graph of the heavy atoms, which know their hydrogens."""
    try:
        elements = [element.upper() for element in group.elements]
        pairs = group.universe.bonds.indices
    except (AttributeError, NoDataError) as error:
        raise ValueError(
            "`atoms` has no elements or no bonds; add them with "
            'universe.guess_TopologyAttrs(to_guess=["elements", "bonds"])'
        ) from error
    position = {int(index): rank for rank, index in enumerate(group.indices)}
    full = nx.Graph()
    full.add_nodes_from(range(len(group)))
    full.add_edges_from(
        (position[i], position[j])
        for i, j in pairs.tolist()
        if i in position and j in position
    )
    light = is_hydrogen(group)
    molecule = full.subgraph(np.flatnonzero(~light).tolist()).copy()
    for atom in molecule:
        hydrogens = [other for other in full[atom] if light[other]]
        molecule.add_node(
            atom,
            element=elements[atom],
            hydrogens=hydrogens,
            n_hydrogens=len(hydrogens),
        )
    return molecule
