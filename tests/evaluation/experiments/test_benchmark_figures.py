"""Figures of benchmarks: what is drawn where, not pixels."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from openmm_cgvae.evaluation.figures import compare_models, density_maps, gallery
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.testing.dipeptide import peptide

QUANTITIES = {"valid_heavy": "valid", "rmsd_gen_heavy": "RMSD_gen"}


def points(**changes):
    rows = {
        "series": ["CGVAE", "CGVAE", "MLP", "CGVAE"],
        "n_beads": [5, 3, 3, 3],
        "quantity": "valid_heavy",
        "value": [0.9, 0.8, 0.5, 0.7],
        "error": [0.1, np.nan, np.nan, 0.2],
        "is_printed": [False, False, False, True],
    }
    return pd.DataFrame({**rows, **changes})


def test_printed_numbers_are_dashed_beside_ours_in_one_colour():
    figure = compare_models(points(), QUANTITIES, title="dipeptide")
    first, second = figure.axes
    handles, labels = first.get_legend_handles_labels()
    lines = {
        label: handle.lines[0] for label, handle in zip(labels, handles, strict=True)
    }
    assert set(lines) == {"CGVAE", "CGVAE, printed", "MLP"}
    ours, printed = lines["CGVAE"], lines["CGVAE, printed"]
    assert ours.get_ydata().tolist() == [0.8, 0.9]
    assert np.round(ours.get_xdata()).tolist() == [3, 5]
    assert ours.get_color() == printed.get_color() != lines["MLP"].get_color()
    assert (ours.get_linestyle(), printed.get_linestyle()) == ("-", "--")
    assert (first.get_ylabel(), second.get_ylabel()) == ("valid", "RMSD_gen")
    assert not second.lines  # nothing was measured
    assert figure.get_suptitle() == "dipeptide"


def test_tables_without_points_are_refused():
    with pytest.raises(ValueError, match="`table` has no column 'error'"):
        compare_models(points().drop(columns="error"), QUANTITIES)
    with pytest.raises(ValueError, match="`table` has no row of valid_heavy, rmsd"):
        compare_models(points(quantity="other"), QUANTITIES)


def test_free_energies_of_bins_by_hand():
    data = np.array([[-90.0, 90.0]] * 3 + [[90.0, 90.0]])
    figure = density_maps(
        {"data": data, "samples": data[3:]},
        ("x", "y"),
        limits=(-180.0, 180.0),
        n_bins=2,
    )
    left, right = (
        np.ma.filled(axes.collections[0].get_array().reshape(2, 2), np.nan)
        for axes in figure.axes[:2]
    )
    # The fullest bin is the one of the samples, with all of them: 3/4 and 1/4 of it.
    np.testing.assert_allclose(left[1], -np.log([0.75, 0.25]))
    np.testing.assert_allclose(right[1], [np.nan, 0.0])
    assert np.isnan(left[0]).all()
    clims = {axes.collections[0].get_clim() for axes in figure.axes[:2]}
    assert clims == {(0.0, np.log(4))}


def test_points_outside_the_first_set_are_counted():
    data = np.random.default_rng(0).uniform(0, 1, size=(50, 2))
    figure = density_maps({"data": data, "samples": data * [1, 9]}, ("x", "y"))
    n_outside = np.count_nonzero(9 * data[:, 1] > data[:, 1].max() + 0.1)
    text = figure.axes[1].texts[0].get_text()
    assert abs(int(text.split()[0]) - n_outside) <= 2
    assert text.endswith("outside")
    assert not figure.axes[0].texts


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros(3), r"`points` has 'x' of shape \(3,\) but it must be \(n, 2\)"),
        (np.full((2, 2), np.nan), "`points` has no finite pair in 'x'"),
    ],
)
def test_sets_that_are_none_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        density_maps({"x": bad}, ("a", "b"))


@pytest.fixture(scope="module")
def molecule():
    return AtomTable.from_universe(peptide()), peptide().atoms.positions.astype(float)


def sticks(axes):
    """Ends of the half bonds of the truth and of the samples."""
    found = [c for c in axes.collections if isinstance(c, LineCollection)]
    found.sort(key=lambda collection: collection.get_zorder())
    return [np.concatenate(collection.get_segments()) for collection in found]


def test_panels_have_one_scale_and_hold_what_is_drawn(molecule):
    table, truth = molecule
    samples = np.stack([truth, truth + 1.0])
    figure = gallery(table, {"A": (truth, samples), "B": (truth, samples[:1])})
    panels = figure.axes
    assert [axes.get_title() for axes in panels] == ["A", "B"]
    assert panels[0].get_xlim() == panels[1].get_xlim()
    assert panels[0].get_ylim() == panels[1].get_ylim()
    for axes in panels:
        for ends in sticks(axes):
            assert (np.abs(ends[:, 0]) < axes.get_xlim()[1]).all()
            assert (np.abs(ends[:, 1]) < axes.get_ylim()[1]).all()
    of_truth, of_samples = sticks(panels[0])
    assert len(of_samples) == 2 * len(of_truth)
    n_heavy_bonds = table.is_heavy[table.bonds].all(axis=1).sum()
    assert len(of_truth) == 2 * 2 * 2 * n_heavy_bonds  # halves, with rims, two ends


def test_the_view_is_the_one_that_was_asked_for(molecule):
    table, truth = molecule
    view = np.eye(3)[:, [1, 2, 0]]  # y to the right, z up
    figure = gallery(table, {"A": (truth, truth[None])}, view=view, hydrogens=True)
    (of_truth, _) = sticks(figure.axes[0])
    span = np.ptp(truth[:, 1:], axis=0)
    np.testing.assert_allclose(np.ptp(of_truth, axis=0), span, atol=1e-9)


def test_pictures_that_do_not_fit_are_refused(molecule):
    table, truth = molecule
    with pytest.raises(ValueError, match="`pictures` is empty; give one structure"):
        gallery(table, {})
    with pytest.raises(ValueError, match=r"and samples of \(22, 3\) but they must be"):
        gallery(table, {"A": (truth, truth)})
