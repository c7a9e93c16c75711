"""Worlds a second: making them, and casting their pictures on one core or on a GPU.

Run `python -m benchmarks.worlds`; `--device cuda` for the GPU's caster, `--batch` worlds at once.
"""

import argparse
import time
from collections.abc import Callable

import torch

from flashworld.training.worlds import World, cast, cast_batch, make_world


def seconds(task: Callable[[], object], clock: Callable[[], float]) -> float:
    """Of a task by a clock."""
    start = clock()
    task()
    return clock() - start


def on_gpu(worlds: list[World], height: int, width: int) -> float:
    """Seconds of a batch, after one that is not counted."""

    def task() -> None:
        cast_batch(worlds, height, width)
        torch.cuda.synchronize()

    task()
    return min(seconds(task, time.perf_counter) for _ in range(3))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="cpu is one core of it")
    parser.add_argument("--batch", type=int, default=16, help="number of worlds")
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128), metavar=("H", "W"), help="size of the pictures")
    options = parser.parse_args()
    height, width = options.size
    cast(make_world(0), 32, 32)
    worlds: list[World] = []
    making = seconds(lambda: worlds.extend(map(make_world, range(options.batch))), time.process_time)
    print(f"making   {options.batch / making:8.1f} worlds a second and core")
    if options.device == "cpu":
        casting = seconds(lambda: [cast(world, height, width) for world in worlds], time.process_time)
    else:
        casting = on_gpu(worlds, height, width)
    rate, views = options.batch / casting, len(worlds[0].cameras)
    print(f"casting  {rate:8.1f} worlds a second of {views} views {height}x{width} on {options.device}")


if __name__ == "__main__":
    main()
