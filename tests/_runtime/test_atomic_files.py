"""Files are there whole or not at all."""

import math

import pytest

from openmm_cgvae._runtime.atomic_files import (
    write_atomically,
    write_json,
    written_whole,
)


def test_a_file_is_replaced(tmp_path):
    for content in (b"old", b"new"):
        write_atomically(tmp_path / "file", content)
    assert (tmp_path / "file").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_was_there_stays_if_writing_fails(tmp_path):
    write_atomically(tmp_path / "file", b"old")

    def fail():
        with written_whole(tmp_path / "file") as unfinished:
            unfinished.write_bytes(b"ne")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_numbers_that_json_does_not_have_are_refused(tmp_path, number):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "file.json", {"number": number})
    assert not list(tmp_path.iterdir())
