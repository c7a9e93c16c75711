"""`Ledger`: the records of all jobs in one SQLite file, where they outlive the process.

One connection, one lock: every query is far below a millisecond. With a write-ahead log a commit survives the death of
the process, and needs no wait for the disk.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from flashworld.errors import FormatError
from flashworld.jobs.job import Job

VERSION = 1
"""Of the table; raise it together with a step that brings older files to it."""

_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    place INTEGER NOT NULL,
    client TEXT NOT NULL,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL,
    removed_at REAL,
    previews_gone INTEGER NOT NULL,
    error TEXT,
    note TEXT,
    text_prompt TEXT NOT NULL,
    has_image INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    image_index INTEGER NOT NULL,
    seed INTEGER,
    exact_size INTEGER NOT NULL,
    model TEXT NOT NULL,
    trained INTEGER NOT NULL,
    work INTEGER NOT NULL,
    filmed INTEGER NOT NULL,
    num_gaussians INTEGER,
    seconds TEXT NOT NULL,
    files TEXT NOT NULL,
    bytes INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, place);
CREATE INDEX IF NOT EXISTS jobs_by_place ON jobs (place);
CREATE INDEX IF NOT EXISTS jobs_by_end ON jobs (finished_at);
CREATE INDEX IF NOT EXISTS jobs_with_previews ON jobs (finished_at) WHERE NOT previews_gone;
CREATE INDEX IF NOT EXISTS jobs_by_removal ON jobs (removed_at);
CREATE INDEX IF NOT EXISTS jobs_shown ON jobs (number) WHERE removed_at IS NULL;
"""
_COLUMNS = tuple(f.name for f in fields(Job))
_BOOLEANS = ("previews_gone", "has_image", "exact_size", "trained")
_DICTIONARIES = ("seconds", "files")


class Ledger:
    """Records of jobs. Safe to use from several threads; a change is kept as soon as its method returns."""

    def __init__(self, path: Path):
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            (health,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
            if health != "ok":
                raise sqlite3.DatabaseError("it is damaged")
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise FormatError(f"{path} was written by a newer version of FlashWorld: name another --cache-dir.")
            self._connection.executescript(_TABLE + f"PRAGMA user_version={VERSION};")
        except sqlite3.DatabaseError as error:
            raise FormatError(f"{path} cannot be used ({error}): move it away or name another --cache-dir.") from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what the block changes, and nobody between its reads and its writes."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # on a full disk SQLite may have ended it by itself
                    self._connection.execute("ROLLBACK")
                raise

    def add(self, **values: Any) -> Job:
        """Enter a job at the end of the queue. `number` and `place` are given here."""
        with self.transaction():
            row = {
                "state": "queued",
                "place": self._last_place() + 1,
                "seconds": {},
                "files": {},
                "bytes": 0,
                "previews_gone": False,
            } | values
            names = ", ".join(row)
            marks = ", ".join("?" * len(row))
            self._run(f"INSERT INTO jobs ({names}) VALUES ({marks})", *map(_stored, row.values()))
            return self._one("id = ?", row["id"])

    def get(self, job_id: str) -> Job | None:
        """The record, also of a job whose files were removed."""
        return next(iter(self._select("id = ?", job_id)), None)

    def update(self, job_id: str, **values: Any) -> Job:
        """Change fields of a record."""
        with self.transaction():
            changes = ", ".join(f"{name} = ?" for name in values)
            self._run(f"UPDATE jobs SET {changes} WHERE id = ?", *map(_stored, values.values()), job_id)
            return self._one("id = ?", job_id)

    def to_end_of_queue(self, job_id: str) -> Job:
        """Let a job wait again, behind all others, as if it had never run."""
        with self.transaction():
            place = self._last_place() + 1
            fresh = {"started_at": None, "finished_at": None, "error": None, "previews_gone": False}
            return self.update(job_id, state="queued", place=place, **fresh)

    def take_next(self, now: float) -> Job | None:
        """The job that has waited longest, now running; none if nobody waits."""
        with self.transaction():
            waiting = self._select("state = 'queued' ORDER BY place LIMIT 1")
            return self.update(waiting[0].id, state="running", started_at=now) if waiting else None

    def queued(self) -> list[Job]:
        """All that wait, first come first."""
        return self._select("state = 'queued' ORDER BY place")

    def running(self) -> list[Job]:
        """All that are being made."""
        return self._select("state = 'running' ORDER BY started_at, place")

    def count(self, *states: str) -> int:
        """How many are in these states."""
        marks = ", ".join("?" * len(states))
        return self._value(f"SELECT count(*) FROM jobs WHERE state IN ({marks})", *states)

    def page(self, limit: int, before: int | None) -> list[Job]:
        """Jobs that still have their files, newest first, those with a smaller `number` than `before`."""
        newest = 2**62 if before is None else before
        return self._select("removed_at IS NULL AND number < ? ORDER BY number DESC LIMIT ?", newest, limit)

    def recent_runs(self, model: str, limit: int = 20) -> list[Job]:
        """The jobs that a model completed last."""
        return self._select("state = 'completed' AND model = ? ORDER BY number DESC LIMIT ?", model, limit)

    def ended_before(self, time: float) -> list[Job]:
        """Finished jobs with files that ended before a time, the oldest first."""
        return self._select("finished_at < ? AND removed_at IS NULL ORDER BY finished_at LIMIT 1000", time)

    def with_previews_before(self, time: float) -> list[Job]:
        """Jobs that ended before a time and may still have previews."""
        return self._select("finished_at < ? AND NOT previews_gone AND removed_at IS NULL LIMIT 1000", time)

    def bytes_kept(self) -> int:
        """Sum of all files of all jobs."""
        return self._value("SELECT coalesce(sum(bytes), 0) FROM jobs WHERE removed_at IS NULL")

    def oldest_finished(self, limit: int = 100) -> list[Job]:
        """Finished jobs with files, the oldest first."""
        return self._select("finished_at IS NOT NULL AND removed_at IS NULL ORDER BY finished_at LIMIT ?", limit)

    def forget_removed_before(self, time: float) -> None:
        """Drop the records of jobs whose files went before a time."""
        with self.transaction():
            self._run("DELETE FROM jobs WHERE removed_at < ?", time)

    def unfinished_of(self, client: str) -> int:
        """How many jobs of a client are not finished."""
        return self._value("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running') AND client = ?", client)

    def ids_with_files(self) -> set[str]:
        """The jobs to which a folder belongs."""
        with self._lock:
            return {row[0] for row in self._run("SELECT id FROM jobs WHERE removed_at IS NULL").fetchall()}

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def _last_place(self) -> int:
        # A requeued job must come behind all that were ever given a place, so waiting ones alone are not enough.
        return self._value("SELECT coalesce(max(place), 0) FROM jobs")

    def _one(self, where: str, *values: Any) -> Job:
        (job,) = self._select(where, *values)
        return job

    def _select(self, where: str, *values: Any) -> list[Job]:
        with self._lock:
            rows = self._run(f"SELECT {', '.join(_COLUMNS)} FROM jobs WHERE {where}", *values).fetchall()
        return [_job(row) for row in rows]

    def _value(self, query: str, *values: Any) -> int:
        with self._lock:
            return self._run(query, *values).fetchone()[0]

    def _run(self, query: str, *values: Any) -> sqlite3.Cursor:
        return self._connection.execute(query, values)


def _stored(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def _job(row: tuple[Any, ...]) -> Job:
    values = dict(zip(_COLUMNS, row, strict=True))
    values |= {name: bool(values[name]) for name in _BOOLEANS}
    values |= {name: json.loads(values[name]) for name in _DICTIONARIES}
    return Job(**values)
