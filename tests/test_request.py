"""The request's schema: what is accepted, what is refused and how it is said."""

import base64
import io
import json
import sys
from pathlib import Path

import pytest
from PIL import Image
from programs import ran

from flashworld.errors import RequestError
from flashworld.request import CameraPath, SceneRequest, parse_path, parse_request

ROOT = Path(__file__).parent.parent
CAMERA = {"quaternion": [1, 0, 0, 0], "position": [0, 0, 0], "fx": 352.0, "fy": 352, "cx": 352.0, "cy": 240.0}
REQUEST = {"text_prompt": "A garden.", "cameras": [CAMERA, CAMERA], "resolution": [24, 480, 704]}


def png(width: int = 8, height: int = 6) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()


def faults_of(**changes: object) -> list[str]:
    with pytest.raises(RequestError) as caught:
        parse_request({**REQUEST, **changes})
    return caught.value.faults


def test_a_published_request_is_accepted_and_gives_itself_back():
    picture = base64.b64encode(png()).decode()
    given = {**REQUEST, "image_prompt": "data:image/png;base64," + picture, "image_index": 7, "seed": 2**63 - 1}
    request = parse_request(json.dumps(given))
    assert (request.frames, request.height, request.width) == (24, 480, 704)
    assert request.picture_bytes == png()
    assert json.loads(request.to_json()) == given
    assert parse_request(request.to_json()) == request


@pytest.mark.parametrize("given", [{}, {"image_prompt": ""}, {"image_prompt": None, "seed": None}, {"image_index": 0}])
def test_a_request_gives_back_just_what_was_given(given: dict):
    assert json.loads(parse_request({**REQUEST, **given}).to_json()) == {**REQUEST, **given}


def test_an_empty_text_beside_a_picture_is_given_back():
    given = {**REQUEST, "text_prompt": "", "image_prompt": base64.b64encode(png()).decode()}
    assert json.loads(parse_request(given).to_json()) == given


@pytest.mark.parametrize("text", ["{}", "data:image/jpeg;base64,{}", "  {}\n", "anything,{}"])
def test_a_picture_is_sent_as_data_url_or_bare_base64(text: str):
    request = parse_request({**REQUEST, "image_prompt": text.format(base64.b64encode(png()).decode().rstrip("="))})
    assert request.picture_bytes == png()


def test_a_picture_may_be_given_as_bytes_within_the_process_and_is_sent_as_text():
    request = parse_request({**REQUEST, "image_prompt": png(), "text_prompt": None})
    assert request.picture_bytes == png()
    assert parse_request(request.to_json()).picture_bytes == png()


@pytest.mark.parametrize("nothing", [None, "", b""])
def test_no_picture(nothing: object):
    request = parse_request({**REQUEST, "image_prompt": nothing})
    assert request.picture_bytes is None
    assert parse_request(request.to_json()).picture_bytes is None


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_neither_picture_nor_text_is_a_fault(text: object):
    (fault,) = faults_of(text_prompt=text)
    assert fault.startswith("text_prompt:")
    assert "image_prompt" in fault


def test_one_camera_is_a_path():
    assert len(parse_request({**REQUEST, "cameras": [CAMERA]}).cameras) == 1
    assert len(parse_path({"cameras": [CAMERA]}).cameras) == 1


def test_all_faults_are_reported_at_once_each_with_its_field():
    camera = {**CAMERA, "quaternion": [0, 0, 0, 0], "position": [0, float("nan"), "1"], "fx": -5}
    del camera["cy"]
    faults = faults_of(cameras=[CAMERA, camera, 7], resolution=[0, 481, 704], image_index=True, seed=-1, text_prompt=3)
    assert [fault.partition(":")[0] for fault in faults] == [
        "text_prompt",
        "cameras[1].quaternion",
        "cameras[1].position[1]",
        "cameras[1].position[2]",
        "cameras[1].fx",
        "cameras[1].cy",
        "cameras[2]",
        "resolution[0]",
        "resolution[1]",
        "image_index",
        "seed",
    ]
    assert faults[4] == "cameras[1].fx: -5 was given; allowed: focal length along x in pixels, a number from 1 to 1e6"


def test_many_faults_are_counted_not_listed():
    faults = faults_of(cameras=[{}] * 1000)
    assert len(faults) == 21
    assert faults[-1] == "and 5980 more faults"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"image_index": 24}, "image_index"),
        ({"resolution": [65, 480, 704]}, "resolution[0]"),
        ({"resolution": [24, 32, 704]}, "resolution[1]"),
        ({"resolution": [24, 480, 1312]}, "resolution[2]"),
        ({"resolution": [24.0, 480, 704]}, "resolution[0]"),
        ({"resolution": [24, 480]}, "resolution[2]"),
        ({"seed": 2**63}, "seed"),
        ({"cameras": []}, "cameras"),
        ({"cameras": [CAMERA] * 1025}, "cameras"),
        ({"cameras": None}, "cameras"),
        ({"text_prompt": "word " * 10_000}, "text_prompt"),
        ({"image_prompt": "/etc/passwd"}, "image_prompt"),
        ({"image_prompt": 5}, "image_prompt"),
    ],
)
def test_bounds(changes: dict, field: str):
    (fault,) = faults_of(**changes)
    assert fault.startswith(field + ":")
    assert len(fault) < 300


def test_limits_are_allowed():
    parse_request({**REQUEST, "cameras": [CAMERA] * 1024, "resolution": [64, 64, 1280], "image_index": 63, "seed": 0})


def test_unknown_fields_are_ignored_but_a_misspelt_one_is_a_fault():
    parse_request({**REQUEST, "client": "page 3", "cameras": [{**CAMERA, "name": "first"}]})
    (fault,) = faults_of(image_indx=3)
    assert fault == "image_indx: the field is unknown; image_index is meant, it seems"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"request"', '{"seed": NaN}', '{"seed": 1, "seed": 2}', b"\xff\xfe{", b"[" * 10**6],
)
def test_what_is_not_a_json_object_is_refused_in_one_sentence(text: str | bytes):
    with pytest.raises(RequestError) as caught:
        parse_request(text)
    assert len(caught.value.faults) == 1


def test_a_request_cannot_be_changed():
    request = parse_request(REQUEST)
    with pytest.raises(ValueError, match="frozen"):
        request.seed = 3  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        request.cameras[0].fx = 3  # type: ignore[misc]


def test_a_whole_request_serves_as_a_path():
    assert parse_path(REQUEST).cameras == parse_request(REQUEST).cameras


@pytest.mark.parametrize("schema", [SceneRequest, CameraPath])
def test_the_schema_for_the_documentation_describes_every_field(schema: type[SceneRequest | CameraPath]):
    properties = schema.model_json_schema()["properties"]
    assert set(properties) == set(schema.model_fields)
    assert all(field.get("description") for field in properties.values())


def test_a_request_is_checked_without_loading_torch():
    code = (
        "import sys, flashworld.request as r\n"
        f"r.parse_request({REQUEST!r})\n"
        "sys.exit('torch' in sys.modules or 'flashworld.cameras' in sys.modules)"
    )
    ended = ran([sys.executable, "-c", code], 240, cwd=ROOT)
    assert ended.returncode == 0, ended.stderr
