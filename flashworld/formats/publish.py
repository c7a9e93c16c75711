"""Files that appear whole or not at all."""

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
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:
        raise FormatError(f"Cannot write {path}: {_reason(path, error)}.") from error
    finally:
        beside.unlink(missing_ok=True)


def _reason(path: Path, error: OSError) -> str:
    """Why writing failed, in words for a person."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}; create it or choose another"
    if path.is_dir():
        return "a folder has that name; choose another name"
    return f"{(error.strerror or str(error)).lower()}; choose another place or make room"
