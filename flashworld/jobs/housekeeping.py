"""Ledger and shelf kept in step: results recorded, files removed, and all set right after a sudden death."""

import logging
import time
from collections.abc import Callable, Container
from dataclasses import asdict

from flashworld.errors import FormatError
from flashworld.jobs.job import FINISHED, Job, NoJobError, State
from flashworld.jobs.ledger import Ledger
from flashworld.jobs.limits import Limits
from flashworld.jobs.shelf import Shelf

log = logging.getLogger(__name__)

DAMAGED = "Its result was damaged when the server ended. Repeat the job."


def settle(ledger: Ledger, shelf: Shelf, job: Job) -> None:
    """Record the result that lies on the shelf.

    Raises:
        FormatError: It is damaged.
    """
    summary = shelf.summary(job.id)
    files = shelf.sizes(job.id)
    size = job.bytes + sum(files.values())
    ledger.update(job.id, state="completed", error=None, files=files, bytes=size, **asdict(summary))


def give_up(ledger: Ledger, shelf: Shelf, job: Job, state: State, error: str | None = None) -> None:
    """Record that a job ended without a result."""
    try:
        shelf.clear_results(job.id)
    except OSError:  # what is left over is cleared when the job is repeated or removed
        log.exception("What was made of job %s could not be removed.", job.id)
    ledger.update(job.id, state=state, error=error, finished_at=time.time())


def retire(ledger: Ledger, job_id: str, states: Container[State]) -> bool:
    """Record that the files of a job go, if it still has them and is in one of these states; return whether it was.

    The record goes first, and `clear` follows: a folder without a record is cleared at the next start.
    """
    with ledger.transaction():
        job = ledger.get(job_id)
        if job is None or job.removed_at is not None or job.state not in states:
            return False
        ended = {} if job.finished else {"state": "cancelled", "finished_at": time.time()}
        ledger.update(job.id, removed_at=time.time(), **ended)
        return True


def clear(shelf: Shelf, job_id: str) -> list[str]:
    """Remove the files of a job that has none by its record; return the kinds that went."""
    try:
        return shelf.remove(job_id)
    except OSError:
        log.exception("What is left of job %s could not be removed.", job_id)
        return []


def recover(ledger: Ledger, shelf: Shelf, at_work: Callable[[], Container[str]]) -> list[str]:
    """Find out what became of the jobs that are called running though nobody works at them; return these.

    The process may have ended, or the record of their end could not be written at that time.
    """
    found = []
    for job_id in [job.id for job in ledger.running()]:
        with ledger.transaction():  # a worker takes a job, and ends one, in another
            job = ledger.get(job_id)
            if job is not None and job.state == "running" and job_id not in at_work():
                _conclude(ledger, shelf, job)
                found.append(job_id)
    return found


def _conclude(ledger: Ledger, shelf: Shelf, job: Job) -> None:
    """Record what became of a job without a worker, whatever lies on the shelf."""
    try:
        if not shelf.has_result(job.id):
            give_up(ledger, shelf, job, "interrupted")
            return
        settle(ledger, shelf, job)
    except (FormatError, OSError):
        log.exception("The result of job %s cannot be read.", job.id)
        give_up(ledger, shelf, job, "failed", DAMAGED)


def clear_strays(ledger: Ledger, shelf: Shelf) -> None:
    """Remove the files of jobs that have none by their record."""
    for job_id in set(shelf.ids()) - ledger.ids_with_files():
        # A result of which there is no record at all was not removed by anyone: the ledger was lost or moved away.
        if ledger.get(job_id) is not None or not shelf.has_result(job_id):
            clear(shelf, job_id)


def sweep(ledger: Ledger, shelf: Shelf, limits: Limits, now: float) -> list[str]:
    """Remove what is too old or too much; return the jobs that lost their files."""
    gone = [job.id for job in ledger.ended_before(now - limits.keep_seconds) if _expire(ledger, shelf, job)]
    too_much = ledger.bytes_kept() - limits.keep_bytes
    while too_much > 0 and (oldest := ledger.oldest_finished()):
        for job in oldest:
            if too_much > 0 and _expire(ledger, shelf, job):
                gone.append(job.id)
                too_much -= job.bytes
    for job in ledger.with_previews_before(now - limits.preview_seconds):
        ledger.update(job.id, previews_gone=True)
        shelf.clear_previews(job.id)
    ledger.forget_removed_before(now - limits.record_seconds)
    return gone


def _expire(ledger: Ledger, shelf: Shelf, job: Job) -> bool:
    """Remove a job's files, unless somebody has removed or repeated it in the meantime; return whether they went."""
    retired = retire(ledger, job.id, FINISHED)
    if retired:
        clear(shelf, job.id)
    return retired


def existing(ledger: Ledger, job_id: str) -> Job:
    """The record of a job, even if its files are gone already.

    Raises:
        NoJobError: There is none (any more).
    """
    job = ledger.get(job_id)
    if job is None:
        raise NoJobError("There is no such job (any more).")
    return job
