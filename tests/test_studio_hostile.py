"""What nobody with good intentions sends. Every answer is a refusal in words or something harmless."""

import base64
import gzip
import io
import json
import random
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from studio_setup import body, camera, picture

from flashworld.apps.studio.application import create_app
from flashworld.jobs import Limits, Workshop

SECRET = "nobody may read this"
PATHS = [
    "/etc/passwd",
    "../../secret.txt",
    "..\\..\\secret.txt",
    "%2e%2e%2f%2e%2e%2fsecret.txt",
    "....//secret.txt",
    "\0",
]
IDS = [*PATHS, ".", "..", "jobs.sqlite3", "a" * 5000, "00000000-0000-4000-8000-000000000000", "' OR 1=1 --", "%00",
    "%ff", "😀", "con",
]  # fmt: skip
GETS = [
    *(f"/download/{name}" for name in IDS),
    *(f"/task/{name}" for name in IDS),
    *(f"/api/jobs/{name}" for name in IDS),
    *(f"/api/jobs/{name}/files/ply" for name in PATHS),
    *(f"/api/jobs/00000000-0000-4000-8000-000000000000/files/{name}" for name in PATHS),
    *(f"/static/studio/{name}" for name in PATHS),
    *(f"/static/web/{name}" for name in PATHS),
    "/static/studio/", "/static/web//etc/passwd", "/static/studio/%2fetc%2fpasswd", "//etc/passwd", "/static/../app.py",
    "/api/jobs?limit=-1", "/api/jobs?limit=9999999999999999999999", "/api/jobs?limit=٣", "/api/jobs?limit=1e3",
    "/api/jobs?before=x", "/api/jobs?before=99999999999999999999", "/api/jobs?before='", "/api/jobs?limit=1&limit=x",
    "/api/jobs/x/previews/-1", "/api/jobs/x/previews/99999999999999999999999", "/api/events?x=" + "y" * 3000,
    "/?token=" + "t" * 2000, "/api/openapi.json/../../..", "/api/paths/export?format=../../x",
    "/api/%0d%0aSet-Cookie:%20a=b",
]  # fmt: skip


def png(width: int, height: int) -> str:
    """A PNG header that promises a size, and no pixels worth the name."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    parts = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(
        b"IDAT", zlib.compress(b"\0" * 99)
    )
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IEND", b"")).decode()


def cut(text: str) -> str:
    return text[: len(text) // 2]


def changed(**changes: Any) -> bytes:
    return json.dumps(body(**changes)).encode()


HUGE = "9" * 5000
BODIES: list[bytes] = [
    b"", b"null", b"[]", b"0", b'""', b"{", b"\xff\xfe", b"\0" * 100, b"{}" * 2, b"[" * 100_000, b'{"a":' * 5000,
    b'{"cameras": NaN}', b'{"cameras": [], "cameras": []}', b"\xef\xbb\xbf{}", b'{"resolution": [1e400, 1, 1]}',
    ('{"seed": ' + HUGE + "}").encode(), b'{"__proto__": {"admin": true}}', b"[" + b"1," * 300_000 + b"1]",
    changed(resolution=[0, 64, 64]), changed(resolution=[3, 63, 64]), changed(resolution=[10**9] * 3),
    changed(resolution="3x64x96"), changed(resolution=[3.5, 64, 96]), changed(resolution=[3, 64, 96, 1]),
    changed(resolution={"0": 3}), changed(resolution=None), changed(resolution=[True, 64, 64]),
    changed(cameras=[]), changed(cameras={}), changed(cameras="all"), changed(cameras=[camera()] * 1025),
    changed(cameras=[None]), changed(cameras=[camera(quaternion=[0, 0, 0, 0])]), changed(cameras=[camera(fx=0)]),
    changed(cameras=[camera(fx=-1)]), changed(cameras=[camera(position=[1e300, 0, 0])]),
    changed(cameras=[camera(cx="1")]),
    changed(cameras=[camera(position=[1, 2])]), changed(cameras=[{"__class__": "os.system"}]),
    changed(image_index=-1), changed(image_index=3), changed(image_index="0"), changed(image_index=10**30),
    changed(seed=-1), changed(seed=2**63), changed(seed=1.5), changed(seed="5"), changed(seed=[5]),
    changed(text_prompt="x" * 10_001), changed(text_prompt=5), changed(text_prompt=["a"]), changed(text_prompt="   "),
    changed(name=5), changed(name=["x"]), changed(exact_size="yes"), changed(exact_size=1),
    changed(resolution=[64, 1280, 1280], exact_size=True),
    *(changed(image_prompt=path) for path in PATHS[:4]), changed(image_prompt="file:///etc/passwd"),
    changed(image_prompt="http://localhost:1/x.png"), changed(image_prompt=5), changed(image_prompt=["a"]),
    changed(image_prompt="data:image/svg+xml;base64," + base64.b64encode(b"<svg onload='alert(1)'/>").decode()),
    changed(image_prompt=png(60_000, 60_000)), changed(image_prompt=png(0, 5)),
    changed(image_prompt=cut(picture())), changed(image_prompt=cut(picture(kind="JPEG"))),
    changed(image_prompt=cut(picture(kind="WEBP"))), changed(image_prompt="," * 1000),
    changed(image_prompt="A" * 10_000),
    changed(image_prompt="data:;base64," + base64.b64encode(gzip.compress(b"\0" * 10**6, mtime=0)).decode()),
    changed(text_promt="a misspelling", text_prompt=None), gzip.compress(changed(), mtime=0),
]  # fmt: skip


def packed(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            # Of 1980, not of now: the names of the tests, which several processes have to agree on, hold these bytes.
            entry = zipfile.ZipInfo(name.replace("__", "/").replace("_txt", ".txt"))
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


FRAME = {"transform_matrix": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]}
IMPORTS: list[bytes] = [
    b"", b"PK\x03\x04", b"PK\x03\x04" + b"\0" * 100, packed(images_txt=b"1"), packed(images_txt=b"", cameras_txt=b""),
    packed(images_txt=b"\0" * 30_000_000, cameras_txt=b"1"), packed(images_txt=b"a b c", cameras_txt=b"1 PINHOLE x y"),
    packed(cameras_txt=b"1 OPENCV 10 10 1 1 1 1 9 9 9 9", images_txt=b"1 1 0 0 0 0 0 0 1 a.png\n\n"),
    packed(cameras_txt=b"1 PINHOLE 10 10 1 1 nan 1", images_txt=b"1 0 0 0 0 0 0 0 1 a.png\n\n"),
    packed(cameras_txt=b"\xff\xfe", images_txt=b"\xff"), packed(**{"..__..__secret_txt": b"x"}),
    packed(images_txt=b"1", cameras_txt=b"2")[:-30], b'{"frames": []}', b'{"frames": 5}', b'{"frames": [{}]}',
    json.dumps({"frames": [FRAME]}).encode(), json.dumps({"frames": [FRAME | {"w": 0, "h": 0, "fl_x": 1}]}).encode(),
    json.dumps({"frames": [FRAME | {"w": 1e308, "h": 1, "fl_x": 1e-308}]}).encode(),
    json.dumps({"frames": [FRAME | {"w": 10, "h": 10, "camera_angle_x": 0}]}).encode(),
    json.dumps({"frames": [{"transform_matrix": "../../secret.txt", "w": 10, "h": 10, "fl_x": 1}]}).encode(),
    json.dumps({"frames": [FRAME | {"w": 10, "h": 10, "fl_x": 1, "file_path": "9" * 5000}]}).encode(),
    json.dumps({"cameras": [camera(cx=-1, cy=-1)]}).encode(), json.dumps({"request": {}, "weights": "x"}).encode(),
    json.dumps({"request": 5, "weights": "x"}).encode(), json.dumps({"resolution": 5}).encode(), b"[1, 2]",
]  # fmt: skip
WISHES: list[dict[str, Any]] = [
    {}, {"template": "../x"}, {"template": 5}, {"template": "forward", "amount": 1e30}, {"template": "forward",
    "amount": "x"},
    {"template": "forward", "frames": 0}, {"template": "forward", "frames": 10**9}, {"template": "forward",
    "frames": True},
    {"template": "forward", "frames": 2.5}, {"template": "forward", "fov_degrees": 0}, {"template": "forward",
    "easing": "x"},
    {"template": "forward", "fov_degrees": 180}, {"template": "forward", "resolution": [1]},
    {"template": "forward", "start": {}}, {"template": "forward", "start": camera(quaternion=[0] * 4)},
    {"template": "forward", "start": camera(position=[1e8, 0, 0]), "amount": 100}, {"template": "forward", "start": 7},
    {"template": "dolly-zoom", "start": camera(fx=1e6, fy=1e6), "amount": 100},
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "secret.txt").write_text(SECRET)
    return folder


@pytest.fixture(scope="module")
def client(place, maker):
    workshop = Workshop(place / "data", [maker], Limits(queued=10_000, queued_per_client=10_000))
    yield create_app(workshop).test_client()
    strange = {path.name for path in place.iterdir()} - {"data", "secret.txt"}
    workshop.close()
    assert not strange
    assert (place / "secret.txt").read_text() == SECRET


def harmless(answer: Any, place: Path, allowed: tuple[int, ...] = ()) -> None:
    assert answer.status_code < 500
    assert answer.status_code >= 400 or answer.status_code in (200, 202, 308, *allowed)
    text = answer.get_data(as_text=True)
    assert SECRET not in text
    assert "root:" not in text
    assert "Traceback" not in text
    assert str(place) not in text
    assert str(Path(__file__).parents[1]) not in text
    assert "Set-Cookie" not in answer.headers
    if answer.status_code >= 400:
        assert answer.json["error"]
        assert len(text) < 20_000


@pytest.mark.parametrize("path", GETS, ids=lambda path: repr(path)[:60])
def test_addresses(client, place, path):
    harmless(client.get(path), place)


@pytest.mark.parametrize("route", ["/api/jobs", "/generate", "/api/paths/check"])
@pytest.mark.parametrize("sent", BODIES, ids=lambda sent: repr(sent)[:50])
def test_bodies(client, place, route, sent):
    answer = client.post(route, data=sent)
    harmless(answer, place)
    assert answer.status_code in (400, 413) or (route == "/api/paths/check" and answer.status_code == 200)


@pytest.mark.parametrize("sent", IMPORTS, ids=lambda sent: repr(sent)[:50])
def test_path_files(client, place, sent):
    harmless(client.post("/api/paths/import", data=sent), place)


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: repr(wish)[:50])
def test_templates(client, place, wish):
    harmless(client.post("/api/paths/template", json=wish), place)


@pytest.mark.parametrize(
    "name",
    ["\0", "\ud800", "a" * 10_000, "../../x", "\u202egnp.exe", "<script>alert(1)</script>", '"; rm -rf /', "😀", ""],
)
def test_names_become_neither_paths_nor_headers(client, place, name):
    job = client.post("/api/jobs", json=body(name=name)).json
    harmless(client.patch(f"/api/jobs/{job['id']}", json={"name": name + "\r\nX-Evil: 1"}), place)
    told = client.get(f"/api/jobs/{job['id']}").json["name"]
    assert told.isprintable()
    assert 0 < len(told) <= 120
    assert client.delete(f"/api/jobs/{job['id']}").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "DELETE", "PROPFIND", "CONNECT", "get", "X" * 100])
@pytest.mark.parametrize("path", ["/", "/generate", "/api/jobs", "/api/events", "/download/x"])
def test_methods(client, place, method, path):
    harmless(client.open(path, method=method), place)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Length": "-5"},
        {"Content-Length": "abc"},
        {"Content-Encoding": "gzip"},
        {"Cookie": "flashworld_token=" + "x" * 4000},
        {"Authorization": "Bearer " + "ü" * 100},
        {"Authorization": "Basic \xff"},
        {"Range": "bytes=-1,-1," * 100},
        {"If-None-Match": '"' * 100},
        {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "evil.example"},
        {"Accept": "text/event-stream;q=x"},
        {"Transfer-Encoding": "chunked"},
    ],
)
def test_headers(client, place, headers):
    for path in ("/generate", "/api/jobs"):
        harmless(client.post(path, data=b"--x\r\nabc", headers=headers), place)
    harmless(client.get("/api/jobs", headers=headers), place)


def test_noise(client, place):
    """Valid bodies with a few bytes turned at random."""
    source = random.Random(0)
    for _ in range(150):
        sent = bytearray(changed(image_prompt=picture((8, 8))))
        for _ in range(source.randint(1, 6)):
            sent[source.randrange(len(sent))] = source.randrange(256)
        harmless(client.post("/api/jobs", data=bytes(sent)), place)


def test_the_data_folder_holds_only_what_is_ours(client, place):
    client.post("/api/jobs", json=body())
    names = {path.name for path in (place / "data").rglob("*") if path.is_file()}
    assert names <= {
        "jobs.sqlite3",
        "jobs.sqlite3-wal",
        "jobs.sqlite3-shm",
        "lock.sqlite3",
        "lock.sqlite3-journal",
        "request.json",
    }
