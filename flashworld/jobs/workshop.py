"""`Workshop`: takes in jobs, lets workers make them, and knows how each one stands.

    submit -> queued -> running -> completed
                 |         |-----> failed          (its error in words)
                 |---------+-----> cancelled
                           '-----> interrupted     (the server ended)     failed, cancelled, interrupted -> requeue

The ledger holds what must outlive the process, the shelf holds the files; progress is in memory. A job is completed at
the one moment in which its folder of files is renamed; by it a restart finds out which jobs were.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flashworld.errors import FormatError
from flashworld.jobs.crew import Crew
from flashworld.jobs.folder_lock import FolderLock
from flashworld.jobs.housekeeping import clear, clear_strays, existing, recover, retire, sweep
from flashworld.jobs.job import (
    MAX_NAME,
    REPEATABLE,
    STATES,
    Job,
    JobProgress,
    JobStatus,
    NoJobError,
    NoRoomError,
    NotNowError,
    QueueFullError,
    new_id,
)
from flashworld.jobs.ledger import Ledger
from flashworld.jobs.limits import Limits
from flashworld.jobs.looking import see
from flashworld.jobs.making import Maker
from flashworld.jobs.news import Listener, Message, News
from flashworld.jobs.outlook import expected_ends
from flashworld.jobs.pace import Pace
from flashworld.jobs.shelf import Shelf
from flashworld.publish import make_folder
from flashworld.request import SceneRequest, parse_request

log = logging.getLogger(__name__)

SWEEP_SECONDS = 60.0


class Workshop:
    """The queue, its workers (one thread a maker) and the results, all below one folder.

    Only one workshop at a time works in a folder. Call `start` to let the workers begin, `close` to end.
    """

    def __init__(self, folder: Path, makers: Sequence[Maker], limits: Limits | None = None):
        self.limits = limits or Limits()
        self.makers = tuple(makers)
        folder = make_folder(folder.absolute())
        self._lock = FolderLock(folder)
        self._ledger = Ledger(folder / "jobs.sqlite3")
        self._shelf = Shelf(folder / "jobs")
        recover(self._ledger, self._shelf, tuple)
        clear_strays(self._ledger, self._shelf)
        self._news = News(self._describe)
        self._crew = Crew(self._ledger, self._shelf, self.makers, self._news.changed, self._after_a_result)
        self._crew.pace = self._measured_pace()
        self._told_queue: tuple[list[str], int] = ([], 0)
        self._closing = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_regularly, name="sweeper", daemon=True)

    def start(self) -> None:
        """Let the workers begin."""
        self._crew.start()
        self._sweeper.start()

    def close(self) -> bool:
        """Stop all work (what runs is interrupted, what waits will wait for the next start) and let the folder go.

        Returns:
            False if a worker, deep in a computation, has not heard of it after some seconds. The folder is then kept,
            for that worker still writes there: end the process, and the next start finds the job interrupted.
        """
        self._closing.set()
        all_ended = self._crew.close()
        if self._sweeper.ident is not None:
            self._sweeper.join()
        self._news.close()
        if all_ended:
            self._ledger.close()
            self._lock.release()
        return all_ended

    # What a person does

    def submit(self, request: SceneRequest, *, name: str = "", exact_size: bool = False, client: str = "") -> Job:
        """Put a request at the end of the queue.

        Args:
            request: What to make.
            name: What to call it; by default the beginning of its text.
            exact_size: Let the model work at the request's own size.
            client: Whose it is, for the limit on how many one client may have waiting.

        Raises:
            QueueFullError: Too many wait already.
            NoRoomError: The disk does not take the request.
            RequestError: More than this machine can hold.
        """
        plan = self.makers[0].plan(request, exact_size)
        self._check_room(client)
        job_id = new_id()
        try:
            size = self._shelf.keep_request(job_id, request.to_json())
            # Once more, and now nobody can come between: many may have passed the first look together.
            with self._ledger.transaction():
                self._check_room(client)
                job = self._ledger.add(
                    **_facts(request, name),
                    id=job_id,
                    client=client,
                    created_at=time.time(),
                    exact_size=exact_size,
                    bytes=size,
                    **self.makers[0].facts(plan),
                )
        except BaseException as error:
            self._shelf.remove(job_id)
            if isinstance(error, FormatError):  # its text names the place, which is nobody's business
                log.exception("A request could not be kept.")
                raise NoRoomError("The server's disk takes no more. Delete old results, or try later.") from None
            raise
        self._announce_work(job_id)
        return job

    def cancel(self, job_id: str) -> Job:
        """Take a waiting job out of the queue, or stop a running one within its step."""
        with self._ledger.transaction():
            job = self.job(job_id)
            if job.finished:
                raise NotNowError(f"The job is {job.state} already; there is nothing to cancel.")
            if job.state == "queued":
                job = self._ledger.update(job_id, state="cancelled", finished_at=time.time())
        self._crew.stop(job_id)
        self._news.changed(job_id)
        return job

    def requeue(self, job_id: str) -> Job:
        """Let a failed, cancelled or interrupted job wait again, at the end of the queue."""
        with self._ledger.transaction():
            job = self.job(job_id)
            if job.state not in REPEATABLE:
                raise NotNowError(f"The job is {job.state}; only a job that is {_listed(REPEATABLE)} can be repeated.")
            self._check_room(job.client)
            job = self._ledger.to_end_of_queue(job_id)
        self._announce_work(job_id)
        return job

    def rename(self, job_id: str, name: str) -> Job:
        """Call a job something else."""
        with self._ledger.transaction():
            job = self._ledger.update(self.job(job_id).id, name=_tidy(name) or "Untitled")
        self._news.changed(job_id)
        return job

    def delete(self, job_id: str) -> list[str]:
        """Remove a finished or waiting job and all its files; return the kinds of files that went."""
        with self._ledger.transaction():
            if self.job(job_id).state == "running":
                raise NotNowError("The job is running: cancel it first.")
            retire(self._ledger, job_id, STATES)
        kinds = clear(self._shelf, job_id)
        self._news.changed(job_id)
        return kinds

    # What a person looks at

    def job(self, job_id: str) -> Job:
        """The record of a job that has its files.

        Raises:
            NoJobError: There is none (any more).
        """
        job = self.record(job_id)
        if job.removed_at is not None:
            raise NoJobError("There is no such job (any more).")
        return job

    def record(self, job_id: str) -> Job:
        """The record of a job, even if its files are gone already."""
        return existing(self._ledger, job_id)

    def page(self, limit: int, before: int | None = None) -> list[Job]:
        """The newest jobs, or those older than number `before`."""
        return self._ledger.page(limit, before)

    def queued(self) -> list[Job]:
        """All that wait, in their order."""
        return self._ledger.queued()

    def running(self) -> list[Job]:
        """All that are being made."""
        return self._ledger.running()

    def count(self, *states: str) -> int:
        """How many jobs are in these states."""
        return self._ledger.count(*states)

    def status(self, jobs: Sequence[Job]) -> list[JobStatus]:
        """How jobs stand now."""
        queued, at_work = self._ledger.queued(), self._crew.progress()
        positions = {job.id: index for index, job in enumerate(queued, start=1)}
        fractions = {job_id: progress.fraction for job_id, progress in at_work.items()}
        ends = expected_ends(self._crew.pace, self._ledger.running(), fractions, queued, len(self.makers))
        return [
            JobStatus(
                job=job,
                progress=at_work[job.id] if job.state == "running" and job.id in at_work else _at_rest(job),
                position=positions.get(job.id, 0),
                expected_seconds=None if job.finished else ends.get(job.id),
            )
            for job in jobs
        ]

    def request(self, job_id: str) -> str:
        """The JSON of a job's request, as it was given."""
        return self.request_file(job_id).read_text(encoding="utf-8")

    def request_file(self, job_id: str) -> Path:
        """The file with the JSON of a job's request."""
        return self._shelf.request_file(self.job(job_id).id)

    def file(self, job_id: str, kind: str) -> Path:
        """A file of a completed job."""
        if self.job(job_id).state != "completed":
            raise NoJobError("There is no such file (yet): the job is not completed.")
        return self._shelf.file(job_id, kind)

    def preview(self, job_id: str, step: int) -> Path:
        """The light scene after a step."""
        return self._shelf.existing_preview(self.job(job_id).id, step)

    def frame(self, job_id: str, index: int, width: int | None = None) -> bytes:
        """A PNG of a completed scene from the camera of one of its frames."""
        job, scene = self.job(job_id), self.file(job_id, "ply")
        if not 0 <= index < job.frames:
            raise NoJobError(f"There is no frame {index}; they are counted from 0 to {job.frames - 1}.")
        return see(scene, lambda: parse_request(self.request(job_id)), index, width)

    def listen(self) -> Listener:
        """Hear of all changes: messages `job` (a `JobStatus`), `removed` (an id), `queue` (statuses that wait)."""
        return self._news.listen()

    def end_news(self) -> None:
        """Let nobody hear any more: the workshop is about to close."""
        self._news.close()

    def leave(self, listener: Listener) -> None:
        """Hear no more."""
        self._news.leave(listener)

    # What happens by itself

    def _sweep_regularly(self) -> None:
        while not self._closing.wait(SWEEP_SECONDS):
            self._sweep()

    def _sweep(self) -> None:
        try:
            changed = recover(self._ledger, self._shelf, self._crew.progress)
            changed += sweep(self._ledger, self._shelf, self.limits, time.time())
        except (OSError, sqlite3.Error):  # a disk or a ledger that fails now may work the next time
            log.exception("The folder could not be kept in order.")
            return
        for job_id in changed:
            self._news.changed(job_id)

    def _after_a_result(self) -> None:
        self._crew.pace = self._measured_pace()
        self._sweep()

    def _measured_pace(self) -> Pace:
        return Pace.of_runs(self._ledger.recent_runs(self.makers[0].model.name))

    def _check_room(self, client: str) -> None:
        if self._ledger.count("queued") >= self.limits.queued:
            raise QueueFullError(f"{self.limits.queued} jobs wait already, which is the limit; try later.", mine=False)
        if self._ledger.unfinished_of(client) >= self.limits.queued_per_client:
            limit = self.limits.queued_per_client
            raise QueueFullError(f"{limit} of your jobs wait already, which is the limit; try later.", mine=True)

    def _announce_work(self, job_id: str) -> None:
        self._crew.look()
        self._news.changed(job_id)

    def _describe(self, ids: list[str]) -> list[Message]:
        """Messages that tell how the jobs `ids` stand, and what waits."""
        found = {job_id: self._ledger.get(job_id) for job_id in ids}
        there = [job for job in found.values() if job is not None and job.removed_at is None]
        gone = [job_id for job_id, job in found.items() if job is None or job.removed_at is not None]
        statuses = self.status([*there, *self._ledger.queued()])
        waiting, num_running = statuses[len(there) :], self._ledger.count("running")
        messages = [Message("job", status) for status in statuses[: len(there)]]
        messages += [Message("removed", job_id) for job_id in gone]
        queue = ([status.job.id for status in waiting], num_running)
        if queue != self._told_queue:
            self._told_queue = queue
            messages.append(Message("queue", (waiting, num_running)))
        return messages


def _at_rest(job: Job) -> JobProgress:
    """The progress of a job that is not at work."""
    if job.state == "completed":
        return JobProgress("done", done=1, fraction=1.0)
    return JobProgress("waiting" if job.state == "queued" else job.state)


def _facts(request: SceneRequest, name: str) -> dict[str, Any]:
    """What the record of a job says of its request."""
    return {
        "name": _tidy(name) or _tidy(request.text_prompt) or "Untitled",
        "text_prompt": request.text_prompt,
        "has_image": request.picture_bytes is not None,
        "frames": request.frames,
        "height": request.height,
        "width": request.width,
        "image_index": request.image_index,
        "seed": request.seed,
    }


def _tidy(name: str) -> str:
    """One line, without signs that cannot be shown, not too long."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in name).split())[:MAX_NAME].strip()


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + " or " + words[-1]
