"""A studio of the tiny model, as a person starts it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from browsing import ROOT


def command(folder: Path, port: int = 0) -> list[str]:
    """What starts it, from the root of the repository."""
    studio = ["app.py", "--model", "tiny", "--port", str(port), "--cache-dir", str(folder)]
    return ["nice", "-n", "19", sys.executable, *studio]


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Where a studio that keeps its jobs in `folder` listens, for the time of a block.

    It works with one thread and stands back: the browser draws in software, and keeps up with what is made only if
    there is a processor left for it.
    """
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command(folder), cwd=ROOT, env=alone, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = ""
        while not (found := re.search(r"http://\S+", said)):
            line = server.stdout.readline()
            assert line, f"The studio did not start: {said}"
            said += line
        yield found.group().rstrip("/") + "/"
        server.terminate()
