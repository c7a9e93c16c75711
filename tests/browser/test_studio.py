"""The studio in a real browser, with the real server and the tiny model: from a path to files, and by keyboard alone.

Needs node, `npm ci` in tests/node, and a chromium; the marker `browser` selects it. Screenshots stay in the folder of
pytest.
"""

from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from browsing import ROOT, browse
from studio import running

from flashworld.formats import load

pytestmark = pytest.mark.browser

PHOTO = ROOT / "examples/pictures/living-room.jpg"
SIZE = {"width": 128, "height": 96}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a studio of the tiny model listens."""
    with running(tmp_path_factory.mktemp("jobs")) as url:
        yield url


def test_from_a_recorded_path_to_files(address: str, tmp_path: Path):
    seen = browse("studio.mjs", tmp_path, url=address, photo=str(PHOTO), size=SIZE, exact=True, scale=0.4)
    assert seen["errors"] == []
    assert seen["recorded"] == 5
    assert seen["travelled"] > 0.1
    assert seen["dragged"] == 1
    assert seen["closed"]
    assert seen["templates"] == 16
    assert seen["added"] >= 2
    assert seen["overseen"] == 6 + seen["added"], "the overview has every key frame in the view"
    assert seen["steps"] == [0, 1, 2, 3, "world"], "the world grows in the view, step by step"
    assert seen["splats"] > 1000
    assert seen["flown"] > 0.01
    assert seen["frame"] == 5
    assert seen["played"]
    assert seen["draftKept"]
    assert seen["pictureKept"]
    assert seen["found"]
    assert seen["fits"]
    ply, spz, mp4 = (tmp_path / next(n for n in seen["downloads"] if n.endswith(s)) for s in (".ply", ".spz", ".mp4"))
    assert len(load(ply)) == len(load(spz)) > 1000
    with av.open(str(mp4), "r") as video:
        frame = next(video.decode(video=0))
    assert (frame.width, frame.height) == (SIZE["width"], SIZE["height"])


def test_the_main_flow_by_keyboard_alone_and_without_barriers(address: str, tmp_path: Path):
    seen = browse("studio_keyboard.mjs", tmp_path, url=address)
    assert seen["errors"] == []
    assert seen["keys"] >= 3
    assert seen["finished"]
    assert seen["opened"]
    for theme, faults in seen["barriers"].items():
        assert faults == [], theme
