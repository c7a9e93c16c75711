"""`FolderLock`: one process at a time works in a folder, and the death of a process frees it at once."""

import sqlite3
from pathlib import Path

from flashworld.errors import BackendError


class FolderLock:
    """Holds a folder until `release`. SQLite's locks do it the same way on every system, and end with the process.

    Raises:
        BackendError: Another process holds it, or its file of that purpose cannot be used.
    """

    def __init__(self, folder: Path):
        path = folder / "lock.sqlite3"
        try:
            self._connection = sqlite3.connect(path, timeout=0, check_same_thread=False)
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        try:
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            self._connection.close()
            if "locked" not in str(error):
                raise _unusable(path, error) from error
            raise BackendError(
                f"Another server works in {folder}: end that one, or give this one a place of its own with --cache-dir."
            ) from None

    def release(self) -> None:
        """Let another process have the folder."""
        self._connection.close()


def _unusable(path: Path, error: sqlite3.Error) -> BackendError:
    return BackendError(
        f"{path} cannot be locked ({error}): make its folder writable, remove that file, or name another --cache-dir."
    )
