"""Worlds a second: making them, and casting their pictures on one core or on a GPU.

Run `python -m benchmarks.worlds`; `--device cuda` for the batched caster, `--batch` worlds at once, `--compiled` fused.
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


def on_device(worlds: list[World], height: int, width: int, device: str, compiled: bool) -> float:
    """Seconds of a batch, after one that is not counted."""

    def task() -> None:
        cast_batch(worlds, height, width, device, compiled)
        torch.cuda.synchronize()

    task()
    return min(seconds(task, time.perf_counter) for _ in range(3))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu is one core by numba; cuda the batched caster")
    parser.add_argument("--batch", type=int, default=16, help="number of worlds")
    parser.add_argument("--compiled", action="store_true", help="let torch.compile fuse the batched caster")
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
        casting = on_device(worlds, height, width, options.device, options.compiled)
    rate, views = options.batch / casting, len(worlds[0].cameras)
    print(f"casting  {rate:8.1f} worlds a second of {views} views {height}x{width} on {options.device}")


if __name__ == "__main__":
    main()
