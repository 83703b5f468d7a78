"""Laws of graphs: of any molecule, any mapping, any place and any numbering."""

from itertools import pairwise

import networkx as nx
import numpy as np
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model.graphs import (
    FARTHEST_RELATION,
    N_REFERENCES,
    N_RELATIONS,
    MoleculeGraph,
    collate,
    radius_edges,
)
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.testing import VOCABULARY, random_isometry

laws = settings(deadline=None, max_examples=30)
SEEDS = st.integers(0, 2**32 - 1)
N_ATOMS = st.integers(1, 20)
CUTOFF = 3.0  # [A]


def random_molecule(rng, n_atoms):
    """Atoms in a tree of bonds, with a ring or two, and beads of any of them."""
    bonds = {(int(rng.integers(i)), i) for i in range(1, n_atoms)}
    for _ in range(2 if n_atoms > 2 else 0):
        bonds.add(tuple(sorted(rng.choice(n_atoms, 2, replace=False).tolist())))
    n_beads = int(rng.integers(1, n_atoms + 1))
    beads = [*range(n_beads), *rng.integers(n_beads, size=n_atoms - n_beads)]
    return molecule_of(
        rng.choice([1, 6, 7, 8], size=n_atoms),
        sorted(bonds),
        rng.permutation(beads),
        rng.uniform(0.1, 2.0, size=n_atoms),
    )


def molecule_of(elements, bonds, bead_of_atom, weights):
    n_atoms = len(elements)
    table = AtomTable(
        names=tuple(f"A{i}" for i in range(n_atoms)),
        atomic_numbers=np.array(elements),
        masses=np.array(elements, dtype=float),
        residue_of_atom=np.zeros(n_atoms, dtype=int),
        residue_names=("TOY",),
        residue_ids=(1,),
        insertion_codes=("",),
        chain_ids=("A",),
        bonds=np.array(bonds),
        stereocentres=np.array([]),
    )
    return table, Mapping(bead_of_atom, weights)


def graph_of(molecule):
    return MoleculeGraph.from_records(*molecule, VOCABULARY)


def renumbered(molecule, order):
    """Put atom ``order[k]`` at place k."""
    table, mapping = molecule
    bonds = np.sort(np.argsort(order)[table.bonds], axis=1).tolist()
    return molecule_of(
        table.atomic_numbers[order],
        sorted(bonds),
        mapping.bead_of_atom[order],
        mapping.weights[order],
    )


def bead_graph(molecule):
    table, mapping = molecule
    graph = nx.Graph()
    graph.add_nodes_from(range(mapping.n_beads))
    graph.add_edges_from(mapping.bead_of_atom[table.bonds].tolist())
    return graph


def pairs_in(rows):
    return {tuple(sorted(row)) for row in rows.tolist()}


class TestMoleculeGraph:
    @laws
    @given(SEEDS, N_ATOMS)
    @example(0, 1)
    def test_close_pairs_are_those_of_the_bond_graph(self, seed, n_atoms):
        table, mapping = random_molecule(np.random.default_rng(seed), n_atoms)
        graph = nx.Graph(table.bonds.tolist())
        graph.add_nodes_from(range(n_atoms))
        distances = dict(nx.all_pairs_shortest_path_length(graph, cutoff=2))
        expected = {(i, j) for i, near in distances.items() for j in near if i < j}
        made = graph_of((table, mapping)).close_pairs
        assert pairs_in(made) == expected
        assert len(made) == len(expected)

    @laws
    @given(SEEDS, N_ATOMS)
    @example(0, 1)
    def test_permutation_equivariance_of_atoms(self, seed, n_atoms):
        rng = np.random.default_rng(seed)
        molecule = random_molecule(rng, n_atoms)
        order = rng.permutation(n_atoms)
        here, there = graph_of(molecule), graph_of(renumbered(molecule, order))
        for name in ("atom_types", "bead_of_atom", "weights"):
            torch.testing.assert_close(getattr(there, name), getattr(here, name)[order])
        moved = torch.tensor(np.argsort(order))[here.close_pairs]
        assert pairs_in(there.close_pairs) == pairs_in(moved)
        # Beads keep their numbers, and so what they orient themselves by.
        assert torch.equal(there.references, here.references)
        assert torch.equal(there.relations, here.relations)

    @laws
    @given(SEEDS, N_ATOMS)
    @example(0, 1)
    def test_channels_count_the_atoms_of_every_bead(self, seed, n_atoms):
        graph = graph_of(random_molecule(np.random.default_rng(seed), n_atoms))
        for bead in range(graph.n_beads):
            channels = graph.channel_of_atom[graph.bead_of_atom == bead].tolist()
            assert sorted(channels) == list(range(len(channels)))

    @laws
    @given(SEEDS, N_ATOMS)
    @example(0, 1)
    def test_references_are_others_from_near_to_far(self, seed, n_atoms):
        molecule = random_molecule(np.random.default_rng(seed), n_atoms)
        graph = graph_of(molecule)
        bonds = dict(nx.all_pairs_shortest_path_length(bead_graph(molecule)))
        n_others = min(N_REFERENCES, graph.n_beads - 1)
        assert ((graph.relations >= 0) & (graph.relations <= N_RELATIONS)).all()
        for bead in range(graph.n_beads):
            chosen = graph.references[bead].tolist()
            relations = graph.relations[bead].tolist()
            if graph.n_beads == 1:
                assert (chosen, relations) == ([0] * N_REFERENCES, [0] * N_REFERENCES)
                continue
            first = chosen[:n_others]
            assert bead not in chosen
            assert len(set(first)) == n_others
            assert set(chosen) == set(first)
            # None that was left out is nearer than one that was taken.
            steps = [bonds[bead][other] for other in first]
            left_out = set(range(graph.n_beads)) - {bead, *first}
            assert all(near <= far for near, far in pairwise(steps))
            assert all(bonds[bead][other] >= steps[-1] for other in left_out)
            for other, step, relation in zip(first, steps, relations, strict=False):
                side = FARTHEST_RELATION if other > bead else 0
                assert relation == min(step, FARTHEST_RELATION) + side
            assert relations[n_others:] == [0] * (N_REFERENCES - n_others)


class TestCollate:
    @laws
    @given(SEEDS, st.lists(st.integers(1, 8), min_size=1, max_size=5))
    @example(0, [1])
    @example(0, [1, 1, 1])
    def test_every_molecule_can_be_taken_out_again(self, seed, sizes):
        rng = np.random.default_rng(seed)
        graphs = [graph_of(random_molecule(rng, size)) for size in sizes]
        batch = collate(graphs)
        assert batch.n_atoms == sum(sizes)
        assert batch.largest_bead == max(
            int(graph.channel_of_atom.max()) + 1 for graph in graphs
        )
        for number, graph in enumerate(graphs):
            atoms = torch.where(batch.molecule_of_atom == number)[0]
            beads = torch.where(batch.molecule_of_bead == number)[0]
            assert (len(atoms), len(beads)) == (graph.n_atoms, graph.n_beads)
            for name in ("atom_types", "channel_of_atom", "weights"):
                assert torch.equal(getattr(batch, name)[atoms], getattr(graph, name))
            assert torch.equal(batch.bead_of_atom[atoms] - beads[0], graph.bead_of_atom)
            assert torch.equal(batch.references[beads] - beads[0], graph.references)
            assert torch.equal(batch.relations[beads], graph.relations)
            own = (batch.molecule_of_atom[batch.close_pairs] == number).all(dim=1)
            pairs = batch.close_pairs[own] - atoms[0]
            assert torch.equal(pairs, graph.close_pairs)
        assert len(batch.close_pairs) == sum(len(g.close_pairs) for g in graphs)

    @laws
    @given(SEEDS, N_ATOMS, st.integers(1, 4))
    @example(0, 1, 2)
    def test_the_matrix_of_pairs_takes_differences(self, seed, n_atoms, n_copies):
        rng = np.random.default_rng(seed)
        graph = graph_of(random_molecule(rng, n_atoms))
        positions = torch.tensor(rng.normal(size=(n_copies, n_atoms, 3)))
        batch = collate([graph] * n_copies)
        assert (batch.atoms_each, batch.beads_each) == (n_atoms, graph.n_beads)
        made = batch.pair_matrix.to(positions.dtype) @ positions
        first, second = graph.close_pairs.T
        torch.testing.assert_close(made, positions[:, first] - positions[:, second])


class TestRadiusEdges:
    @laws
    @given(SEEDS, st.lists(st.integers(1, 9), min_size=1, max_size=4), st.booleans())
    @example(0, [1], False)
    def test_edges_are_invariant_under_isometries(self, seed, sizes, reflects):
        positions, molecules = points(seed, sizes)
        assume(is_clear(positions))
        matrix, shift = (
            part.double() for part in random_isometry(seed, reflects=reflects)
        )
        made = radius_edges(positions @ matrix.T + shift, molecules, CUTOFF)
        assert torch.equal(made, radius_edges(positions, molecules, CUTOFF))

    @laws
    @given(SEEDS, st.lists(st.integers(1, 9), min_size=1, max_size=4))
    @example(0, [1, 1])
    def test_every_edge_goes_both_ways_within_a_molecule(self, seed, sizes):
        positions, molecules = points(seed, sizes)
        receivers, senders = radius_edges(positions, molecules, CUTOFF)
        edges = set(zip(receivers.tolist(), senders.tolist(), strict=True))
        assert len(edges) == len(receivers)
        assert {(j, i) for i, j in edges} == edges
        assert torch.equal(molecules[receivers], molecules[senders])
        assert (receivers != senders).all()

    @laws
    @given(SEEDS, st.integers(1, 12))
    def test_permutation_equivariance_of_nodes(self, seed, n_nodes):
        positions, molecules = points(seed, [n_nodes])
        order = torch.tensor(np.random.default_rng(seed).permutation(n_nodes))
        here = radius_edges(positions, molecules, CUTOFF)
        there = radius_edges(positions[order], molecules, CUTOFF)
        assert set(map(tuple, order[there].T.tolist())) == set(
            map(tuple, here.T.tolist())
        )

    @laws
    @given(SEEDS, st.lists(st.integers(1, 9), min_size=1, max_size=4))
    def test_a_wider_cutoff_only_adds_edges(self, seed, sizes):
        positions, molecules = points(seed, sizes)
        near, far, all_of_them = (
            set(map(tuple, radius_edges(positions, molecules, cutoff).T.tolist()))
            for cutoff in (CUTOFF, 2 * CUTOFF, 1e3)
        )
        assert near <= far <= all_of_them
        assert len(all_of_them) == sum(size * (size - 1) for size in sizes)


def points(seed, sizes):
    rng = np.random.default_rng(seed)
    molecules = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    return torch.tensor(rng.normal(scale=2.5, size=(sum(sizes), 3))), molecules


def is_clear(positions):
    """Whether no distance is so near to the cutoff that rounding decides."""
    return bool((torch.cdist(positions, positions) - CUTOFF).abs().min() > 1e-6)
