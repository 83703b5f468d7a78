"""Files read back by MDAnalysis and by OpenMM: atoms, bonds, chains, boxes."""

from dataclasses import replace

import MDAnalysis as mda
import numpy as np
import pytest
from openmm import app, unit

from openmm_cgvae.chemistry.proteins import protein_from_beads
from openmm_cgvae.mapping.replicas import beside
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.stretches import stretch_of_residue
from openmm_cgvae.structures.export import (
    structure_writer,
    write_structures,
)
from openmm_cgvae.structures.export.formats import check_columns, check_ending
from openmm_cgvae.structures.export.mmcif import _quoted
from openmm_cgvae.structures.export.pdb_records import chain_letters

CUBE = np.array([90.0, 91.0, 92.0, 90.0, 90.0, 90.0])
TRICLINIC = np.array([90.0, 91.0, 92.0, 70.0, 75.0, 80.0])
BOXES = {"none": None, "cube": CUBE, "triclinic": TRICLINIC}
# What each format rounds to [Å].
PRECISION = {
    ".pdb": 1e-3,
    ".cif": 1e-4,
    ".gro": 1e-2,
    ".xtc": 1e-2,
    ".trr": 1e-4,
    ".dcd": 1e-4,
}
SEQUENCE = ("GLY", "SER", "LYS", "PHE", "ASP")


def alpha_carbons(chains, spacing=15.0):
    """Alpha carbons of straight chains; each is (identifier, numbers, codes, jumps)."""
    rows = []
    for place, (name, numbers, codes, jumps) in enumerate(chains):
        along = np.cumsum([3.8 + jump for jump in jumps])
        for k, x in enumerate(along):
            where = (x, spacing * place, k % 2)
            residue = SEQUENCE[k % len(SEQUENCE)]
            rows.append((residue, name, numbers[k], codes[k], where))
    n = len(rows)
    names, chain_ids, numbers, codes, where = zip(*rows, strict=True)
    universe = mda.Universe.empty(n, n, atom_resindex=range(n), trajectory=True)
    universe.add_TopologyAttr("names", ["CA"] * n)
    universe.add_TopologyAttr("resnames", list(names))
    universe.add_TopologyAttr("resids", list(numbers))
    universe.add_TopologyAttr("icodes", list(codes))
    universe.add_TopologyAttr("chainIDs", list(chain_ids))
    universe.atoms.positions = np.array(where)
    return universe


def chain(name="A", numbers=range(1, 6), codes=None, gap_before=None):
    numbers = list(numbers)
    codes = [""] * len(numbers) if codes is None else codes
    jumps = [30.0 if k == gap_before else 0.0 for k in range(len(numbers))]
    return name, numbers, codes, jumps


def protein(*chains):
    return protein_from_beads(alpha_carbons(chains)).atom_table


def renamed(table, name):
    """Give all chains one identifier."""
    return replace(table, chain_ids=(name,) * table.n_residues)


TABLES = {
    "one chain": lambda: protein(chain()),
    "a gap": lambda: protein(chain(numbers=[1, 2, 3, 9, 10, 11], gap_before=3)),
    "two chains under one identifier": lambda: renamed(
        protein(chain("A"), chain("B")), "X"
    ),
    "thirty chains without identifiers": lambda: protein(
        *[chain("", range(1, 4))] * 30
    ),
    "seventy chains without identifiers": lambda: protein(
        *[chain("", range(1, 4))] * 70
    ),
    "long identifiers": lambda: protein(chain("PROA"), chain("PROB")),
    "insertion codes": lambda: protein(
        chain(numbers=[5, 5, 5, 6, 7], codes=["", "A", "B", "", ""])
    ),
    "negative numbers": lambda: protein(chain(numbers=range(-2, 3))),
}


@pytest.fixture(scope="module", params=TABLES)
def table(request):
    return TABLES[request.param]()


@pytest.fixture(scope="module")
def forcefield():
    return app.ForceField("amber99sbildn.xml")


def anywhere(table, n=1):
    return np.random.default_rng(0).uniform(0, 80, (n, table.n_atoms, 3))


def bonds_of(topology):
    return sorted(
        tuple(sorted((first.index, second.index))) for first, second in topology.bonds()
    )


def read_by_openmm(path):
    reader = app.PDBFile if path.suffix == ".pdb" else app.PDBxFile
    return reader(str(path))


@pytest.mark.parametrize("ending", [".pdb", ".cif"])
def test_openmm_reads_the_bonds_that_were_written(tmp_path, table, forcefield, ending):
    path = tmp_path / f"atoms{ending}"
    write_structures(table, anywhere(table), None, path)
    read = read_by_openmm(path)
    assert bonds_of(read.topology) == list(map(tuple, table.bonds.tolist()))
    system = forcefield.createSystem(read.topology)
    assert system.getNumParticles() == table.n_atoms


@pytest.mark.parametrize("ending", [".pdb", ".cif"])
@pytest.mark.parametrize(("n", "box"), [(1, "none"), (2, "cube"), (1, "triclinic")])
def test_openmm_reads_names_numbers_box_and_models(tmp_path, table, ending, box, n):
    path = tmp_path / f"atoms{ending}"
    cell = BOXES[box]
    positions = anywhere(table, n)
    boxes = None if cell is None else np.tile(cell, (n, 1))
    write_structures(table, positions, boxes, path)
    read = read_by_openmm(path)
    atoms, residues = list(read.topology.atoms()), list(read.topology.residues())
    # It has its own names for some, such as H for H1.
    assert [atom.element.atomic_number for atom in atoms] == (
        table.atomic_numbers.tolist()
    )
    assert tuple(residue.name for residue in residues) == table.residue_names
    assert tuple(int(residue.id) for residue in residues) == table.residue_ids
    codes = tuple(residue.insertionCode.strip() for residue in residues)
    assert codes == table.insertion_codes
    assert read.getNumFrames() == n
    for frame, where in enumerate(positions):
        found = read.getPositions(asNumpy=True, frame=frame)
        np.testing.assert_allclose(
            found.value_in_unit(unit.angstrom), where, atol=PRECISION[ending]
        )
    vectors = read.topology.getPeriodicBoxVectors()
    if cell is None:
        assert vectors is None
    else:
        lengths = np.linalg.norm(vectors.value_in_unit(unit.angstrom), axis=1)
        np.testing.assert_allclose(lengths, cell[:3], atol=1e-3)


@pytest.mark.filterwarnings("ignore:1 A.3 CRYST1")
@pytest.mark.parametrize("box", BOXES)
def test_mdanalysis_reads_chains_numbers_bonds_and_box_of_a_pdb_file(
    tmp_path, table, box
):
    path = tmp_path / "atoms.pdb"
    cell = BOXES[box]
    boxes = None if cell is None else cell[None]
    write_structures(table, anywhere(table), boxes, path)
    universe = mda.Universe(str(path))
    residues = universe.residues
    assert tuple(universe.atoms.names) == table.names
    assert tuple(residues.resnames) == table.residue_names
    assert tuple(residues.resids) == table.residue_ids
    assert tuple(residues.icodes) == table.insertion_codes
    chains = [residue.atoms.chainIDs[0] for residue in residues]
    assert chains == [each.strip() for each in chain_letters(table.chain_ids)]
    np.testing.assert_array_equal(universe.bonds.indices, table.bonds)
    if cell is None:
        assert universe.dimensions is None
    else:
        np.testing.assert_allclose(universe.dimensions, cell, atol=1e-2)


def test_mdanalysis_reads_chains_and_numbers_of_an_mmcif_file(tmp_path, table):
    pytest.importorskip("gemmi")
    pytest.importorskip("MDAnalysis.coordinates.MMCIF")  # since version 2.11
    path = tmp_path / "atoms.cif"
    write_structures(table, anywhere(table), TRICLINIC[None], path)
    universe = mda.Universe(str(path))
    residues = universe.residues
    assert tuple(universe.atoms.names) == table.names
    assert tuple(residues.resnames) == table.residue_names
    assert tuple(residues.resids) == table.residue_ids
    assert tuple(residues.icodes) == table.insertion_codes
    # A blank is no name there, and chains of one name have to differ in something.
    chains = [residue.atoms.chainIDs[0] for residue in residues]
    if all(table.chain_ids) and "X" not in table.chain_ids:
        assert tuple(chains) == table.chain_ids
    stretches = stretch_of_residue(table).tolist()
    assert len(set(zip(chains, stretches, strict=True))) == len(set(stretches))
    np.testing.assert_allclose(universe.dimensions, TRICLINIC, atol=1e-2)


@pytest.mark.filterwarnings("ignore:DCDReader currently makes")
@pytest.mark.filterwarnings("ignore:Empty box")
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("ending", [".gro", ".xtc", ".trr", ".dcd"])
def test_mdanalysis_reads_positions_and_box_of_trajectories(tmp_path, ending, box):
    table = protein(chain())
    n = 1 if ending == ".gro" else 3
    cell, positions = BOXES[box], anywhere(table, n)
    boxes = None if cell is None else np.tile(cell, (n, 1))
    path = tmp_path / f"atoms{ending}"
    write_structures(table, positions, boxes, path)
    universe = mda.Universe.empty(table.n_atoms)
    universe.load_new(str(path))
    assert universe.trajectory.n_frames == n
    for frame, where in zip(universe.trajectory, positions, strict=True):
        np.testing.assert_allclose(frame.positions, where, atol=PRECISION[ending])
        if cell is not None:
            np.testing.assert_allclose(frame.dimensions, cell, atol=1e-2)


def test_openmm_reads_a_gro_file(tmp_path):
    table = protein(chain())
    where = anywhere(table)
    write_structures(table, where, TRICLINIC[None], tmp_path / "atoms.gro")
    read = app.GromacsGroFile(str(tmp_path / "atoms.gro"))
    assert tuple(read.atomNames) == table.names
    found = np.array(read.positions.value_in_unit(unit.angstrom))
    np.testing.assert_allclose(found, where[0], atol=1e-2)
    lengths = np.linalg.norm(
        read.getPeriodicBoxVectors().value_in_unit(unit.angstrom), axis=1
    )
    np.testing.assert_allclose(lengths, TRICLINIC[:3], atol=1e-2)


def test_bonds_that_names_do_not_tell_are_read_from_an_mmcif_file(tmp_path):
    """A bond between chains, and a ligand of no known name."""
    table = beside(protein(chain("A"), chain("B")), ligand())
    across = np.array([[0, table.n_atoms - 10]])
    table = replace(table, bonds=np.concatenate([across, table.bonds]))
    write_structures(table, anywhere(table), None, tmp_path / "atoms.cif")
    read = app.PDBxFile(str(tmp_path / "atoms.cif"))
    assert bonds_of(read.topology) == sorted(map(tuple, table.bonds.tolist()))
    assert [atom.name for atom in read.topology.atoms()][-4:] == ["C'", '"O', "_1", "#"]


def ligand():
    return AtomTable(
        names=("C'", '"O', "_1", "#"),
        atomic_numbers=[6, 8, 1, 1],
        masses=[12, 16, 1, 1],
        residue_of_atom=[0] * 4,
        residue_names=("LIG",),
        residue_ids=(1,),
        insertion_codes=("",),
        chain_ids=("loop_",),
        bonds=[[0, 1], [0, 2], [1, 3]],
        stereocentres=[],
    )


@pytest.mark.parametrize(
    ("word", "written"),
    [("CA", "CA"), ("C5'", "C5'"), ("", "''"), ("two words", "'two words'")],
)
def test_words_of_cif(word, written):
    assert _quoted(word) == written


def test_letters_of_chains_stay_and_long_ones_get_free_letters():
    assert chain_letters(("B", "AA", "AB")) == ("B", "A", "C")
    many = chain_letters(tuple(f"chain {k}" for k in range(200)))
    assert all(a != b for a, b in zip(many[1:], many[:-1], strict=True))
    assert len(set(many[:62])) == 62


def with_names(**names):
    return replace(protein(chain()), **names)


@pytest.mark.parametrize(
    ("ending", "change", "sentence"),
    [
        (
            ".pdb",
            {"residue_ids": (1, 2, 3, 4, 10_000)},
            "numbers from -999 to 9999, and there is a residue 10000; write .cif",
        ),
        (".pdb", {"residue_names": ("GLYCINE",) * 5}, "room for 4 .* 'GLYCINE'"),
        (".gro", {"residue_names": ("GLYCINE",) * 5}, "room for 5 .* 'GLYCINE'"),
        (".pdb", {"insertion_codes": ("AB",) * 5}, "each insertion code, .* 'AB'"),
    ],
)
def test_what_has_no_room_in_the_columns_is_refused(tmp_path, ending, change, sentence):
    table = with_names(**change)
    path = tmp_path / f"atoms{ending}"
    path.write_text("before")
    with pytest.raises(ValueError, match=sentence):
        write_structures(table, anywhere(table), None, path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "before"
    write_structures(table, anywhere(table), None, tmp_path / "atoms.cif")
    check_columns(".xtc", table, "path")


def test_more_atoms_than_a_pdb_file_numbers_are_refused_before_they_are_made(tmp_path):
    with pytest.raises(ValueError, match="number 99,999 atoms, and there are 100,000"):
        check_ending(tmp_path / "atoms.pdb", 1, n_atoms=100_000)
    check_ending(tmp_path / "atoms.cif", 1, n_atoms=100_000)


def test_a_folder_or_a_device_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match="`path` is .*, which is a folder"):
        check_ending(tmp_path / ".", 1)
    table = protein(chain())
    (tmp_path / "atoms.xtc").mkdir()
    with pytest.raises(IsADirectoryError, match="which is a folder; give"):
        write_structures(table, anywhere(table), None, tmp_path / "atoms.xtc")


@pytest.mark.filterwarnings("ignore:Empty box")
@pytest.mark.parametrize(
    ("ending", "far", "nearer"),
    [(".xtc", 1.1e7, 9e6), (".pdb", 1e4, 9e3), (".gro", 1.1e5, 9e4)],
)
def test_atoms_that_a_format_has_no_numbers_for_are_refused(
    tmp_path, ending, far, nearer
):
    table = protein(chain())
    positions = anywhere(table)
    path = tmp_path / f"atoms{ending}"
    path.write_text("before")
    for odd, words in ((far, f"at {far:g} Å"), (np.nan, "at nan Å")):
        positions[0, 3, 1] = odd
        with pytest.raises(ValueError, match=words.replace("+", r"\+")):
            write_structures(table, positions, None, path)
        assert path.read_text() == "before"
    positions[0, 3, 1] = nearer
    write_structures(table, positions, None, path)
    universe = mda.Universe.empty(table.n_atoms)
    universe.load_new(str(path))
    np.testing.assert_allclose(
        universe.trajectory[0].positions, positions[0], rtol=1e-6, atol=0.01
    )


def test_a_box_that_is_no_box_is_refused(tmp_path):
    table = protein(chain())
    box = np.array([[1e30, 50, 50, 90, 90, 90]])
    with pytest.raises(ValueError, match="the box is at 1e[+]30 Å"):
        write_structures(table, anywhere(table), box, tmp_path / "atoms.xtc")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".pdb", ".cif"])
def test_beads_are_written_with_their_chains(tmp_path, ending):
    beads = alpha_carbons([chain("A"), chain("B")])
    with structure_writer(10, tmp_path / f"beads{ending}", 1) as writer:
        writer.write(beads.atoms)
    read = read_by_openmm(tmp_path / f"beads{ending}")
    found = [(each.id, len(list(each.atoms()))) for each in read.topology.chains()]
    assert found == [("A", 5), ("B", 5)]
