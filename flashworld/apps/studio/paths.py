"""Camera paths: the core's templates, warnings and files, for pages that have none of their own."""

import io
import tempfile
import zipfile
import zlib
from collections.abc import Sized
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, request, send_file

from flashworld.apps.studio import bodies
from flashworld.apps.studio.answers import refuse
from flashworld.cameras import Cameras, from_views, to_path
from flashworld.cameras.continuation import continued
from flashworld.cameras.easing import EASINGS
from flashworld.cameras.files import WRITERS, read_path, write_path
from flashworld.cameras.judgement import judge
from flashworld.cameras.templates import TEMPLATES, make_path
from flashworld.generation import path_of, read_record
from flashworld.jobs.job import MAX_NAME
from flashworld.request import SceneRequest, parse_path, parse_request
from flashworld.request.parsing import read_json
from flashworld.request.schema import MAX_CAMERAS, MAX_FRAMES

MAX_PATH_BYTES = 8_000_000
ZIP = b"PK\x03\x04"
BOM = b"\xef\xbb\xbf"
MAX_TEMPLATE_FRAMES = MAX_CAMERAS - 1
"""One less than a path may have: the camera that it goes on from belongs to it too."""
USUAL_FOV = 70.0
USUAL_FRAMES, USUAL_SIZE = 24, (480, 704)
EXPORTS = {"flashworld": "path.json", "nerfstudio": "transforms.json", "colmap": "colmap.zip"}
"""Format to the name of the file that is sent."""

Views = list[dict[str, Any]]


def blueprint() -> Blueprint:
    """The routes."""
    routes = Blueprint("paths", __name__, url_prefix="/api")

    @routes.get("/templates")
    def templates() -> Response:
        ready = [
            {
                "name": name,
                "title": name.replace("-", " ").capitalize(),
                "description": template.description,
                "unit": template.unit,
                "default": template.default,
                "least": template.smallest,
                "most": template.largest,
            }
            for name, template in TEMPLATES.items()
        ]
        return jsonify(templates=ready, easings=list(EASINGS))

    @routes.post("/paths/template")
    def from_template() -> Response:
        cameras, size = _from_template(bodies.json_object(bodies.SMALL_BODY))
        return jsonify(cameras=views_of(cameras, *size))

    @routes.post("/paths/check")
    def check() -> Response:
        scene = _path_request(bodies.json_object())
        with bodies.READING.turn():  # its picture, if there is one, is decoded for its size
            path = path_of(scene)
        warnings = [
            {"kind": warning.kind, "frames": list(warning.frames), "message": warning.message}
            for warning in judge(path, scene.image_index)
        ]
        return jsonify(cameras=views_of(path, scene.height, scene.width), warnings=warnings)

    @routes.post("/paths/import")
    def import_path() -> Response:
        height, width = (
            bodies.whole_number(name, usual, 64, 1280) or usual
            for name, usual in zip(("height", "width"), USUAL_SIZE, strict=True)
        )
        with bodies.READING.turn():
            if request.mimetype == "multipart/form-data":
                return jsonify(_from_files(_colmap_fields(), height, width))
            return jsonify(_imported(request.get_data(cache=False), height, width))

    @routes.post("/paths/export")
    def export() -> Response:
        kind = request.args.get("format", "flashworld")
        if kind not in EXPORTS:
            raise refuse(f"format: {kind[:40]!r} was given; allowed: {', '.join(EXPORTS)}")
        scene = _path_request(bodies.json_object())
        content = _exported(from_views(scene.cameras, scene.height, scene.width), kind, scene.height, scene.width)
        return send_file(io.BytesIO(content), as_attachment=True, download_name=EXPORTS[kind])

    assert set(EXPORTS) == set(WRITERS)
    return routes


def views_of(cameras: Cameras, height: int, width: int) -> Views:
    """Cameras as they are sent, intrinsics in pixels of a `height` x `width` picture."""
    return [view.model_dump(mode="json") for view in to_path(cameras, height, width).cameras]


def _path_request(fields: dict[str, Any]) -> SceneRequest:
    """A path with its resolution, checked as the whole request will be. Its picture, if sent, fits the intrinsics."""
    return bodies.scene_request(fields if fields.get("image_prompt") else fields | {"text_prompt": "a path"})


def _from_template(fields: dict[str, Any]) -> tuple[Cameras, tuple[int, int]]:
    """The cameras of a template, or those that continue it from `start`, and their pictures' size."""
    frames, height, width = _resolution(fields)
    frames = _number(fields, "frames", frames)
    if not isinstance(frames, int) or not 1 <= frames <= MAX_TEMPLATE_FRAMES:
        raise refuse(f"frames: a whole number from 1 to {MAX_TEMPLATE_FRAMES} is needed")
    fov, amount = _number(fields, "fov_degrees", USUAL_FOV), fields.get("amount")
    amount = None if amount is None else _number(fields, "amount", 0)
    easing = bodies.text_field({"easing": "linear"} | fields, "easing")
    template = bodies.text_field(fields, "template")
    start = fields.get("start")
    if start is None:
        return make_path(template, amount, frames, fov, height, width, easing), (height, width)
    first = from_views(parse_path({"cameras": [start]}).cameras, height, width)
    # The start is a camera of its own already, so the first of the template's is left out.
    path = make_path(template, amount, frames + 1, fov, height, width, easing)
    return continued(path, first)[1:], (height, width)


def _resolution(fields: dict[str, Any]) -> tuple[int, int, int]:
    """The checked resolution of a body, or the usual one."""
    given = fields.get("resolution", [USUAL_FRAMES, *USUAL_SIZE])
    view = {"quaternion": [1, 0, 0, 0], "position": [0, 0, 0], "fx": 1, "fy": 1, "cx": 1, "cy": 1}
    return parse_request({"cameras": [view], "resolution": given, "text_prompt": "a path"}).resolution


def _number(fields: dict[str, Any], name: str, default: float) -> float:
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e9 < value < 1e9:
        raise refuse(f"{name}: a number is needed")
    return value


def _imported(data: bytes, height: int, width: int) -> dict[str, Any]:
    """The path in a file: a request or record of ours keeps all it says, another file is fitted to `height` x `width`.

    Raises:
        FlashWorldError: It is no path that we can read.
    """
    if data.startswith(ZIP):
        return _from_files(_colmap_files(data), height, width)
    if not data.removeprefix(BOM).lstrip().startswith((b"{", b"[")):
        raise refuse("the file is no path: JSON is needed, or both of COLMAP's cameras.txt and images.txt")
    given = read_json(data)
    fields = given if isinstance(given, dict) else {}
    name, index, frames = fields.get("name"), fields.get("image_index"), fields.get("frames")
    said: dict[str, Any] = {"name": name[:MAX_NAME]} if isinstance(name, str) else {}
    if {"request", "resolution"} & set(fields):
        return _of_request(read_record(data).request) | said
    _check_count(frames if isinstance(frames, list) else [])
    if type(index) is int and 0 <= index < MAX_FRAMES:
        said["image_index"] = index
    return _from_files({"path.json": data}, height, width) | said


def _from_files(files: dict[str, bytes], height: int, width: int) -> dict[str, Any]:
    """The path in a file, which others may accompany."""
    if sum(map(len, files.values())) > MAX_PATH_BYTES:
        raise refuse(f"the file has over {MAX_PATH_BYTES // 10**6} MB, more than any path needs")
    with tempfile.TemporaryDirectory(prefix="flashworld-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        cameras = read_path(Path(folder) / next(iter(files)), target=(height, width))
    _check_count(cameras)
    return {
        "cameras": views_of(cameras, height, width),
        "resolution": [min(len(cameras), MAX_FRAMES), height, width],
    }


def _check_count(cameras: Sized) -> None:
    """Refuse more cameras than a request may have, before each of them costs time."""
    if len(cameras) > MAX_CAMERAS:
        raise refuse(f"the file has {len(cameras)} cameras; a path has at most {MAX_CAMERAS}")


def _colmap_fields() -> dict[str, bytes]:
    """COLMAP's two text files as the fields of a form, read within bounds."""
    request.max_content_length = 2 * MAX_PATH_BYTES
    if missing := [name for name in ("images", "cameras") if name not in request.files]:
        raise refuse(f"the form has no {missing[0]}; COLMAP's cameras.txt and images.txt are needed")
    return {f"{name}.txt": request.files[name].read(MAX_PATH_BYTES + 1) for name in ("images", "cameras")}


def _colmap_files(data: bytes) -> dict[str, bytes]:
    """COLMAP's two text files in a zip, wherever they lie in it, read within bounds."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = {Path(entry.filename).name: entry for entry in archive.infolist() if not entry.is_dir()}
            files = {}
            for name in ("images.txt", "cameras.txt"):
                with archive.open(found[name]) as file:
                    files[name] = file.read(MAX_PATH_BYTES + 1)
            return files
    except KeyError as error:
        raise refuse(f"the zip has no {error.args[0]}; COLMAP's cameras.txt and images.txt are needed") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, zlib.error):
        raise refuse("the zip is damaged, encrypted or packed in an unknown way") from None


def _of_request(scene: SceneRequest) -> dict[str, Any]:
    return {
        "cameras": [view.model_dump(mode="json") for view in scene.cameras],
        "resolution": list(scene.resolution),
        "image_index": scene.image_index,
        "text_prompt": scene.text_prompt,
        "seed": scene.seed,
        "has_image": scene.picture_bytes is not None,
    }


def _exported(cameras: Cameras, kind: str, height: int, width: int) -> bytes:
    """A path file's bytes; a folder of files as a zip."""
    with tempfile.TemporaryDirectory(prefix="flashworld-") as folder:
        place = Path(folder) / ("colmap" if kind == "colmap" else "path.json")
        write_path(cameras, place, height, width, kind)
        if kind != "colmap":
            return place.read_bytes()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(place.iterdir()):
                archive.write(path, path.name)
        return packed.getvalue()
