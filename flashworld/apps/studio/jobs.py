"""Our own routes for jobs: submit, look, cancel, repeat, rename, delete, and their files."""

import re
from typing import Any

from flask import Blueprint, Response, jsonify, request

from flashworld.apps.studio import bodies
from flashworld.apps.studio.answers import job_json
from flashworld.apps.studio.sending import send
from flashworld.jobs import Job, Workshop
from flashworld.jobs.looking import MAX_SIDE
from flashworld.jobs.shelf import FILES

MIME = {
    "ply": "application/octet-stream",
    "spz": "application/octet-stream",
    "mp4": "video/mp4",
    "record": "application/json",
    "thumbnail": "image/jpeg",
}
MOST_JOBS = 200


def blueprint(workshop: Workshop) -> Blueprint:
    """The routes."""
    routes = Blueprint("jobs", __name__, url_prefix="/api/jobs")

    def told(job: Job) -> dict[str, Any]:
        return job_json(*workshop.status([job]))

    @routes.post("")
    def submit() -> Any:
        return jsonify(told(bodies.submit(workshop, bodies.json_object()))), 202

    @routes.get("")
    def page() -> Response:
        limit = bodies.whole_number("limit", 50, 1, MOST_JOBS) or 50
        jobs = workshop.page(limit + 1, bodies.whole_number("before", None, 0, 2**62))
        more = len(jobs) > limit
        shown = jobs[:limit]
        return jsonify(jobs=[job_json(s) for s in workshop.status(shown)], next=str(shown[-1].number) if more else None)

    @routes.get("/<job_id>")
    def show(job_id: str) -> Response:
        return jsonify(told(workshop.job(job_id)))

    @routes.patch("/<job_id>")
    def rename(job_id: str) -> Response:
        return jsonify(told(workshop.rename(job_id, bodies.text_field(bodies.json_object(bodies.SMALL_BODY), "name"))))

    @routes.delete("/<job_id>")
    def delete(job_id: str) -> Response:
        return jsonify(deleted=workshop.delete(job_id))

    @routes.post("/<job_id>/cancel")
    def cancel(job_id: str) -> Response:
        return jsonify(told(workshop.cancel(job_id)))

    @routes.post("/<job_id>/requeue")
    def requeue(job_id: str) -> Response:
        return jsonify(told(workshop.requeue(job_id)))

    @routes.get("/<job_id>/request")
    def as_asked(job_id: str) -> Response:
        return send(workshop.request_file(job_id), "application/json")

    @routes.get("/<job_id>/files/<kind>")
    def file(job_id: str, kind: str) -> Response:
        path = workshop.file(job_id, kind)
        name = file_name(workshop.job(job_id).name) + path.suffix
        return send(path, MIME[kind], None if request.args.get("inline") == "1" else name)

    @routes.get("/<job_id>/previews/<int(max=999):step>")
    def preview(job_id: str, step: int) -> Response:
        return send(workshop.preview(job_id, step), MIME["spz"])

    @routes.get("/<job_id>/frames/<int:index>.png")
    def frame(job_id: str, index: int) -> Response:
        width = bodies.whole_number("width", None, 16, MAX_SIDE)
        return Response(workshop.frame(job_id, index, width), mimetype="image/png")

    assert set(MIME) == set(FILES)
    return routes


def file_name(name: str) -> str:
    """A job's name as the beginning of a file's name that every system takes."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "scene"
