"""Our own routes: jobs, files, paths, machine, page."""

import io
import json
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from studio_setup import FRAMES, HEIGHT, WIDTH, body, camera, picture, until

from flashworld.apps.studio.application import create_app
from flashworld.apps.studio.events import MAX_STREAMS, MAX_STREAMS_PER_CLIENT
from flashworld.cameras.files import read_path
from flashworld.cameras.templates import TEMPLATES, make_path
from flashworld.cameras.views import to_path
from flashworld.formats import to_uint8
from flashworld.generation import generate
from flashworld.jobs import NoJobError, Workshop
from flashworld.jobs.turns import Turns
from flashworld.request import parse_request

STREAM = {"Accept": "text/event-stream"}
EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def shop(tmp_path_factory, maker):
    workshop = Workshop(tmp_path_factory.mktemp("studio"), [maker])
    workshop.start()
    yield workshop
    workshop.close()


@pytest.fixture(scope="module")
def client(shop):
    return create_app(shop).test_client()


@pytest.fixture(scope="module")
def done(client):
    """A completed job."""
    job = client.post("/api/jobs", json=body(name="Haus am See", image_prompt=picture())).json
    return until(lambda: (now := client.get(f"/api/jobs/{job['id']}").json)["finished_at"] and now)


def test_a_completed_job_tells_all_of_itself(client, done):
    assert (done["state"], done["error"], done["name"], done["has_image"]) == ("completed", None, "Haus am See", True)
    assert done["resolution"] == [FRAMES, HEIGHT, WIDTH]
    assert done["progress"]["fraction"] == 1
    for kind, file in done["files"].items():
        answer = client.get(file["url"])
        assert len(answer.data) == file["bytes"]
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=Haus-am-See.")
        assert not client.get(f"{file['url']}?inline=1").headers["Content-Disposition"].startswith("attachment"), kind


def test_a_file_comes_in_ranges_and_only_once(client, done):
    url = done["files"]["mp4"]["url"] + "?inline=1"
    whole = client.get(url)
    part = client.get(url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.data) == (206, whole.data[10:20])
    assert client.get(url, headers={"Range": "bytes=999999999-"}).status_code == 416
    assert client.get(url, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304


def test_the_request_is_given_back_as_it_came(client, done):
    assert client.get(f"/api/jobs/{done['id']}/request").json == body(image_prompt=picture())


def test_pages_of_the_history_are_in_order_and_complete(client, done):
    ids = [client.post("/api/jobs", json=body()).json["id"] for _ in range(4)]
    for job_id in ids:
        client.post(f"/api/jobs/{job_id}/cancel")
    seen, before = [], ""
    while before is not None:
        page = client.get(f"/api/jobs?limit=2{before and '&before=' + before}").json
        assert len(page["jobs"]) <= 2
        seen += [job["id"] for job in page["jobs"]]
        before = page["next"]
    assert seen == [*reversed(ids), done["id"]]


def test_renaming_and_deleting(client):
    job_id = client.post("/api/jobs", json=body()).json["id"]
    client.post(f"/api/jobs/{job_id}/cancel")
    assert client.patch(f"/api/jobs/{job_id}", json={"name": "New"}).json["name"] == "New"
    until(lambda: client.get(f"/api/jobs/{job_id}").json["finished_at"])
    assert client.delete(f"/api/jobs/{job_id}").status_code == 200
    assert client.get(f"/api/jobs/{job_id}").status_code == 404
    assert client.delete(f"/api/jobs/{job_id}").status_code == 404


def test_the_scene_is_seen_by_the_server_as_by_the_library(client, done, maker):
    scene = generate(parse_request(body(image_prompt=picture())), maker.model)
    expected = to_uint8(scene.render().colour[1]).astype(int)
    answer = client.get(f"/api/jobs/{done['id']}/frames/1.png")
    seen = np.asarray(Image.open(io.BytesIO(answer.data))).astype(int)
    assert seen.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(seen - expected).max() <= 4, "the file leaves out what nobody sees"
    small = client.get(f"/api/jobs/{done['id']}/frames/1.png?width=48")
    assert Image.open(io.BytesIO(small.data)).size == (48, 32)
    assert client.get(f"/api/jobs/{done['id']}/frames/{FRAMES}.png").status_code == 404


@pytest.mark.slow
def test_no_picture_of_a_scene_has_a_side_beyond_all_bounds(shop, client):
    job = shop.submit(parse_request(body(resolution=[1, 1280, 64])))
    until(lambda: shop.job(job.id).finished)
    tall = client.get(f"/api/jobs/{job.id}/frames/0.png?width=1280")
    assert Image.open(io.BytesIO(tall.data)).size == (64, 1280)


def test_a_damaged_scene_is_told_without_its_place(shop, client, tmp_path_factory):
    job = shop.submit(parse_request(body()))
    until(lambda: shop.job(job.id).finished)
    shop.file(job.id, "ply").write_bytes(b"ply, once")
    answer = client.get(f"/api/jobs/{job.id}/frames/0.png")
    assert answer.status_code == 404
    assert "damaged" in answer.json["error"]
    assert str(tmp_path_factory.getbasetemp()) not in answer.text


def test_colmaps_two_files_come_as_the_page_sends_them(client):
    given = {"cameras": [camera(position=[x, 0, 0]) for x in (0, 1)], "resolution": [2, HEIGHT, WIDTH]}
    packed = client.post("/api/paths/export?format=colmap", json=given)
    with zipfile.ZipFile(io.BytesIO(packed.data)) as archive:
        form = {name: (io.BytesIO(archive.read(f"{name}.txt")), f"{name}.txt") for name in ("cameras", "images")}
    size = f"height={HEIGHT}&width={WIDTH}"
    told = client.post(f"/api/paths/import?{size}", data=form)
    assert told.status_code == 200, told.text
    assert told.json == client.post(f"/api/paths/import?{size}", data=packed.data).json
    assert (
        "cameras" in client.post("/api/paths/import", data={"images": (io.BytesIO(b"#"), "images.txt")}).json["error"]
    )


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_stream_that_ends_makes_room_for_the_next(client, done, method):
    for _ in range(MAX_STREAMS + 5):
        answer = getattr(client, method)(f"/api/jobs/{done['id']}/events", headers=STREAM)
        assert answer.status_code == 200
        answer.close()
    assert client.get("/api/jobs/00000000-0000-4000-8000-000000000000/events", headers=STREAM).status_code == 404


def test_too_many_streams_are_refused_in_words(shop):
    client = create_app(shop).test_client()

    def opened(address):
        return client.get("/api/events", headers=STREAM, buffered=False, environ_base={"REMOTE_ADDR": address})

    mine = [opened("10.0.0.1") for _ in range(MAX_STREAMS_PER_CLIENT)]
    refused = opened("10.0.0.1")
    assert (refused.status_code, "poll" in refused.json["error"]) == (503, True), "nobody alone has them all"
    others = [opened("10.0.0.2") for _ in range(MAX_STREAMS - MAX_STREAMS_PER_CLIENT)]
    assert {stream.status_code for stream in mine + others} == {200}
    assert opened("10.0.0.3").status_code == 503
    for stream in mine + others:
        stream.close()
    reopened = opened("10.0.0.1")
    assert reopened.status_code == 200
    reopened.close()


def test_a_burst_of_submissions_is_taken_whole_and_in_no_place_twice(tmp_path, maker):
    workshop = Workshop(tmp_path, [maker])
    app = create_app(workshop)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: app.test_client().post("/api/jobs", json=body()), range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert [status.position for status in workshop.status(workshop.queued())] == list(range(1, 51))
    workshop.close()


def test_a_file_that_is_removed_at_this_moment_is_gone_and_no_fault_of_the_servers(client, done, monkeypatch):
    monkeypatch.setattr(Workshop, "file", lambda *_: Path("gone.ply"))
    assert client.get(done["files"]["ply"]["url"]).status_code == 404


def test_who_looks_at_scenes_does_not_starve_all_others(client, done, monkeypatch):
    drawing, let_go = threading.Event(), threading.Event()

    def slowly(*_):
        drawing.set()
        assert let_go.wait(60)
        raise NoJobError("never drawn")

    monkeypatch.setattr("flashworld.jobs.looking._drawn", slowly)
    monkeypatch.setattr("flashworld.jobs.looking._TURNS", Turns(at_once=1, waiting=1, seconds=0.1))
    url = f"/api/jobs/{done['id']}/frames/0.png"
    with ThreadPoolExecutor() as pool:
        first = pool.submit(client.get, url)
        assert drawing.wait(60)
        refused = [answer.result(60) for answer in [pool.submit(client.get, url) for _ in range(4)]]
        let_go.set()
        assert first.result(60).status_code == 404
    for answer in refused:
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "busy" in answer.json["error"] or "too much" in answer.json["error"]


def test_the_pictures_of_requests_are_read_one_at_a_time_too(client, done, monkeypatch):
    """A request may hold fifty megapixels."""
    reading, most = [], []

    def read(*_):
        reading.append(1)
        most.append(len(reading))
        threading.Event().wait(0.05)
        reading.pop()
        raise NoJobError("never drawn")

    monkeypatch.setattr("flashworld.jobs.workshop.parse_request", read)
    url = f"/api/jobs/{done['id']}/frames/0.png"
    with ThreadPoolExecutor(4) as pool:
        assert {answer.status_code for answer in pool.map(client.get, [url] * 4)} == {404}
    assert most == [1] * 4
    assert client.get(url.replace("/0.png", "/900.png")).status_code == 404
    assert len(most) == 4, "a frame that there is not costs nothing"


@pytest.mark.slow
def test_more_cameras_than_a_path_may_have_are_refused_before_they_cost_time(client):
    frame = {"transform_matrix": np.eye(4).tolist()}
    many = {"w": 10, "h": 10, "fl_x": 1, "frames": [frame] * 12_000}
    lines = [f"{index} 1 0 0 0 0 0 0 1 {index}.png\n" for index in range(1, 30_000)]
    form = {
        "cameras": (io.BytesIO(b"1 PINHOLE 10 10 1 1 5 5"), "a"),
        "images": (io.BytesIO("\n".join(lines).encode()), "b"),
    }
    began = time.monotonic()
    for answer in (client.post("/api/paths/import", json=many), client.post("/api/paths/import", data=form)):
        assert answer.status_code == 400
        assert "1024" in answer.json["error"]
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("post", "/api/paths/template", "template"),
        ("patch", "/api/jobs/x", "name"),
        ("form", "/api/paths/import", "images"),
    ],
)
def test_a_body_is_no_larger_than_its_purpose(client, method, path, field):
    if method == "form":
        answer = client.post(path, data={field: (io.BytesIO(bytes(17_000_000)), field)})
    else:
        answer = getattr(client, method)(path, json={field: "x" * 2_000_000})
    assert answer.status_code == 413
    assert answer.json["error"]


def test_templates_are_the_cores(client):
    told = client.get("/api/templates").json["templates"]
    assert [template["name"] for template in told] == list(TEMPLATES)
    assert all(template["least"] <= template["default"] <= template["most"] for template in told)


def test_a_template_is_the_cores_path(client):
    wish = {"template": "orbit-left", "amount": 30, "frames": 5, "fov_degrees": 60, "resolution": [5, 480, 704]}
    told = client.post("/api/paths/template", json=wish).json["cameras"]
    ours = to_path(make_path("orbit-left", 30, 5, 60, 480, 704), 480, 704)
    assert told == [view.model_dump(mode="json") for view in ours.cameras]


def test_a_template_goes_on_from_a_camera(client):
    start = camera(position=[1, 2, 3], quaternion=[0, 1, 0, 0])
    wish = {"template": "forward", "amount": 2, "frames": 4, "start": start, "resolution": [3, HEIGHT, WIDTH]}
    cameras = client.post("/api/paths/template", json=wish).json["cameras"]
    assert [view["position"] for view in cameras] == [[1, 2, 3.5], [1, 2, 4], [1, 2, 4.5], [1, 2, 5]]
    assert {view["fx"] for view in cameras} == {80}


def test_a_check_tells_what_the_model_will_see(client):
    sparse = {"cameras": [camera(), camera(position=[0, 0, -1])], "resolution": [5, HEIGHT, WIDTH]}
    checked = client.post("/api/paths/check", json=sparse).json
    assert [view["position"][2] for view in checked["cameras"]] == [0, -0.25, -0.5, -0.75, -1]
    assert checked["warnings"] == []
    about = camera(quaternion=[0, 0, 1, 0])
    warned = client.post("/api/paths/check", json=sparse | {"cameras": [camera(), about]}).json["warnings"]
    assert {warning["kind"] for warning in warned} == {"rotation", "overlap"}


@pytest.mark.parametrize("name", sorted(path.name for path in (EXAMPLES / "requests").glob("*.json")))
def test_published_requests_are_imported_with_all_they_say(client, name):
    text = (EXAMPLES / "requests" / name).read_bytes()
    given = json.loads(text)
    told = client.post("/api/paths/import", data=text, content_type="application/octet-stream").json
    assert len(told["cameras"]) == len(given["cameras"])
    assert told["resolution"] == given["resolution"]
    assert told["image_index"] == given.get("image_index", 0)
    assert told["has_image"] == bool(given.get("image_prompt"))


def test_an_imported_file_keeps_its_name_and_the_frame_of_its_picture(client):
    asked = client.post("/api/paths/import", json=body(name="Haus", image_index=2)).json
    assert (asked["name"], asked["image_index"]) == ("Haus", 2)
    path = client.post("/api/paths/import", json={"cameras": body()["cameras"], "name": "Flug", "image_index": 1}).json
    assert (path["name"], path["image_index"]) == ("Flug", 1)
    odd = client.post("/api/paths/import", json={"cameras": body()["cameras"], "name": 5, "image_index": True}).json
    assert not {"name", "image_index"} & set(odd)


@pytest.mark.parametrize("kind", ["flashworld", "nerfstudio", "colmap"])
def test_a_path_comes_back_from_each_of_its_files(client, kind, tmp_path):
    sent = {"cameras": body()["cameras"], "resolution": [FRAMES, HEIGHT, WIDTH]}
    file = client.post(f"/api/paths/export?format={kind}", json=sent)
    assert file.headers["Content-Disposition"].startswith("attachment")
    if kind == "colmap":
        zipfile.ZipFile(io.BytesIO(file.data)).extractall(tmp_path)
        assert len(read_path(tmp_path)) == FRAMES
    told = client.post(f"/api/paths/import?height={HEIGHT}&width={WIDTH}", data=file.data).json
    for view, given in zip(told["cameras"], sent["cameras"], strict=True):
        assert view["position"] == pytest.approx(given["position"], abs=1e-5)
        assert view["fx"] == pytest.approx(given["fx"], rel=1e-5)


def test_the_machine_tells_its_limits_and_offers_what_it_takes(client):
    machine = client.get("/api/machine").json
    assert machine["models"][0]["name"] == "tiny"
    assert machine["plan"]["name"]
    assert not any(machine["memory"].values()), "on a CPU nothing has to leave"
    for offer in machine["resolutions"]:
        frames, height, width = offer["resolution"]
        assert 1 <= frames <= machine["limits"]["frames"]
        for side in (height, width):
            assert machine["limits"]["sides"]["least"] <= side <= machine["limits"]["sides"]["most"]
            assert side % machine["limits"]["sides"]["multiple"] == 0


def test_the_page_and_its_files_are_served(client):
    page = client.get("/")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    for path in ("/static/web/view.js", "/static/studio/api.js"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "javascript" in answer.mimetype
        assert client.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
