"""The vocabulary of metrics is whole, and labels tell metrics apart."""

from collections import Counter
from itertools import groupby

import pytest

from openmm_cgvae.metrics.vocabulary import ATOMS, METRICS

IN_ORDER = list(METRICS.values())


def test_names_are_those_of_their_metrics():
    assert all(metric.name == name for name, metric in METRICS.items())


def test_no_two_metrics_have_the_same_place_in_a_table():
    places = Counter((metric.group, metric.row, metric.column) for metric in IN_ORDER)
    assert max(places.values()) == 1
    titles = Counter((metric.title, metric.column == "data") for metric in IN_ORDER)
    assert max(titles.values()) == 1


def test_groups_are_whole():
    groups = [group for group, _ in groupby(IN_ORDER, lambda metric: metric.group)]
    assert len(groups) == len(set(groups))


def test_what_the_paper_prints_is_of_heavy_and_of_all_atoms():
    printed = {
        m.symbol: {n.column for n in IN_ORDER if n.symbol == m.symbol}
        for m in IN_ORDER
        if m.symbol
    }
    assert list(printed) == ["RMSD_recon", "λ", "valid graphs", "RMSD_gen"]
    assert all(columns == set(ATOMS) for columns in printed.values())


def test_only_numbers_of_data_and_spread_have_no_better_side():
    sideless = {metric.label for metric in IN_ORDER if not metric.better}
    of_data = {metric.label for metric in IN_ORDER if metric.is_of_data}
    assert sideless == of_data | {"spread"}


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("valid_all_rdkit", "valid graphs, RDKit's radii, all atoms"),
        ("jsd_chi_by_chance", "JSD of χ, by chance [bit]"),
        ("bond_angle_error_of_data", "bond angles off [deg]"),
    ],
)
def test_titles_say_atoms_and_units(name, title):
    assert METRICS[name].title == title
