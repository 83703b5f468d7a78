"""Figures hold what they say: axes, labels, colours and geometry, not pixels."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from matplotlib.patches import Circle

from openmm_cgvae.evaluation.figures import (
    _style,
    overlay,
    ramachandran,
    training_curves,
)
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import AtomTable


@pytest.fixture(scope="module")
def methanol():
    table = AtomTable(
        names=("C", "O", "H1", "H2", "H3", "HO"),
        atomic_numbers=np.array([6, 8, 1, 1, 1, 1]),
        masses=np.array([12.0, 16.0, 1.0, 1.0, 1.0, 1.0]),
        residue_of_atom=np.zeros(6, dtype=int),
        residue_names=("MOH",),
        residue_ids=(1,),
        insertion_codes=("",),
        chain_ids=("A",),
        bonds=np.array([[0, 1], [0, 2], [0, 3], [0, 4], [1, 5]]),
        stereocentres=np.empty((0, 4), dtype=int),
    )
    positions = np.array(
        [
            [0.0, 0.0, 0.0],
            [1.4, 0.0, 0.0],
            [-0.4, 1.0, 0.1],
            [-0.4, -0.5, 0.9],
            [-0.4, -0.5, -0.9],
            [1.7, 0.9, 0.0],
        ]
    )
    return table, positions


@pytest.fixture(scope="module")
def torsions():
    rng = np.random.default_rng(0)
    return rng.normal([-75.0, 140.0], 25.0, size=(2000, 2))


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def sticks_of(figure):
    """Reference first, then samples."""
    found = [c for c in figure.axes[0].collections if isinstance(c, LineCollection)]
    return sorted(found, key=lambda collection: collection.get_zorder())


def test_maps_share_axes_ticks_and_colours(torsions):
    figure = ramachandran(torsions, torsions[:300], names=("simulation", "model"))
    left, right, bar = figure.axes
    assert left.get_title() == "simulation (n = 2,000)"
    assert right.get_title() == "model (n = 300)"
    for axes in (left, right):
        assert axes.get_xlim() == axes.get_ylim() == (-180.0, 180.0)
        assert axes.get_xticks().tolist() == [-180, -90, 0, 90, 180]
        assert axes.get_xlabel() == "φ [degree]"
    assert left.get_ylabel() == "ψ [degree]"
    assert bar.get_ylabel() == "free energy [kT]"
    assert left.collections[0].get_clim() == right.collections[0].get_clim()
    assert right.texts[0].get_text().startswith("JSD 0.")


def test_free_energy_of_two_bins_by_hand():
    reference = np.array([[-90.0, 90.0]] * 3 + [[90.0, 90.0]])
    figure = ramachandran(reference, reference, n_bins=2)
    energy = figure.axes[0].collections[0].get_array().reshape(2, 2)
    assert np.allclose(energy[1], [0.0, np.log(3)])  # psi > 0: phi < 0, phi > 0
    assert np.ma.getmaskarray(energy)[0].all() or np.isnan(energy[0]).all()
    assert figure.axes[1].texts[0].get_text() == "JSD 0.000 bit"


def test_maps_leave_out_what_is_no_number_and_wrap_the_rest(torsions):
    broken = np.vstack([torsions + 360.0, [[np.nan, 0.0]]])
    figure = ramachandran(torsions, broken)
    left, right = (axes.collections[0].get_array() for axes in figure.axes[:2])
    assert "n = 2,000" in figure.axes[1].get_title()
    assert np.allclose(np.nan_to_num(left), np.nan_to_num(right))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((4, 3)), r"`sample_phi_psi` has shape \(4, 3\)"),
        (np.full((4, 2), np.nan), "`sample_phi_psi` holds no finite pair"),
    ],
)
def test_maps_say_what_does_not_fit(torsions, bad, message):
    with pytest.raises(ValueError, match=message):
        ramachandran(torsions, bad)


def test_overlay_draws_every_bond_of_every_structure(methanol):
    table, positions = methanol
    figure = overlay(table, positions, np.stack([positions, positions + 0.1]))
    reference, samples = sticks_of(figure)
    # Two halves of a bond, each with its rim.
    assert len(reference.get_segments()) == 4 * 5
    assert len(samples.get_segments()) == 2 * 4 * 5
    assert legend_of(figure) == ["reference", "sample 1", "sample 2"]
    assert max(reference.get_linewidths()) > max(samples.get_linewidths())


def test_overlay_can_leave_hydrogens_out(methanol):
    table, positions = methanol
    figure = overlay(table, positions, positions[None], hydrogens=False)
    assert len(sticks_of(figure)[0].get_segments()) == 4


def test_overlay_keeps_lengths_in_the_plane_of_the_reference(methanol):
    table, positions = methanol
    flat = positions * [1.0, 1.0, 0.0]
    figure = overlay(table, flat, flat[None])
    segments = np.array(sticks_of(figure)[0].get_segments())[1::2]
    drawn = np.sort(np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1))
    bonds = flat[table.bonds]
    lengths = np.linalg.norm(bonds[:, 1] - bonds[:, 0], axis=1)
    assert drawn == pytest.approx(np.sort(np.repeat(lengths / 2, 2)))
    assert figure.axes[0].get_aspect() == 1.0


def test_overlay_is_not_mirrored(methanol):
    from openmm_cgvae.evaluation.figures._molecules import view_of

    _, positions = methanol
    for seen in (positions, positions * [1, 1, 0], positions[:2], -positions):
        assert np.linalg.det(view_of(seen)[1]) == pytest.approx(1.0)


def test_near_bonds_are_darker_than_far_ones(methanol):
    table, positions = methanol
    figure = overlay(table, positions, positions[None])
    colours = sticks_of(figure)[1].get_colors()[1::2, :3]  # far to near
    assert colours[-1] == pytest.approx(to_rgb(_style.BLUE))
    assert (colours[0] > colours[-1]).all()


def test_colours_of_elements(methanol):
    table, positions = methanol
    figure = overlay(table, positions, positions[None], colour_by="element")
    assert legend_of(figure) == ["reference", "1 sample"]
    reference, samples = (c.get_colors()[1::2, :3] for c in sticks_of(figure))
    assert reference.mean() < samples.mean()  # the reference is the darker one


def test_beads_are_circles_with_names(methanol):
    table, positions = methanol
    mapping = Mapping(
        np.array([0, 1, 0, 0, 0, 1]), weights="mass", masses=table.masses,
        bead_names=["methyl", "hydroxyl"],
    )  # fmt: skip
    figure = overlay(table, positions, positions[None], mapping=mapping)
    axes = figure.axes[0]
    circles = [patch for patch in axes.patches if isinstance(patch, Circle)]
    assert len(circles) == 2
    assert {"methyl", "hydroxyl", "2 Å"} <= {text.get_text() for text in axes.texts}
    assert legend_of(figure)[-1] == "beads"
    between = np.linalg.norm(np.subtract(circles[0].center, circles[1].center))
    beads = mapping.project(positions)
    assert 0 < between <= np.linalg.norm(beads[0] - beads[1]) + 1e-9


def test_beads_without_a_mapping(methanol):
    table, positions = methanol
    figure = overlay(table, positions, positions[None], bead_positions=positions[:2])
    assert len(figure.axes[0].patches) == 2


def test_scale_bar_is_as_long_as_it_says(methanol):
    table, positions = methanol
    axes = overlay(table, positions, positions[None]).axes[0]
    (bar,) = [line for line in axes.lines if line.get_gid() == "scale bar"]
    assert np.ptp(bar.get_xdata()) == pytest.approx(2.0)


def test_many_samples_share_a_legend_entry(methanol):
    table, positions = methanol
    figure = overlay(table, positions, np.stack([positions] * 9))
    assert legend_of(figure) == ["reference", "9 samples"]
    assert legend_of(overlay(table, positions, np.empty((0, 6, 3)))) == ["reference"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": np.zeros((5, 3))}, r"`reference` has shape \(5, 3\)"),
        ({"samples": np.zeros((6, 3))}, r"`samples` has shape \(6, 3\)"),
        ({"samples": np.full((1, 6, 3), np.nan)}, "not finite"),
        ({"bead_positions": np.zeros(3)}, r"`bead_positions` has shape \(3,\)"),
    ],
)
def test_overlay_says_what_does_not_fit(methanol, change, message):
    table, positions = methanol
    options = {"reference": positions, "samples": positions[None]} | change
    with pytest.raises(ValueError, match=message):
        overlay(table, **options)


@pytest.fixture
def log():
    epochs = np.arange(4)
    return pd.DataFrame(
        {
            "epoch": np.repeat(epochs, 2),
            "step": np.arange(8),
            "train/loss": np.repeat([100.0, 10.0, 3.0, 1.0], 2) + [1, -1] * 4,
            "validation/loss": [np.nan, 90.0, np.nan, 11.0, np.nan, 4.0, np.nan, 2.0],
            "train/kl_divergence": 5.0,
            "learning_rate": 1e-3,
            "note": "text",
            "train/never": np.nan,
        }
    )


def test_curves_have_a_panel_per_quantity(log):
    figure = training_curves(log)
    panels = {axes.get_ylabel(): axes for axes in figure.axes}
    assert list(panels) == ["loss", "KL divergence", "learning rate"]
    loss = panels["loss"]
    assert loss.get_xlabel() == "epoch"
    assert [line.get_label() for line in loss.lines] == ["train", "validation"]
    assert loss.lines[0].get_ydata() == pytest.approx([100.0, 10.0, 3.0, 1.0])
    assert loss.lines[1].get_ydata() == pytest.approx([90.0, 11.0, 4.0, 2.0])
    assert loss.get_yscale() == "log"
    assert panels["KL divergence"].get_yscale() == "linear"
    assert panels["learning rate"].get_legend() is None


def test_curves_are_read_from_a_file(log, tmp_path):
    log.to_csv(tmp_path / "metrics.csv", index=False)
    figure = training_curves(tmp_path / "metrics.csv", against="step")
    assert len(figure.axes[0].lines[0].get_xdata()) == 8
    assert figure.axes[0].get_xlabel() == "step"


def test_one_epoch_is_seen_as_a_point(log):
    (line, *_) = training_curves(log[:2]).axes[0].lines
    assert line.get_marker() == "o"


def test_curves_say_what_does_not_fit(log):
    with pytest.raises(ValueError, match="no column 'day'"):
        training_curves(log, against="day")
    with pytest.raises(ValueError, match="no numbers to draw"):
        training_curves(log[["epoch", "note", "train/never"]])


def test_figures_are_written_in_one_step(methanol, torsions, log, tmp_path):
    table, positions = methanol
    ramachandran(torsions, torsions, path=tmp_path / "map.png")
    overlay(table, positions, positions[None], path=tmp_path / "overlay.png")
    training_curves(log, path=tmp_path / "curves.png")
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["curves.png", "map.png", "overlay.png"]
    assert imread(tmp_path / "map.png").shape[1] == pytest.approx(9.6 * 150, abs=1)


def test_a_failed_figure_leaves_nothing_behind(torsions, tmp_path):
    with pytest.raises(ValueError, match="not supported"):
        ramachandran(torsions, torsions, path=tmp_path / "map.nonsense")
    assert list(tmp_path.iterdir()) == []


def test_no_global_state_is_touched(torsions):
    import sys

    ramachandran(torsions, torsions)
    assert "matplotlib.pyplot" not in sys.modules or not (
        sys.modules["matplotlib.pyplot"].get_fignums()
    )
