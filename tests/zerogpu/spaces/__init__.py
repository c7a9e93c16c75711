"""Stands where Hugging Face's `spaces` stands on ZeroGPU, for tests: put this folder on PYTHONPATH.

As there, a call of a decorated generator costs the quota of the visitor whose request it serves, and forks this
process; its arguments and results cross pickled; an exception loses its words and keeps its class; and the fork is
killed when its time is over. How fast this machine is decides nothing: time is only over when the file says so that the
environment variable SIMULATED_GPU names. It may hold JSON that makes the GPU poorer:

    {"seconds": 0}          time is over after so many seconds
    {"news": 2}             or after so many pieces of news
    {"memory": 500000000}   bytes that a call may take
    {"spent": "anna"}       whose quota is used up, by the token that the proxy adds to a visitor's requests

Who was served stands in a file beside it, named `bill`: a line for each call.
"""

import contextlib
import json
import math
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
from gradio.context import LocalContext

CONTROL = Path(os.environ.get("SIMULATED_GPU", os.devnull))


def GPU(duration: Callable[..., int]) -> Callable[[Callable[..., Iterator[Any]]], Callable[..., Iterator[Any]]]:  # noqa: N802
    """The decorator, for generators, with a duration that depends on the arguments."""

    def decorate(function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def call(*arguments: Any) -> Iterator[Any]:
            poorer = _poorer()
            seconds = duration(*arguments)
            assert 0 < seconds <= 60, f"ZeroGPU grants 60 seconds at most, and {seconds} were asked for"
            _charge(poorer.get("spent"))
            yield from _forked(function, pickle.dumps(arguments), poorer)

        return call

    return decorate


def _poorer() -> dict[str, Any]:
    return json.loads(CONTROL.read_text()) if CONTROL.is_file() else {}


def _charge(spent: str | None) -> None:
    """Let the visitor pay whose request this is, as far as a thread can know."""
    request = LocalContext.request.get(None)
    assert request is not None, "without a request, ZeroGPU would charge the Space itself"
    visitor = request.headers.get("x-ip-token", "somebody")
    if visitor == spent:
        message = "You have exceeded your free ZeroGPU quota (22s requested vs. 3s left). Try again in 1:00:00."
        raise gr.Error(message, title="ZeroGPU quota exceeded")
    if "SIMULATED_GPU" in os.environ:
        with CONTROL.with_name("bill").open("a") as bill:
            bill.write(f"{visitor}\n")


def _forked(function: Callable[..., Iterator[Any]], arguments: bytes, poorer: dict[str, Any]) -> Iterator[Any]:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    worker = os.fork()
    if worker == 0:
        _work(function, arguments, sender, poorer.get("memory"))
    sender.close()
    deadline = time.monotonic() + poorer.get("seconds", math.inf)
    told = 0
    try:
        while True:
            patience = None if deadline == math.inf else max(0.0, deadline - time.monotonic())
            if told == poorer.get("news") or not receiver.poll(patience):
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
            told += 1
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
