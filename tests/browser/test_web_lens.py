"""The browser sees what the library renders: same intrinsics, same places of corners, same colours."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browsing import browse
from landmarks import landmarks
from pattern import board, centroid, visible_corners
from PIL import Image

from flashworld.cameras import Cameras, cast_rays
from flashworld.formats import save, to_uint8
from flashworld.gaussians import Gaussians
from flashworld.rendering import render

pytestmark = pytest.mark.browser

HEIGHT, WIDTH = 240, 352
CAMERAS = [
    # straight on; off-centre, fx != fy; turned and leaning; long lens from behind; a quaternion of any length and sign
    {"quaternion": [1, 0, 0, 0], "position": [0, 0, 5], "fx": 300, "fy": 300, "cx": 176, "cy": 120},
    {"quaternion": [1, 0, 0, 0], "position": [0.3, 0, 5], "fx": 260, "fy": 330, "cx": 220, "cy": 90},
    {"quaternion": [0.9, 0.1, 0.3, -0.1], "position": [2.5, -1, 3], "fx": 240, "fy": 200, "cx": 130, "cy": 160},
    {"quaternion": [0, 0, 1, 0], "position": [0, 0.5, -9], "fx": 700, "fy": 640, "cx": 190, "cy": 140},
    {"quaternion": [-5, 0.5, 1.5, 0], "position": [-1.5, 0.8, 4], "fx": 280, "fy": 280, "cx": 176, "cy": 120},
]  # fmt: skip


def library_cameras() -> Cameras:
    """The same cameras in the library's terms."""
    quaternions = torch.nn.functional.normalize(torch.tensor([c["quaternion"] for c in CAMERAS], dtype=torch.float32))
    positions = torch.tensor([c["position"] for c in CAMERAS], dtype=torch.float32)
    intrinsics = [[c["fx"] / WIDTH, c["fy"] / HEIGHT, c["cx"] / WIDTH, c["cy"] / HEIGHT] for c in CAMERAS]
    return Cameras(quaternions, positions, torch.tensor(intrinsics))


@dataclasses.dataclass(frozen=True)
class Seen:
    """What one run of the browser brought back, and the rays through the points that it was asked about."""

    answer: dict[str, Any]
    folder: Path
    pixels: torch.Tensor

    def picture(self, name: str) -> np.ndarray:
        return np.asarray(Image.open(self.folder / name).convert("RGB"))


def run(scene: Gaussians, folder: Path) -> Seen:
    """Asks for the pixels of points that lie, at random depths, on the library's own rays through pixel centres."""
    save(scene, folder / "scene.ply")
    origins, directions = cast_rays(library_cameras(), HEIGHT, WIDTH)
    rows, columns = torch.meshgrid(torch.arange(0, HEIGHT, 37), torch.arange(0, WIDTH, 41), indexing="ij")
    depths = 0.5 + 9 * torch.rand(rows.shape, generator=torch.Generator().manual_seed(3))
    points = origins[:, rows, columns] + depths[..., None] * directions[:, rows, columns]
    wanted = {"scene": "scene.ply", "cameras": CAMERAS, "width": WIDTH, "height": HEIGHT}
    answer = browse("lens.mjs", folder, points=points.flatten(1, 2).tolist(), **wanted)
    return Seen(answer, folder, torch.stack([columns, rows], dim=-1).reshape(-1, 2) + 0.5)


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return run(board(), tmp_path_factory.mktemp("board"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return run(landmarks(), tmp_path_factory.mktemp("landmarks"))


def test_the_projection_takes_points_of_a_ray_to_the_rays_pixel(pattern: Seen):
    for pixels in pattern.answer["byProjection"]:
        np.testing.assert_allclose(pixels, pattern.pixels, atol=5e-3)


def test_a_view_through_a_camera_shows_its_picture_in_the_middle(pattern: Seen):
    for pixels, (left, top, width, height) in zip(pattern.answer["inView"], pattern.answer["rects"], strict=True):
        assert (top, height) == (0, 300)
        assert width / height == pytest.approx(WIDTH / HEIGHT)
        assert left == pytest.approx((700 - width) / 2)
        inner = (np.array(pixels) - (left, top)) * WIDTH / width
        np.testing.assert_allclose(inner, pattern.pixels, atol=2e-2)


@pytest.mark.parametrize("index", range(len(CAMERAS)))
def test_corners_of_a_pattern_are_where_the_library_renders_them(pattern: Seen, index: int):
    """Within a quarter of a pixel; the issue asks for one."""
    theirs = pattern.picture(f"from-{index}.png")
    ours = to_uint8(render(board(), library_cameras()[index : index + 1], HEIGHT, WIDTH).colour)[0]
    found = 0
    for corner in visible_corners(library_cameras(), index, HEIGHT, WIDTH):
        place, expected = centroid(theirs, corner), centroid(ours, corner)
        assert math.dist(place, expected) < 0.25
        assert math.dist(place, corner) < 0.5
        found += 1
    assert found >= 15


@pytest.mark.parametrize("index", range(len(CAMERAS)))
def test_renders_equal_the_librarys(world: Seen, index: int):
    """Measured at 55 to 57 dB, no pixel off by more than 5 of 255; a wrong kernel or blending is below 40 dB."""
    ours = to_uint8(render(landmarks(), library_cameras()[index : index + 1], HEIGHT, WIDTH).colour)[0].astype(float)
    theirs = world.picture(f"from-{index}.png").astype(float)
    assert 10 * np.log10(255**2 / np.square(ours - theirs).mean()) > 48
    assert np.abs(ours - theirs).max() < 16


@pytest.mark.parametrize("index", range(len(CAMERAS)))
def test_the_view_itself_draws_the_corners_there_too(pattern: Seen, index: int):
    left, top, width, _ = pattern.answer["rects"][index]
    scale = width / WIDTH
    picture = pattern.picture(f"through-{index}.png")
    for corner in visible_corners(library_cameras(), index, HEIGHT, WIDTH):
        place = (left + scale * corner[0], top + scale * corner[1])
        assert math.dist(centroid(picture, place, radius=7), place) < 1
