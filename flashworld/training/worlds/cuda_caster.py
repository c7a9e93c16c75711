"""The ray caster for CUDA: what the processor's caster computes, compiled by numba for one thread a pixel.

The same functions, so pictures are the same up to rounding; only the lists of candidates that spare a processor work
are left out, and every ray looks at all primitives of its world. Needs a GPU and the CUDA libraries that numba looks
for (`numba.cuda`), nothing to be built.
"""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import torch

from flashworld.errors import BackendError
from flashworld.training.worlds.cpu_caster import shade_pixel
from flashworld.training.worlds.cpu_rays import direction, nearest
from flashworld.training.worlds.paths import camera_rows
from flashworld.training.worlds.scene import SceneArrays
from flashworld.training.worlds.shapes import MISS
from flashworld.training.worlds.world import SKY_DISTANCE, World, WorldViews

THREADS = 128
"""Of a block; neighbouring pixels, so most of them meet the same things."""
OF_PLACE = ("light", "around", "sky")
"""Fields of `SceneArrays` that are one row a world; all others have a row a primitive."""


def missing() -> str | None:
    """What this machine lacks for it, if anything."""
    try:
        cuda: Any = import_module("numba.cuda")
    except (ImportError, AttributeError) as fault:  # the latter where numba-cuda is older than numpy
        return f"numba.cuda does not load here ({fault})."
    return None if cuda.is_available() else "numba finds no CUDA GPU; `numba -s` tells what it misses."


def cast_batch(worlds: Sequence[World], height: int, width: int, device: torch.device | str = "cuda") -> WorldViews:
    """The pictures of several worlds with equally many cameras, made on a GPU: [worlds, views, ...].

    Raises:
        BackendError: Something is `missing`.
    """
    if lack := missing():
        raise BackendError(f"{lack} Cast on the processor: --device cpu.")
    device = torch.device(device)
    cuda, look, shade = _kernels()
    scenes, starts = _joined([world.scene for world in worlds])
    cameras = np.stack([camera_rows(world.cameras, world.metres) for world in worlds])
    num, views = cameras.shape[:2]
    distance = torch.empty(num, views, height, width, dtype=torch.float64, device=device)
    index = torch.empty_like(distance, dtype=torch.int64)
    rgb = torch.zeros(num, views, 3, height, width, device=device)
    # Rows 0 to 4 are the lists of `cpu_caster`, each of them all primitives.
    everything = np.tile(np.arange(np.diff(starts).max()), (5, 1))
    blocks = -(-distance.numel() // THREADS)
    with cuda.gpus[device.index or 0]:
        place = SceneArrays(*map(cuda.to_device, scenes))
        seen = [cuda.to_device(array) for array in (starts, everything, cameras)]
        look[blocks, THREADS](place, *seen, cuda.as_cuda_array(distance), cuda.as_cuda_array(index))
        shade[blocks, THREADS](place, *seen, cuda.as_cuda_array(index), cuda.as_cuda_array(rgb))
    metres = distance.new_tensor([world.metres for world in worlds])[:, None, None, None]
    return WorldViews(rgb, (distance / metres).clamp(max=SKY_DISTANCE).float())


def _joined(scenes: list[SceneArrays]) -> tuple[SceneArrays, np.ndarray]:
    """All scenes one after the other, and where the primitives of each begin; the end, too."""
    starts = np.cumsum([0, *(len(scene.shape) for scene in scenes)])
    fields = {
        name: (np.stack if name in OF_PLACE else np.concatenate)([getattr(scene, name) for scene in scenes])
        for name in SceneArrays._fields
    }
    return SceneArrays(**fields), starts


@cache
def _kernels() -> tuple[Any, Any, Any]:
    """Numba's CUDA module and the two kernels: a look through each pixel's centre, then the light of its four rays."""
    cuda: Any = import_module("numba.cuda")

    @cuda.jit(device=True, inline="always")
    def scene_of(place, starts, world):
        first, end = starts[world], starts[world + 1]
        return SceneArrays(
            place.shape[first:end],
            place.centre[first:end],
            place.rotation[first:end],
            place.half[first:end],
            place.taper[first:end],
            place.radius[first:end],
            place.shadow[first:end],
            place.thing[first:end],
            place.family[first:end],
            place.colours[first:end],
            place.surface[first:end],
            place.seed[first:end],
            place.light[world],
            place.around[world],
            place.sky[world],
        )

    def look(place, starts, everything, cameras, distance, index):
        views, height, width = distance.shape[1:]
        pixel = cuda.grid(1)
        if pixel >= distance.size:
            return
        row, column = pixel // width % height, pixel % width
        view, world = pixel // (width * height) % views, pixel // (width * height * views)
        scene, camera = scene_of(place, starts, world), cameras[world, view]
        dx, dy, dz = direction(camera, (column + 0.5) / width, (row + 0.5) / height)
        t, i = nearest(scene, everything[0], len(scene.radius), camera[0], camera[1], camera[2], dx, dy, dz)
        distance[world, view, row, column], index[world, view, row, column] = t, i

    def shade(place, starts, everything, cameras, index, rgb):
        views, height, width = index.shape[1:]
        pixel = cuda.grid(1)
        if pixel >= index.size:
            return
        row, column = pixel // width % height, pixel % width
        view, world = pixel // (width * height) % views, pixel // (width * height * views)
        scene = scene_of(place, starts, world)
        num = len(scene.radius)
        ball = 0.0, 0.0, 0.0, MISS  # around everything, so that the first lists hold for all points
        nums = num, num, num, num, num
        shade_pixel(
            scene, cameras[world, view], everything, nums, ball, index[world, view], row, column, rgb[world, view]
        )

    return cuda, cuda.jit(look, fastmath=True), cuda.jit(shade, fastmath=True)
