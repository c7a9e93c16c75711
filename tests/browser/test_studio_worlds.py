"""The studio in a real browser, with worlds that are there already: one is a pattern whose corners are measured.

Needs node, `npm ci` in tests/node, and a chromium; the marker `browser` selects it.
"""

import base64
import io
import json
import math
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import ROOT, browse
from pattern import board, centroid, visible_corners
from PIL import Image
from studio import running
from studio_setup import until

from flashworld import formats
from flashworld.generation import path_of
from flashworld.request import SceneRequest, parse_request

pytestmark = pytest.mark.browser

PHOTO = ROOT / "examples/pictures/living-room.jpg"
FRAMES, HEIGHT, WIDTH = 9, 96, 128
IMAGE_INDEX = 4
WINDOW = (352, 264)
COMPARED = (0, 4, 7)


def request() -> dict[str, Any]:
    """A path around the origin in pixels of the photo, which is wider than the target and shown by the middle frame."""
    photo = Image.open(PHOTO)
    angles = [math.radians(angle) for angle in (-24, -10, 0, 12, 30)]
    cameras = [
        {
            "quaternion": [math.cos(angle / 2), 0.0, math.sin(angle / 2), 0.0],
            "position": [4 * math.sin(angle), 0.2, 4 * math.cos(angle)],
            "fx": 1.1 * photo.height,
            "fy": 1.2 * photo.height,
            "cx": 0.52 * photo.width,
            "cy": 0.47 * photo.height,
        }
        for angle in angles
    ]
    return {
        "image_prompt": "data:image/jpeg;base64," + base64.b64encode(PHOTO.read_bytes()).decode(),
        "text_prompt": "A living room",
        "cameras": cameras,
        "resolution": [FRAMES, HEIGHT, WIDTH],
        "image_index": IMAGE_INDEX,
        "seed": 5,
    }


@dataclass(frozen=True)
class Visit:
    """What the browser brought back, and the request that it was about."""

    seen: dict[str, Any]
    folder: Path
    request: SceneRequest


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Visit:
    folder, jobs = tmp_path_factory.mktemp("visit"), tmp_path_factory.mktemp("jobs")
    body = json.dumps(request())
    (folder / "asked.json").write_text(body)
    with running(jobs) as url:
        pattern, other = made(url, body), made(url, body)
        result = jobs / "jobs" / pattern / "result"
        for name in ("scene.ply", "scene.spz"):
            formats.save(board(), result / name, provenance={"unit": "4.0"})
        seen = browse(
            "studio_worlds.mjs", folder, url=url, request="asked.json", photo=str(PHOTO), pattern=pattern, other=other,
            frames=COMPARED,
        )  # fmt: skip
    return Visit(seen, folder, parse_request(json.loads(body)))


def made(url: str, body: str) -> str:
    """The id of a job that the server has finished."""
    headers = {"Content-Type": "application/json"}
    job = told(urllib.request.Request(f"{url}api/jobs", body.encode(), headers))

    def completed() -> bool:
        now = told(f"{url}api/jobs/{job['id']}")
        assert now["state"] in ("queued", "running", "completed"), now["error"]
        return now["state"] == "completed"

    until(completed, 240)
    return job["id"]


def told(address: str | urllib.request.Request) -> dict[str, Any]:
    with urllib.request.urlopen(address, timeout=240) as answer:
        return json.load(answer)


def test_nothing_goes_wrong(visit: Visit):
    assert visit.seen["errors"] == []


@pytest.mark.parametrize("frame", COMPARED)
def test_the_window_shows_corners_where_the_server_renders_them(visit: Visit, frame: int):
    """Within half a pixel; the request's intrinsics are in pixels of the photo, off-centre, with fx != fy."""
    window, server = (picture(visit.folder / f"{name}-{frame}.png") for name in ("window", "server"))
    width, height = WINDOW
    assert window.shape == server.shape == (height, width, 3)
    places = visible_corners(path_of(visit.request), frame, height, width)
    assert len(places) >= 12
    for place in places:
        assert math.dist(centroid(window, place), centroid(server, place)) < 0.5
        assert math.dist(centroid(window, place), place) < 1


def test_the_window_shows_the_next_world_that_is_opened(visit: Visit):
    window, server = (picture(visit.folder / f"{name}-other.png").astype(float) for name in ("window", "server"))
    assert np.abs(window - server).mean() < 6


def test_the_picture_lies_over_the_world_where_its_camera_saw_it(visit: Visit):
    wipe, cameras = visit.seen["wipe"], path_of(visit.request)
    np.testing.assert_allclose(wipe["pose"]["position"], cameras.positions[IMAGE_INDEX], atol=1e-4)
    turned = abs(np.dot(wipe["pose"]["quaternion"], cameras.quaternions[IMAGE_INDEX].numpy()))
    assert turned == pytest.approx(1, abs=1e-5)
    camera, width, height = wipe["camera"], wipe["width"], wipe["height"]
    inner = [camera["fx"] / width, camera["fy"] / height]
    inner += [(camera["cx"] - wipe["left"]) / width, (camera["cy"] - wipe["top"]) / height]
    np.testing.assert_allclose(inner, cameras.intrinsics[IMAGE_INDEX], atol=1e-4)


@pytest.mark.parametrize("how", ["opened", "reused"])
def test_a_request_keeps_its_picture_frame_and_words(visit: Visit, how: str):
    draft = visit.seen[how]
    assert draft["path"]["imageIndex"] == IMAGE_INDEX
    assert draft["path"]["frames"] == FRAMES
    assert len(draft["path"]["keys"]) == 5
    assert draft["size"] == {"width": WIDTH, "height": HEIGHT}
    assert (draft["prompt"], draft["seed"]) == ("A living room", 5)
    assert (draft["picture"]["width"], draft["picture"]["height"]) == Image.open(PHOTO).size


def test_a_saved_request_makes_the_same_world(visit: Visit):
    saved = visit.seen["exported"]
    assert saved["resolution"] == [FRAMES, HEIGHT, WIDTH]
    assert saved["image_index"] == IMAGE_INDEX
    again, before = path_of(parse_request(saved)), path_of(visit.request)
    np.testing.assert_allclose(again.positions, before.positions, atol=1e-4)
    np.testing.assert_allclose(abs((again.quaternions * before.quaternions).sum(-1)), 1, atol=1e-5)
    np.testing.assert_allclose(again.intrinsics, before.intrinsics, atol=1e-4)
    sent = Image.open(io.BytesIO(base64.b64decode(saved["image_prompt"].partition(",")[2])))
    assert sent.size == (WIDTH, HEIGHT)


def test_a_path_goes_out_to_nerfstudio_and_comes_back(visit: Visit):
    keys, cameras = visit.seen["path"]["keys"], path_of(visit.request)
    np.testing.assert_allclose([key["position"] for key in keys], cameras.positions, atol=1e-4)


def test_two_worlds_are_compared_from_one_place(visit: Visit):
    assert visit.seen["linked"]
    assert visit.seen["compareFault"] == ""


def test_worlds_are_renamed_and_jobs_cancelled_repeated_and_deleted(visit: Visit):
    assert visit.seen["renamed"] == "The second one"
    assert [text.count("number") for text in visit.seen["queue"]] == [0, 1, 1]
    assert visit.seen["movedUp"], "who waits is told of a better place"
    assert "step" in visit.seen["growing"].lower()
    assert visit.seen["requeued"]
    assert visit.seen["deleted"] == 404


def test_the_path_is_recorded_in_flight_and_timed_by_hand(visit: Visit):
    assert visit.seen["taken"] >= 3
    assert visit.seen["takenBack"] == 0
    assert visit.seen["retimed"] == 2
    assert visit.seen["retimedBack"]


def test_the_machine_and_what_is_wrong_with_a_path_are_told(visit: Visit):
    assert visit.seen["machine"]["Its own size"] == "128 × 96, 6 frames"
    assert visit.seen["machine"]["To save memory"] == "nothing"
    told = " ".join(visit.seen["warnings"])
    assert "turns by more than half" in told
    assert "nothing of the picture is seen" in told
    assert visit.seen["warnedFrame"] > 0
    assert all(width > 0 for width in visit.seen["marks"])
    assert visit.seen["pictureFault"] == ""


def test_without_streams_the_list_is_asked_for(visit: Visit):
    assert visit.seen["polled"]
    assert visit.seen["said"] == [""]


def picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))
