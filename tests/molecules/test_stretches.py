"""Stretches end where a chain does, and at its gaps."""

import MDAnalysis as mda
import numpy as np
import pytest
from openmm import app

from openmm_cgvae.data import data_path
from openmm_cgvae.mapping.replicas import beside, repeat
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.stretches import stretch_of_residue


def chignolin():
    """Ten residues and two caps, one chain."""
    pdb = app.PDBFile(str(data_path("chignolin.pdb")))
    return AtomTable.from_universe(mda.Universe(pdb))


def changed(table, **fields):
    return AtomTable.from_dict(table.to_dict() | fields)


def cut_before(table, residue):
    """Remove the bonds between a residue and those before it."""
    is_before = table.residue_of_atom[table.bonds] < residue
    kept = table.bonds[is_before[:, 0] == is_before[:, 1]]
    return changed(table, bonds=kept.tolist())


def water(n, **fields):
    return changed(
        repeat(
            AtomTable(
                names=("O", "H1", "H2"),
                atomic_numbers=[8, 1, 1],
                masses=[16, 1, 1],
                residue_of_atom=[0, 0, 0],
                residue_names=("HOH",),
                residue_ids=(1,),
                insertion_codes=("",),
                chain_ids=("A",),
                bonds=[[0, 1], [0, 2]],
                stereocentres=[],
            ),
            n,
        ),
        **fields,
    )


def test_a_whole_chain_is_one_stretch():
    assert stretch_of_residue(chignolin()).tolist() == [0] * 12


@pytest.mark.parametrize("residue", [1, 4, 11])
def test_a_gap_parts_a_chain(residue):
    found = stretch_of_residue(cut_before(chignolin(), residue))
    assert found.tolist() == [0] * residue + [1] * (12 - residue)


def test_two_chains_under_one_identifier_are_two_stretches():
    two = changed(repeat(chignolin(), 2), chain_ids=["X"] * 24)
    assert stretch_of_residue(two).tolist() == [0] * 12 + [1] * 12


def test_water_is_not_parted_and_is_no_part_of_a_protein():
    both = beside(chignolin(), water(3, chain_ids=["A"] * 3))
    assert stretch_of_residue(both).tolist() == [0] * 12 + [1] * 3


def test_every_chain_is_a_stretch():
    assert stretch_of_residue(water(3)).tolist() == [0, 1, 2]


def test_nothing_is_parted_where_no_bonds_are_known():
    assert stretch_of_residue(changed(chignolin(), bonds=[])).tolist() == [0] * 12


def test_a_bridge_between_stretches_does_not_join_them():
    table = cut_before(chignolin(), 5)
    across = np.array([[0, table.n_atoms - 1]])
    bonds = np.unique(np.concatenate([table.bonds, across]), axis=0)
    assert len(set(stretch_of_residue(changed(table, bonds=bonds.tolist())))) == 2
