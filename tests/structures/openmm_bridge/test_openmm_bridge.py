import MDAnalysis as mda
import numpy as np
import openmm
import pytest
from openmm import app, unit

from openmm_cgvae.data import data_path
from openmm_cgvae.mapping.replicas import repeat
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.openmm_bridge import (
    find_platform,
    make_system,
    openmm_box_vectors,
    openmm_positions,
    openmm_topology,
    soft_sphere_system,
)

CUBE = np.array([30.0, 30.0, 30.0, 90.0, 90.0, 90.0])


@pytest.fixture(scope="module")
def pdb() -> app.PDBFile:
    return app.PDBFile(str(data_path("alanine-dipeptide.pdb")))


@pytest.fixture(scope="module")
def table(pdb: app.PDBFile) -> AtomTable:
    return AtomTable.from_universe(mda.Universe(pdb))


def forces_of(system: openmm.System) -> set[str]:
    return {type(force).__name__ for force in system.getForces()}


def test_topology_is_that_of_openmm(pdb: app.PDBFile, table: AtomTable) -> None:
    ours, theirs = openmm_topology(table), pdb.topology
    for a, b in zip(ours.atoms(), theirs.atoms(), strict=True):
        assert (a.name, a.element, a.residue.name) == (
            b.name,
            b.element,
            b.residue.name,
        )
    pairs = [
        {tuple(sorted((bond[0].index, bond[1].index))) for bond in topology.bonds()}
        for topology in (ours, theirs)
    ]
    assert pairs[0] == pairs[1]


def test_chains_end_where_their_key_changes(table: AtomTable) -> None:
    topology = openmm_topology(table, chain_keys=[0, 1, 1])
    assert [len(list(chain.residues())) for chain in topology.chains()] == [1, 2]


def test_positions_become_float64_nanometres() -> None:
    positions = openmm_positions(np.ones((2, 3), dtype=np.float32))
    assert positions.unit == unit.nanometer
    assert positions._value.dtype == np.float64
    np.testing.assert_array_equal(positions._value, 0.1)


@pytest.mark.parametrize("box", [None, np.zeros(6), np.zeros(6, dtype=np.float32)])
def test_no_box(box: np.ndarray | None) -> None:
    assert openmm_box_vectors(box) is None


def test_a_rhombic_dodecahedron_keeps_its_volume() -> None:
    box = np.array([40.0, 40.0, 40.0, 60.0, 60.0, 90.0], dtype=np.float32)
    vectors = np.array(openmm_box_vectors(box).value_in_unit(unit.nanometer))
    assert np.linalg.det(vectors) == pytest.approx(4.0**3 * np.sqrt(0.5), rel=1e-5)
    # The reduced form OpenMM asks for.
    assert abs(vectors[1, 0]) <= vectors[0, 0] / 2 + 1e-9
    assert abs(vectors[2, 1]) <= vectors[1, 1] / 2 + 1e-9


def test_one_molecule_in_implicit_solvent_has_no_box(table: AtomTable) -> None:
    system = make_system(table, box=CUBE)
    assert not system.usesPeriodicBoundaryConditions()
    assert "GBSAOBCForce" in forces_of(system)


SLAB = np.array([40.0, 40.0, 0.0, 90.0, 90.0, 90.0])


@pytest.mark.parametrize(
    ("box", "is_periodic"), [(None, False), (SLAB, False), (CUBE, True)]
)
def test_molecules_in_implicit_solvent_meet_by_the_box(
    table: AtomTable, box: np.ndarray | None, is_periodic: bool
) -> None:
    system = make_system(repeat(table, 2), box=box)
    assert system.usesPeriodicBoundaryConditions() is is_periodic


@pytest.mark.parametrize("edge", [40.0, 60.0])
def test_a_lattice_vector_of_one_molecule_changes_no_energy(
    table: AtomTable, edge: float
) -> None:
    box = np.array([edge, edge, edge, 90.0, 90.0, 90.0])
    one = mda.Universe(str(data_path("alanine-dipeptide.pdb"))).atoms.positions
    both = np.concatenate([one, one + [0, 0, 6.0]]).astype(float)
    system = make_system(repeat(table, 2), box=box)
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), find_platform("Reference")
    )
    context.setPeriodicBoxVectors(*openmm_box_vectors(box))
    energies = []
    for move in ([0, 0, 0], [edge, 0, -edge]):
        moved = both + np.repeat([[0, 0, 0], move], len(one), axis=0)
        context.setPositions(openmm_positions(moved))
        energies.append(context.getState(energy=True).getPotentialEnergy()._value)
    assert energies[1] == pytest.approx(energies[0], abs=1e-3)


@pytest.mark.parametrize(
    ("forcefield", "box", "is_periodic"),
    [
        ("amber99sbildn.xml", None, False),
        (["amber99sbildn.xml"], CUBE, True),
        (["amber14-all.xml", "implicit/gbn2.xml"], CUBE, False),
    ],
)
def test_the_box_decides_how_pairs_are_summed(
    table: AtomTable,
    forcefield: str | list[str],
    box: np.ndarray | None,
    is_periodic: bool,
) -> None:
    system = make_system(table, forcefield, box=box)
    assert system.usesPeriodicBoundaryConditions() is is_periodic
    assert system.getNumConstraints() == 0


def test_the_cutoff_fits_a_small_box(table: AtomTable) -> None:
    small = np.array([15.0, 15.0, 15.0, 90.0, 90.0, 90.0])
    system = make_system(table, "amber99sbildn.xml", box=small)
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), find_platform("Reference")
    )
    assert context.getSystem() is not None


def test_a_ready_system_is_used_as_it_is(table: AtomTable) -> None:
    system = make_system(table)
    assert make_system(table, system) is system


def test_a_system_of_another_size_is_refused(table: AtomTable) -> None:
    with pytest.raises(ValueError, match="System of 0 particles but the mol"):
        make_system(table, openmm.System())


def test_unknown_residues_and_files_are_named(table: AtomTable) -> None:
    with pytest.raises(ValueError, match="`forcefield` cannot describe 22 atoms"):
        make_system(table, "tip3p.xml")
    with pytest.raises(ValueError, match=r"`forcefield` is \['no-such.xml'\]"):
        make_system(table, "no-such.xml")


def test_platforms_are_found_by_name() -> None:
    reference = find_platform("Reference")
    assert reference is not None
    assert find_platform(reference) is reference
    assert find_platform(None) is None
    with pytest.raises(ValueError, match="`platform` is 'Abacus' but OpenMM has Ref"):
        find_platform("Abacus")


def test_soft_spheres_replace_charges(table: AtomTable) -> None:
    system = make_system(table)
    soft = forces_of(soft_sphere_system(system))
    assert "HarmonicBondForce" in soft
    assert "CustomNonbondedForce" in soft
    assert soft.isdisjoint({"NonbondedForce", "GBSAOBCForce"})
    assert "NonbondedForce" in forces_of(system)


def test_soft_spheres_follow_constraints(table: AtomTable) -> None:
    # The forces of a System die with it.
    systems = [
        soft_sphere_system(make_system(table, constraints=constraints))
        for constraints in (None, app.HBonds)
    ]
    counts = [
        force.getNumExclusions()
        for system in systems
        for force in system.getForces()
        if isinstance(force, openmm.CustomNonbondedForce)
    ]
    assert counts[0] == counts[1] > table.bonds.shape[0]


def test_a_gap_ends_a_chain_of_the_topology() -> None:
    """OpenMM joins the residues of a chain when the topology is written and read."""
    whole = AtomTable.from_universe(
        mda.Universe(app.PDBFile(str(data_path("chignolin.pdb"))))
    )
    is_before = whole.residue_of_atom[whole.bonds] < 4
    kept = whole.bonds[is_before[:, 0] == is_before[:, 1]].tolist()
    topology = openmm_topology(AtomTable.from_dict(whole.to_dict() | {"bonds": kept}))
    chains = [(chain.id, len(list(chain.residues()))) for chain in topology.chains()]
    assert chains == [("A", 4), ("A", 8)]
