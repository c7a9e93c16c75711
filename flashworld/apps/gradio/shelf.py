"""Where results wait for their visitors, for a while.

A result is a folder with a name that nobody can guess. It goes when it is old, when its visitor has newer ones, when
asked, or when the shelf is full: then from the address that holds most, so that who sends in much loses his own.
Nothing is ever deleted that was not put here by this program.
"""

import re
import secrets
import shutil
import threading
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass
from pathlib import Path

from flashworld.errors import FormatError

UPLOAD = re.compile(r"[0-9a-f]{64}|tmp[0-9a-z_]{8}")
"""Gradio stores an uploaded file in a folder that has the hash of its content for a name; half a file has Python's."""


@dataclass(frozen=True)
class Rules:
    """How long and how much. `uploads` are the files that visitors send in."""

    seconds: float = 3600.0
    per_visitor: int = 4
    gigabytes: float = 20.0
    upload_gigabytes: float = 4.0


@dataclass(frozen=True)
class Visitor:
    """Who asks: a browser's tab or a client by a name that it chooses itself, and the address that it comes from."""

    session: str
    address: str


@dataclass(frozen=True)
class Place:
    """A result's folder, its name, and whose it is."""

    id: str
    path: Path
    visitor: Visitor
    since: float


class Shelf:
    """All results of a running program, and what visitors sent in, under one folder that is its own."""

    def __init__(self, root: Path, rules: Rules | None = None):
        self.root = root
        self.rules = rules or Rules()
        self._places: OrderedDict[str, Place] = OrderedDict()
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        (root / "results").mkdir(parents=True, exist_ok=True)

    def open(self, visitor: Visitor) -> Place:
        """A new, empty place. It is busy, and so never removed, until `close`.

        Raises:
            FormatError: The shelf is full of results that are still being made.
        """
        self.tidy()
        if self._size() > self.rules.gigabytes * 1e9:
            raise FormatError("The disk of this Space is full at the moment; try again in some minutes.")
        name = secrets.token_hex(16)
        place = Place(name, self.root / "results" / name, visitor, time.time())
        place.path.mkdir()
        with self._lock:
            self._places[name] = place
            self._busy.add(name)
        return place

    def close(self, place: Place, *, keep: bool) -> None:
        """The work on a place has ended; without `keep` it is removed."""
        with self._lock:
            self._busy.discard(place.id)
        if keep:
            self.tidy()
        else:
            self.remove(place.id)

    def find(self, name: object) -> Place | None:
        """The place of that name if there is one. A name is looked up among those given out, never joined to a path."""
        with self._lock:
            place = self._places.get(name) if isinstance(name, str) else None
            return None if place is None or place.id in self._busy else place

    def remove(self, name: object) -> list[str]:
        """Delete a place and return the names of its files; nothing if there is no such place."""
        with self._lock:
            if not isinstance(name, str) or name in self._busy or name not in self._places:
                return []
            place = self._places.pop(name)
        names = sorted(file.name for file in place.path.glob("*"))
        shutil.rmtree(place.path, ignore_errors=True)
        return names

    def tidy(self) -> None:
        """Remove what is too old, what exceeds a visitor's share, and the oldest while the shelf is too full."""
        now = time.time()
        mine: Counter[Visitor] = Counter()
        for place in reversed(self._free()):
            mine[place.visitor] += 1
            if now - place.since > self.rules.seconds or mine[place.visitor] > self.rules.per_visitor:
                self.remove(place.id)
        while self._size() > self.rules.gigabytes * 1e9 and (place := self._first_to_go()):
            self.remove(place.id)
        self._tidy_uploads(now)

    def _free(self) -> list[Place]:
        """The places that nobody works on, the oldest first."""
        with self._lock:
            return [place for place in self._places.values() if place.id not in self._busy]

    def _first_to_go(self) -> Place | None:
        """The oldest of the address that holds most."""
        free = self._free()
        held: Counter[str] = Counter()
        for place in free:
            held[place.visitor.address] += _bytes_in(place.path)
        return next((place for place in free if held[place.visitor.address] == max(held.values())), None)

    def _size(self) -> int:
        with self._lock:
            places = list(self._places.values())
        return sum(_bytes_in(place.path) for place in places)

    def _tidy_uploads(self, now: float) -> None:
        uploads = [upload for upload in self.root.iterdir() if UPLOAD.fullmatch(upload.name)]
        aged = sorted((since, upload) for upload in uploads if (since := _changed(upload)) is not None)
        sizes = {upload: _bytes_in(upload) for _, upload in aged}
        total = sum(sizes.values())
        for since, upload in aged:
            if now - since > self.rules.seconds or total > self.rules.upload_gigabytes * 1e9:
                total -= sizes[upload]
                _remove(upload)


def _changed(path: Path) -> float | None:
    """When something happened to a file or a folder last; nothing if it is gone by now."""
    try:
        return path.stat().st_ctime
    except FileNotFoundError:
        return None


def _bytes_in(path: Path) -> int:
    """Of a file, or of a folder's files; they may go while they are counted."""
    try:
        return sum(file.stat().st_size for file in (path.glob("*") if path.is_dir() else [path]))
    except FileNotFoundError:
        return 0


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
