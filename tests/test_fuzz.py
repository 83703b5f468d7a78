"""Files of models and mappings that nobody would write, read within bounds.

Whatever comes, a sentence that names the file comes out, or what was written went in
unharmed; no memory beyond the file's own size, nothing executed.
"""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model.checkpoint import load_file, read_header, save_model
from openmm_cgvae.testing import dipeptide

pytestmark = pytest.mark.slow

MOST_MEMORY = 2e8  # bytes
MODEL = dipeptide.untrained()
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def content(place):
    return save_model(MODEL, place / "whole.cgvae").read_bytes()


def reads_or_tells(read, path):
    """Read a file; a sentence about it is as good, and memory has a bound."""
    tracemalloc.start()
    try:
        found = read(path)
    except ValueError as error:
        found = error
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < MOST_MEMORY
    if isinstance(found, ValueError):
        assert path.name in str(found)
        return None
    return found


@settings(deadline=None, max_examples=400)
@given(data=st.binary(max_size=300))
def test_any_bytes_for_a_model(place, data):
    path = place / "bytes.cgvae"
    path.write_bytes(data)
    assert reads_or_tells(load_file, path) is None
    path.write_bytes(len(data).to_bytes(8, "little") + data + bytes(50))
    assert reads_or_tells(load_file, path) is None


@settings(deadline=None, max_examples=400)
@given(data=st.data())
def test_pieces_of_a_model_cut_out_doubled_and_overwritten(place, content, data):
    first = data.draw(st.integers(0, len(content)))
    last = data.draw(st.integers(first, min(len(content), first + 200)))
    put = data.draw(st.binary(max_size=40) | st.just(content[first:last] * 2))
    path = place / "pieces.cgvae"
    path.write_bytes(content[:first] + put + content[last:])
    read = reads_or_tells(load_file, path)
    if read is not None:
        for name, tensor in MODEL.state_dict().items():
            assert read.state_dict()[name].equal(tensor)


@settings(deadline=None, max_examples=400)
@given(
    dtype=st.sampled_from(["F32", "F64", "I64", "BOOL", "U8", "X9"]),
    shape=st.lists(st.integers(-2, 10**13), max_size=5),
    begin=st.integers(-5, 10**14),
    length=st.integers(-5, 10**14),
)
def test_tensors_that_are_declared_but_not_there(place, dtype, shape, begin, length):
    entry = {"dtype": dtype, "shape": shape, "data_offsets": [begin, begin + length]}
    header = json.dumps({"x": entry, "__metadata__": {"openmm_cgvae": "{}"}}).encode()
    path = place / "declared.cgvae"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(64))
    assert reads_or_tells(load_file, path) is None
    assert reads_or_tells(read_header, path) is None


@settings(deadline=None, max_examples=400)
@given(data=st.data())
def test_any_field_of_a_mapping(place, data):
    whole = Mapping([0, 0, 1, 2, 2], weights=[1, 0, 2, 3, 4]).to_dict()
    changed = json.loads(json.dumps(whole))
    target = data.draw(st.sampled_from([changed, *changed["beads"]]))
    key = data.draw(st.sampled_from([*target, "more"]))
    target[key] = data.draw(JSON)
    path = place / "mapping.json"
    path.write_text(json.dumps(changed))
    read = reads_or_tells(Mapping.load, path)
    if read is not None:
        again = Mapping.load(read.save(place / "again.json") or place / "again.json")
        assert again == read
        beads = read.project(np.ones((read.n_atoms, 3)))
        np.testing.assert_allclose(beads, 1)


@settings(deadline=None, max_examples=400)
@given(data=st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()))
def test_any_bytes_for_a_mapping(place, data):
    path = place / "bytes.json"
    path.write_bytes(data)
    assert reads_or_tells(Mapping.load, path) is None
