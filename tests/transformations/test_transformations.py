import io
import pickle

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis import transformations
from MDAnalysis.analysis.base import AnalysisFromFunction
from MDAnalysis.analysis.rms import RMSD
from MDAnalysis.lib.distances import distance_array
from MDAnalysisTests import datafiles
from openmm import VerletIntegrator, app, unit

from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import Mapping, schemes
from openmm_cgvae.transformations import CoarseGrainReader, MapToBeads, coarse_grain

# Said by MDAnalysis itself whenever a DCD file is opened.
pytestmark = pytest.mark.filterwarnings(
    "ignore:DCDReader currently makes independent timesteps:DeprecationWarning"
)

TOLERANCE = 2e-5  # Angstrom: float32 at a hundred


@pytest.fixture
def adk():
    """98 frames of a protein of 214 residues, no box."""
    return mda.Universe(datafiles.PSF, datafiles.DCD)


@pytest.fixture
def water():
    """10 frames of a solvated protein, broken across a triclinic box."""
    return mda.Universe(datafiles.TPR, datafiles.TRR)


def walk(n_frames=5, n_atoms=6, dimensions=None, **settings):
    """A random walk in memory; atoms 0-1, 2-3, 4-5 make residues."""
    steps = np.random.default_rng(0).normal(size=(n_frames, n_atoms, 3))
    universe = mda.Universe.empty(
        n_atoms, n_atoms // 2, atom_resindex=np.repeat(range(n_atoms // 2), 2)
    )
    universe.add_TopologyAttr("masses", np.arange(1.0, n_atoms + 1))
    universe.load_new(
        np.cumsum(steps, axis=0, dtype=np.float32), dimensions=dimensions, **settings
    )
    return universe


def by_residue(universe):
    return coarse_grain(universe, schemes.residues(universe))


def centres_of_mass(universe, **settings):
    return np.array(
        [
            universe.atoms.center_of_mass(compound="residues", **settings)
            for _ in universe.trajectory
        ]
    )


def assert_same_modulo_box(positions, expected, dimensions, tolerance):
    distances = distance_array(positions, expected.astype(np.float32), box=dimensions)
    assert np.diagonal(distances).max() < tolerance


def positions_of(atoms):
    return atoms.positions.copy()


class TestFrames:
    def test_values_are_the_centres_of_mass(self, adk):
        beads = by_residue(adk).trajectory.timeseries(order="fac")
        np.testing.assert_allclose(beads, centres_of_mass(adk), atol=TOLERANCE)

    def test_seeking_slicing_and_lists(self, adk):
        expected = centres_of_mass(adk)
        trajectory = by_residue(adk).trajectory
        assert len(trajectory) == trajectory.n_frames == 98
        for frame in (5, 0, 97, -1, -98):
            np.testing.assert_allclose(
                trajectory[frame].positions, expected[frame], atol=TOLERANCE
            )
            assert trajectory.frame == trajectory.ts.frame == frame % 98
        is_wanted = np.arange(98) % 30 == 1
        for chosen in (
            slice(None),
            slice(3, 50, 7),
            slice(None, None, -9),
            slice(-3, None),
            [4, 2, 2, 90],
            is_wanted,
        ):
            frames = np.arange(98)[chosen]
            seen = [(ts.frame, ts.positions.copy()) for ts in trajectory[chosen]]
            assert [frame for frame, _ in seen] == frames.tolist()
            np.testing.assert_allclose(
                [positions for _, positions in seen], expected[chosen], atol=TOLERANCE
            )
        with pytest.raises(IndexError, match="exceeds length"):
            trajectory[98]

    def test_iteration_ends_at_the_first_frame_and_starts_again(self, adk):
        trajectory = by_residue(adk).trajectory
        for _ in range(2):
            assert [ts.frame for ts in trajectory] == list(range(98))
            assert trajectory.frame == 0
        assert next(trajectory).frame == 1

    def test_times(self, adk):
        trajectory = by_residue(adk).trajectory
        assert trajectory.dt == pytest.approx(adk.trajectory.dt)
        assert trajectory.totaltime == pytest.approx(adk.trajectory.totaltime)
        assert trajectory[7].time == pytest.approx(adk.trajectory[7].time)

    def test_times_of_a_source_in_memory_keep_their_offset(self):
        universe = walk(dt=2.0, time_offset=3.0)
        trajectory = by_residue(universe).trajectory
        assert [ts.time for ts in trajectory] == [3, 5, 7, 9, 11]
        assert [ts.time for ts in universe.trajectory] == [3, 5, 7, 9, 11]

    def test_starts_at_the_frame_of_the_source(self, adk):
        adk.trajectory[42]
        beads = by_residue(adk)
        assert beads.trajectory.frame == 42
        np.testing.assert_allclose(
            beads.atoms.positions,
            adk.atoms.center_of_mass(compound="residues"),
            atol=TOLERANCE,
        )
        assert next(beads.trajectory).frame == 43

    def test_neither_moves_the_other(self, adk):
        beads = by_residue(adk)
        pairs = [
            (outer.frame, inner.frame)
            for outer in adk.trajectory[10:13]
            for inner in beads.trajectory[20:22]
        ]
        assert pairs == [(i, j) for i in (10, 11, 12) for j in (20, 21)]
        adk.trajectory[5]
        beads.trajectory[9]
        assert adk.trajectory.frame == 5

    def test_velocities_and_box(self, water):
        protein = water.select_atoms("protein")
        mapping = schemes.residues(protein)
        beads = coarse_grain(protein, mapping)
        for ts, source in zip(beads.trajectory, water.trajectory, strict=True):
            np.testing.assert_array_equal(ts.dimensions, source.dimensions)
            np.testing.assert_allclose(
                ts.velocities,
                mapping.project(source.velocities[protein.indices]),
                atol=1e-5,
            )

    def test_frames_without_velocities_among_others(self, tmp_path):
        universe = walk(velocities=np.ones((5, 6, 3)))
        path = tmp_path / "mixed.trr"
        with mda.Writer(str(path), n_atoms=6) as writer:
            for ts in universe.trajectory:
                ts.dimensions = [20, 20, 20, 90, 90, 90]
                ts.has_velocities = ts.frame % 2 == 0
                writer.write(universe)
        beads = by_residue(universe.load_new(path))
        has_velocities = [ts.has_velocities for ts in beads.trajectory]
        assert has_velocities == [True, False, True, False, True]

    def test_transformations_of_the_beads(self, adk):
        beads = by_residue(adk)
        before = beads.trajectory[3].positions.copy()
        beads.trajectory.add_transformations(transformations.translate([1, 2, 3]))
        for _ in range(2):
            moved = beads.trajectory[3].positions
            np.testing.assert_allclose(moved - before, [[1, 2, 3]] * 214, atol=1e-4)

    def test_rmsd_is_that_of_the_centres(self, adk):
        beads = by_residue(adk)
        in_memory = by_residue(adk)
        in_memory.load_new(centres_of_mass(adk).astype(np.float32))
        lazy, eager = (RMSD(universe).run(step=20) for universe in (beads, in_memory))
        np.testing.assert_allclose(
            lazy.results.rmsd[:, 2], eager.results.rmsd[:, 2], atol=1e-3
        )

    def test_moves_to_memory(self, adk):
        beads = by_residue(adk)
        expected = beads.trajectory.timeseries(order="fac")
        beads.transfer_to_memory()
        np.testing.assert_array_equal(
            beads.trajectory.timeseries(order="fac"), expected
        )


class TestSources:
    def test_chains_of_files(self, adk):
        chain = mda.Universe(datafiles.PSF, [datafiles.DCD, datafiles.DCD])
        beads = by_residue(chain).trajectory
        assert beads.n_frames == 196
        expected = centres_of_mass(adk)
        for frame in (97, 98, 195, 3):
            np.testing.assert_allclose(
                beads[frame].positions, expected[frame % 98], atol=TOLERANCE
            )

    def test_one_frame(self):
        universe = mda.Universe(data_path("chignolin.pdb"))
        beads = by_residue(universe)
        assert beads.trajectory.n_frames == 1
        assert [ts.frame for ts in beads.trajectory] == [0]
        assert beads.dimensions is None
        np.testing.assert_allclose(
            beads.trajectory[-1].positions, centres_of_mass(universe)[0], atol=TOLERANCE
        )

    def test_text_in_memory(self):
        text = io.StringIO(data_path("chignolin.pdb").read_text())
        beads = by_residue(mda.Universe(text, format="PDB"))
        assert pickle.loads(pickle.dumps(beads)).atoms.n_atoms == 12

    @pytest.mark.filterwarnings("ignore:Reader has no dt information")
    def test_an_openmm_simulation(self):
        pdb = app.PDBFile(str(data_path("alanine-dipeptide.pdb")))
        system = app.ForceField("amber14-all.xml").createSystem(pdb.topology)
        simulation = app.Simulation(
            pdb.topology, system, VerletIntegrator(0.001 * unit.picosecond)
        )
        simulation.context.setPositions(pdb.positions)
        universe = mda.Universe(simulation)
        beads = pickle.loads(pickle.dumps(by_residue(universe)))
        assert beads.atoms.resnames.tolist() == ["ACE", "ALA", "NME"]

    def test_edited_positions_are_what_is_mapped(self):
        universe = mda.Universe(data_path("alanine-dipeptide.pdb"))
        before = by_residue(universe).atoms.positions
        universe.atoms.translate([5, 0, 0])
        after = by_residue(universe).atoms.positions
        np.testing.assert_allclose(after - before, [[5, 0, 0]] * 3, atol=TOLERANCE)

    def test_part_of_a_system_in_an_order_of_its_own(self, adk):
        group = adk.select_atoms("resid 20:22")[::-1]
        beads = by_residue(group)
        assert beads.atoms.resids.tolist() == [22, 21, 20]
        expected = adk.select_atoms("resid 20:22").center_of_mass(compound="residues")
        np.testing.assert_allclose(
            beads.atoms.positions, expected[::-1], atol=TOLERANCE
        )

    def test_a_group_that_updates_is_refused_and_its_atoms_are_taken(self, adk):
        group = adk.select_atoms("prop x < 0", updating=True)
        mapping = Mapping(np.zeros(len(group), dtype=int))
        with pytest.raises(
            ValueError, match="is an updating group, .*; pass its `atom"
        ):
            coarse_grain(group, mapping)
        atoms = group.indices
        beads = coarse_grain(adk.atoms[atoms], mapping)
        for ts, source in zip(
            beads.trajectory[::30], adk.trajectory[::30], strict=True
        ):
            expected = mapping.project(source.positions[atoms])
            np.testing.assert_allclose(ts.positions, expected, atol=TOLERANCE)

    def test_another_number_of_atoms_is_refused(self, adk):
        match = "has 3341 atoms but the mapping is for 2; give the atoms"
        with pytest.raises(ValueError, match=f"`universe` {match}"):
            coarse_grain(adk, Mapping([0, 1]))
        with pytest.raises(ValueError, match=f"`atoms` {match}"):
            MapToBeads(adk, Mapping([0, 1]))
        with pytest.raises(ValueError, match="`mapping` is for 2 atoms but there are"):
            CoarseGrainReader(adk.trajectory, Mapping([0, 1]))

    def test_an_atom_twice_is_refused(self, adk):
        with pytest.raises(ValueError, match="`universe` has an atom twice"):
            coarse_grain(adk.atoms[[0, 0]], Mapping([0, 1]))

    def test_what_cannot_be_copied_is_refused(self, adk):
        adk.trajectory.add_transformations(lambda ts: ts)
        with pytest.raises(ValueError, match="cannot be copied .* such as a lambda"):
            by_residue(adk)


class TestCopies:
    """AtomGroup-bound transformations are where ``reader.copy()`` goes wrong."""

    @pytest.fixture
    def unwrapped(self, water):
        protein = water.select_atoms("protein")
        water.trajectory.add_transformations(
            transformations.unwrap(protein),
            transformations.center_in_box(protein, center="mass"),
        )
        return protein

    def test_transformations_of_the_source_act_on_the_copied_source(self, unwrapped):
        universe = unwrapped.universe
        beads = by_residue(unwrapped)
        universe.trajectory[7]  # which must not matter
        for frame in (4, 0, 9):
            bead_positions = beads.trajectory[frame].positions.copy()
            assert universe.trajectory.frame != frame
            universe.trajectory[frame]
            expected = unwrapped.center_of_mass(compound="residues")
            np.testing.assert_allclose(bead_positions, expected, atol=2e-4)
            universe.trajectory[7]

    @pytest.mark.parametrize(
        "duplicate",
        [mda.Universe.copy, lambda universe: pickle.loads(pickle.dumps(universe))],
    )
    def test_copies_stay_at_their_frame_and_move_alone(self, adk, duplicate):
        beads = by_residue(adk)
        beads.trajectory[5]
        twin = duplicate(beads)
        assert twin.trajectory.frame == 5
        np.testing.assert_array_equal(twin.atoms.positions, beads.atoms.positions)
        twin.trajectory[9]
        assert beads.trajectory.frame == 5
        np.testing.assert_array_equal(
            twin.atoms.positions, beads.trajectory[9].positions
        )

    @pytest.mark.parametrize(
        "duplicate",
        [mda.Universe.copy, lambda universe: pickle.loads(pickle.dumps(universe))],
    )
    def test_transformations_of_the_beads_act_on_the_copied_beads(self, adk, duplicate):
        beads = by_residue(adk)
        reference = beads.copy()
        beads.trajectory.add_transformations(
            transformations.fit_rot_trans(beads, reference)
        )
        expected = beads.trajectory.timeseries(order="fac")
        beads.trajectory[0]
        twin = duplicate(beads)
        del beads
        np.testing.assert_allclose(
            twin.trajectory.timeseries(order="fac"), expected, atol=1e-4
        )

    def test_a_pickle_holds_no_frames(self, adk):
        beads = by_residue(adk)
        assert len(pickle.dumps(beads)) < adk.atoms.n_atoms * 3 * 4 * 10

    def test_the_source_can_be_closed(self, adk):
        by_residue(adk).trajectory.close()


class TestParallel:
    def test_multiprocessing_gives_what_serial_gives(self, adk):
        beads = by_residue(adk)
        analysis = AnalysisFromFunction(positions_of, beads.trajectory, beads.atoms)
        parallel = analysis.run(
            backend="multiprocessing", n_workers=2, stop=12
        ).results["timeseries"]
        expected = beads.trajectory.timeseries(stop=12, order="fac")
        np.testing.assert_array_equal(parallel, expected)

    def test_map_to_beads_is_parallelizable(self, adk):
        mapping = schemes.residues(adk)
        adk.trajectory.add_transformations(MapToBeads(adk, mapping))
        analysis = AnalysisFromFunction(positions_of, adk.trajectory, adk.atoms)
        parallel = analysis.run(backend="multiprocessing", n_workers=2, stop=4).results[
            "timeseries"
        ]
        expected = [ts.positions.copy() for ts in adk.trajectory[:4]]
        np.testing.assert_array_equal(parallel, expected)


class TestPeriodicBoxes:
    def test_broken_residues_are_mapped_as_if_whole(self, water):
        protein = water.select_atoms("protein")
        beads = by_residue(protein)
        n_broken = 0
        for ts, source in zip(
            beads.trajectory[::3], water.trajectory[::3], strict=True
        ):
            whole = protein.center_of_mass(compound="residues", unwrap=True)
            assert_same_modulo_box(ts.positions, whole, source.dimensions, 1e-4)
            broken = protein.center_of_mass(compound="residues")
            n_broken += (np.abs(broken - whole).max(axis=1) > 1).sum()
        assert n_broken > 0

    @pytest.mark.parametrize(
        "dimensions", [[20, 25, 30, 90, 90, 90], [20, 20, 20, 60, 60, 90]]
    )
    def test_wrapping_the_atoms_changes_nothing(self, dimensions):
        universe = walk(dimensions=dimensions)
        expected = by_residue(universe).trajectory.timeseries(order="fac")
        universe.trajectory.add_transformations(transformations.wrap(universe.atoms))
        wrapped = by_residue(universe).trajectory.timeseries(order="fac")
        for frame, beads in zip(expected, wrapped, strict=True):
            assert_same_modulo_box(beads, frame, dimensions, 1e-4)

    def test_a_bead_stays_beside_its_first_atom_with_a_weight(self):
        universe = walk(n_frames=1, n_atoms=2, dimensions=[10, 10, 10, 90, 90, 90])
        universe.atoms.positions = [[1, 1, 1], [9.5, 1, 1]]
        geometry, second = Mapping([0, 0]), Mapping([0, 0], [0, 1])
        for mapping, x in ((geometry, 0.25), (second, 9.5)):
            beads = coarse_grain(universe, mapping)
            np.testing.assert_allclose(beads.atoms.positions, [[x, 1, 1]], atol=1e-6)

    @pytest.mark.parametrize("gamma", [90, 60])
    def test_a_slab_has_no_images_along_its_normal(self, gamma):
        universe = walk(n_frames=1, n_atoms=2, dimensions=[10, 10, 0, 90, 90, gamma])
        universe.atoms.positions = [[1, 1, 1], [9, 1, 41]]
        beads = coarse_grain(universe, Mapping([0, 0]))
        np.testing.assert_allclose(beads.atoms.positions, [[0, 1, 21]], atol=1e-5)

    def test_what_is_no_box_is_refused(self):
        universe = walk(n_frames=1, dimensions=[10, 10, 10, 10, 10, 170])
        with pytest.raises(ValueError, match="`dimensions` are .* not a box"):
            by_residue(universe)

    @pytest.mark.parametrize(
        "dimensions",
        [None, [20, 20, 20, 90, 90, 90], [20, 20, 20, 60, 60, 90]],
    )
    def test_nan_is_passed_through(self, dimensions):
        universe = walk(n_frames=1, dimensions=dimensions)
        positions = universe.atoms.positions
        positions[1, 2] = positions[2] = np.nan
        universe.atoms.positions = positions
        beads = by_residue(universe).atoms.positions
        assert np.isnan(beads).tolist() == [
            [False, False, True],
            [True] * 3,
            [False] * 3,
        ]


class TestTopology:
    def test_beads_take_what_their_atoms_have(self, adk):
        beads = by_residue(adk)
        residues = adk.residues
        assert set(beads.atoms.names) == set(beads.atoms.types) == {"RES"}
        assert set(beads.atoms.elements) == {""}
        for name in ("resids", "resnames", "masses", "charges"):
            values, expected = (getattr(u, name) for u in (beads.residues, residues))
            assert values.tolist() == pytest.approx(expected.tolist())
        assert set(beads.atoms.segids) == set(adk.atoms.segids)

    def test_insertion_codes_and_chains(self):
        universe = walk()
        universe.add_TopologyAttr("icodes", ["", "A", ""])
        universe.add_TopologyAttr("chainIDs", list("XXYYZZ"))
        beads = by_residue(universe)
        assert beads.residues.icodes.tolist() == ["", "A", ""]
        assert beads.atoms.chainIDs.tolist() == ["X", "Y", "Z"]

    def test_a_bead_over_two_residues_is_of_the_first(self):
        universe = walk()
        beads = coarse_grain(universe, Mapping([1, 0, 0, 2, 2, 1]))
        assert beads.atoms.resindices.tolist() == [0, 0, 1]
        assert beads.atoms.masses.tolist() == [5, 7, 9]
        assert beads.residues.n_residues == 2

    def test_segments(self):
        universe = mda.Universe.empty(
            4, 4, 2, atom_resindex=range(4), residue_segindex=[0, 0, 1, 1]
        )
        universe.add_TopologyAttr("segids", ["A", "B"])
        universe.load_new(np.zeros((1, 4, 3)))
        beads = coarse_grain(universe.atoms[2:], Mapping([0, 1]))
        assert beads.segments.segids.tolist() == ["B"]

    def test_bonds_join_beads_whose_atoms_are_bonded(self):
        universe = walk()
        bonds = [(0, 1), (1, 2), (3, 1), (3, 5), (2, 3)]
        universe.add_TopologyAttr("bonds", bonds)
        assert by_residue(universe).bonds.indices.tolist() == [[0, 1], [1, 2]]
        part = coarse_grain(universe.atoms[:4], Mapping([0, 1, 1, 1]))
        assert part.bonds.indices.tolist() == [[0, 1]]
        assert len(coarse_grain(universe, Mapping([0] * 6)).bonds) == 0

    def test_what_the_atoms_lack_the_beads_lack(self):
        universe = mda.Universe.empty(2, trajectory=True)
        beads = coarse_grain(universe, Mapping([0, 1]))
        for name in ("bonds", "masses", "charges", "resnames"):
            assert not hasattr(beads.atoms, name)

    def test_proteins_are_chains(self, adk):
        beads = by_residue(adk)
        assert len(beads.bonds) == 213
        assert len(beads.atoms.fragments) == 1

    def test_atom_order_of_the_mapping_is_kept(self, adk):
        mapping = schemes.peptide_units(adk.select_atoms("resid 1:9"))
        beads = coarse_grain(adk.select_atoms("resid 1:9"), mapping)
        assert beads.atoms.names.tolist() == list(mapping.bead_names)


class TestWriting:
    @pytest.fixture
    def beads(self):
        universe = walk(dimensions=[20, 25, 30, 90, 90, 90])
        universe.add_TopologyAttr("bonds", [(0, 2), (3, 5)])
        universe.add_TopologyAttr("chainIDs", ["A"] * 6)
        return by_residue(universe)

    @pytest.mark.parametrize("suffix", ["xtc", "dcd", "trr"])
    def test_trajectories_read_back(self, beads, tmp_path, suffix):
        path = tmp_path / f"beads.{suffix}"
        beads.atoms.write(path, frames="all")
        again = beads.copy()
        again.load_new(path)
        np.testing.assert_allclose(
            again.trajectory.timeseries(order="fac"),
            beads.trajectory.timeseries(order="fac"),
            atol=0.006,
        )

    @pytest.mark.filterwarnings(
        "ignore:Found no information for attr:UserWarning",
        "ignore:Supplied AtomGroup was missing:UserWarning",
        "ignore:Element information is missing:UserWarning",
        "ignore:Unknown masses:PendingDeprecationWarning",
    )
    @pytest.mark.parametrize("suffix", ["gro", "pdb"])
    def test_structures_read_back(self, beads, tmp_path, suffix):
        path = tmp_path / f"beads.{suffix}"
        beads.atoms.write(path)
        again = mda.Universe(path)
        np.testing.assert_allclose(
            again.atoms.positions, beads.atoms.positions, atol=0.006
        )
        np.testing.assert_allclose(again.dimensions, beads.dimensions, atol=0.01)
        if suffix == "pdb":
            assert again.bonds.indices.tolist() == [[0, 1], [1, 2]]


class TestMapToBeads:
    def test_puts_atoms_at_their_beads_and_leaves_others(self, adk):
        group = adk.select_atoms("resid 5:9")
        mapping = schemes.residues(group)
        before = adk.trajectory[4].positions.copy()
        adk.trajectory.add_transformations(MapToBeads(group, mapping))
        after = adk.trajectory[4].positions
        beads = mapping.project(before[group.indices])
        np.testing.assert_allclose(
            after[group.indices], mapping.lift(beads), atol=TOLERANCE
        )
        others = np.setdiff1d(np.arange(len(after)), group.indices)
        np.testing.assert_array_equal(after[others], before[others])

    def test_the_beads_are_kept(self, adk):
        mapping = schemes.residues(adk)
        expected = coarse_grain(adk, mapping).trajectory[4].positions.copy()
        adk.trajectory.add_transformations(MapToBeads(adk, mapping))
        beads = coarse_grain(adk, mapping).trajectory[4].positions
        np.testing.assert_allclose(beads, expected, atol=TOLERANCE)

    def test_velocities_are_mapped(self):
        velocities = np.random.default_rng(1).normal(size=(1, 6, 3))
        universe = walk(n_frames=1, velocities=velocities)
        mapping = schemes.residues(universe)
        universe.trajectory.add_transformations(MapToBeads(universe, mapping))
        np.testing.assert_allclose(
            universe.atoms.velocities,
            mapping.lift(mapping.project(velocities[0])),
            atol=1e-6,
        )

    def test_a_copied_universe_moves_its_own_atoms(self, adk):
        adk.trajectory.add_transformations(MapToBeads(adk, schemes.residues(adk)))
        twin = adk.copy()
        expected = adk.trajectory[9].positions.copy()
        adk.trajectory[0]
        np.testing.assert_array_equal(twin.trajectory[9].positions, expected)
