"""What visitors may ask for, and how faults are told."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from flashworld import load_model
from flashworld.apps.gradio.order import Maker, Order, read_resolution, take_order
from flashworld.cameras.templates import make_path
from flashworld.cameras.views import to_path
from flashworld.errors import RequestError

EXAMPLES = Path(__file__).parents[1] / "examples"
GUIDE = {
    "cameras": [
        {"quaternion": [1, 0, 0, 0], "position": [0, 0, -z / 4], "fx": 352.0, "fy": 352.0, "cx": 352.0, "cy": 240.0}
        for z in range(5)
    ]
}


@pytest.fixture(scope="module")
def maker() -> Maker:
    return Maker(load_model("tiny"))


def order(maker: Maker, **changes: Any) -> Order:
    given = {"image_prompt": None, "text_prompt": "a garden", "camera_json": GUIDE, "resolution": "24x480x704"}
    return take_order(maker, **given | changes)


def faults(maker: Maker, **changes: Any) -> str:
    with pytest.raises(RequestError) as caught:
        order(maker, **changes)
    return str(caught.value)


@pytest.mark.parametrize("path", [GUIDE, json.dumps(GUIDE), GUIDE["cameras"], json.dumps(GUIDE["cameras"])])
def test_the_guides_path_is_taken_as_it_is(maker: Maker, path: Any):
    request = order(maker, camera_json=path).request
    assert [list(view.position) for view in request.cameras] == [view["position"] for view in GUIDE["cameras"]]
    assert request.resolution == (24, 480, 704)


@pytest.mark.parametrize(
    "given", ["24x480x704", " 24 x 480 x 704 ", "24×480×704", "[24, 480, 704]", "24,480,704", [24, 480, 704]]
)
def test_resolutions_as_people_write_them(given: Any):
    assert read_resolution(given) == [24, 480, 704]


NO_RESOLUTIONS = ["", "480x704", "big", "1x2x3x4", None, 7, [24, 480], {"frames": 24}, "24x480x704;rm", "-24x480x704"]
NO_RESOLUTIONS += [
    "24x480,704",
    "24 480 704",
    "[24, 480, 704",
    "24, 480, 704]",
    "24x480x704px",
    "2.4x480x704",
    "٢٤x480x704",
]


@pytest.mark.parametrize("given", NO_RESOLUTIONS)
def test_what_is_no_resolution(given: Any):
    with pytest.raises(RequestError, match="such as 24x480x704"):
        read_resolution(given)


def test_seed_and_picture_frame_may_stand_in_the_path(maker: Maker):
    request = order(maker, camera_json=GUIDE | {"seed": 7, "image_index": 3}).request
    assert (request.seed, request.image_index) == (7, 3)
    assert order(maker, camera_json=GUIDE | {"seed": 7}, seed=8).request.seed == 8


def test_a_path_that_states_its_size_is_cut_to_the_resolution(maker: Maker):
    """The same path, written for wide pictures, keeps the vertical field of view in tall ones."""
    path = to_path(make_path("forward", fov=70, height=480, width=704), 480, 704).to_json()
    view = order(maker, camera_json=path, resolution="8x704x480").request.cameras[0]
    wide = json.loads(path)["cameras"][0]
    assert view.fy / 704 == pytest.approx(wide["fy"] / 480, rel=1e-5)
    assert (view.cx, view.cy) == pytest.approx((240, 352))


@pytest.mark.parametrize("resolution", [[24, 10**400, 704], [24, 480, -704], [24, 1, 1], [24, "480", 704]])
def test_a_resolution_is_judged_before_a_path_is_cut_to_it(maker: Maker, resolution: list[Any]):
    sized = GUIDE | {"height": 480, "width": 704}
    told = faults(maker, camera_json=sized, resolution=resolution)
    assert told == faults(maker, resolution=resolution)
    assert told.startswith("resolution")


def test_a_path_too_far_from_the_origin_is_told_before_it_costs_anything(maker: Maker):
    views = [view | {"position": [450_000 + x, 4_500_000, 100]} for x, view in enumerate(GUIDE["cameras"])]
    assert "move the path near the origin" in faults(maker, camera_json=views)


def test_more_than_the_space_makes_is_refused_with_what_it_makes(maker: Maker):
    assert "up to 24" in faults(maker, resolution="25x480x704")
    assert "480x704 or 704x480" in faults(maker, resolution="8x704x704")
    assert len(faults(maker, resolution="25x704x704").splitlines()) == 2
    long = {"cameras": GUIDE["cameras"] * 100}
    assert order(maker, camera_json=long).request.frames == 24


def test_a_budget_counts_only_where_seconds_are_granted(maker: Maker):
    assert order(maker).workload.video_pictures == 116
    assert order(maker, video=False).workload.video_pictures == 0


@pytest.mark.parametrize(
    "path", ["", "   ", "{", "null", "[]", "7", '{"camera": []}', '{"cameras": NaN}', "x" * 3_000_000]
)
def test_broken_paths_are_told_as_such(maker: Maker, path: str):
    assert "camera" in faults(maker, camera_json=path)


def test_an_order_crosses_to_another_process(maker: Maker):
    given = order(maker, image_prompt=(EXAMPLES / "pictures/valley.jpg").read_bytes())
    assert pickle.loads(pickle.dumps(given)) == given
