"""Milliseconds to render one view on the CPU, and to render it and take gradients.

Run `python -m benchmarks.rasteriser`. Scenes are pixel-aligned as the model's are: for each of some views along a path
two Gaussians for every pixel of a grid, harmonics of degree 2. `--json` prints one object for machines.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numba
import torch

from flashworld.cameras import Cameras
from flashworld.gaussians import Gaussians
from flashworld.rendering import render

HEIGHT, WIDTH = 480, 704
GRIDS = {"50k": (1, 130, 192), "400k": (8, 130, 192), "4M": (24, 240, 352)}
"""Views, rows and columns of the grids: 49,920 and 399,360 Gaussians, and the 4,055,040 of a full-size scene."""


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one task over several runs, after one run that is not counted."""

    task: str
    median_ms: float
    least_ms: float
    num_runs: int


def pixel_aligned_scene(num_views: int, rows: int, columns: int) -> tuple[Gaussians, Cameras]:
    """A wavy wall seen from a path of cameras, which disagree on its distance by 5 %; and the middle one."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(num_views, 2, rows, columns, *shape, generator=generator)

    focal = torch.tensor([0.8, 0.8 * WIDTH / HEIGHT])
    steps = torch.linspace(0, 1, num_views)
    positions = torch.stack([0.2 * torch.sin(3 * steps), torch.zeros(num_views), -0.5 * steps], dim=-1)
    y, x = torch.meshgrid((torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns, indexing="ij")
    rays = torch.stack([(x - 0.5) / focal[0], (0.5 - y) / focal[1], -torch.ones_like(x)], dim=-1)
    depth = (2.5 + 0.8 * torch.sin(5 * x + 1) * torch.cos(4 * y)) * torch.exp(0.05 * normal())
    pixel = depth / (focal[0] * columns)
    gaussians = Gaussians(
        means=(positions[:, None, None, None] + rays * depth[..., None]).flatten(0, 3),
        quaternions=torch.nn.functional.normalize(normal(4), dim=-1).flatten(0, 3),
        scales=(0.4 * pixel[..., None] * torch.exp(0.4 * normal(3))).flatten(0, 3),
        opacities=torch.sigmoid(2 + 1.5 * normal()).flatten(),
        harmonics=(0.2 * normal(9, 3)).flatten(0, 3),
    )
    middle = positions[num_views // 2 :][:1]
    return gaussians, Cameras(torch.tensor([[1.0, 0, 0, 0]]), middle, torch.tensor([[*focal.tolist(), 0.5, 0.5]]))


def measure(task: str, run: Callable[[], object], num_runs: int) -> Timing:
    """Time `run`, after one call that compiles and warms up."""
    run()
    times = []
    for _ in range(num_runs):
        started = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - started))
    return Timing(task, statistics.median(times), min(times), num_runs)


def measure_scene(name: str, num_runs: int, backward: bool) -> list[Timing]:
    """Forward, and forward with backward if asked for, of one of the scenes."""
    gaussians, camera = pixel_aligned_scene(*GRIDS[name])

    def forward() -> None:
        render(gaussians, camera, HEIGHT, WIDTH, rasteriser="numba")

    def forward_and_backward() -> None:
        leaves = [getattr(gaussians, field.name).detach().requires_grad_() for field in fields(Gaussians)]
        views = render(Gaussians(*leaves), camera, HEIGHT, WIDTH, rasteriser="numba")
        (views.colour.sum() + views.alpha.sum() + views.depth.sum()).backward()

    timings = [measure(f"{name} forward", forward, num_runs)]
    if backward:
        timings.append(measure(f"{name} forward+backward", forward_and_backward, num_runs))
    return timings


def setting() -> dict[str, str]:
    """What the numbers depend on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "threads": str(torch.get_num_threads()),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numba": numba.__version__,
    }


def main(arguments: list[str] | None = None) -> list[Timing]:
    """Measure, print and return."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=11, help="runs of each task")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    timings = []
    for name in GRIDS:
        timings += measure_scene(name, options.runs, backward=name != "4M")
    if options.json:
        print(json.dumps({"setting": setting(), "timings": [asdict(timing) for timing in timings]}))
        return timings
    print(", ".join(f"{key} {value}" for key, value in setting().items()))
    print(f"One view of {WIDTH} x {HEIGHT}, milliseconds over {options.runs} runs:")
    print(f"{'':24}{'median':>10}{'least':>10}")
    for timing in timings:
        print(f"{timing.task:24}{timing.median_ms:10.1f}{timing.least_ms:10.1f}")
    return timings


if __name__ == "__main__":
    main()
