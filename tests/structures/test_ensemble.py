import pickle
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import openmm
import pytest
from openmm import app, unit

from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.ensemble import (
    AtomisticEnsemble,
    AtomisticState,
    Relaxation,
)
from openmm_cgvae.structures.openmm_bridge import DEFAULT_FORCEFIELD, make_system

N_SAMPLES = 4
BOX = np.array([31.0, 32.0, 33.0, 90.0, 90.0, 90.0])
FILE_PRECISION = {".pdb": 1e-3, ".gro": 1e-2, ".xtc": 1e-2, ".dcd": 1e-5}


@pytest.fixture(scope="module")
def native() -> mda.Universe:
    return mda.Universe(app.PDBFile(str(data_path("alanine-dipeptide.pdb"))))


@pytest.fixture(scope="module")
def table(native: mda.Universe) -> AtomTable:
    return AtomTable.from_universe(native)


@pytest.fixture(scope="module")
def mapping(table: AtomTable) -> Mapping:
    return Mapping(table.residue_of_atom, "mass", masses=table.masses)


@pytest.fixture
def ensemble(native: mda.Universe, table: AtomTable, mapping) -> AtomisticEnsemble:
    noise = np.random.default_rng(0).normal(0, 0.05, (N_SAMPLES, table.n_atoms, 3))
    positions = native.atoms.positions + noise
    info = [{"frame": 7, "time": 1.5, "sample": i} for i in range(N_SAMPLES)]
    beads = mapping.project(positions)
    return AtomisticEnsemble(table, positions, mapping, beads, info=info)


@pytest.fixture
def boxed(ensemble: AtomisticEnsemble) -> AtomisticEnsemble:
    return AtomisticEnsemble(
        ensemble.atom_table, ensemble.positions_angstrom, ensemble.mapping, box=BOX
    )


def potential_energy(context: openmm.Context) -> float:
    return context.getState(energy=True).getPotentialEnergy()._value


def test_it_is_a_sequence(ensemble: AtomisticEnsemble) -> None:
    assert len(ensemble) == len(list(ensemble)) == N_SAMPLES
    state = ensemble[1]
    assert isinstance(state, AtomisticState)
    np.testing.assert_array_equal(
        state.positions_angstrom, ensemble.positions_angstrom[1]
    )
    np.testing.assert_array_equal(state.bead_positions, ensemble.bead_positions[1])
    assert state.info == {"frame": 7, "time": 1.5, "sample": 1}
    assert ensemble[-1].info["sample"] == N_SAMPLES - 1
    with pytest.raises(IndexError, match="out of bounds"):
        ensemble[N_SAMPLES]


@pytest.mark.parametrize(
    "index", [slice(1, 3), slice(None, None, 3), np.array([2, 0]), slice(4, 9)]
)
def test_parts_are_ensembles(ensemble: AtomisticEnsemble, index) -> None:
    part = ensemble[index]
    assert isinstance(part, AtomisticEnsemble)
    expected = np.arange(N_SAMPLES)[index].tolist()
    assert [info["sample"] for info in part.info] == expected
    np.testing.assert_array_equal(
        part.positions_angstrom, ensemble.positions_angstrom[index]
    )
    np.testing.assert_array_equal(part.bead_positions, ensemble.bead_positions[index])


def test_masks_choose_samples(boxed: AtomisticEnsemble) -> None:
    mask = np.array([True, False, False, True])
    assert len(boxed[mask]) == 2
    np.testing.assert_array_equal(boxed[mask].box, [BOX, BOX])
    np.testing.assert_array_equal(boxed[0].box, BOX)


def test_one_line_says_what_it_is(ensemble: AtomisticEnsemble) -> None:
    assert (
        repr(ensemble) == "<AtomisticEnsemble of 4 samples of 22 atoms (ACE ALA NME)>"
    )
    assert repr(ensemble[0]) == "<AtomisticState of 22 atoms (ACE ALA NME)>"


def test_arrays_are_its_own_and_frozen(table: AtomTable) -> None:
    positions = np.zeros((1, table.n_atoms, 3))
    ensemble = AtomisticEnsemble(table, positions)
    positions += 1
    assert not ensemble.positions_angstrom.any()
    with pytest.raises(ValueError, match="read-only"):
        ensemble.positions_angstrom[0, 0, 0] = 1


def test_it_pickles_small(boxed: AtomisticEnsemble) -> None:
    text = pickle.dumps(boxed)
    assert len(text) < 10_000
    again = pickle.loads(text)
    np.testing.assert_array_equal(again.positions_angstrom, boxed.positions_angstrom)
    np.testing.assert_array_equal(again.box, boxed.box)
    assert again.mapping == boxed.mapping
    assert again.atom_table.names == boxed.atom_table.names
    state = pickle.loads(pickle.dumps(boxed[0]))
    np.testing.assert_array_equal(state.positions_angstrom, boxed[0].positions_angstrom)


def test_beads_may_be_shared(table: AtomTable, mapping: Mapping) -> None:
    beads = np.arange(9.0).reshape(3, 3)
    ensemble = AtomisticEnsemble(
        table, np.zeros((2, table.n_atoms, 3)), mapping, bead_positions=beads
    )
    np.testing.assert_array_equal(ensemble.bead_positions, [beads, beads])


def test_a_box_of_zeros_is_none(table: AtomTable) -> None:
    positions = np.zeros((1, table.n_atoms, 3))
    assert AtomisticEnsemble(table, positions, box=np.zeros(6)).box is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"positions": np.zeros((2, 5, 3))},
            r"`positions` has shape \(2, 5, 3\) but must be \(any, 22, 3\)",
        ),
        ({"positions": np.zeros((22, 3))}, r"`positions` has shape \(22, 3\) but"),
        (
            {"positions": np.full((1, 22, 3), np.nan)},
            "`positions` holds 66 numbers that are nan or infinite",
        ),
        ({"mapping": Mapping([0, 0, 1])}, "`mapping` is for 3 atoms but the molecule"),
        ({"mapping": None}, "`bead_positions` were given without `mapping`"),
        (
            {"bead_positions": np.zeros((1, 4, 3))},
            r"`bead_positions` has shape \(1, 4, 3\) but must be \(1, 3, 3\)",
        ),
        ({"box": [1.0, 2.0, 3.0]}, r"`box` has shape \(1, 3\) but must be \(1, 6\)"),
        ({"info": []}, "`info` has 0 entries but there are 1 samples"),
    ],
)
def test_what_does_not_fit_is_refused(table, mapping, changes, sentence) -> None:
    arguments = {
        "positions": np.zeros((1, 22, 3)),
        "mapping": mapping,
        "bead_positions": np.zeros((1, 3, 3)),
    }
    with pytest.raises(ValueError, match=sentence):
        AtomisticEnsemble(table, **{**arguments, **changes})


def test_a_state_checks_too(table: AtomTable) -> None:
    with pytest.raises(ValueError, match="`positions_angstrom` has shape"):
        AtomisticState(table, np.zeros((3, 3)))


def test_the_topology_is_built_once(
    ensemble: AtomisticEnsemble, boxed: AtomisticEnsemble
) -> None:
    assert ensemble[0].topology is ensemble[1].topology
    assert ensemble[0].topology.getPeriodicBoxVectors() is None
    lengths = boxed[0].topology.getUnitCellDimensions().value_in_unit(unit.angstrom)
    np.testing.assert_allclose(lengths, BOX[:3])


def test_all_routes_into_openmm_have_the_same_energy(
    ensemble: AtomisticEnsemble,
) -> None:
    state = ensemble[2]
    forcefield = app.ForceField(*DEFAULT_FORCEFIELD)
    reference = openmm.Platform.getPlatformByName("Reference")
    energies = []

    def measure(topology: app.Topology, place) -> None:
        integrator = openmm.LangevinMiddleIntegrator(300, 1, 0.001)
        system = forcefield.createSystem(topology)
        simulation = app.Simulation(topology, system, integrator, reference)
        place(simulation.context)
        energies.append(potential_energy(simulation.context))
        simulation.step(3)
        assert np.isfinite(potential_energy(simulation.context))

    measure(state.topology, lambda c: c.setPositions(state.positions))
    modeller = state.modeller()
    measure(modeller.topology, lambda c: c.setPositions(modeller.positions))
    measure(state.topology, lambda c: c.setState(state.to_openmm_state()))
    converted = state.to_universe().atoms.convert_to("OPENMM")
    measure(converted.topology, lambda c: c.setPositions(converted.positions))
    structure = ensemble[2:].to_parmed()
    measure(structure.topology, lambda c: c.setPositions(structure.positions))
    simulation = state.simulation(
        forcefield, minimise=False, constraints=None, platform="Reference"
    )
    energies.append(potential_energy(simulation.context))
    # MDAnalysis keeps float32.
    np.testing.assert_allclose(energies, energies[0], atol=0.01)


@pytest.mark.parametrize(
    "forcefield",
    [None, "amber99sbildn.xml", ["amber14-all.xml", "implicit/gbn2.xml"]],
)
def test_simulations_are_ready_to_step(ensemble: AtomisticEnsemble, forcefield) -> None:
    strained = potential_energy(
        ensemble[0].simulation(forcefield, minimise=False, platform="Reference").context
    )
    simulation = ensemble[0].simulation(forcefield, platform="Reference")
    assert potential_energy(simulation.context) < strained
    state = simulation.context.getState(velocities=True)
    assert np.abs(state.getVelocities(asNumpy=True)._value).max() > 0
    simulation.step(5)
    assert np.isfinite(potential_energy(simulation.context))


def test_settings_reach_the_simulation(ensemble: AtomisticEnsemble, table) -> None:
    system = make_system(table)
    simulation = ensemble[0].simulation(
        system,
        temperature=350 * unit.kelvin,
        timestep=0.5 * unit.femtosecond,
        friction=2.0,
        platform=openmm.Platform.getPlatformByName("Reference"),
    )
    assert simulation.integrator.getTemperature() == 350 * unit.kelvin
    assert simulation.integrator.getStepSize() == 0.0005 * unit.picosecond
    assert simulation.integrator.getFriction() == 2.0 / unit.picosecond
    assert simulation.context.getPlatform().getName() == "Reference"
    assert simulation.context.getSystem().getNumConstraints() == 0


def test_a_simulation_in_a_box(boxed: AtomisticEnsemble) -> None:
    simulation = boxed[0].simulation("amber99sbildn.xml", platform="Reference")
    vectors = simulation.context.getState().getPeriodicBoxVectors()
    np.testing.assert_allclose(
        np.diag(vectors.value_in_unit(unit.angstrom)), BOX[:3], rtol=1e-6
    )
    simulation.step(1)


def test_implicit_solvent_drops_the_box(boxed: AtomisticEnsemble) -> None:
    simulation = boxed[0].simulation(platform="Reference")
    assert simulation.topology.getPeriodicBoxVectors() is None


def test_states_carry_box_and_time(
    ensemble: AtomisticEnsemble, boxed: AtomisticEnsemble
) -> None:
    state = ensemble[0].to_openmm_state()
    assert state.getTime() == 1.5 * unit.picosecond
    x = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
    np.testing.assert_allclose(x, ensemble[0].positions_angstrom)
    vectors = boxed[0].to_openmm_state().getPeriodicBoxVectors(asNumpy=True)
    np.testing.assert_allclose(
        np.diag(vectors.value_in_unit(unit.angstrom)), BOX[:3], rtol=1e-6
    )


def test_a_modeller_is_free_to_change(ensemble: AtomisticEnsemble) -> None:
    modeller = ensemble[0].modeller()
    hydrogens = [a for a in modeller.topology.atoms() if a.element.symbol == "H"]
    modeller.delete(hydrogens)
    modeller.addHydrogens(app.ForceField("amber99sbildn.xml"))
    assert modeller.topology.getNumAtoms() == 22
    assert ensemble[0].topology.getNumAtoms() == 22


def test_round_trip_through_a_universe(boxed: AtomisticEnsemble) -> None:
    universe = boxed.to_universe()
    assert universe.trajectory.n_frames == N_SAMPLES
    again = AtomTable.from_universe(universe)
    table = boxed.atom_table
    for name in ("names", "residue_names", "residue_ids", "chain_ids"):
        assert getattr(again, name) == getattr(table, name)
    for name in ("atomic_numbers", "masses", "residue_of_atom", "bonds"):
        np.testing.assert_allclose(getattr(again, name), getattr(table, name))
    np.testing.assert_array_equal(again.stereocentres, table.stereocentres)
    for frame, sample in zip(universe.trajectory, boxed, strict=True):
        np.testing.assert_allclose(frame.dimensions, BOX)
        np.testing.assert_allclose(
            universe.atoms.positions, sample.positions_angstrom, atol=1e-5
        )
    assert boxed[1].to_universe().trajectory.n_frames == 1


@pytest.mark.filterwarnings("ignore:DCDReader currently makes")
@pytest.mark.filterwarnings("ignore:Empty box")
@pytest.mark.parametrize("has_box", [False, True])
@pytest.mark.parametrize("ending", [".pdb", ".xtc", ".dcd", ".gro"])
def test_files_hold_what_was_written(
    ensemble, boxed, tmp_path: Path, ending: str, has_box: bool
) -> None:
    chosen = boxed if has_box else ensemble
    chosen = chosen[:1] if ending == ".gro" else chosen
    path = tmp_path / f"samples.of.ala{ending}"
    path.write_text("an older file")
    chosen.write(path)
    universe = chosen.to_universe()
    universe.load_new(str(path))
    assert universe.trajectory.n_frames == len(chosen)
    for frame, sample in zip(universe.trajectory, chosen, strict=True):
        np.testing.assert_allclose(
            frame.positions, sample.positions_angstrom, atol=FILE_PRECISION[ending]
        )
    # MDAnalysis does not read the box of a PDB file of several models.
    if has_box and ending != ".pdb":
        np.testing.assert_allclose(universe.dimensions, BOX, atol=1e-3)
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ending] == [path.name]
    assert not list(tmp_path.glob(f".*-{path.name}"))


def test_a_pdb_file_keeps_bonds_and_has_no_box_of_one_angstrom(
    ensemble: AtomisticEnsemble, tmp_path: Path
) -> None:
    path = tmp_path / "state.pdb"
    ensemble[0].write(path)
    text = path.read_text()
    assert "CRYST1" not in text
    assert "MODEL" not in text
    universe = mda.Universe(str(path))
    np.testing.assert_array_equal(universe.bonds.indices, ensemble.atom_table.bonds)
    pdb = app.PDBFile(str(path))
    assert pdb.topology.getPeriodicBoxVectors() is None
    assert pdb.topology.getNumBonds() == len(ensemble.atom_table.bonds)


def test_a_pdb_file_keeps_the_box(boxed: AtomisticEnsemble, tmp_path: Path) -> None:
    boxed.write(tmp_path / "samples.pdb")
    pdb = app.PDBFile(str(tmp_path / "samples.pdb"))
    assert pdb.getNumFrames() == N_SAMPLES
    lengths = pdb.topology.getUnitCellDimensions().value_in_unit(unit.angstrom)
    np.testing.assert_allclose(lengths, BOX[:3], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "n_samples", "error", "sentence"),
    [
        ("x.abc", 1, ValueError, "MDAnalysis has no writer for this ending"),
        ("x.abc", 2, ValueError, "MDAnalysis has no writer for this ending"),
        ("x", 2, ValueError, "MDAnalysis has no writer for this ending"),
        ("x.gro", 2, ValueError, "a format of single structures, but there are 2"),
        ("x.pdb", 0, ValueError, "`positions` holds no sample to write"),
        ("no/x.pdb", 1, FileNotFoundError, "there is no folder"),
    ],
)
def test_nothing_is_half_written(
    ensemble, tmp_path: Path, name, n_samples, error, sentence
) -> None:
    with pytest.raises(error, match=sentence):
        ensemble[:n_samples].write(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_parmed_has_all_samples(
    ensemble: AtomisticEnsemble, boxed: AtomisticEnsemble
) -> None:
    structure = ensemble.to_parmed()
    np.testing.assert_allclose(
        structure.get_coordinates("all"), ensemble.positions_angstrom
    )
    assert [a.name for a in structure.atoms] == list(ensemble.atom_table.names)
    assert len(structure.bonds) == len(ensemble.atom_table.bonds)
    np.testing.assert_allclose(boxed[0].to_parmed().box, BOX)


def test_parmed_has_parameters_if_asked(ensemble: AtomisticEnsemble) -> None:
    structure = ensemble[0].to_parmed("amber99sbildn.xml")
    assert len(structure.angles) > 0
    assert structure.bonds[0].type.k > 0
    total_charge = sum(atom.charge for atom in structure.atoms)
    assert total_charge == pytest.approx(0.0, abs=1e-4)


def test_relaxing_an_ensemble(ensemble: AtomisticEnsemble, mapping: Mapping) -> None:
    relaxation = ensemble.relax(recentre=True)
    assert isinstance(relaxation, Relaxation)
    relaxed = relaxation.ensemble
    assert (relaxation.energy_after < relaxation.energy_before).all()
    np.testing.assert_allclose(
        mapping.project(relaxed.positions_angstrom), ensemble.bead_positions, atol=1e-4
    )
    assert relaxed.info == ensemble.info
    assert len(relaxation.to_dataframe()) == N_SAMPLES
    assert "samples converged" in str(relaxation)
    assert len(relaxed[relaxation.converged]) == N_SAMPLES


def test_any_force_field_relaxes(ensemble: AtomisticEnsemble, table) -> None:
    chosen = ensemble[:1]
    for forcefield in (
        app.ForceField("amber99sbildn.xml"),
        ["amber14-all.xml", "implicit/gbn2.xml"],
        make_system(table, "amber99sbildn.xml", constraints=app.HBonds),
    ):
        relaxation = chosen.relax(forcefield)
        assert (relaxation.energy_after < relaxation.energy_before).all()


def test_relaxing_in_a_box(boxed: AtomisticEnsemble) -> None:
    relaxation = boxed[:2].relax("amber99sbildn.xml", platform="Reference")
    assert (relaxation.energy_after < relaxation.energy_before).all()
    np.testing.assert_array_equal(relaxation.ensemble.box, [BOX, BOX])


def test_a_missing_template_is_explained(ensemble: AtomisticEnsemble) -> None:
    with pytest.raises(ValueError, match="pass the names of the XML files that hold"):
        ensemble.relax("tip3p.xml")


def test_the_report_knows_frames_and_beads(ensemble: AtomisticEnsemble) -> None:
    report = ensemble.report()
    np.testing.assert_array_equal(report.columns["frame"], [7] * N_SAMPLES)
    assert (report.columns["bead_residual"] < 1e-6).all()
    plain = AtomisticEnsemble(ensemble.atom_table, ensemble.positions_angstrom)
    np.testing.assert_array_equal(plain.report().columns["frame"], [-1] * N_SAMPLES)
