import numpy as np
import pytest

from openmm_cgvae import Backmapper
from openmm_cgvae.backmapping.bead_reader import BadFrameError, Beads
from openmm_cgvae.backmapping.decoding import Decoding, checked_correlation_time
from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.testing import dipeptide

N_BEADS, N_ATOMS = 3, 22


@pytest.fixture(scope="module")
def model():
    return dipeptide.untrained()


@pytest.fixture
def beads():
    return Beads(dipeptide.beads().atoms, N_BEADS)


def block(beads, numbers):
    return beads.block_of([beads.read(number) for number in numbers])


def decoding(model, **options):
    return Decoding(sampler=Sampler(model), **{"seed": 1, **options})


def spoiled(monkeypatch, bad):
    """Let the model make no atoms of the last candidate of some frames."""
    original = Sampler.sample_many

    def spoil(self, positions, frames, *rest, **options):
        drawn = original(self, positions, frames, *rest, **options)
        drawn[np.isin(frames, bad), -1, 0, 5] = np.nan
        return drawn

    monkeypatch.setattr(Sampler, "sample_many", spoil)


@pytest.mark.parametrize("candidates", [1, 2])
def test_a_block_is_its_frames_one_by_one(model, beads, candidates):
    of = decoding(model, n=3, candidates=candidates)
    _, together = of.decode(block(beads, [4, 0, 2]))
    assert together.shape == (3, 3, N_ATOMS, 3)
    for atoms, number in zip(together, [4, 0, 2], strict=True):
        _, alone = of.decode(block(beads, [number]))
        np.testing.assert_allclose(atoms, alone[0], atol=1e-5)


@pytest.mark.parametrize("candidates", [1, 2])
def test_no_frames_give_no_structures(model, beads, candidates):
    left, atoms = decoding(model, n=3, candidates=candidates).decode(block(beads, []))
    assert atoms.shape == (0, 3, N_ATOMS, 3)
    assert not len(left.numbers)


def test_one_candidate_is_no_choice(model, beads):
    # The candidates of a sample are drawn one after the other.
    _, chosen = decoding(model, n=2, candidates=2).decode(block(beads, [0]))
    _, drawn = decoding(model, n=4).decode(block(beads, [0]))
    np.testing.assert_allclose(chosen, drawn[:, ::2], atol=1e-5)


def test_kept_particles_come_last_in_every_sample(model):
    universe = dipeptide.beads()
    group = universe.atoms
    kept = Beads(group[:N_BEADS], N_BEADS, others=group[[1]])
    _, atoms = decoding(model, n=2).decode(block(kept, [0, 3]))
    assert atoms.shape == (2, 2, N_ATOMS + 1, 3)
    for frame, samples in zip([0, 3], atoms, strict=True):
        where = universe.trajectory[frame].positions[1]
        np.testing.assert_allclose(samples[:, -1], [where, where], atol=1e-5)


@pytest.mark.parametrize("candidates", [1, 2])
def test_frames_without_atoms_are_left_out(model, beads, candidates, monkeypatch):
    of = decoding(model, n=2, candidates=candidates)
    _, wanted = of.decode(block(beads, [0, 3]))
    spoiled(monkeypatch, bad=[1, 2])
    left, atoms = of.decode(block(beads, range(4)), skips=True)
    assert left.numbers.tolist() == [0, 3]
    assert [number for number, _ in left.skipped] == [1, 2]
    assert "of which the model makes no atoms" in left.skipped[0][1]
    np.testing.assert_allclose(atoms, wanted, atol=1e-5)
    none, atoms = of.decode(block(beads, [1, 2]), skips=True)
    assert atoms.shape == (0, 2, N_ATOMS, 3)
    assert not len(none.positions)


def test_frames_without_atoms_are_errors(model, beads, monkeypatch):
    spoiled(monkeypatch, bad=[2, 3])
    with pytest.raises(BadFrameError, match="beads in frame 2 of which the model mak"):
        decoding(model).decode(block(beads, range(4)))
    backmapper = Backmapper(beads.group, model)
    beads.group.universe.trajectory[3]
    with pytest.raises(BadFrameError, match="beads in frame 3 of which the model mak"):
        backmapper.sample()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"n": 0}, "`n` is 0 but must be a whole number of at least 1"),
        ({"candidates": 0}, "`candidates` is 0 but must be a whole number"),
        ({"seed": -1}, "`seed` is -1 but must be"),
    ],
)
def test_impossible_numbers_are_refused(model, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        decoding(model, **options)


@pytest.mark.parametrize("time", [0.0, -1.0, np.inf, np.nan])
def test_a_correlation_time_is_positive_and_finite(time):
    assert checked_correlation_time(None) is None
    with pytest.raises(ValueError, match="`correlation_time` is .* must be positive"):
        checked_correlation_time(time)


@pytest.mark.parametrize("time", [1e7, 1e300])
def test_a_correlation_time_of_ages_is_refused(time):
    backmapper = Backmapper(dipeptide.beads(n_frames=3), dipeptide.untrained())
    with pytest.raises(ValueError, match="`correlation_time` is .*; give a shorter"):
        backmapper.sample(correlation_time=time)
