"""The interface's description of itself (OpenAPI 3.1). Tests hold it against the routes and their answers."""

from typing import Any

from flashworld.apps.studio.paths import EXPORTS
from flashworld.apps.studio.schemas import TEXT, WHOLE, Schema, all_schemas, ref
from flashworld.jobs.shelf import FILES

WORDS = {
    400: "The request has faults; each is told.",
    401: "A token is needed.",
    403: "A page of another origin, or another name of this server.",
    404: "There is no such thing (any more).",
    406: "Not asked for as a stream of events.",
    409: "The job's state does not allow it.",
    413: "The body is too large.",
    416: "The file has no such range.",
    429: "Too many of this client's jobs wait.",
    503: "The queue, the disk or the number of streams is full, or the server is too busy at this moment.",
}
EVERYWHERE = (401, 403)
BODY = (400, 413, 503)
BINARY = "application/octet-stream"
FORM = "multipart/form-data"


def describe(version: str) -> dict[str, Any]:
    """The whole description."""
    operations = {**_jobs(), **_files(), **_paths(), **_machine(), **_published()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "FlashWorld studio",
            "version": version,
            "description": "Jobs that turn a picture or a sentence, and a camera path, into a world of Gaussians.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": operations,
        "components": {
            "schemas": all_schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _operation(
    name: str,
    summary: str,
    answer: Schema | str,
    *faults: int,
    status: int = 200,
    body: dict[str, Any] | None = None,
    query: dict[str, Schema] | None = None,
    path: dict[str, Schema] | None = None,
) -> dict[str, Any]:
    """One operation. `answer` is a schema of JSON or another media type, `body` the content by media type."""
    described: dict[str, Any] = {"operationId": name, "summary": summary}
    parameters = [_parameter(key, "path", schema) for key, schema in (path or {}).items()]
    parameters += [_parameter(key, "query", schema) for key, schema in (query or {}).items()]
    if parameters:
        described["parameters"] = parameters
    if body is not None:
        described["requestBody"] = {"required": True, "content": body}
    content = {answer: {}} if isinstance(answer, str) else {"application/json": {"schema": answer}}
    responses: dict[str, Any] = {str(status): {"description": summary, "content": content}}
    for code in sorted({*faults, *EVERYWHERE, *(BODY if body else ())}):
        words = {"application/json": {"schema": ref("Error")}}
        responses[str(code)] = {"description": WORDS[code], "content": words}
    return described | {"responses": responses}


def _json(schema: str) -> dict[str, Any]:
    """A body of JSON."""
    return {"application/json": {"schema": ref(schema)}}


def _in_ranges(operation: dict[str, Any]) -> dict[str, Any]:
    """The same operation, a range of whose answer may be asked for."""
    part = {"description": "The range that was asked for", "content": {"*/*": {}}}
    return operation | {"responses": operation["responses"] | {"206": part}}


def _parameter(name: str, where: str, schema: Schema) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


def _whole(least: int, most: int) -> Schema:
    return WHOLE | {"minimum": least, "maximum": most}


JOB_ID = {"job_id": TEXT | {"minLength": 1}}


def _jobs() -> dict[str, Any]:
    job = ref("Job")
    pages = {"limit": _whole(1, 200), "before": _whole(0, 2**62)}
    asked = _in_ranges(_operation("request", "What was asked for", ref("SceneRequest"), 404, 416, path=JOB_ID))
    return {
        "/api/jobs": {
            "post": _operation(
                "submit", "Put a request into the queue", job, 429, 503, status=202, body=_json("Submission")
            ),
            "get": _operation("jobs", "Queue and history, newest first", ref("Jobs"), 400, query=pages),
        },
        "/api/jobs/{job_id}": {
            "get": _operation("job", "One job", job, 404, path=JOB_ID),
            "patch": _operation("rename", "Call a job something else", job, 404, path=JOB_ID, body=_json("Renaming")),
            "delete": _operation(
                "delete", "Remove a job that does not run, and its files", ref("Deleted"), 404, 409, 503, path=JOB_ID
            ),
        },
        "/api/jobs/{job_id}/cancel": {
            "post": _operation("cancel", "Stop a job, or take it out of the queue", job, 404, 409, 503, path=JOB_ID)
        },
        "/api/jobs/{job_id}/requeue": {
            "post": _operation(
                "requeue", "Let a job that did not complete wait again", job, 404, 409, 429, 503, path=JOB_ID
            )
        },
        "/api/jobs/{job_id}/request": {"get": asked},
        "/api/jobs/{job_id}/events": {
            "get": _operation(
                "job_events", "A job's changes until it is finished", "text/event-stream", 404, 406, 503, path=JOB_ID
            )
        },
        "/api/events": {"get": _operation("events", "All jobs' changes", "text/event-stream", 406, 503)},
    }


def _files() -> dict[str, Any]:
    kind = JOB_ID | {"kind": {"enum": list(FILES)}}
    step = JOB_ID | {"step": _whole(0, 999)}
    inline = {"inline": {"enum": ["0", "1"]}}
    file = _in_ranges(_operation("file", "A file of the result", "*/*", 404, 416, path=kind, query=inline))
    preview = _in_ranges(_operation("preview", "The world after a step, lightened (SPZ)", BINARY, 404, 416, path=step))
    index = JOB_ID | {"index": _whole(0, 2**31)}
    frame = _operation(
        "frame",
        "The scene from one of its cameras",
        "image/png",
        400,
        404,
        503,
        path=index,
        query={"width": _whole(16, 1280)},
    )
    return {
        "/api/jobs/{job_id}/frames/{index}.png": {"get": frame},
        "/api/jobs/{job_id}/files/{kind}": {"get": file},
        "/api/jobs/{job_id}/previews/{step}": {"get": preview},
    }


def _paths() -> dict[str, Any]:
    size = {"height": _whole(64, 1280), "width": _whole(64, 1280)}
    formats = {"format": {"enum": list(EXPORTS)}}
    return {
        "/api/templates": {"get": _operation("templates", "Ready camera movements", ref("Templates"))},
        "/api/paths/template": {
            "post": _operation("template", "The path of a movement", ref("Cameras"), body=_json("TemplateWish"))
        },
        "/api/paths/check": {
            "post": _operation(
                "check", "A path as the model sees it, with warnings", ref("Checked"), body=_json("Path")
            )
        },
        "/api/paths/import": {
            "post": _operation(
                "import",
                "The path in a file, or in COLMAP's two",
                ref("Imported"),
                body={BINARY: {}, FORM: {"schema": ref("ColmapFiles")}},
                query=size,
            )
        },
        "/api/paths/export": {
            "post": _operation("export", "A path as a file", "*/*", body=_json("Path"), query=formats),
        },
    }


def _machine() -> dict[str, Any]:
    return {
        "/api/health": {"get": _operation("health", "Whether the server works", ref("Health"))},
        "/api/machine": {"get": _operation("machine", "What this server offers, and its limits", ref("Machine"))},
        "/api/openapi.json": {"get": _operation("openapi", "This description", {"type": "object"})},
    }


def _published() -> dict[str, Any]:
    file_id, task_id = {"file_id": TEXT | {"minLength": 1}}, {"task_id": TEXT | {"minLength": 1}}
    deleted = "Remove a result's files"
    return {
        "/generate": {
            "post": _operation(
                "generate", "Put a request into the queue (published form)", ref("PublishedAccepted"), 429, 503,
                status=202, body=_json("Submission"),
            )
        },
        "/task/{task_id}": {"get": _operation("task", "How a task stands", ref("PublishedTask"), 404, path=task_id)},
        "/status": {"get": _operation("status", "How the queue stands", ref("PublishedStatus"))},
        "/download/{file_id}": {
            "get": _in_ranges(_operation("download", "The PLY file", BINARY, 404, 416, path=file_id))
        },
        "/delete/{file_id}": {
            "delete": _operation("delete_file", deleted, ref("PublishedDeleted"), path=file_id),
            "post": _operation("post_delete_file", deleted, ref("PublishedDeleted"), path=file_id),
        },
    }  # fmt: skip
