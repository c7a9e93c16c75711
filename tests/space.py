"""The Space as a program of its own, and visitors of it: for the tests of `app_gradio.py`."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from programs import started

ROOT = Path(__file__).parents[1]
SMALL = "3x64x96"
PATIENCE = 480.0
"""Seconds until a program that says nothing is taken to hang; how fast this machine is decides no test."""

PATH = (ROOT / "examples/simple_trajectory.json").read_text()


@dataclass(frozen=True)
class Space:
    """A running page: its address, its process, and the folder in which it has made its own."""

    url: str
    process: subprocess.Popen
    folder: Path
    log: Path

    @property
    def root(self) -> Path:
        """The folder that it keeps everything in."""
        (root,) = self.folder.glob("flashworld-space-*")
        return root

    def call(self, name: str, *arguments: Any, visitor: str = "somebody") -> tuple[str, Any]:
        """A call by plain HTTP: the kind of its last event (complete or error), and what came with it."""
        address, proxied = f"{self.url}/gradio_api/call/{name}", {"X-IP-Token": visitor}
        posted = httpx.post(address, json={"data": list(arguments)}, headers=proxied, timeout=PATIENCE)
        assert posted.status_code == 200, posted.text
        answer = httpx.get(f"{address}/{posted.json()['event_id']}", timeout=PATIENCE).text
        kind, data = answer.strip().split("\n\n")[-1].split("\n")[:2]
        return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    def scene(self, **changes: Any) -> tuple[dict[str, Any] | None, str]:
        """A call of `/generate_scene` with the guide's four arguments: the PLY, and the message."""
        given = {"image_prompt": None, "text_prompt": "a garden", "camera_json": PATH, "resolution": SMALL} | changes
        visitor = given.pop("visitor", "somebody")
        kind, answer = self.call("generate_scene", *given.values(), visitor=visitor)
        assert kind == "complete", answer
        return answer

    def read(self, file: dict[str, Any]) -> bytes:
        """The content of a file that an answer names, as its clients get it."""
        answer = httpx.get(file["url"], timeout=PATIENCE)
        assert answer.status_code == 200, file
        return answer.content

    def bytes_on_disk(self) -> int:
        """All that it keeps, half of an upload included."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file() and file != self.log)

    @property
    def alive(self) -> bool:
        """Whether the page still answers."""
        return self.process.poll() is None and httpx.get(self.url, timeout=PATIENCE).status_code == 200


class Guest:
    """A visitor of the page whose browser is played here: it sends over HTTP what Gradio's page does."""

    def __init__(self, space: Space, name: str):
        self.space, self.name = space, name
        events = httpx.get(f"{space.url}/config", timeout=PATIENCE).json()["dependencies"]
        cancel = next(event for event in events if event["cancels"])
        (self._run,) = cancel["cancels"]
        self._begin = self._run - 1
        pressed = [event["id"] for event in events if event["targets"] == cancel["targets"] and not event["cancels"]]
        (self._stop,) = pressed

    def press_generate(self, size: str = "352 × 256, small", frames: int = 3) -> None:
        """Join the queue; it is listened to with `listen`."""
        self._post("run/predict", fn_index=self._begin, data=[])
        wishes = [None, "a garden", PATH, size, frames, 7, 0, False, None]
        self._event = self._post("queue/join", fn_index=self._run, data=wishes)["event_id"]

    def press_stop(self) -> None:
        """As the page does: tell the server's function, then Gradio."""
        self._post("run/predict", fn_index=self._stop, data=[None])
        self._post("cancel", fn_index=self._run, event_id=self._event)

    @contextmanager
    def listen(self) -> Iterator[Iterator[dict[str, Any]]]:
        """What the page is told; its end is the closing of the page."""
        address = f"{self.space.url}/gradio_api/queue/data?session_hash={self.name}"
        with httpx.stream("GET", address, timeout=PATIENCE) as lines:
            yield (json.loads(line[5:]) for line in lines.iter_lines() if line.startswith("data:"))

    def _post(self, door: str, **body: Any) -> Any:
        address, proxied = f"{self.space.url}/gradio_api/{door}", {"X-IP-Token": self.name}
        answer = httpx.post(address, json=body | {"session_hash": self.name}, headers=proxied, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.json()


def await_that(condition: Callable[[], Any]) -> None:
    """Wait until something is so."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[Space]:
    """The Space, from its start to its end, in a folder of its own."""
    with socket.socket() as free, tempfile.TemporaryDirectory(prefix="space-") as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        log = Path(folder) / "log.txt"
        # One thread: OpenMP's do not survive the fork of the simulated ZeroGPU.
        settings = {
            "GRADIO_TEMP_DIR": folder,
            "TMPDIR": folder,
            "GRADIO_ANALYTICS_ENABLED": "False",
            "OMP_NUM_THREADS": "1",
        }
        with log.open("w") as out:
            command = [sys.executable, "app_gradio.py", "--port", str(port), *arguments]
            around = os.environ | settings | environment
            with started(command, cwd=ROOT, env=around, stdout=out, stderr=subprocess.STDOUT) as process:
                space = Space(f"http://127.0.0.1:{port}", process, Path(folder), log)
                _await(space)
                yield space


def _await(space: Space) -> None:
    def answers() -> bool:
        assert space.process.poll() is None, space.log.read_text()
        try:
            return bool(httpx.get(space.url))
        except httpx.TransportError:
            return False

    await_that(answers)
