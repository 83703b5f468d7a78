import numpy as np
import pytest

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.schemes import from_spec
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.dynamics import release
from openmm_cgvae.structures.dynamics.solvation import (
    Solvent,
    add_solvent,
    with_solvent,
)
from openmm_cgvae.structures.ensemble import AtomisticState
from openmm_cgvae.structures.openmm_bridge import make_system
from openmm_cgvae.testing.dipeptide import atoms

SMALL = Solvent(padding=7.0, ionic_strength=0.6)
N_SOLUTE = 22
MOLAR_WATER = 55.4  # mol/l
KT_300 = 0.00831446261815324 * 300.0
BEAD_VELOCITIES = np.random.default_rng(1).normal(size=(5, 3))


@pytest.fixture(scope="module")
def state():
    universe = atoms()
    noise = np.random.default_rng(0).normal(0, 0.05, (N_SOLUTE, 3))
    return AtomisticState(
        AtomTable.from_universe(universe),
        # As strained as a generated structure, and far from the origin.
        universe.atoms.positions + noise + 30,
        from_spec(universe, "backbone:5"),
    )


@pytest.fixture(scope="module")
def simulation(state):
    return state.simulation(
        solvate=SMALL, platform="CPU", hold_beads=1e5, bead_velocities=BEAD_VELOCITIES
    )


def arrays(simulation):
    """Positions [A] and velocities [A/ps]."""
    found = simulation.context.getState(positions=True, velocities=True)
    return (
        10 * found.getPositions(asNumpy=True)._value,
        10 * found.getVelocities(asNumpy=True)._value,
    )


def names(topology):
    return [residue.name for residue in topology.residues()]


def test_water_and_salt_are_there(simulation):
    residues = names(simulation.topology)
    assert residues[:3] == ["ACE", "ALA", "NME"]
    n_waters = residues.count("HOH")
    n_ions = len(residues) - 3 - n_waters
    # OpenMM counts the waters before some of them become ions.
    wanted = 2 * round((n_waters + n_ions) * 0.6 / MOLAR_WATER)
    assert n_ions == wanted == 2
    assert sorted(set(residues[3:]) - {"HOH"}) == ["CL", "NA"]


def test_images_are_as_far_apart_as_asked_for(simulation, state):
    edges = simulation.topology.getUnitCellDimensions()._value
    assert min(edges) * 10 - np.ptp(state.positions_angstrom, axis=0).max() > 7.0
    assert simulation.system.usesPeriodicBoundaryConditions()


def test_beads_are_where_they_were(simulation, state):
    positions, _ = arrays(simulation)
    found = state.mapping.project(positions[:N_SOLUTE])
    wanted = state.mapping.project(state.positions_angstrom)
    assert np.abs(found - wanted).max() < 0.02
    assert simulation.context.getParameter("bead_k") == 1e5


def test_beads_move_as_told_and_the_rest_has_the_temperature(simulation, state):
    _, velocities = arrays(simulation)
    found = state.mapping.project(velocities[:N_SOLUTE])
    np.testing.assert_allclose(found, BEAD_VELOCITIES, atol=1e-4)
    system = simulation.system
    masses = np.array(
        [system.getParticleMass(i)._value for i in range(system.getNumParticles())]
    )[N_SOLUTE:]
    # Of water and ions alone, in kJ/mol.
    kinetic = 0.005 * (masses[:, None] * velocities[N_SOLUTE:] ** 2).sum()
    rigid = [
        system.getConstraintParameters(i)[0] >= N_SOLUTE
        for i in range(system.getNumConstraints())
    ]
    n_degrees = 3 * len(masses) - sum(rigid)
    expected = 0.5 * KT_300 * n_degrees
    assert abs(kinetic - expected) < 5 * expected * np.sqrt(2 / n_degrees)


def test_it_goes_on_and_lets_go(simulation):
    simulation.step(20)
    release(simulation, [(1e4, 0.02), (1e3, 0.02)])
    simulation.step(20)
    assert simulation.context.getParameter("bead_k") == 0.0
    assert np.isfinite(arrays(simulation)[0]).all()


def test_a_box_is_filled_and_kept(state):
    box = np.array([18.0, 18.0, 20.0, 90.0, 90.0, 90.0])
    boxed = AtomisticState(state.atom_table, state.positions_angstrom, box=box)
    simulation = boxed.simulation(solvate=True, platform="CPU", minimise=False)
    edges = simulation.topology.getUnitCellDimensions()._value
    np.testing.assert_allclose(edges, box[:3] / 10)
    np.testing.assert_allclose(
        arrays(simulation)[0][:N_SOLUTE], state.positions_angstrom, atol=1e-5
    )


def test_other_water_and_other_boxes(state):
    solvent = Solvent(padding=6.0, water="tip4pew", shape="dodecahedron")
    files = ["amber99sbildn.xml", "tip4pew.xml"]
    solvated = add_solvent(state.modeller(), files, solvent)
    waters = [r for r in solvated.topology.residues() if r.name == "HOH"]
    assert {len(list(water.atoms())) for water in waters} == {4}
    vectors = solvated.topology.getPeriodicBoxVectors()._value
    assert vectors[2][0] != 0
    np.testing.assert_allclose(
        solvated.positions[:N_SOLUTE], state.positions_angstrom, rtol=1e-12
    )


def test_water_has_no_weight_in_a_bead():
    mapping = Mapping([0, 0, 1], [1.0, 3.0, 1.0], bead_names=["A", "B"])
    assert with_solvent(mapping, 3) is mapping
    wet = with_solvent(mapping, 7)
    positions = np.random.default_rng(0).normal(size=(7, 3))
    np.testing.assert_array_equal(
        wet.project(positions), mapping.project(positions[:3])
    )
    assert wet.bead_names == mapping.bead_names


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"padding": 0.0}, "`padding` is 0.0 but must be positive; 10 Å is usual"),
        ({"padding": float("nan")}, "`padding` is nan but must be a number"),
        (
            {"ionic_strength": -1.0},
            "`ionic_strength` is -1.0 but must be at least 0 m",
        ),
        ({"water": "wine"}, "`water` is 'wine' but must be one of 'tip3p'"),
        ({"shape": "ball"}, "`shape` is 'ball' but must be one of 'cube'"),
    ],
)
def test_impossible_solvents_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Solvent(**options)


def test_force_fields_without_water_are_refused(state):
    options = {"solvate": SMALL, "minimise": False}
    with pytest.raises(ValueError, match="describe the structure in water, OpenMM sa"):
        state.simulation(["amber99sbildn.xml"], **options)
    for files in (
        ["amber99sbildn.xml", "tip3p.xml", "amber99_obc.xml"],
        ["amber14-all.xml", "amber14/tip3p.xml", "implicit/gbn2.xml"],
    ):
        with pytest.raises(ValueError, match="`forcefield` .* implicit solvent"):
            state.simulation(files, **options)
    with pytest.raises(ValueError, match="`forcefield` is a System, to which no wat"):
        state.simulation(make_system(state.atom_table), **options)
