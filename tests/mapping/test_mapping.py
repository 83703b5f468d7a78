import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.mapping import Mapping

laws = settings(deadline=None, max_examples=25)


@st.composite
def assignments(draw):
    """Any assignment and weights, zeros among them, as arguments of Mapping.

    Not a Mapping yet, for hypothesis wants no foreign randomness in a strategy and
    the run-time type checks use some.
    """
    n_beads = draw(st.integers(1, 6))
    extra = draw(st.lists(st.integers(0, n_beads - 1), max_size=12))
    bead_of_atom = draw(st.permutations([*range(n_beads), *extra]))
    positive = st.floats(1e-6, 1e6)
    weights = [draw(st.just(0.0) | positive) for _ in bead_of_atom]
    for bead in range(n_beads):
        weights[bead_of_atom.index(bead)] = draw(positive)
    return bead_of_atom, weights


def matrices(mapping):
    """M and M+ as the paper defines them, sections 3.1 and C.1."""
    lifting = np.eye(mapping.n_beads)[mapping.bead_of_atom]
    return (lifting * mapping.weights[:, None]).T, lifting


def random_positions(mapping, seed, *shape):
    rng = np.random.default_rng(seed)
    return rng.normal(scale=10.0, size=(*shape, mapping.n_atoms, 3))


class TestLaws:
    @laws
    @given(assignments(), st.integers(0, 99))
    def test_lift_then_project_is_the_identity(self, arguments, seed):
        mapping = Mapping(*arguments)
        beads = np.random.default_rng(seed).normal(size=(2, mapping.n_beads, 3))
        np.testing.assert_allclose(
            mapping.project(mapping.lift(beads)), beads, rtol=1e-14, atol=1e-15
        )

    @laws
    @given(assignments(), st.integers(0, 99))
    def test_both_are_the_matrices_of_the_paper(self, arguments, seed):
        mapping = Mapping(*arguments)
        projecting, lifting = matrices(mapping)
        atoms = random_positions(mapping, seed)
        beads = mapping.project(atoms)
        np.testing.assert_allclose(beads, projecting @ atoms, atol=1e-12)
        np.testing.assert_array_equal(mapping.lift(beads), lifting @ beads)

    @laws
    @given(assignments(), st.integers(0, 99), st.sampled_from([1, -1]))
    def test_projection_is_equivariant(self, arguments, seed, determinant):
        mapping = Mapping(*arguments)
        rng = np.random.default_rng(seed)
        rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        rotation *= determinant * np.linalg.det(rotation)
        shift = rng.normal(scale=10.0, size=3)
        atoms = random_positions(mapping, seed)
        np.testing.assert_allclose(
            mapping.project(atoms @ rotation.T + shift),
            mapping.project(atoms) @ rotation.T + shift,
            atol=1e-12,
        )

    @laws
    @given(assignments())
    def test_weights_sum_to_one_over_every_bead(self, arguments):
        mapping = Mapping(*arguments)
        totals = np.bincount(mapping.bead_of_atom, mapping.weights)
        np.testing.assert_allclose(totals, 1.0, rtol=1e-14)

    @laws
    @given(assignments())
    def test_channels_are_those_of_the_papers_loop(self, arguments):
        mapping = Mapping(*arguments)
        channels = np.zeros_like(mapping.bead_of_atom)
        for bead in np.unique(mapping.bead_of_atom):
            is_inside = mapping.bead_of_atom == bead
            channels[is_inside] = list(range(is_inside.sum()))
        np.testing.assert_array_equal(mapping.channel_of_atom, channels)
        assert mapping.largest_bead == channels.max() + 1

    @laws
    @given(assignments(), st.integers(0, 99))
    def test_a_batch_is_bit_for_bit_its_frames(self, arguments, seed):
        mapping = Mapping(*arguments)
        frames = random_positions(mapping, seed, 2, 3).astype(np.float32)
        beads = mapping.project(frames)
        assert beads.shape == (2, 3, mapping.n_beads, 3)
        assert mapping.lift(beads).shape == frames.shape
        for i, j in np.ndindex(2, 3):
            np.testing.assert_array_equal(beads[i, j], mapping.project(frames[i, j]))

    @laws
    @given(assignments())
    def test_atoms_of_beads_partition_the_atoms(self, arguments):
        mapping = Mapping(*arguments)
        groups = [mapping.atoms_of_bead(bead) for bead in range(mapping.n_beads)]
        assert all((mapping.bead_of_atom[g] == b).all() for b, g in enumerate(groups))
        assert sorted(np.concatenate(groups)) == list(range(mapping.n_atoms))

    @laws
    @given(assignments())
    def test_survives_json_pickle_and_copy_unchanged(self, arguments):
        mapping = Mapping(*arguments)
        plain = json.loads(json.dumps(mapping.to_dict()))
        assert Mapping.from_dict(plain) == mapping
        for twin in (pickle.loads(pickle.dumps(mapping)), copy.deepcopy(mapping)):
            assert twin == mapping
            assert not twin.weights.flags.writeable
        again = Mapping(
            mapping.bead_of_atom, mapping.weights, bead_names=mapping.bead_names
        )
        assert again == mapping


class TestProjection:
    def test_toy_example_of_the_paper(self):
        # Appendix C.2: {{1, 2, 3}, {4}} by geometric centres.
        mapping = Mapping([0, 0, 0, 1])
        projecting, lifting = matrices(mapping)
        np.testing.assert_allclose(projecting, [[1 / 3] * 3 + [0], [0, 0, 0, 1]])
        np.testing.assert_array_equal(lifting, [[1, 0], [1, 0], [1, 0], [0, 1]])
        np.testing.assert_allclose(projecting @ lifting, np.eye(2))

    def test_mass_weights_give_the_centre_of_mass(self):
        mapping = Mapping([0, 0], "mass", masses=[1.0, 3.0])
        assert mapping.project([[0.0, 0, 0], [4, 0, 0]]).tolist() == [[3, 0, 0]]

    def test_atoms_without_weight_are_not_looked_at(self):
        mapping = Mapping([0, 0, 1], [0.0, 2.0, 1.0])
        beads = mapping.project([[np.nan] * 3, [1.0, 2, 3], [4, 5, 6]])
        assert beads.tolist() == [[1, 2, 3], [4, 5, 6]]

    def test_float32_is_kept_and_summed_in_float64(self):
        n_atoms = 100_000
        mapping = Mapping(np.zeros(n_atoms, dtype=int))
        positions = np.full((n_atoms, 3), 99.9, dtype=np.float32)
        beads = mapping.project(positions)
        assert beads.dtype == mapping.lift(beads).dtype == np.float32
        np.testing.assert_array_equal(beads, positions[:1])

    def test_integers_are_positions_too(self):
        assert Mapping([0, 0]).project([[0, 0, 0], [1, 1, 1]]).tolist() == [[0.5] * 3]

    def test_input_is_left_alone(self):
        positions = np.ones((2, 3))
        Mapping([0, 1]).project(positions)[:] = 7
        Mapping([0, 1]).lift(positions)[:] = 7
        assert (positions == 1).all()

    def test_huge_weights_do_not_overflow(self):
        weights = Mapping([0, 0], [1e308, 1e308]).weights
        assert weights.tolist() == [0.5, 0.5]

    @pytest.mark.parametrize("shape", [(3, 3), (2, 2), (6,), (2, 3, 1)])
    def test_a_wrong_shape_is_refused(self, shape):
        mapping = Mapping([0, 0])
        with pytest.raises(ValueError, match=r"`positions` has shape .* 2 atoms"):
            mapping.project(np.zeros(shape))
        with pytest.raises(ValueError, match=r"`bead_positions` has shape .* 1 beads"):
            mapping.lift(np.zeros(shape))


class TestConstruction:
    def test_the_assignment_is_copied_and_read_only(self):
        given = np.array([0, 1])
        mapping = Mapping(given)
        given[:] = 5
        assert mapping.bead_of_atom.tolist() == [0, 1]
        for array in (mapping.bead_of_atom, mapping.weights, mapping.channel_of_atom):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1

    def test_attributes_cannot_be_set(self):
        with pytest.raises(AttributeError, match="weights"):
            Mapping([0]).weights = np.ones(1)

    def test_given_weights_stay_the_callers(self):
        weights = np.array([1.0, 1.0])
        Mapping([0, 1], weights)
        weights[0] = 3

    def test_compares_by_value(self):
        mapping = Mapping([0, 0])
        assert mapping == Mapping([0, 0], "geometry") == Mapping([0, 0], [3.0, 3.0])
        assert mapping != Mapping([0, 1])
        assert mapping != Mapping([0, 0], [1.0, 2.0])
        assert mapping != Mapping([0, 0], bead_names=["CA"])
        assert mapping != "mapping"

    def test_says_what_it_is(self):
        assert repr(Mapping([0, 1, 1])) == "<Mapping of 3 atoms to 2 beads>"

    def test_a_bead_that_is_not_there(self):
        for bead in (-1, 2):
            with pytest.raises(IndexError, match="`bead` is .* has 2 beads"):
                Mapping([0, 1]).atoms_of_bead(bead)

    @pytest.mark.parametrize(
        ("bead_of_atom", "error", "match"),
        [
            ([], ValueError, r"has shape \(0,\)"),
            ([[0, 1]], ValueError, r"has shape \(1, 2\)"),
            ([0.0, 1.0], TypeError, "of type float64 but must be of integers"),
            ([True, False], TypeError, "of type bool but must be of integers"),
            ([0, -1], ValueError, "holds -1 but beads are numbered from 0"),
            ([0, 2], ValueError, "up to 2 but fills 2 of them"),
            ([10**12, 0], ValueError, "without a gap"),
        ],
    )
    def test_bad_assignments(self, bead_of_atom, error, match):
        with pytest.raises(error, match=f"`bead_of_atom` .*{match}"):
            Mapping(bead_of_atom)

    @pytest.mark.parametrize(
        ("weights", "match"),
        [
            ("centre", "`weights` is 'centre' but must be"),
            ("mass", "`masses` is None"),
            ([1.0, 1.0], r"`weights` has shape \(2,\) but there are 3 atoms"),
            ([1.0, -1.0, 1.0], "`weights` holds -1.0 for atom 1"),
            ([1.0, 1.0, np.nan], "`weights` holds nan for atom 2"),
            ([0.0, 1.0, 1.0], r"zero for every atom of bead 0 \(B0\)"),
        ],
    )
    def test_bad_weights(self, weights, match):
        with pytest.raises(ValueError, match=match):
            Mapping([0, 1, 1], weights)

    def test_bad_masses(self):
        with pytest.raises(ValueError, match="`masses` has shape"):
            Mapping([0, 1], "mass", masses=[1.0])

    @pytest.mark.parametrize("bead_names", [["A"], ["A", "B", "C"]])
    def test_names_of_the_wrong_number(self, bead_names):
        with pytest.raises(ValueError, match="`bead_names` has . names .* 2 beads"):
            Mapping([0, 1], bead_names=bead_names)

    def test_a_string_is_not_a_list_of_names(self):
        with pytest.raises(TypeError, match="sequence of strings"):
            Mapping([0, 1], bead_names="AB")


class TestFiles:
    def test_round_trip_and_nothing_left_over(self, tmp_path):
        mapping = Mapping([1, 0, 0], [1, 2, 3], bead_names=["é", "CA"])
        path = tmp_path / "mapping.json"
        path.write_text("an older file")
        mapping.save(path)
        assert Mapping.load(path) == mapping
        assert [p.name for p in tmp_path.iterdir()] == ["mapping.json"]

    def test_people_can_read_it(self, tmp_path):
        Mapping([0, 1, 0], bead_names=["BB", "SC"]).save(tmp_path / "m.json")
        lines = (tmp_path / "m.json").read_text().splitlines()
        assert '  {"name": "BB", "atoms": [0, 2], "weights": [0.5, 0.5]},' in lines

    def test_weights_of_people_are_normalised(self):
        plain = Mapping([0, 0]).to_dict()
        plain["beads"][0]["weights"] = [1, 3]
        assert Mapping.from_dict(plain).weights.tolist() == [0.25, 0.75]

    def test_a_failed_write_leaves_nothing(self, tmp_path):
        (tmp_path / "folder").mkdir()
        with pytest.raises(OSError, match="folder"):
            Mapping([0]).save(tmp_path / "folder")
        assert [p.name for p in tmp_path.iterdir()] == ["folder"]

    @pytest.mark.parametrize(
        "content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"3", b"[]", b"{}"]
    )
    def test_what_is_no_mapping_is_refused(self, tmp_path, content):
        path = tmp_path / "bad.json"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="bad.json' is not a mapping this version"):
            Mapping.load(path)

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="none.json"):
            Mapping.load(tmp_path / "none.json")

    @pytest.mark.parametrize(
        ("changes", "match"),
        [
            ({"format": "other"}, '"format"'),
            ({"format_version": 2}, "`format_version` is 2 but"),
            ({"format_version": None}, "`format_version` is None"),
            ({"n_atoms": "3"}, "`n_atoms` must be an integer"),
            ({"n_atoms": 10**15}, "do not hold `n_atoms`"),
            ({"n_atoms": 4}, "do not hold `n_atoms` = 4 atoms"),
            ({"beads": {}}, "`beads` a list"),
            ({"beads": [3]}, "`n_atoms` = 3"),
            ({"beads": []}, "`n_atoms` = 3"),
        ],
    )
    def test_bad_documents(self, changes, match):
        plain = Mapping([0, 1, 1]).to_dict() | changes
        with pytest.raises(ValueError, match=match):
            Mapping.from_dict(plain)

    @pytest.mark.parametrize(
        ("changes", "match"),
        [
            ({"name": 3}, "must have a name"),
            ({"atoms": [1, 1]}, "each of its atoms once"),
            ({"atoms": [0, 1]}, "an atom of an earlier bead"),
            ({"atoms": [1, 3]}, "number its atoms from 0 to 2"),
            ({"atoms": [1, -1]}, "number its atoms from 0 to 2"),
            ({"atoms": [1, True]}, "number its atoms from 0 to 2"),
            ({"atoms": [1, 2.0]}, "number its atoms from 0 to 2"),
            ({"atoms": [1, [2]]}, "number its atoms from 0 to 2"),
            ({"weights": [1.0]}, "one weight each"),
            ({"weights": [1.0, 10**400]}, "finite numbers"),
            ({"weights": [1.0, "1"]}, "finite numbers"),
            ({"weights": [1.0, float("nan")]}, "finite numbers"),
            ({"weights": [1.0, -1.0]}, "`weights` holds -1.0"),
        ],
    )
    def test_bad_beads(self, changes, match):
        plain = Mapping([0, 1, 1]).to_dict()
        plain["beads"][1] |= changes
        with pytest.raises(ValueError, match=match):
            Mapping.from_dict(plain)
