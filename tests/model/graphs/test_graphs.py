import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import equations

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model.graphs import (
    MoleculeGraph,
    atom_types_of,
    collate,
    radius_edges,
)
from openmm_cgvae.testing import (
    MOLECULE,
    SINGLE,
    SMALLER,
    VOCABULARY,
    ragged_batch,
    toy_batch,
    toy_graph,
    toy_molecule,
    toy_positions,
)


class TestMoleculeGraph:
    def test_holds_what_the_records_say(self):
        molecule = toy_molecule([0, 1, 1, 0], weights=[1, 3, 1, 0])
        graph = toy_graph(molecule)
        assert (graph.n_atoms, graph.n_beads) == (4, 2)
        assert [VOCABULARY[t] for t in graph.atom_types] == ["6", "1", "7", "8"]
        assert graph.bead_of_atom.tolist() == [0, 1, 1, 0]
        assert graph.channel_of_atom.tolist() == [0, 0, 1, 1]
        assert graph.weights.tolist() == [1.0, 0.75, 0.25, 0.0]

    def test_close_pairs_are_at_most_two_bonds_apart(self):
        table = toy_molecule([0] * 6).atom_table
        pairs = toy_graph(toy_molecule([0] * 6)).close_pairs.tolist()
        expected = equations.two_hop_pairs(table.bonds.tolist(), 6)
        assert sorted(map(tuple, pairs)) == expected

    def test_mapping_of_other_atoms_is_refused(self):
        with pytest.raises(
            ValueError, match=r"`mapping` maps 3 atoms but `atom_table` has 11 atoms"
        ):
            MoleculeGraph.from_records(
                MOLECULE.atom_table, Mapping([0, 0, 1]), VOCABULARY
            )

    def test_types_without_a_word_are_refused_by_name(self):
        molecule = toy_molecule([0, 0, 0], elements=[6, 16, 15])
        with pytest.raises(ValueError, match=r"does not know: 15, 16; train a model"):
            toy_graph(molecule)

    def test_vocabulary_of_identities_is_recognised(self):
        molecule = toy_molecule([0, 0, 0])
        words = atom_types_of(molecule.atom_table, "identity")
        assert words == ["TOY:A0", "TOY:A1", "TOY:A2"]
        graph = MoleculeGraph.from_records(
            molecule.atom_table, molecule.mapping, words[::-1]
        )
        assert graph.atom_types.tolist() == [2, 1, 0]


class TestBatch:
    def test_every_batch_has_its_own_positions(self):
        graph = toy_graph(MOLECULE)
        atoms, beads = toy_positions(MOLECULE, n_frames=6)
        first = graph.batch(beads[:3], atoms[:3])
        second = graph.batch(beads[3:], atoms[3:])
        without_atoms = graph.batch(beads[:3])
        for batch, start in ((first, 0), (second, 3)):
            made = batch.atom_positions.reshape(3, -1, 3)
            assert torch.equal(made, atoms[start : start + 3])
            made = batch.bead_positions.reshape(3, -1, 3)
            assert torch.equal(made, beads[start : start + 3])
        assert without_atoms.atom_positions is None
        # The static part is made once.
        assert second.close_pairs is first.close_pairs

    def test_many_sizes_do_not_mix_up(self):
        graph = toy_graph(SMALLER)
        for n_frames in [*range(1, 13), *range(1, 13)]:
            atoms, beads = toy_positions(SMALLER, n_frames)
            batch = graph.batch(beads, atoms)
            assert batch.n_molecules == n_frames
            assert batch.n_atoms == n_frames * graph.n_atoms == len(batch.weights)
            assert batch.n_beads == n_frames * graph.n_beads

    def test_is_the_collation_of_copies(self):
        atoms, beads = toy_positions(SMALLER, n_frames=3)
        graph = toy_graph(SMALLER)
        made = graph.batch(beads, atoms)
        assert_same_batch(made, collate([graph] * 3, list(beads), list(atoms)))

    def test_moves_to_a_device_as_it_is(self):
        batch = toy_batch(MOLECULE, n_frames=2)
        assert_same_batch(batch.to("cpu"), batch)


def assert_same_batch(made, expected):
    for name, value in expected.__dict__.items():
        if torch.is_tensor(value):
            assert torch.equal(getattr(made, name), value), name
        else:
            assert getattr(made, name) == value, name


class TestCollate:
    def test_indices_count_through_the_batch(self):
        batch = ragged_batch([SINGLE, SMALLER])
        assert batch.n_molecules == 2
        assert batch.bead_of_atom.tolist() == [0, 0, 0, 2, 1, 1, 1, 2]
        assert batch.channel_of_atom.tolist() == [0, 1, 2, 0, 0, 1, 2, 1]
        assert batch.molecule_of_atom.tolist() == [0] * 3 + [1] * 5
        assert batch.molecule_of_bead.tolist() == [0, 1, 1]
        own = [0, 1, 2], [3, 4, 5, 6, 7]
        for first, second in batch.close_pairs.tolist():
            assert any(first in atoms and second in atoms for atoms in own)

    def test_says_what_is_alike(self):
        other = toy_molecule([0, 1, 1, 2, 2])
        assert ragged_batch([SINGLE, SMALLER]).atoms_each is None
        batch = ragged_batch([SMALLER, other])
        assert (batch.atoms_each, batch.beads_each) == (5, None)
        assert not batch.is_pooled
        assert toy_batch(SMALLER, n_frames=2).is_pooled

    def test_positions_keep_their_molecules(self):
        molecules = [MOLECULE, SINGLE, SMALLER]
        batch = ragged_batch(molecules)
        for k, molecule in enumerate(molecules):
            atoms, beads = toy_positions(molecule, seed=k)
            is_own = batch.molecule_of_atom == k
            assert torch.equal(batch.atom_positions[is_own], atoms[0])
            assert torch.equal(
                batch.bead_positions[batch.molecule_of_bead == k], beads[0]
            )

    def test_weights_sum_to_one_over_every_bead(self):
        batch = ragged_batch([MOLECULE, SINGLE, SMALLER])
        sums = torch.zeros(batch.n_beads).index_add(
            0, batch.bead_of_atom, batch.weights
        )
        torch.testing.assert_close(sums, torch.ones(batch.n_beads))

    def test_beads_without_positions_are_at_the_origin(self):
        batch = collate([toy_graph(SINGLE), toy_graph(SMALLER)])
        assert torch.equal(batch.bead_positions, torch.zeros(3, 3))
        assert batch.atom_positions is None


def edges_by_brute_force(positions, molecules, cutoff):
    edges = []
    for i in range(len(positions)):
        for j in range(len(positions)):
            distance = np.linalg.norm(positions[i] - positions[j])
            if i != j and molecules[i] == molecules[j] and distance < cutoff:
                edges.append((i, j))
    return edges


class TestRadiusEdges:
    @settings(deadline=None, max_examples=25)
    @given(
        st.lists(st.integers(1, 7), min_size=1, max_size=4),
        st.integers(0, 99),
        st.sampled_from([1.0, 3.0, 30.0]),
    )
    def test_are_all_close_pairs_of_a_molecule_sorted(self, sizes, seed, cutoff):
        molecules = np.repeat(np.arange(len(sizes)), sizes)
        positions = np.random.default_rng(seed).normal(size=(len(molecules), 3)) * 3
        made = radius_edges(torch.tensor(positions), torch.tensor(molecules), cutoff)
        expected = edges_by_brute_force(positions, molecules, cutoff)
        assert list(map(tuple, made.T.tolist())) == expected

    def test_in_a_large_molecule(self):
        # The search behind changes its method with the number of nodes.
        positions = np.random.default_rng(3).uniform(0, 40, size=(1500, 3))
        made = radius_edges(
            torch.tensor(positions), torch.zeros(1500, dtype=torch.long), 3.0
        )
        distances = np.linalg.norm(positions[:, None] - positions, axis=-1)
        expected = np.argwhere((distances < 3.0) & ~np.eye(1500, dtype=bool))
        np.testing.assert_array_equal(made.T, expected)

    def test_pairs_at_the_cutoff_are_no_edges(self):
        positions = torch.tensor([[0.0, 0, 0], [3, 0, 0], [3, 2, 0]])
        made = radius_edges(positions, torch.zeros(3, dtype=torch.long), 3.0)
        assert made.tolist() == [[1, 2], [2, 1]]

    def test_coincident_nodes_are_neighbours(self):
        made = radius_edges(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long), 1.0)
        assert made.tolist() == [[0, 1], [1, 0]]

    def test_a_single_node_has_none(self):
        made = radius_edges(torch.zeros(1, 3), torch.zeros(1, dtype=torch.long), 1.0)
        assert made.shape == (2, 0)

    def test_far_from_the_origin(self):
        positions = torch.tensor([[9000.0, 0, 0], [9000.0, 2.9999, 0]]).double()
        made = radius_edges(positions, torch.zeros(2, dtype=torch.long), 3.0)
        assert made.shape == (2, 2)


def test_references_are_the_nearest_beads_by_bonds_the_one_before_first():
    chain = toy_graph(toy_molecule([0, 0, 1, 2, 3, 4, 5, 6, 7]))
    assert chain.references[4].tolist() == [3, 5, 2, 6, 1, 7]
    assert chain.relations[4].tolist() == [1, 5, 2, 6, 3, 7]
    assert chain.references[0].tolist() == [1, 2, 3, 4, 5, 6]
    assert chain.relations[0].tolist() == [5, 6, 7, 8, 8, 8]


def test_references_are_repeated_where_beads_are_few():
    three = toy_graph(toy_molecule([0, 1, 2]))
    assert three.references[1].tolist() == [0, 2, 0, 2, 0, 2]
    assert three.relations[1].tolist() == [1, 5, 0, 0, 0, 0]
    alone = toy_graph(toy_molecule([0, 0]))
    assert alone.references.tolist() == [[0] * 6]
    assert alone.relations.tolist() == [[0] * 6]
