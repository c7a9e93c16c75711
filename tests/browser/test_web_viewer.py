"""The stand-alone viewer: ready, in words where it fails, for keyboard, phone and screen reader, alone or in a page."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import browse
from landmarks import landmarks
from PIL import Image
from test_web_lens import CAMERAS, HEIGHT, WIDTH, library_cameras

from flashworld.formats import save, to_uint8
from flashworld.rendering import render

pytestmark = pytest.mark.browser

Seen = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene, the request that it might come from, and its picture: what the scene looks like from a camera."""
    folder = tmp_path_factory.mktemp("viewer")
    save(landmarks(), folder / "room.spz")
    camera = 1
    picture = to_uint8(render(landmarks(), library_cameras()[camera : camera + 1], HEIGHT, WIDTH).colour)[0]
    Image.fromarray(picture).save(folder / "photo.png")
    path = {"cameras": CAMERAS, "height": HEIGHT, "width": WIDTH}
    # Frame 6 of 25 is the second of five cameras.
    (folder / "poses.json").write_text(json.dumps(path | {"image_index": 6, "resolution": [25, 480, 704]}))
    (folder / "text.ply").write_text("Hello, I am no scene.")
    return folder


@pytest.fixture(scope="module")
def seen(folder: Path) -> Seen:
    return browse("viewer.mjs", folder)


def test_no_screen_has_serious_faults_of_accessibility(seen: Seen):
    assert len(seen["troubles"]) >= 11
    assert not {name: faults for name, faults in seen["troubles"].items() if faults}


def test_nothing_is_fetched_from_elsewhere(seen: Seen):
    assert seen["foreign"] == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_world_is_shown_under_a_policy_that_nothing_violates(seen: Seen, theme: str):
    page = seen["answers"]["looks"][theme]
    assert (page["state"], page["ready"], page["theme"]) == ("ready", True, theme)
    assert "4,401 splats" in page["text"]
    assert page["policy"] == []


def test_a_phone_shows_it_in_chinese_without_scrolling(seen: Seen):
    phone = seen["answers"]["looks"]["phone"]
    assert (phone["state"], phone["language"]) == ("ready", "zh")
    assert "高斯点" in phone["text"]
    assert not seen["answers"]["looks"]["overflows"]


@pytest.mark.usefixtures("seen")
def test_the_background_follows_the_theme(folder: Path):
    brightness = [
        np.asarray(Image.open(folder / f"desk-{theme}.png").convert("L"))[:40, -40:].mean()
        for theme in ("dark", "light")
    ]
    assert brightness[0] < 40 < 215 < brightness[1]


def test_photo_and_render_meet_at_the_divider(seen: Seen, folder: Path):
    """The photo is the library's own render, so left and right of the divider the balls fit together."""
    wipe = seen["answers"]["wipe"]
    assert wipe["opened"] == {"pressed": "true", "share": 50}
    assert wipe["stepped"] == 55
    assert wipe["dragged"] == 25
    assert wipe["closed"] == wipe["afterMove"] == "false"
    box = wipe["box"]
    assert box["width"] / box["height"] == pytest.approx(WIDTH / HEIGHT, rel=1e-3)
    left, width, height = (round(box[name]) for name in ("x", "width", "height"))
    photo = Image.open(folder / "photo.png").resize((width, height), Image.Resampling.BICUBIC)
    screen = Image.open(folder / "wipe.png").convert("RGB").crop((left, 0, left + width, height))
    rendered = np.s_[60:400, width // 2 + 25 :]
    ours, theirs = (np.asarray(picture, float)[rendered] for picture in (photo, screen))
    coloured = ours.min(-1) < 60
    assert coloured.sum() > 2000
    assert np.median(np.abs(ours - theirs)[coloured]) < 12


def test_every_tool_has_a_name_and_works_by_keyboard(seen: Seen, folder: Path):
    keyboard = seen["answers"]["keyboard"]
    assert keyboard["names"][0].startswith("The world in 3D")
    assert keyboard["names"][1:8] == [
        "Back to the start", "Fly through", "Compare with the picture", "Speed and field of view",
        "Save a picture of this view", "Full screen", "How to move",
    ]  # fmt: skip
    assert keyboard["mode"] == "Turn around"
    assert keyboard["lens"].endswith("°")
    assert not keyboard["open"]
    saved = np.asarray(Image.open(folder / "world.png").convert("RGB"))
    assert saved.shape[:2] == (520, 800)
    assert len(np.unique(saved.reshape(-1, 3), axis=0)) > 100


def test_without_a_scene_it_invites(seen: Seen):
    empty, chosen = seen["answers"]["states"]["empty"], seen["answers"]["states"]["chosen"]
    assert (empty["state"], empty["ready"]) == ("empty", False)
    assert "Choose a file" in empty["text"]
    assert chosen["state"] == "ready"


def test_failures_are_told_in_words(seen: Seen):
    states = seen["answers"]["states"]
    assert states["missing"]["state"] == states["foreign"]["state"] == states["poses"]["state"] == "error"
    assert "no scene at this address" in states["missing"]["text"]
    assert "这不是可显示的高斯点文件" in states["foreign"]["text"]
    assert "cameras" in states["poses"]["text"]
    assert seen["answers"]["withoutWebGL"]["state"] == "error"
    assert "WebGL 2" in seen["answers"]["withoutWebGL"]["text"]


def test_a_page_around_it_hands_over_bytes_and_is_told_the_state(seen: Seen):
    told = [message["state"] for message in seen["answers"]["embedded"]]
    assert told == ["empty", "loading", "ready", "loading", "error"]
    assert "splat file" in seen["answers"]["embedded"][-1]["message"]
