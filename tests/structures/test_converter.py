import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysisTests.datafiles import DCD, GRO, PSF
from openmm import app, unit

from openmm_cgvae.data import data_path
from openmm_cgvae.structures.converter import OpenMMConverter


@pytest.fixture
def peptide() -> mda.Universe:
    return mda.Universe(app.PDBFile(str(data_path("chignolin.pdb"))))


def numbered(topology: app.Topology) -> list[tuple[str, str]]:
    return [(residue.name, residue.id) for residue in topology.residues()]


def test_round_trip(peptide: mda.Universe) -> None:
    peptide.dimensions = [30, 40, 50, 90, 90, 90]
    modeller = peptide.atoms.convert_to("OPENMM")
    assert isinstance(modeller, app.Modeller)
    back = mda.Universe(modeller)
    np.testing.assert_array_equal(back.atoms.names, peptide.atoms.names)
    np.testing.assert_array_equal(back.atoms.elements, peptide.atoms.elements)
    np.testing.assert_array_equal(back.bonds.indices, peptide.bonds.indices)
    np.testing.assert_allclose(back.atoms.positions, peptide.atoms.positions, atol=1e-5)
    np.testing.assert_allclose(back.dimensions, peptide.dimensions, rtol=1e-5)


def test_residue_numbers_are_kept(peptide: mda.Universe) -> None:
    peptide.residues.resids = np.arange(len(peptide.residues)) * 2 + 100
    topology = peptide.atoms.convert_to.openmm().topology
    assert numbered(topology)[:2] == [("ACE", "100"), ("TYR", "102")]


def test_a_group_takes_only_its_own_bonds(peptide: mda.Universe) -> None:
    chosen = peptide.residues[3:5].atoms
    topology = chosen.convert_to("OPENMM").topology
    n_inside = len(chosen.bonds.atomgroup_intersection(chosen, strict=True))
    assert topology.getNumAtoms() == len(chosen)
    assert topology.getNumBonds() == n_inside


def test_the_order_of_the_group_is_kept(peptide: mda.Universe) -> None:
    chosen = peptide.residues[3].atoms[::-1]
    modeller = chosen.convert_to("OPENMM")
    assert [a.name for a in modeller.topology.atoms()] == list(chosen.names)


@pytest.mark.filterwarnings("ignore:DCDReader currently makes")
def test_elements_have_to_be_there() -> None:
    universe = mda.Universe(PSF, DCD)
    with pytest.raises(ValueError, match="`obj` has no elements; call universe.guess"):
        universe.atoms.convert_to("OPENMM")
    universe.guess_TopologyAttrs(to_guess=["elements"])
    topology = universe.atoms.convert_to("OPENMM").topology
    assert topology.getNumAtoms() == len(universe.atoms)
    assert topology.getNumBonds() == len(universe.bonds)
    forcefield = app.ForceField("amber14-all.xml")
    assert forcefield.createSystem(topology).getNumParticles() == len(universe.atoms)


def test_a_triclinic_box_is_kept() -> None:
    universe = mda.Universe(GRO)
    universe.guess_TopologyAttrs(to_guess=["elements"])
    protein = universe.residues[:20].atoms
    vectors = protein.convert_to("OPENMM").topology.getPeriodicBoxVectors()
    volume = np.linalg.det(np.array(vectors.value_in_unit(unit.angstrom)))
    assert volume == pytest.approx(universe.trajectory.ts.volume, rel=1e-4)


def test_without_bonds_openmm_adds_its_own(peptide: mda.Universe) -> None:
    n_bonds = len(peptide.bonds)
    peptide.del_TopologyAttr("bonds")
    assert OpenMMConverter().convert(peptide).topology.getNumBonds() == n_bonds


def test_unknown_elements_are_named(peptide: mda.Universe) -> None:
    peptide.atoms[0].element = "Q"
    with pytest.raises(ValueError, match="the element 'Q', which OpenMM does not know"):
        peptide.atoms.convert_to("OPENMM")


def test_scattered_residues_are_refused(peptide: mda.Universe) -> None:
    scattered = peptide.atoms[[0, 10, 1]]
    with pytest.raises(ValueError, match="residues whose atoms are not together"):
        scattered.convert_to("OPENMM")


def test_segments_make_chains(peptide: mda.Universe) -> None:
    tail = peptide.add_Segment(segid="B")
    peptide.residues[6:].segments = tail
    topology = peptide.atoms.convert_to("OPENMM").topology
    assert topology.getNumChains() == 2
