"""Files are there whole or not at all."""

import errno
import math
import os

import pytest

from openmm_cgvae._runtime.atomic_files import (
    disk_explained,
    raise_incomplete,
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


def test_a_link_with_a_name_that_could_be_foreseen_is_not_followed(tmp_path):
    """Names of unfinished files cannot be foreseen, and a link is replaced."""
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    for name in (".file.partial", "file.without", "file.partial", "file"):
        (tmp_path / name).symlink_to(victim)
    write_atomically(tmp_path / "file", b"ours")
    assert victim.read_text() == "theirs"
    assert (tmp_path / "file").read_bytes() == b"ours"
    assert not (tmp_path / "file").is_symlink()


def test_no_two_unfinished_files_have_one_name(tmp_path):
    with (
        written_whole(tmp_path / "file.xtc") as first,
        written_whole(tmp_path / "file.xtc") as second,
    ):
        assert first != second
        assert first.suffix == second.suffix == ".xtc"
        first.touch()
        second.touch()


def test_the_longest_name_of_a_file_can_be_written(tmp_path):
    path = tmp_path / ("n" * 251 + ".txt")
    write_atomically(path, b"whole")
    assert path.read_bytes() == b"whole"


def test_a_folder_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="which is a folder; give"):
        write_atomically(tmp_path / "folder", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_device_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="a device or a pipe; give a file"):
        write_atomically(tmp_path / "pipe", b"")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "no space is left on the disk, so '.*file' was not written"),
        (errno.EDQUOT, "the disk quota is used up, so '.*file' was not written"),
        (errno.EFBIG, "the file size limit is reached .* so '.*file' was not written"),
    ],
)
def test_a_full_disk_is_told_of_in_a_sentence(tmp_path, number, reason):
    (tmp_path / "file").write_bytes(b"old")

    def fail():
        with written_whole(tmp_path / "file") as unfinished:
            unfinished.touch()
            raise OSError(number, "in C")

    with pytest.raises(OSError, match=reason) as caught:
        fail()
    assert caught.value.errno == number
    assert (tmp_path / "file").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_other_errors_stay_as_they_are(tmp_path):
    with pytest.raises(OSError, match="^.Errno 5. in C$"), disk_explained(tmp_path):
        raise OSError(errno.EIO, "in C")


def test_what_is_asked_of_the_disk_is_removed_again(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"frames")
    with pytest.raises(OSError, match="not written whole, it is short; write it again"):
        raise_incomplete(path, "it is short")
    assert path.read_bytes() == b"frames"
