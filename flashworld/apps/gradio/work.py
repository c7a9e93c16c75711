"""The part that runs on the GPU: from an order to a scene and the pictures of its flight, both left in files.

On ZeroGPU this runs in a process of its own that ends at any moment. So everything that it is given and gives back can
be pickled, large results wait in files, and what needs no GPU (PLY, SPZ, video) happens after it.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from flashworld.apps.gradio.order import PICTURES_PER_STEP, Order
from flashworld.cameras import Cameras
from flashworld.errors import RequestError
from flashworld.events import Progress
from flashworld.gaussians import Gaussians
from flashworld.generation import Record, Scene, stream
from flashworld.generation.scene import MIN_VISIBLE_OPACITY
from flashworld.models.model import Model

WORDS, SCENE, FLIGHT = "words.safetensors", "scene.safetensors", "flight.npy"


@dataclass(frozen=True)
class Delivered:
    """The scene lies in the folder; `filmed` tells whether the pictures of its flight do too."""

    record: Record
    filmed: bool


@dataclass(frozen=True)
class Failed:
    """Why there is no scene. Exceptions lose their words on the way out of ZeroGPU's process, so they are told."""

    kind: str
    message: str


Told = Progress | Delivered | Failed


def work_on(model: Model, order: Order, folder: str) -> Generator[Told, None, None]:
    """Make an order and leave it in `folder`; tell the progress, then `Delivered` or `Failed`."""
    try:
        yield from _make(model, order, Path(folder))
    except RequestError as error:
        yield Failed("RequestError", str(error))
    except Exception as error:  # every fault has to reach the visitor as a sentence, whatever raised it
        yield Failed(type(error).__name__, str(error))


def take_over(folder: Path, order: Order, record: Record) -> Scene:
    """The scene that `work_on` left in a folder, on the CPU."""
    tensors = load_file(folder / SCENE)
    return Scene(
        gaussians=Gaussians(*(tensors[f"gaussians.{part.name}"] for part in fields(Gaussians))),
        cameras=Cameras(*(tensors[f"cameras.{part.name}"] for part in fields(Cameras))),
        height=order.request.height,
        width=order.request.width,
        unit=tensors["unit"].item(),
        record=record,
    )


def flight_of(folder: Path) -> np.ndarray:
    """The pictures of the flight, [pictures, height, width, 3], read from the disk as they are used."""
    return np.load(folder / FLIGHT, mmap_mode="r")


def read_words(model: Model, order: Order, folder: str) -> None:
    """Leave the sentence's embedding in `folder` for `work_on`: for a text encoder that works on the CPU anyway."""
    save_file({"embedding": model.text_encoder([order.request.text_prompt]).contiguous()}, Path(folder) / WORDS)


def _make(model: Model, order: Order, folder: Path) -> Iterator[Told]:
    if (folder / WORDS).exists():
        embedding = load_file(folder / WORDS)["embedding"]
        model = replace(model, text_encoder=lambda _prompts: embedding)
    yield Progress("text", 0, 1)
    with closing(stream(order.request, model)) as steps:
        for step in steps:
            yield Progress("denoise", step.index + 1, step.num_steps)
            if step.last:
                scene = step.scene
    _leave(scene, folder)
    if order.video:
        yield from _film(scene, order, folder)
    yield Delivered(scene.record, order.video)


def _leave(scene: Scene, folder: Path) -> None:
    """Only what can be seen: the rest is in no file either."""
    gaussians = scene.gaussians.pruned(MIN_VISIBLE_OPACITY)
    tensors = {f"gaussians.{part.name}": getattr(gaussians, part.name) for part in fields(gaussians)}
    tensors |= {f"cameras.{part.name}": getattr(scene.cameras, part.name) for part in fields(scene.cameras)}
    tensors["unit"] = torch.tensor(scene.unit, dtype=torch.float64)
    save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, folder / SCENE)


def _film(scene: Scene, order: Order, folder: Path) -> Iterator[Progress]:
    num = order.workload.video_pictures
    shape = (num, scene.height, scene.width, 3)
    pictures = np.lib.format.open_memmap(folder / FLIGHT, mode="w+", dtype=np.uint8, shape=shape)
    yield Progress("render", 0, num)
    for index, picture in enumerate(scene.filmed(PICTURES_PER_STEP)):
        pictures[index] = picture
        if (index + 1) % 8 == 0:
            yield Progress("render", index + 1, num)
    pictures.flush()
