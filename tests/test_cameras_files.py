"""Camera paths in files: round trips, conventions checked against other programs' definitions, faults."""

import errno
import json
import math
from pathlib import Path

import pytest
import torch

from flashworld.cameras import Cameras
from flashworld.cameras.files import WRITERS, read_path, read_pictured, write_path
from flashworld.cameras.templates import TEMPLATES, make_path
from flashworld.errors import FlashWorldError, FormatError

CAMERA = {"quaternion": [1, 0, 0, 0], "position": [0, 0, 0], "fx": 352, "fy": 352, "cx": 352, "cy": 240}


def random_path(num: int = 12) -> Cameras:
    generator = torch.Generator().manual_seed(3)
    vectors = torch.randn(num, 11, generator=generator)
    vectors[:, 7:] = torch.rand(num, 4, generator=generator) * 0.3 + 0.4
    return Cameras.from_vectors(vectors)


def assert_same(actual: Cameras, expected: Cameras) -> None:
    torch.testing.assert_close(actual.rotations, expected.rotations, atol=2e-6, rtol=0)
    torch.testing.assert_close(actual.positions, expected.positions, atol=2e-6, rtol=1e-6)
    torch.testing.assert_close(actual.intrinsics, expected.intrinsics, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "name"), [("flashworld", "a.json"), ("nerfstudio", "transforms.json"), ("colmap", "a")]
)
@pytest.mark.parametrize("path", [random_path(), make_path("dolly-zoom"), make_path("forward", frames=1)])
def test_a_path_comes_back_from_a_file(tmp_path: Path, kind: str, name: str, path: Cameras):
    write_path(path, tmp_path / name, 480, 704, kind)
    assert_same(read_path(tmp_path / name), path)
    write_path(path, tmp_path / name, 480, 704)
    assert_same(read_path(tmp_path / name), path)


def test_every_format_is_named():
    assert set(WRITERS) == {"flashworld", "nerfstudio", "colmap"}


def test_a_request_serves_as_a_path_and_principal_points_tell_its_size(tmp_path: Path):
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"text_prompt": "x", "resolution": [8, 64, 64], "cameras": [CAMERA]}))
    assert read_path(file).intrinsics[0].tolist() == pytest.approx([0.5, 352 / 480, 0.5, 0.5])
    off_centre = read_path(file, height=960, width=1408).intrinsics[0]
    assert off_centre.tolist() == pytest.approx([0.25, 352 / 960, 0.25, 0.25])


def test_nerfstudio_intrinsics_may_stand_once_or_as_an_angle(tmp_path: Path):
    identity = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    file = tmp_path / "transforms.json"
    shared = {"w": 704, "h": 480, "fl_x": 352, "fl_y": 352, "cx": 352, "cy": 240}
    file.write_text(json.dumps({**shared, "frames": [{"transform_matrix": identity}] * 2}))
    expected = [0.5, 352 / 480, 0.5, 0.5]
    assert read_path(file).intrinsics.tolist() == [pytest.approx(expected)] * 2
    angle = {"camera_angle_x": math.pi / 2, "w": 704, "h": 480}
    file.write_text(json.dumps({**angle, "frames": [{"transform_matrix": identity}]}))
    assert read_path(file).intrinsics.tolist() == [pytest.approx(expected)]


def test_a_blender_file_says_no_size_so_it_is_asked_for_or_taken_from_the_caller(tmp_path: Path):
    file = tmp_path / "transforms_train.json"
    file.write_text(json.dumps({"camera_angle_x": math.pi / 2, "frames": [{"transform_matrix": IDENTITY}]}))
    with pytest.raises(FormatError, match="add w and h"):
        read_path(file)
    assert read_path(file, height=480, width=704).intrinsics[0].tolist() == pytest.approx([0.5, 352 / 480, 0.5, 0.5])


@pytest.mark.parametrize("content", ["flashworld", "nerfstudio", "colmap"])
def test_a_path_too_far_from_the_origin_for_its_movement_is_refused(tmp_path: Path, content: str):
    """A walk of 3 m in coordinates of a national grid: float32 would make a turn on the spot of it."""
    places = [(450_000 + x, 4_500_000, 100) for x in range(4)]
    if content == "colmap":
        lines = [f"{n} 1 0 0 0 {-x} {-y} {-z} 1 {n}.jpg\n\n" for n, (x, y, z) in enumerate(places)]
        file = write_colmap(tmp_path, images="".join(lines))
    else:
        views = [CAMERA | {"position": place} for place in places]
        frames = [{"transform_matrix": [[1, 0, 0, x], [0, 1, 0, y], [0, 0, 1, z]]} for x, y, z in places]
        file = tmp_path / "path.json"
        file.write_text(json.dumps({"cameras": views} if content == "flashworld" else FRAME | {"frames": frames}))
    with pytest.raises(FlashWorldError, match=r"moves 3 at a distance of 4.52e\+06 .* move the path near the origin"):
        read_path(file)


def test_nerfstudio_frames_are_in_the_order_of_their_names(tmp_path: Path):
    frames = [
        {"file_path": f"frame_{n}.png", "transform_matrix": [[1, 0, 0, n], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]}
        for n in (10, 9, 1)
    ]
    file = tmp_path / "transforms.json"
    file.write_text(json.dumps({"w": 4, "h": 4, "fl_x": 4, "frames": frames}))
    assert read_path(file).positions[:, 0].tolist() == [1, 9, 10]


COLMAP_CAMERAS = """# Camera list with one line of data per camera:
1 SIMPLE_PINHOLE 704 480 352 352 240
2 OPENCV 704 480 400 410 350 241 0 0 0 0
"""
COLMAP_IMAGE = "1 1 0 0 0 0 0 0 1 a.jpg\n"
COLMAP_IMAGES = """# Image list with two lines of data per image:
7 1 0 0 0 0 0 0 1 photo 10.jpg
12.5 13.5 -1 20.1 30.2 5
3 1 0 0 0 1 2 3 2 photo 9.jpg

"""


def write_colmap(folder: Path, cameras: str = COLMAP_CAMERAS, images: str = COLMAP_IMAGES) -> Path:
    (folder / "cameras.txt").write_text(cameras)
    (folder / "images.txt").write_text(images)
    return folder


def test_colmap_poses_are_turned_to_our_axes(tmp_path: Path):
    """Without rotation a COLMAP camera looks along +z with y down; ours then has its y and z axes reversed."""
    path = read_path(write_colmap(tmp_path))
    assert_same(read_path(tmp_path / "images.txt"), path)
    turned = torch.diag(torch.tensor([1.0, -1, -1]))
    torch.testing.assert_close(path.rotations, turned.expand(2, 3, 3))
    torch.testing.assert_close(path.positions, torch.tensor([[-1.0, -2, -3], [0, 0, 0]]))
    expected = [[400 / 704, 410 / 480, 350 / 704, 241 / 480], [0.5, 352 / 480, 0.5, 0.5]]
    assert path.intrinsics.tolist() == [pytest.approx(row) for row in expected]


def test_a_point_is_seen_at_the_same_pixel_in_colmaps_formula(tmp_path: Path):
    """COLMAP projects K (R x + t), with the numbers of its files, without any knowledge of our axes."""
    path = random_path()
    write_path(path, tmp_path / "model", 480, 704)
    images = [line.split() for line in (tmp_path / "model" / "images.txt").read_text().splitlines()[1::2]]
    cameras = [line.split() for line in (tmp_path / "model" / "cameras.txt").read_text().splitlines()[1:]]
    for index, (image, camera) in enumerate(zip(images, cameras, strict=True)):
        point = path.positions[index] - path.rotations[index] @ torch.tensor([0.3, -0.2, 2.0])
        w, x, y, z = (float(number) for number in image[1:5])
        v = torch.tensor([x, y, z], dtype=torch.float64)
        turned = point.double() + 2 * torch.linalg.cross(v, torch.linalg.cross(v, point.double()) + w * point)
        seen = turned + torch.tensor([float(number) for number in image[5:8]])
        fx, fy, cx, cy = (float(number) for number in camera[4:])
        pixel = fx * seen[0] / seen[2] + cx, fy * seen[1] / seen[2] + cy
        ours = path.intrinsics[index] * torch.tensor([704, 480, 704, 480])
        assert seen[2] > 0
        assert float(pixel[0]) == pytest.approx(float(ours[2] - ours[0] * 0.3 / 2.0), abs=1e-2)
        assert float(pixel[1]) == pytest.approx(float(ours[3] - ours[1] * 0.2 / 2.0), abs=1e-2)


@pytest.mark.parametrize(
    ("cameras", "images", "message"),
    [
        ("1 OPENCV_FISHEYE 8 8 1 1 1 1 0 0 0 0\n", COLMAP_IMAGES, "no pinhole"),
        ("1 SIMPLE_RADIAL 8 8 1 1 1 0.1\n", COLMAP_IMAGES, "distorted"),
        ("1 PINHOLE 8 8 1 1\n", COLMAP_IMAGES, "another form"),
        ("1 PINHOLE 0 8 1 1 1 1\n", COLMAP_IMAGES, "0 x 8"),
        ("5 PINHOLE 8 8 1 1 1 1\n", COLMAP_IMAGES, "speaks of a camera"),
        (COLMAP_CAMERAS, "", "no cameras"),
        (COLMAP_CAMERAS, "1 0 0 0 0 0 0 0 1 a.jpg\n", "no orientation"),
        (COLMAP_CAMERAS, "1 1 0 0 0 nan 0 0 1 a.jpg\n", "NaN was given"),
        (COLMAP_CAMERAS, "1 1 0 0 0 1e39 0 0 1 a.jpg\n", "camera 0: position.* up to 1e8"),
        (COLMAP_CAMERAS, "1 1 0 0 0\n", "another form"),
        ("1 PINHOLE 8 8 1e-50 1 1 1\n", COLMAP_IMAGE, "camera 0: fx: 1e-50 was given"),
        ("1 PINHOLE 8 8 1 1e300 1 1\n", COLMAP_IMAGE, "camera 0: fy: 1e.300 was given"),
        ("1 PINHOLE 200000 8 1 1 1 1\n", COLMAP_IMAGE, "camera 0: width: 200000 was given"),
        (COLMAP_CAMERAS, COLMAP_IMAGE + "2 1 0 0 0 0 0 0 1 b.jpg\n", "'a.jpg' is not followed"),
        (COLMAP_CAMERAS, COLMAP_IMAGE + "2 1 0 0 0 0 0 0 1 in the hall.jpg\n", "'a.jpg' is not followed"),
    ],
)
def test_a_faulty_colmap_model_is_refused_in_one_sentence(tmp_path: Path, cameras: str, images: str, message: str):
    with pytest.raises(FormatError, match=message) as caught:
        read_path(write_colmap(tmp_path, cameras, images))
    assert "\n" not in str(caught.value)


def test_a_binary_colmap_model_is_told_how_to_become_text(tmp_path: Path):
    (tmp_path / "cameras.bin").write_bytes(b"\1\0")
    for place in (tmp_path, tmp_path / "cameras.bin"):
        with pytest.raises(FormatError, match="colmap model_converter --output_type TXT"):
            read_path(place)
    with pytest.raises(FormatError, match="colmap model_converter --output_type TXT"):
        read_pictured(tmp_path)
    write_colmap(tmp_path)
    assert len(read_path(tmp_path)) == 2


FRAME = {"transform_matrix": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], "fl_x": 1, "w": 8, "h": 8}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"frames": 5}',
        '{"frames": []}',
        '{"frames": [5]}',
        '{"frames": [{}]}',
        '{"cameras": []}',
        json.dumps({"frames": [{**FRAME, "k1": 0.2}]}),
        json.dumps({"frames": [{**FRAME, "camera_model": "EQUIRECTANGULAR"}]}),
        json.dumps({"frames": [{**FRAME, "w": 0}]}),
        json.dumps({"frames": [{**FRAME, "fl_x": "wide"}]}),
        json.dumps({"frames": [{**FRAME, "fl_x": math.nan}]}),
        json.dumps({"frames": [{**FRAME, "fl_x": -1}]}),
        json.dumps({"frames": [{**FRAME, "fl_x": 1e300}]}),
        json.dumps({"frames": [{**FRAME, "fl_x": 1e-50}]}),
        json.dumps({"frames": [{**FRAME, "cx": 1e300}]}),
        json.dumps({"frames": [{**FRAME, "w": math.inf}]}),
        json.dumps({"frames": [{**FRAME, "h": 1e300}]}),
        json.dumps({"frames": [{**FRAME, "transform_matrix": [[1, 0, 0, 1e39], [0, 1, 0, 0], [0, 0, 1, 0]]}]}),
        json.dumps({"frames": [{**FRAME, "transform_matrix": [[1, 0], [0, 1]]}]}),
        json.dumps({"frames": [{**FRAME, "transform_matrix": [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0]]}]}),
        json.dumps({"frames": [{**FRAME, "transform_matrix": [[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]}]}),
    ],
)
def test_a_faulty_json_path_is_refused(tmp_path: Path, content: str):
    file = tmp_path / "transforms.json"
    file.write_text(content)
    with pytest.raises(FlashWorldError) as caught:
        read_path(file)
    assert str(tmp_path) not in str(caught.value)


def test_a_missing_file_and_an_unknown_suffix_are_refused(tmp_path: Path):
    with pytest.raises(FormatError, match="cannot be read"):
        read_path(tmp_path / "nothing.json")
    with pytest.raises(FormatError, match="cannot be read"):
        read_path(tmp_path)
    with pytest.raises(FormatError, match="names no format"):
        write_path(random_path(), tmp_path / "path.fbx", 8, 8)


def test_every_template_survives_being_written(tmp_path: Path):
    for name in TEMPLATES:
        path = make_path(name, frames=7)
        write_path(path, tmp_path / f"{name}.json", 480, 704)
        assert_same(read_path(tmp_path / f"{name}.json"), path)


IDENTITY = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    "content",
    [
        {"w": 96, "h": 64, "camera_angle_x": 0, "frames": [{"transform_matrix": IDENTITY}]},
        {"w": 96, "h": 64, "fl_x": 50, "frames": [{"transform_matrix": [1, 2, 3]}]},
        {"w": 96, "h": 64, "fl_x": 50, "frames": [{}]},
    ],
)
def test_a_strange_nerfstudio_frame_is_a_fault_of_the_file(tmp_path: Path, content: dict):
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    with pytest.raises(FormatError, match=r"transforms\.json"):
        read_path(tmp_path / "transforms.json")


def test_a_number_of_thousands_of_digits_is_a_fault_of_the_file(tmp_path: Path):
    (tmp_path / "path.json").write_text(f'{{"frames": [{"9" * 5000}]}}')
    with pytest.raises(FormatError, match=r"path\.json is not valid JSON"):
        read_path(tmp_path / "path.json")


def test_names_of_frames_may_hold_any_digits(tmp_path: Path):
    frames = [{"file_path": name, "transform_matrix": IDENTITY} for name in ("²", "٣", "frame_2")]
    (tmp_path / "transforms.json").write_text(json.dumps({"w": 96, "h": 64, "fl_x": 50, "frames": frames}))
    assert len(read_path(tmp_path / "transforms.json")) == 3


def test_a_byte_order_mark_is_no_fault(tmp_path: Path):
    (tmp_path / "path.json").write_text(json.dumps({"cameras": [CAMERA]}), encoding="utf-8-sig")
    assert len(read_path(tmp_path / "path.json")) == 1


@pytest.mark.parametrize("name", ["path.json", "transforms.json", "colmap"])
def test_a_place_that_cannot_be_written_is_a_fault(tmp_path: Path, name: str):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(FormatError, match="Cannot"):
        write_path(make_path("forward", frames=2), tmp_path / "file" / name, 480, 704)
    assert [file.name for file in tmp_path.rglob("*")] == ["file"]


@pytest.mark.parametrize("name", ["path.json", "transforms.json", "colmap"])
def test_an_earlier_file_survives_a_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    def fills_up(path: Path, text: str, encoding: str) -> None:
        path.write_bytes(text.encode(encoding)[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    def files() -> dict[Path, bytes]:
        return {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    write_path(make_path("forward", frames=2), tmp_path / name, 480, 704)
    earlier = files()
    monkeypatch.setattr(Path, "write_text", fills_up)
    with pytest.raises(FormatError, match="no space left"):
        write_path(make_path("right", frames=3), tmp_path / name, 480, 704)
    assert earlier
    assert files() == earlier


@pytest.mark.parametrize(("height", "width", "field"), [(1, 1, "fx"), (200_000, 704, "height")])
def test_a_path_that_the_schema_refuses_is_told_as_a_fault(tmp_path: Path, height: int, width: int, field: str):
    with pytest.raises(FlashWorldError, match=field):
        write_path(make_path("forward", frames=2), tmp_path / "path.json", height, width)


@pytest.mark.parametrize("name", ["path.json", "transforms.json", "colmap"])
@pytest.mark.parametrize("target", [(704, 480), (480, 1280), (240, 352)])
def test_a_path_for_pictures_of_another_aspect_keeps_its_pixels_square(tmp_path: Path, name: str, target: tuple):
    """As a picture is: cut around its centre to the target's aspect, then resized."""
    write_path(make_path("spiral", frames=3), tmp_path / name, 480, 704)
    height, width = target
    fx, fy, cx, cy = read_path(tmp_path / name, target=target).intrinsics.unbind(-1)
    torch.testing.assert_close(fx * width, fy * height)
    scale = max(height / 480, width / 704)
    torch.testing.assert_close(fx * width, make_path("spiral", frames=3).intrinsics[:, 0] * 704 * scale)
    torch.testing.assert_close((cx, cy), (torch.full((3,), 0.5), torch.full((3,), 0.5)))
