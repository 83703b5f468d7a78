import numpy as np
import pytest

from openmm_cgvae.metrics import compare_bond_graphs, valid_parts
from openmm_cgvae.testing import dipeptide

TABLE = dipeptide.untrained().atom_table
FRAMES = dipeptide.positions(8)


def valid(frames, **options):
    return valid_parts(
        frames, TABLE.atomic_numbers, TABLE.bonds, TABLE.residue_of_atom, **options
    )


def test_frames_of_a_simulation_are_right():
    assert valid(FRAMES).all()
    assert valid(FRAMES).shape == (8, 3)


def test_a_broken_bond_within_a_residue_spoils_it_alone():
    broken = FRAMES.copy()
    carbon, hydrogen = TABLE.names.index("CB"), TABLE.names.index("HB1")
    broken[2, hydrogen] += 2.0 * (broken[2, hydrogen] - broken[2, carbon])
    assert valid(broken).sum() == 23
    assert not valid(broken)[2, 1]
    assert valid(broken, heavy_only=True).all()


def test_a_bond_too_many_between_two_residues_spoils_both():
    wrong = FRAMES[:1].copy()
    oxygen, last = TABLE.names.index("O"), TABLE.n_atoms - 4
    wrong[0, last] = wrong[0, oxygen] + [0.9, 0.0, 0.0]
    right = valid(wrong, heavy_only=True)
    assert not right[0, 0]
    assert not right[0, 2]


@pytest.mark.parametrize("heavy_only", [True, False])
@pytest.mark.parametrize("by", [0.05, 0.2])
def test_all_parts_are_right_just_where_the_graph_is(heavy_only, by):
    noise = by * np.random.default_rng(0).normal(size=FRAMES.shape)
    frames = FRAMES + noise
    compared = compare_bond_graphs(
        frames, TABLE.atomic_numbers, TABLE.bonds, heavy_only=heavy_only
    )
    assert (valid(frames, heavy_only=heavy_only).all(1) == compared.is_valid).all()


def test_every_atom_needs_a_part():
    with pytest.raises(ValueError, match="give the part of every atom"):
        valid_parts(FRAMES, TABLE.atomic_numbers, TABLE.bonds, np.zeros(3, dtype=int))
