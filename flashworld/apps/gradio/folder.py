"""The folder that a running page keeps everything in: its own, made at the start and gone after the end."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from flashworld.errors import BackendError
from flashworld.jobs.folder_lock import FolderLock

PREFIX = "flashworld-space-"
LOCK = "lock.sqlite3"


class OwnFolder:
    """A new folder below GRADIO_TEMP_DIR, or below the system's folder for such things, in which everything happens.

    Gradio is told to keep in it what visitors upload, Python what is still on its way. Results lie in it too, so that
    they are served where they are. Whatever is in there came by this program, and so may be deleted; what lies beside
    it may be another program's. The folder goes when the program ends; one whose program was killed goes at the next
    start.
    """

    def __init__(self):
        below = Path(os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir())
        below.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(below)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=below))
        self._lock = FolderLock(self.path)
        self._owner = os.getpid()
        os.environ["GRADIO_TEMP_DIR"] = tempfile.tempdir = str(self.path)
        atexit.register(self.remove)

    def remove(self) -> None:
        """Let the folder go."""
        if os.getpid() == self._owner:  # a fork's end is not the program's
            self._lock.release()
            shutil.rmtree(self.path, ignore_errors=True)


def _remove_abandoned(below: Path) -> None:
    """Remove folders of ours that no living program holds."""
    for folder in below.glob(f"{PREFIX}*"):
        if not (folder / LOCK).is_file():
            continue
        try:
            FolderLock(folder).release()
        except BackendError:  # held
            continue
        shutil.rmtree(folder, ignore_errors=True)
