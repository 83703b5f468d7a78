"""Torsions are found from bonds, and are those that MDAnalysis finds by names."""

import numpy as np
import pytest

from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.torsions import backbone_torsions, side_chain_torsions
from openmm_cgvae.testing.dipeptide import peptide


@pytest.fixture(scope="module")
def chignolin():
    return peptide("chignolin"), AtomTable.from_universe(peptide("chignolin"))


def test_backbone_is_that_of_mdanalysis(chignolin):
    universe, table = chignolin
    # The caps are residues too, with no torsions of their own.
    for residue, (phi, psi) in zip(
        universe.residues[1:-1], backbone_torsions(table), strict=True
    ):
        assert phi.tolist() == residue.phi_selection().indices.tolist()
        assert psi.tolist() == residue.psi_selection().indices.tolist()


def test_first_chi_is_that_of_mdanalysis(chignolin):
    universe, table = chignolin
    torsions, _ = side_chain_torsions(table)
    expected = [
        found.indices.tolist()
        for residue in universe.residues[1:-1]
        if residue.resname != "PRO" and (found := residue.chi1_selection()) is not None
    ]
    first = [row.tolist() for row in torsions if table.names[row[0]] == "N"]
    assert first == expected


def test_all_chi_of_chignolin_by_hand(chignolin):
    _, table = chignolin
    torsions, is_symmetric = side_chain_torsions(table)
    found = [
        (table.residue_names[table.residue_of_atom[row[1]]], table.names[row[3]])
        for row in torsions
    ]
    aromatic = [("TYR", "CG"), ("TYR", "CD1")]
    assert found == [
        *aromatic,
        *aromatic,
        *[("ASP", "CG"), ("ASP", "OD1")],
        *[("GLU", "CG"), ("GLU", "CD"), ("GLU", "OE1")],
        ("THR", "OG1"),
        ("THR", "OG1"),
        *[("TRP", "CG"), ("TRP", "CD1")],
        *aromatic,
    ]
    symmetric = {("TYR", "CD1"), ("ASP", "OD1"), ("GLU", "OE1")}
    assert [name in symmetric for name in found] == is_symmetric.tolist()


def test_a_dipeptide_has_one_pair_and_no_side_chain():
    table = AtomTable.from_universe(peptide())
    names = np.array(table.names)[backbone_torsions(table)]
    assert names.tolist() == [[["C", "N", "CA", "C"], ["N", "CA", "C", "N"]]]
    torsions, is_symmetric = side_chain_torsions(table)
    assert torsions.shape == (0, 4)
    assert is_symmetric.shape == (0,)
