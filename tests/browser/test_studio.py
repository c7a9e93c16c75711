"""The studio in a real browser, with the real server and the tiny model: from a path to files, and by keyboard alone.

Needs node, `npm ci` in tests/node, and a chromium; the marker `browser` selects it. Screenshots stay in the folder of
pytest.
"""

import socket
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from browsing import ROOT, browse
from PIL import Image
from studio import command, running

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
    assert 0 <= int(seen["diced"]) < 2**32
    assert seen["added"] >= 2
    assert seen["hidden"] == 0, "the overview has every key frame in the view"
    the_world_grows(seen["sights"], tmp_path)
    assert seen["flown"] > 0.01
    assert seen["frame"] == 5
    assert seen["played"]
    assert seen["linesOverPicture"] == [0, 0], "the path is not in the way of what is compared"
    assert seen["linesAfterwards"] > 0
    assert seen["draftKept"]
    assert seen["pictureKept"]
    assert seen["found"]
    assert seen["fits"]
    assert seen["toolRows"] == 1, "the tools of a phone's view leave it room"
    ply, spz, mp4 = (tmp_path / next(n for n in seen["downloads"] if n.endswith(s)) for s in (".ply", ".spz", ".mp4"))
    assert len(load(ply)) == len(load(spz)) > 1000
    with av.open(str(mp4), "r") as video:
        frame = next(video.decode(video=0))
    assert (frame.width, frame.height) == (SIZE["width"], SIZE["height"])


def the_world_grows(sights: list[dict[str, Any]], folder: Path) -> None:
    """Each step's world takes the place of the last in the view, and the page says which it is."""
    *steps, world = (sight["shows"] for sight in sights)
    # A page that is slow to hear of its job joins late; and what is told last may be told with the finished world.
    assert steps == list(range(steps[0], steps[-1] + 1))
    assert world == "world"
    assert [sight["told"] for sight in sights[:-1]] == [f"You see it after step {step + 1} of 4." for step in steps]
    assert all(sight["splats"] > 1000 for sight in sights)
    pictures = [np.asarray(Image.open(folder / f"seen-{sight['shows']}.png").convert("L"), float) for sight in sights]
    changes = [np.abs(after - before).mean() for before, after in pairwise(pictures)]
    assert all(change > 0.5 for change in changes[:-1]), "the view shows another world than before"
    # A world that is light already is its own last preview.
    assert changes[-1] > 0.2 or sights[-1]["splats"] == sights[-2]["splats"]


def test_the_main_flow_by_keyboard_alone_and_without_barriers(address: str, tmp_path: Path):
    seen = browse("studio_keyboard.mjs", tmp_path, url=address)
    assert seen["errors"] == []
    assert seen["keys"] >= 3
    assert seen["finished"]
    assert seen["opened"]
    for theme, faults in seen["barriers"].items():
        assert faults == [], theme


def test_an_open_page_outlives_the_death_of_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(ROOT)
    with socket.create_server(("127.0.0.1", 0)) as place:
        port = place.getsockname()[1]
    again = command(tmp_path / "jobs", port)
    seen = browse("studio_restart.mjs", tmp_path, command=again, port=port, size=SIZE)
    assert seen["errors"] == []
    assert "No connection" in seen["lost"]
    assert "Interrupted" in seen["told"]
    assert seen["completed"]
