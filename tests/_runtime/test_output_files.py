"""Outputs can be written, and none replaces an input by whatever name."""

import os

import pytest

from openmm_cgvae._runtime.output_files import check_output, refuse_overwriting_input


@pytest.fixture
def beads(tmp_path):
    path = tmp_path / "beads.xtc"
    path.write_bytes(b"frames")
    return path


def test_another_file_is_free(beads):
    refuse_overwriting_input([beads.with_name("atoms.xtc")], [beads])


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_to_an_input_is_refused(beads, link):
    link(beads, beads.with_name("atoms.xtc"))
    with pytest.raises(ValueError, match=r"atoms.xtc', from which `x` is read, and wo"):
        refuse_overwriting_input([beads.with_name("atoms.xtc")], [beads], reader="`x`")


def test_another_spelling_of_an_input_is_refused(beads, monkeypatch):
    monkeypatch.chdir(beads.parent)
    folder = beads.parent.name
    with pytest.raises(ValueError, match="would replace it; give another name"):
        refuse_overwriting_input([f"../{folder}/beads.xtc"], ["other.pdb", beads])


def test_a_name_that_is_not_there_yet_is_compared_too(tmp_path):
    with pytest.raises(ValueError, match="`--output` is '.*a.xtc', from which"):
        refuse_overwriting_input([tmp_path / "a.xtc"], [tmp_path / "a.xtc"], "--output")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"which is a folder; give the name"):
        check_output(tmp_path)


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "a.xtc")
    with pytest.raises(ValueError, match="which is a device or a pipe; give a file"):
        check_output(tmp_path / "a.xtc")


def test_a_name_leaves_room_for_those_of_unfinished_files(tmp_path):
    check_output(tmp_path / ("a" * 200))
    with pytest.raises(
        ValueError, match="a name of 300 letters, 'aaaaaaaaaaaaaaaaaaaa'"
    ):
        check_output(tmp_path / ("a" * 300))


def test_a_folder_that_is_closed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(PermissionError, match="nothing can be written to the folder"):
        check_output(tmp_path / "a.xtc")
