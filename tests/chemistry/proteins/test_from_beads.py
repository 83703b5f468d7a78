import doctest
import sys
import time
from functools import cache
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.lib.distances import self_capped_distance
from MDAnalysisTests.datafiles import PSF, PDB_small, PDB_sub_dry
from openmm import app

from openmm_cgvae.chemistry.proteins import (
    FAMILIES,
    canonical_protein,
    family_mapping,
    protein_from_beads,
)
from openmm_cgvae.data import data_path
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.structures.openmm_bridge import openmm_topology
from tests.chemistry.proteins.beads import (
    alpha_carbons,
    differences,
    make_beads,
    mapped,
)


@cache
def chignolin():
    return mda.Universe(app.PDBFile(str(data_path("chignolin.pdb"))))


@cache
def adenylate_kinase():
    return mda.Universe(PSF, PDB_small)


@cache
def force_field():
    return app.ForceField("amber14-all.xml")


def can_be_simulated(table: AtomTable) -> bool:
    system = force_field().createSystem(openmm_topology(table))
    return system.getNumParticles() == table.n_atoms


def test_the_table_of_a_capped_peptide_is_that_of_its_atoms():
    table, index = canonical_protein(chignolin())
    read = AtomTable.from_universe(chignolin().atoms[index])
    # The file calls the methyl of NME by other names.
    assert differences(table, read) == ["names"]
    assert len(table.stereocentres) == 11  # 9 alpha carbons, 2 threonines


@pytest.mark.parametrize("family", ["alpha-carbon", "residue"])
def test_the_beads_of_a_capped_peptide_give_back_its_atoms(family):
    atoms = chignolin().atoms
    table, index = canonical_protein(atoms)
    mapping = family_mapping(table, family)
    protein = protein_from_beads(mapped(table, mapping, atoms.positions[index]))
    assert protein.family == family
    assert differences(protein.atom_table, table) == []
    assert protein.mapping == mapping
    assert protein.notes == ()
    assert can_be_simulated(protein.atom_table)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_beads_of_an_enzyme_give_back_its_atoms(family):
    atoms = adenylate_kinase().atoms
    table, index = canonical_protein(atoms)
    read = AtomTable.from_universe(with_elements(atoms[index], table))
    assert set(differences(table, read)) == {"names", "masses", "residue_names"}
    mapping = family_mapping(table, family)
    beads = mapped(table, mapping, atoms.positions[index])
    delta = {
        residue: "HID"
        for residue, name in enumerate(table.residue_names)
        if name == "HIS"
    }

    protein = protein_from_beads(beads, protonation=delta)

    assert protein.family == family
    assert differences(protein.atom_table, table) == []
    assert protein.mapping == mapping
    assert (protein.known == beads.atoms, len(protein.others)) == (True, 0)
    assert protein.notes == ()


def with_elements(atoms: mda.AtomGroup, table: AtomTable) -> mda.AtomGroup:
    symbols = {1: "H", 6: "C", 7: "N", 8: "O", 16: "S"}
    elements = np.full(len(atoms.universe.atoms), "", dtype=object)
    elements[atoms.indices] = [symbols[number] for number in table.atomic_numbers]
    atoms.universe.add_TopologyAttr("elements", elements)
    return atoms


@pytest.mark.parametrize(
    ("sequence", "options"),
    [
        ("ALA TRP GLY", {}),
        ("ACE ALA PRO NME", {}),
        ("ACE ALA NHE", {}),
        ("GLY HIS ILE THR", {"protonation": {1: "HIP"}}),
        ("GLY ASH GLH LYN CYM HSD MSE VAL", {}),
        ("CYS GLY GLY CYS", {"disulfides": [(0, 3)]}),
        ("NALA HIE CALA", {}),
    ],
)
def test_openmm_simulates_what_is_built(sequence, options):
    protein = protein_from_beads(alpha_carbons(sequence), **options)
    assert can_be_simulated(protein.atom_table)


def test_two_chains_have_ends_of_their_own():
    beads = make_beads(
        ["CA"] * 4,
        ["ALA", "GLY", "GLY", "SER"],
        chainIDs=["A", "A", "B", "B"],
    )
    table = protein_from_beads(beads).atom_table
    assert table.chain_ids == ("A", "A", "B", "B")
    assert table.names.count("OXT") == 2
    assert can_be_simulated(table)


def calls_to_build(n_residues):
    """Count the calls of functions of the package that build a protein."""
    sequence = np.random.default_rng(0).choice(["ALA", "ARG", "TRP", "GLY"], n_residues)
    beads = alpha_carbons(sequence)
    n_calls = 0

    def count(frame, event, _):
        nonlocal n_calls
        n_calls += event == "call" and "openmm_cgvae" in frame.f_code.co_filename

    sys.setprofile(count)
    try:
        table = protein_from_beads(beads).atom_table
    finally:
        sys.setprofile(None)
    assert table.n_residues == n_residues
    return n_calls


def test_the_cost_of_a_protein_is_linear_in_its_residues():
    calls_to_build(100)  # templates are read
    assert calls_to_build(2000) < 2.2 * calls_to_build(1000)


@pytest.mark.slow  # seconds of a processor that others use too
def test_two_thousand_residues_are_built_in_a_second():
    beads = alpha_carbons(["ALA", "ARG", "TRP", "GLY"] * 500)
    started = time.process_time()
    protein_from_beads(beads)
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("family", ["alpha-carbon", "martini3"])
def test_cysteines_that_are_near_are_bridged(family):
    # A hairpin, its cysteines kinked towards each other.
    up = [[3.3 * i, -1.0 if i % 2 == 0 else 0.8, 0.0] for i in range(4)]
    places = [*up, [12.0, 3.6, 1.0], *([x, 7.2 - y, 0.0] for x, y, _ in reversed(up))]
    sequence = ["GLY", "CYS", "GLY", "SER", "GLY", "SER", "GLY", "CYS", "GLY"]
    if family == "alpha-carbon":
        beads = alpha_carbons(sequence, positions=places)
    else:
        beads = hairpin_of_martini(sequence, places)
    protein = protein_from_beads(beads, family=family)
    assert "between CYS 2 and CYS 8" in " ".join(protein.notes)
    assert protein.atom_table.names.count("HG") == 2  # those of the serines
    assert can_be_simulated(protein.atom_table)
    apart = protein_from_beads(beads, family=family, disulfides=[])
    assert apart.atom_table.names.count("HG") == 4


def test_bridges_of_a_toxin_are_told_from_its_alpha_carbons():
    # Eight cysteines crowd together: the nearest alpha carbons are not the bonded ones.
    atoms = mda.Universe(PDB_sub_dry, to_guess=[]).select_atoms("protein")
    table = protein_from_beads(atoms.select_atoms("name CA")).atom_table
    names = np.array(table.names)
    bonds = table.bonds[(names[table.bonds] == "SG").all(axis=1)]
    bridged = {tuple(pair) for pair in table.residue_of_atom[bonds].tolist()}
    sulphurs = atoms.select_atoms("resname CYS and name SG")
    pairs = self_capped_distance(sulphurs.positions, 2.3, return_distances=False)
    places = np.searchsorted(atoms.residues.resindices, sulphurs.resindices)
    assert bridged == {tuple(sorted(pair)) for pair in places[pairs].tolist()}
    assert len(bridged) == 4


def hairpin_of_martini(sequence, places):
    names, residues, where = [], [], []
    for residue, (name, place) in enumerate(zip(sequence, places, strict=True)):
        names.append("BB")
        where.append(place)
        if name != "GLY":
            names.append("SC1")
            where.append([place[0], 3.6 + 0.3 * (place[1] - 3.6), place[2]])
        residues += [residue] * (len(names) - len(residues))
    return make_beads(names, sequence, residues, positions=where)


# PDB_small has no elements.
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_page_on_proteins_is_right():
    page = Path(__file__).parents[3] / "docs" / "proteins.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0
