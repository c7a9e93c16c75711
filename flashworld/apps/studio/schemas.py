"""The objects of the interface as JSON schemas. The request's own comes from the class that checks it."""

from typing import Any

from flashworld.apps.studio.paths import MAX_TEMPLATE_FRAMES
from flashworld.cameras.easing import EASINGS
from flashworld.cameras.templates import TEMPLATES
from flashworld.jobs.job import STATES
from flashworld.jobs.shelf import FILES
from flashworld.request import SceneRequest
from flashworld.request.schema import MAX_CAMERAS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}


def ref(name: str) -> Schema:
    """A pointer to one of the schemas below."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(items: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": items}


def whole_object(**fields: Schema) -> Schema:
    """An object that has all of these fields and no others."""
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def all_schemas() -> dict[str, Schema]:
    """Name to schema of everything that is sent or answered."""
    return {
        **_of_requests(),
        "Error": whole_object(error=TEXT),
        "Job": _job(),
        "Jobs": whole_object(jobs=listed(ref("Job")), next=maybe(TEXT)),
        "Deleted": whole_object(deleted=listed(TEXT)),
        "Health": whole_object(
            ok=FLAG, version=TEXT, model=TEXT, trained=FLAG, device=TEXT, queued=WHOLE, running=WHOLE
        ),
        "Machine": {"type": "object", "required": ["models", "device", "limits", "resolutions"]},
        "Templates": whole_object(templates=listed(_template()), easings=listed(TEXT)),
        "Cameras": whole_object(cameras=listed(ref("Camera"))),
        "Checked": whole_object(
            cameras=listed(ref("Camera")),
            warnings=listed(whole_object(kind=TEXT, frames=listed(WHOLE), message=TEXT)),
        ),
        "ColmapFiles": {
            "type": "object",
            "description": "COLMAP's images.txt and cameras.txt.",
            "properties": {name: {"type": "string", "format": "binary"} for name in ("images", "cameras")},
            "required": ["images", "cameras"],
        },
        "Imported": {
            "type": "object",
            "properties": {
                "cameras": listed(ref("Camera")),
                "resolution": listed(WHOLE),
                "image_index": WHOLE,
                "text_prompt": TEXT,
                "seed": maybe(WHOLE),
                "has_image": FLAG,
                "name": TEXT,
            },
            "required": ["cameras", "resolution"],
        },
        **_published(),
    }


def _of_requests() -> dict[str, Schema]:
    """The request for a scene, with what our own routes add to it, and its parts."""
    whole = SceneRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    camera = whole.pop("$defs")["CameraView"]
    # Not all of the four may be zero.
    camera["properties"]["quaternion"]["contains"] = {"anyOf": [{"minimum": 1e-7}, {"maximum": -1e-7}]}
    fields = whole["properties"]
    fields["cameras"] = {
        "type": "array", "items": ref("Camera"), "minItems": 1, "maxItems": MAX_CAMERAS,
        "description": fields["cameras"]["description"],
    }  # fmt: skip
    # Pictures in bytes belong to the library; on the wire they are text.
    fields["image_prompt"] = maybe(TEXT) | {"description": fields["image_prompt"]["description"]}
    for name in ("text_prompt", "image_index"):
        fields[name] = maybe({key: value for key, value in fields[name].items() if key != "default"})
    extra = {"name": maybe(TEXT), "exact_size": maybe(FLAG)}
    with_text: Schema = {"required": ["text_prompt"], "properties": {"text_prompt": TEXT | {"pattern": r"\S"}}}
    with_image: Schema = {"required": ["image_prompt"], "properties": {"image_prompt": TEXT | {"minLength": 1}}}
    path_fields = {name: fields[name] for name in ("cameras", "resolution", "image_index", "image_prompt")}
    return {
        "Camera": camera,
        "SceneRequest": whole,
        "Submission": whole | {"title": "Submission", "properties": fields | extra, "anyOf": [with_text, with_image]},
        "Path": {"type": "object", "properties": path_fields, "required": ["cameras", "resolution"]},
        "TemplateWish": {
            "type": "object",
            "properties": {
                "template": {"enum": list(TEMPLATES)},
                "amount": maybe(NUMBER),
                "frames": maybe({"type": "integer", "minimum": 1, "maximum": MAX_TEMPLATE_FRAMES}),
                "fov_degrees": maybe({"type": "number", "minimum": 5, "maximum": 170}),
                "easing": {"enum": list(EASINGS)},
                "resolution": fields["resolution"],
                "start": maybe(ref("Camera")),
            },
            "required": ["template"],
        },
        "Renaming": {"type": "object", "properties": {"name": TEXT}, "required": ["name"]},
    }


def _job() -> Schema:
    progress = whole_object(
        stage=TEXT, step=maybe(WHOLE), steps=WHOLE, done=WHOLE, total=WHOLE,
        fraction={"type": "number", "minimum": 0, "maximum": 1},
    )  # fmt: skip
    file = whole_object(url=TEXT, bytes=WHOLE)
    return whole_object(
        id=TEXT,
        name=TEXT,
        state={"enum": list(STATES)},
        position=WHOLE,
        created_at=NUMBER,
        started_at=maybe(NUMBER),
        finished_at=maybe(NUMBER),
        expected_seconds=maybe(NUMBER),
        progress=progress,
        error=maybe(TEXT),
        note=maybe(TEXT),
        previews=listed(TEXT),
        files={"type": "object", "properties": dict.fromkeys(FILES, file), "additionalProperties": False},
        text_prompt=TEXT,
        has_image=FLAG,
        resolution=listed(WHOLE),
        image_index=WHOLE,
        seed=maybe(WHOLE),
        exact_size=FLAG,
        model=TEXT,
        trained=FLAG,
        num_gaussians=maybe(WHOLE),
        seconds={"type": "object", "additionalProperties": NUMBER},
    )


def _template() -> Schema:
    return whole_object(
        name=TEXT, title=TEXT, description=TEXT, unit=TEXT, default=NUMBER, least=NUMBER, most=NUMBER
    )  # fmt: skip


def _published() -> dict[str, Schema]:
    """Answers of the published interface."""
    queue = whole_object(queued_count=WHOLE, running_count=WHOLE, position=WHOLE)
    task = whole_object(
        success=FLAG,
        task_id=TEXT,
        status={"enum": ["queued", "running", "completed", "failed"]},
        created_at=NUMBER,
        started_at=maybe(NUMBER),
        completed_at=maybe(NUMBER),
        error=maybe(TEXT),
        queue=queue,
    )
    task["properties"] |= {
        "file_id": TEXT, "file_path": TEXT, "file_size": WHOLE, "download_url": TEXT, "generation_time": NUMBER
    }  # fmt: skip
    status = whole_object(
        max_concurrent=WHOLE,
        running_count=WHOLE,
        queued_count=WHOLE,
        completed_count=WHOLE,
        running_tasks=listed(TEXT),
        queued_tasks=listed(TEXT),
    )
    return {
        "PublishedAccepted": whole_object(success=FLAG, task_id=TEXT, file_id=TEXT, queue=queue),
        "PublishedTask": task,
        "PublishedStatus": whole_object(success=FLAG, status=status, timestamp=NUMBER),
        "PublishedDeleted": whole_object(success=FLAG, deleted=listed(TEXT)),
    }
