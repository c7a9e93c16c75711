"""The view under the hands of a person: motion, worlds that follow one another, files that are none, linked cameras."""

import gzip
import math
import struct
from typing import Any

import numpy as np
import pytest
from browsing import browse
from landmarks import blob, coloured

from flashworld.formats import save

pytestmark = pytest.mark.browser

Told = dict[str, Any]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("motion")
    save(blob((0.0, 0.0, -4.0), 1.0, coloured((0.9, 0.1, 0.1), 800)), folder / "red.ply")
    save(blob((0.0, 0.0, -4.0), 1.0, coloured((0.1, 0.7, 0.1), 800)), folder / "green.ply")
    save(blob((0.0, 0.0, -4.0), 1.0, coloured((0.1, 0.7, 0.1), 800)), folder / "whole.spz")
    (folder / "text.ply").write_text("Hello, I am no scene.")
    (folder / "empty.ply").write_bytes(b"")
    (folder / "cut.ply").write_bytes((folder / "red.ply").read_bytes()[:5000])
    (folder / "cut.spz").write_bytes((folder / "whole.spz").read_bytes()[:500])
    header = (folder / "red.ply").read_bytes().partition(b"end_header\n")[0].replace(b"vertex 800", b"vertex 0")
    (folder / "nothing.ply").write_bytes(header + b"end_header\n")
    # Four thousand million splats are promised; the reader panics when it asks for the memory.
    promise = struct.pack("<IIIBBBB", 0x5053474E, 3, 4_000_000_000, 2, 12, 0, 0)
    (folder / "huge.spz").write_bytes(gzip.compress(promise + bytes(1000)))
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    return browse("motion.mjs", folder)


def ahead(pose: Told) -> np.ndarray:
    """The direction in which a pose looks."""
    w, x, y, z = pose["quaternion"]
    return -np.array([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)])


def yaw_degrees(pose: Told) -> float:
    x, _, z = ahead(pose)
    return math.degrees(math.atan2(x, -z))


def test_a_view_starts_at_its_home(told: Told):
    assert told["mouse"]["start"]["position"] == [0, 0, 0]
    assert told["mouse"]["start"]["quaternion"] == [1, 0, 0, 0]


def test_dragging_an_orbit_takes_the_scene_along(told: Told):
    """50 of 200 pixels are a quarter of half a turn, to the left around the ball."""
    pose = told["mouse"]["orbited"]
    assert yaw_degrees(pose) == pytest.approx(45, abs=0.1)
    pivot = np.array(pose["position"]) + ahead(pose) * math.hypot(pose["position"][0], pose["position"][2] + 4)
    assert pose["position"][0] < -1
    np.testing.assert_allclose(pivot, [0, 0, -4], atol=0.6)


def test_dragging_a_flight_turns_the_head(told: Told):
    pose = told["mouse"]["looked"]
    assert pose["position"] == pytest.approx([0, 0, 0], abs=1e-6)
    assert yaw_degrees(pose) == pytest.approx(55 * 50 / 200, abs=0.1)


def test_sliding_and_wheel(told: Told):
    x, y, z = told["mouse"]["slid"]["position"]
    assert x < -0.5
    assert (y, z) == pytest.approx((0, 0), abs=1e-6)
    assert -3 < told["mouse"]["nearer"]["position"][2] < -0.5


def test_nobody_turns_over_the_poles(told: Told):
    assert 0.98 < abs(ahead(told["mouse"]["steepest"])[1]) < 0.9999


def test_disabled_controls_do_nothing(told: Told):
    assert told["mouse"]["disabled"] == told["mouse"]["start"]


def test_keys_act_only_where_the_focus_is(told: Told):
    assert told["keys"]["unfocused"]["position"] == [0, 0, 0]


@pytest.mark.parametrize(
    ("key", "direction"),
    [
        ("KeyW", [0, 0, -1]), ("KeyS", [0, 0, 1]), ("KeyA", [-1, 0, 0]),
        ("KeyD", [1, 0, 0]), ("KeyR", [0, 1, 0]), ("KeyF", [0, -1, 0]),
    ],
)  # fmt: skip
def test_keys_move_along_the_cameras_axes(told: Told, key: str, direction: list[int]):
    position = np.array(told["keys"][key]["position"])
    distance = np.linalg.norm(position)
    assert distance > 0.1
    np.testing.assert_allclose(position / distance, direction, atol=1e-6)


def test_keys_turn_and_roll(told: Told):
    keys = told["keys"]
    assert yaw_degrees(keys["ArrowLeft"]) < -20 * keys["ArrowLeft"]["seconds"]
    assert ahead(keys["ArrowUp"])[1] > 0.3 * keys["ArrowUp"]["seconds"]
    assert keys["KeyQ"]["quaternion"][3] > 0.2 * keys["KeyQ"]["seconds"]
    assert keys["KeyE"]["quaternion"][3] < -0.2 * keys["KeyE"]["seconds"]


def test_shift_is_faster(told: Told):
    usual, fast = (told["keys"][key]["position"][2] / told["keys"][key]["seconds"] for key in ("KeyW", "fast"))
    assert fast / usual == pytest.approx(3, rel=0.4)


def test_fingers_turn_and_pinch(told: Told):
    assert yaw_degrees(told["touch"]["orbited"]) == pytest.approx(45, abs=12)
    assert told["touch"]["pinched"]["position"][2] < -1
    assert told["touch"]["pinched"]["position"][0] == pytest.approx(0, abs=0.3)


def test_a_flight_begins_here_and_ends_there(told: Told):
    flights = told["flights"]
    assert flights["begun"]["position"] == [0, 0, 0]
    for name in ("position", "quaternion", "fovY"):
        assert flights["arrived"][name] == pytest.approx(flights["goal"][name])
    assert len(flights["places"]) > 3
    assert flights["places"] == sorted(flights["places"])
    assert flights["home"]["position"] == [0, 0, 0]


def test_a_world_replaces_another_without_a_flash(told: Told):
    """In every frame the middle of the screen is covered by one of the two balls, first red, then green."""
    growth = told["growth"]
    frames = np.array(growth["frames"])
    assert growth["shown"]
    assert growth["stayed"]
    assert len(frames) > 5
    assert frames[:, 3].min() > 250
    red, green = frames[:, 0] > 180, frames[:, 1] > 140
    assert red[0]
    assert green[-1]
    assert (red ^ green).all()
    assert not (red[1:] & green[:-1]).any()


def test_a_world_is_there_when_it_is_said_to_be(told: Told):
    red, green, _, _ = told["haste"]["middle"]
    assert green > 140 > red


def test_the_last_of_two_worlds_wins(told: Told):
    assert told["growth"]["overtaken"] == [False, True]


def test_a_fading_picture_comes_and_goes(told: Told):
    """The script waits for its end."""
    growth = told["growth"]
    assert growth["veils"] == 1
    assert growth["after"]["splats"] == 800
    assert growth["cleared"] == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.ply", "missing"), ("text.ply", "foreign"), ("picture.png", "foreign"), ("empty.ply", "empty"),
        ("nothing.ply", "empty"), ("cut.ply", "damaged"), ("cut.spz", "damaged"), ("huge.spz", "damaged"),
    ],
)  # fmt: skip
def test_files_that_are_no_scenes_are_told_apart(told: Told, name: str, reason: str):
    found, message = told["errors"]["reasons"][name]
    assert (found, message.endswith(".") or reason == "damaged") == (reason, True)


def test_a_bad_file_spoils_neither_the_world_that_was_there_nor_the_next(told: Told):
    assert told["errors"]["kept"] == 800
    assert told["errors"]["recovered"] is True


def test_linked_views_look_from_one_place(told: Told):
    links = told["links"]
    for name in ("followed", "led"):
        one, other = links[name]
        assert one == other
    assert links["followed"][0]["position"] == [0.5, 0.1, 0]
    assert links["led"][0]["fovY"] == pytest.approx(0.9)
    assert links["free"][0] != links["free"][1]


def test_a_view_that_is_put_away_leaves_nothing_and_complains_of_nothing(told: Told):
    assert told["links"]["canvases"] == 1
    assert told["links"]["lost"] is False
    assert told["links"]["unheard"] == [], "it waits until nothing is read from the graphics card any more"


def test_a_gamepad_moves_and_turns(told: Told):
    moved, turned = told["gamepad"]["moved"], told["gamepad"]["turned"]
    assert moved["position"][2] < -0.05
    assert moved["position"][:2] == pytest.approx([0, 0], abs=1e-6)
    assert yaw_degrees(turned) > 1
    assert turned["position"] == pytest.approx(moved["position"], abs=1e-3)
