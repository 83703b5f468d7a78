import MDAnalysis as mda
import numpy as np
import openmm
import parmed
import pytest
from openmm import app, unit

from openmm_cgvae.mapping.replicas import repeat
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.ensemble import AtomisticEnsemble
from openmm_cgvae.structures.export.engines import write_for_engine
from openmm_cgvae.structures.openmm_bridge import make_system
from openmm_cgvae.testing import dipeptide

FORCEFIELD = "amber99sbildn.xml"
SAME_ENERGY = 1e-4  # relative
BOX = np.array([36.0, 36.0, 36.0, 90.0, 90.0, 90.0])
SPACING = 12.0  # [A]


def ensemble(k, box):
    """Three samples of k dipeptides that stand in a row."""
    frames = dipeptide.positions()[:3]
    frames = frames - frames.mean(1, keepdims=True)
    row = np.arange(k)[:, None, None] * np.array([SPACING, 0, 0])
    positions = (frames[:, None] + row).reshape(3, -1, 3)
    table = repeat(AtomTable.from_universe(dipeptide.atoms()), k)
    return AtomisticEnsemble(table, positions, box=box)


def energy(system, positions, vectors=None):
    """Potential energy [kJ/mol] of positions [nm]."""
    context = openmm.Context(
        system,
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    if vectors is not None:
        context.setPeriodicBoxVectors(*vectors)
    context.setPositions(positions)
    return context.getState(energy=True).getPotentialEnergy()._value


def charmm(system):
    """Add the force in which OpenMM's CHARMM36, slow to read, has Lennard-Jones."""
    force = openmm.CustomNonbondedForce("r")
    for _ in range(system.getNumParticles()):
        force.addParticle([])
    force.setName("LennardJones")
    system.addForce(force)
    return system


def read_back(path, coordinates, is_periodic):
    """What OpenMM makes of the files: System, positions, box."""
    if path.suffix == ".top":
        gro = parmed.load_file(str(coordinates))
        # The format has no way to say that there is no box.
        vectors = gro.topology.getPeriodicBoxVectors() if is_periodic else None
        top = app.GromacsTopFile(str(path), periodicBoxVectors=vectors)
        return top.createSystem(**method(vectors)), gro.positions, vectors
    inpcrd = app.AmberInpcrdFile(str(coordinates))
    vectors = inpcrd.boxVectors
    system = app.AmberPrmtopFile(str(path)).createSystem(**method(vectors))
    return system, inpcrd.positions, vectors


def method(vectors):
    if vectors is None:
        return {"nonbondedMethod": app.NoCutoff}
    return {"nonbondedMethod": app.PME, "nonbondedCutoff": 1 * unit.nanometer}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", ["top", "prmtop", "parm7"])
@pytest.mark.parametrize(("k", "box"), [(1, None), (3, BOX)])
def test_energies_read_back(ending, k, box, tmp_path):
    made = ensemble(k, box)
    path, *coordinates = made.write(tmp_path / f"atoms.{ending}", FORCEFIELD)
    system = make_system(made.atom_table, FORCEFIELD, box=box)
    for state, file in zip(made, coordinates, strict=True):
        wanted = energy(system, state.positions, state.box_vectors)
        found = energy(*read_back(path, file, is_periodic=box is not None))
        assert found == pytest.approx(wanted, rel=SAME_ENERGY)


def test_one_state_has_one_file_of_coordinates(tmp_path):
    files = ensemble(1, None)[0].write(tmp_path / "atoms.top")
    assert [file.name for file in files] == ["atoms.top", "atoms.gro"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "atoms.gro",
        "atoms.top",
    ]


@pytest.mark.filterwarnings("ignore")
def test_energies_of_an_amber_trajectory(tmp_path):
    made = ensemble(1, None)
    path, *_ = made.write(tmp_path / "atoms.prmtop", FORCEFIELD)
    made.write(tmp_path / "atoms.nc")
    system = app.AmberPrmtopFile(str(path)).createSystem(**method(None))
    wanted = make_system(made.atom_table, FORCEFIELD)
    universe = mda.Universe(str(path), str(tmp_path / "atoms.nc"))
    for state, ts in zip(made, universe.trajectory, strict=True):
        positions = ts.positions.astype(float) * unit.angstrom
        assert energy(system, positions) == pytest.approx(
            energy(wanted, state.positions), rel=SAME_ENERGY
        )


@pytest.mark.filterwarnings("ignore")
def test_charmm_can_read_names_and_bonds(tmp_path):
    path, crd = ensemble(1, None)[0].write(tmp_path / "atoms.psf")
    universe = mda.Universe(str(path), str(crd))
    assert len(universe.bonds) == 21
    assert universe.residues.resnames.tolist() == ["ACE", "ALA", "NME"]


def test_parmed_has_the_parameters():
    made = ensemble(1, None)
    structure = made.to_parmed(FORCEFIELD)
    system = structure.createSystem(nonbondedMethod=app.NoCutoff)
    wanted = energy(make_system(made.atom_table, FORCEFIELD), made[0].positions)
    assert energy(system, made[0].positions) == pytest.approx(wanted, rel=SAME_ENERGY)
    assert structure.get_coordinates("all").shape == (3, 22, 3)


@pytest.mark.parametrize(
    ("forcefield", "sentence"),
    [
        (
            ("amber99sbildn.xml", "amber99_obc.xml"),
            "has a GBSAOBCForce, which ParmEd does not write; give one without impl",
        ),
        (charmm, "has a LennardJones, .*one without the Lennard-Jones pairs of CHARMM"),
    ],
)
def test_refuses_what_no_file_holds(tmp_path, forcefield, sentence):
    made = ensemble(1, None)
    if callable(forcefield):
        forcefield = forcefield(make_system(made.atom_table, FORCEFIELD))
    with pytest.raises(ValueError, match=sentence):
        made.write(tmp_path / "a.top", forcefield)
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_force_field_for_files_without_one(tmp_path):
    with pytest.raises(ValueError, match="`forcefield` is given but .pdb files"):
        ensemble(1, None).write(tmp_path / "a.pdb", FORCEFIELD)


def test_refuses_other_endings_and_folders(tmp_path):
    made = ensemble(1, None)
    arguments = made.atom_table, made.positions_angstrom, None
    with pytest.raises(ValueError, match=r"`path` is .* but must end with .top, .prm"):
        write_for_engine(*arguments, tmp_path / "a.xyz")
    with pytest.raises(FileNotFoundError, match="`path` is .* there is no folder"):
        write_for_engine(*arguments, tmp_path / "no" / "a.top")
