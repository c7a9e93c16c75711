"""The Space as a program of its own, and visitors of it: for the tests of `app_gradio.py`."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[1]
SMALL = "3x64x96"
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

    def call(self, name: str, *arguments: Any, timeout: float = 60) -> tuple[str, Any]:
        """A call by plain HTTP: the kind of its last event (complete or error), and what came with it."""
        posted = httpx.post(f"{self.url}/gradio_api/call/{name}", json={"data": list(arguments)}, timeout=timeout)
        assert posted.status_code == 200, posted.text
        answer = httpx.get(f"{self.url}/gradio_api/call/{name}/{posted.json()['event_id']}", timeout=timeout).text
        kind, data = answer.strip().split("\n\n")[-1].split("\n")[:2]
        return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    def scene(self, **changes: Any) -> tuple[dict[str, Any] | None, str]:
        """A call of `/generate_scene` with the guide's four arguments: the PLY, and the message."""
        given = {"image_prompt": None, "text_prompt": "a garden", "camera_json": PATH, "resolution": SMALL} | changes
        kind, answer = self.call("generate_scene", *given.values())
        assert kind == "complete", answer
        return answer

    def read(self, file: dict[str, Any]) -> bytes:
        """The content of a file that an answer names, as its clients get it."""
        answer = httpx.get(file["url"])
        assert answer.status_code == 200, file
        return answer.content

    @property
    def alive(self) -> bool:
        """Whether the page still answers."""
        return self.process.poll() is None and httpx.get(self.url).status_code == 200


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[Space]:
    """The Space, from its start to its end, in a folder of its own."""
    with socket.socket() as free, tempfile.TemporaryDirectory(prefix="space-") as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        log = Path(folder) / "log.txt"
        # One thread: OpenMP's do not survive the fork of the simulated ZeroGPU.
        settings = {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False", "OMP_NUM_THREADS": "1"}
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "app_gradio.py", "--port", str(port), *arguments],
                cwd=ROOT,
                env=os.environ | settings | environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            space = Space(f"http://127.0.0.1:{port}", process, Path(folder), log)
            _await(space)
            yield space
        finally:
            process.terminate()
            process.wait(60)


def _await(space: Space) -> None:
    for _ in range(600):
        assert space.process.poll() is None, space.log.read_text()
        try:
            httpx.get(space.url)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(space.log.read_text())
