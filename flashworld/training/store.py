"""Worlds that were cast once: files of a folder, from which every stage learns without casting anything again.

A file holds `SHARD` worlds in the order of their numbers, and is complete or not there. Beside a GPU, casting takes
longer than learning and the cores that it needs, so it comes first: `flashworld train --cast`.
"""

import json
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from flashworld.cameras import Cameras
from flashworld.errors import WeightsError
from flashworld.publish import make_folder, published
from flashworld.training.data import SeenWorld, Sight
from flashworld.training.worlds import training_seed

SHARD = 32
"""Worlds in a file: 15 MB at the size of `tiny`."""


def cast_store(folder: Path, sight: Sight, num_worlds: int, executor: Executor, device: torch.device) -> None:
    """Cast training worlds 0 to `num_worlds - 1`, rounded up to whole files, unless their file is there.

    On a GPU that takes next to nothing, and processes are there to furnish the worlds.
    """
    make_folder(folder)
    list(executor.map(partial(cast_shard, folder, sight, device), range(-(-num_worlds // SHARD))))


def cast_shard(folder: Path, sight: Sight, device: torch.device, index: int) -> None:
    """Cast one file's worlds unless it is there."""
    path = folder / f"worlds-{index:05d}.safetensors"
    if not path.exists():
        seeds = [training_seed(number) for number in range(index * SHARD, (index + 1) * SHARD)]
        on_gpu = device.type == "cuda"
        write_shard(path, sight.on_gpu(seeds, device) if on_gpu else [sight(seed) for seed in seeds])


def write_shard(path: Path, worlds: list[SeenWorld]) -> None:
    """Write worlds as one file: whoever finds it finds all of it."""
    tensors = {
        "rgb": torch.stack([world.rgb for world in worlds]),
        "distance": torch.stack([world.distance for world in worlds]),
        "cameras": torch.stack([world.cameras.vectors() for world in worlds]),
    }
    with published(path) as beside:
        save_file(tensors, beside, metadata={"captions": json.dumps([world.caption for world in worlds])})


def read_store(folder: Path, sight: Sight, device: torch.device) -> list[SeenWorld]:
    """All worlds of a folder in the order of their numbers, none if there is no such folder.

    Raises:
        WeightsError: They were cast for another size or number of views.
    """
    worlds = [world for path in sorted(folder.glob("worlds-*.safetensors")) for world in read_shard(path, device)]
    wanted = (sight.num_views + sight.num_extra, 3, sight.height, sight.width)
    if worlds and worlds[0].rgb.shape != wanted:
        raise WeightsError(
            f"The worlds in {folder} are of {list(worlds[0].rgb.shape)} values, this recipe's of {list(wanted)}: "
            "train into another folder, or remove that one."
        )
    return worlds


def read_shard(path: Path, device: torch.device) -> list[SeenWorld]:
    """The worlds of one file, their pictures and distances on a device."""
    with safe_open(path, framework="pt") as file:
        captions = json.loads(file.metadata()["captions"])
        rgb, distance = (file.get_tensor(name).to(device) for name in ("rgb", "distance"))
        cameras = map(Cameras.from_vectors, file.get_tensor("cameras"))
    return [SeenWorld(*world) for world in zip(rgb, distance, cameras, captions, strict=True)]
