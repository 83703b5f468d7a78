from functools import cache
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysisTests.datafiles import GRO, PDB_full, PDB_multiframe
from openmm import app

from openmm_cgvae.chemistry.proteins import (
    canonical_protein,
    family_mapping,
    protein_from_beads,
)
from openmm_cgvae.chemistry.proteins.residue_templates import ONE_LETTER
from openmm_cgvae.data import data_path
from openmm_cgvae.molecules import AtomTable
from tests.chemistry.proteins.beads import alpha_carbons, differences

MARTINI = Path(__file__).parents[2] / "reference" / "martini"


@cache
def chignolin():
    return mda.Universe(app.PDBFile(str(data_path("chignolin.pdb"))))


def copied() -> mda.Universe:
    """Read it again, to change names."""
    return mda.Universe(app.PDBFile(str(data_path("chignolin.pdb"))))


def test_the_order_of_the_atoms_plays_no_part():
    table, index = canonical_protein(chignolin())
    shuffled = chignolin().atoms[np.random.default_rng(0).permutation(175)]
    again, where = canonical_protein(shuffled)
    assert differences(table, again) == []
    assert shuffled[where] == chignolin().atoms[index]


def test_atoms_with_names_of_nobody_are_told_by_bonds():
    table, index = canonical_protein(chignolin())
    strange = copied()
    elements = strange.atoms.elements
    strange.atoms.names = [f"{symbol}x{i}" for i, symbol in enumerate(elements)]
    again, where = canonical_protein(strange)
    assert differences(table, again) == []
    read = AtomTable.from_universe(strange.atoms[where])
    # Chirality in the file is that of the table: no two atoms are exchanged.
    np.testing.assert_array_equal(read.bonds, table.bonds)
    np.testing.assert_array_equal(read.stereocentres, table.stereocentres)
    is_unique = np.array([name in ("N", "CA", "C", "CB") for name in table.names])
    np.testing.assert_array_equal(where[is_unique], index[is_unique])


def test_atoms_without_bonds_and_elements_are_told_by_their_places():
    table, _ = canonical_protein(chignolin())
    elements = chignolin().atoms.elements
    bare = mda.Universe.empty(
        175, 12, atom_resindex=chignolin().atoms.resindices, trajectory=True
    )
    bare.add_TopologyAttr("names", [f"{s}x{i}" for i, s in enumerate(elements)])
    bare.add_TopologyAttr("resnames", chignolin().residues.resnames)
    bare.add_TopologyAttr("resids", chignolin().residues.resids)
    bare.add_TopologyAttr("chainIDs", chignolin().atoms.chainIDs)
    bare.atoms.positions = chignolin().atoms.positions
    again, where = canonical_protein(bare)
    assert differences(table, again) == []
    read = AtomTable.from_universe(chignolin().atoms[where])
    np.testing.assert_array_equal(read.bonds, table.bonds)
    np.testing.assert_array_equal(read.stereocentres, table.stereocentres)


def test_gromacs_names_without_bonds():
    protein = mda.Universe(GRO).select_atoms("protein")
    table, index = canonical_protein(protein)
    assert (table.n_atoms, table.n_residues) == (3341, 214)
    assert sorted(index) == list(range(3341))
    assert protein[index].names[:4].tolist() == ["N", "H1", "H2", "H3"]


@pytest.mark.filterwarnings("ignore:Element information is missing")
@pytest.mark.filterwarnings("ignore:Unit cell dimensions not found")
@pytest.mark.parametrize(
    ("path", "version"), [("martini3001.pdb", 3), ("martini22.pdb", 2)]
)
def test_beads_that_martinize2_made(path, version):
    atoms = mda.Universe(app.PDBFile(str(MARTINI / "peptide.pdb")))
    table, index = canonical_protein(atoms)
    beads = mda.Universe(MARTINI / path, to_guess=[])
    states = {20: "HID", 21: "HIP", 22: "ASH", 23: "GLH", 24: "LYN"}

    protein = protein_from_beads(beads, protonation=states, disulfides=[])

    assert protein.family == f"martini{version}"
    assert set(differences(protein.atom_table, table)) <= {"chain_ids"}
    made = protein.mapping.project(atoms.atoms.positions[index])
    off = np.linalg.norm(made - protein.known.positions, axis=1)
    known = protein.known
    # Martini shares atoms of a ring between beads; in version 2 martinize2 leaves
    # out OXT.
    is_other = (known.resnames == "PHE") & (known.names == "SC2")
    is_other[-1] |= version == 2
    assert off[~is_other].max() < 0.11
    assert off.max() < 0.4


def swapped(names):
    universe = copied()
    for residue in universe.residues:
        pair = [residue.atoms.select_atoms(f"name {name}") for name in names]
        if len(pair[0]) and len(pair[1]):
            pair[0].names, pair[1].names = [names[1]], [names[0]]
    return universe


def test_alike_hydrogens_are_told_by_their_places():
    table, index = canonical_protein(chignolin())
    again, where = canonical_protein(swapped(("HB2", "HB3")))
    assert differences(table, again) == []
    np.testing.assert_array_equal(index, where)


def test_hands_of_methylenes_are_those_of_iupac():
    table, index = canonical_protein(chignolin())
    where = chignolin().atoms.positions[index].astype(float)
    glycine = table.residue_names.index("GLY")
    atoms = np.flatnonzero(table.residue_of_atom == glycine)
    at = {table.names[atom]: where[atom] for atom in atoms}
    # HA2 is pro-R: where an L residue has HA, with HA3 in place of its side chain.
    arms = [at[name] - at["CA"] for name in ("HA3", "N", "C")]
    assert np.linalg.det(arms) > 0  # as CB, N, C of L residues


def without_positions(table: AtomTable) -> mda.Universe:
    universe = mda.Universe.empty(
        table.n_atoms,
        table.n_residues,
        atom_resindex=table.residue_of_atom,
    )
    for name, values in (
        ("names", table.names),
        ("resnames", table.residue_names),
        ("resids", table.residue_ids),
        ("chainIDs", [table.chain_ids[i] for i in table.residue_of_atom]),
    ):
        universe.add_TopologyAttr(name, list(values))
    universe.add_TopologyAttr("bonds", table.bonds)
    return universe


EVERY = " ".join(f"{residue} GLY" for residue in ONE_LETTER)


@pytest.mark.parametrize(
    ("sequence", "options"),
    [
        (f"GLY {EVERY}", {}),
        ("ACE HID HIE HIP ASH GLH LYN CYM NHE", {}),
        ("GLY CYS GLY CYS CYM CYS GLY CYS", {"disulfides": [(1, 5), (3, 7)]}),
        ("PRO GLY ACE TRP NME GLY HIP", {}),
        *((f"{name} GLY {name}", {}) for name in ("HIS", "CYS", "LYS", "ILE")),
    ],
)
def test_atoms_of_every_variant_are_found_by_bonds_alone(sequence, options):
    table = protein_from_beads(alpha_carbons(sequence), **options).atom_table
    again, index = canonical_protein(without_positions(table))
    assert differences(table, again) == []
    np.testing.assert_array_equal(index, np.arange(table.n_atoms))


def test_a_bridge_is_found_by_the_bond():
    options = {"disulfides": [(0, 2)]}
    table = protein_from_beads(alpha_carbons("CYS GLY CYS"), **options).atom_table
    sulphurs = [i for i, name in enumerate(table.names) if name == "SG"]
    assert sulphurs in table.bonds.tolist()
    open_bridge = without_positions(table)
    open_bridge.delete_bonds([tuple(sulphurs)])
    with pytest.raises(ValueError, match="without one partner: CYS 1"):
        canonical_protein(open_bridge)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [(PDB_multiframe, "no templates for: SME 24"), (PDB_full, "hydrogens and OXT")],
)
def test_what_is_not_whole_gets_a_sentence(path, sentence):
    atoms = mda.Universe(path, to_guess=[]).atoms
    with pytest.raises(ValueError, match=sentence):
        canonical_protein(atoms)


def test_ends_that_are_not_whole_get_a_sentence():
    with pytest.raises(ValueError, match="lack the atoms of an end: TYR 2"):
        canonical_protein(chignolin().select_atoms("not resname ACE"))


def test_the_mapping_puts_beads_where_the_atoms_are():
    table, index = canonical_protein(chignolin())
    mapping = family_mapping(table, "alpha-carbon")
    beads = mapping.project(chignolin().atoms.positions[index])
    alpha = chignolin().select_atoms("name CA")
    np.testing.assert_allclose(beads[1:-1], alpha.positions)
