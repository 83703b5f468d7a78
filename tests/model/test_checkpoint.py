"""A model file gives back the model that was saved, or an error, and runs nothing."""

import hashlib
import json
import os
import pickle
import re
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file

from openmm_cgvae.backmapping.sampler import Sampler
from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model import ModelConfig, checkpoint
from openmm_cgvae.model.checkpoint import (
    FORMAT,
    HEADER_KEY,
    load_file,
    read_header,
    save_model,
)
from openmm_cgvae.model.header_checks import check_atoms
from openmm_cgvae.molecules import AtomTable
from openmm_cgvae.testing.dipeptide import BEADS, untrained

BROKEN = "get the file again"


@pytest.fixture(scope="module")
def model():
    model = untrained(Mapping(BEADS, np.arange(1.0, 23.0)), methyl_labels="as_given")
    model.provenance = {"source": "nowhere", "n_frames": 3, "training": {"fold": 1}}
    return model


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    return save_model(model, tmp_path_factory.mktemp("models") / "tiny.cgvae")


@pytest.fixture(scope="module")
def content(saved):
    return saved.read_bytes()


@pytest.fixture
def damaged(tmp_path):
    return tmp_path / "damaged.cgvae"


def rewritten(saved, target, change=None, tensors=None):
    """The file with its header changed and a digest that fits again."""
    header = read_header(saved)
    if change is not None:
        change(header)
    digest = hashlib.sha256(json.dumps(header).encode()).hexdigest()
    text = json.dumps({**header, "header_sha256": digest})
    tensors = load_tensors(saved) if tensors is None else tensors
    save_file(tensors, target, metadata={HEADER_KEY: text})
    return target


def weights_are_equal(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(
        torch.equal(ours[name], theirs[name]) for name in ours
    )


def models_are_equal(one, other):
    return (
        weights_are_equal(one, other)
        and one.config == other.config
        and one.vocabulary == other.vocabulary
        and one.mapping == other.mapping
        and one.atom_table.to_dict() == other.atom_table.to_dict()
        and one.provenance == other.provenance
    )


def test_a_saved_model_comes_back(model, saved):
    loaded = load_file(saved)
    assert models_are_equal(loaded, model)
    assert not loaded.training
    beads = np.random.default_rng(0).normal(size=(2, 3, 3))
    frames = np.array([0, 1])
    ours = Sampler(model).sample(beads, frames, 2, seed=1)
    theirs = Sampler(loaded).sample(beads, frames, 2, seed=1)
    np.testing.assert_array_equal(ours, theirs)


def test_saving_what_was_loaded_gives_the_same_file(saved, content, tmp_path):
    again = save_model(load_file(saved), tmp_path / "again.cgvae")
    assert again.read_bytes() == content


def test_the_header_is_read_without_the_weights(model, saved):
    header = read_header(saved)
    assert header["format"] == FORMAT
    assert header["units"] == {"length": "angstrom"}
    assert header["provenance"] == model.provenance
    assert ModelConfig.from_dict(header["config"]) == model.config


def test_others_may_read_the_file(model, tmp_path):
    umask = os.umask(0o022)
    try:
        path = save_model(model, tmp_path / "new" / "folder" / "m.cgvae")
    finally:
        os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    model, tmp_path, monkeypatch
):
    path = save_model(model, tmp_path / "kept.cgvae")
    before = path.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.Path, "replace", full_disk)
    with pytest.raises(OSError, match="no space is left on the disk"):
        save_model(model, path)
    assert [found.name for found in tmp_path.iterdir()] == ["kept.cgvae"]
    assert path.read_bytes() == before


def test_provenance_has_to_be_plain(tmp_path):
    model = untrained()
    model.provenance = {"when": object()}
    with pytest.raises(TypeError, match="not JSON serializable"):
        save_model(model, tmp_path / "m.cgvae")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a file; list_models"):
        load_file(tmp_path / "none.cgvae")
    with pytest.raises(FileNotFoundError, match="is not a file"):
        read_header(tmp_path)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_file_cut_anywhere_is_refused(content, tmp_path_factory, data):
    n_kept = data.draw(st.integers(0, len(content) - 1))
    path = tmp_path_factory.mktemp("cut") / "cut.cgvae"
    path.write_bytes(content[:n_kept])
    with pytest.raises(ValueError, match=BROKEN):
        load_file(path)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_flipped_bit_is_noticed_or_harmless(model, content, tmp_path_factory, data):
    header_ends = 8 + int.from_bytes(content[:8], "little")
    in_header = st.integers(0, header_ends - 1)
    anywhere = st.integers(0, len(content) - 1)
    byte = data.draw(st.one_of(in_header, in_header, anywhere))
    flipped = bytearray(content)
    flipped[byte] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("flip") / "flip.cgvae"
    path.write_bytes(flipped)
    try:
        loaded = load_file(path)
    except ValueError as error:
        is_told = str(path) in str(error)
    else:
        is_told = models_are_equal(loaded, model)
    assert is_told


class Trap:
    def __reduce__(self):
        return os.mkdir, ("the-trap-sprang",)


def test_a_pickle_in_disguise_is_not_run(damaged, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    damaged.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match=BROKEN):
        load_file(damaged)
    torch.save({"weights": Trap()}, damaged)
    with pytest.raises(ValueError, match=BROKEN):
        load_file(damaged)
    assert not (tmp_path / "the-trap-sprang").exists()


def test_tensors_of_something_else_are_refused(damaged):
    save_file({"x": torch.zeros(3)}, damaged)
    with pytest.raises(ValueError, match="without the header of a model"):
        load_file(damaged)


def test_a_newer_format_asks_for_an_update(saved, damaged):
    rewritten(saved, damaged, lambda header: header.update(format=FORMAT + 1))
    with pytest.raises(ValueError, match=f"format {FORMAT + 1}, .*update openmm_cgvae"):
        load_file(damaged)
    with pytest.raises(ValueError, match="update openmm_cgvae"):
        read_header(damaged)


@pytest.mark.parametrize(
    "text", ["", "[]", "5", "null", "{", "[" * 100_000, "9" * 5_000, '{"format": {}}']
)
def test_a_header_that_is_no_header_is_refused(damaged, text):
    save_file({"x": torch.zeros(3)}, damaged, metadata={HEADER_KEY: text})
    with pytest.raises(ValueError, match=re.escape(f"`path` is {damaged}")):
        load_file(damaged)


def test_a_header_changed_by_hand_is_refused(saved, damaged):
    header = read_header(saved)
    header["atom_table"]["masses"][0] += 1
    text = json.dumps({**header, "header_sha256": "0" * 64})
    save_file(load_tensors(saved), damaged, metadata={HEADER_KEY: text})
    with pytest.raises(ValueError, match="changed after it was written"):
        read_header(damaged)


MOST_MODULES = 1000
SIZES = ["n_channels", "n_radial", "encoder_layers", "prior_layers", "decoder_layers"]


@pytest.mark.parametrize("size", [10**9, 10**12, 2**63, 10**30])
@pytest.mark.parametrize("name", [*SIZES, "n_frames_of_bead"])
def test_a_header_that_asks_for_a_huge_network_costs_nothing(
    saved, damaged, name, size, monkeypatch
):
    def ask(header):
        header["config"].update({name: size, "decoder": "local_frames"})

    rewritten(saved, damaged, ask)
    made = []
    original = torch.nn.Module.__init__

    def count(module, *given, **options):
        made.append(type(module))
        assert len(made) < MOST_MODULES
        original(module, *given, **options)

    monkeypatch.setattr(torch.nn.Module, "__init__", count)
    tracemalloc.start()
    with pytest.raises(ValueError, match=BROKEN):
        load_file(damaged)
    assert tracemalloc.get_traced_memory()[1] < 2e8
    tracemalloc.stop()


KEYS = ["config", "vocabulary", "atom_table", "mapping", "provenance", "weights_sha256"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", [None, 5, "text", [1, 2], [[1]], {"a": 1}, True])
def test_a_field_of_the_wrong_type_is_refused(saved, damaged, key, value):
    if key == "provenance" and isinstance(value, dict):
        value = None  # any record is a provenance
    rewritten(saved, damaged, lambda header: header.update({key: value}))
    with pytest.raises(ValueError, match=BROKEN):
        load_file(damaged)


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_field_is_refused(saved, damaged, key):
    rewritten(saved, damaged, lambda header: header.pop(key))
    with pytest.raises(ValueError, match=rf"{key}.*{BROKEN}"):
        load_file(damaged)


@pytest.mark.parametrize("value", [None, "10", 10.5, -1, True, [10]])
def test_a_size_of_the_wrong_type_is_refused(saved, damaged, value):
    rewritten(saved, damaged, lambda h: h["config"].update(n_channels=value))
    with pytest.raises(ValueError, match=rf"`n_channels`.*{BROKEN}"):
        load_file(damaged)


def test_an_unknown_option_is_refused(saved, damaged):
    rewritten(saved, damaged, lambda h: h["config"].update(n_hands=2))
    with pytest.raises(ValueError, match=rf"`n_hands` is not an option.*{BROKEN}"):
        load_file(damaged)


def test_a_vocabulary_of_another_molecule_is_refused(saved, damaged):
    rewritten(saved, damaged, lambda h: h.update(vocabulary=["1", "2", "3", "4"]))
    with pytest.raises(ValueError, match=rf"does not know.*{BROKEN}"):
        load_file(damaged)


def test_a_mapping_of_another_molecule_is_refused(saved, damaged):
    other = untrained().mapping.__class__([0] * 10).to_dict()
    rewritten(saved, damaged, lambda h: h.update(mapping=other))
    with pytest.raises(ValueError, match=rf"maps 10 atoms.*{BROKEN}"):
        load_file(damaged)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_refused(saved, damaged, value):
    tensors = load_tensors(saved)
    name = sorted(tensors)[0]
    tensors[name].view(-1)[0] = value
    rewritten(saved, damaged, tensors=tensors)
    with pytest.raises(ValueError, match=f"{name} holds values that are not numbers"):
        load_file(damaged)


@pytest.mark.parametrize("dtype", [torch.int32, torch.float64, torch.bool])
def test_weights_of_another_type_are_refused(saved, damaged, dtype):
    tensors = {name: w.to(dtype) for name, w in load_tensors(saved).items()}
    rewritten(saved, damaged, tensors=tensors)
    with pytest.raises(ValueError, match=rf"is of type {dtype}.*{BROKEN}"):
        load_file(damaged)


def test_changed_weights_are_refused(saved, damaged):
    tensors = load_tensors(saved)
    tensors[sorted(tensors)[0]].view(-1)[0] += 1
    rewritten(saved, damaged, tensors=tensors)
    with pytest.raises(ValueError, match=f"not those that were written.*{BROKEN}"):
        load_file(damaged)


def test_missing_and_extra_tensors_are_refused(saved, damaged):
    tensors = load_tensors(saved)
    name = sorted(tensors)[0]
    rewritten(saved, damaged, tensors={**tensors, "more": torch.zeros(1)})
    with pytest.raises(ValueError, match="tensor more is missing, unknown"):
        load_file(damaged)
    fewer = {key: value for key, value in tensors.items() if key != name}
    rewritten(saved, damaged, tensors=fewer)
    with pytest.raises(ValueError, match=f"tensor {name} is missing, unknown"):
        load_file(damaged)
    bent = {**tensors, name: tensors[name].reshape(-1)[:1].clone()}
    rewritten(saved, damaged, tensors=bent)
    with pytest.raises(ValueError, match=f"tensor {name} is missing.* or misshapen"):
        load_file(damaged)


def star(n_atoms):
    """Return a molecule of one atom that is bonded to all others."""
    return {
        "names": [f"C{atom}" for atom in range(n_atoms)],
        "atomic_numbers": [6] * n_atoms,
        "masses": [12.0] * n_atoms,
        "residue_of_atom": [0] * n_atoms,
        "residue_names": ["STR"],
        "residue_ids": [1],
        "insertion_codes": [""],
        "chain_ids": ["A"],
        "bonds": [[0, atom] for atom in range(1, n_atoms)],
        "stereocentres": [],
    }


def test_a_star_of_many_bonds_is_refused_at_once(saved, damaged):
    mapping = untrained().mapping.__class__(np.arange(4000) // 10).to_dict()
    made = {"atom_table": star(4000), "mapping": mapping, "vocabulary": ["6"]}
    rewritten(saved, damaged, lambda header: header.update(made))
    tracemalloc.start()
    with pytest.raises(ValueError, match=rf"atom 0 has 3999 bonds.*{BROKEN}"):
        load_file(damaged)
    assert tracemalloc.get_traced_memory()[1] < 1e8
    tracemalloc.stop()


def test_more_bonds_than_any_molecule_has_are_refused():
    table = star(100)
    # Every atom bonded to the three atoms before it.
    table["bonds"] = sorted(
        [atom - step, atom] for atom in range(100) for step in (1, 2, 3) if step <= atom
    )
    with pytest.raises(ValueError, match="the 100 atoms have 294 bonds, more than any"):
        check_atoms(AtomTable.from_dict(table))


@pytest.mark.parametrize(
    ("name", "value"),
    [("settling_steps", 10**9), ("bead_cutoff", 1e300), ("refinement_steps", 10**6)],
)
def test_a_number_beyond_reason_is_refused(saved, damaged, name, value):
    def ask(header):
        header["config"].pop("refinement_steps", None)
        header["config"][name] = value

    rewritten(saved, damaged, ask)
    with pytest.raises(ValueError, match=rf"but must be .*{BROKEN}"):
        load_file(damaged)


RED = "\x1b[31m"


@pytest.mark.parametrize("key", ["names", "residue_names", "chain_ids"])
def test_a_name_that_commands_a_terminal_is_refused(saved, damaged, key):
    def paint(header):
        header["atom_table"][key][0] = RED

    rewritten(saved, damaged, paint)
    with pytest.raises(
        ValueError, match=rf"holds .*x1b.* control character.*{BROKEN}"
    ) as raised:
        load_file(damaged)
    assert "\x1b" not in str(raised.value)


def test_errors_about_a_file_do_not_repeat_its_escapes(saved, damaged):
    rewritten(saved, damaged, lambda header: header["config"].update({RED: 1}))
    with pytest.raises(ValueError, match=BROKEN) as raised:
        load_file(damaged)
    assert "\x1b" not in str(raised.value)
