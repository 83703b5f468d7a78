import numpy as np
import pytest

from openmm_cgvae.model.refinement.geometry_statistics import (
    RAREST,
    GeometryStatistics,
    atom_pair_types,
    contact_classes,
    contacts_within,
    stereocentre_types,
)
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.testing import dipeptide

FRAMES = dipeptide.positions(30)


@pytest.fixture(scope="module")
def table():
    return dipeptide.untrained().atom_table


@pytest.fixture(scope="module")
def geometry(table):
    return GeometryStatistics.learned([(table, FRAMES)])


def index_of(table, residue, name):
    rank = table.residue_names.index(residue)
    return next(
        atom
        for atom, (each, of) in enumerate(
            zip(table.names, table.residue_of_atom, strict=True)
        )
        if each == name and of == rank
    )


@pytest.mark.parametrize(
    ("word", "ends"),
    [
        ("ALA CA CB", (("ALA", "CA"), ("ALA", "CB"))),
        ("ALA C N", (("ALA", "N"), ("ALA", "C"))),
        ("C N", (("ACE", "C"), ("ALA", "N"))),
    ],
)
def test_means_and_deviations_are_those_of_the_data(table, geometry, word, ends):
    first, second = (index_of(table, *end) for end in ends)
    lengths = np.linalg.norm(FRAMES[:, first] - FRAMES[:, second], axis=-1)
    if word == "C N":  # the amide of the other end is of the same type
        first, second = index_of(table, "ALA", "C"), index_of(table, "NME", "N")
        other = np.linalg.norm(FRAMES[:, first] - FRAMES[:, second], axis=-1)
        lengths = np.concatenate([lengths, other])
    number = geometry.pairs.index(word)
    assert geometry.pair_mean[number] == pytest.approx(lengths.mean(), abs=1e-5)
    assert geometry.pair_deviation[number] == pytest.approx(lengths.std(), abs=1e-5)


def test_what_a_torsion_changes_is_no_length(geometry):
    # Omega keeps CA and CA apart; psi moves N and N.
    assert "CA CH3" in geometry.pairs
    assert "N N" not in geometry.pairs


def test_volumes_of_stereocentres_are_those_of_the_chirality(table, geometry):
    assert stereocentre_types(table) == list(geometry.stereocentres)
    centre, *arms = table.stereocentres[0]
    volumes = np.linalg.det(FRAMES[:, arms] - FRAMES[:, [centre]])
    assert (volumes > 0).all()
    assert geometry.volume_mean[0] == pytest.approx(volumes.mean(), rel=1e-5)


def test_contacts_are_rarely_closer_than_the_least(table, geometry):
    classes = contact_classes(table)
    bonded = table.pairs_within(3)
    codes = bonded[:, 0] * table.n_atoms + bonded[:, 1]
    n_close = n_all = 0
    for frame in FRAMES:
        pairs = contacts_within(frame, 4.0, np.sort(codes))
        lengths = np.linalg.norm(frame[pairs[:, 0]] - frame[pairs[:, 1]], axis=-1)
        least = geometry.least[1].numpy()[classes[pairs[:, 0]], classes[pairs[:, 1]]]
        n_close += int((lengths < least - 1e-5).sum())
        n_all += len(pairs)
    # Of every two classes so many, or one, is closer, three bonds apart and farther.
    assert n_close <= RAREST * n_all + 42


def test_contacts_are_all_pairs_that_are_near_and_not_bonded(table):
    frame = FRAMES[0]
    bonded = np.sort(table.bonds[:, 0] * table.n_atoms + table.bonds[:, 1])
    found = {tuple(pair) for pair in contacts_within(frame, 3.0, bonded).tolist()}
    apart = np.linalg.norm(frame[:, None] - frame[None], axis=-1)
    near = {tuple(p) for p in np.argwhere(np.triu(apart <= 3.0, 1)).tolist()}
    assert found == near - {tuple(bond) for bond in table.bonds.tolist()}


def test_hydrogens_are_told_apart_by_what_they_are_bonded_to(table):
    classes = contact_classes(table)
    assert classes[index_of(table, "ALA", "H")] != classes[index_of(table, "ALA", "HA")]
    assert (
        classes[index_of(table, "ALA", "HA")] == classes[index_of(table, "ALA", "HB1")]
    )


def test_pairs_are_named_alike_whichever_atom_comes_first(table):
    first = index_of(table, "ALA", "N"), index_of(table, "ALA", "CA")
    both = np.array([first, first[::-1]])
    assert len(set(atom_pair_types(table, both))) == 1


def test_amides_before_proline_are_a_type_of_their_own():
    chain = AtomTable(
        names=("C", "O", "N", "CA"),
        atomic_numbers=[6, 8, 7, 6],
        masses=[12, 16, 14, 12],
        residue_of_atom=[0, 0, 1, 1],
        residue_names=("ALA", "PRO"),
        residue_ids=(1, 2),
        insertion_codes=("", ""),
        chain_ids=("A", "A"),
        bonds=[[0, 1], [0, 2], [2, 3]],
        stereocentres=[],
    )
    pairs = np.array([[0, 1], [0, 2], [0, 3], [2, 3]])
    assert atom_pair_types(chain, pairs) == [
        "ALA C O",
        "C N PRO",
        "C CA PRO",
        "PRO CA N",
    ]
