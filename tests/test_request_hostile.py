"""Malformed requests: each ends in `RequestError`, within a second, in sentences that echo little of what was sent."""

import base64
import io
import json
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flashworld.errors import RequestError
from flashworld.request import SceneRequest, parse_path, parse_request

CAMERA = {"quaternion": [1, 0, 0, 0], "position": [0, 0, 0], "fx": 352, "fy": 352, "cx": 352, "cy": 240}
REQUEST = {"text_prompt": "A garden.", "cameras": [CAMERA], "resolution": [24, 480, 704], "image_index": 0}

NOT_A_NUMBER: list[Any] = [None, True, "1", "", [], {}, [1], float("nan"), float("inf"), -float("inf"), 10**400, 1e300]
NOT_AN_OBJECT: list[Any] = [None, True, 0, "camera", [], [CAMERA], 1.5, ""]


def encode(kind: str, size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 50).convert("RGB").save(file, kind, **options)
    return file.getvalue()


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of chunks with correct checksums, whatever they say."""
    parts = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def header(width: int, height: int, depth: int = 8, colour: int = 2) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


PIXELS = (b"IDAT", zlib.compress(bytes(10_000)))
END = (b"IEND", b"")
WHOLE = {kind: encode(kind) for kind in ("PNG", "JPEG", "WEBP")}

HOSTILE_PICTURES: dict[str, bytes] = {
    "bomb of 2.5 gigapixels": png(header(50_000, 50_000), PIXELS, END),
    "bomb of 4e18 pixels": png(header(2**31 - 1, 2**31 - 1), PIXELS, END),
    "bomb of one row": png(header(2**31 - 1, 1), PIXELS, END),
    "just over the limit": png(header(7072, 7072), PIXELS, END),
    "within the limit but empty": png(header(7000, 7000), PIXELS, END),
    "no width": png(header(0, 10), PIXELS, END),
    "unknown depth": png(header(10, 10, depth=3), PIXELS, END),
    "unknown colours": png(header(10, 10, colour=5), PIXELS, END),
    "palette missing": png(header(10, 10, colour=3), END),
    "no pixels": png(header(10, 10), END),
    "header only": png(header(10, 10)),
    "header twice": png(header(100, 100), header(200, 200), PIXELS, END),
    "garbage for pixels": png(header(100, 100), (b"IDAT", b"garbage"), END),
    "text bomb": png(header(100, 100), (b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8))), END),
    "profile bomb": png(header(100, 100), (b"iCCP", b"a\0\0" + zlib.compress(bytes(10**8))), END),
    "wrong checksum": WHOLE["PNG"].replace(b"IHDR", b"IHDr"),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "gif": encode("GIF"),
    "bmp": encode("BMP"),
    "tiff": encode("TIFF"),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
    "pdf": b"%PDF-1.7\n",
    "html": b"<html><script>alert(1)</script></html>",
    "zip": b"PK\x03\x04" + bytes(100),
    "zeros": bytes(1000),
    "magic of png": b"\x89PNG\r\n\x1a\n",
    "magic of jpeg": b"\xff\xd8\xff",
    "magic of webp": b"RIFF\x10\x00\x00\x00WEBPVP8 ",
    "jpeg of huge size": WHOLE["JPEG"].replace(struct.pack(">HH", 30, 40), struct.pack(">HH", 65_500, 65_500)),
    "pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    "one byte": b"\x00",
    **{
        f"{kind} cut at {share}": data[: int(len(data) * share)]
        for kind, data in WHOLE.items()
        for share in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    },
}

HOSTILE_TEXTS: list[Any] = [
    "/etc/passwd", "../../etc/shadow", "file:///etc/passwd", "C:\\Windows\\win.ini", "http://example.org/a.png",
    "~/.ssh/id_rsa",
    "data:", "data:,", "data:image/png;base64,", "data:image/png,%89PNG", "data:image/svg+xml;utf8,<svg/>", ",",
    ",,,", "====",
    "not base64 at all!", "Zm9v", "\x00\x01", "ünïcödé", "\ud800", "💥" * 1000, "A" * 10_000_001, " " * 100, "null",
    "None",
    0, 1.5, True, False, [], {}, ["a"], {"url": "file:///etc/passwd"}, [137, 80, 78, 71],
]  # fmt: skip


def hostile_objects() -> Iterator[tuple[str, Any]]:
    """Requests as objects, each with the name of what is wrong."""
    for field in ("fx", "fy", "cx", "cy"):
        for value in NOT_A_NUMBER:
            yield f"{field} {str(value)[:20]}", {**REQUEST, "cameras": [{**CAMERA, field: value}]}
    for field in ("fx", "fy"):
        for value in (0, -1, -352.0, 0.5, 1e7, 5e-324, -0.0):
            yield f"{field} {value}", {**REQUEST, "cameras": [{**CAMERA, field: value}]}
    for field, length in (("quaternion", 4), ("position", 3)):
        for value in NOT_A_NUMBER:
            for place in range(length):
                numbers = [1.0] * length
                numbers[place] = value
                yield f"{field}[{place}] {str(value)[:20]}", {**REQUEST, "cameras": [{**CAMERA, field: numbers}]}
        for value in (
            None,
            "1,0,0,0",
            1,
            {},
            [],
            [1.0] * (length - 1),
            [1.0] * (length + 1),
            [1.0] * 10**6,
            [[1.0] * length],
        ):
            yield f"{field} {str(value)[:20]}", {**REQUEST, "cameras": [{**CAMERA, field: value}]}
    for value in ([0, 0, 0, 0], [0.0, -0.0, 0, 0], [1e-300] * 4, [5e-324, 0, 0, 0]):
        yield f"quaternion {value}", {**REQUEST, "cameras": [{**CAMERA, "quaternion": value}]}
    for value in NOT_AN_OBJECT:
        yield f"camera {value!r:.20}", {**REQUEST, "cameras": [CAMERA, value]}
    for value in (None, [], {}, "cameras", 5, True, CAMERA, [CAMERA] * 1025, [{}] * 10**6, [[]] * 10**5):
        yield f"cameras {str(value)[:20]}", {**REQUEST, "cameras": value}
    for value in (None, [], {}, "24x480x704", 24, [24], [24, 480], [24, 480, 704, 3], [24] * 10**6, [[24, 480, 704]]):
        yield f"resolution {str(value)[:20]}", {**REQUEST, "resolution": value}
    for place, allowed in enumerate((24, 480, 704)):
        for value in (0, -32, 33, 65_536, 2**63, 10**400, 480.5, float(allowed), str(allowed), None, True, [allowed]):
            resolution: list[Any] = [24, 480, 704]
            resolution[place] = value
            if (place, value) != (0, 33):
                yield f"resolution[{place}] {str(value)[:20]}", {**REQUEST, "resolution": resolution}
    for value in (-1, 24, 10**400, 0.5, "0", True, [], {}, float("nan")):
        yield f"image_index {str(value)[:20]}", {**REQUEST, "image_index": value}
    for value in (-1, 2**63, 10**400, 0.5, "7", True, [], {}, float("inf")):
        yield f"seed {str(value)[:20]}", {**REQUEST, "seed": value}
    for value in ("", " ", None, 5, True, [], {}, ["a garden"], b"a garden", "\ud800", "x" * 10_001, "x" * 10**7):
        yield f"text {str(value)[:20]}", {**REQUEST, "text_prompt": value}
    for field in ("cameras", "resolution", "text_prompt"):
        yield f"no {field}", {key: value for key, value in REQUEST.items() if key != field}
    for key in ("text_promt", "image_promt", "seeds", "image_indx"):
        yield f"misspelt {key}", {"cameras": [CAMERA], "resolution": [24, 480, 704], key: "x"}
    for value in ([], [REQUEST], None, 5, 1.5, True, (), set(), object(), {1: 2}, {None: None}, {}):
        yield f"request {str(value)[:20]}", value
    for value in HOSTILE_TEXTS:
        yield f"picture {str(value)[:20]!r}", {**REQUEST, "image_prompt": value}


HOSTILE_JSON: list[str | bytes] = [
    "", " ", "{", "}", "[", "nul", "null", "true", "7", '"x"', "[]", "{}", "{'a': 1}", '{"a": 1,}', '{"a" 1}',
    '{"a": 01}', "\x00",
    "[" * 10**5, '{"cameras":' * 10**5, "[" * 10**5 + "]" * 10**5, '{"a":[' * 50_000, "[1," * 10**6, "9" * 10**6,
    "-" * 10**6,
    '{"seed": NaN}', '{"seed": Infinity}', '{"seed": -Infinity}', '{"seed": 1, "seed": 2}',
    '{"seed": ' + "9" * 5000 + "}",
    '{"cameras": [{"fx": 1e400}]}', '{"cameras": [{"fx": -1e400}]}', '{"cameras": [' + "{}," * 10**6 + "{}]}",
    '{"a": "' + "x" * 10**7, b"\xff\xfe\x00", b"\x80abc", b"", "\ufeff{}".encode("utf-16"),
    json.dumps(REQUEST).encode("utf-32"),
    '{"' + '","'.join(["k"] * 1000) + '"}', "{" + ",".join(f'"k{n}": {n}' for n in range(10**5)) + "}", "[1]" * 10**5,
]  # fmt: skip

OBJECTS = list(hostile_objects())


def refuse(request: Any) -> None:
    """Parse and expect `RequestError`, quickly and in short sentences."""
    start = time.process_time()  # of this process: the machine may be busy with others
    with pytest.raises(RequestError) as caught:
        parse_request(request)
    assert time.process_time() - start < 30
    assert caught.value.faults
    assert all(0 < len(fault) < 400 and "\n" not in fault for fault in caught.value.faults)


def test_there_are_more_than_two_hundred():
    assert len(OBJECTS) + len(HOSTILE_PICTURES) + len(HOSTILE_JSON) > 350


@pytest.mark.parametrize("request_", [value for _, value in OBJECTS], ids=[name for name, _ in OBJECTS])
def test_a_malformed_object_is_refused(request_: Any):
    refuse(request_)


@pytest.mark.parametrize("text", HOSTILE_JSON, ids=lambda text: repr(text[:20]))
def test_malformed_json_is_refused(text: str | bytes):
    refuse(text)


@pytest.mark.parametrize("name", HOSTILE_PICTURES)
def test_a_hostile_picture_is_refused(name: str):
    picture = HOSTILE_PICTURES[name]
    refuse({**REQUEST, "image_prompt": picture})
    refuse({**REQUEST, "image_prompt": "data:image/png;base64," + base64.b64encode(picture).decode()})


@pytest.mark.parametrize("value", [10**7 * "A", 64_000_001 * "A", 90_000_000 * "A"])
def test_a_huge_picture_is_refused_in_time(value: str):
    refuse({**REQUEST, "image_prompt": value})
    refuse(json.dumps({**REQUEST, "image_prompt": value}))


def test_what_a_path_points_to_is_never_in_the_answer(tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(WHOLE["PNG"])
    for text in (str(secret), secret.as_uri()):
        with pytest.raises(RequestError) as caught:
            parse_request({**REQUEST, "image_prompt": text})
        assert "secret" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)
fields = st.sampled_from([*SceneRequest.model_fields, "fx", "quaternion", "extra"])


def accept_or_refuse(data: Any) -> None:
    for parse in (parse_request, parse_path):
        with suppress(RequestError):
            text = parse(data).to_json()
            assert json.loads(parse(text).to_json()) == json.loads(text)


@given(changes=st.dictionaries(fields, json_values, max_size=3))
@settings(max_examples=100, deadline=2000)
def test_any_field_may_hold_anything(changes: dict[str, Any]):
    accept_or_refuse({**REQUEST, **changes})
    accept_or_refuse({**REQUEST, "cameras": [{**CAMERA, **changes}]})


@given(text=st.text() | st.binary())
@settings(max_examples=200, deadline=2000)
def test_any_text_may_come(text: str | bytes):
    accept_or_refuse(text)


@given(kind=st.sampled_from(sorted(WHOLE)), data=st.data())
@settings(max_examples=300, deadline=2000)
def test_a_picture_with_any_bytes_changed_is_read_or_refused(kind: str, data: st.DataObject):
    picture = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 8))):
        picture[data.draw(st.integers(0, len(picture) - 1))] = data.draw(st.integers(0, 255))
    accept_or_refuse({**REQUEST, "image_prompt": bytes(picture)})
