"""The page's folder: made at the start, gone after the end, and nothing of others with it."""

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from programs import started

pytestmark = pytest.mark.slow

START = """
import os, sys
from flashworld.apps.gradio.folder import OwnFolder
folder = OwnFolder().path
assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
(folder / "upload").mkdir()
print(folder, flush=True)
"""
WAIT = START + "sys.stdin.read()"
FORK = START + "pid = os.fork()\nif pid == 0: sys.exit()\nos.waitpid(pid, 0)\nprint(folder.is_dir())"


def start(below: Path, program: str) -> AbstractContextManager[subprocess.Popen[str]]:
    environment = os.environ | {"GRADIO_TEMP_DIR": str(below)}
    command = [sys.executable, "-c", program]
    return started(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def told(program: subprocess.Popen[str]) -> Path:
    assert program.stdout is not None
    return Path(program.stdout.readline().strip())


def test_it_is_new_within_the_one_that_is_named_and_goes_at_the_end(tmp_path: Path):
    with start(tmp_path / "named", WAIT) as running:
        folder = told(running)
        assert folder.parent == tmp_path / "named"
        assert (folder / "upload").is_dir()
        running.communicate("", timeout=60)
    assert not folder.exists()
    assert folder.parent.exists()


def test_the_end_of_a_fork_is_not_the_programs(tmp_path: Path):
    with start(tmp_path, FORK) as forking:
        out, _ = forking.communicate(timeout=60)
    assert out.splitlines()[-1] == "True"
    assert not list(tmp_path.iterdir())


def test_the_next_start_removes_what_a_killed_program_left_and_nothing_else(tmp_path: Path):
    """Neither other programs' folders, nor one that only has such a name, nor that of a page which still runs."""
    others = [tmp_path / ("0123456789abcdef" * 4), tmp_path / "flashworld-space-by-hand", tmp_path / "flashworld-x"]
    for other in others:
        other.mkdir()
        (other / "photo.jpg").write_text("mine")
    with start(tmp_path, WAIT) as killed, start(tmp_path, WAIT) as alive:
        left, held = told(killed), told(alive)
        killed.kill()
        killed.communicate(timeout=60)
        assert left.is_dir()
        with start(tmp_path, WAIT) as following:
            told(following)
            assert not left.exists()
            assert held.is_dir()
            assert all((other / "photo.jpg").exists() for other in others)
            for program in (alive, following):
                program.communicate("", timeout=60)
    assert sorted(tmp_path.iterdir()) == sorted(others)
