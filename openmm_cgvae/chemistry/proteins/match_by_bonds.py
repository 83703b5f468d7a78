"""Residue templates matched to atoms by elements and bonds."""

from collections import Counter
from itertools import islice

import MDAnalysis as mda
import networkx as nx
import numpy as np
from MDAnalysis.exceptions import NoDataError
from MDAnalysis.guesser.default_guesser import DefaultGuesser

from openmm_cgvae.chemistry.proteins.match_by_names import TemplateMatch, plain_names
from openmm_cgvae.chemistry.proteins.residue_templates import (
    ResidueTemplate,
    residue_template,
    variants_of_residue,
)
from openmm_cgvae.molecules import ATOMIC_NUMBERS

__all__ = ["match_by_bonds"]

MOST_ISOMORPHISMS = 2000


def match_by_bonds(
    residue_name: str, atoms: "mda.AtomGroup", bonds: np.ndarray
) -> TemplateMatch | None:
    """Find the variant of a residue that has these elements and bonds.

    Parameters
    ----------
    residue_name : str
        Name of the residue in a PDB file.
    atoms : MDAnalysis.AtomGroup
        Its atoms.
    bonds : ndarray of int, shape (n_bonds, 2)
        Bonds inside it, counted in the group; guessed from positions where there are
        too few.

    Returns
    -------
    TemplateMatch or None
        Of matches that are the same to bonds, the one that keeps most names.
    """
    numbers = _atomic_numbers(atoms)
    fitting = [
        template
        for template in map(residue_template, variants_of_residue(residue_name))
        if Counter(template.atomic_numbers.tolist()) == Counter(numbers)
        and template.variant != "CYM"  # the same graph as CYX
    ]
    if not fitting:
        return None
    if len(bonds) < len(atoms) - 1:
        bonds = _guessed_bonds(atoms)
    graph = _graph(numbers, bonds)
    names = plain_names(residue_name, [name.strip().upper() for name in atoms.names])
    matches = [
        (_n_kept_names(atom_of, names, template), template.variant, atom_of)
        for template in fitting
        for atom_of in _isomorphisms(template, graph)
    ]
    if not matches:
        return None
    _, variant, atom_of = max(matches, key=lambda found: found[0])
    return TemplateMatch(variant, np.array([atom_of[i] for i in range(len(atom_of))]))


def _isomorphisms(template: ResidueTemplate, graph: nx.Graph) -> list[dict[int, int]]:
    """Find the isomorphisms of a template and a graph: atom by template atom."""
    pattern = _graph(template.atomic_numbers.tolist(), template.bonds)
    matcher = nx.isomorphism.GraphMatcher(
        pattern, graph, node_match=lambda a, b: a["number"] == b["number"]
    )
    return list(islice(matcher.isomorphisms_iter(), MOST_ISOMORPHISMS))


def _n_kept_names(
    atom_of: dict[int, int], names: list[str], template: ResidueTemplate
) -> int:
    wanted = plain_names(template.residue_name, template.names)
    return sum(names[atom] == wanted[i] for i, atom in atom_of.items())


def _graph(numbers: list[int], bonds: np.ndarray) -> nx.Graph:
    graph = nx.Graph()
    for atom, number in enumerate(numbers):
        graph.add_node(atom, number=number)
    graph.add_edges_from(bonds.tolist())
    return graph


def _atomic_numbers(atoms: "mda.AtomGroup") -> list[int]:
    try:
        symbols = [str(element) for element in atoms.elements]
    except NoDataError:
        symbols = [""]
    if not all(symbols):
        # Safe in a protein, where no name begins with that of another element.
        symbols = [name.strip().lstrip("0123456789")[:1] for name in atoms.names]
    return [ATOMIC_NUMBERS.get(symbol.strip().capitalize(), 0) for symbol in symbols]


def _guessed_bonds(atoms: "mda.AtomGroup") -> np.ndarray:
    """Find bonds by distance, as MDAnalysis guesses them."""
    if not hasattr(atoms.universe, "trajectory"):
        return np.empty((0, 2), dtype=np.int64)
    symbols = {1: "H", 6: "C", 7: "N", 8: "O", 16: "S"}
    guesser = DefaultGuesser(None)
    types = [symbols.get(number, "C") for number in _atomic_numbers(atoms)]
    universe = mda.Universe.empty(len(atoms), trajectory=True)
    universe.add_TopologyAttr("types", types)
    universe.atoms.positions = atoms.positions
    found = guesser.guess_bonds(universe.atoms, universe.atoms.positions)
    return np.array(found, dtype=np.int64).reshape(-1, 2)
