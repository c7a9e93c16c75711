"""A studio of the tiny model, as a person starts it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from browsing import ROOT
from programs import started
from studio_setup import until


def command(folder: Path, port: int = 0) -> list[str]:
    """What starts it, from the root of the repository."""
    return [sys.executable, "app.py", "--model", "tiny", "--port", str(port), "--cache-dir", str(folder)]


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Where a studio that keeps its jobs in `folder` listens, for the time of a block.

    It works with one thread: the browser beside it draws in software, and needs a processor too.
    """
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    log = folder.with_name(folder.name + ".log")
    with (
        log.open("w") as out,
        started(command(folder), cwd=ROOT, env=alone, stdout=out, stderr=subprocess.STDOUT) as server,
    ):
        yield until(lambda: _address(server, log), 240)


def _address(server: subprocess.Popen, log: Path) -> str | None:
    text = log.read_text()
    assert server.poll() is None, f"The studio did not start: {text}"
    found = re.search(r"open at (http://\S+?/)\s", text)
    return found and found[1]
