"""The Space's page in a real browser: from the click to visible splats, a playing video and files.

Needs node, `npm ci` in tests/node, and a chromium; the marker `browser` selects it.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from browsing import browse
from PIL import Image
from space import ROOT, Space, await_that, running

from flashworld.formats import inspect
from flashworld.generation import read_record

pytestmark = pytest.mark.browser

PICTURE = ROOT / "examples/pictures/valley.jpg"


@pytest.fixture(scope="module")
def space() -> Iterator[Space]:
    with running() as space:
        yield space


def visit(space: Space, folder: Path, **wishes: Any) -> dict[str, Any]:
    """Go to the page with a browser, and come back with what it tells."""
    usual = {"width": 1200, "height": 900, "frames": 4, "size": "352 × 256", "seed": 7}
    try:
        return browse("gradio.mjs", folder, url=space.url, **(usual | wishes))
    except AssertionError as failed:
        raise AssertionError(f"{failed}\nThe Space had said:\n{space.log.read_text()[-2000:]}") from None


LIGHTHOUSE = json.loads((ROOT / "examples/requests/lighthouse.json").read_text())["text_prompt"]


@pytest.mark.parametrize(
    ("wishes", "prompt"),
    [
        ({"picture": str(PICTURE)}, ""),
        ({"prompt": "a quiet garden"}, "a quiet garden"),
        ({"example": "lighthouse"}, LIGHTHOUSE),  # a picture and a sentence
    ],
    ids=["picture", "sentence", "example"],
)
def test_from_the_click_to_splats_video_and_files(space: Space, tmp_path: Path, wishes: dict[str, str], prompt: str):
    told = visit(space, tmp_path, **wishes)
    assert told["errors"] == []
    assert told["status"].startswith("Done.")
    assert any(stage.startswith(("Imagining the scene", "Filming the flight")) for stage in told["stages"])
    assert told["video"] == {"width": 352, "height": 256}, "and it plays, or nothing would be told"
    ply, spz = inspect(tmp_path / told["files"]["ply"]), inspect(tmp_path / told["files"]["spz"])
    assert ply.num_gaussians == spz.num_gaussians > 1000
    assert f"{ply.num_gaussians:,} splats" == told["splats"]
    request = read_record((tmp_path / told["files"]["record"]).read_bytes()).request
    assert (request.text_prompt, bool(request.image_prompt)) == (prompt, "prompt" not in wishes)
    ours = middle(first_frame(space, ply.num_gaussians))
    theirs = middle(Image.open(tmp_path / "view.png"))
    assert decibels(ours, theirs) > 33
    for wrong in (theirs[::-1], theirs[:, ::-1]):
        assert decibels(ours, wrong) < decibels(ours, theirs) - 3  # words alone make soft pictures


@pytest.mark.parametrize("dark", [False, True])
def test_a_fault_is_told_on_a_page_that_can_be_read(space: Space, tmp_path: Path, dark: bool):
    told = visit(space, tmp_path, fails=True, dark=dark)
    assert "neither a picture" in told["status"]
    assert told["pale"] == []


def test_stop_ends_the_work(space: Space, tmp_path: Path):
    kept = set((space.root / "results").iterdir())
    told = visit(space, tmp_path, stops=True, prompt="a garden", size="704 × 480", frames=24)
    assert told["status"] == "Stopped. Nothing of this scene was kept."
    await_that(lambda: set((space.root / "results").iterdir()) <= kept)


def first_frame(space: Space, num_gaussians: int) -> Image.Image:
    """The first picture of the newest flight."""
    newest = max((space.root / "results").glob("*/flight.mp4"), key=lambda file: file.stat().st_mtime)
    assert inspect(newest.with_name("flashworld.ply")).num_gaussians == num_gaussians
    with av.open(str(newest)) as container:
        return next(container.decode(video=0)).to_image()


def middle(picture: Image.Image) -> np.ndarray:
    """The middle of a picture that is shown over its whole height: what every window has of it, without corners."""
    width = picture.height
    left = (picture.width - width) / 2
    inset = 0.05 * width
    box = (left + inset, inset, left + width - inset, picture.height - inset)
    return np.asarray(picture.convert("RGB").resize((230, 230), Image.Resampling.BILINEAR, box))


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two pictures of bytes."""
    return float(10 * np.log10(255**2 / np.square(one.astype(float) - other).mean()))
