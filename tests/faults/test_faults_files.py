"""Reproductions of faults of files: full disks, overflow, chains, names with breaks."""

import resource
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
from openmm import app

from openmm_cgvae import Backmapper
from openmm_cgvae.chemistry.proteins import protein_from_beads
from openmm_cgvae.mapping.replicas import repeat
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures import AtomisticEnsemble
from openmm_cgvae.structures.export import write_structures
from openmm_cgvae.testing import dipeptide

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::Warning:MDAnalysis"),
]

TRAJECTORIES = ("xtc", "trr", "dcd")


def say(fault, outcome):
    print(f"{fault}: {outcome}")  # noqa: T201


def samples(n=30):
    table = repeat(AtomTable.from_universe(dipeptide.atoms()), 20)
    return table, np.random.default_rng(0).uniform(0, 50, (n, table.n_atoms, 3))


@contextmanager
def file_size_limit(n_bytes):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB, where the system lets us make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting is not allowed here; the limit of file size always is")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


@pytest.mark.parametrize("ending", [*TRAJECTORIES, "pdb", "cif"])
def test_a6_nothing_short_gets_its_name_on_a_full_disk(small_disk, ending):
    path = small_disk / f"atoms.{ending}"
    path.write_text("before")
    with pytest.raises(OSError, match="no space is left on the disk") as caught:
        write_structures(*samples(), None, path)
    assert [each.name for each in small_disk.iterdir()] == [path.name]
    assert path.read_text() == "before"
    say(f"A6 full disk, {ending}", caught.value)


@pytest.mark.parametrize("ending", TRAJECTORIES)
def test_a6_nothing_short_gets_its_name_at_the_limit_of_file_size(tmp_path, ending):
    """Every size that lacks something, down from one byte."""
    write_structures(*samples(3), None, tmp_path / f"whole.{ending}")
    size = (tmp_path / f"whole.{ending}").stat().st_size
    path = tmp_path / f"atoms.{ending}"
    for lacking in (1, 100, 1000, 4095, 4096, 4097, 8000):
        with (
            pytest.raises(OSError, match="the file size limit is reached") as caught,
            file_size_limit(size - lacking),
        ):
            write_structures(*samples(3), None, path)
        assert not path.exists()
    say(f"A6 limit of file size, {ending}", caught.value)


@pytest.mark.parametrize("far", [1.1e7, 2.2e7, 5e8, np.inf, np.nan])
def test_a7_atoms_that_xtc_files_cannot_hold_are_refused(tmp_path, far):
    table, positions = samples(1)
    positions[0, 0] = far
    with pytest.raises(ValueError, match="numbers from -1e.07 to 1e.07 Å") as caught:
        write_structures(table, positions, None, tmp_path / "atoms.xtc")
    assert not list(tmp_path.iterdir())
    say("A7", caught.value)


def test_a7_atoms_within_the_range_of_xtc_files_are_read_back(tmp_path):
    table, positions = samples(1)
    positions[0, 0], positions[0, 1] = 9.9e6, -9.9e6
    write_structures(table, positions, None, tmp_path / "atoms.xtc")
    universe = mda.Universe.empty(table.n_atoms).load_new(str(tmp_path / "atoms.xtc"))
    # Single precision has steps of 1 Å there, and XTC files add none.
    error = np.abs(universe.trajectory[0].positions - positions[0]).max()
    assert error < 1.5
    say("A7", f"atoms at 9.9e6 and -9.9e6 Å read back within {error:.2f} Å")


def peptides(n, n_residues=6, chain_id="", gap_before=None):
    """Alpha carbons of helices in a row, as a GRO file has them."""
    sequence = ("GLY", "SER", "LYS", "PHE", "ASP", "VAL")[:n_residues]
    angle = np.deg2rad(100.0) * np.arange(n_residues)
    helix = np.stack(
        [2.3 * np.cos(angle), 2.3 * np.sin(angle), 1.5 * np.arange(n_residues)], axis=1
    )
    numbers = np.arange(1, n_residues + 1)
    if gap_before is not None:
        helix[gap_before:, 2] += 15.0
        numbers[gap_before:] += 5
    size = n * n_residues
    universe = mda.Universe.empty(
        size, size, atom_resindex=range(size), trajectory=True
    )
    universe.add_TopologyAttr("names", ["CA"] * size)
    universe.add_TopologyAttr("resnames", sequence * n)
    universe.add_TopologyAttr("resids", np.tile(numbers, n))
    universe.add_TopologyAttr("chainIDs", [chain_id] * size)
    places = 25.0 * np.array([divmod(k, 6) + (0,) for k in range(n)])
    universe.atoms.positions = (helix + places[:, None]).reshape(-1, 3)
    return universe


@pytest.mark.parametrize("ending", ["pdb", "cif"])
@pytest.mark.parametrize(
    ("name", "beads"),
    [
        ("a gap in a chain", lambda: peptides(1, chain_id="A", gap_before=3)),
        ("two chains under one id", lambda: peptides(2, chain_id="X")),
        ("thirty peptides without ids", lambda: peptides(30)),
        ("seventy peptides without ids", lambda: peptides(70)),
    ],
)
def test_b9_openmm_reads_the_bonds_of_written_files(tmp_path, name, beads, ending):
    sample = Backmapper(beads()).sample(seed=0)
    path = Path(tmp_path, f"atoms.{ending}")
    sample.write(path)
    reader = app.PDBFile if ending == "pdb" else app.PDBxFile
    topology = reader(str(path)).topology
    bonds = {tuple(sorted((a.index, b.index))) for a, b in topology.bonds()}
    assert bonds == set(map(tuple, sample.atom_table.bonds.tolist()))
    system = app.ForceField("amber99sbildn.xml").createSystem(topology)
    assert system.getNumParticles() == sample.atom_table.n_atoms
    say(f"B9 {name}, {ending}", f"{topology}, a system is made")


def test_b9_chains_without_ids_are_all_called_differently():
    table = protein_from_beads(peptides(100)).atom_table
    n_chains = len(set(table.chain_ids))
    assert n_chains == 100
    say("B9", f"{n_chains} chain identifiers of 100 peptides")


def test_b13_more_atoms_than_a_pdb_file_numbers_go_to_mmcif(tmp_path):
    table = repeat(AtomTable.from_universe(dipeptide.atoms()), 5000)
    positions = np.random.default_rng(0).uniform(0, 300, (1, table.n_atoms, 3))
    with pytest.raises(ValueError, match="number 99,999 atoms, .* write .cif"):
        write_structures(table, positions, None, tmp_path / "atoms.pdb")
    write_structures(table, positions, None, tmp_path / "atoms.cif")
    read = app.PDBxFile(str(tmp_path / "atoms.cif"))
    assert read.topology.getNumAtoms() == table.n_atoms == 110_000
    assert read.topology.getNumChains() == 5000
    assert read.topology.getNumBonds() == len(table.bonds)
    say("B13", f"{table.n_atoms} atoms written to .cif and read by OpenMM")


def test_b14_mmcif_is_written_and_read(tmp_path):
    sample = Backmapper(dipeptide.beads(), dipeptide.untrained()).sample(2, seed=0)
    sample.write(tmp_path / "atoms.cif")
    assert app.PDBxFile(str(tmp_path / "atoms.cif")).getNumFrames() == 2
    say("B14", "two models in .cif")


def test_c23_a_name_with_a_line_break_reaches_no_file(tmp_path):
    sample = Backmapper(dipeptide.beads(), dipeptide.untrained()).sample(seed=0)
    names = ("CA\nATOM      1  CA  ALA A   1", *sample.atom_table.names[1:])
    with pytest.raises(ValueError, match="line break") as caught:
        AtomisticEnsemble(
            replace(sample.atom_table, names=names), sample.positions_angstrom
        ).write(tmp_path / "atoms.pdb")
    assert not list(tmp_path.iterdir())
    say("C23 line break", caught.value)


def test_c23_no_link_is_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    for name in (".atoms.pdb.partial", "atoms.pdb.without", ".atoms.xtc.partial"):
        (tmp_path / name).symlink_to(victim)
    for ending in ("pdb", "xtc"):
        write_structures(*samples(1), None, tmp_path / f"atoms.{ending}")
    assert victim.read_text() == "theirs"
    say("C23 links", "the file behind the link is as it was")
