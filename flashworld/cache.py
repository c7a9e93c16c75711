"""Files that can be made again: where they are and how they are removed."""

import os
import shutil
import sys
from pathlib import Path


def cache_folder() -> Path:
    """The folder of this program in the user's cache: `FLASHWORLD_CACHE`, or where the system wants caches."""
    if named := os.environ.get("FLASHWORLD_CACHE"):
        return Path(named)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "flashworld"


def cached_bytes() -> int:
    """How much is in the cache."""
    return sum(path.stat().st_size for path in cache_folder().rglob("*") if path.is_file())


def clear_cache() -> int:
    """Remove the cache; return how many bytes were in it."""
    freed = cached_bytes()
    shutil.rmtree(cache_folder(), ignore_errors=True)
    return freed
