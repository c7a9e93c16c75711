"""Nothing that a test has started outlives it."""

import subprocess
import sys
import time

import psutil
import pytest
from programs import ran, started

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
"""It stands still, and so does a child that holds its output open."""

STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + PARENT


def ends(pid: int) -> bool:
    """Whether a process is gone, or will be at once."""
    try:
        psutil.Process(pid).wait(10)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


LEAVING = PARENT.rsplit("time.sleep", 1)[0]
"""It ends at once and leaves the child behind, which holds its output open."""


@pytest.mark.slow
@pytest.mark.parametrize("program", [PARENT, LEAVING])
def test_what_does_not_end_is_killed_with_its_children_and_quoted(program: str):
    begun = time.monotonic()
    with pytest.raises(AssertionError, match=r"did not end within 2 s. It had said:\n\d+") as told:
        ran([sys.executable, "-c", program], 2)
    assert time.monotonic() - begun < 30
    assert ends(int(str(told.value).split()[-1]))


def visit(program: str, fails: bool = False) -> list[int]:
    """A program and its child for a block that may fail: both their numbers."""
    pids = []
    try:
        with started([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            pids += [process.pid, int(process.stdout.readline())]
            if fails:
                raise RuntimeError("what a test finds wrong")
    except RuntimeError:
        assert fails
    except subprocess.TimeoutExpired:
        assert program == STUBBORN
    return pids


@pytest.mark.slow
@pytest.mark.parametrize(("program", "fails"), [(PARENT, False), (PARENT, True), (STUBBORN, False)])
def test_a_block_ends_its_program_and_what_that_started(program: str, fails: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("programs.ENDING", 2.0)
    pids = visit(program, fails)
    assert len(pids) == 2
    assert all(ends(pid) for pid in pids)
