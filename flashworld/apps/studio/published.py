"""The interface of the published release's first server, for the clients that speak it.

Status codes and fields are the release's, with these differences on purpose: a picture is never opened as a file of the
server; `file_path` is a bare name; what the release answers with 500 although the client is at fault (no JSON, fields
that are missing) is a 400; pages of other origins are let in only with `--cors`.
"""

import time
from typing import Any

from flask import Blueprint, Response, jsonify

from flashworld.apps.studio import bodies
from flashworld.apps.studio.sending import send
from flashworld.errors import RequestError
from flashworld.jobs import Job, NoJobError, NotNowError, QueueFullError, Workshop

STATUS = {"interrupted": "failed", "cancelled": "failed"}
"""Our states to the release's, where they differ."""
NAMES = {"ply": ".ply", "spz": ".spz", "mp4": ".mp4", "record": ".json"}
"""Kinds of files to what follows the file's id in the names that clients are told."""


def blueprint(workshop: Workshop) -> Blueprint:
    """The routes."""
    routes = Blueprint("published", __name__)

    @routes.post("/generate", provide_automatic_options=False)
    def generate() -> Any:
        try:
            job = bodies.submit(workshop, bodies.json_object())
        except RequestError as error:
            return jsonify(error=_as_published(error)), 400
        return jsonify(success=True, task_id=job.id, file_id=job.id, queue=_queue(workshop, job)), 202

    @routes.route("/generate", methods=["OPTIONS"])
    @routes.route("/delete/<file_id>", methods=["OPTIONS"])
    def preflight(**_: str) -> Response:
        return jsonify(status="ok")

    @routes.get("/task/<task_id>")
    def task(task_id: str) -> Any:
        try:
            job = workshop.record(task_id)
        except NoJobError:
            return jsonify(error="Task not found"), 404
        return jsonify(_task(workshop, job))

    @routes.get("/status")
    def status() -> Response:
        running, queued = workshop.running(), workshop.queued()
        facts = {
            "max_concurrent": len(workshop.makers),
            "running_count": len(running),
            "queued_count": len(queued),
            "completed_count": workshop.count("completed", "failed", "cancelled", "interrupted"),
            "running_tasks": [job.id for job in running],
            "queued_tasks": [job.id for job in queued],
        }
        return jsonify(success=True, status=facts, timestamp=time.time())

    @routes.get("/download/<file_id>")
    def download(file_id: str) -> Any:
        try:
            path = workshop.file(file_id, "ply")
        except NoJobError:
            return jsonify(error="File not found"), 404
        return send(path, "application/octet-stream", f"{file_id}.ply")

    @routes.route("/delete/<file_id>", methods=["DELETE", "POST"], provide_automatic_options=False)
    def delete(file_id: str) -> Response:
        try:
            finished = workshop.job(file_id).finished
            kinds = workshop.delete(file_id) if finished else []
        except (NoJobError, NotNowError):
            kinds = []
        return jsonify(success=True, deleted=[file_id + NAMES[kind] for kind in kinds if kind in NAMES])

    @routes.errorhandler(QueueFullError)
    def full(error: QueueFullError) -> Any:
        return jsonify(error=str(error)), 429 if error.mine else 503

    return routes


def _as_published(error: RequestError) -> str:
    """The release's own words for its two faults; ours for all others."""
    first = error.faults[0]
    if "neither a picture" in first:
        return "No Prompts provided"
    if first.startswith("image_prompt: "):
        return f"Image decode error: {first.removeprefix('image_prompt: ')}"
    return str(error)


def _queue(workshop: Workshop, job: Job) -> dict[str, int]:
    (status,) = workshop.status([job])
    queued, running = workshop.count("queued"), workshop.count("running")
    return {"queued_count": queued, "running_count": running, "position": status.position}


def _task(workshop: Workshop, job: Job) -> dict[str, Any]:
    facts = {
        "success": True,
        "task_id": job.id,
        "status": STATUS.get(job.state, job.state),
        "created_at": job.created_at,
        "started_at": job.started_at,
        "completed_at": job.finished_at,
        "error": job.error or (f"The job was {job.state}." if job.state in STATUS else None),
        "queue": _queue(workshop, job),
    }
    if job.state == "completed":
        assert job.started_at is not None
        assert job.finished_at is not None
        facts |= {
            "file_id": job.id,
            "file_path": f"{job.id}.ply",
            "file_size": job.files.get("ply", 0),
            "download_url": f"/download/{job.id}",
            "generation_time": job.finished_at - job.started_at,
        }
    return facts
