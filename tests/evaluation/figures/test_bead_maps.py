"""Drawings of mappings hold what they say: not pixels."""

import MDAnalysis as mda
import numpy as np
import pytest
from matplotlib.image import imread

from openmm_cgvae.data import data_path
from openmm_cgvae.evaluation.figures import bead_map
from openmm_cgvae.evaluation.figures.bead_maps import _pale
from openmm_cgvae.mapping import Mapping, schemes
from openmm_cgvae.molecules import AtomTable


@pytest.fixture(scope="module")
def dipeptide():
    universe = mda.Universe(data_path("alanine-dipeptide.pdb"))
    return AtomTable.from_universe(universe), schemes.peptide_units(universe)


@pytest.fixture(scope="module")
def chignolin():
    universe = mda.Universe(data_path("chignolin.pdb"))
    table, mapping = AtomTable.from_universe(universe), schemes.martini(universe)
    return table, mapping, bead_map(table, mapping)


def part(figure, name):
    return next(c for c in figure.axes[0].collections if c.get_gid() == name)


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_bead_is_named_and_in_the_legend(dipeptide):
    figure = bead_map(*dipeptide)
    names = ["0 CH3", "1 PEP", "2 CA", "3 PEP", "4 CH3"]
    assert words(figure)[-5:] == names
    assert [text.get_text() for text in figure.legends[0].get_texts()] == names


def test_small_molecules_have_hydrogens(dipeptide):
    letters = words(bead_map(*dipeptide))[:-5]
    assert sorted(letters) == sorted("H" * 12 + "NN" + "OO")
    assert "H" not in words(bead_map(*dipeptide, hydrogens=False))


def test_large_ones_have_none_and_no_legend(chignolin):
    table, mapping, figure = chignolin
    assert "H" not in words(figure)
    assert len(part(figure, "atoms").get_offsets()) == table.is_heavy.sum()
    assert len(words(figure)) > mapping.n_beads
    assert not figure.legends


def test_hydrogens_of_a_bead_of_nothing_else_are_drawn(dipeptide):
    table, _ = dipeptide
    labels = np.zeros(table.n_atoms, dtype=int)
    labels[np.flatnonzero(~table.is_heavy)[0]] = 1
    figure = bead_map(table, Mapping(labels), hydrogens=False)
    assert words(figure).count("H") == 1


def test_atoms_have_the_colour_of_their_bead_and_bonds_only_within_it(dipeptide):
    table, mapping = dipeptide
    figure = bead_map(table, mapping)
    colours = part(figure, "atoms").get_facecolors()
    for bead in range(mapping.n_beads):
        assert len(np.unique(colours[mapping.bead_of_atom == bead], axis=0)) == 1
    n_within = (np.diff(mapping.bead_of_atom[table.bonds]) == 0).sum()
    assert len(part(figure, "beads").get_segments()) == n_within


def test_neighbours_differ_in_colour(chignolin):
    table, mapping, figure = chignolin
    drawn = mapping.bead_of_atom[table.is_heavy]
    colour_of_bead = {}
    for bead, colour in zip(drawn, part(figure, "atoms").get_facecolors(), strict=True):
        colour_of_bead[int(bead)] = tuple(colour)
    pairs = mapping.bead_of_atom[table.bonds]
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    assert len(pairs)
    assert all(colour_of_bead[i] != colour_of_bead[j] for i, j in pairs.tolist())


def test_double_bonds_are_two_lines(dipeptide):
    table, mapping = dipeptide
    n_double = 2
    lines = part(bead_map(table, mapping), "bonds").get_segments()
    assert len(lines) == len(table.bonds) + n_double


def test_names_keep_out_of_each_other(chignolin):
    table, mapping, figure = chignolin
    places = np.array([text.get_position() for text in figure.axes[0].texts])
    names = places[-mapping.n_beads :]
    apart = np.linalg.norm(names[:, None] - names[None], axis=2)
    assert apart[~np.eye(len(names), dtype=bool)].min() > 0.5  # bond lengths


def test_pale_is_lighter():
    assert _pale("black") == pytest.approx((0.55, 0.55, 0.55))
    assert _pale("white") == (1, 1, 1)


@pytest.mark.parametrize("name", ["beads.png", "beads.svg"])
def test_is_written(dipeptide, tmp_path, name):
    bead_map(*dipeptide, path=tmp_path / name)
    if name.endswith("png"):
        assert imread(tmp_path / name).std() > 0
    else:
        assert "<svg" in (tmp_path / name).read_text()


def test_a_mapping_of_another_molecule_is_refused(dipeptide):
    with pytest.raises(ValueError, match=r"`mapping` is of 3 atoms but the molecule"):
        bead_map(dipeptide[0], Mapping([0, 0, 1]))
