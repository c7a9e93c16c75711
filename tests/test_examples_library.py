"""The numbered examples, in their order: later ones use files of earlier ones."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples/library").glob("*.py"))


@pytest.mark.slow
def test_the_examples_run_in_order(tmp_path, monkeypatch, capsys: pytest.CaptureFixture[str]):
    assert [example.name[:2] for example in EXAMPLES] == [f"{i:02}" for i in range(1, len(EXAMPLES) + 1)]
    monkeypatch.chdir(tmp_path)
    for example in EXAMPLES:
        runpy.run_path(str(example))
        assert capsys.readouterr().out, example.name
    assert (tmp_path / "house.ply").is_file()
    assert (tmp_path / "turned.spz").is_file()
