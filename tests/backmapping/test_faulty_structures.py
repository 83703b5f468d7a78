"""Faulty structures are named, refused or drawn again; sound ones never change."""

import numpy as np
import pytest

from openmm_cgvae import Backmapper, load_model
from openmm_cgvae.backmapping import faulty_structures
from openmm_cgvae.mapping.replicas import repeat
from openmm_cgvae.model import CGVAE
from openmm_cgvae.model.noise import attempt_seeds, molecule_seeds
from openmm_cgvae.structures.report import FaultFinder
from openmm_cgvae.testing import dipeptide
from tests.dipeptides import NAMES, scattered, universe_of

MODEL = "alanine-dipeptide-3"
N_SAMPLES = 40


@pytest.fixture(scope="module")
def beads():
    return dipeptide.beads(n_frames=6)


@pytest.fixture
def mirrored(monkeypatch):
    """Let the model build mirror images where its first noise is above a limit."""
    sample = CGVAE.sample

    def spoil(self, batch, noise):
        atoms = sample(self, batch, noise)
        n_beads = batch.n_beads // batch.n_molecules
        is_bad = noise.reshape(batch.n_molecules, n_beads, -1)[:, 1, 0] > spoil.limit
        copies = atoms.reshape(batch.n_molecules, -1, 3)
        copies = copies * (1.0 - 2.0 * is_bad[:, None, None])
        return copies.reshape(-1, 3)

    spoil.limit = 0.8
    monkeypatch.setattr(CGVAE, "sample", spoil)
    return spoil


def wrong(ensemble):
    return np.flatnonzero(ensemble.report().columns["n_wrong_stereocentres"])


def test_samples_of_shipped_models_have_no_faults(beads):
    ensemble = Backmapper(beads, MODEL).sample(n=N_SAMPLES, seed=1)
    assert not any("faults" in info for info in ensemble.info)


@pytest.mark.usefixtures("mirrored")
def test_sound_structures_are_the_same_whatever_is_done_about_others(beads):
    backmapper = Backmapper(beads, MODEL)
    before = backmapper.sample(n=N_SAMPLES, seed=1)
    after = backmapper.sample(n=N_SAMPLES, seed=1, on_fault="resample")
    sound = np.setdiff1d(np.arange(N_SAMPLES), wrong(before))
    assert 0 < len(sound) < N_SAMPLES
    np.testing.assert_array_equal(
        after.positions_angstrom[sound], before.positions_angstrom[sound]
    )


@pytest.mark.usefixtures("mirrored")
def test_faulty_structures_are_drawn_again_until_they_are_sound(beads):
    backmapper = Backmapper(beads, MODEL)
    before = backmapper.sample(n=N_SAMPLES, seed=1)
    after = backmapper.sample(n=N_SAMPLES, seed=1, on_fault="resample")
    assert len(wrong(before)) > 4
    assert len(wrong(after)) == 0
    assert after.report().checks["bead_residual"].all()
    named = [i for i, info in enumerate(before.info) if "faults" in info]
    assert named == wrong(before).tolist()
    assert "wrong chirality in ALA 2" in before.info[named[0]]["faults"]
    assert not any("faults" in info for info in after.info)


@pytest.mark.usefixtures("mirrored")
def test_drawing_again_does_not_depend_on_the_batch(beads):
    one, other = (
        Backmapper(beads, MODEL, batch_size=size).sample(
            n=N_SAMPLES, seed=1, on_fault="resample"
        )
        for size in (64, 7)
    )
    np.testing.assert_allclose(
        one.positions_angstrom, other.positions_angstrom, atol=1e-4
    )


def test_what_stays_faulty_is_named_after_ten_attempts(beads, mirrored, monkeypatch):
    mirrored.limit = -100.0
    calls = []
    find = FaultFinder.find
    monkeypatch.setattr(
        FaultFinder, "find", lambda *args: calls.append(1) or find(*args)
    )
    ensemble = Backmapper(beads, MODEL).sample(n=2, seed=1, on_fault="resample")
    assert all("wrong chirality" in info["faults"] for info in ensemble.info)
    # Once before, two in each attempt, once at the end.
    assert len(calls) == 2 + 2 * faulty_structures.N_ATTEMPTS


@pytest.mark.usefixtures("mirrored")
def test_a_fault_is_an_error_if_asked_for(beads, tmp_path):
    backmapper = Backmapper(beads, MODEL)
    message = r"frame 0, sample \d+: wrong chirality in ALA 2 .*on_fault='resample'"
    with pytest.raises(ValueError, match=message):
        backmapper.sample(n=N_SAMPLES, seed=1, on_fault="raise")
    with pytest.raises(ValueError, match=message):
        backmapper.run(n=9, output=tmp_path / "a.xtc", on_fault="raise", progress=False)
    assert not (tmp_path / "a.xtc").exists()


@pytest.mark.parametrize("call", ["sample", "run"])
def test_other_wishes_are_refused(beads, tmp_path, call):
    options = {"output": tmp_path / "a.xtc"} if call == "run" else {}
    with pytest.raises(ValueError, match="`on_fault` is 'ignore' but must be 'warn'"):
        getattr(Backmapper(beads, MODEL), call)(on_fault="ignore", **options)


@pytest.mark.usefixtures("mirrored")
def test_a_run_names_the_frames_that_have_faults(beads, tmp_path):
    backmapper = Backmapper(beads, MODEL)
    written = backmapper.run(n=5, output=tmp_path / "a.xtc", seed=1, progress=False)
    wanted = [
        (frame, sample)
        for frame, _ in enumerate(beads.trajectory)
        for sample in wrong(backmapper.sample(n=5, seed=1)).tolist()
    ]
    assert [(each.frame, each.sample) for each in written.faults] == wanted
    assert written.n_faulty == len(wanted) > 0
    mended = backmapper.run(
        n=5, output=tmp_path / "b.xtc", seed=1, progress=False, on_fault="resample"
    )
    assert mended.n_faulty == 0
    assert mended.faults == ()


@pytest.mark.usefixtures("mirrored")
def test_of_many_molecules_the_faulty_is_named():
    model = load_model(MODEL)
    _, positions = scattered(5, model.mapping)
    ensemble = Backmapper(universe_of(positions, NAMES), model).sample(n=9, seed=2)
    assert wrong(ensemble).tolist() == [
        i for i, info in enumerate(ensemble.info) if "faults" in info
    ]
    faults = next(info["faults"] for info in ensemble.info if "faults" in info)
    assert "(molecule " in faults


def test_only_beads_at_the_fault_are_drawn_again():
    model = load_model(MODEL)
    table, mapping = repeat(model.atom_table, 3), repeat(model.mapping, 3)
    atoms = np.concatenate([dipeptide.positions()[0] + 20.0 * i for i in range(3)])
    finder = FaultFinder(table, mapping)
    assert len(finder.find(atoms[None]).atom) == 0
    cap = np.flatnonzero(mapping.bead_of_atom == 3)
    atoms[cap] += 5.0  # from the rest of the second molecule
    faults = finder.find(atoms[None])
    near = finder.beads_near(faults, 1)[0]
    assert set(np.flatnonzero(near)) <= {3, 4, 5}
    assert near[3:5].all()


def test_attempts_have_noise_of_their_own():
    seeds = molecule_seeds(3, 4)
    every = np.concatenate([attempt_seeds(seeds, attempt) for attempt in range(5)])
    assert len(set(every.tolist())) == 20
    np.testing.assert_array_equal(every[:4], seeds)
