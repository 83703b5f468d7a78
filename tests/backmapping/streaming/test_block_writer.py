import MDAnalysis as mda
import numpy as np
import pytest

from openmm_cgvae.backmapping.bead_reader import BeadBlock
from openmm_cgvae.backmapping.streaming.block_writer import write_block

N_FRAMES, N_ATOMS = 5, 12
BOXES = {
    "none": np.zeros((N_FRAMES, 6)),
    "constant": np.tile([32.1, 43.2, 54.3, 90, 90, 90], (N_FRAMES, 1)),
    "breathing": np.linspace(30, 31, N_FRAMES)[:, None] + [0, 3, 5, 50, 45, 40],
    "in some": np.tile([32.1, 43.2, 54.3, 60, 70, 80], (N_FRAMES, 1))
    * (np.arange(N_FRAMES)[:, None] % 2),
}


@pytest.fixture(params=BOXES)
def block(request):
    generator = np.random.default_rng(0)
    return BeadBlock(
        numbers=np.array([0, 2, 4, 7, 1_000_000]),
        times=np.array([0.0, 0.1, 0.30001, 7.7, 1e6]),
        positions=generator.normal(0, 20, (N_FRAMES, 1, 3, 3)),
        boxes=BOXES[request.param].astype(np.float32),
        others=np.empty((N_FRAMES, 0, 3)),
        skipped=[],
    )


def write_slowly(path, block, atoms):
    """Frame by frame, as the manual of MDAnalysis has it."""
    universe = mda.Universe.empty(N_ATOMS, trajectory=True)
    with mda.Writer(str(path), N_ATOMS) as writer:
        for place, samples in enumerate(atoms):
            for structure in samples:
                universe.atoms.positions = structure
                box = block.boxes[place]
                universe.dimensions = box if box.any() else None
                universe.trajectory.ts.time = block.times[place]
                universe.trajectory.ts.frame = int(block.numbers[place])
                writer.write(universe.atoms)


@pytest.mark.filterwarnings("ignore:No dimensions set")
@pytest.mark.parametrize("ending", ["xtc", "trr", "dcd"])
@pytest.mark.parametrize("n", [1, 3])
def test_files_are_those_of_mdanalysis(tmp_path, block, ending, n):
    atoms = np.random.default_rng(1).normal(0, 30, (N_FRAMES, n, N_ATOMS, 3))
    fast, slow = tmp_path / f"fast.{ending}", tmp_path / f"slow.{ending}"
    write_block(fast, ending, block, atoms, None)
    write_slowly(slow, block, atoms)
    assert fast.read_bytes() == slow.read_bytes()


def test_the_block_stays_as_it_was(tmp_path, block):
    boxes = block.boxes.copy()
    atoms = np.zeros((N_FRAMES, 1, N_ATOMS, 3), dtype=np.float32) + 1
    write_block(tmp_path / "a.xtc", "xtc", block, atoms, None)
    np.testing.assert_array_equal(block.boxes, boxes)
    assert (atoms == 1).all()


@pytest.mark.parametrize("ending", ["xtc", "trr"])
def test_no_writer_of_single_frames_is_made(tmp_path, block, ending, monkeypatch):
    monkeypatch.setattr(mda, "Writer", None)
    atoms = np.zeros((N_FRAMES, 1, N_ATOMS, 3))
    write_block(tmp_path / f"a.{ending}", ending, block, atoms, None)
