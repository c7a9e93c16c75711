"""`FolderLock`: one process at a time works in a folder, and the death of a process frees it at once."""

import sqlite3
from pathlib import Path

from flashworld.errors import BackendError


class FolderLock:
    """Holds a folder until `release`. SQLite's locks do it the same way on every system, and end with the process."""

    def __init__(self, folder: Path):
        self._connection = sqlite3.connect(folder / "lock.sqlite3", timeout=0, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            self._connection.close()
            raise BackendError(
                f"Another server works in {folder}: end that one, or give this one a place of its own with --cache-dir."
            ) from None

    def release(self) -> None:
        """Let another process have the folder."""
        self._connection.close()
