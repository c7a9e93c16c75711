"""Files that can be made again: where they are and how they are removed."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from flashworld.errors import FlashWorldError

_KEY = "[0-9a-f]" * 32
"""The beginning of a fingerprint, with which all our names begin."""
_MADE = (
    f"fp8/{_KEY}-*.safetensors",
    f"fp8/.{_KEY}-*.part",
    f"prompts/{_KEY}-*/empty-prompt.safetensors",
    f"prompts/{_KEY}-*/.empty-prompt.safetensors.*.part",
)
"""Whatever this program writes below the folder, half written files too. `FLASHWORLD_CACHE` may name a folder in which
others keep theirs."""


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
    """How much this program keeps there."""
    return sum(path.lstat().st_size for path in _made())


def clear_cache() -> int:
    """Remove what this program keeps there, and nothing else; return how many bytes it was.

    Raises:
        FlashWorldError: A file cannot be removed.
    """
    freed = 0
    for path in list(_made()):
        try:
            size = path.lstat().st_size
            path.unlink()
        except OSError as error:
            raise FlashWorldError(f"Cannot remove {path}: {(error.strerror or str(error)).lower()}.") from None
        freed += size
    folder = cache_folder()
    for emptied in (*folder.glob(f"prompts/{_KEY}-*"), folder / "prompts", folder / "fp8"):
        with suppress(OSError):  # it is not there, is a link, or holds files of others
            emptied.rmdir()
    return freed


def _made() -> Iterator[Path]:
    return (path for pattern in _MADE for path in cache_folder().glob(pattern))
