"""Our files in Spark (three.js) in a real browser: upright, in the right colours, from several sides.

Needs node, `npm ci` in tests/node, and a chromium; the marker `browser` selects it. Pictures stay in pytest's folder.
"""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from browsing import browse
from landmarks import around, landmarks, turncoat
from PIL import Image

from flashworld.cameras import Cameras
from flashworld.formats import save, to_uint8
from flashworld.gaussians import Gaussians
from flashworld.rendering import render

pytestmark = pytest.mark.browser

SIDE = 256


@dataclass(frozen=True)
class View:
    """One scene from one side; the file's name tells its format."""

    scene: Gaussians
    file: str
    yaw_degrees: float
    distance: float

    @property
    def camera(self) -> Cameras:
        return around(self.yaw_degrees, self.distance)


VIEWS = {
    "landmarks ply": View(landmarks(), "landmarks.ply", 0, 5),
    "landmarks spz": View(landmarks(), "landmarks.spz", 0, 5),
    "landmarks from the right, spz": View(landmarks(), "landmarks.spz", 70, 5),
    "turncoat front ply": View(turncoat(), "turncoat.ply", 0, 3),
    "turncoat right ply": View(turncoat(), "turncoat.ply", 90, 3),
    "turncoat back ply": View(turncoat(), "turncoat.ply", 180, 3),
    "turncoat right spz": View(turncoat(), "turncoat.spz", 90, 3),
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What Spark draws of every view, [height, width, 3] bytes."""
    folder = tmp_path_factory.mktemp("spark")
    views = []
    for number, view in enumerate(VIEWS.values()):
        save(view.scene, folder / view.file)
        w, x, y, z = view.camera.quaternions[0].tolist()
        views.append(
            {
                "scene": view.file,
                "turn": view.file.endswith(".ply"),
                "picture": f"{number}.png",
                "width": SIDE,
                "height": SIDE,
                "position": view.camera.positions[0].tolist(),
                "quaternion": [x, y, z, w],
                "fovDegrees": math.degrees(2 * math.atan(0.5)),
            }
        )
    browse("spark.mjs", folder, views=views)
    pictures = [np.asarray(Image.open(folder / view["picture"]).convert("RGB")) for view in views]
    return dict(zip(VIEWS, pictures, strict=True))


@pytest.mark.parametrize("name", VIEWS)
def test_spark_draws_what_we_draw(shown: dict[str, np.ndarray], name: str):
    """At 40 to 45 dB, the rest being Spark's half floats; a flipped, mirrored or miscoloured scene is below 18 dB."""
    view = VIEWS[name]
    ours = to_uint8(render(view.scene, view.camera, SIDE, SIDE).colour)[0]
    theirs = shown[name]
    assert decibels(ours, theirs) > 37
    for wrong in (theirs[::-1], theirs[:, ::-1], theirs[..., ::-1]):
        assert "turncoat" in name or decibels(ours, wrong) < 18


@pytest.mark.parametrize("name", ["landmarks ply", "landmarks spz"])
def test_landmarks_are_where_they_belong(shown: dict[str, np.ndarray], name: str):
    """Places and colours known without any renderer: x right, y up, 51.2 pixels a unit in the plane of the origin."""
    pixel = {"red": (61, 128), "green": (195, 128), "blue": (128, 67), "letter": (116, 140), "none": (140, 150)}
    expected = {
        "red": (230, 26, 26), "green": (26, 179, 26), "blue": (26, 26, 230), "letter": (13, 13, 13), "none": (255,) * 3,
    }  # fmt: skip
    for mark, (x, y) in pixel.items():
        np.testing.assert_allclose(shown[name][y, x].astype(int), expected[mark], atol=12, err_msg=mark)


def test_colour_depends_on_the_side(shown: dict[str, np.ndarray]):
    red, _, blue = np.moveaxis(np.stack([shown[f"turncoat {side} ply"] for side in ("front", "right", "back")]), -1, 0)
    middle = red[:, 128, 128].astype(int) - blue[:, 128, 128]
    assert middle[0] < -60
    assert middle[1] > 60
    assert middle[2] < -60
    brightness = [shown[f"turncoat {side} ply"][128, 128].sum(dtype=int) for side in ("front", "back")]
    assert brightness[0] > brightness[1] + 60


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two pictures of bytes."""
    return float(10 * np.log10(255**2 / np.square(one.astype(float) - other).mean()))
