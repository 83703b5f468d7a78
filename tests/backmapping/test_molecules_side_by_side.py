import MDAnalysis as mda
import numpy as np
import pytest
from dipeptides import NAMES, SAME, TRICLINIC, scattered, universe_of

from openmm_cgvae import load_model
from openmm_cgvae.backmapping.backmapper import Backmapper
from openmm_cgvae.metrics import intermolecular_contacts
from openmm_cgvae.testing import dipeptide


@pytest.fixture(scope="module")
def model():
    return dipeptide.untrained()


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
