"""The Space on a simulated ZeroGPU: a fork for each call, everything pickled, killed when its seconds are over."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from space import PATH, ROOT, Guest, Space, await_that, running

from flashworld.apps.gradio.troubles import TROUBLES

pytestmark = pytest.mark.slow

SENTENCES = {trouble.name: trouble.sentence for trouble in TROUBLES}


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpu")
    (folder / "bill").touch()
    return folder / "gpu.json"


@pytest.fixture(scope="module")
def hosted(control: Path) -> Iterator[Space]:
    with running(PYTHONPATH=str(ROOT / "tests/zerogpu"), SIMULATED_GPU=str(control)) as space:
        yield space


@pytest.fixture(autouse=True)
def _rich_gpu(control: Path) -> Iterator[None]:
    yield
    control.unlink(missing_ok=True)


def bill(control: Path) -> list[str]:
    """Who has been served a GPU, one after another."""
    return control.with_name("bill").read_text().split()


def places(space: Space) -> list[Path]:
    return list((space.root / "results").iterdir())


def test_a_call_works_and_nothing_of_it_stays_in_the_parent(hosted: Space):
    ply, message = hosted.scene()
    assert hosted.read(ply).startswith(b"ply\n")
    assert "Gaussians from 3 views" in message
    parent = psutil.Process(hosted.process.pid)
    before = 0
    for call in range(8):
        assert hosted.scene(text_prompt=f"call {call}")[0]
        if call == 2:
            before = parent.memory_info().rss
    assert parent.memory_info().rss - before < 20e6
    assert not parent.children()


@pytest.mark.parametrize("poorer", [{"seconds": 0}, {"news": 1}, {"news": 3}])
def test_a_call_over_its_budget_is_ended_and_explained(hosted: Space, control: Path, poorer: dict[str, int]):
    """Before anything came from it, at its first word, in its midst."""
    kept = len(places(hosted))
    control.write_text(json.dumps(poorer))
    assert hosted.scene() == [None, SENTENCES["GPU budget exceeded"]]
    assert len(places(hosted)) == kept, "the folder of a failed call is removed"
    control.unlink()
    assert hosted.scene()[0]


def test_each_visitor_pays_from_the_own_quota(hosted: Space, control: Path):
    """ZeroGPU knows visitors by a header of their requests: it has to be there where the GPU is asked for."""
    control.write_text(json.dumps({"spent": "anna"}))
    assert hosted.scene(visitor="anna") == [None, SENTENCES["GPU quota used up"]]
    assert hosted.scene(visitor="bert")[0]
    request = {"text_prompt": "a garden", "cameras": json.loads(PATH)["cameras"], "resolution": [3, 64, 96]}
    hosted.call("gradio_generate", json.dumps(request), visitor="clara")
    assert bill(control)[-2:] == ["bert", "clara"]
    dora = Guest(hosted, "dora")
    dora.press_generate()
    with dora.listen() as news:
        assert any(told["msg"] == "process_completed" for told in news)
    assert bill(control)[-1] == "dora"


def test_who_stops_while_waiting_costs_no_gpu(hosted: Space, control: Path):
    """Gradio's own Stop ends what runs; what waits in its queue it would still begin, for nobody."""
    before, kept = bill(control), set(places(hosted))
    first, second, third = (Guest(hosted, name) for name in ("first", "second", "third"))
    for guest in (first, second, third):
        guest.press_generate()
    third.press_stop()
    third.press_stop()
    hosted.scene(visitor="last")
    assert sorted(bill(control)[len(before) :]) == ["first", "last", "second"]
    await_that(lambda: len(set(places(hosted)) - kept) == 3)


@pytest.mark.parametrize("at", ["estimation", "process_starts", "process_generating"])
def test_who_closes_the_page_leaves_nothing_and_holds_nobody_up(hosted: Space, at: str):
    kept = set(places(hosted))
    guest = Guest(hosted, f"leaves at {at}")
    guest.press_generate("704 × 480, wide", 24)
    with guest.listen() as news:
        assert any(told["msg"] == at for told in news)
    await_that(lambda: set(places(hosted)) == kept)
    assert hosted.scene()[0]
    await_that(lambda: len(set(places(hosted)) - kept) == 1)


def test_a_call_without_memory_is_explained(hosted: Space, control: Path):
    control.write_text(json.dumps({"memory": 80_000_000}))  # the pictures of the flight alone are 118 MB
    given = [None, "a garden", PATH, "24x480x704", 1, 0, True]
    kind, (ply, message, *_) = hosted.call("generate_scene_with_options", *given)
    assert (kind, ply, message) == ("complete", None, SENTENCES["Out of memory"])
    control.unlink()
    assert hosted.scene()[0]


def test_a_request_that_is_wrong_costs_no_gpu(hosted: Space, control: Path):
    control.write_text(json.dumps({"seconds": 0}))  # any call would be ended at once
    assert "neither a picture" in hosted.scene(text_prompt="")[1]
    assert "up to 24" in hosted.scene(resolution="25x480x704")[1]


def test_the_published_interface_tells_the_same(hosted: Space, control: Path):
    control.write_text(json.dumps({"seconds": 0}))
    request = {"text_prompt": "a garden", "cameras": json.loads(PATH)["cameras"], "resolution": [3, 64, 96]}
    kind, (answer,) = hosted.call("gradio_generate", json.dumps(request))
    assert kind == "complete"
    assert json.loads(answer) == {"error": SENTENCES["GPU budget exceeded"]}


def test_the_page_says_what_a_click_asks_for(hosted: Space):
    page = httpx.get(hosted.url).text
    assert "of your GPU time" in page
    assert "ZeroGPU" in page
