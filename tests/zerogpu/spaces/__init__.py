"""Stands where Hugging Face's `spaces` stands on ZeroGPU, for tests: put this folder on PYTHONPATH.

As there, a call of a decorated generator forks this process; its arguments and results cross pickled; an exception
loses its words and keeps its class; and the fork is killed when the granted seconds are over. The file that the
environment variable SIMULATED_GPU names may hold JSON that makes the GPU poorer: {"seconds": 0.2, "memory": 500000000}.
"""

import contextlib
import json
import multiprocessing
import os
import pickle
import resource
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import gradio as gr

SECONDS_HERE = 20
"""For each of a GPU: what runs the tests may be slow, and busy."""


def GPU(duration: Callable[..., int]) -> Callable[[Callable[..., Iterator[Any]]], Callable[..., Iterator[Any]]]:  # noqa: N802
    """The decorator, for generators, with a duration that depends on the arguments."""

    def decorate(function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def call(*arguments: Any) -> Iterator[Any]:
            poorer = _poorer()
            seconds = duration(*arguments)
            assert 0 < seconds <= 60, f"ZeroGPU grants 60 seconds at most, and {seconds} were asked for"
            granted = poorer.get("seconds", SECONDS_HERE * seconds)
            yield from _forked(function, pickle.dumps(arguments), granted, poorer.get("memory"))

        return call

    return decorate


def _poorer() -> dict[str, Any]:
    file = Path(os.environ.get("SIMULATED_GPU", ""))
    return json.loads(file.read_text()) if file.is_file() else {}


def _forked(
    function: Callable[..., Iterator[Any]], arguments: bytes, seconds: float, memory: int | None
) -> Iterator[Any]:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    worker = os.fork()
    if worker == 0:
        _work(function, arguments, sender, memory)
    sender.close()
    deadline = time.monotonic() + seconds
    try:
        while True:
            if not receiver.poll(max(0.0, deadline - time.monotonic())):
                raise gr.Error("GPU task aborted", title="ZeroGPU worker error")
            try:
                kind, value = pickle.loads(receiver.recv_bytes())
            except EOFError:
                raise gr.Error("GPU task aborted", title="ZeroGPU worker error") from None
            if kind == "end":
                return
            if kind == "error":
                raise gr.Error(value, title="ZeroGPU worker error")
            yield value
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, 9)
        os.waitpid(worker, 0)
        receiver.close()


def _work(function: Callable[..., Iterator[Any]], arguments: bytes, sender: Connection, memory: int | None) -> None:
    """The fork's life: it never returns."""
    try:
        if memory:
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
        try:
            for value in function(*pickle.loads(arguments)):
                sender.send_bytes(pickle.dumps(("value", value)))
        except Exception as error:
            sender.send_bytes(pickle.dumps(("error", type(error).__name__)))
        sender.send_bytes(pickle.dumps(("end", None)))
    finally:
        os._exit(0)
