"""Beads named by amino acids, as HOOMD and LAMMPS have them, are residues each."""

import MDAnalysis as mda
import numpy as np
import pytest

from openmm_cgvae import Backmapper
from openmm_cgvae.chemistry.proteins import protein_from_beads

PEPTIDE = ["GLY", "SER", "LYS", "PHE", "ASP", "VAL", "LEU", "SER", "TYR", "ALA"]
LETTERS = list("GSKFDVLSYA")
HELIX = np.stack(
    [
        2.3 * np.cos(np.radians(100) * np.arange(10)),
        2.3 * np.sin(np.radians(100) * np.arange(10)),
        1.5 * np.arange(10),
    ],
    1,
)


def two_peptides(residue_of_bead, **attributes):
    """Make two copies of a peptide, 20 Å apart, in residues that are none."""
    n_residues = max(residue_of_bead) + 1
    beads = mda.Universe.empty(
        20, n_residues, atom_resindex=residue_of_bead, trajectory=True
    )
    for name, values in attributes.items():
        beads.add_TopologyAttr(name, list(values))
    beads.atoms.positions = np.concatenate([HELIX, HELIX + [20, 0, 0]])
    return beads


def hoomd(names=LETTERS, bonds=True):
    """Make beads as the reader of GSD files does: one body, its number for a name."""
    beads = two_peptides(
        [0] * 20, names=names * 2, types=names * 2, resnames=[0], resids=[0]
    )
    if bonds:
        beads.add_TopologyAttr(
            "bonds", [(i, i + 1) for start in (0, 10) for i in range(start, start + 9)]
        )
    return beads


def lammps(**attributes):
    """Make beads as the reader of LAMMPS data does: molecules, and types of numbers."""
    types = [str(sorted(set(PEPTIDE)).index(name) + 1) for name in PEPTIDE] * 2
    return two_peptides(
        [0] * 10 + [1] * 10, types=types, resids=[1, 2], segids=["SYSTEM"], **attributes
    )


@pytest.mark.parametrize("names", [LETTERS, PEPTIDE, [n.lower() for n in PEPTIDE]])
@pytest.mark.parametrize("bonds", [True, False])
def test_beads_of_hoomd_are_residues_by_their_names(names, bonds):
    protein = protein_from_beads(hoomd(names, bonds))
    table = protein.atom_table
    assert table.residue_names == tuple(PEPTIDE * 2)
    assert table.names.count("OXT") == 2
    assert "named by, from GLY to ALA" in " ".join(protein.notes)
    if bonds:
        assert table.residue_ids == (*range(1, 11),) * 2


@pytest.mark.parametrize("attribute", ["names", "types"])
def test_beads_of_lammps_are_residues_by_names_or_type_labels(attribute):
    beads = lammps()
    beads.add_TopologyAttr(attribute, PEPTIDE * 2)
    table = protein_from_beads(beads).atom_table
    assert table.residue_names == tuple(PEPTIDE * 2)
    assert table.residue_ids == (*range(1, 11),) * 2
    assert table.names.count("OXT") == 2


def test_types_that_are_numbers_get_a_sentence_that_helps():
    with pytest.raises(ValueError, match="seem to be molecules, 2 of up to 10 .*MET"):
        protein_from_beads(lammps())


def test_residue_names_for_molecules_are_not_taken_in_silence():
    beads = lammps(names=["CA"] * 20, resnames=["GLY", "GLY"])
    notes = " ".join(protein_from_beads(beads).notes)
    assert (
        "10 beads named CA of one residue are taken for as many residues GLY" in notes
    )
    assert "and so in 1 more" in notes


def test_atoms_named_by_elements_are_no_amino_acids():
    beads = hoomd(list("CHNOSPCHNF"))
    with pytest.raises(ValueError, match="no names of residues"):
        protein_from_beads(beads)


def test_water_beside_beads_of_hoomd_is_left_over():
    beads = mda.Universe.empty(13, 1, atom_resindex=[0] * 13, trajectory=True)
    beads.add_TopologyAttr("names", [*PEPTIDE, "HOH", "HOH", "NA"])
    beads.add_TopologyAttr("resids", [0])
    beads.atoms.positions = [*HELIX, [30, 0, 0], [40, 0, 0], [50, 0, 0]]
    protein = protein_from_beads(beads)
    assert protein.known == beads.atoms[:10]
    assert len(protein.others) == 3
    with pytest.raises((ValueError, LookupError), match="other beads"):
        Backmapper(protein)
    assert len(Backmapper(protein, unknown="keep").kept) == 3


def test_unknown_beads_inside_a_chain_are_listed():
    beads = hoomd([*PEPTIDE[:4], "SEP", *PEPTIDE[5:]])
    with pytest.raises(ValueError, match="chains .*: SEP 5"):
        protein_from_beads(beads)


def test_beads_of_hoomd_are_backmapped():
    ensemble = Backmapper(hoomd()).sample(seed=0)
    columns = ensemble.report().columns
    assert not columns["n_wrong_stereocentres"].any()
    assert columns["valid_heavy_2022"].all()
