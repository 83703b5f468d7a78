import copy
import shutil

import MDAnalysis as mda
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.backmapping.backmapper import Backmapper
from openmm_cgvae.model import pretrained
from openmm_cgvae.model.checkpoint import save_model
from openmm_cgvae.molecules.periodic_box import cell_vectors
from openmm_cgvae.testing import dipeptide
from openmm_cgvae.transformations import coarse_grain

SAME = 1e-5  # [A], decoded alone or with others
BEADS_KEPT = 1e-4  # [A], promised; beads are read as float32
XTC_PRECISION = 0.0051  # [A], half of the last digit kept
SPECS = ("residues", "alpha-carbon", "backbone:5", "backbone:8")
CUBE = np.array([30, 30, 30, 90, 90, 90], dtype=np.float32)
TRICLINIC = np.array([28, 30, 32, 70, 80, 100], dtype=np.float32)


@pytest.fixture(scope="module")
def model():
    return dipeptide.untrained()


@pytest.fixture
def beads():
    return dipeptide.beads()


@pytest.fixture
def backmapper(beads, model):
    return Backmapper(beads, model)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder of models, in place of those that ship."""
    folder = tmp_path_factory.mktemp("models")
    for name, spec in (("three", "residues"), ("five", "backbone:5")):
        save_model(dipeptide.untrained(spec), folder / f"{name}.cgvae")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretrained, "FOLDER", folder)
        yield folder


def placed(positions, names=("RES",) * 3, resnames=("ACE", "ALA", "NME"), box=None):
    """Beads of any positions, [n_frames, n_beads, 3]."""
    positions = np.asarray(positions, dtype=np.float32)
    n_beads = positions.shape[1]
    universe = mda.Universe.empty(n_beads, n_beads, atom_resindex=range(n_beads))
    universe.add_TopologyAttr("names", list(names))
    universe.add_TopologyAttr("resnames", list(resnames))
    universe.load_new(positions, dimensions=box)
    return universe


@pytest.mark.usefixtures("shelf")
class TestFindsTheModel:
    @pytest.mark.parametrize("spec", ["residues", "backbone:5"])
    def test_by_the_names_of_beads_and_residues(self, spec):
        found = Backmapper(dipeptide.beads(spec)).model
        assert found.mapping == dipeptide.untrained(spec).mapping

    def test_none_fits(self):
        with pytest.raises(
            LookupError,
            match="has 3 beads ACE:CA ALA:CA NME:CA, which no shipped model has, .*; "
            "give model= or train one .*; the models that ship are five, three$",
        ):
            Backmapper(dipeptide.beads("alpha-carbon"))

    def test_several_fit(self, shelf, monkeypatch, tmp_path):
        for name in ("one", "other"):
            shutil.copy(shelf / "three.cgvae", tmp_path / f"{name}.cgvae")
        monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
        with pytest.raises(LookupError, match="several models, one, other; choose"):
            Backmapper(dipeptide.beads())

    def test_no_names_at_all(self):
        universe = mda.Universe.empty(3, trajectory=True)
        with pytest.raises(LookupError, match="has 3 beads : : :, which no shipped"):
            Backmapper(universe)

    def test_atoms_came_instead(self):
        with pytest.raises(
            LookupError, match=r"has the 22 atoms that five, three make"
        ):
            Backmapper(dipeptide.atoms())

    @pytest.mark.parametrize("k", [2, 100])
    def test_of_many_molecules(self, k):
        beads = np.tile(dipeptide.beads().atoms.positions, (k, 1))[None]
        names = {"names": ("RES",) * 3 * k, "resnames": ("ACE", "ALA", "NME") * k}
        backmapper = Backmapper(placed(beads, **names))
        assert backmapper.n_molecules == k
        assert backmapper.model.mapping == dipeptide.untrained().mapping

    def test_among_others(self):
        beads = np.concatenate([dipeptide.beads().atoms.positions, np.zeros((2, 3))])
        names = {"names": ["RES"] * 3 + ["W"] * 2}
        names["resnames"] = ["ACE", "ALA", "NME", "SOL", "SOL"]
        mixed = placed(beads[None], **names)
        with pytest.raises(
            LookupError, match="1 molecule of three and other beads, 2 beads SOL:W"
        ):
            Backmapper(mixed)
        for unknown in ("drop", "keep"):
            assert Backmapper(mixed, unknown=unknown).n_molecules == 1

    def test_atoms_of_two_molecules_came_instead(self):
        two = mda.Merge(dipeptide.atoms().atoms, dipeptide.atoms().atoms)
        with pytest.raises(LookupError, match="has the 44 atoms that five, three make"):
            Backmapper(two)

    @pytest.mark.parametrize("as_what", ["name", "path", "text", "object"])
    def test_or_takes_the_one_it_is_given(self, shelf, as_what, beads, model):
        given = {
            "name": "three",
            "path": shelf / "three.cgvae",
            "text": str(shelf / "three.cgvae"),
            "object": model,
        }[as_what]
        made = Backmapper(beads, given).sample(seed=1).positions_angstrom
        wanted = Backmapper(beads, model).sample(seed=1).positions_angstrom
        np.testing.assert_array_equal(made, wanted)

    def test_neither_name_nor_file(self, beads):
        with pytest.raises(FileNotFoundError, match="'four', which is neither a file"):
            Backmapper(beads, "four")


class TestRefuses:
    def test_atoms(self, model):
        with pytest.raises(ValueError, match="22 atoms, as many as the model makes"):
            Backmapper(dipeptide.atoms(), model)

    def test_another_number_of_beads(self, model):
        with pytest.raises(ValueError, match="has 5 beads but the model has 3"):
            Backmapper(dipeptide.beads("backbone:5"), model)

    def test_other_residues(self, model):
        others = placed(np.zeros((1, 3, 3)), resnames=("ACE", "GLY", "NME"))
        with pytest.raises(
            ValueError, match="3 beads ACE:RES GLY:RES NME:RES but the model's are 3 "
        ):
            Backmapper(others, model)

    def test_a_bead_twice(self, beads, model):
        twice = beads.atoms[[0, 1, 1]]
        with pytest.raises(ValueError, match="`universe` has a bead twice"):
            Backmapper(twice, model)

    def test_no_beads(self, beads, model):
        with pytest.raises(ValueError, match="`universe` has no beads"):
            Backmapper(beads.atoms[:0], model)

    def test_no_positions(self, model):
        universe = mda.Universe.empty(3)
        with pytest.raises(ValueError, match="`universe` has no positions; load"):
            Backmapper(universe, model)

    @pytest.mark.parametrize("n", [0, -1, True, False])
    def test_no_samples(self, backmapper, n, tmp_path):
        with pytest.raises(ValueError, match=f"`n` is {n} but must be a whole number"):
            backmapper.sample(n=n)
        with pytest.raises(ValueError, match=f"`n` is {n} but must be a whole number"):
            backmapper.run(n=n, output=tmp_path / "atoms.xtc")

    @pytest.mark.parametrize("seed", [-1, 2**63, True])
    def test_seeds_out_of_range(self, backmapper, seed):
        with pytest.raises(ValueError, match=f"`seed` is {seed} but must be"):
            backmapper.sample(seed=seed)

    def test_batches_of_nothing(self, beads, model):
        with pytest.raises(ValueError, match="`batch_size` is 0"):
            Backmapper(beads, model, batch_size=0)

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_beads_that_are_nowhere(self, model, bad):
        positions = np.zeros((1, 3, 3))
        positions[0, 1, 2] = bad
        with pytest.raises(ValueError, match="no position for bead 1 in frame 0"):
            Backmapper(placed(positions), model).sample()


class TestSeeds:
    def test_same_seed_same_atoms(self, backmapper):
        first, again, other = (backmapper.sample(n=3, seed=s) for s in (1, 1, 2))
        np.testing.assert_array_equal(
            first.positions_angstrom, again.positions_angstrom
        )
        assert np.abs(first.positions_angstrom - other.positions_angstrom).max() > SAME

    @pytest.mark.parametrize("batch_size", [1, 7, 256])
    def test_batch_size_changes_nothing(self, beads, model, backmapper, batch_size):
        made = Backmapper(beads, model, batch_size=batch_size).sample(n=20, seed=5)
        wanted = backmapper.sample(n=20, seed=5)
        np.testing.assert_allclose(
            made.positions_angstrom, wanted.positions_angstrom, atol=SAME, rtol=0
        )

    def test_more_samples_begin_with_the_same(self, backmapper):
        few, many = (backmapper.sample(n=n, seed=4) for n in (3, 10))
        np.testing.assert_allclose(
            few.positions_angstrom, many[:3].positions_angstrom, atol=SAME, rtol=0
        )

    def test_samples_differ(self, backmapper):
        made = backmapper.sample(n=4, seed=0).positions_angstrom
        distances = np.linalg.norm(made[:, None] - made[None], axis=-1).max(-1)
        assert (distances[~np.eye(4, dtype=bool)] > SAME).all()

    def test_frames_differ_though_their_beads_are_the_same(self, model):
        frame = dipeptide.beads().atoms.positions
        universe = placed([frame, frame])
        backmapper = Backmapper(universe, model)
        first = backmapper.sample(seed=0).positions_angstrom
        universe.trajectory[1]
        second = backmapper.sample(seed=0).positions_angstrom
        assert np.abs(first - second).max() > SAME

    def test_a_drawn_seed_is_noted(self, backmapper):
        made = backmapper.sample(n=2)
        seed = made[0].info["seed"]
        again = backmapper.sample(n=2, seed=seed)
        np.testing.assert_array_equal(made.positions_angstrom, again.positions_angstrom)
        assert backmapper.sample()[0].info["seed"] != seed

    def test_states_know_where_they_come_from(self, beads, backmapper):
        beads.trajectory[4]
        made = backmapper.sample(n=3, seed=9)
        expected = {"frame": 4, "time": beads.trajectory.ts.time, "seed": 9}
        origins = [dict(state.info) for state in made]
        # The model is untrained, so that no structure is without faults.
        assert all(origin.pop("faults") for origin in origins)
        assert origins == [{**expected, "sample": sample} for sample in range(3)]


class TestKeepsBeads:
    @pytest.mark.parametrize("spec", SPECS)
    @pytest.mark.parametrize("far", [0.0, 1000.0])
    def test_projection_of_any_sample_is_the_beads(self, spec, far):
        model = dipeptide.untrained(spec)
        universe = dipeptide.atoms()
        universe.load_new(dipeptide.positions() + np.float32(far))
        beads = coarse_grain(universe, model.mapping)
        backmapper = Backmapper(beads, model)
        for _ in beads.trajectory:
            made = model.mapping.project(
                backmapper.sample(n=5, seed=0).positions_angstrom
            )
            np.testing.assert_allclose(
                made,
                np.broadcast_to(beads.atoms.positions, made.shape),
                atol=BEADS_KEPT,
                rtol=0,
            )

    @given(
        coordinates=st.lists(st.floats(-1e3, 1e3, width=32), min_size=9, max_size=9),
        seed=st.integers(0, 2**63 - 1),
    )
    @settings(deadline=None, max_examples=25)
    def test_projection_is_the_beads_for_any_coordinates(self, coordinates, seed):
        model = dipeptide.untrained()
        where = np.array(coordinates).reshape(1, 3, 3)
        made = Backmapper(placed(where), model).sample(n=2, seed=seed)
        np.testing.assert_allclose(
            model.mapping.project(made.positions_angstrom),
            np.repeat(where, 2, axis=0),
            atol=BEADS_KEPT,
            rtol=0,
        )


class TestPeriodicBoxes:
    @pytest.mark.parametrize("box", [CUBE, TRICLINIC])
    @pytest.mark.parametrize("broken", ["beads", "atoms"])
    def test_a_broken_molecule_gives_the_whole_one(self, model, box, broken):
        whole = Backmapper(dipeptide.beads(), model).sample(n=3, seed=1)
        universe = dipeptide.atoms(box=box)
        # The corner of the box in the middle of the molecule.
        universe.atoms.positions -= universe.atoms.center_of_geometry()
        if broken == "atoms":
            universe.atoms.wrap()
        beads = coarse_grain(universe, model.mapping)
        beads.load_new(beads.atoms.positions[None], dimensions=box)
        beads.atoms.wrap()
        spread = np.ptp(beads.atoms.positions, axis=0)
        assert spread.max() > 15  # broken it is
        made = Backmapper(beads, model).sample(n=3, seed=1)
        np.testing.assert_allclose(
            made.positions_angstrom - made.bead_positions[:, :1],
            whole.positions_angstrom - whole.bead_positions[:, :1],
            atol=1e-3,
            rtol=0,
        )
        np.testing.assert_allclose(made[0].box, box)
        moved = made[0].bead_positions - beads.atoms.positions
        counts = moved @ np.linalg.inv(cell_vectors(box))
        np.testing.assert_allclose(counts, np.rint(counts), atol=1e-4)
        # In the image of most of its beads, along each edge of the box.
        assert ((np.rint(counts) == 0).sum(axis=0) >= 2).all()

    def test_a_slab_has_images_along_two_directions(self, model):
        frame = dipeptide.beads().atoms.positions
        broken = frame.copy()
        broken[1] += [0, 25, 0]
        slab = np.array([25, 25, 0, 90, 90, 90], dtype=np.float32)
        universe = placed([broken], box=slab)
        made = Backmapper(universe, model).sample(seed=0)
        np.testing.assert_allclose(made[0].bead_positions, frame, atol=1e-3)

    def test_zeros_are_no_box(self, model):
        frame = dipeptide.beads().atoms.positions
        universe = placed([frame], box=np.zeros(6, dtype=np.float32))
        assert Backmapper(universe, model).sample()[0].box is None


class TestCopies:
    def test_a_deep_copy_has_a_universe_and_a_model_of_its_own(self, beads, model):
        beads.trajectory[2]
        one = Backmapper(beads, model, temperature=0.5)
        wanted = one.sample(seed=1).positions_angstrom
        other = copy.deepcopy(one)
        assert other.beads.universe.trajectory.frame == 2
        assert other.sampler.temperature == 0.5
        np.testing.assert_array_equal(other.sample(seed=1).positions_angstrom, wanted)
        other.beads.universe.trajectory[0]
        other.beads.translate([1, 0, 0])
        with torch.no_grad():
            next(other.model.parameters()).add_(1)
        assert beads.trajectory.frame == 2
        np.testing.assert_array_equal(one.sample(seed=1).positions_angstrom, wanted)

    def test_what_is_kept_or_dropped_is_copied_too(self, beads, model):
        both = mda.Merge(beads.atoms, beads.atoms[:1])
        one = Backmapper(both, model, unknown="keep")
        other = copy.deepcopy(one)
        assert len(other.kept) == 1
        assert other.kept.universe is other.beads.universe is not both
        np.testing.assert_array_equal(
            other.sample(seed=1).positions_angstrom,
            one.sample(seed=1).positions_angstrom,
        )


class TestRun:
    @pytest.mark.parametrize("ending", ["xtc", "dcd", "trr", "pdb"])
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_equals_sample_frame_by_frame(self, beads, backmapper, tmp_path, ending):
        path = backmapper.run(
            n=3, output=tmp_path / f"atoms.{ending}", seed=2, progress=False
        )
        assert path == tmp_path / f"atoms.{ending}"
        written = mda.Universe(dipeptide.TOPOLOGY, str(path))
        made = np.stack([ts.positions.copy() for ts in written.trajectory])
        wanted = [
            backmapper.sample(n=3, seed=2).positions_angstrom for _ in beads.trajectory
        ]
        np.testing.assert_allclose(
            made, np.concatenate(wanted), atol=XTC_PRECISION, rtol=0
        )
        assert [p.name for p in tmp_path.iterdir() if p.name[0] != "."] == [path.name]

    def test_samples_have_the_time_of_their_frame(self, beads, backmapper, tmp_path):
        path = backmapper.run(n=2, output=tmp_path / "a.xtc", progress=False)
        times = [
            ts.time for ts in mda.Universe(dipeptide.TOPOLOGY, str(path)).trajectory
        ]
        assert times == [ts.time for ts in beads.trajectory for _ in range(2)]

    @pytest.mark.parametrize(
        ("chosen", "frames"),
        [
            ((1, 4, None), [1, 2, 3]),
            ((None, None, 2), [0, 2, 4]),
            ((-2, None, None), [4, 5]),
            ((None, None, -1), [5, 4, 3, 2, 1, 0]),
            ((4, 1, -2), [4, 2]),
        ],
    )
    def test_slices_have_their_frames(
        self, beads, backmapper, tmp_path, chosen, frames
    ):
        path = backmapper.run(
            *chosen, output=tmp_path / "a.xtc", seed=1, progress=False
        )
        written = mda.Universe(dipeptide.TOPOLOGY, str(path)).trajectory
        assert len(written) == len(frames)
        for ts, frame in zip(written, frames, strict=True):
            beads.trajectory[frame]
            wanted = backmapper.sample(seed=1).positions_angstrom[0]
            np.testing.assert_allclose(ts.positions, wanted, atol=XTC_PRECISION, rtol=0)

    def test_size_of_blocks_changes_nothing(self, backmapper, tmp_path, monkeypatch):
        names = []
        for size in (256, 4):
            monkeypatch.setattr(
                "openmm_cgvae.backmapping.streaming.job._N_FRAMES_READ_AT_ONCE", size
            )
            names.append(
                backmapper.run(output=tmp_path / f"{size}.xtc", progress=False)
            )
        first, second = (
            np.stack(
                [ts.positions.copy() for ts in mda.coordinates.XTC.XTCReader(name)]
            )
            for name in map(str, names)
        )
        np.testing.assert_allclose(first, second, atol=2 * XTC_PRECISION)

    def test_refuses_slices_without_a_frame(self, backmapper, tmp_path):
        with pytest.raises(
            ValueError, match="are 6, None, None, which is no frame of 6"
        ):
            backmapper.run(6, output=tmp_path / "a.xtc")

    def test_the_universe_stays_where_it_was(self, beads, backmapper, tmp_path):
        beads.trajectory[3]
        backmapper.run(output=tmp_path / "a.xtc", progress=False)
        assert beads.trajectory.frame == 3

    def test_box_of_each_frame(self, model, tmp_path):
        beads = dipeptide.beads(box=CUBE)
        path = Backmapper(beads, model).run(output=tmp_path / "a.xtc", progress=False)
        written = mda.Universe(dipeptide.TOPOLOGY, str(path))
        np.testing.assert_allclose(written.dimensions, CUBE, atol=1e-4)

    def test_pdb_has_bonds_and_no_box_that_is_none(self, backmapper, tmp_path):
        path = backmapper.run(output=tmp_path / "a.pdb", progress=False)
        assert "CRYST1" not in path.read_text()
        assert len(mda.Universe(str(path)).bonds) == 21

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("a.foo", "`output` is .*a.foo' but MDAnalysis has no writer"),
            ("a", "`output` is .*a' but MDAnalysis has no writer"),
            ("a.gro", "a format of single structures, but there are 6 samples"),
        ],
    )
    def test_formats_it_cannot_write(self, backmapper, tmp_path, name, sentence):
        with pytest.raises(ValueError, match=sentence):
            backmapper.run(output=tmp_path / name, progress=False)
        assert list(tmp_path.iterdir()) == []

    def test_no_such_folder(self, backmapper, tmp_path):
        with pytest.raises(
            FileNotFoundError, match="`output` is .* there is no folder"
        ):
            backmapper.run(output=tmp_path / "no" / "a.xtc")

    @pytest.mark.parametrize("old", [None, b"something older"])
    def test_nothing_is_half_written(self, model, tmp_path, old, monkeypatch):
        monkeypatch.setattr(
            "openmm_cgvae.backmapping.streaming.job._N_FRAMES_READ_AT_ONCE", 2
        )
        where = np.tile(dipeptide.beads().atoms.positions, (6, 1, 1))
        where[4, 0] = np.nan
        universe = placed(where)
        universe.trajectory[1]
        target = tmp_path / "atoms.xtc"
        if old:
            target.write_bytes(old)
        with pytest.raises(ValueError, match="no position for bead 0 in frame 4"):
            Backmapper(universe, model).run(output=target, progress=False)
        assert [path.read_bytes() for path in tmp_path.iterdir()] == (
            [old] if old else []
        )
        assert universe.trajectory.frame == 1

    def test_a_bad_frame_that_is_not_asked_for_does_no_harm(self, model, tmp_path):
        where = np.tile(dipeptide.beads().atoms.positions, (3, 1, 1))
        where[0] = np.nan
        backmapper = Backmapper(placed(where), model)
        backmapper.run(1, output=tmp_path / "a.xtc", progress=False)

    def test_progress_is_shown_or_not(self, backmapper, tmp_path, capsys):
        backmapper.run(output=tmp_path / "a.xtc", progress=False)
        assert capsys.readouterr() == ("", "")
        backmapper.run(output=tmp_path / "a.xtc", progress=True)
        assert "backmapping" in capsys.readouterr().err


class TestWhatIsGiven:
    def test_beads_out_of_a_bigger_universe(self, beads, model):
        where = np.concatenate([np.full((2, 3), 50.0), beads.atoms.positions])
        both = placed(
            [where], ["W"] * 2 + ["RES"] * 3, ["SOL", "SOL", "ACE", "ALA", "NME"]
        )
        some = both.select_atoms("not resname SOL")
        made = Backmapper(some, model).sample(n=2, seed=3).positions_angstrom
        wanted = Backmapper(beads, model).sample(n=2, seed=3).positions_angstrom
        np.testing.assert_allclose(made, wanted, atol=SAME)

    @pytest.mark.filterwarnings("ignore::Warning:MDAnalysis")
    def test_a_single_structure_from_a_file(self, beads, model, tmp_path):
        beads.atoms.write(str(tmp_path / "beads.pdb"))
        universe = mda.Universe(str(tmp_path / "beads.pdb"))
        made = Backmapper(universe, model).sample(seed=0)
        assert made[0].info["time"] == 0
        assert made[0].box is None

    def test_sampling_leaves_the_universe_alone(self, beads, backmapper):
        before = beads.atoms.positions.copy()
        beads.trajectory[2]
        backmapper.sample(n=3)
        assert beads.trajectory.frame == 2
        beads.trajectory[0]
        np.testing.assert_array_equal(beads.atoms.positions, before)

    def test_says_what_it_is(self, backmapper):
        assert repr(backmapper) == (
            "<Backmapper from 3 beads to 22 atoms (ACE ALA NME)>"
        )
