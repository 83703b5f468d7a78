"""Samples depend on beads, seed, frame and number alone, and keep the beads."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model.noise import N_SEEDS, normal_noise, random_bits
from openmm_cgvae.molecules.frames import Frames
from openmm_cgvae.testing import dipeptide
from openmm_cgvae.testing.dipeptide import BEADS, peptide, trembling, untrained

SEEDS = st.integers(0, N_SEEDS - 1)
NUMBERS = st.lists(st.integers(0, 2**62), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def truth():
    return Frames.from_universe(trembling(7, amplitude=0.05)).positions


@pytest.fixture(scope="module")
def model():
    return untrained(Mapping(BEADS, np.arange(1.0, 23.0)), methyl_labels="as_given")


@pytest.fixture(scope="module")
def canonical():
    return untrained(atom_types="identity")


def beads_of(model, truth):
    return model.mapping.project(truth.astype(float))


def index(*numbers):
    return np.array(numbers, dtype=np.int64)


@settings(deadline=None, max_examples=25)
@given(SEEDS, NUMBERS, st.data())
def test_bits_are_a_function_of_their_key_alone(seed, frames, data):
    n = len(frames)
    copies = data.draw(st.lists(st.integers(0, 2**31), min_size=n, max_size=n))
    together = random_bits(seed, np.array(frames), np.array(copies), 5)
    order = np.array(data.draw(st.permutations(range(n))))
    shuffled = random_bits(seed, np.array(frames)[order], np.array(copies)[order], 5)
    np.testing.assert_array_equal(shuffled, together[order])
    alone = random_bits(seed, index(frames[0]), index(copies[0]), 5)
    np.testing.assert_array_equal(alone[0], together[0])
    fewer = random_bits(seed, index(frames[0]), index(copies[0]), 3)
    np.testing.assert_array_equal(fewer, alone[:, :3])


@settings(deadline=None, max_examples=25)
@given(SEEDS, SEEDS, st.integers(0, 10**6), st.integers(0, 10**6))
def test_other_keys_give_other_bits(seed, other, frame, copy):
    keys = {(seed, frame, copy), (other, frame, copy), (seed, copy, frame)}
    keys |= {(seed, frame + 1, copy), (seed, frame, copy + 1)}
    rows = {tuple(random_bits(s, index(f), index(c), 2)[0]) for s, f, c in keys}
    assert len(rows) == len(keys)


def test_bits_never_come_twice():
    frames, copies = np.divmod(np.arange(20_000), 100)
    bits = np.concatenate([random_bits(seed, frames, copies, 5) for seed in (0, 1)])
    assert len(np.unique(bits)) == bits.size


def test_every_bit_is_a_fair_coin():
    bits = random_bits(3, np.arange(5_000), np.zeros(5_000, dtype=int), 4).ravel()
    ones = ((bits[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)).mean(0)
    # 64 coins at five standard deviations.
    assert np.abs(ones - 0.5).max() < 5 * 0.5 / np.sqrt(len(bits))


def test_noise_has_the_moments_of_a_normal_distribution():
    n = 40_000
    noise = normal_noise(11, np.arange(n), np.zeros(n, dtype=int), (5,)).astype(float)
    assert noise.shape == (n, 5)
    size = noise.size
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        error = abs((noise**power).mean() - moment)
        assert error < 5 * np.sqrt(variance / size), power
    assert np.isfinite(noise).all()
    assert np.abs(noise).max() < 7


@pytest.mark.parametrize("what", ["values", "frames", "copies", "seeds", "levels"])
def test_noise_is_independent(what):
    n = 20_000
    numbers, zeros = np.arange(n), np.zeros(n, dtype=int)
    one = normal_noise(5, numbers, zeros, (2,)).astype(float)
    other = {
        "values": one[:, ::-1],
        "frames": normal_noise(5, numbers + 1, zeros, (2,)),
        "copies": normal_noise(5, numbers, zeros + 1, (2,)),
        "seeds": normal_noise(6, numbers, zeros, (2,)),
        "levels": normal_noise(5, zeros, numbers, (2,)),
    }[what].astype(float)
    for first, second in ((one, other), (one**2 - 1, other**2 - 1)):
        correlation = (first * second).mean() / first.std() / second.std()
        n_independent = n if what == "values" else 2 * n
        assert abs(correlation) < 5 / np.sqrt(n_independent)


def test_noise_is_never_infinite_at_the_ends_of_the_bits():
    noise = normal_noise(0, np.arange(3), np.arange(3), (4, 5))
    assert noise.shape == (3, 4, 5)
    assert noise.dtype == np.float32


@pytest.mark.parametrize("fixture", ["model", "canonical"])
@pytest.mark.parametrize("batch_size", [1, 2, 5, 256])
def test_the_batch_size_changes_nothing(fixture, batch_size, request, truth):
    model = request.getfixturevalue(fixture)
    beads = beads_of(model, truth)
    frames = np.arange(7)
    expected = Sampler(model).sample(beads, frames, 3, seed=1)
    found = Sampler(model, batch_size).sample(beads, frames, 3, seed=1)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(
        Sampler(model, batch_size).reconstruct(truth),
        Sampler(model).reconstruct(truth),
        atol=1e-4,
    )


@pytest.mark.parametrize("fixture", ["model", "canonical"])
def test_samples_are_a_function_of_seed_frame_and_copy(fixture, request, truth):
    model = request.getfixturevalue(fixture)
    beads = beads_of(model, truth)
    sampler = Sampler(model)
    many = sampler.sample(beads, np.arange(7) * 10, 10, seed=2)
    few = sampler.sample(beads, np.arange(7) * 10, 3, seed=2)
    np.testing.assert_allclose(few, many[:, :3], atol=1e-4)
    some = sampler.sample(beads[[5, 2]], index(50, 20), 3, seed=2)
    np.testing.assert_allclose(some, many[[5, 2], :3], atol=1e-4)


def test_seeds_frames_and_copies_differ(model, truth):
    beads = np.repeat(beads_of(model, truth)[:1], 2, axis=0)
    sampler = Sampler(model)
    first = sampler.sample(beads, index(0, 1), 2, seed=0)
    other = sampler.sample(beads, index(0, 1), 2, seed=1)
    structures = np.concatenate([first.reshape(4, 22, 3), other.reshape(4, 22, 3)])
    for i in range(8):
        for j in range(i):
            assert np.abs(structures[i] - structures[j]).max() > 1e-3


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.sampled_from([0.0, 1e-3, 1.0, 12.0]), min_size=22, max_size=22),
    st.sampled_from([0.0, 1.0, 1e4, -1e4]),
    st.sampled_from(["canonical", "as_given"]),
)
def test_beads_are_kept_for_any_weights_anywhere(truth, weights, shift, labels):
    totals = np.bincount(BEADS, weights)
    weights = np.asarray(weights) + (totals[BEADS] == 0)
    model = untrained(Mapping(BEADS, weights), methyl_labels=labels)
    beads = beads_of(model, truth)[:2] + shift
    sampler = Sampler(model)
    atoms = sampler.sample(beads, index(0, 1), 2, seed=1)
    assert atoms.shape == (2, 2, 22, 3)
    assert atoms.dtype == np.float64
    residual = model.mapping.project(atoms) - beads[:, None]
    assert np.abs(residual).max() < 1e-9
    moved = truth[:2].astype(float) + shift
    made = sampler.reconstruct(moved)
    residual = model.mapping.project(made) - model.mapping.project(moved)
    assert np.abs(residual).max() < 1e-9


@pytest.mark.parametrize("fixture", ["model", "canonical"])
def test_translation_of_the_beads_translates_samples(fixture, request, truth):
    model = request.getfixturevalue(fixture)
    beads = beads_of(model, truth)
    sampler = Sampler(model)
    here = sampler.sample(beads, np.arange(7), 2, seed=1)
    there = sampler.sample(beads + 1e4, np.arange(7), 2, seed=1)
    np.testing.assert_allclose(there - 1e4, here, atol=1e-3)
    made = sampler.reconstruct(truth.astype(float) + 1e4)
    np.testing.assert_allclose(made - 1e4, sampler.reconstruct(truth), atol=1e-3)


def test_beads_of_one_molecule_far_apart_are_kept(model, truth):
    beads = beads_of(model, truth)[:1] * 1e3
    atoms = Sampler(model).sample(beads, index(0), 3, seed=1)
    residual = model.mapping.project(atoms) - beads[:, None]
    assert np.abs(residual).max() < 1e-9


def label_orders(model, n=3000):
    """How the labels of each rotor were turned, for one structure of the network."""
    sampler = Sampler(model, 1000)
    generator = np.random.default_rng(0)
    structure = generator.normal(size=(1, 22, 3)).repeat(n, axis=0)
    numbers = np.arange(n)
    turned = sampler._random_labels(structure, 9, numbers, 0 * numbers)
    places = []
    for rotor in sampler.symmetry.rotors:
        hydrogens = rotor[3:]
        for copy in turned:
            matches = [
                place
                for place in range(3)
                if np.array_equal(
                    copy[hydrogens], structure[0, np.roll(hydrogens, place)]
                )
            ]
            places.extend(matches)
    others = np.setdiff1d(np.arange(22), sampler.symmetry.rotors[:, 3:])
    np.testing.assert_array_equal(turned[:, others], structure[:, others])
    return np.array(places).reshape(len(sampler.symmetry.rotors), n)


def test_labels_are_turned_in_a_circle_all_as_often(canonical):
    places = label_orders(canonical)
    assert len(places) == 3
    n = places.shape[1]
    for of_rotor in places:
        counts = np.bincount(of_rotor, minlength=3)
        assert np.abs(counts - n / 3).max() < 5 * np.sqrt(n * 2 / 9)
    # The rotors turn independently of each other.
    joint = np.bincount(3 * places[0] + places[1], minlength=9)
    assert np.abs(joint - n / 9).max() < 5 * np.sqrt(n * 8 / 81)


def test_labels_of_copies_turn_independently(canonical):
    sampler = Sampler(canonical)
    numbers = np.arange(300)
    structure = np.arange(66.0).reshape(1, 22, 3).repeat(300, axis=0)
    one = sampler._random_labels(structure, 9, numbers, 0 * numbers)
    other = sampler._random_labels(structure, 9, numbers, 0 * numbers + 1)
    rotor = sampler.symmetry.rotors[0, 3:]
    n_equal = (one[:, rotor] == other[:, rotor]).all((1, 2)).sum()
    assert abs(n_equal - 100) < 5 * np.sqrt(300 * 2 / 9)
    samples = sampler.sample(np.eye(3)[None] * 4, index(0), 40, seed=1)
    lengths = np.linalg.norm(samples[0, :, rotor] - samples[0, :, 1], axis=-1)
    assert len({tuple(np.argsort(row)) for row in lengths.T}) > 1


def test_labels_stay_where_the_model_learned_them_as_given(model):
    assert len(Sampler(model).symmetry.rotors) == 0


def test_labels_that_would_move_a_bead_stay(truth):
    weights = np.ones(22)
    weights[11] = 2.0
    model = untrained(Mapping(BEADS, weights))
    assert Sampler(model).symmetry.rotors[:, 2].tolist() == [1, 18]
    other = [0, 0, 1, 0, 0, 0] + [1] * 10 + [2] * 6
    model = untrained(Mapping(other))
    assert Sampler(model).symmetry.rotors[:, 2].tolist() == [10, 18]
    atoms = Sampler(model).sample(beads_of(model, truth), np.arange(7), 4, seed=3)
    residual = model.mapping.project(atoms) - beads_of(model, truth)[:, None]
    assert np.abs(residual).max() < 1e-9


def test_reconstructions_carry_the_labels_of_the_input(canonical, truth):
    sampler = Sampler(canonical)
    standard, _ = sampler.symmetry.canonical(truth)
    expected = sampler.reconstruct(standard)
    turned = np.arange(22)
    for rotor, place in zip(sampler.symmetry.rotors, (0, 1, 2), strict=True):
        turned[rotor[3:]] = np.roll(rotor[3:], place)
    found = sampler.reconstruct(standard[:, turned])
    np.testing.assert_allclose(found, expected[:, turned], atol=1e-4)


@pytest.mark.parametrize("seed", [0, N_SEEDS - 1, np.int64(5), np.uint32(7)])
def test_any_seed_of_63_bits_will_do(canonical, truth, seed):
    beads = beads_of(canonical, truth)[:1]
    sampler = Sampler(canonical)
    atoms = sampler.sample(beads, index(0), 1, seed)
    np.testing.assert_array_equal(atoms, sampler.sample(beads, index(0), 1, int(seed)))


@pytest.mark.parametrize("seed", [-1, N_SEEDS, 10**30, 1.0, "1", None, True])
def test_a_seed_that_is_none_is_refused(model, truth, seed):
    with pytest.raises((ValueError, TypeError), match="seed"):
        Sampler(model).sample(beads_of(model, truth)[:1], index(0), 1, seed)


@pytest.mark.parametrize("batch_size", [0, -5])
def test_an_empty_batch_is_refused(model, batch_size):
    with pytest.raises(ValueError, match=f"`batch_size` is {batch_size} but must be"):
        Sampler(model, batch_size)


def test_no_frames_and_no_samples_give_none(model, truth):
    sampler = Sampler(model)
    nothing = sampler.sample(np.empty((0, 3, 3)), np.empty(0, dtype=int), 4, seed=1)
    assert nothing.shape == (0, 4, 22, 3)
    nothing = sampler.sample(beads_of(model, truth), np.arange(7), 0, seed=1)
    assert nothing.shape == (7, 0, 22, 3)
    assert sampler.reconstruct(np.empty((0, 22, 3))).shape == (0, 22, 3)


def test_sampling_leaves_the_input_and_the_generators_alone(canonical):
    positions = peptide().atoms.positions[None].astype(float)
    beads = beads_of(canonical, positions)
    before = positions.copy(), beads.copy(), torch.get_rng_state()
    sampler = Sampler(canonical)
    sampler.sample(beads, index(0), 2, seed=1)
    sampler.reconstruct(positions)
    np.testing.assert_array_equal(positions, before[0])
    np.testing.assert_array_equal(beads, before[1])
    assert torch.equal(torch.get_rng_state(), before[2])


def test_temperature_shrinks_what_varies_and_keeps_the_beads():
    model = dipeptide.untrained()
    beads = model.mapping.project(dipeptide.positions(3).astype(float))
    made = {
        temperature: Sampler(model, temperature=temperature).sample(
            beads, np.arange(3), 8, seed=1
        )
        for temperature in (0.0, 0.5, 1.0)
    }
    heavy = model.atom_table.is_heavy
    varied = [
        made[temperature][:, :, heavy].std(1).mean() for temperature in (0.0, 0.5, 1.0)
    ]
    assert varied[0] < 1e-6
    assert varied[0] < varied[1] < varied[2]
    for atoms in made.values():
        np.testing.assert_allclose(
            model.mapping.project(atoms), np.repeat(beads[:, None], 8, 1), atol=1e-9
        )
    np.testing.assert_array_equal(
        made[1.0], Sampler(model).sample(beads, np.arange(3), 8, seed=1)
    )


@pytest.mark.parametrize("temperature", [-0.1, 1.5, float("nan")])
def test_temperature_is_from_0_to_1(temperature):
    with pytest.raises(ValueError, match="must be from 0, the most likely structure"):
        Sampler(dipeptide.untrained(), temperature=temperature)
