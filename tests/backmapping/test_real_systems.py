"""Systems that nobody here made: the test data of MDAnalysis."""

import warnings

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysisTests import datafiles

from openmm_cgvae import Backmapper, coarse_grain, load_model
from openmm_cgvae.mapping.replicas import repeat
from openmm_cgvae.mapping.schemes import alpha_carbon, residues
from openmm_cgvae.metrics import signed_volumes
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.molecules.atom_matching import match_atoms
from openmm_cgvae.testing import dipeptide

pytestmark = [
    pytest.mark.filterwarnings("ignore:DCDReader currently makes"),
    pytest.mark.filterwarnings("ignore:Reader has no dt information"),
]

N_SAMPLES = 4
# The heavy atoms of samples of three beads differ by 0.14 A from frames of the
# simulation that the model learned from; here are another force field and water.
LARGEST_RMSD = 0.4  # [A]
NEVER_HELD = 1e-3  # [A], float32


@pytest.fixture(scope="module")
def model():
    return load_model("alanine-dipeptide-3")


def quietly(*files):
    """Read files whose formats leave out what MDAnalysis then warns of."""
    with warnings.catch_warnings(action="ignore"):
        return mda.Universe(*files)


def shortest(vectors, box):
    flat = np.ascontiguousarray(vectors.reshape(-1, 3))
    return mda.lib.distances.minimize_vectors(flat, box).reshape(vectors.shape)


class TestSolvatedDipeptide:
    """ACE-ALA-NME in Amber's names and a periodic box of water."""

    @pytest.fixture
    def solvated(self):
        universe = quietly(datafiles.PRMpbc, datafiles.TRJpbc_bz2)
        universe.guess_TopologyAttrs(to_guess=["elements"])
        return universe

    @pytest.fixture
    def matched(self, solvated, model):
        return match_atoms(solvated, model.atom_table)

    def test_is_found_among_the_water(self, solvated, matched):
        assert matched.n_molecules == 1
        assert set(matched.others.resnames) == {"WAT"}
        assert len(matched.atoms) + len(matched.others) == len(solvated.atoms)
        assert repr(matched) == "<1 molecules (1 by graph), 5049 other atoms>"

    def test_every_frame_comes_back(self, solvated, matched, model):
        beads = coarse_grain(matched.atoms, model.mapping)
        backmapper = Backmapper(beads)  # which finds the model
        is_heavy = model.atom_table.is_heavy
        squares = []
        for ts, _ in zip(solvated.trajectory, beads.trajectory, strict=True):
            made = backmapper.sample(n=N_SAMPLES, seed=1)
            assert made.report().is_good.all()
            np.testing.assert_array_equal(made[0].box, ts.dimensions)
            off = shortest(
                made.positions_angstrom - matched.atoms.positions, ts.dimensions
            )
            squares.append(np.square(off[:, is_heavy]).sum(-1))
        assert len(squares) == 11
        assert np.sqrt(np.mean(squares)) < LARGEST_RMSD

    @pytest.mark.parametrize("order", ["backwards", "shuffled"])
    def test_in_another_order(self, solvated, matched, model, order):
        atoms = solvated.atoms
        atoms = {
            "backwards": atoms[::-1],
            "shuffled": atoms[np.random.default_rng(1).permutation(len(atoms))],
        }[order]
        other = match_atoms(atoms, model.atom_table)
        assert other.by == ("graph",)
        heavy = model.atom_table.is_heavy
        np.testing.assert_array_equal(
            other.atoms.indices[heavy], matched.atoms.indices[heavy]
        )
        # Hydrogens of a methyl may trade their labels, which beads do not see.
        np.testing.assert_allclose(
            coarse_grain(other.atoms, model.mapping).atoms.positions,
            coarse_grain(matched.atoms, model.mapping).atoms.positions,
            atol=1e-4,
        )

    def test_wherever_the_box_cuts(self, solvated, matched, model):
        whole = Backmapper(coarse_grain(matched.atoms, model.mapping)).sample(seed=1)
        # The corner of the box in the middle of the molecule.
        solvated.atoms.positions -= matched.atoms.positions[8]
        solvated.atoms.wrap()
        assert np.ptp(matched.atoms.positions, axis=0).min() > 30
        beads = coarse_grain(matched.atoms, model.mapping)
        beads.atoms.wrap()
        made = Backmapper(beads).sample(seed=1)
        for each in (made, whole):
            assert each.report().is_good.all()
        np.testing.assert_allclose(
            made.positions_angstrom - made.bead_positions[:, :1],
            whole.positions_angstrom - whole.bead_positions[:, :1],
            atol=NEVER_HELD,
        )

    def test_with_the_water_beside_it(self, solvated, matched, model):
        # The peptide as beads and the water as it is, in one universe.
        water = matched.others
        beads = coarse_grain(matched.atoms, model.mapping)
        mixed = mda.Merge(beads.atoms, water)
        mixed.dimensions = solvated.dimensions
        made = Backmapper(mixed, unknown="keep").sample(seed=1)
        assert made.atom_table.residue_names[3:] == ("WAT",) * 1683
        np.testing.assert_array_equal(made.positions_angstrom[0, 22:], water.positions)
        assert made.atom_table.atomic_numbers[22:25].tolist() == [8, 1, 1]
        assert len(made.atom_table.bonds) == 21 + len(
            water.bonds.atomgroup_intersection(water, strict=True)
        )
        columns = made.report().columns
        assert columns["n_wrong_stereocentres"].tolist() == [0]

    def test_two_of_them(self, solvated, model):
        both = mda.Merge(solvated.atoms[:22], solvated.atoms[:25][::-1])
        matched = match_atoms(both, model.atom_table)
        assert (matched.n_molecules, len(matched.others)) == (2, 3)
        beads = coarse_grain(matched.atoms, repeat(model.mapping, 2))
        assert Backmapper(beads).n_molecules == 2


class TestAdenylateKinase:
    @pytest.mark.parametrize(
        ("files", "n_frames"),
        [
            ((datafiles.PSF, datafiles.DCD), 98),
            ((datafiles.TPR, datafiles.XTC), 10),
        ],
        ids=["PSF + DCD", "TPR + XTC"],
    )
    @pytest.mark.parametrize("scheme", [residues, alpha_carbon])
    def test_is_mapped_and_backmapped(self, files, n_frames, scheme):
        universe = quietly(*files)
        protein = universe.select_atoms("protein")
        beads = coarse_grain(protein, scheme(protein))
        assert len(beads.atoms) == 214
        assert beads.trajectory.n_frames == n_frames
        assert beads.residues.resnames.tolist() == protein.residues.resnames.tolist()
        assert beads.segments.segids.tolist() == protein.segments.segids.tolist()
        assert len(beads.bonds) >= 213
        beads.trajectory[n_frames - 1]
        universe.trajectory[n_frames - 1]
        if universe.dimensions is None:
            assert beads.dimensions is None
        else:
            np.testing.assert_array_equal(beads.dimensions, universe.dimensions)
            assert universe.dimensions[3:].tolist() == [60, 60, 90]
        mapper = Backmapper(beads)
        families = {"residues": "residue", "alpha_carbon": "alpha-carbon"}
        assert mapper.model.origin.bead_family == families[scheme.__name__]
        made = mapper.mapping.project(mapper.sample(seed=0).positions_angstrom[0])
        off = made - beads.atoms.positions
        if universe.dimensions is not None:  # molecules are made whole
            off = shortest(off, universe.dimensions)
        assert np.abs(off).max() < 1e-3

    def test_alpha_carbons_are_where_they_are_however_the_box_cuts(self):
        universe = quietly(datafiles.TPR, datafiles.XTC)
        protein = universe.select_atoms("protein")
        beads = coarse_grain(protein, alpha_carbon(protein))
        off = beads.atoms.positions - protein.select_atoms("name CA").positions
        np.testing.assert_allclose(shortest(off, universe.dimensions), 0, atol=1e-4)

    def test_the_model_of_something_else(self):
        universe = quietly(datafiles.PSF, datafiles.DCD)
        beads = coarse_grain(universe, residues(universe))
        with pytest.raises(
            ValueError, match="has 214 beads but the model has 3 .*no molecule of 3 be"
        ):
            Backmapper(beads, dipeptide.untrained())


@pytest.fixture(scope="module")
def membrane():
    return quietly(datafiles.Martini_membrane_gro)


class TestMartiniMembrane:
    @pytest.mark.parametrize("unknown", ["raise", "drop", "keep"])
    def test_no_model_is_known(self, membrane, unknown):
        with pytest.raises(
            LookupError,
            match="has 5040 beads DPPC:NC3 DPPC:PO4 .*, which no shipped model has, "
            ".*; give model= or train one with openmm_cgvae.train",
        ):
            Backmapper(membrane, unknown=unknown)

    def test_nor_is_it_in_a_model_that_is_given(self, membrane, model):
        with pytest.raises(
            ValueError, match="has 5040 beads DPPC:NC3 .* but the model's are 3 beads"
        ):
            Backmapper(membrane, model, unknown="drop")

    def test_dipeptides_in_it(self, membrane, model):
        inside = dipeptide.beads()
        inside.atoms.positions += membrane.atoms.center_of_geometry()
        mixed = mda.Merge(membrane.atoms, inside.atoms)
        mixed.dimensions = membrane.dimensions
        backmapper = Backmapper(mixed, model, unknown="keep")
        assert (len(backmapper.kept), backmapper.n_molecules) == (5040, 1)
        made = backmapper.sample(seed=0)
        assert made.positions_angstrom.shape == (1, 22 + 5040, 3)
        np.testing.assert_array_equal(
            made.positions_angstrom[0, 22:], membrane.atoms.positions
        )
        assert (made.atom_table.atomic_numbers[22:] == 0).all()
        assert made.report().columns["n_wrong_stereocentres"].tolist() == [0]


@pytest.fixture(scope="module")
def peptide():
    return quietly(datafiles.PDB_multiframe)


class TestNuclearResonance:
    """A peptide of 28 residues in 24 frames, one of them not a standard residue."""

    def test_the_file_has_not_all_bonds(self, peptide):
        with pytest.raises(ValueError, match="has bonds, but none for .*guess the bon"):
            AtomTable.from_universe(peptide)

    def test_frames_have_the_hands_of_the_first(self, peptide):
        universe = peptide.copy()
        universe.del_TopologyAttr("bonds")
        universe.guess_TopologyAttrs(to_guess=["bonds"])
        table = AtomTable.from_universe(universe)
        assert table.n_residues == 28
        n_glycines = table.residue_names.count("GLY")
        assert len(table.stereocentres) >= 28 - n_glycines
        frames = np.stack([ts.positions.copy() for ts in universe.trajectory])
        assert (signed_volumes(frames, table.stereocentres) > 0).all()
        # The same molecule in another order, told by names.
        shuffled = np.random.default_rng(0).permutation(table.n_atoms)
        matched = match_atoms(universe.atoms[shuffled], table)
        assert matched.by == ("names",)
        assert matched.atoms.indices.tolist() == list(range(table.n_atoms))

    def test_is_mapped_frame_by_frame(self, peptide):
        mapping = residues(peptide)
        beads = coarse_grain(peptide, mapping)
        assert beads.trajectory.n_frames == 24
        for ts, mapped in zip(peptide.trajectory, beads.trajectory, strict=True):
            expected = mapping.project(ts.positions.astype(float))
            np.testing.assert_allclose(mapped.positions, expected, atol=1e-5)
        with pytest.raises(
            LookupError, match="SME 24 of chain A; rename them .*; nor has a shipped"
        ):
            Backmapper(beads)
