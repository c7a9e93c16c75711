"""A studio in a process of its own, to be asked over HTTP and to be killed."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from programs import begun, end, kill
from studio_setup import until

ROOT = Path(__file__).parents[1]


class Studio:
    """`python app.py` on a free port, with its data in `folder`."""

    def __init__(self, folder: Path, *options: str):
        self._log = folder.with_name(folder.name + ".log")
        with self._log.open("w") as log:
            command = [sys.executable, "app.py", "--port", "0", "--model", "tiny", "--cache-dir", str(folder), *options]
            self.process = begun(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            self.address = until(self._printed_address, 240)
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> "Studio":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _printed_address(self) -> str | None:
        text = self._log.read_text()
        assert self.process.poll() is None, text
        found = re.search(r"open at (http://\S+?)/\s", text)
        return found and found[1]

    def call(
        self, method: str, path: str, sent: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and content of an answer."""
        data = None if sent is None else json.dumps(sent).encode()
        request = urllib.request.Request(self.address + path, data, headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=240) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def json(self, method: str, path: str, sent: Any = None) -> Any:
        """The JSON of an answer that must be a success."""
        status, content = self.call(method, path, sent)
        assert status < 300, content
        return json.loads(content)

    def log(self) -> str:
        """All that it has printed."""
        return self._log.read_text()

    def kill(self) -> None:
        """End it at once, without a word: kill -9."""
        kill(self.process)

    def stop(self) -> int:
        """Ask it to end, as a service manager does; return its exit status."""
        return end(self.process)
