"""Paths on the page: from movements and files to text, and from text to a drawing."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from flashworld.apps.gradio import pieces
from flashworld.apps.gradio.drawing import TOP, draw, draw_sentence
from flashworld.apps.gradio.gallery import examples, ready_paths
from flashworld.apps.gradio.layout import SIZES, amount_of
from flashworld.apps.gradio.paths import from_files, from_template, shown
from flashworld.cameras import from_views
from flashworld.cameras.files import write_path
from flashworld.cameras.templates import TEMPLATES, make_path
from flashworld.errors import FlashWorldError, RequestError
from flashworld.request import parse_path

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_movement_becomes_a_path_that_is_drawn(name: str):
    slider = amount_of(name)
    for amount in (slider["minimum"], slider["value"], slider["maximum"]):
        text = from_template(name, amount, 70, "smooth", 12, SIZES["704 × 480, wide"])
        assert len(parse_path(text).cameras) == 12
        ElementTree.fromstring(draw(shown(text)))


@pytest.mark.parametrize("kind", ["flashworld", "nerfstudio", "colmap"])
def test_files_of_every_kind_are_read_back(tmp_path: Path, kind: str):
    path = make_path("orbit-left", frames=6, height=480, width=704)
    target = {"flashworld": "path.json", "nerfstudio": "transforms.json", "colmap": "model"}[kind]
    write_path(path, tmp_path / target, 480, 704)
    files = sorted(tmp_path.rglob("*.json" if kind != "colmap" else "[ci]*.txt"))
    read = parse_path(from_files([str(file) for file in files]))
    assert (read.height, read.width) == (480, 704)
    back = from_views(read.cameras, 480, 704)
    torch.testing.assert_close(back.positions, path.positions, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(back.intrinsics, path.intrinsics, atol=1e-4, rtol=1e-4)


def test_the_path_of_a_request_or_a_record_is_found(tmp_path: Path):
    request = json.loads((ROOT / "examples/requests/garden-from-text.json").read_text())
    file = tmp_path / "record.json"
    for content in (request, {"request": request, "weights": "x"}):
        file.write_text(json.dumps(content))
        assert len(parse_path(from_files([str(file)])).cameras) == len(request["cameras"])


def transforms(**changes: Any) -> str:
    """Nerfstudio's file of a camera that stands still."""
    pose = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    facts = {"w": 704, "h": 480, "fl_x": 352.0, "fl_y": 352.0, "cx": 352.0, "cy": 240.0}
    return json.dumps(facts | {"frames": [{"transform_matrix": pose}]} | changes)


def test_pictures_of_two_sizes_become_a_path_for_the_first_ones_with_square_pixels(tmp_path: Path):
    """The first picture's camera is not the first of the file; the other's view is cut to the first one's aspect."""
    cameras, images = tmp_path / "cameras.txt", tmp_path / "images.txt"
    cameras.write_text("1 PINHOLE 640 640 500 500 320 320\n2 PINHOLE 704 480 352 352 352 240\n")
    images.write_text("1 1 0 0 0 0 0 0 2 a.jpg\n\n2 1 0 0 0 0 0 0 1 b.jpg\n\n")
    pose = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    wide = {"file_path": "a", "w": 704, "h": 480, "fl_x": 352, "transform_matrix": pose}
    square = {"file_path": "b", "w": 640, "h": 640, "fl_x": 500, "transform_matrix": pose}
    transforms = tmp_path / "transforms.json"
    transforms.write_text(json.dumps({"frames": [square, wide]}))
    for files in ([cameras, images], [transforms]):
        path = parse_path(from_files([str(file) for file in files]))
        assert (path.height, path.width) == (480, 704)
        found = [(view.fx, view.fy, view.cx, view.cy) for view in path.cameras]
        assert found == [pytest.approx((352, 352, 352, 240)), pytest.approx((550, 550, 352, 240), rel=1e-5)]


def test_a_camera_of_colmap_may_have_any_number(tmp_path: Path):
    cameras, images = tmp_path / "cameras.txt", tmp_path / "images.txt"
    cameras.write_text("-1 PINHOLE 704 480 352 352 352 240\n")
    images.write_text("1 1 0 0 0 0 0 0 -1 a.jpg\n\n")
    assert parse_path(from_files([str(cameras), str(images)])).width == 704


def test_a_path_too_far_from_the_origin_is_told_before_it_is_drawn():
    path = json.loads(from_template("right", 3.0, 70, "linear", 4, (480, 704)))
    for view in path["cameras"]:
        view["position"] = [view["position"][0] + 450_000, 4_500_000, 100]
    with pytest.raises(RequestError, match="move the path near the origin"):
        shown(json.dumps(path))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("path.json", "{"),
        ("path.json", "[" * 100_000),
        ("path.json", '{"cameras": []}'),
        ("transforms.json", '{"frames": [{"transform_matrix": [[1]]}]}'),
        ("transforms.json", '{"frames": [{"transform_matrix": 7, "w": 1e999, "h": 2}]}'),
        ("transforms.json", transforms(w=2**70)),
        ("transforms.json", transforms(h=-480)),
        ("path.exe", "MZ"),
        ("cameras.txt", "1 PINHOLE 10 10 1 1 5 5"),
        ("big.json", " " * 5_000_000),
    ],
)
def test_broken_files_are_told_in_words(tmp_path: Path, name: str, content: str):
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(FlashWorldError) as caught:
        from_files([str(file)])
    assert str(tmp_path) not in str(caught.value)


def test_the_drawing_shows_where_the_path_goes():
    """Forward is up in the view from above; to the right is right."""
    for name, axis, sign in (("forward", 1, -1), ("right", 0, 1)):
        path = shown(from_template(name, 1.0, 70, "linear", 5, (480, 704)))
        travel = (path.cameras.positions[-1] - path.cameras.positions[0]) @ TOP.T
        assert travel[axis] * sign > 0.5


def test_a_drawing_holds_numbers_only():
    """Whatever stands beside the cameras."""
    path = json.loads(from_template("spiral", 1.0, 70, "linear", 5, (480, 704)))
    path["cameras"][0]["note"] = "<script>alert(1)</script>"
    assert "script" not in pieces.drawing(json.dumps(path))


def test_faults_are_shown_as_text():
    shown_fault = pieces.drawing('{"cameras": "<img src=x onerror=alert(1)>"}')
    assert "<img" not in shown_fault
    assert "&lt;img" in shown_fault


def test_an_example_without_a_picture_shows_its_sentence():
    card = ElementTree.fromstring(draw_sentence('A "quiet" garden <with> a pond & stone lanterns, in autumn'))
    lines = [line.text or "" for line in card.iter("{http://www.w3.org/2000/svg}tspan")]
    assert " ".join(lines) == '“A "quiet" garden <with> a pond & stone lanterns, in autumn”'
    assert max(map(len, lines)) <= 26


def test_galleries_are_made_from_what_is_shipped(tmp_path: Path):
    paths = ready_paths(tmp_path)
    assert len(paths) >= 9
    assert all(path.drawing.exists() for path in paths)
    found = examples(tmp_path)
    assert [example.name for example in found if example.picture is None] == ["garden from text"]
    assert all(example.prompt and example.thumbnail.exists() for example in found)


def test_faults_are_told_in_the_pages_words():
    told = pieces.failure(
        "text_prompt: neither a picture (image_prompt) nor a text (text_prompt) was given; one is needed"
    )
    assert "<li>Sentence: neither a picture nor a text was given; one is needed</li>" in told
    assert "<li>cameras[0].fx: it is &lt;b&gt;</li>" in pieces.failure("cameras[0].fx: it is <b>")
    assert "<li>The disk is full: try again.</li>" in pieces.failure("The disk is full: try again.")
