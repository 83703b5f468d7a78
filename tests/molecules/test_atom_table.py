"""AtomTable finds what a chemist would, and refuses what is no molecule."""

import json
import re

import MDAnalysis as mda
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import AllChem

from openmm_cgvae.metrics import dihedral_angles, signed_volumes
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.testing import molecule_in_memory
from openmm_cgvae.testing.dipeptide import peptide


@pytest.fixture(scope="module")
def dipeptide():
    return AtomTable.from_universe(peptide())


@pytest.fixture(scope="module")
def chignolin():
    return AtomTable.from_universe(peptide("chignolin"))


def from_smiles(smiles):
    """Embed a molecule with its hydrogens; also give RDKit's own record of it."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(molecule, randomSeed=7) == 0
    universe = molecule_in_memory(
        [atom.GetSymbol() for atom in molecule.GetAtoms()],
        [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()],
        molecule.GetConformer().GetPositions(),
    )
    return universe, molecule


def table_of(smiles):
    return AtomTable.from_universe(from_smiles(smiles)[0])


def names_of(table, atoms):
    return [
        f"{table.residue_names[table.residue_of_atom[atom]]}:{table.names[atom]}"
        for atom in atoms
    ]


def record(**changes):
    """The fields of water, some changed."""
    return {
        "names": ("O", "H1", "H2"),
        "atomic_numbers": [8, 1, 1],
        "masses": [16.0, 1.0, 1.0],
        "residue_of_atom": [0, 0, 0],
        "residue_names": ("HOH",),
        "residue_ids": (1,),
        "insertion_codes": ("",),
        "chain_ids": ("A",),
        "bonds": [[0, 1], [0, 2]],
        "stereocentres": [],
        **changes,
    }


def test_alanine_dipeptide_by_hand(dipeptide):
    assert dipeptide.describe() == "22 atoms (ACE ALA NME)"
    assert (dipeptide.n_atoms, dipeptide.n_residues) == (22, 3)
    assert len(dipeptide.bonds) == 21
    assert dipeptide.is_heavy.sum() == 10
    assert dipeptide.rings == ()
    assert [names_of(dipeptide, row) for row in dipeptide.amides] == [
        ["ACE:CH3", "ACE:C", "ALA:N", "ALA:CA"],
        ["ALA:CA", "ALA:C", "NME:N", "NME:C"],
    ]
    assert [names_of(dipeptide, row) for row in dipeptide.rotors] == [
        ["ACE:O", "ACE:C", "ACE:CH3", "ACE:H1", "ACE:H2", "ACE:H3"],
        ["ALA:N", "ALA:CA", "ALA:CB", "ALA:HB1", "ALA:HB2", "ALA:HB3"],
        ["ALA:C", "NME:N", "NME:C", "NME:H1", "NME:H2", "NME:H3"],
    ]
    (centre,) = dipeptide.stereocentres
    assert names_of(dipeptide, centre[:1]) == ["ALA:CA"]
    assert dipeptide.masses.sum() == pytest.approx(144.17, abs=0.01)


def test_chignolin_by_hand(chignolin):
    centres = names_of(chignolin, chignolin.stereocentres[:, 0])
    assert centres.count("THR:CA") == centres.count("THR:CB") == 2
    assert len(centres) == 11  # GLY, ACE and NME have none
    assert not any(name.startswith("GLY") for name in centres)
    assert sorted(map(len, chignolin.rings)) == [5, 5, 6, 6, 6, 6]
    assert len(chignolin.amides) == 11
    pattern = r"\w+:(CA|CH3) \w+:C \w+:N \w+:(CA|C)"
    for row in chignolin.amides:
        assert re.fullmatch(pattern, " ".join(names_of(chignolin, row)))
    centres = sorted(names_of(chignolin, chignolin.rotors[:, 2]))
    assert centres == ["ACE:CH3", "NME:C", "THR:CG2", "THR:CG2"]
    assert len(chignolin.describe()) < 80


@pytest.mark.parametrize("name", ["alanine-dipeptide", "chignolin"])
def test_shipped_peptides_are_of_l_residues_and_trans(name):
    universe = peptide(name)
    table = AtomTable.from_universe(universe)
    positions = universe.atoms.positions.astype(float)
    omega = dihedral_angles(positions, table.amides)
    assert (np.abs(omega) > 150).all()
    place = {
        (residue, atom): index
        for index, (residue, atom) in enumerate(
            zip(table.residue_of_atom, table.names, strict=True)
        )
    }
    # The CORN rule: seen from HA, CO, R and N run clockwise in an L residue.
    for residue, kind in enumerate(table.residue_names):
        if kind in ("ACE", "NME", "GLY"):
            continue
        atoms = [[place[residue, atom] for atom in ("CA", "N", "C", "CB")]]
        assert signed_volumes(positions, np.array(atoms))[0] > 0


@pytest.mark.parametrize("name", ["alanine-dipeptide", "chignolin"])
def test_a_mirror_image_has_its_stereocentres_the_other_way_round(name):
    universe = peptide(name)
    table = AtomTable.from_universe(universe)
    right = signed_volumes(universe.atoms.positions.astype(float), table.stereocentres)
    assert (right > 0).all()
    universe.atoms.positions *= [1, 1, -1]
    mirrored = AtomTable.from_universe(universe)
    np.testing.assert_array_equal(
        mirrored.stereocentres, table.stereocentres[:, [0, 2, 1, 3]]
    )
    wrong = signed_volumes(universe.atoms.positions.astype(float), table.stereocentres)
    assert (wrong < 0).all()


def test_a_molecule_cut_by_the_box_keeps_its_hands(chignolin):
    universe = peptide("chignolin")
    universe.dimensions = [40, 40, 40, 90, 90, 90]
    universe.atoms.translate(-universe.select_atoms("name CA").positions[3])
    universe.atoms.wrap()
    cut = AtomTable.from_universe(universe)
    np.testing.assert_array_equal(cut.stereocentres, chignolin.stereocentres)


SMILES = {
    "L-alanine": "C[C@H](N)C(=O)O",
    "glycine": "NCC(=O)O",
    "valine": "CC(C)[C@H](N)C(=O)O",
    "threonine": "C[C@@H](O)[C@H](N)C(=O)O",
    "isoleucine": "CC[C@H](C)[C@H](N)C(=O)O",
    "proline amide": "CC(=O)N1CCC[C@H]1C(=O)N",
    "cysteine": "SC[C@H](N)C(=O)O",
    "serine phosphate": "OP(=O)(O)OC[C@H](N)C(=O)O",
    "zwitterion": "C[C@H]([NH3+])C(=O)[O-]",
    "glucose": "OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O",
    "chlorofluorobromomethane": "[C@H](F)(Cl)Br",
    "cyclohexane": "C1CCCCC1",
    "butane": "CCCC",
    "benzene": "c1ccccc1",
    "naphthalene": "c1ccc2ccccc2c1",
}


@pytest.mark.parametrize("name", SMILES)
def test_stereocentres_are_those_rdkit_finds(name):
    universe, molecule = from_smiles(SMILES[name])
    table = AtomTable.from_universe(universe)
    expected = Chem.FindMolChiralCenters(molecule, useLegacyImplementation=True)
    assert sorted(table.stereocentres[:, 0]) == sorted(atom for atom, _ in expected)
    volumes = signed_volumes(
        universe.atoms.positions.astype(float), table.stereocentres
    )
    assert (volumes > 0).all()


@pytest.mark.parametrize("name", SMILES)
def test_rings_are_those_rdkit_finds(name):
    universe, molecule = from_smiles(SMILES[name])
    expected = {frozenset(ring) for ring in Chem.GetSymmSSSR(molecule)}
    found = AtomTable.from_universe(universe).rings
    assert {frozenset(ring) for ring in found} == expected


@pytest.mark.parametrize(
    ("name", "smiles", "n_amides"),
    [
        ("an ester", "CC(=O)OC", 0),
        ("an acid", "CC(=O)O", 0),
        ("a primary amide", "CC(=O)N", 0),
        ("an amine", "CCNC", 0),
        ("a thioamide", "CC(=S)NC", 0),
        ("N-methylacetamide", "CC(=O)NC", 1),
        ("two of them", "CC(=O)NCC(=O)NC", 2),
        ("a proline amide", "CC(=O)N1CCCC1C(=O)N", 1),
        ("a side chain's", "CC(=O)NC(CC(=O)N)C(=O)NC", 2),
        ("formamide, which has no carbon before", "O=CNC", 0),
    ],
)
def test_amides_are_found(name, smiles, n_amides):
    assert len(table_of(smiles).amides) == n_amides, name


def test_the_amide_of_proline_runs_to_its_alpha_carbon():
    # CC(=O)N1CCCC1C(=O)N: 0 CH3, 1 C, 3 N, 4 CD, 7 CA.
    table = table_of("CC(=O)N1CCCC1C(=O)N")
    assert table.amides.tolist() == [[0, 1, 3, 7]]


@pytest.mark.parametrize(
    ("smiles", "centres"),
    [
        ("CC(=O)O", [0]),
        ("C[NH3+]", [0, 1]),
        ("C[C@H]([NH3+])C(=O)[O-]", [0, 2]),
        ("CN(C)C", [0, 2, 3]),
        ("CC", [0, 1]),
        ("C", []),
        ("N", []),
        ("CO", [0]),
        ("C1CCCCC1", []),
    ],
)
def test_rotors_are_methyls_and_ammonium(smiles, centres):
    table = table_of(smiles)
    assert table.rotors[:, 2].tolist() == centres
    bonded = {frozenset(bond) for bond in table.bonds.tolist()}
    for reference, neighbour, centre, *hydrogens in table.rotors.tolist():
        assert {reference, neighbour} != {centre}
        assert frozenset((reference, neighbour)) in bonded
        assert frozenset((neighbour, centre)) in bonded
        assert not table.is_heavy[hydrogens].any()
        assert all(frozenset((centre, h)) in bonded for h in hydrogens)
        heavy = [a for a in table.neighbours[neighbour] if table.is_heavy[a]]
        assert table.is_heavy[reference] == (set(heavy) != {centre})


def test_water_has_nothing():
    table = AtomTable(**record())
    assert table.describe() == "3 atoms (HOH)"
    assert table.is_heavy.tolist() == [True, False, False]
    assert table.rings == ()
    for rows, width in ((table.amides, 4), (table.rotors, 6), (table.stereocentres, 4)):
        assert rows.shape == (0, width)
    assert table.pairs_within(1).tolist() == [[0, 1], [0, 2]]
    assert table.pairs_within(2).tolist() == [[0, 1], [0, 2], [1, 2]]


@st.composite
def graphs(draw):
    n_atoms = draw(st.integers(1, 12))
    atom = st.integers(0, n_atoms - 1)
    pairs = draw(st.sets(st.tuples(atom, atom), max_size=15))
    return n_atoms, sorted({(min(p), max(p)) for p in pairs if p[0] != p[1]})


@settings(deadline=None, max_examples=50)
@given(graphs(), st.integers(1, 4))
def test_pairs_within_are_those_of_a_graph_library(graph, n_bonds):
    n_atoms, bonds = graph
    table = AtomTable(
        **record(
            names=("X",) * n_atoms,
            atomic_numbers=[6] * n_atoms,
            masses=[12] * n_atoms,
            residue_of_atom=[0] * n_atoms,
            bonds=bonds,
        )
    )
    network = nx.Graph(bonds)
    network.add_nodes_from(range(n_atoms))
    expected = [
        [i, j]
        for i, lengths in nx.all_pairs_shortest_path_length(network, cutoff=n_bonds)
        for j in lengths
        if j > i
    ]
    assert table.pairs_within(n_bonds).tolist() == sorted(expected)
    n_rings = len(bonds) - n_atoms + nx.number_connected_components(network)
    assert len(table.rings) >= n_rings


@pytest.mark.parametrize("n_bonds", [0, -1])
def test_pairs_within_no_bond_are_refused(dipeptide, n_bonds):
    with pytest.raises(ValueError, match=f"`n_bonds` is {n_bonds} but must be at leas"):
        dipeptide.pairs_within(n_bonds)


@pytest.mark.parametrize("name", ["alanine-dipeptide", "chignolin"])
def test_tables_survive_json(name):
    table = AtomTable.from_universe(peptide(name))
    plain = json.loads(json.dumps(table.to_dict()))
    again = AtomTable.from_dict(plain)
    assert again.to_dict() == table.to_dict() == plain
    for field in ("masses", "bonds", "stereocentres"):
        ours, theirs = getattr(table, field), getattr(again, field)
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def test_arrays_are_read_only_copies():
    masses = np.array([16.0, 1.0, 1.0])
    table = AtomTable(**record(masses=masses))
    masses[0] = 5.0
    assert table.masses[0] == 16.0
    with pytest.raises(ValueError, match="read-only"):
        table.masses[0] = 5.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"masses": [1.0]}, "`masses` has 1 entries but `names` has 3"),
        ({"masses": [1.0, np.nan, 1.0]}, "`masses` must be finite"),
        ({"masses": [1.0, -1.0, 1.0]}, "`masses` must be finite and not negative"),
        ({"masses": ["a", "b", "c"]}, r"`masses` has shape \(3,\) and type <U1"),
        ({"masses": [[1.0] * 3]}, r"`masses` has shape \(1, 3\)"),
        ({"atomic_numbers": [8.7, 1, 1]}, "`atomic_numbers` .* whole numbers"),
        ({"residue_of_atom": [0, 2, 2]}, "without gaps"),
        ({"residue_of_atom": [1, 1, 1]}, "count residues from 0"),
        ({"residue_of_atom": [0, 1, 0]}, "keep the atoms of a residue together"),
        ({"residue_of_atom": [0, 0, 1]}, "`residue_names` has 1 .* 2 residues"),
        ({"chain_ids": ()}, "`chain_ids` has 0 entries but there are 1 residues"),
        ({"bonds": [[0, 3]]}, "`bonds` names atom 3 .* there are 3 atoms"),
        ({"bonds": [[-1, 1]]}, "a negative one"),
        ({"bonds": [[1, 0]]}, "`bonds` holds a pair twice, or one that does not rise"),
        ({"bonds": [[1, 1]]}, "does not rise"),
        ({"bonds": [[0, 1], [0, 1]]}, "`bonds` holds a pair twice"),
        ({"bonds": [0, 1]}, r"`bonds` has shape \(2,\) .* shape \(n, 2\)"),
        ({"bonds": [[0, 1], [0]]}, "`bonds` is not an array"),
        ({"bonds": [[0, 10**30]]}, "`bonds` has shape .* type object"),
        ({"stereocentres": [[0, 1, 2, 9]]}, "`stereocentres` names atom 9"),
    ],
)
def test_fields_that_do_not_fit_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        AtomTable(**record(**changes))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda plain: plain.pop("names"), "not a record with the keys"),
        (lambda plain: plain.update(more=1), "not a record with the keys"),
        (lambda plain: plain.update(names="OHH"), "`names` is 'OHH' but must be a li"),
        (lambda plain: plain.update(names=None), "`names` is None but must be a list"),
        (lambda plain: plain.update(names=[1, 2, 3]), "`names` must be a list of wor"),
        (lambda plain: plain.update(residue_ids=["1"]), "`residue_ids` .* numbers"),
        (lambda plain: plain.update(masses={"a": 1}), "`masses` is .* must be a list"),
        (lambda plain: plain.update(masses=[1, None, 2]), "`masses` has shape"),
    ],
)
def test_plain_values_that_are_no_table_are_refused(change, words):
    plain = AtomTable(**record()).to_dict()
    change(plain)
    with pytest.raises(ValueError, match=words):
        AtomTable.from_dict(plain)


@pytest.mark.parametrize("plain", [None, 5, "text", [1], {}])
def test_what_is_no_record_is_refused(plain):
    with pytest.raises(ValueError, match="`plain` is not a record"):
        AtomTable.from_dict(plain)


def test_missing_attributes_are_named():
    universe = mda.Universe.empty(2)
    steps = [
        ("elements", ["O", "H"], "no element for some atoms; call universe.guess"),
        ("bonds", [(0, 1)], "`atoms` has no bonds"),
        ("masses", [16.0, 1.0], "`atoms` has no masses"),
        ("resids", [1], "`atoms` has no resids"),
    ]
    for name, values, words in steps:
        with pytest.raises(ValueError, match=words):
            AtomTable.from_universe(universe)
        universe.add_TopologyAttr(name, values)
    with pytest.raises(ValueError, match="`atoms` has no positions"):
        AtomTable.from_universe(universe)
    universe.load_new(np.zeros((2, 3), dtype=np.float32))
    table = AtomTable.from_universe(universe)
    assert table.names == ("", "")
    assert table.describe() == "2 atoms (UNK)"


@pytest.mark.parametrize("element", ["X", "Xx", "D", "C1", "12"])
def test_an_element_that_is_none_is_named(element):
    universe = molecule_in_memory(["C", element], [(0, 1)], np.eye(3)[:2])
    with pytest.raises(ValueError, match=f"the element '{element}', which is not in"):
        AtomTable.from_universe(universe)


def test_elements_in_capitals_are_read():
    universe = molecule_in_memory(["CL", "c"], [(0, 1)], np.eye(3)[:2])
    assert AtomTable.from_universe(universe).atomic_numbers.tolist() == [17, 6]


def test_atoms_that_lost_their_bonds_are_named():
    # MDAnalysis reads no bonds of standard residues from a PDB file.
    universe = molecule_in_memory(["C", "C", "C"], [(0, 1)], np.eye(3))
    with pytest.raises(ValueError, match="none for 1 atoms such as X2 of MOL 1; read"):
        AtomTable.from_universe(universe)


def test_an_ion_needs_no_bond():
    both = mda.Merge(
        molecule_in_memory(["O", "H"], [(0, 1)], np.eye(3)[:2]).atoms,
        molecule_in_memory(["Na", "C"], [(0, 1)], np.eye(3)[:2]).atoms[:1],
    )
    assert AtomTable.from_universe(both).describe() == "3 atoms (MOL MOL)"


@pytest.mark.parametrize("atoms", [[], [0, 1, 1]])
def test_no_atoms_and_atoms_twice_are_refused(atoms):
    group = peptide().atoms[np.array(atoms, dtype=int)]
    with pytest.raises(ValueError, match="select every atom of a molecule once"):
        AtomTable.from_universe(group)


def test_shuffled_atoms_are_refused():
    with pytest.raises(ValueError, match="sort the atoms by residue"):
        AtomTable.from_universe(peptide().atoms[::-1])


def test_a_part_of_a_molecule_is_counted_from_zero():
    whole = peptide()
    part = AtomTable.from_universe(whole.select_atoms("resname ALA NME"))
    assert part.describe() == "16 atoms (ALA NME)"
    assert part.residue_ids == (2, 3)
    assert part.bonds.min() == 0
    names = set(map(frozenset, (names_of(part, bond) for bond in part.bonds)))
    assert frozenset({"ALA:C", "NME:N"}) in names


def test_chains_and_insertion_codes_are_kept():
    universe = peptide()
    universe.add_TopologyAttr("chainIDs", ["Q"] * 22)
    universe.add_TopologyAttr("icodes", [" ", "A", ""])
    table = AtomTable.from_universe(universe)
    assert table.chain_ids == ("Q", "Q", "Q")
    assert table.insertion_codes == ("", "A", "")


def test_segments_stand_in_for_chains():
    universe = molecule_in_memory(["O", "H"], [(0, 1)], np.eye(3)[:2])
    universe.add_TopologyAttr("segids", ["PROA"])
    assert AtomTable.from_universe(universe).chain_ids == ("PROA",)


@pytest.mark.parametrize(
    "field", ["names", "residue_names", "insertion_codes", "chain_ids"]
)
@pytest.mark.parametrize("odd", ["C\n1", "C\x1b[31m", "C\x00", "C\u202e"])
def test_names_that_are_more_than_a_name_are_refused(dipeptide, field, odd):
    """A line break would end a record of a file, an escape move a terminal."""
    plain = dipeptide.to_dict()
    plain[field] = [odd, *plain[field][1:]]
    with pytest.raises(ValueError, match=f"`{field}` holds 'C.*control character"):
        AtomTable.from_dict(plain)


def test_particles_with_a_line_break_in_their_name_are_refused():
    universe = mda.Universe.empty(2, trajectory=True)
    universe.add_TopologyAttr("names", ["W", "W\nATOM"])
    with pytest.raises(ValueError, match="line break"):
        AtomTable.from_particles(universe.atoms)
