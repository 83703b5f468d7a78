import MDAnalysis as mda
import numpy as np
import pytest
from dipeptides import TRICLINIC, scattered
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.replicas import (
    beside,
    part_of,
    repeat,
)
from openmm_cgvae.metrics import intermolecular_contacts
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.testing import dipeptide


@pytest.fixture(scope="module")
def model():
    return dipeptide.untrained()


class TestRepeat:
    @given(
        bead_of_atom=st.lists(st.integers(0, 2), min_size=3, max_size=9).filter(
            lambda beads: set(beads) == {0, 1, 2}
        ),
        k=st.integers(1, 5),
        seed=st.integers(0, 99),
    )
    @settings(deadline=None, max_examples=25)
    def test_mapping_maps_every_copy_as_it_maps_one(self, bead_of_atom, k, seed):
        generator = np.random.default_rng(seed)
        mapping = Mapping(bead_of_atom, generator.random(len(bead_of_atom)) + 0.1)
        atoms = generator.normal(size=(k, mapping.n_atoms, 3))
        many = repeat(mapping, k)
        np.testing.assert_allclose(
            many.project(atoms.reshape(-1, 3)),
            mapping.project(atoms).reshape(-1, 3),
            atol=1e-12,
        )
        assert many.bead_names == mapping.bead_names * k

    def test_table_is_k_molecules(self, model):
        table = model.atom_table
        many = repeat(table, 70)
        assert many.n_atoms == 70 * 22
        assert len(many.bonds) == 70 * 21
        assert len(many.amides) == 70 * len(table.amides)
        assert len(many.rotors) == 70 * len(table.rotors)
        assert (many.stereocentres[-1] == table.stereocentres[-1] + 69 * 22).all()
        chains = np.array(many.chain_ids).reshape(70, 3)
        assert (chains == chains[:, :1]).all()
        assert (chains[1:, 0] != chains[:-1, 0]).all()

    def test_a_copy_is_the_molecule(self, model):
        two = repeat(model.atom_table, 2)
        assert two.names[22:] == model.atom_table.names
        np.testing.assert_array_equal(two.bonds[21:] - 22, model.atom_table.bonds)

    def test_one_copy_is_itself(self, model):
        assert repeat(model.atom_table, 1) is model.atom_table
        assert repeat(model.mapping, 1) is model.mapping

    @pytest.mark.parametrize("k", [0, -1, True])
    def test_refuses_no_copies(self, model, k):
        with pytest.raises(ValueError, match=f"`k` is {k} but must be at least 1"):
            repeat(model.mapping, k)


class TestContacts:
    def test_hand_computed(self):
        three = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [1, 1.2, 0]])
        assert intermolecular_contacts(three, 2).tolist() == [[1, 2], [1, 3]]
        assert intermolecular_contacts(three, 4).tolist() == []

    def test_across_a_triclinic_box(self, model):
        atoms, _ = scattered(8, model.mapping)
        inside = intermolecular_contacts(atoms.reshape(-1, 3), 22, cutoff=3.0)
        vectors = mda.lib.mdamath.triclinic_vectors(TRICLINIC)
        atoms[0] += vectors[2] - vectors[1]
        moved = intermolecular_contacts(atoms.reshape(-1, 3), 22, TRICLINIC, cutoff=3.0)
        assert {*map(tuple, inside.tolist())} <= {*map(tuple, moved.tolist())}

    @pytest.mark.parametrize(
        ("n_each", "cutoff", "sentence"),
        [(3, 1.0, "`n_atoms_each` is 3 but there are 4"), (2, 0.0, "`cutoff` is 0.0")],
    )
    def test_refuses(self, n_each, cutoff, sentence):
        with pytest.raises(ValueError, match=sentence):
            intermolecular_contacts(np.zeros((4, 3)), n_each, cutoff=cutoff)


class TestBeside:
    def test_two_copies_are_a_repetition(self, model):
        table = model.atom_table
        two, again = beside(table, table), repeat(table, 2)
        for name in ("names", "residue_names", "residue_ids"):
            assert getattr(two, name) == getattr(again, name)
        for name in ("bonds", "stereocentres", "residue_of_atom", "masses"):
            np.testing.assert_array_equal(getattr(two, name), getattr(again, name))
        assert beside(model.mapping, model.mapping) == repeat(model.mapping, 2)

    def test_a_part_of_both_is_one(self, model):
        table = model.atom_table
        part = part_of(beside(table, table), np.arange(44) >= 22)
        assert part.to_dict() == table.to_dict()

    def test_a_part_loses_what_it_no_longer_has(self, model):
        table = model.atom_table
        heavy = part_of(table, table.is_heavy)
        assert heavy.n_atoms == len(heavy.bonds) + 1 == 10
        assert heavy.residue_names == table.residue_names
        centre = table.stereocentres[0, 0]
        assert heavy.names[heavy.stereocentres[0, 0]] == table.names[centre]

    def test_refuses_unlike_records(self, model):
        with pytest.raises(TypeError, match="of types AtomTable and Mapping but must"):
            beside(model.atom_table, model.mapping)

    def test_atoms_keep_their_elements(self):
        atoms = dipeptide.atoms().atoms
        table = AtomTable.from_particles(atoms)
        wanted = AtomTable.from_universe(atoms)
        assert table.atomic_numbers.tolist() == wanted.atomic_numbers.tolist()
        np.testing.assert_array_equal(table.bonds, wanted.bonds)
        assert table.residue_ids == wanted.residue_ids


def test_tables_of_many_go_to_json_and_back(model):
    many = repeat(model.atom_table, 3)
    again = AtomTable.from_dict(many.to_dict())
    assert again.chain_ids == many.chain_ids


def test_no_two_replicas_share_a_chain_identifier():
    many = repeat(AtomTable.from_universe(dipeptide.atoms()), 100)
    assert len(set(many.chain_ids)) == 100
    assert many.chain_ids[:3] == ("A",) * 3
