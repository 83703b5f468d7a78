"""Frames are counted by what they say of their length, and a byte less is one less."""

import MDAnalysis as mda
import numpy as np
import pytest

from openmm_cgvae.structures.export.frame_files import (
    FRAME_FORMATS,
    check_frames,
    count_frames,
)

N_FRAMES = 4
BOX = np.array([20.0, 30.0, 40.0, 80.0, 85.0, 90.0])
pytestmark = pytest.mark.filterwarnings("ignore:No dimensions set")


def trajectory(path, n_atoms=30, box=BOX, velocities=False):
    universe = mda.Universe.empty(n_atoms, trajectory=True, velocities=velocities)
    universe.dimensions = box
    with mda.Writer(str(path), n_atoms) as writer:
        for seed in range(N_FRAMES):
            where = np.random.default_rng(seed).uniform(0, 20, (n_atoms, 3))
            universe.atoms.positions = where
            writer.write(universe.atoms)
    return path


@pytest.mark.parametrize("file_format", FRAME_FORMATS)
@pytest.mark.parametrize("n_atoms", [1, 9, 10, 300])
@pytest.mark.parametrize("box", [None, BOX])
@pytest.mark.parametrize("velocities", [False, True])
def test_whole_files_have_their_frames_and_nothing_else(
    tmp_path, file_format, n_atoms, box, velocities
):
    path = trajectory(tmp_path / f"a.{file_format}", n_atoms, box, velocities)
    assert count_frames(path, file_format) == (N_FRAMES, path.stat().st_size)
    check_frames(path, N_FRAMES, file_format)


@pytest.mark.parametrize("file_format", FRAME_FORMATS)
def test_every_byte_counts(tmp_path, file_format):
    path = trajectory(tmp_path / f"a.{file_format}", 12)
    content = path.read_bytes()
    end_of_frame = [count_frames(path, file_format)[1]]
    for n_bytes in range(len(content) - 1, -1, -3):
        path.write_bytes(content[:n_bytes])
        n_frames, end = count_frames(path, file_format)
        assert n_frames < N_FRAMES
        assert end <= n_bytes
        end_of_frame.append(end)
        if n_bytes % 89 == 0:
            with pytest.raises(OSError, match="frames were written"):
                check_frames(path, N_FRAMES, file_format)
    assert sorted(end_of_frame, reverse=True) == end_of_frame


@pytest.mark.parametrize("file_format", FRAME_FORMATS)
def test_bytes_lost_in_the_middle_are_noticed(tmp_path, file_format):
    path = trajectory(tmp_path / f"a.{file_format}")
    content = path.read_bytes()
    place = len(content) // 2
    path.write_bytes(content[:place] + content[place + 64 :])
    with pytest.raises(OSError, match="frames were written"):
        check_frames(path, N_FRAMES, file_format)


@pytest.mark.parametrize("file_format", FRAME_FORMATS)
def test_counting_goes_on_where_it_was(tmp_path, file_format):
    path = trajectory(tmp_path / f"a.{file_format}")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    n_before, end = count_frames(path, file_format)
    path.write_bytes(content)
    n_after, _ = count_frames(path, file_format, end)
    assert n_before + n_after == N_FRAMES


def test_the_file_is_left_as_it_was(tmp_path):
    path = trajectory(tmp_path / "a.xtc")
    content = path.read_bytes()[:-1]
    path.write_bytes(content)
    with pytest.raises(OSError, match="write it again, or to another disk"):
        check_frames(path, N_FRAMES, "xtc")
    assert path.read_bytes() == content
