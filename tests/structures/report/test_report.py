"""The report finds each fault that is put into a right structure, and only that."""

import json
import pickle
import tracemalloc

import numpy as np
import pytest
from MDAnalysis.lib.mdamath import triclinic_vectors
from rdkit import Chem
from rdkit.Chem import AllChem

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.mapping.replicas import repeat
from openmm_cgvae.metrics import count_pierced_rings, dihedral_angles
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.report import Report, make_report

# N-acetyl-L-phenylalanine methylamide: two amides, a stereocentre, an aromatic ring.
SMILES = "CC(=O)N[C@@H](Cc1ccccc1)C(=O)NC"


@pytest.fixture(scope="module")
def molecule():
    """Atom table and positions [n_atoms, 3] of a molecule embedded by RDKit."""
    mol = Chem.AddHs(Chem.MolFromSmiles(SMILES))
    AllChem.EmbedMolecule(mol, randomSeed=7)
    AllChem.MMFFOptimizeMolecule(mol)
    positions = mol.GetConformer().GetPositions()
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
    centre = 4
    around = sorted(a.GetIdx() for a in mol.GetAtomWithIdx(centre).GetNeighbors())[:3]
    arms = positions[around] - positions[centre]
    if np.dot(np.cross(arms[0], arms[1]), arms[2]) < 0:
        around = [around[1], around[0], around[2]]
    n_atoms = mol.GetNumAtoms()
    table = AtomTable(
        names=tuple(f"{a.GetSymbol()}{a.GetIdx()}" for a in mol.GetAtoms()),
        atomic_numbers=np.array([a.GetAtomicNum() for a in mol.GetAtoms()]),
        masses=np.array([a.GetMass() for a in mol.GetAtoms()]),
        residue_of_atom=np.zeros(n_atoms, dtype=int),
        residue_names=("PHE",),
        residue_ids=(1,),
        insertion_codes=("",),
        chain_ids=("A",),
        bonds=np.unique(np.sort(bonds, axis=1), axis=0),
        stereocentres=np.array([[centre, *around]]),
    )
    return table, positions


@pytest.fixture(scope="module")
def mapping(molecule):
    table, _ = molecule
    return Mapping(np.arange(table.n_atoms) // 6)


def one_row(table, positions, **options):
    report = make_report(table, positions[None], **options)
    assert len(report) == 1
    return report, {name: column[0] for name, column in report.columns.items()}


def failed(report):
    return {name for name, passed in report.checks.items() if not passed.all()}


def rotated(positions, axis_from, axis_to, moving, degrees):
    """Turn some atoms about the axis between two others."""
    axis = positions[axis_to] - positions[axis_from]
    axis = axis / np.linalg.norm(axis)
    angle = np.radians(degrees)
    turned = positions.copy()
    arms = positions[moving] - positions[axis_to]
    turned[moving] = (
        positions[axis_to]
        + arms * np.cos(angle)
        + np.cross(axis, arms) * np.sin(angle)
        + np.outer(arms @ axis, axis) * (1 - np.cos(angle))
    )
    return turned


def test_a_right_structure_passes_everything(molecule, mapping):
    table, positions = molecule
    beads = mapping.project(positions)
    report, row = one_row(table, positions, mapping=mapping, bead_positions=beads)
    assert failed(report) == set()
    assert report.is_good.tolist() == report.is_valid.tolist() == [True]
    assert row["n_cis_amides"] == row["n_clashes"] == 0
    assert row["ring_out_of_plane"] < 0.02
    assert row["bead_residual"] < 1e-12
    assert "Every sample passes every check." in str(report)


def test_a_mirror_image_fails_by_its_hand_alone(molecule):
    table, positions = molecule
    report, row = one_row(table, -positions)
    assert row["n_wrong_stereocentres"] == 1
    assert failed(report) == {"n_wrong_stereocentres"}
    assert report.is_valid.all()
    assert not report.is_good.any()


def test_one_hydrogen_too_far_is_one_bond_of_the_all_atom_graph(molecule):
    table, positions = molecule
    hydrogen = table.n_atoms - 1
    (carbon,) = table.neighbours[hydrogen]
    stretched = positions.copy()
    stretched[hydrogen] += 0.2 * (positions[hydrogen] - positions[carbon])
    report, row = one_row(table, stretched)  # 1.3 A: wrong by the old radii only
    assert row["lambda_2022"] == pytest.approx(1 / len(table.bonds))
    assert row["lambda_rdkit"] == row["lambda_heavy_2022"] == 0.0
    assert row["valid_rdkit"]
    assert not row["valid_2022"]
    assert failed(report) == {"lambda_2022"}


def test_a_cis_amide_is_counted_but_may_be_right(molecule):
    table, positions = molecule
    before, carbon, nitrogen, after = next(
        row for row in table.amides.tolist() if row[0] == 0
    )
    assert (before, carbon, nitrogen, after) == (0, 1, 3, 4)
    acetyl = [0, 2, *(a for a in table.neighbours[0] if a != carbon)]
    cis, row = one_row(table, rotated(positions, nitrogen, carbon, acetyl, 180))
    assert row["n_cis_amides"] == 1
    assert "amide_twist" not in failed(cis)
    twisted, row = one_row(table, rotated(positions, nitrogen, carbon, acetyl, 85))
    assert 60 < row["amide_twist"] <= 90
    assert "amide_twist" in failed(twisted)


def test_a_bent_ring_is_seen(molecule):
    table, positions = molecule
    (ring,) = table.rings
    bent = positions.copy()
    bent[ring[0]] += (
        0.6 * np.linalg.svd(positions[list(ring)] - positions[ring[0]])[2][2]
    )
    _, row = one_row(table, bent)
    assert row["ring_out_of_plane"] > 0.15


def ring_and_bond(middle, direction):
    """A benzene ring in the plane z = 0, and a bond of 1.5 A beside it."""
    angles = np.arange(6) * np.pi / 3
    ring = 1.39 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    half = 0.75 * np.asarray(direction) / np.linalg.norm(direction)
    positions = np.concatenate([ring, [middle - half, middle + half]])
    table = AtomTable(
        names=tuple(f"C{i}" for i in range(8)),
        atomic_numbers=np.full(8, 6),
        masses=np.full(8, 12.0),
        residue_of_atom=np.array([0] * 6 + [1] * 2),
        residue_names=("BEN", "ETH"),
        residue_ids=(1, 2),
        insertion_codes=("", ""),
        chain_ids=("A", "B"),
        bonds=np.array([(0, 1), (0, 5), (1, 2), (2, 3), (3, 4), (4, 5), (6, 7)]),
        stereocentres=np.empty((0, 4), dtype=int),
    )
    return table, positions


@pytest.mark.parametrize(
    ("middle", "direction", "n_pierced"),
    [
        ([0.0, 0.0, 0.0], [0, 0, 1], 1),
        ([0.5, -0.4, 0.3], [1, 1, 3], 1),  # askew
        ([1.1, 0.0, 0.1], [0, 0, 1], 1),  # near the rim
        ([0.0, 0.0, 0.8], [0, 0, 1], 0),  # above, and ends there
        ([1.5, 0.0, 0.0], [0, 0, 1], 0),  # outside
        ([0.0, 0.0, 0.0], [1, 0, 0], 0),  # in the plane
        ([0.0, 0.0, 3.4], [1, 0, 0], 0),  # stacked
    ],
)
def test_a_bond_through_a_ring(middle, direction, n_pierced):
    table, positions = ring_and_bond(np.array(middle), direction)
    report, row = one_row(table, positions)
    assert row["n_pierced_rings"] == n_pierced
    assert ("n_pierced_rings" in failed(report)) == bool(n_pierced)


def test_columns_have_their_old_names_for_one_release():
    table, positions = ring_and_bond(np.zeros(3), [0, 0, 1])
    columns = make_report(table, positions[None]).columns
    with pytest.warns(DeprecationWarning, match="`n_pierced_rings`"):
        old = columns["n_threaded_rings"]
    assert old.tolist() == columns["n_pierced_rings"].tolist() == [1]
    assert "n_threaded_rings" not in columns
    with pytest.raises(KeyError, match="n_other"):
        columns["n_other"]


def test_ring_piercing_is_invariant_under_lattice_translations():
    box = np.array([11, 12, 13, 70, 80, 100], dtype=float)
    vectors = triclinic_vectors(box).astype(float)
    table, positions = ring_and_bond(np.array([0.2, 0.1, 0.0]), [0, 1, 3])
    for shift in ([1, 0, 0], [0, -1, 2], [1, 1, 1]):
        moved = positions.copy()
        moved[6:] += shift @ vectors
        moved[2] -= vectors[1]  # even if the ring is cut
        assert one_row(table, moved)[1]["n_pierced_rings"] == 0
        row = one_row(table, moved, boxes=box[None])[1]
        assert row["n_pierced_rings"] == 1


def test_fused_rings_do_not_pierce_each_other():
    mol = Chem.AddHs(Chem.MolFromSmiles("c1ccc2[nH]ccc2c1"))
    AllChem.EmbedMolecule(mol, randomSeed=7)
    rings = [tuple(ring) for ring in Chem.GetSymmSSSR(mol)]
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
    where = mol.GetConformer().GetPositions()[None]
    assert count_pierced_rings(where, rings, np.array(bonds)).tolist() == [0]


def test_large_rings_are_not_counted_as_pierced():
    angles = np.arange(12) * np.pi / 6
    ring = 3.0 * np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    where = np.concatenate([ring, [[0, 0, -0.7], [0, 0, 0.7]]])[None]
    bonds = np.array([(12, 13)])
    assert count_pierced_rings(where, [range(12)], bonds).tolist() == [0]


@pytest.mark.parametrize(
    "box", [[30, 30, 30, 90, 90, 90], [30, 30, 0, 90, 90, 90], [30, 35, 31, 70, 80, 95]]
)
def test_clashes_are_seen_across_the_box(molecule, box):
    table, positions = molecule
    far = next(a for a in range(table.n_atoms) if a > 20)
    clashing = positions.copy()
    clashing[far] = positions[0] + [0.0, 0.0, 1.0]
    wanted = one_row(table, clashing)[1]["n_clashes"]
    clashing[far] += [box[0], 0.0, 0.0]
    assert one_row(table, clashing)[1]["n_clashes"] == 0
    report, row = one_row(table, clashing, boxes=np.array([box], dtype=float))
    assert row["n_clashes"] == wanted
    assert "n_clashes" in failed(report)


def test_atoms_on_each_other_clash(molecule):
    table, positions = molecule
    far = next(a for a in range(table.n_atoms) if a > 20)
    clashing = positions.copy()
    clashing[far] = positions[0] + [0.0, 0.0, 1.0]
    _, row = one_row(table, clashing)
    assert 1 <= row["n_clashes"] <= row["n_contacts"]


def test_a_moved_bead_is_measured(molecule, mapping):
    table, positions = molecule
    beads = mapping.project(np.stack([positions, positions]))
    beads[1, 2] += [0.0, 0.3, 0.4]
    report = make_report(table, np.stack([positions] * 2), mapping, beads)
    assert report.columns["bead_residual"] == pytest.approx([0.0, 0.5], abs=1e-9)
    assert report.checks["bead_residual"].tolist() == [True, False]


def test_one_set_of_beads_serves_all_samples(molecule, mapping):
    table, positions = molecule
    beads = mapping.project(positions)
    report = make_report(table, np.stack([positions] * 3), mapping, beads)
    assert report.checks["bead_residual"].all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sample_that_is_no_number_fails_alone(molecule, mapping, bad):
    table, positions = molecule
    samples = np.stack([positions, positions])
    samples[1] = bad
    beads = mapping.project(positions)
    report = make_report(table, samples, mapping, beads)
    assert report.columns["is_finite"].tolist() == [True, False]
    # Atoms that are nowhere are near nothing and inside of nothing.
    for name in set(report.checks) - {"n_clashes", "n_pierced_rings"}:
        assert report.checks[name].tolist() == [True, False], name
    assert report.is_good.tolist() == [True, False]
    assert report.worst == 1
    json.dumps(report.to_dict(), allow_nan=False)


def test_the_worst_sample_is_named_with_its_frame(molecule):
    table, positions = molecule
    noisy = positions + np.random.default_rng(0).normal(scale=0.4, size=positions.shape)
    samples = np.stack([positions, -positions, noisy])
    report = make_report(table, samples, frames=np.array([5, 6, 7]))
    assert report.worst == 2
    assert "Worst is sample 2 of frame 7: " in str(report)
    assert str(report).startswith("3 samples of ")
    assert max(map(len, str(report).splitlines()[:-1])) <= 79


def test_what_was_not_measured_is_no_check(molecule):
    table, positions = molecule
    report, row = one_row(table, positions)
    assert np.isnan(row["bead_residual"])
    assert "bead_residual" not in report.checks
    assert "beads" not in str(report)
    assert report.to_dict()["columns"]["bead_residual"] == [None]


def test_elements_beyond_the_old_table_are_assessed_by_rdkit():
    table = AtomTable(
        names=("C", "F"),
        atomic_numbers=np.array([6, 9]),
        masses=np.array([12.0, 19.0]),
        residue_of_atom=np.zeros(2, dtype=int),
        residue_names=("CF",),
        residue_ids=(1,),
        insertion_codes=("",),
        chain_ids=("A",),
        bonds=np.array([[0, 1]]),
        stereocentres=np.empty((0, 4), dtype=int),
    )
    pair = np.array([[0.0, 0.0, 0.0], [1.4, 0.0, 0.0]])
    report = make_report(table, np.stack([pair, 2 * pair]))
    assert np.isnan(report.columns["lambda_2022"]).all()
    assert report.is_valid.tolist() == report.is_good.tolist() == [True, False]
    assert "lambda_2022" not in report.checks


def test_summary_counts_samples(molecule):
    table, positions = molecule
    report = make_report(table, np.stack([positions, positions, positions, -positions]))
    summary = report.summary()
    assert summary["valid"] == 1.0
    assert summary["good"] == summary["pass n_wrong_stereocentres"] == 0.75
    assert summary["mean n_wrong_stereocentres"] == 0.25


def test_ways_out_agree(molecule, tmp_path):
    table, positions = molecule
    report = make_report(table, np.stack([positions, -positions]))
    frame = report.to_dataframe()
    assert len(frame) == len(report) == 2
    assert list(frame.columns) == list(report.columns)
    report.to_json(tmp_path / "report.json")
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert written == report.to_dict()
    assert written["columns"]["n_wrong_stereocentres"] == [0, 1]
    again = pickle.loads(pickle.dumps(report))
    assert str(again) == str(report)


def test_columns_do_not_change(molecule):
    table, positions = molecule
    report = make_report(table, positions[None])
    with pytest.raises(ValueError, match="read-only"):
        report.columns["n_clashes"][0] = 5
    with pytest.raises(AttributeError, match="cannot assign"):
        report.molecule = "other"


def test_no_samples_are_an_empty_report(molecule):
    table, positions = molecule
    report = make_report(table, positions[None][:0])
    assert isinstance(report, Report)
    assert len(report) == 0
    assert report.summary() == {}
    assert str(report).startswith("0 samples of ")
    assert report.is_good.shape == (0,)
    with pytest.raises(ValueError, match="0 samples"):
        _ = report.worst


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": np.zeros((5, 3))}, r"`positions` has shape \(5, 3\)"),
        ({"frames": np.zeros(3, int)}, "`frames` has shape"),
        ({"boxes": np.zeros(6)}, r"`boxes` has shape \(6,\) but must be \(1, 6\)"),
        ({"bead_positions": np.zeros((5, 3))}, "without `mapping`"),
        (
            {
                "bead_positions": np.zeros((4, 3)),
                "mapping": Mapping(np.arange(29) // 6),
            },
            r"`bead_positions` has shape \(4, 3\)",
        ),
    ],
)
def test_bad_input_is_named(molecule, change, message):
    table, positions = molecule
    with pytest.raises(ValueError, match=message):
        make_report(table, **({"positions": positions[None]} | change))


def test_memory_of_a_report_grows_with_the_number_of_atoms():
    table, positions = ring_and_bond(np.zeros(3), [0, 0, 1])

    def peak(n_copies):
        shift = 12.0 * np.arange(n_copies)[:, None, None] * [1, 0, 0]
        copies = repeat(table, n_copies), (positions + shift).reshape(1, -1, 3)
        tracemalloc.start()
        report = make_report(
            *copies, boxes=np.array([[12.0 * n_copies, 20, 20] + [90.0] * 3])
        )
        allocated = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert report.columns["n_pierced_rings"] == [n_copies]
        return allocated

    peak(10)  # imports
    assert peak(1200) < 5 * peak(300)
    assert peak(1200) < 1200 * table.n_atoms * 3000  # bytes an atom


@pytest.mark.parametrize("length", [0.01, 0.9, 2.3, 3.7])
def test_a_bond_of_wrong_length_is_counted(molecule, length):
    table, positions = molecule
    methyl = [0, *(a for a in table.neighbours[0] if a != 1)]
    arm = positions[0] - positions[1]
    moved = positions.copy()
    moved[methyl] += arm * (length / np.linalg.norm(arm) - 1)
    report, row = one_row(table, moved)
    assert row["n_wrong_bonds"] == 1
    assert "n_wrong_bonds" in failed(report)
    assert not report.is_good.any()


def test_a_cis_amide_is_unexpected_but_before_a_second_carbon(molecule):
    table, positions = molecule
    acetyl = [0, 2, *(a for a in table.neighbours[0] if a != 1)]
    cis, row = one_row(table, rotated(positions, 3, 1, acetyl, 180))
    assert row["n_unexpected_cis_amides"] == 1
    assert "n_unexpected_cis_amides" in failed(cis)


@pytest.mark.parametrize(
    ("smiles", "n_cis", "n_unexpected"),
    [
        ("CC(=O)N1CCCC1", 1, 0),  # as proline: right in some, so only counted
        ("O=C1CCCN1", 1, 0),  # a lactam cannot be trans
    ],
)
def test_amides_that_are_rightly_cis_are_no_fault(smiles, n_cis, n_unexpected):
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=7)
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
    n_atoms = mol.GetNumAtoms()
    table = AtomTable(
        names=tuple(f"{a.GetSymbol()}{a.GetIdx()}" for a in mol.GetAtoms()),
        atomic_numbers=np.array([a.GetAtomicNum() for a in mol.GetAtoms()]),
        masses=np.array([a.GetMass() for a in mol.GetAtoms()]),
        residue_of_atom=np.zeros(n_atoms, dtype=int),
        residue_names=("LIG",),
        residue_ids=(1,),
        insertion_codes=("",),
        chain_ids=("A",),
        bonds=np.unique(np.sort(bonds, axis=1), axis=0),
        stereocentres=np.empty((0, 4), dtype=int),
    )
    positions = mol.GetConformer().GetPositions()
    omega = np.abs(dihedral_angles(positions, table.amides))[0]
    row = one_row(table, positions)[1]
    assert row["n_cis_amides"] == (n_cis if omega < 90 else 0)
    assert row["n_unexpected_cis_amides"] == n_unexpected


def two_chains():
    """Two molecules side by side, a bead for each half of them."""
    table, positions = ring_and_bond(np.array([4.0, 0.0, 3.0]), [0, 0, 1])
    mapping = Mapping([0, 0, 0, 1, 1, 1, 2, 2])
    return table, positions, mapping


def test_a_chain_in_another_image_than_its_beads_is_displaced():
    table, positions, mapping = two_chains()
    box = np.array([[30.0, 40, 50, 70, 80, 95]])
    vectors = triclinic_vectors(box[0]).astype(float)
    beads = mapping.project(positions)
    moved = positions.copy()
    moved[6:] += vectors[1]
    options = {"mapping": mapping, "boxes": box, "given_beads": beads}
    right, row = one_row(table, positions, **options)
    assert row["n_displaced_chains"] == 0
    assert not {"n_displaced_chains", "bead_residual"} & failed(right)
    wrong, row = one_row(table, moved, **options)
    assert row["n_displaced_chains"] == 1
    assert row["bead_residual"] == pytest.approx(0.0, abs=1e-3)
    assert "n_displaced_chains" in failed(wrong)


def test_a_chain_that_the_box_cuts_is_not_displaced():
    table, positions, mapping = two_chains()
    box = np.array([[30.0, 40, 50, 90, 90, 90]])
    given = mapping.project(positions)
    given[1] += [30.0, -40.0, 0.0]  # half of the ring, as a wrapped trajectory has it
    options = {"mapping": mapping, "boxes": box, "given_beads": given}
    row = one_row(table, positions, **options)[1]
    assert row["n_displaced_chains"] == 0
    assert row["bead_residual"] == pytest.approx(0.0, abs=1e-3)
    given[1] += [0.0, 0.0, 1.0]
    row = one_row(table, positions, **options)[1]
    assert row["bead_residual"] == pytest.approx(1.0, abs=1e-3)


def test_an_atom_far_from_its_bead_is_counted(molecule):
    table, positions = molecule
    mapping = Mapping(np.zeros(table.n_atoms, dtype=int))
    beads = mapping.project(positions)
    flung = positions.copy()
    flung[7] += [0.0, 60.0, 0.0]
    report, row = one_row(table, flung, mapping=mapping, bead_positions=beads)
    assert row["n_far_atoms"] == 1
    assert {"n_far_atoms", "n_wrong_bonds"} <= failed(report)
