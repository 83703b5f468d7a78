"""Reference simulations: starts, resumption, provenance, shipped data."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import MDAnalysis as mda
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MDAnalysis.lib.distances import calc_dihedrals
from openmm import app, unit

from openmm_cgvae.data import data_path
from openmm_cgvae.simulation.reference import trajectories as simulate_module
from openmm_cgvae.simulation.reference.dynamics import create_simulation
from openmm_cgvae.simulation.reference.systems import (
    SYSTEMS,
    Start,
    basin_shares,
    ramachandran_torsions,
    system_named,
)
from openmm_cgvae.simulation.reference.trajectories import SimulationConfig, simulate
from openmm_cgvae.simulation.reference.walker_files import WalkerPart, write_pdb

SEQUENCES = {
    "alanine-dipeptide": "ACE ALA NME",
    "chignolin": "ACE TYR TYR ASP PRO GLU THR GLY THR TRP TYR NME",
}
N_ATOMS_AND_BONDS = {"alanine-dipeptide": (22, 21), "chignolin": (175, 180)}
# Quick to run: the walkers start, equilibrate for 20 ps and give a few frames each.
QUICK = {"n_frames": 7, "n_walkers": 2, "interval_ps": 0.2, "progress": False}
EVERY_START = [
    (system, start)
    for system in SYSTEMS.values()
    for start in dict.fromkeys(system.starts)
]


def config(**changes: object) -> SimulationConfig:
    fields: dict[str, object] = {
        "system": "alanine-dipeptide",
        "n_frames": 10,
        "interval_ps": 1.0,
        "temperature": [300.0],
        "n_walkers": 3,
        "seed": 0,
        "platform": "Reference",
    }
    return SimulationConfig(**(fields | changes))


def torsion(positions: np.ndarray, atoms: list[int]) -> float:
    corners = positions[list(atoms)].astype(np.float32)
    return float(np.degrees(calc_dihedrals(*corners)))


def signed_volume(positions: np.ndarray, centre: int, others: list[int]) -> float:
    a, b, c = positions[others] - positions[centre]
    return float(np.dot(np.cross(a, b), c))


@pytest.mark.parametrize("name", SYSTEMS)
def test_structure_has_the_atoms_and_bonds_of_its_sequence(name):
    pdb = SYSTEMS[name].structure()
    residues = [residue.name for residue in pdb.topology.residues()]
    assert " ".join(residues) == SEQUENCES[name]
    n_atoms, n_bonds = N_ATOMS_AND_BONDS[name]
    assert pdb.topology.getNumAtoms() == n_atoms
    assert pdb.topology.getNumBonds() == n_bonds
    assert create_simulation(pdb.topology, 300.0, 1, "Reference") is not None


@pytest.mark.parametrize("name", SYSTEMS)
def test_mdanalysis_reads_every_bond_of_the_structure(name):
    universe = mda.Universe(data_path(f"{name}.pdb"))
    assert len(universe.bonds) == N_ATOMS_AND_BONDS[name][1]


@pytest.mark.parametrize(("system", "start"), EVERY_START, ids=lambda value: value.name)
def test_starts_are_l_peptides_with_trans_amides_at_their_torsions(system, start):
    topology = system.structure().topology
    positions = system.start_positions(start)
    residues = [{a.name: a.index for a in r.atoms()} for r in topology.residues()]
    for atoms, residue in zip(residues, topology.residues(), strict=True):
        # 2S: by falling priority N, C, CB are counterclockwise, hydrogen behind.
        if "HA" in atoms:
            others = [atoms["N"], atoms["C"], atoms["CB"]]
            assert signed_volume(positions, atoms["CA"], others) > 0
        if residue.name == "THR":  # 3R: by falling priority, the other turn
            others = [atoms["OG1"], atoms["CA"], atoms["CG2"]]
            assert signed_volume(positions, atoms["CB"], others) < 0
    for before, after in zip(residues, residues[1:], strict=False):
        before_alpha = before.get("CA", before.get("CH3"))
        after_alpha = after.get("CA", after.get("C"))
        omega = [before_alpha, before["C"], after["N"], after_alpha]
        assert abs(torsion(positions, omega)) > 150
    if start.phi is not None:
        for (phi, psi), name in zip(
            ramachandran_torsions(topology),
            SEQUENCES[system.name].split()[1:-1],
            strict=True,
        ):
            if name != "PRO":
                assert torsion(positions, phi) == pytest.approx(start.phi, abs=0.1)
            assert torsion(positions, psi) == pytest.approx(start.psi, abs=0.1)


@settings(deadline=None, max_examples=25)
@given(phi=st.floats(-179, 179), psi=st.floats(-179, 179))
def test_turning_the_backbone_keeps_every_bond_length(phi, psi):
    system = SYSTEMS["alanine-dipeptide"]
    topology = system.structure().topology
    bonds = np.array([[b.atom1.index, b.atom2.index] for b in topology.bonds()])
    before = np.asarray(system.start_positions(Start(name="as it is")))
    after = system.start_positions(Start(name="turned", phi=phi, psi=psi))
    lengths = [
        np.linalg.norm(np.subtract(*x[bonds].swapaxes(0, 1)), axis=1)
        for x in (before, after)
    ]
    np.testing.assert_allclose(lengths[0], lengths[1], atol=1e-9)


@pytest.mark.parametrize("n_chains", [1, 2])
def test_written_structure_has_a_conect_record_for_every_bond(n_chains, tmp_path):
    pdb = SYSTEMS["alanine-dipeptide"].structure()
    modeller = app.Modeller(pdb.topology, pdb.positions)
    if n_chains == 2:
        modeller.add(pdb.topology, pdb.positions + [1, 1, 1] * unit.nanometer)
    pdb.topology, pdb.positions = modeller.topology, modeller.positions
    write_pdb(tmp_path / "written.pdb", pdb)
    universe = mda.Universe(tmp_path / "written.pdb")
    expected = {
        tuple(sorted((bond.atom1.index, bond.atom2.index)))
        for bond in modeller.topology.bonds()
    }
    assert {
        tuple(sorted(map(int, pair))) for pair in universe.bonds.indices
    } == expected
    assert [path.name for path in tmp_path.iterdir()] == ["written.pdb"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return simulate("alanine-dipeptide", tmp_path_factory.mktemp("run"), **QUICK)


def test_run_gives_the_frames_asked_for_and_nothing_else(uninterrupted):
    universe = mda.Universe(uninterrupted.topology, uninterrupted.trajectory)
    assert universe.trajectory.n_frames == QUICK["n_frames"]
    assert len(universe.bonds) == 21
    times = [frame.time for frame in universe.trajectory]
    np.testing.assert_allclose(times, [0.2, 0.4, 0.6, 0.8, 0.2, 0.4, 0.6], atol=1e-5)
    names = {path.name for path in uninterrupted.topology.parent.iterdir()}
    assert {name for name in names if not name.startswith(".")} == {
        f"alanine-dipeptide.{suffix}" for suffix in ("pdb", "xtc", "json")
    }
    assert not uninterrupted.was_complete


def test_provenance_adds_up(uninterrupted):
    provenance = json.loads(uninterrupted.provenance.read_text())
    assert [walker["n_frames"] for walker in provenance["walkers"]] == [4, 3]
    assert sum(provenance["basin_shares"].values()) == pytest.approx(1)
    assert provenance["config"]["platform"] == "Reference"
    assert provenance["method"]["force_field"] == [
        "amber99sbildn.xml",
        "amber99_obc.xml",
    ]


def test_same_seed_same_frames_other_seed_other_frames(uninterrupted, tmp_path):
    again = simulate("alanine-dipeptide", tmp_path / "again", **QUICK)
    other = simulate("alanine-dipeptide", tmp_path / "other", seed=1, **QUICK)
    assert again.trajectory.read_bytes() == uninterrupted.trajectory.read_bytes()
    assert other.trajectory.read_bytes() != uninterrupted.trajectory.read_bytes()


@pytest.mark.parametrize("n_before", [2, 6])
@pytest.mark.parametrize("checkpoint_seconds", [0.0, 1e9])
def test_resumed_run_equals_the_uninterrupted(
    n_before, checkpoint_seconds, uninterrupted, tmp_path, monkeypatch
):
    append, appended = WalkerPart.append, []

    def append_then_die(self, positions):
        if len(appended) == n_before:
            with self.frames.open("ab") as file:  # a frame torn in the middle
                file.write(b"\0\0\7\xcb\0\0")
            raise KeyboardInterrupt
        appended.append(self)
        append(self, positions)

    monkeypatch.setattr(simulate_module, "CHECKPOINT_SECONDS", checkpoint_seconds)
    with monkeypatch.context() as patch:
        patch.setattr(WalkerPart, "append", append_then_die)
        with pytest.raises(KeyboardInterrupt):
            simulate("alanine-dipeptide", tmp_path, **QUICK)
    assert not (tmp_path / "alanine-dipeptide.xtc").exists()
    with pytest.raises(ValueError, match=r"\(config.seed was 0, now 5; see"):
        simulate("alanine-dipeptide", tmp_path, seed=5, **QUICK)
    resumed = simulate("alanine-dipeptide", tmp_path, **QUICK)
    assert resumed.trajectory.read_bytes() == uninterrupted.trajectory.read_bytes()


def test_run_killed_outright_is_continued(uninterrupted, tmp_path):
    script = f"""
import os, signal
from openmm_cgvae.simulation.reference import trajectories as module
from openmm_cgvae.simulation.reference.walker_files import WalkerPart
module.CHECKPOINT_SECONDS = 0.0
append, n_appended = WalkerPart.append, 0
def append_then_die(self, positions):
    global n_appended
    append(self, positions)
    n_appended += 1
    if n_appended == 5:
        os.kill(os.getpid(), signal.SIGKILL)
WalkerPart.append = append_then_die
module.simulate("alanine-dipeptide", {str(tmp_path)!r}, **{QUICK!r})
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -signal.SIGKILL
    resumed = simulate("alanine-dipeptide", tmp_path, **QUICK)
    assert resumed.trajectory.read_bytes() == uninterrupted.trajectory.read_bytes()


def stop_after(n_frames, folder, monkeypatch):
    """Begin a run and leave what there is after some frames, with checkpoints."""
    append, appended = WalkerPart.append, []

    def append_then_die(self, positions):
        if len(appended) == n_frames:
            raise KeyboardInterrupt
        appended.append(self)
        append(self, positions)

    with monkeypatch.context() as patch:
        patch.setattr(simulate_module, "CHECKPOINT_SECONDS", 0.0)
        patch.setattr(WalkerPart, "append", append_then_die)
        with pytest.raises(KeyboardInterrupt):
            simulate("alanine-dipeptide", folder, **QUICK)
    return folder / "alanine-dipeptide.parts"


@pytest.mark.parametrize("walker", [0, 1])  # one that is finished, one that is not
@pytest.mark.parametrize("loss", ["frames", "some frames", "checkpoint"])
def test_a_checkpoint_that_outlives_its_frames_is_none(
    uninterrupted, tmp_path, monkeypatch, walker, loss
):
    parts = stop_after(6, tmp_path, monkeypatch)
    frames = parts / f"walker-{walker:04d}.xtc"
    if loss == "frames":
        frames.unlink()
    elif loss == "some frames":
        os.truncate(frames, frames.stat().st_size - 100)
    else:
        frames.with_suffix(".checkpoint").write_bytes(b"")
    resumed = simulate("alanine-dipeptide", tmp_path, **QUICK)
    assert resumed.trajectory.read_bytes() == uninterrupted.trajectory.read_bytes()


def test_damaged_frames_never_get_the_final_name(tmp_path, monkeypatch):
    parts = stop_after(6, tmp_path, monkeypatch)
    frames = parts / "walker-0000.xtc"
    frames.write_bytes(bytes(frames.stat().st_size))
    with pytest.raises(ValueError, match="of 7 frames only 0 can be read; remove"):
        simulate("alanine-dipeptide", tmp_path, **QUICK)
    assert not (tmp_path / "alanine-dipeptide.xtc").exists()


WAITING = """
import sys
from openmm_cgvae.simulation.reference import trajectories as module
from openmm_cgvae.simulation.reference.walker_files import WalkerPart
append = WalkerPart.append
def append_and_wait(self, positions):
    append(self, positions)
    if sys.stdin is not None:
        print("running", flush=True)
        sys.stdin.read()
        sys.stdin = None
WalkerPart.append = append_and_wait
module.simulate("alanine-dipeptide", {folder!r}, **{options!r})
"""


def test_a_second_process_is_refused_and_mixes_nothing(uninterrupted, tmp_path):
    script = WAITING.format(folder=str(tmp_path), options=QUICK)
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "running\n"
        with pytest.raises(RuntimeError, match="`output` is being written by another"):
            simulate("alanine-dipeptide", tmp_path, **QUICK)
        process.communicate()
    assert process.returncode == 0
    result = simulate("alanine-dipeptide", tmp_path, **QUICK)
    assert result.was_complete
    assert result.trajectory.read_bytes() == uninterrupted.trajectory.read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_complete_run_is_not_repeated(uninterrupted, caplog):
    before = uninterrupted.trajectory.stat().st_mtime_ns
    with caplog.at_level("INFO"):
        again = simulate("alanine-dipeptide", uninterrupted.topology.parent, **QUICK)
    assert again.was_complete
    assert "is complete" in caplog.text
    assert uninterrupted.trajectory.stat().st_mtime_ns == before
    with pytest.raises(
        ValueError, match=r"holds a run with .*temperature was \[300.0\], now \[310.0\]"
    ):
        simulate(
            "alanine-dipeptide",
            uninterrupted.topology.parent,
            temperature=310.0,
            **QUICK,
        )


def test_foreign_files_are_not_overwritten(tmp_path):
    (tmp_path / "chignolin.xtc").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="`output` holds chignolin.xtc"):
        simulate("chignolin", tmp_path)
    assert (tmp_path / "chignolin.xtc").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["chignolin.xtc"]


@pytest.mark.slow
def test_chignolin_runs_stably(tmp_path):
    result = simulate("chignolin", tmp_path, n_frames=8, n_walkers=4, progress=False)
    universe = mda.Universe(result.topology, result.trajectory)
    pairs = universe.bonds.indices
    for frame in universe.trajectory:
        a, b = frame.positions[pairs].swapaxes(0, 1)
        assert np.linalg.norm(a - b, axis=1).max() < 2.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"system": "water"}, "`system` is 'water' but only 'alanine-dipeptide' and"),
        ({"n_frames": 0}, "`n_frames` is 0 but must be at least 1; every walker"),
        ({"n_frames": 2}, "`n_frames` is 2 but must be at least 3; every walker"),
        ({"n_walkers": 0}, "`n_walkers` is 0 but must be at least 1; ask"),
        ({"seed": -1}, "`seed` is -1 but must be at least 0; choose"),
        ({"interval_ps": 0.0}, "`interval_ps` is 0.0 but must be a positive multiple"),
        ({"interval_ps": 0.005}, "`interval_ps` is 0.005 but must be a positive"),
        ({"interval_ps": float("nan")}, "`interval_ps` is nan but must be"),
        ({"temperature": [0.0]}, "`temperature` is 0.0 but must be positive; 300"),
        ({"temperature": []}, "`temperature` is empty but must be a positive number"),
        ({"platform": "Abacus"}, "`platform` is 'Abacus' but OpenMM has .*Reference"),
    ],
)
def test_impossible_settings_are_told(changes, message):
    with pytest.raises(ValueError, match=message):
        config(**changes)


def test_unknown_names_are_told(tmp_path):
    with pytest.raises(ValueError, match="`system` is 'water' but only"):
        simulate("water", tmp_path / "never made")
    assert not (tmp_path / "never made").exists()
    with pytest.raises(ValueError, match="choose one of these"):
        system_named("water")
    with pytest.raises(FileNotFoundError, match="`name` is 'water.pdb' but must be"):
        data_path("water.pdb")


@settings(deadline=None, max_examples=25)
@given(n_walkers=st.integers(1, 50), n_more=st.integers(0, 1000))
def test_walkers_share_the_frames_evenly(n_walkers, n_more):
    shares = config(n_walkers=n_walkers, n_frames=n_walkers + n_more).frames_of_walker
    assert sum(shares) == n_walkers + n_more
    assert len(shares) == n_walkers
    assert max(shares) - min(shares) <= 1


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**40), walker=st.integers(0, 1000))
def test_seeds_are_what_openmm_takes(seed, walker):
    drawn = config(seed=seed).seeds(walker)
    assert all(0 < word < 2**31 for word in drawn)
    assert drawn != config(seed=seed + 1).seeds(walker)
    assert drawn != config(seed=seed).seeds(walker + 1)


def test_shipped_trajectory_is_what_its_provenance_says():
    provenance = json.loads(data_path("alanine-dipeptide.json").read_text())
    topology = SYSTEMS["alanine-dipeptide"].structure().topology
    trajectory = data_path("alanine-dipeptide.xtc")
    universe = mda.Universe(data_path("alanine-dipeptide.pdb"), trajectory)
    shipped = SimulationConfig(**provenance["config"])
    assert universe.trajectory.n_frames == shipped.n_frames == 20_000
    n_frames = [walker["n_frames"] for walker in provenance["walkers"]]
    assert tuple(n_frames) == shipped.frames_of_walker
    shares = basin_shares(Path(trajectory), topology)
    assert shares == provenance["basin_shares"]
    left, alpha, beta = shares.values()
    assert 0.05 < left < 0.25
    assert min(alpha, beta) > 0.2


def test_shipped_frames_are_sound():
    universe = mda.Universe(
        data_path("alanine-dipeptide.pdb"), data_path("alanine-dipeptide.xtc")
    )
    names = {(a.resname, a.name): a.index for a in universe.atoms}
    others = [names["ALA", "N"], names["ALA", "C"], names["ALA", "CB"]]
    pairs = universe.bonds.indices
    for frame in universe.trajectory[::100]:
        positions = frame.positions
        assert signed_volume(positions, names["ALA", "CA"], others) > 0
        a, b = positions[pairs].swapaxes(0, 1)
        assert np.linalg.norm(a - b, axis=1).max() < 1.8
