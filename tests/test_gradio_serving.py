"""From an order to files: one scene at a time in the model, files beside the next one, nothing for who has left."""

import asyncio
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
from space import PATH, SMALL
from starlette.requests import Request as StarletteRequest

from flashworld import load_model
from flashworld.apps.gradio import serving
from flashworld.apps.gradio.order import Maker, Order, take_order
from flashworld.apps.gradio.serving import Finished, Ready, Service, Waiting, serve
from flashworld.apps.gradio.shelf import Shelf, Visitor
from flashworld.apps.gradio.turns import Turns
from flashworld.apps.gradio.visits import Gone, until, visitor_of, while_awaited
from flashworld.apps.gradio.work import Told, work_on
from flashworld.errors import Cancelled
from flashworld.events import Progress
from flashworld.models.model import Model
from flashworld.placement import CPU_PLAN

ANNA, BERT = Visitor("anna", "10.0.0.1"), Visitor("bert", "10.0.0.2")


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("tiny")


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "WAIT_SECONDS", 0.02)


def order_of(model: Model, seed: int = 7) -> Order:
    return take_order(Maker(model), None, "a garden", PATH, SMALL, seed=seed, video=False)


def service_of(model: Model, folder: Path, **changes: Any) -> Service:
    def on_gpu(order: Order, place: str) -> Generator[Told, None, None]:
        yield from work_on(model, order, place)

    return replace(Service(Maker(model), on_gpu, Shelf(folder)), **changes)


def made(service: Service, order: Order, visitor: Visitor = ANNA) -> Finished:
    *_, finished = serve(service, order, visitor)
    assert isinstance(finished, Finished)
    return finished


def spz(finished: Finished) -> bytes:
    return (finished.place.path / "flashworld.spz").read_bytes()


@pytest.mark.slow
def test_one_scene_at_a_time_is_in_the_model(model: Model, tmp_path: Path):
    inside, most = 0, 0
    count = threading.Lock()

    def on_gpu(order: Order, place: str) -> Iterator[Told]:
        nonlocal inside, most
        with count:
            inside, most = inside + 1, max(most, inside + 1)
        try:
            yield from work_on(model, order, place)
        finally:
            with count:
                inside -= 1

    service = service_of(model, tmp_path, on_gpu=on_gpu)
    with ThreadPoolExecutor(3) as pool:
        scenes = list(pool.map(lambda seed: made(service, order_of(model, seed)), range(3)))
    assert most == 1
    assert [scene.scene.record.request.seed for scene in scenes] == [0, 1, 2]


def test_turns_come_in_the_order_of_asking():
    turns = Turns()
    first, impatient, second = turns.ask(), turns.ask(), turns.ask()
    assert [turns.comes(place, 0) for place in (first, impatient, second)] == [True, False, False]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(turns.comes, second, 600)
        turns.leave(impatient)
        assert not turns.comes(second, 0)
        turns.leave(first)
        assert waiting.result()


def test_files_are_written_while_the_next_scene_is_made(model: Model, tmp_path: Path):
    service = service_of(model, tmp_path)
    with (
        closing(serve(service, order_of(model), ANNA)) as first,
        closing(serve(service, order_of(model), BERT)) as next_one,
    ):
        assert isinstance(next(first), Progress)
        assert next(next_one) == Waiting()
        while not isinstance(next(first), Ready):
            pass
        assert isinstance(next(next_one), Progress)


@pytest.mark.slow
def test_who_leaves_hands_on_the_turn_and_leaves_nothing(model: Model, tmp_path: Path):
    service = service_of(model, tmp_path)
    with closing(serve(service, order_of(model), ANNA)) as left:
        while next(left) != Progress("denoise", 1, len(model.config.denoising_steps)):
            pass
        with closing(serve(service, order_of(model), BERT)) as tired:
            assert next(tired) == Waiting()
    assert not list((tmp_path / "results").iterdir())
    undisturbed = made(service_of(model, tmp_path / "alone"), order_of(model))
    assert spz(made(service, order_of(model))) == spz(undisturbed)


def test_a_failure_hands_on_the_turn(model: Model, tmp_path: Path):
    def on_gpu(_order: Order, _place: str) -> Iterator[Told]:
        raise RuntimeError("CUDA out of memory")
        yield

    service = service_of(model, tmp_path, on_gpu=on_gpu)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            list(serve(service, order_of(model), ANNA))
    assert not list((tmp_path / "results").iterdir())


def test_an_offloaded_text_encoder_reads_before_the_gpu_is_asked_for(model: Model, tmp_path: Path):
    """What forks per call must not read gigabytes of an encoder in each; the scene is the same."""

    def missing(_prompts: list[str]) -> torch.Tensor:
        raise AssertionError("the GPU's part asked the text encoder")

    def on_gpu(order: Order, place: str) -> Iterator[Told]:
        yield from work_on(replace(model, text_encoder=missing), order, place)

    maker = Maker(model, replace(CPU_PLAN, text_encoder="host"))
    offloaded = made(service_of(model, tmp_path, on_gpu=on_gpu, maker=maker), order_of(model))
    assert spz(offloaded) == spz(made(service_of(model, tmp_path / "other"), order_of(model)))
    assert not list(offloaded.place.path.glob("*.safetensors"))


def test_a_call_that_is_cancelled_gives_the_scene_up(model: Model, tmp_path: Path):
    service = service_of(model, tmp_path)
    ended = threading.Event()

    def work(gone: Gone) -> None:
        try:
            for news in until(gone, serve(service, order_of(model), ANNA)):
                if news == Progress("denoise", 1, len(model.config.denoising_steps)):
                    asyncio.run_coroutine_threadsafe(cancel(), loop).result()
        except Cancelled:
            ended.set()

    async def cancel() -> None:
        call.cancel()
        await asyncio.wait([call])

    async def whole() -> None:
        nonlocal loop, call
        loop = asyncio.get_running_loop()
        call = asyncio.create_task(while_awaited(work))
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(ended.wait, 60)

    loop: asyncio.AbstractEventLoop
    call: asyncio.Task[None]
    asyncio.run(whole())
    assert not list((tmp_path / "results").iterdir())
    assert service.turns.comes(service.turns.ask(), seconds=0)


@pytest.mark.parametrize(
    ("on_a_space", "forwarded", "address"),
    [
        (False, None, "10.0.0.9"),
        (False, "1.2.3.4", "10.0.0.9"),  # anybody may write this
        (True, "1.2.3.4, 5.6.7.8", "5.6.7.8"),  # what the proxy adds comes last
        (True, None, "10.0.0.9"),
    ],
)
def test_an_address_is_believed_from_who_knows_it(
    monkeypatch: pytest.MonkeyPatch, on_a_space: bool, forwarded: str | None, address: str
):
    monkeypatch.delenv("SPACE_ID", raising=False)
    if on_a_space:
        monkeypatch.setenv("SPACE_ID", "someone/FlashWorld")
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    inner = StarletteRequest({"type": "http", "headers": headers, "client": ("10.0.0.9", 5000)})
    assert visitor_of(gr.Request(inner, session_hash="anna")) == Visitor("anna", address)
    assert visitor_of(None).session
