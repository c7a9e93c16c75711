"""What is told of jobs, as JSON, and of faults, in words."""

import logging
import sqlite3
from functools import lru_cache
from typing import Any

from flask import Flask, json, jsonify
from werkzeug.exceptions import HTTPException

from flashworld.errors import FlashWorldError, RequestError
from flashworld.jobs import BusyError, JobError, NoJobError, NoRoomError, NotNowError, QueueFullError
from flashworld.jobs.job import JobStatus
from flashworld.jobs.news import Message

log = logging.getLogger(__name__)

RETRY_SECONDS = 30
"""When a place in the queue may be free."""
SOON_SECONDS = 5
"""When a moment of much to do may be over."""


def job_json(status: JobStatus) -> dict[str, Any]:
    """A job as the interface tells it."""
    job, progress = status.job, status.progress
    url = f"/api/jobs/{job.id}"
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state,
        "position": status.position,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "expected_seconds": status.expected_seconds,
        "progress": {
            "stage": progress.stage,
            "step": progress.step,
            "steps": progress.steps,
            "done": progress.done,
            "total": progress.total,
            "fraction": round(progress.fraction, 4),
        },
        "error": job.error,
        "note": job.note,
        "previews": [f"{url}/previews/{step}" for step in progress.previews],
        "files": {kind: {"url": f"{url}/files/{kind}", "bytes": size} for kind, size in job.files.items()},
        "text_prompt": job.text_prompt,
        "has_image": job.has_image,
        "resolution": [job.frames, job.height, job.width],
        "image_index": job.image_index,
        "seed": job.seed,
        "exact_size": job.exact_size,
        "model": job.model,
        "trained": job.trained,
        "num_gaussians": job.num_gaussians,
        "seconds": job.seconds,
    }


def queue_json(waiting: list[JobStatus], num_running: int) -> dict[str, Any]:
    """The queue: who waits in which place, and how many are at work."""
    places = [
        {"id": status.job.id, "position": status.position, "expected_seconds": status.expected_seconds}
        for status in waiting
    ]
    return {"queued": len(waiting), "running": num_running, "waiting": places}


@lru_cache(maxsize=512)
def event_text(message: Message) -> str:
    """A message as a server-sent event. Made once for all who listen."""
    contents = {
        "job": lambda status: job_json(status),
        "removed": lambda job_id: {"id": job_id},
        "queue": lambda queue: queue_json(*queue),
    }
    return f"event: {message.kind}\ndata: {json.dumps(contents[message.kind](message.content))}\n\n"


def tell_faults(app: Flask) -> None:
    """Turn every exception of an application into a status and `{"error": words}`."""

    @app.errorhandler(FlashWorldError)
    def of_ours(error: FlashWorldError) -> Any:
        status, headers = _status_of(error)
        return jsonify(error=str(error)), status, headers

    @app.errorhandler(HTTPException)
    def of_http(error: HTTPException) -> Any:
        headers = [pair for pair in error.get_headers() if pair[0] not in ("Content-Type", "Content-Length")]
        return jsonify(error=error.description or error.name), error.code or 500, headers

    @app.errorhandler(sqlite3.OperationalError)
    def of_the_ledger(error: sqlite3.OperationalError) -> Any:
        log.error("The ledger failed.", exc_info=error)
        return jsonify(error="The server cannot write its records at present; its disk may be full. Try later."), 503

    @app.errorhandler(Exception)
    def of_the_server(error: Exception) -> Any:
        log.error("A request failed.", exc_info=error)
        return jsonify(error="The server failed to answer this. Its log tells more."), 500


def _status_of(error: FlashWorldError) -> tuple[int, dict[str, str]]:
    if isinstance(error, NoJobError):
        return 404, {}
    if isinstance(error, NotNowError):
        return 409, {}
    if isinstance(error, NoRoomError):
        return 503, {}
    if isinstance(error, BusyError):
        return 503, {"Retry-After": str(SOON_SECONDS)}
    if isinstance(error, QueueFullError):
        return (429 if error.mine else 503), {"Retry-After": str(RETRY_SECONDS)}
    assert not isinstance(error, JobError)
    return 400, {}


def refuse(fault: str) -> RequestError:
    """An error that tells one fault."""
    return RequestError([fault])
