"""The running Space: its interfaces as clients use them, hostile visitors, and many at once."""

import base64
import contextlib
import io
import itertools
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from space import PATH, PATIENCE, ROOT, SMALL, Guest, Space, await_that, running

from flashworld.formats import inspect

pytestmark = pytest.mark.slow

PICTURE = ROOT / "examples/pictures/valley.jpg"
CAMERAS = json.loads(PATH)["cameras"]


@pytest.fixture(scope="module")
def space() -> Iterator[Space]:
    with running() as space:
        yield space


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def request(**changes: Any) -> str:
    """A request as clients of the published release send it."""
    given = {"image_prompt": None, "text_prompt": "a garden", "cameras": CAMERAS, "resolution": [3, 64, 96]}
    return json.dumps(given | {"image_index": 0} | changes)


@pytest.mark.parametrize(("picture", "text"), [(PICTURE, ""), (None, "a garden"), (PICTURE, "a valley")])
def test_the_guides_four_arguments_by_gradio_client(space: Space, picture: Path | None, text: str):
    client = Client(space.url, verbose=False)
    ply, message = client.predict(
        image_prompt=handle_file(str(picture)) if picture else None,
        text_prompt=text,
        camera_json=PATH,
        resolution=SMALL,
        api_name="/generate_scene",
    )
    info = inspect(ply)
    assert f"{info.num_gaussians:,} Gaussians from 3 views, each 96 wide and 64 high" in message
    assert info.provenance["model"].startswith("tiny")


@pytest.mark.parametrize("picture", [None, data_url(PICTURE.read_bytes())])
def test_the_guides_four_arguments_by_plain_http(space: Space, picture: str | None):
    ply, message = space.scene(image_prompt=picture)
    assert "Gaussians" in message
    assert space.read(ply).startswith(b"ply\n")
    assert Path(ply["path"]).name == "flashworld.ply"


def test_options_have_defaults_and_the_same_seed_gives_the_same_scene(space: Space, tmp_path: Path):
    client = Client(space.url, verbose=False, download_files=str(tmp_path))
    scenes = [
        client.predict(None, "a garden", PATH, SMALL, seed=3, video=True, api_name="/generate_scene_with_options")
        for _ in range(2)
    ]
    plys = [Path(files[0]).read_bytes() for files in scenes]
    assert plys[0] == plys[1]
    _, _, spz, video, record = scenes[0]
    assert inspect(spz).format == "SPZ 3"
    assert Path(video).stat().st_size > 1000
    assert json.loads(Path(record).read_text())["request"]["seed"] == 3
    assert client.predict(None, "a garden", PATH, SMALL, api_name="/generate_scene_with_options")[3] is None


def test_requests_of_the_published_interface(space: Space, tmp_path: Path):
    recorded = json.loads((ROOT / "examples/requests/valley.json").read_text()) | {"resolution": [3, 64, 96]}
    for text in (json.dumps(recorded), request(), request(image_prompt=data_url(PICTURE.read_bytes()), text_prompt="")):
        kind, (answer,) = space.call("gradio_generate", text)
        answer = json.loads(answer)
        assert (kind, answer["success"]) == ("complete", True)
        assert set(answer) == {"success", "file_id", "file_path", "file_size", "download_url", "generation_time"}
        kind, (file,) = space.call("download_file", answer["file_id"])
        content = space.read(file)
        (tmp_path / "scene.spz").write_bytes(content)
        assert inspect(tmp_path / "scene.spz").format == "SPZ 3"
        assert (file["orig_name"], file["size"]) == (f"{answer['file_id']}.spz", len(content))
        assert httpx.get(space.url + answer["download_url"]).content == content
        assert space.call("gradio_delete", answer["file_id"]) == ("complete", [])
        assert space.call("download_file", answer["file_id"]) == ("complete", [None])
        assert httpx.get(space.url + answer["download_url"]).status_code == 403


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (request(text_prompt=""), "No Prompts provided"),
        (request(image_prompt="no picture"), "image_prompt"),
        ("{", "not valid JSON"),
        (request(cameras=[]), "cameras"),
        (request(resolution=[40, 64, 96]), "up to 24"),
    ],
)
def test_errors_of_the_published_interface(space: Space, text: str, words: str):
    kind, (answer,) = space.call("gradio_generate", text)
    assert kind == "complete"
    assert words in json.loads(answer)["error"]


ENDPOINTS = {"generate_scene", "generate_scene_with_options", "gradio_generate", "download_file", "gradio_delete"}


def test_the_api_page_shows_what_is_meant_for_programs_and_nothing_else(space: Space):
    api = httpx.get(f"{space.url}/gradio_api/info").json()
    assert set(api["named_endpoints"]) == {f"/{name}" for name in ENDPOINTS}
    assert api["unnamed_endpoints"] == {}
    parameters = api["named_endpoints"]["/generate_scene"]["parameters"]
    names = ["image_prompt", "text_prompt", "camera_json", "resolution"]
    assert [one["parameter_name"] for one in parameters] == names
    description = api["named_endpoints"]["/generate_scene"]["description"]
    assert all(f"{name}: " in description for name in names), "what each argument means is told"


def test_a_cancelled_job_is_given_up_and_the_next_is_served(space: Space):
    client = Client(space.url, verbose=False)
    before = set((space.root / "results").iterdir())
    job = client.submit(None, "a garden", PATH, "24x480x704", video=True, api_name="/generate_scene_with_options")
    await_that(lambda: set((space.root / "results").iterdir()) - before)
    assert job.cancel()
    await_that(lambda: set((space.root / "results").iterdir()) == before)
    assert space.scene()[0]


def bomb() -> bytes:
    """A small file that claims to be 40,000 pixels square."""
    file = io.BytesIO()
    Image.new("1", (40_000, 40_000)).save(file, "PNG")
    return file.getvalue()


def camera(**changes: Any) -> str:
    return json.dumps({"cameras": [CAMERAS[0] | changes]})


HOSTILE = {
    "a path for a picture": {"image_prompt": "/etc/passwd"},
    "a stored file that was never uploaded": {
        "image_prompt": {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    },
    "a stored file without its mark": {"image_prompt": {"path": "/etc/passwd"}},
    "a file of the project": {"image_prompt": {"path": str(ROOT / "README.md"), "url": "file:///etc/passwd"}},
    "a picture of the project": {"image_prompt": {"path": str(PICTURE)}},
    "a picture behind an upload": {"image_prompt": {"path": f"../../../../..{PICTURE}"}},
    "a number for a file": {"image_prompt": {"path": 7}},
    "a name that no file has": {"image_prompt": {"path": "a\0b"}},
    "a picture on another machine": {"image_prompt": {"url": "http://169.254.169.254/latest/meta-data"}},
    "a bomb": {"image_prompt": data_url(bomb())},
    "half a picture": {"image_prompt": data_url(PICTURE.read_bytes()[:3000])},
    "no base64": {"image_prompt": "data:image/png;base64,<script>"},
    "a list for a picture": {"image_prompt": [1, 2, 3]},
    "cameras that are not numbers": {"camera_json": '{"cameras": [{"quaternion": [NaN, 0, 0, 0]}]}'},
    "an endless position": {"camera_json": camera(position=[0, 0, 1e400])},
    "no orientation": {"camera_json": camera(quaternion=[0, 0, 0, 0])},
    "no focal length": {"camera_json": camera(fx=0)},
    "ten thousand cameras": {"camera_json": json.dumps({"cameras": CAMERAS[:1] * 10_000})},
    "a path to a file": {"camera_json": "../../../../etc/passwd"},
    "brackets without end": {"camera_json": "[" * 200_000},
    "a number for a path": {"camera_json": 7},
    "a script": {"text_prompt": "<script>alert(1)</script>", "resolution": "none"},
    "an endless sentence": {"text_prompt": "a" * 1_000_000},
    "a list for a sentence": {"text_prompt": ["a"]},
    "a huge picture": {"resolution": "24x100000x100000"},
    "no frames": {"resolution": [0, 64, 96]},
    "words for a size": {"resolution": [3, "64", None]},
    "a seed of a thousand digits": {"camera_json": '{"seed": ' + "9" * 1000 + ', "cameras": [1]}'},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_inputs_are_refused_in_words(space: Space, name: str):
    given = {"image_prompt": None, "text_prompt": "", "camera_json": PATH, "resolution": SMALL} | HOSTILE[name]
    kind, answer = space.call("generate_scene", *given.values())
    if kind == "complete":
        ply, message = answer
        assert ply is None
        assert len(message.splitlines()) <= 25
        assert not any(trace in message for trace in ("Traceback", "root:", str(ROOT), str(space.root)))
    else:  # Gradio itself refuses a file that it has not stored
        assert "passwd" in json.dumps(HOSTILE[name])
    assert space.alive


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "../results", "..", "/etc/passwd", "a" * 32, "", None, 7, [], "\0"]
)
def test_ids_that_were_not_given_out(space: Space, name: Any):
    assert space.call("download_file", name) == ("complete", [None])
    assert space.call("gradio_delete", name) == ("complete", [])
    assert space.alive


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../../../../etc/passwd", "app_gradio.py", "flashworld/apps/web/../gradio/shelf.py", ".git/config"],
)
def test_no_file_of_the_server_is_served(space: Space, path: str):
    answer = httpx.get(f"{space.url}/gradio_api/file={path}")
    assert answer.status_code in (403, 404)


def upload(number: int, megabytes: int) -> Iterator[bytes]:
    """A form of files, piece by piece."""
    for file in range(number):
        yield f'--x\r\nContent-Disposition: form-data; name="files"; filename="{file}.png"\r\n\r\n'.encode()
        for _ in range(megabytes):
            yield bytes(1_000_000)
        yield b"\r\n"
    yield b"--x--\r\n"


FORM = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize(("number", "megabytes"), [(1, 200), (20, 10)], ids=["one file", "many files"])
@pytest.mark.parametrize("door", ["upload", "process_recording"])
def test_a_flood_of_bytes_is_refused_and_leaves_nothing(space: Space, door: str, number: int, megabytes: int):
    before = space.bytes_on_disk()
    try:
        content = upload(number, megabytes)
        answer = httpx.post(f"{space.url}/gradio_api/{door}", content=content, headers=FORM, timeout=PATIENCE)
        assert answer.status_code in (404, 413)
    except httpx.TransportError:
        pass  # it need not listen to the end
    await_that(lambda: space.bytes_on_disk() == before)
    assert space.alive


def test_who_breaks_off_an_upload_leaves_nothing(space: Space):
    def broken() -> Iterator[bytes]:
        yield from itertools.islice(upload(1, 50), 20)
        await_that(lambda: space.bytes_on_disk() > before)
        raise ConnectionError

    before = space.bytes_on_disk()
    with pytest.raises(ConnectionError):
        httpx.post(f"{space.url}/gradio_api/upload", content=broken(), headers=FORM, timeout=PATIENCE)
    await_that(lambda: space.bytes_on_disk() == before)


def test_a_text_of_200_megabytes_is_not_even_read(space: Space):
    server = psutil.Process(space.process.pid)
    before = server.memory_info().rss
    given = {"data": [None, "a" * 200_000_000, PATH, SMALL]}
    with contextlib.suppress(httpx.TransportError):
        answer = httpx.post(f"{space.url}/gradio_api/call/generate_scene", json=given, timeout=PATIENCE)
        assert answer.status_code == 413
    assert server.memory_info().rss - before < 50e6
    assert space.alive


@pytest.mark.parametrize(
    ("method", "door"),
    [
        ("POST", "run/generate_scene"),  # past the queue
        ("POST", "api/gradio_generate"),
        ("POST", "component_server"),
        ("POST", "vibe-edit"),
        ("GET", "deep_link?session_hash=anna"),  # would write the state of a page to the disk, for ever
        ("GET", "proxy=http://169.254.169.254/"),
        ("GET", "file=http://169.254.169.254/"),
    ],
)
def test_doors_that_the_page_does_not_use_are_closed(space: Space, method: str, door: str):
    body = {"data": [None, "a garden", PATH, SMALL], "session_hash": "anna"}
    given = {"json": body} if method == "POST" else {}
    answer = httpx.request(method, f"{space.url}/gradio_api/{door}", timeout=PATIENCE, **given)
    assert answer.status_code in (403, 404), answer.text


@pytest.mark.parametrize(
    ("door", "body"),
    [
        ("queue/join", {"data": [], "fn_index": 9999, "session_hash": "anna"}),
        ("run/predict", {"data": [], "fn_index": 9999}),
        ("call/nothing", {"data": []}),
        ("cancel", {"session_hash": "nobody", "fn_index": 9999, "event_id": "none"}),
        ("reset", {"event_id": "none"}),
    ],
)
def test_calls_of_what_is_not_there_show_no_trace(space: Space, door: str, body: dict[str, Any]):
    answer = httpx.post(f"{space.url}/gradio_api/{door}", json=body, timeout=PATIENCE)
    assert not any(trace in answer.text for trace in ("Traceback", "site-packages", str(ROOT)))
    assert space.alive


def test_the_scene_before_stays_until_there_is_another(space: Space):
    """A scene that fails or is stopped takes nothing from the page."""
    guest = Guest(space, "anna")
    guest.press_generate()
    with guest.listen() as news:
        told = [one["output"]["data"] for one in news if one["msg"] == "process_generating"]
    status, *rest = told[0]
    assert "Reading picture and words" in json.dumps(status)
    assert not any("value" in one for one in rest), f"nothing else has changed yet: {rest}"
    later = json.dumps(told[1:])  # what has changed each time
    assert all(name in later for name in ("flashworld.ply", "flashworld.spz", "record.json", "viewer.html"))


def test_deleting_while_others_read(space: Space):
    _, (answer,) = space.call("gradio_generate", request())
    name = json.loads(answer)["file_id"]
    calls = [("gradio_delete", name), ("download_file", name)] * 6
    with ThreadPoolExecutor(12) as pool:
        kinds = {kind for kind, _ in pool.map(lambda call: space.call(*call), calls)}
    assert "complete" in kinds
    assert space.call("download_file", name) == ("complete", [None])
    assert space.alive


def test_twelve_visitors_at_once_are_served_in_order(space: Space):
    """Each is told a place in the queue, and gets the scene of its own seed."""
    visitors: list[dict[str, Any]] = [{"seed": 100 + number} for number in range(12)]
    config = httpx.get(f"{space.url}/config").json()
    endpoint = next(d["id"] for d in config["dependencies"] if d["api_name"] == "generate_scene")

    def listen(visitor: dict[str, Any]) -> None:
        session = f"visitor-{visitor['seed']}"
        with httpx.stream(
            "GET", f"{space.url}/gradio_api/queue/data?session_hash={session}", timeout=PATIENCE
        ) as lines:
            for line in lines.iter_lines():
                if not line.startswith("data:"):
                    continue
                news = json.loads(line[5:])
                if news["msg"] == "estimation":
                    visitor.setdefault("ranks", []).append(news["rank"])
                if news["msg"] == "process_completed":
                    visitor["ended"], visitor["answer"] = time.monotonic(), news["output"]["data"]
                    return

    threads = []
    for visitor in visitors:
        path = json.dumps({"cameras": CAMERAS, "seed": visitor["seed"]})
        body = {
            "data": [None, "a garden", path, SMALL],
            "fn_index": endpoint,
            "session_hash": f"visitor-{visitor['seed']}",
        }
        assert httpx.post(f"{space.url}/gradio_api/queue/join", json=body).status_code == 200
        threads.append(threading.Thread(target=listen, args=(visitor,)))
        threads[-1].start()
    for thread in threads:
        thread.join(PATIENCE)
    ends = [visitor["ended"] for visitor in visitors]
    # Two are served at a time: of those the second may be quicker, no other.
    assert all(earlier < later for earlier, later in zip(ends, ends[2:], strict=False))
    # How many wait at once depends on how fast they come and are served; three at a time do on any machine.
    assert max(visitor["ranks"][0] for visitor in visitors if "ranks" in visitor) >= 2
    for visitor in visitors:
        ply, message = visitor["answer"]
        assert f"seed {visitor['seed']}." in message
        assert f"comment seed {visitor['seed']}".encode() in space.read(ply)[:2000]
    assert len({visitor["answer"][0]["path"] for visitor in visitors}) == 12
