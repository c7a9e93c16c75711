"""`Crew`: the workers. Each has a maker, takes the job that has waited longest, makes it, and takes the next."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from flashworld.errors import Cancelled
from flashworld.jobs.failures import in_words
from flashworld.jobs.housekeeping import give_up, settle
from flashworld.jobs.job import Job, JobProgress
from flashworld.jobs.ledger import Ledger
from flashworld.jobs.making import Maker
from flashworld.jobs.pace import Pace
from flashworld.jobs.shelf import Shelf
from flashworld.request import parse_request

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds that `close` waits for the workers. Work hears of its end only between two parts, each maybe minutes long."""

AGAIN_SECONDS = 5.0
"""Until a worker asks again for work of a ledger that failed."""


@dataclass
class Run:
    """A job at work: where it is, and whether it is to stop."""

    progress: JobProgress = field(default_factory=lambda: JobProgress("prepare"))
    stop: threading.Event = field(default_factory=threading.Event)


class Crew:
    """One thread a maker. `changed` is told of every job that is not what it was, `completed` after each result."""

    def __init__(
        self,
        ledger: Ledger,
        shelf: Shelf,
        makers: Sequence[Maker],
        changed: Callable[[str], None],
        completed: Callable[[], None],
    ):
        self._ledger, self._shelf = ledger, shelf
        self._changed, self._completed = changed, completed
        self._runs: dict[str, Run] = {}
        self._more_work = threading.Condition()
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"maker-{index}", args=(maker,), daemon=True)
            for index, maker in enumerate(makers)
        ]
        self.pace = Pace({})

    def start(self) -> None:
        """Begin to take jobs."""
        for thread in self._threads:
            thread.start()

    def look(self) -> None:
        """There is a job that waits."""
        with self._more_work:
            self._more_work.notify()

    def stop(self, job_id: str) -> None:
        """Stop a job within its step, if it is at work."""
        if run := self._runs.get(job_id):
            run.stop.set()

    def progress(self) -> dict[str, JobProgress]:
        """Where the jobs at work are."""
        return {job_id: run.progress for job_id, run in list(self._runs.items())}

    def close(self) -> bool:
        """Interrupt what runs; return whether all threads have ended within `PATIENCE`."""
        with self._more_work:  # so that nobody takes a job whose run would not be told
            self._closing.set()
            for run in list(self._runs.values()):
                run.stop.set()
            self._more_work.notify_all()
        deadline = time.monotonic() + PATIENCE
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self, maker: Maker) -> None:
        while (taken := self._next()) is not None:
            self._attempt(maker, *taken)

    def _next(self) -> tuple[Job, Run] | None:
        """Wait for the next job and take it; None at the end."""
        with self._more_work:
            while not self._closing.is_set():
                if taken := self._taken():
                    return taken
        return None

    def _taken(self) -> tuple[Job, Run] | None:
        """Take the job that waits longest; None after a wait if there is none."""
        try:
            with self._ledger.transaction():
                job = self._ledger.take_next(time.time())
                if job is not None:
                    run = self._runs[job.id] = Run()
                    return job, run
            self._more_work.wait()
        except sqlite3.Error:  # such as a full disk; there may be room the next time
            log.exception("No job could be taken.")
            self._more_work.wait(AGAIN_SECONDS)
        return None

    def _attempt(self, maker: Maker, job: Job, run: Run) -> None:
        """Make a job, and survive whatever happens meanwhile."""
        self._changed(job.id)
        try:
            if self._made(maker, job, run):
                settle(self._ledger, self._shelf, job)
                self._completed()
        except Exception:  # the ledger or the disk failed; `recover` will find out what became of the job
            log.exception("Job %s could not be recorded.", job.id)
        finally:
            # Repeated in the meantime, it may be another worker's already.
            if self._runs.get(job.id) is run:
                del self._runs[job.id]
            self._changed(job.id)

    def _made(self, maker: Maker, job: Job, run: Run) -> bool:
        """Whether there is a result; if not, it is recorded why."""
        try:
            request = parse_request(self._shelf.request_file(job.id).read_bytes())
            # It may have waited for another model, over a restart or before it was repeated.
            job = self._ledger.update(job.id, **maker.facts(maker.plan(request, job.exact_size)))
            self._shelf.clear_previews(job.id)
            summary = maker.make(
                request,
                job.exact_size,
                self._shelf.begin(job.id),
                lambda step: self._shelf.preview(job.id, step),
                lambda progress: self._advance(job, run, progress),
            )
            self._shelf.publish(job.id, summary)
        except Cancelled:
            give_up(self._ledger, self._shelf, job, "interrupted" if self._closing.is_set() else "cancelled")
        except Exception as error:  # whatever a model, a driver or a disk may raise ends one job, not the worker
            log.exception("Job %s failed.", job.id)
            give_up(self._ledger, self._shelf, job, "failed", in_words(error))
        else:
            return True
        return False

    def _advance(self, job: Job, run: Run, progress: JobProgress) -> None:
        """Hear of progress; stop the work if that is wished."""
        if run.stop.is_set():
            raise Cancelled
        fraction = max(run.progress.fraction, self.pace.fraction(progress, job.amounts))
        run.progress = replace(progress, fraction=fraction)
        self._changed(job.id)
