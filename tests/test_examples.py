import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


def test_there_are_examples():
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs_and_writes_into_its_folder(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [path.name, "--quick", "--output", "made"])
    (tmp_path / "made").mkdir()
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out
    assert any((tmp_path / "made").iterdir())
    assert [entry.name for entry in tmp_path.iterdir()] == ["made"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_tells_how_it_is_run(path):
    text = path.read_text(encoding="utf-8")
    assert f"python examples/{path.name}" in text
    assert "--quick" in text


@pytest.mark.slow
def test_a_box_of_a_hundred_dipeptides(tmp_path, monkeypatch):
    path = next(path for path in EXAMPLES if path.stem == "box_of_dipeptides")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [path.name])
    made = runpy.run_path(str(path), run_name="__main__")
    assert abs(made["difference"]) < 0.05
    for name in ("n_wrong_stereocentres", "n_threaded_rings", "n_clashes"):
        assert made["report"].columns[name].tolist() == [0]
    assert made["report"].is_good.tolist() == [True]
    assert made["n_collisions"](made["relaxed"]) == 0
