"""From an order to files on the shelf: the GPU call, then everything that needs no GPU, told as it happens."""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from PIL import Image

from flashworld.apps.gradio.order import Maker, Order
from flashworld.apps.gradio.shelf import Place, Shelf, Visitor
from flashworld.apps.gradio.troubles import WorkFailed
from flashworld.apps.gradio.turns import Turns
from flashworld.apps.gradio.work import FLIGHT, SCENE, WORDS, Failed, Told, flight_of, read_words, take_over
from flashworld.cameras import to_path
from flashworld.events import Progress
from flashworld.formats.video import write_video
from flashworld.generation import Record, Scene
from flashworld.request import decode_picture, fit, sample

OnGpu = Callable[[Order, str], Generator[Told, None, None]]

VIDEO_FPS = 24

AT_ONCE = 2
"""Scenes in work: while the files of one are written, the next one has the GPU."""

WAIT_SECONDS = 1.0
"""How long a visitor whose turn it is not yet hears nothing, and so cannot leave."""


@dataclass(frozen=True)
class Waiting:
    """Another scene has the model."""


@dataclass(frozen=True)
class Ready:
    """A file of the result is there: `kind` is record, poses, picture, spz, ply or mp4."""

    kind: str
    path: Path


@dataclass(frozen=True)
class Finished:
    """Everything is there. `gpu_seconds` passed in the GPU call, `file_seconds` after it."""

    place: Place
    scene: Scene
    gaussians_written: int
    gpu_seconds: float
    file_seconds: float


@dataclass(frozen=True)
class Service:
    """What all doors of the Space share: who makes scenes, the GPU call, and the shelf of results.

    The model's networks take one scene at a time, and a visitor who has pressed Stop is in them until the next piece of
    news: hence `turns`.
    """

    maker: Maker
    on_gpu: OnGpu
    shelf: Shelf
    turns: Turns = field(default_factory=Turns)


News = Waiting | Progress | Ready | Finished


def serve(service: Service, order: Order, visitor: Visitor) -> Generator[News, None, None]:
    """Make an order; tell its progress, each file when it is there, and the end. Closing the iterator stops the work.

    Raises:
        WorkFailed: The GPU's part told of a failure.
        FlashWorldError: The disk is full.
    """
    place = service.shelf.open(visitor)
    done = False
    try:
        record, gpu_seconds = yield from _in_turn(service, order, place.path)
        started = perf_counter()
        scene = take_over(place.path, order, record)
        written = yield from _write(scene, order, place.path)
        for passing in (WORDS, SCENE, FLIGHT):
            (place.path / passing).unlink(missing_ok=True)
        done = True
        service.shelf.close(place, keep=True)
        yield Finished(place, scene, written, gpu_seconds, perf_counter() - started)
    finally:
        if not done:
            service.shelf.close(place, keep=False)


def _in_turn(service: Service, order: Order, folder: Path) -> Generator[Waiting | Progress, None, tuple[Record, float]]:
    """The part that needs the model, alone with it; the scene's record, and how many seconds the GPU call took."""
    place = service.turns.ask()
    try:
        while not service.turns.comes(place, WAIT_SECONDS):
            yield Waiting()
        yield Progress("text", 0, 1)
        if service.maker.plan.text_encoder == "host":
            # Here, not in the GPU call: no GPU waits, and no fork of ours reads the encoder's gigabytes again.
            read_words(service.maker.model, order, str(folder))
        started = perf_counter()
        record = yield from _on_gpu(service, order, folder)
        return record, perf_counter() - started
    finally:
        service.turns.leave(place)


def _on_gpu(service: Service, order: Order, folder: Path) -> Generator[Progress, None, Record]:
    record = None
    with closing(service.on_gpu(order, str(folder))) as told:
        for news in told:
            if isinstance(news, Progress):
                yield news
            elif isinstance(news, Failed):
                raise WorkFailed(news)
            else:
                record = news.record
    if record is None:
        raise WorkFailed(Failed("GPU task aborted", "the GPU's part ended without a scene"))
    return record


def _write(scene: Scene, order: Order, folder: Path) -> Iterator[Progress | Ready]:
    """The files, those that show something first; the number of Gaussians is what the generator returns."""
    scene.record.save(folder / "record.json")
    yield Ready("record", folder / "record.json")
    yield from _tell_views(scene, order, folder)
    written = 0
    for number, kind in enumerate(("spz", "ply")):
        yield Progress("write", number, 2)
        written = scene.save(folder / f"flashworld.{kind}")
        yield Ready(kind, folder / f"flashworld.{kind}")
    if order.video:
        yield Progress("encode", 0, 1)
        pictures = flight_of(folder)
        write_video(folder / "flight.mp4", pictures, VIDEO_FPS, len(pictures))
        yield Ready("mp4", folder / "flight.mp4")
    return written


def _tell_views(scene: Scene, order: Order, folder: Path) -> Iterator[Ready]:
    """For the 3D view: the path's cameras, and the picture as the camera saw it that it was given to."""
    path = to_path(scene.cameras, scene.height, scene.width).model_dump()
    facts = {"resolution": order.request.resolution, "image_index": order.request.image_index}
    (folder / "poses.json").write_text(json.dumps(path | facts), encoding="utf-8")
    yield Ready("poses", folder / "poses.json")
    if (data := order.request.picture_bytes) is not None:
        picture, size = decode_picture(data), (scene.height, scene.width)
        box = fit((picture.height, picture.width), order.request.cameras, size).box
        assert box is not None
        pixels = (sample(picture, box, size).clip(-1, 1) + 1) * 127.5
        Image.fromarray(pixels.round().astype("uint8").transpose(1, 2, 0)).save(folder / "picture.jpg", quality=92)
        yield Ready("picture", folder / "picture.jpg")


def summary(finished: Finished) -> str:
    """The status line of a result: counts, times, what made it."""
    record = finished.scene.record
    frames, height, width = record.request.resolution
    untrained = "" if record.trained else " (untrained: its scenes look like coloured fog)"
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in record.seconds.items())
    return (
        f"{finished.gaussians_written:,} Gaussians from {frames} views, each {width} wide and {height} high, "
        f"seed {record.request.seed}. "
        f"{finished.gpu_seconds:.1f} s for the scene ({stages}), {finished.file_seconds:.1f} s for its files. "
        f"Model {record.model}{untrained} on {record.device}, rasteriser {record.rasteriser}."
    )
