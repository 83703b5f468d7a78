"""One run at a time writes to a folder, and only one with the same settings."""

import json
import subprocess
import sys

import pytest

from openmm_cgvae._runtime.run_folder import (
    LOCK,
    check_settings,
    only_run,
    read_settings,
)


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(PermissionError, match="neither be made nor locked .*; choose"),
        only_run(tmp_path / "file" / "folder" / LOCK),
    ):
        pass


HOLDING = """
import sys
from pathlib import Path
from openmm_cgvae._runtime.run_folder import only_run
with only_run(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_lock_is_gone_afterwards(tmp_path):
    with only_run(tmp_path / LOCK):
        assert (tmp_path / LOCK).exists()
    with pytest.raises(KeyError), only_run(tmp_path / LOCK):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_is_refused_in_one_process(tmp_path):
    with (
        only_run(tmp_path / LOCK),
        pytest.raises(RuntimeError, match="`folder` is being written by another run"),
        only_run(tmp_path / LOCK, "folder"),
    ):
        pass
    with only_run(tmp_path / LOCK):
        pass


def test_a_killed_process_lets_go(tmp_path):
    lock = tmp_path / LOCK
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RuntimeError, match="wait for it, or give"), only_run(lock):
            pass
        process.kill()
    assert lock.exists()
    with only_run(lock):
        pass
    assert not lock.exists()


SETTINGS = {"config": {"seed": 0, "times": (1.0, 2.0)}, "kind": "peptides"}


def test_settings_are_the_same_after_a_round_trip(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({**SETTINGS, "molecules": {"more": 1}}))
    check_settings(read_settings(path), SETTINGS, path)


@pytest.mark.parametrize(
    ("there", "message"),
    [
        ({"kind": "proteins"}, r"\(kind was 'proteins', now 'peptides'; see"),
        ({"config": {"seed": 7, "times": [1, 2]}}, r"\(config.seed was 7, now 0; see"),
        ({"config": {"seed": 0}}, r"\(config.times was None, now \[1.0, 2.0\]; see"),
        (
            {"config": {"seed": 0, "times": [1, 2], "odd": 1}},
            r"\(config.odd was 1, now None; see",
        ),
        ({"kind": "x" * 50}, r"settings \(kind; see"),
    ],
)
def test_other_settings_are_named(tmp_path, there, message):
    found = json.loads(json.dumps({**SETTINGS, **there}))
    with pytest.raises(ValueError, match=message):
        check_settings(found, SETTINGS, tmp_path / "settings.json")


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00"])
def test_damaged_settings_are_other_settings(tmp_path, text):
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="`output` holds a run with other settings"):
        check_settings(read_settings(path), SETTINGS, path)
