"""Auto-Grain against its printed losses, and what it learns from toys."""

import MDAnalysis as mda
import numpy as np
import pytest
import torch

from openmm_cgvae.data import data_path
from openmm_cgvae.mapping import Mapping, autograin, schemes

QUICK = {"n_epochs": 2, "n_starts": 2, "progress": False}
PAIRS = torch.tensor([[2, 0, 1, 2, 0, 1]])  # beads of those below, in any order


def rigid_pairs(n_frames=40, seed=0):
    """Three pairs of atoms, numbered across; each pair is close, and flies about."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 5, size=(n_frames, 1, 3, 3))
    inside = rng.normal(0, 0.1, size=(n_frames, 2, 3, 3))
    universe = mda.Universe.empty(6, trajectory=True)
    universe.load_new((centres + inside).reshape(n_frames, 6, 3).astype(np.float32))
    return universe


def printed_losses(assignment, decoder, frames):
    """Appendix F.2, atom by atom: [N][n], [n][N] and [frames][n][3]."""
    n_beads, n_atoms = len(assignment), len(decoder)
    total_msd = total_geo = 0.0
    for x in frames:
        projected = [[0.0] * 3 for _ in range(n_beads)]
        for bead in range(n_beads):
            size = sum(assignment[bead][i] for i in range(n_atoms))
            for i in range(n_atoms):
                for k in range(3):
                    projected[bead][k] += assignment[bead][i] / size * x[i][k]
        for i in range(n_atoms):
            for k in range(3):
                decoded = sum(decoder[i][b] * projected[b][k] for b in range(n_beads))
                lifted = sum(assignment[b][i] * projected[b][k] for b in range(n_beads))
                total_msd += (decoded - x[i][k]) ** 2 / n_atoms
                total_geo += (lifted - x[i][k]) ** 2 / n_atoms
    return total_msd / len(frames), total_geo / len(frames)


@pytest.fixture
def finds(monkeypatch):
    """Let what is learned be known beforehand."""

    def set_to(starts):
        monkeypatch.setattr(autograin, "_learned", lambda *_: torch.as_tensor(starts))

    return set_to


class TestLosses:
    def test_are_the_printed_ones(self):
        generator = torch.Generator().manual_seed(3)

        def normal(*shape):
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        frames, decoder = normal(4, 5, 3), normal(2, 5, 3)
        assignment = torch.softmax(normal(2, 3, 5), dim=1)
        columns = frames.permute(1, 0, 2).flatten(1)
        found = autograin.losses(assignment, decoder, columns)
        for start in range(2):
            expected = printed_losses(
                assignment[start].tolist(), decoder[start].tolist(), frames.tolist()
            )
            got = (float(found[0][start]), float(found[1][start]))
            assert got == pytest.approx(expected, rel=1e-12)

    def test_an_empty_bead_does_not_make_them_nan(self):
        assignment = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
        found = autograin.losses(assignment, torch.ones(1, 2, 2), torch.ones(2, 3))
        assert all(torch.isfinite(loss).all() for loss in found)

    def test_of_the_hard_mapping_are_its_least_squares(self, finds):
        finds(PAIRS)
        universe = rigid_pairs()
        learned = autograin.learn(universe, 3, **QUICK)
        frames = np.array([universe.atoms.positions for _ in universe.trajectory])
        frames = frames.astype(np.float64)
        frames -= frames.mean(axis=1, keepdims=True)
        mapping = learned.mapping
        beads = mapping.project(frames)
        lifted = ((mapping.lift(beads) - frames) ** 2).sum(axis=-1).mean()
        rows = beads.transpose(0, 2, 1).reshape(-1, 3)
        targets = frames.transpose(0, 2, 1).reshape(-1, 6)
        decoder = np.linalg.lstsq(rows, targets, rcond=None)[0]
        decoded = 3 * ((rows @ decoder - targets) ** 2).mean()
        assert learned.geometry == pytest.approx(lifted, rel=1e-6)
        assert learned.reconstruction == pytest.approx(decoded, rel=1e-6)
        assert learned.loss == pytest.approx(decoded + 0.25 * lifted, rel=1e-6)


class TestTemperature:
    def test_is_the_printed_schedule(self):
        printed = [max(1.0 - 0.001 * epoch, 0.025) for epoch in range(1500)]
        ours = [autograin.temperature(epoch, 1500) for epoch in range(1500)]
        assert ours == pytest.approx(printed, abs=1e-12)

    @pytest.mark.parametrize("n_epochs", [1, 7, 100])
    def test_never_rises(self, n_epochs):
        ours = [autograin.temperature(epoch, n_epochs) for epoch in range(n_epochs)]
        assert ours == sorted(ours, reverse=True)
        assert ours[0] == 1.0


class TestLearned:
    def test_what_moves_together_is_a_bead(self):
        # A batch an epoch.
        options = {"n_epochs": 500, "n_frames": 32, "progress": False}
        mapping = autograin.learn_mapping(rigid_pairs(), 3, **options)
        assert mapping.bead_of_atom.tolist() == [0, 1, 2, 0, 1, 2]
        assert mapping.bead_names == ("G0", "G1", "G2")
        assert mapping.weights.tolist() == [0.5] * 6

    def test_same_seed_same_mapping(self):
        universe = rigid_pairs()
        options = QUICK | {"n_epochs": 3, "n_frames": 10}
        twice = [autograin.learn(universe, 3, seed=4, **options) for _ in range(2)]
        assert twice[0] == twice[1]

    def test_the_universe_stays_where_it_was(self):
        universe = rigid_pairs()
        universe.trajectory[7]
        autograin.learn_mapping(universe, 2, **QUICK | {"n_epochs": 1})
        assert universe.trajectory.frame == 7

    def test_without_bonds_nothing_is_said_of_pieces(self):
        learned = autograin.learn(rigid_pairs(), 3, **QUICK | {"n_epochs": 5})
        assert learned.n_pieces is None
        assert learned.is_contiguous is None

    @pytest.mark.parametrize(
        ("bonds", "pieces"),
        [
            ([(0, 3), (1, 4), (2, 5)], (1, 1, 1)),
            ([(0, 3), (1, 2), (4, 5)], (1, 2, 2)),
        ],
    )
    def test_pieces_are_counted(self, bonds, pieces, finds):
        finds(PAIRS)
        universe = rigid_pairs()
        universe.add_TopologyAttr("bonds", bonds)
        learned = autograin.learn(universe, 3, join=False, **QUICK)
        assert learned.n_pieces == pieces
        assert learned.is_contiguous is (max(pieces) == 1)
        assert learned.n_moved == 0

    def test_strays_are_given_to_beads_they_are_bonded_to(self, finds):
        finds([[0, 1, 1, 0, 0, 1]])
        universe = rigid_pairs()
        universe.add_TopologyAttr("bonds", [(0, 3), (3, 4), (2, 5), (1, 4)])
        learned = autograin.learn(universe, 2, **QUICK)
        assert learned.mapping.bead_of_atom.tolist() == [0, 0, 1, 0, 0, 1]
        assert learned.is_contiguous
        assert learned.n_moved == 1

    def test_of_a_group_only_its_own_bonds_count(self, finds):
        finds([[0, 1, 0, 1]])
        universe = rigid_pairs()
        universe.add_TopologyAttr("bonds", [(0, 1), (1, 3), (2, 5), (3, 4)])
        group = universe.atoms[[0, 2, 3, 5]]
        assert autograin.learn(group, 2, **QUICK).n_pieces == (2, 1)

    def test_the_start_with_fewest_pieces_is_taken(self, finds):
        strays, empty, pairs = [0, 1, 2, 0, 2, 2], [0, 1, 1, 0, 1, 1], PAIRS[0].tolist()
        finds([strays, empty, pairs])
        universe = rigid_pairs()
        universe.add_TopologyAttr("bonds", [(0, 3), (1, 4), (2, 5)])
        learned = autograin.learn(universe, 3, join=False, **QUICK)
        assert learned.mapping.bead_of_atom.tolist() == [0, 1, 2, 0, 1, 2]

    def test_of_these_the_most_compact(self, finds):
        finds([[0, 1, 2, 1, 2, 0], PAIRS[0].tolist(), [0, 0, 1, 1, 2, 2]])
        learned = autograin.learn(rigid_pairs(), 3, **QUICK)
        assert learned.mapping.bead_of_atom.tolist() == [0, 1, 2, 0, 1, 2]

    def test_shows_how_long_it_takes(self, capsys):
        autograin.learn_mapping(rigid_pairs(), 2, n_epochs=2, n_starts=2)
        assert "Auto-Grain: 100%" in capsys.readouterr().err

    def test_by_name(self, monkeypatch):
        asked = {}
        made = Mapping([0])

        def learn_mapping(atoms, n_beads, *, seed):
            asked.update(atoms=atoms, n_beads=n_beads, seed=seed)
            return made

        monkeypatch.setattr(autograin, "learn_mapping", learn_mapping)
        universe = rigid_pairs()
        assert schemes.from_spec(universe, "autograin:3:5") is made
        assert asked == {"atoms": universe, "n_beads": 3, "seed": 5}

    @pytest.mark.slow
    @pytest.mark.parametrize("n_beads", [3, 5, 8])
    def test_beads_of_alanine_dipeptide_hang_together(self, n_beads):
        files = data_path("alanine-dipeptide.pdb"), data_path("alanine-dipeptide.xtc")
        learned = autograin.learn(mda.Universe(*files), n_beads, progress=False)
        assert learned.is_contiguous
        assert learned.mapping.n_beads == n_beads


class TestBadInput:
    @pytest.mark.parametrize("n_beads", [0, 7])
    def test_number_of_beads(self, n_beads):
        with pytest.raises(ValueError, match=rf"`n_beads` is {n_beads} but must be fr"):
            autograin.learn_mapping(rigid_pairs(), n_beads, **QUICK)

    @pytest.mark.parametrize("name", ["n_epochs", "n_frames", "n_starts"])
    def test_numbers(self, name):
        with pytest.raises(ValueError, match=rf"`{name}` is 0 but must be at least 1"):
            autograin.learn_mapping(rigid_pairs(), 2, **QUICK | {name: 0})

    def test_positions_that_are_not_numbers(self):
        universe = rigid_pairs()
        universe.trajectory.get_array()[3, 0, 0] = np.nan
        with pytest.raises(ValueError, match=r"positions that are not numbers"):
            autograin.learn_mapping(universe, 2, **QUICK)

    def test_empty_beads(self):
        options = QUICK | {"n_epochs": 1, "n_starts": 1}
        with pytest.raises(ValueError, match=r"all 1 starts ended with an empty bead"):
            autograin.learn_mapping(rigid_pairs(), 6, **options)
