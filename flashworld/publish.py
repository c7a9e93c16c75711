"""Files that appear whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flashworld.errors import FormatError


@contextmanager
def published(path: Path | str) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the name `path` when the block ends, and is removed if it fails.

    Readers therefore never see half a file, and an earlier file of that name survives a failed write.

    Raises:
        FormatError: The folder is missing or closed to us, or the disk is full.
    """
    path = Path(path)
    # Short, whatever the name: names may have 255 bytes, and letters up to four.
    beside = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        try:
            yield beside
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise FormatError(f"Cannot write {path}: {_reason(path, error)}.") from error


def _reason(path: Path, error: OSError) -> str:
    """Why writing failed, in words for a person."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}; create it or choose another"
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where the name is too long
        return "a folder has that name; choose another name"
    return f"{(error.strerror or str(error)).lower()}; choose another place or make room"


def make_folder(path: Path | str) -> Path:
    """The folder `path`, made with its parents if it is not there.

    Raises:
        FormatError: A file has that name, or its place is closed to us.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FormatError(f"Cannot make the folder {path}: {(error.strerror or str(error)).lower()}.") from error
    return path
