import dipeptide
import MDAnalysis as mda
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from openmm_cgvae import load_model
from openmm_cgvae.backmapper import Backmapper
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import intermolecular_contacts, repeat
from openmm_cgvae.recognition import find_molecules
from openmm_cgvae.topology import AtomTable

SAME = 1e-4  # [A], decoded with others; beads are float32
TRICLINIC = np.array([40, 42, 44, 70, 80, 100], dtype=np.float32)
NAMES = [("ACE", "RES"), ("ALA", "RES"), ("NME", "RES")]
SPACING = 9.0  # [A]


@pytest.fixture(scope="module")
def model():
    return dipeptide.untrained()


def scattered(k, mapping, spacing=SPACING):
    """Atoms of k dipeptides on a cubic grid, turned at random, [k, 22, 3]."""
    n_side = int(np.ceil(k ** (1 / 3)))
    places = np.indices((n_side,) * 3).reshape(3, -1).T[:k] * spacing
    frames = dipeptide.positions()
    turned = [
        Rotation.random(random_state=m).apply(
            frames[m % len(frames)] - frames[m % len(frames)].mean(0)
        )
        for m in range(k)
    ]
    atoms = np.array(turned) + places[:, None]
    return atoms, mapping.project(atoms)


def universe_of(beads, names=NAMES, box=None):
    """Beads [n_molecules, n_beads, 3] as a universe of one frame."""
    flat = np.asarray(beads, dtype=np.float32).reshape(1, -1, 3)
    n_beads = flat.shape[1]
    names = [*names] * (n_beads // len(names))
    universe = mda.Universe.empty(n_beads, n_beads, atom_resindex=range(n_beads))
    universe.add_TopologyAttr("resnames", [residue for residue, _ in names])
    universe.add_TopologyAttr("names", [bead for _, bead in names])
    universe.load_new(flat, dimensions=box)
    return universe


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


class TestBackmapsMany:
    def test_the_first_is_made_as_if_it_were_alone(self, model):
        _, beads = scattered(5, model.mapping)
        many = Backmapper(universe_of(beads), model).sample(n=3, seed=2)
        one = Backmapper(universe_of(beads[:1]), model).sample(n=3, seed=2)
        np.testing.assert_allclose(
            many.positions_angstrom[:, :22], one.positions_angstrom, atol=SAME
        )

    def test_equal_molecules_get_different_noise(self, model):
        _, beads = scattered(1, model.mapping)
        many = Backmapper(universe_of(np.repeat(beads, 4, axis=0)), model)
        made = many.sample(seed=0).positions_angstrom.reshape(4, 22, 3)
        distances = np.abs(made[:, None] - made[None]).max((-1, -2))
        assert (distances[~np.eye(4, dtype=bool)] > 1e-3).all()

    def test_the_ensemble_is_all_of_them_with_their_beads(self, model):
        _, beads = scattered(7, model.mapping)
        backmapper = Backmapper(universe_of(beads), model)
        assert backmapper.n_molecules == 7
        made = backmapper.sample(n=2, seed=0)
        np.testing.assert_allclose(
            made.mapping.project(made.positions_angstrom),
            np.tile(beads.reshape(1, -1, 3), (2, 1, 1)),
            atol=SAME,
        )
        topology = made[0].topology
        assert (topology.getNumChains(), topology.getNumBonds()) == (7, 7 * 21)

    def test_whole_in_a_triclinic_box_that_cut_them(self, model):
        _, beads = scattered(8, model.mapping)
        box = universe_of(beads, box=TRICLINIC)
        whole = Backmapper(universe_of(beads), model).sample(seed=3)
        box.atoms.wrap()
        made = Backmapper(box, model).sample(seed=3)
        np.testing.assert_allclose(made.box[0], TRICLINIC)
        relative = [
            e.positions_angstrom.reshape(8, 22, 3)
            - e.bead_positions.reshape(8, 3, 3)[:, :1]
            for e in (made, whole)
        ]
        np.testing.assert_allclose(relative[0], relative[1], atol=1e-3)

    def test_trajectories_of_many(self, model, tmp_path):
        _, beads = scattered(4, model.mapping)
        backmapper = Backmapper(universe_of(beads, box=TRICLINIC), model)
        path = backmapper.run(output=tmp_path / "a.pdb", n=2, seed=1, progress=False)
        written = mda.Universe(str(path))
        wanted = backmapper.sample(n=2, seed=1)
        assert len(written.bonds) == 4 * 21
        for ts, positions in zip(
            written.trajectory, wanted.positions_angstrom, strict=True
        ):
            np.testing.assert_allclose(ts.positions, positions, atol=6e-4)

    @pytest.mark.slow
    def test_five_thousand(self, model):
        _, beads = scattered(5_000, model.mapping)
        made = Backmapper(universe_of(beads), model).sample(seed=0)
        assert made.positions_angstrom.shape == (1, 110_000, 3)

    def test_collisions_are_resolved_in_the_box(self):
        model = load_model("alanine-dipeptide-3")
        _, beads = scattered(4, model.mapping, spacing=5.5)
        box = np.array([13, 13, 13, 90, 90, 90], dtype=np.float32)
        made = Backmapper(universe_of(beads, box=box), model).sample(seed=0)
        assert len(intermolecular_contacts(made.positions_angstrom[0], 22, box))
        relaxation = made.relax("amber99sbildn.xml", soft_start=True)
        relaxed = relaxation.ensemble.positions_angstrom[0]
        assert len(intermolecular_contacts(relaxed, 22, box)) == 0
        assert relaxation.bead_shift[0] < 0.5
        assert relaxation.energy_after[0] < relaxation.energy_before[0]


class TestAmongOthers:
    MIXED = (("SOL", "W"), *NAMES, ("SOL", "W"), ("ION", "NA"), *NAMES, ("ALA", "RES"))

    @pytest.fixture
    def mixed(self, model):
        _, beads = scattered(2, model.mapping)
        where = np.full((len(self.MIXED), 3), 50.0)
        where[[1, 2, 3, 6, 7, 8]] = beads.reshape(-1, 3)
        return universe_of(where[None], self.MIXED), beads

    def test_are_named(self, mixed, model):
        with pytest.raises(
            ValueError,
            match="2 molecules of the model and other beads, 4 beads SOL:W SOL:W "
            "ION:NA ALA:RES; select the molecules, or give unknown='drop'",
        ):
            Backmapper(mixed[0], model)

    def test_are_dropped(self, mixed, model):
        universe, beads = mixed
        backmapper = Backmapper(universe, model, unknown="drop")
        assert backmapper.dropped.names.tolist() == ["W", "W", "NA", "RES"]
        assert "4 others left out" in repr(backmapper)
        made = backmapper.sample(seed=1)
        wanted = Backmapper(universe_of(beads), model).sample(seed=1)
        np.testing.assert_allclose(
            made.positions_angstrom, wanted.positions_angstrom, atol=SAME
        )

    def test_are_chosen_away(self, mixed, model):
        chosen = mixed[0].atoms[[1, 2, 3, 6, 7, 8]]
        assert Backmapper(chosen, model).n_molecules == 2

    def test_none_is_there(self, mixed, model):
        water = mixed[0].select_atoms("resname SOL")
        with pytest.raises(ValueError, match="no molecule of the beads ACE:RES"):
            Backmapper(water, model, unknown="drop")

    def test_found_molecules_do_not_overlap(self):
        chain = universe_of(np.zeros((1, 5, 3)), [("A", "B")] * 5)
        known, others = find_molecules(chain.atoms, [("A", "B")] * 2)
        assert known.indices.tolist() == [0, 1, 2, 3]
        assert others.indices.tolist() == [4]

    def test_unknown_what_to_do(self, mixed, model):
        with pytest.raises(ValueError, match="`unknown` is 'keep' but must be"):
            Backmapper(mixed[0], model, unknown="keep")


def test_tables_of_many_go_to_json_and_back(model):
    many = repeat(model.atom_table, 3)
    again = AtomTable.from_dict(many.to_dict())
    assert again.chain_ids == many.chain_ids
