"""The endless stream of worlds that recipes learn from: a sample's number decides the world, so resuming needs no more.

Worlds are made and seen in the background, ahead of their use, and come out in order.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context
from typing import TypeVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from flashworld.cameras import Cameras, normalise
from flashworld.cameras.normalisation import in_model_world
from flashworld.training.worlds import World, WorldViews, cast, cast_batch, make_world
from flashworld.training.worlds.paths import SHARE

T = TypeVar("T")

Make = Callable[[int], T]


@dataclass(frozen=True)
class SeenWorld:
    """What training knows of a world. The first camera shows the picture; those beyond the path only supervise."""

    rgb: UInt8[Tensor, "views 3 height width"]
    distance: Float[Tensor, "views height width"]
    """Along rays, in units of the model's world, half precision; 0 where nobody knows it."""
    cameras: Cameras
    """[views], in the model's world."""
    caption: str


@dataclass(frozen=True)
class Sight:
    """How worlds are looked at: picture size in pixels, cameras along the path and beside it."""

    height: int
    width: int
    num_views: int
    num_extra: int
    reach: float = SHARE
    """How far paths go, as a share of the first view's median distance."""

    @property
    def usual_distance(self) -> float:
        """Median distance of every world's first view, in units of the model's world."""
        return 1 / self.reach

    def __call__(self, seed: int) -> SeenWorld:
        """The world of a seed, seen by the processor."""
        world = self.make(seed)
        return self._seen(world, cast(world, self.height, self.width))

    def on_gpu(self, seeds: Sequence[int], device: torch.device) -> list[SeenWorld]:
        """The worlds of some seeds, seen by a GPU, in main memory."""
        worlds = [self.make(seed) for seed in seeds]
        views = cast_batch(worlds, self.height, self.width, device)
        each = zip(worlds, views.rgb.cpu(), views.distance.cpu(), strict=True)
        return [self._seen(world, WorldViews(rgb, distance)) for world, rgb, distance in each]

    def make(self, seed: int) -> World:
        """The world of a seed, not yet seen."""
        return make_world(seed, self.width / self.height, self.num_views, self.num_extra, self.reach)

    def _seen(self, world: World, seen: WorldViews) -> SeenWorld:
        # One unit of a world is one of the model's by construction, also where the path only turns.
        world_from_model = normalise(world.cameras[: self.num_views])[1]
        return SeenWorld(
            rgb=(seen.rgb * 255).round().to(torch.uint8),
            distance=seen.distance.half(),
            cameras=in_model_world(world.cameras, world_from_model),
            caption=world.caption,
        )


def background(processes: int, threads: int = 2) -> AbstractContextManager[Executor]:
    """Workers that make worlds. Besides a GPU, which Python must keep fed, they are processes; else threads will do."""
    if processes:
        # Each process would else start as many threads as there are cores.
        return ProcessPoolExecutor(processes, get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,))
    return ThreadPoolExecutor(threads)


def in_order(make: Make[T], first: int, executor: Executor, ahead: int) -> Iterator[T]:
    """`make(first)`, `make(first + 1)`, ... without end; up to `ahead` of them are under way."""
    pending: deque[Future[T]] = deque()
    numbers = count(first)
    try:
        while True:
            while len(pending) < ahead:
                pending.append(executor.submit(make, next(numbers)))
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


def windows(worlds: Callable[[int], Iterator[T]], step: int, renew: int, size: int) -> Iterator[list[T]]:
    """For each step from `step` on the last `size` worlds; every `renew` steps the oldest gives way to a new one.

    A world is thus used in many steps, which is how a slow source feeds a fast learner. What step k sees depends on k
    alone. `worlds(n)` begins at world n.
    """
    source = worlds(step // renew)
    window = deque((next(source) for _ in range(size)), maxlen=size)
    for current in count(step):
        yield list(window)
        if (current + 1) % renew == 0:
            window.append(next(source))
