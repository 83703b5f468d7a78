import MDAnalysis as mda
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from openmm_cgvae import load_model
from openmm_cgvae.backmapping.backmapper import Backmapper
from openmm_cgvae.backmapping.packing import choose_non_overlapping
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.replicas import (
    beside,
    part_of,
    repeat,
)
from openmm_cgvae.metrics import intermolecular_contacts
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.testing import dipeptide

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
            "ION:NA ALA:RES; select the molecules, or give unknown='drop'.* or 'keep'",
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
        with pytest.raises(ValueError, match="no molecule of 3 beads ACE:RES"):
            Backmapper(water, model, unknown="drop")

    def test_are_kept(self, mixed, model):
        universe, beads = mixed
        universe.add_TopologyAttr("masses", np.arange(10.0))
        universe.add_TopologyAttr("bonds", [(0, 5), (1, 2)])
        backmapper = Backmapper(universe, model, unknown="keep")
        assert "4 others kept as they are" in repr(backmapper)
        made = backmapper.sample(n=2, seed=1)
        wanted = Backmapper(universe_of(beads), model).sample(n=2, seed=1)
        np.testing.assert_allclose(
            made.positions_angstrom[:, :44], wanted.positions_angstrom, atol=SAME
        )
        np.testing.assert_array_equal(made.positions_angstrom[:, 44:], 50.0)
        table = made.atom_table
        assert table.names[44:] == ("W", "W", "NA", "RES")
        assert table.residue_names[6:] == ("SOL", "SOL", "ION", "ALA")
        assert table.atomic_numbers[44:].tolist() == [0] * 4
        assert table.masses[44:].tolist() == [0, 4, 5, 9]
        assert table.bonds[-1].tolist() == [44, 46]
        # What is kept is a bead of itself, so that all beads are as they were.
        projected = made.mapping.project(made.positions_angstrom)
        np.testing.assert_allclose(projected, made.bead_positions, atol=SAME)
        assert made.mapping.bead_names[-2:] == ("NA", "RES")

    def test_do_not_enter_the_report(self, mixed, model):
        kept = Backmapper(mixed[0], model, unknown="keep").sample(seed=1).report()
        dropped = Backmapper(mixed[0], model, unknown="drop").sample(seed=1).report()
        for name in set(kept.columns) - {"bead_residual"}:
            np.testing.assert_array_equal(kept.columns[name], dropped.columns[name])

    @pytest.mark.parametrize("ending", ["xtc", "pdb"])
    def test_are_kept_in_trajectories(self, mixed, model, tmp_path, ending):
        first = mixed[0].atoms.positions
        moved = first.copy()
        moved[[0, 4, 5, 9]] += 1.0
        universe = mixed[0].load_new(np.stack([first, moved]))
        backmapper = Backmapper(universe, model, unknown="keep")
        path = tmp_path / f"all.{ending}"
        backmapper.run(n=2, output=path, progress=False)
        table = backmapper.atom_table
        written = mda.Universe.empty(table.n_atoms, trajectory=True)
        written.load_new(str(path))
        for k, ts in enumerate(written.trajectory):
            np.testing.assert_allclose(ts.positions[44:], 50.0 + k // 2, atol=6e-4)
        assert written.trajectory.n_frames == 4

    def test_unknown_what_to_do(self, mixed, model):
        with pytest.raises(ValueError, match="`unknown` is 'leave' but must be"):
            Backmapper(mixed[0], model, unknown="leave")


class TestInAnotherOrder:
    @pytest.mark.parametrize("order", [[2, 1, 0], [1, 0, 2], [0, 2, 1]])
    def test_makes_the_same_atoms(self, model, order):
        _, beads = scattered(3, model.mapping)
        whole = universe_of(beads)
        shuffled = (np.array(order) + 3 * np.arange(3)[:, None]).ravel()
        backmapper = Backmapper(whole.atoms[shuffled], model)
        assert backmapper.is_reordered
        assert "put in the model's order" in repr(backmapper)
        wanted = Backmapper(whole, model)
        assert not wanted.is_reordered
        np.testing.assert_array_equal(
            backmapper.sample(seed=1).positions_angstrom,
            wanted.sample(seed=1).positions_angstrom,
        )


class TestPacking:
    def test_hand_computed(self):
        # On a line: where the first of B hits A, and the second hits C but less.
        a, c = [[[0.0, 0, 0]]] * 2, [[[6.0, 0, 0]]] * 2
        b = [[[1.0, 0, 0]], [[4.0, 0, 0]]]
        candidates = np.stack([a, b, c], axis=1)
        assert choose_non_overlapping(candidates).tolist() == [0, 1, 0]
        box = np.array([6.5, 50, 50, 90, 90, 90])  # A and C are neighbours now
        assert choose_non_overlapping(candidates, box).tolist() == [0, 1, 0]

    @given(seed=st.integers(0, 999), k=st.integers(1, 4), n=st.integers(1, 5))
    @settings(deadline=None, max_examples=25)
    def test_no_molecule_could_do_better(self, seed, k, n):
        generator = np.random.default_rng(seed)
        box = np.array([9, 9, 9, 70, 80, 100], dtype=np.float32)
        candidates = generator.uniform(0, 8, (k, n, 3, 3))
        chosen = choose_non_overlapping(candidates, box)

        def overlap(which):
            atoms = candidates[which, np.arange(n)].reshape(-1, 3).astype(np.float32)
            distances = mda.lib.distances.distance_array(atoms, atoms, box=box)
            same = np.kron(np.eye(n), np.ones((3, 3))).astype(bool)
            return np.square(np.maximum(2.5 - distances, 0))[~same].sum() / 2

        least = overlap(chosen)
        for molecule in range(n):
            for candidate in range(k):
                changed = chosen.copy()
                changed[molecule] = candidate
                assert least <= overlap(changed) + 1e-4

    @pytest.mark.parametrize(
        ("shape", "cutoff", "sentence"),
        [
            ((2, 3, 3), 1.0, r"`candidates` has shape \(2, 3, 3\) but must be"),
            ((0, 1, 1, 3), 1.0, "give one structure of each molecule or more"),
            ((2, 1, 1, 3), 0.0, "`cutoff` is 0.0 but must be positive"),
        ],
    )
    def test_refuses(self, shape, cutoff, sentence):
        with pytest.raises(ValueError, match=sentence):
            choose_non_overlapping(np.zeros(shape), cutoff=cutoff)

    def test_samples_are_candidates_and_collide_less(self, model):
        _, beads = scattered(8, model.mapping, spacing=6.0)
        box = np.array([12, 12, 12, 90, 90, 90], dtype=np.float32)
        backmapper = Backmapper(universe_of(beads, box=box), model)
        each = backmapper.sample(n=8, seed=5).positions_angstrom.reshape(8, 8, 22, 3)
        fitted = backmapper.sample(n=2, candidates=4, seed=5).positions_angstrom
        for sample, drawn in zip(fitted, (each[:4], each[4:]), strict=True):
            distance = np.abs(drawn - sample.reshape(8, 22, 3)).max((-1, -2))
            np.testing.assert_allclose(distance.min(axis=0), 0, atol=SAME)
            contacts = [
                len(intermolecular_contacts(atoms.reshape(-1, 3), 22, box, 2.5))
                for atoms in (sample, *drawn)
            ]
            assert contacts[0] < min(contacts[1:])

    def test_in_trajectories(self, model, tmp_path):
        _, beads = scattered(4, model.mapping, spacing=6.0)
        backmapper = Backmapper(universe_of(beads, box=TRICLINIC), model)
        path = backmapper.run(
            output=tmp_path / "a.xtc", candidates=3, seed=2, progress=False
        )
        wanted = backmapper.sample(candidates=3, seed=2)
        made = mda.Universe.empty(88, trajectory=True).load_new(str(path))
        np.testing.assert_allclose(
            made.atoms.positions, wanted.positions_angstrom[0], atol=6e-3
        )

    @pytest.mark.parametrize("candidates", [0, True])
    def test_refuses_no_candidates(self, model, candidates):
        _, beads = scattered(2, model.mapping)
        with pytest.raises(ValueError, match=f"`candidates` is {candidates} but must"):
            Backmapper(universe_of(beads), model).sample(candidates=candidates)


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
