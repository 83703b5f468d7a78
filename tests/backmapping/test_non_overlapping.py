import MDAnalysis as mda
import numpy as np
import pytest
from dipeptides import SAME, TRICLINIC, scattered, universe_of
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.backmapping.backmapper import Backmapper
from openmm_cgvae.backmapping.non_overlapping import choose_non_overlapping
from openmm_cgvae.metrics import intermolecular_contacts
from openmm_cgvae.testing import dipeptide


@pytest.fixture(scope="module")
def model():
    return dipeptide.untrained()


def test_candidates_computed_by_hand():
    # On a line: where the first of B hits A, and the second hits C but less.
    a, c = [[[0.0, 0, 0]]] * 2, [[[6.0, 0, 0]]] * 2
    b = [[[1.0, 0, 0]], [[4.0, 0, 0]]]
    candidates = np.stack([a, b, c], axis=1)
    assert choose_non_overlapping(candidates).tolist() == [0, 1, 0]
    box = np.array([6.5, 50, 50, 90, 90, 90])  # A and C are neighbours now
    assert choose_non_overlapping(candidates, box).tolist() == [0, 1, 0]


@given(seed=st.integers(0, 999), k=st.integers(1, 4), n=st.integers(1, 5))
@settings(deadline=None, max_examples=25)
def test_no_change_of_one_molecule_lowers_the_overlap_energy(seed, k, n):
    generator = np.random.default_rng(seed)
    box = np.array([9, 9, 9, 70, 80, 100], dtype=np.float32)
    candidates = generator.uniform(0, 8, (k, n, 3, 3))
    chosen = choose_non_overlapping(candidates, box)

    def overlap(which):
        atoms = candidates[which, np.arange(n)].reshape(-1, 3).astype(np.float32)
        distances = mda.lib.distances.distance_array(atoms, atoms, box=box)
        same = np.kron(np.eye(n), np.ones((3, 3))).astype(bool)
        return np.square(np.maximum(2.5 - distances, 0))[~same].sum() / 2

    least = overlap(chosen)
    for molecule in range(n):
        for candidate in range(k):
            changed = chosen.copy()
            changed[molecule] = candidate
            assert least <= overlap(changed) + 1e-4


@pytest.mark.parametrize(
    ("shape", "cutoff", "sentence"),
    [
        ((2, 3, 3), 1.0, r"`candidates` has shape \(2, 3, 3\) but must be"),
        ((0, 1, 1, 3), 1.0, "give one structure of each molecule or more"),
        ((2, 1, 1, 3), 0.0, "`cutoff` is 0.0 but must be positive"),
    ],
)
def test_impossible_input_is_refused(shape, cutoff, sentence):
    with pytest.raises(ValueError, match=sentence):
        choose_non_overlapping(np.zeros(shape), cutoff=cutoff)


def test_samples_are_candidates_with_fewer_contacts(model):
    _, beads = scattered(8, model.mapping, spacing=6.0)
    box = np.array([12, 12, 12, 90, 90, 90], dtype=np.float32)
    backmapper = Backmapper(universe_of(beads, box=box), model)
    each = backmapper.sample(n=8, seed=5).positions_angstrom.reshape(8, 8, 22, 3)
    fitted = backmapper.sample(n=2, candidates=4, seed=5).positions_angstrom
    for sample, drawn in zip(fitted, (each[:4], each[4:]), strict=True):
        distance = np.abs(drawn - sample.reshape(8, 22, 3)).max((-1, -2))
        np.testing.assert_allclose(distance.min(axis=0), 0, atol=SAME)
        contacts = [
            len(intermolecular_contacts(atoms.reshape(-1, 3), 22, box, 2.5))
            for atoms in (sample, *drawn)
        ]
        assert contacts[0] < min(contacts[1:])


def test_trajectories_have_the_samples_of_their_frames(model, tmp_path):
    _, beads = scattered(4, model.mapping, spacing=6.0)
    backmapper = Backmapper(universe_of(beads, box=TRICLINIC), model)
    path = backmapper.run(
        output=tmp_path / "a.xtc", candidates=3, seed=2, progress=False
    )
    wanted = backmapper.sample(candidates=3, seed=2)
    made = mda.Universe.empty(88, trajectory=True).load_new(str(path))
    np.testing.assert_allclose(
        made.atoms.positions, wanted.positions_angstrom[0], atol=6e-3
    )


@pytest.mark.parametrize("candidates", [0, True])
def test_no_candidates_are_refused(model, candidates):
    _, beads = scattered(2, model.mapping)
    with pytest.raises(ValueError, match=f"`candidates` is {candidates} but must"):
        Backmapper(universe_of(beads), model).sample(candidates=candidates)
