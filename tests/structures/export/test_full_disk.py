"""On a full disk nothing gets its final name, and a sentence says why.

The limit of the size of files, which every system has, stands in for a quota. What
lacks a few bytes only is what buffers hide until the file is closed.
"""

from contextlib import contextmanager

import numpy as np
import openmm
import pytest
from openmm import app, unit

from openmm_cgvae import Backmapper
from openmm_cgvae.backmapping.openmm_reporter import BackmapReporter
from openmm_cgvae.data import data_path
from openmm_cgvae.mapping.replicas import repeat
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.simulation.molecule_sets.molecule_set import _write_xtc
from openmm_cgvae.simulation.reference.walker_files import (
    WalkerPart,
    concatenate,
    write_pdb,
)
from openmm_cgvae.structures.export import structure_writer, write_structures
from openmm_cgvae.structures.export.engines import write_for_engine
from openmm_cgvae.structures.export.frame_files import count_frames
from openmm_cgvae.testing import dipeptide

resource = pytest.importorskip("resource")

LIMIT = "the file size limit is reached .* make room or write elsewhere"
# Libraries of some formats try to write once more when their objects are removed.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)


@contextmanager
def file_size_limit(n_bytes):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def table():
    return repeat(AtomTable.from_universe(dipeptide.atoms()), 20)


@pytest.fixture(scope="module")
def backmapper():
    return Backmapper(dipeptide.beads(n_frames=40), dipeptide.untrained())


def write_samples(path, table, **_):
    n = 1 if path.suffix == ".gro" else 5
    positions = np.random.default_rng(0).uniform(0, 50, (n, table.n_atoms, 3))
    write_structures(table, positions, None, path)


def run(path, backmapper, **_):
    backmapper.run(output=path, progress=False, n=3)


def write_beads(path, **_):
    beads = dipeptide.beads(n_frames=300)
    with structure_writer(len(beads.atoms), path, 300) as writer:
        for _ in beads.trajectory:
            writer.write(beads.atoms)


def fill_molecule_set(path, **_):
    _write_xtc(path, np.random.default_rng(0).uniform(0, 50, (20, 40, 3)))


def walk(path, **_):
    pdb = app.PDBFile(str(data_path("alanine-dipeptide.pdb")))
    part = WalkerPart(path.with_name("walker"), pdb.topology, 250)
    part.frames.write_bytes(b"")
    for _ in range(40):
        part.append(pdb.positions)
    concatenate([part.frames], path, 40)


def write_start(path, **_):
    write_pdb(path, app.PDBFile(str(data_path("alanine-dipeptide.pdb"))))


def write_engine(path, table, **_):
    write_for_engine(table, np.zeros((1, table.n_atoms, 3)), None, path)


WRITERS = [
    *[(write_samples, e) for e in ("xtc", "trr", "dcd", "pdb", "gro", "cif", "xyz")],
    *[(write_samples, e) for e in ("h5md", "ncdf")],
    *[(run, e) for e in ("xtc", "trr", "dcd", "pdb")],
    (write_beads, "xtc"),
    (fill_molecule_set, "xtc"),
    (walk, "xtc"),
    (write_start, "pdb"),
    (write_engine, "top"),
]


@pytest.mark.parametrize(("write", "ending"), WRITERS)
def test_a_file_that_has_no_room_gets_no_name(
    tmp_path, table, backmapper, write, ending
):
    if ending == "h5md":
        pytest.importorskip("h5py")
    records = {"table": table, "backmapper": backmapper}
    write(tmp_path / f"whole.{ending}", **records)
    size = (tmp_path / f"whole.{ending}").stat().st_size
    path = tmp_path / f"atoms.{ending}"
    for n_bytes in (size - 8, size // 2):
        path.write_text("before")
        with pytest.raises(OSError, match=LIMIT), file_size_limit(n_bytes):
            write(path, **records)
        assert path.read_text() == "before"
        assert not list(tmp_path.glob(f".*{ending}"))


@pytest.mark.parametrize("ending", ["xtc", "trr", "dcd", "pdb"])
def test_a_reporter_stops_at_the_last_whole_frame(tmp_path, backmapper, ending):
    simulation = a_few_beads()
    path = tmp_path / f"atoms.{ending}"
    reporter = BackmapReporter(path, 1, backmapper)
    simulation.reporters.append(reporter)
    simulation.step(2)
    with pytest.raises(OSError, match=LIMIT), file_size_limit(path.stat().st_size + 9):
        simulation.step(1)
    if ending != "pdb":
        assert count_frames(path, ending) == (2, path.stat().st_size)
    reporter.close()
    with pytest.raises(ValueError, match="is closed already"):
        simulation.step(1)


def a_few_beads():
    system, topology = openmm.System(), app.Topology()
    chain = topology.addChain()
    for _ in range(3):
        system.addParticle(50.0)
        topology.addAtom("B", None, topology.addResidue("BEAD", chain))
    integrator = openmm.VerletIntegrator(0.001)
    platform = openmm.Platform.getPlatformByName("Reference")
    simulation = app.Simulation(topology, system, integrator, platform)
    simulation.context.setPositions(dipeptide.beads().atoms.positions * unit.angstrom)
    return simulation
