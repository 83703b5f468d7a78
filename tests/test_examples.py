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
