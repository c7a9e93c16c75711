"""Runs the scripts beside it in a headless chromium and reads what they answer."""

import json
import shutil
from pathlib import Path
from typing import Any

from programs import ran

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATIENCE = 720.0
"""Seconds until a visit is taken to stand still; how fast this machine is decides no test."""


def chromium() -> str:
    """The browser of this machine."""
    found = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
    assert found, "Install chromium, or leave these tests out with -m 'not browser'."
    return found[0]


def browse(script: str, folder: Path, **job: Any) -> Any:
    """What a script prints as JSON on its last line; `folder` holds the files that it may serve and write.

    The script gets chromium's path, the folder, and `job.json` in there.
    """
    assert (ROOT / "tests/node/node_modules").is_dir(), "Run `npm ci --ignore-scripts` in tests/node first."
    (folder / "job.json").write_text(json.dumps(job))
    command = ["node", HERE / script, chromium(), folder]
    result = ran(command, PATIENCE)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout.splitlines()[-1])
