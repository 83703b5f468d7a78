"""Proteins nobody trained on, from their beads alone, with the models that ship."""

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysisTests import datafiles

from openmm_cgvae import Backmapper, load_model, metrics
from openmm_cgvae.chemistry.proteins import protein_from_beads
from openmm_cgvae.model.checkpoint import save_model
from openmm_cgvae.model.pretrained import list_models

FAMILIES = ("alpha-carbon", "residue", "martini3", "martini2")
SEQUENCE = ("MET", "LYS", "CYS", "TRP", "PRO", "HIS", "GLY", "ILE", "ASP", "CYS")


def trace(resnames=SEQUENCE, name="CA", start=1):
    """A helix of alpha-carbons."""
    n = len(resnames)
    turn = np.radians(100) * np.arange(n)
    places = np.column_stack(
        [2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(n)]
    )
    universe = mda.Universe.empty(n, n, atom_resindex=range(n), trajectory=True)
    universe.add_TopologyAttr("names", [name] * n)
    universe.add_TopologyAttr("resnames", list(resnames))
    universe.add_TopologyAttr("resids", np.arange(start, start + n))
    universe.atoms.positions = places
    return universe


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_ships_for_the_family(family):
    model = load_model(f"protein-{family}")
    assert model.bead_family == family
    assert f"protein-{family}" in list_models()


def test_ten_structures_of_a_protein_of_alpha_carbons():
    beads = trace()
    mapper = Backmapper(beads)
    states = mapper.sample(n=10, seed=1)
    assert states.atom_table.residue_names == SEQUENCE
    made = mapper.mapping.project(states.positions_angstrom)
    assert np.abs(made - beads.atoms.positions).max() < 1e-4
    volumes = metrics.signed_volumes(
        states.positions_angstrom, states.atom_table.stereocentres
    )
    assert (volumes > 0).mean() > 0.99
    spread = states.positions_angstrom.std(0)
    assert spread[states.atom_table.is_heavy].mean() > 0.1


def test_samples_go_into_openmm():
    states = Backmapper(trace()).sample(n=2, seed=1)
    relaxed = states.relax(progress=False)
    assert (relaxed.energy_after < relaxed.energy_before).all()
    volumes = metrics.signed_volumes(
        relaxed.ensemble.positions_angstrom, states.atom_table.stereocentres
    )
    assert (volumes > 0).all()


def test_beads_of_martini_with_go_sites():
    names = ["BB", "SC1", "CA", "BB", "SC1", "SC2", "CA", "BB", "CA"]
    of_residue = [0, 0, 0, 1, 1, 1, 1, 2, 2]
    universe = mda.Universe.empty(9, 3, atom_resindex=of_residue, trajectory=True)
    universe.add_TopologyAttr("names", names)
    universe.add_TopologyAttr("resnames", ["VAL", "LYS", "GLY"])
    universe.add_TopologyAttr("resids", [1, 2, 3])
    universe.atoms.positions = np.array(
        [[0, 0, 0], [0, 2.5, 0], [0, 0, 0], [3.5, 0, 0], [3.5, -2.8, 0],
         [3.5, -5.5, 0.5], [3.5, 0, 0], [7, 0.5, 0], [7, 0.5, 0]]
    )  # fmt: skip
    mapper = Backmapper(universe)
    assert mapper.beads.names.tolist() == ["BB", "SC1", "BB", "SC1", "SC2", "BB"]
    assert mapper.model.origin.bead_family == "martini3"
    assert len(mapper.sample(n=2, seed=0)) == 2


def test_other_beads_are_named_and_can_be_dropped():
    both = mda.Merge(trace().atoms, trace(["W", "W"], "W", start=50).atoms)
    with pytest.raises(ValueError, match="and other beads, 2 beads W:W W:W; select"):
        Backmapper(both)
    mapper = Backmapper(both, unknown="drop")
    assert len(mapper.dropped) == 2
    assert mapper.sample(seed=0).atom_table.n_residues == len(SEQUENCE)


def test_a_protein_can_be_made_with_bridges_of_ones_own():
    protein = protein_from_beads(trace(), disulfides=[(2, 9)])
    state = Backmapper(protein).sample(seed=3)[0]
    names = np.array(state.atom_table.names)
    sulphurs = np.flatnonzero(names == "SG")
    assert sulphurs.tolist() in state.atom_table.bonds.tolist()


def test_a_model_of_other_beads_is_refused():
    with pytest.raises(ValueError, match="martini3"):
        Backmapper(trace(), model="protein-martini3")


def test_a_model_of_one_molecule_is_refused_for_a_protein():
    protein = protein_from_beads(trace())
    with pytest.raises(ValueError, match="leave model out"):
        Backmapper(protein, model="alanine-dipeptide-3")


def test_two_residues_are_too_few():
    with pytest.raises(ValueError, match="at least 3 are needed"):
        Backmapper(trace(["ALA", "GLY"]), model="protein-alpha-carbon")
    with pytest.raises(LookupError, match="which no shipped model has"):
        Backmapper(trace(["ALA", "GLY"]))


def test_the_same_seed_gives_the_same_atoms_in_any_batch():
    both = [Backmapper(trace(), batch_size=size) for size in (1, 256)]
    for seed in range(3):
        one, many = (each.sample(n=5, seed=seed).positions_angstrom for each in both)
        # Where atoms touch, sixty steps of refinement magnify what single precision
        # rounds, by as much as decides which of two contacts gives way.
        assert np.median(np.abs(one - many)) < 2e-5
        assert np.abs(one - many).max() < 0.3
    for each in both:
        each.model.refinement = None
    one, many = (each.sample(n=5, seed=2).positions_angstrom for each in both)
    np.testing.assert_allclose(one, many, rtol=0, atol=2e-5)


def test_a_model_of_ones_own_is_used(tmp_path):
    path = save_model(load_model("protein-alpha-carbon"), tmp_path / "own.cgvae")
    assert len(Backmapper(trace(), model=path).sample(n=3, seed=0)) == 3


@pytest.mark.filterwarnings("ignore:DCDReader currently makes")
@pytest.mark.filterwarnings("ignore:Reader has no dt")
def test_adenylate_kinase_as_charmm_names_it():
    universe = mda.Universe(datafiles.PSF, datafiles.DCD)
    universe.trajectory[10]
    beads = mda.Merge(universe.select_atoms("name CA"))
    states = Backmapper(beads).sample(n=1, seed=0)
    assert states.atom_table.n_residues == 214
    made = states.positions_angstrom[0, np.array(states.atom_table.names) == "CA"]
    assert np.abs(made - beads.atoms.positions).max() < 1e-4
    assert states.report().checks["bead_residual"].all()
