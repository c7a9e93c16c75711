"""Ledger and shelf kept in step: results recorded, files removed, and all set right after a sudden death."""

import time

from flashworld.jobs.job import Job, NoJobError, State
from flashworld.jobs.ledger import Ledger
from flashworld.jobs.limits import Limits
from flashworld.jobs.shelf import Shelf


def settle(ledger: Ledger, shelf: Shelf, job: Job) -> None:
    """Record the result that lies on the shelf."""
    summary = shelf.summary(job.id)
    assert summary is not None
    files = shelf.sizes(job.id)
    size = job.bytes + sum(files.values())
    ledger.update(job.id, state="completed", error=None, files=files, bytes=size, **summary)


def give_up(ledger: Ledger, shelf: Shelf, job: Job, state: State, error: str | None = None) -> None:
    """Record that a job ended without a result."""
    shelf.clear_making(job.id)
    ledger.update(job.id, state=state, error=error, finished_at=time.time())


def remove(ledger: Ledger, shelf: Shelf, job_id: str) -> list[str]:
    """Take a job's files away; return their kinds. A job that runs is left alone.

    The record goes first: a folder without one is cleared at the next start.
    """
    with ledger.transaction():
        job = ledger.get(job_id)
        if job is None or job.removed_at is not None or job.state == "running":
            return []
        ended = {} if job.finished else {"state": "cancelled", "finished_at": time.time()}
        ledger.update(job.id, removed_at=time.time(), **ended)
    return shelf.remove(job.id)


def recover(ledger: Ledger, shelf: Shelf) -> None:
    """Find out what became of the jobs that ran when the last process ended, and clear what it left half made."""
    for job in ledger.running():
        if shelf.summary(job.id) is not None:
            settle(ledger, shelf, job)
        else:
            give_up(ledger, shelf, job, "interrupted")
    for job_id in set(shelf.ids()) - ledger.ids_with_files():
        # A result of which there is no record at all was not removed by anyone: the ledger was lost or moved away.
        if ledger.get(job_id) is not None or shelf.summary(job_id) is None:
            shelf.remove(job_id)


def sweep(ledger: Ledger, shelf: Shelf, limits: Limits, now: float) -> list[str]:
    """Remove what is too old or too much; return the jobs that lost their files."""
    gone = [job.id for job in ledger.ended_before(now - limits.keep_seconds)]
    for job_id in gone:
        remove(ledger, shelf, job_id)
    too_much = ledger.bytes_kept() - limits.keep_bytes
    while too_much > 0 and (oldest := ledger.oldest_finished()):
        for job in oldest:
            if too_much > 0:
                remove(ledger, shelf, job.id)
                gone.append(job.id)
                too_much -= job.bytes
    for job in ledger.with_previews_before(now - limits.preview_seconds):
        shelf.clear_previews(job.id)
        ledger.update(job.id, previews_gone=True)
    ledger.forget_removed_before(now - limits.record_seconds)
    return gone


def existing(ledger: Ledger, job_id: str) -> Job:
    """The record of a job, even if its files are gone already.

    Raises:
        NoJobError: There is none (any more).
    """
    job = ledger.get(job_id)
    if job is None:
        raise NoJobError("There is no such job (any more).")
    return job
