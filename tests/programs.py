"""Programs that tests start: each has a time by which it ends, and nothing that it has started outlives it."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

ENDING = 60.0
"""Seconds that a program may take to end once it is asked to."""


def ran(command: Sequence[str | Path], seconds: float, **options: Any) -> subprocess.CompletedProcess[str]:
    """What a program said until it ended.

    Raises:
        AssertionError: It did not end in time, and was killed.
    """
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    given = options.pop("input", None)
    process = begun(command, stdin=subprocess.PIPE, **pipes, **options)
    try:
        told = process.communicate(given, timeout=seconds)
    except subprocess.TimeoutExpired as late:
        words = b"".join([late.stdout or b"", late.stderr or b""]).decode(errors="replace")
        raise AssertionError(f"{command[0]} did not end within {seconds:.0f} s. It had said:\n{words}") from None
    finally:
        kill(process)
    return subprocess.CompletedProcess(process.args, process.returncode, *told)


def begun(command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
    """A program that the caller ends, by `end` or by `kill`, whatever happens."""
    return subprocess.Popen(command, start_new_session=True, **options)


@contextmanager
def started(command: Sequence[str | Path], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A program for the time of a block. At its end it is asked to end too; whatever happens, it does."""
    process = begun(command, **options)
    try:
        yield process
        end(process)
    finally:
        kill(process)


def end(process: subprocess.Popen[Any]) -> int:
    """Ask a program to end, as a service manager does; return its exit status."""
    family = _family(process)
    try:
        process.terminate()
        return process.wait(ENDING)
    finally:
        _kill([*family, *_family(process)])


def kill(process: subprocess.Popen[Any]) -> None:
    """Kill a program, if it still runs, and what it has started."""
    _kill(_family(process))
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # children of a program that has ended
    process.wait(ENDING)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _family(process: subprocess.Popen[Any]) -> list[psutil.Process]:
    """A running program, and before it all that it has started."""
    if process.poll() is not None:
        return []
    root = psutil.Process(process.pid)
    return [*root.children(recursive=True), root]


def _kill(family: list[psutil.Process]) -> None:
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(family, timeout=ENDING)
