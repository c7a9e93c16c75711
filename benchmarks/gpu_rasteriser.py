"""The Triton rasteriser on a GPU: right, and how fast, beside gsplat where it is installed.

Run `python -m benchmarks.gpu_rasteriser`; `--json FILE` writes all numbers. Scenes are made as those of
`benchmarks.rasteriser` and seen by 1 and by 24 cameras of the path; pictures are 704 x 480.
"""

import argparse
import json
import re
import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.rasteriser import GRIDS, HEIGHT, WIDTH, pixel_aligned_scene
from flashworld.cameras import Cameras
from flashworld.gaussians import Gaussians
from flashworld.rendering import Rendering, available, render
from flashworld.testing.rasterise import render_reference

LARGE_GRIDS = {**GRIDS, "10M": (60, 240, 352)}
NAMES = [field.name for field in fields(Gaussians)]
OUTPUTS = ("colour", "alpha", "depth")


@dataclass(frozen=True)
class Difference:
    """How far a tensor is from the float64 twin's: length of the difference as a share of the twin's length."""

    rasteriser: str
    tensor: str
    relative: float


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one task, median and least, and the most device memory that it took beside the scene."""

    rasteriser: str
    scene: str
    num_views: int
    task: str
    median_ms: float
    least_ms: float
    peak_gib: float


def usable() -> list[str]:
    """Triton, and gsplat where it works."""
    reasons = available()
    return [name for name in ("triton", "gsplat") if reasons[name] is None]


def path_of(num_views: int) -> Cameras:
    """Cameras along the path on which `pixel_aligned_scene` puts its Gaussians; one alone stands in its middle."""
    steps = torch.linspace(0, 1, num_views) if num_views > 1 else torch.tensor([0.5])
    positions = torch.stack([0.2 * torch.sin(3 * steps), torch.zeros(num_views), -0.5 * steps], dim=-1)
    intrinsics = torch.tensor([[0.8, 0.8 * WIDTH / HEIGHT, 0.5, 0.5]])
    return Cameras(torch.tensor([[1.0, 0, 0, 0]]).repeat(num_views, 1), positions, intrinsics.repeat(num_views, 1))


def scattered_scene(num: int, degree: int) -> Gaussians:
    """Gaussians of all sizes and opacities in front of the cameras, some behind, quaternions of any length."""
    generator = torch.Generator().manual_seed(degree)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    means = normal(num, 3) * torch.tensor([1.2, 0.9, 1.0]) - torch.tensor([0.0, 0.0, 3.0])
    scales = 0.05 * torch.exp(normal(num, 3))
    return Gaussians(
        means, normal(num, 4) * 3, scales, torch.sigmoid(2 * normal(num)), 0.3 * normal(num, (degree + 1) ** 2, 3)
    )


def check(device: torch.device, num: int = 1000, height: int = 150, width: int = 220) -> Iterator[Difference]:
    """Pictures and gradients of every degree against the float64 twin, on the device."""
    for degree in range(4):
        scene, path = scattered_scene(num, degree).to(device), path_of(2).to(device)
        twin, twin_gradients = _with_gradients(render_reference, scene, path, height, width)
        for name in usable():
            ours, our_gradients = _with_gradients(render, scene, path, height, width, rasteriser=name)
            pairs = {output: (getattr(ours, output), getattr(twin, output)) for output in OUTPUTS}
            pairs |= {f"v_{part}": (our_gradients[part], twin_gradients[part]) for part in NAMES}
            for tensor, (actual, expected) in pairs.items():
                relative = ((actual - expected).norm() / expected.norm()).item()
                yield Difference(name, f"degree {degree} {tensor}", relative)


def _with_gradients(
    render_any: Callable[..., Rendering], scene: Gaussians, path: Cameras, height: int, width: int, **options: str
) -> tuple[Rendering, dict[str, Tensor]]:
    leaves = {name: getattr(scene, name).clone().requires_grad_() for name in NAMES}
    views = render_any(Gaussians(**leaves), path, height, width, **options)
    generator = torch.Generator().manual_seed(1)
    parts = [getattr(views, output) for output in OUTPUTS]
    weights = [torch.randn(part.shape, generator=generator).to(part) for part in parts]
    torch.autograd.backward(parts, weights)
    return views, {name: leaf.grad for name, leaf in leaves.items() if leaf.grad is not None}


def measure(scene: Gaussians, label: str, num_views: int, runs: int, backward: bool) -> Iterator[Timing]:
    """Forward, and forward with backward, of every usable rasteriser; what does not fit the memory is left out."""
    path = path_of(num_views).to(scene.means.device)
    leaves = Gaussians(*(getattr(scene, name).requires_grad_(backward) for name in NAMES))

    def forward(name: str) -> None:
        with torch.no_grad():
            render(leaves, path, HEIGHT, WIDTH, rasteriser=name)

    def both(name: str) -> None:
        views = render(leaves, path, HEIGHT, WIDTH, rasteriser=name)
        torch.autograd.grad(
            [views.colour.sum() + views.alpha.sum() + views.depth.sum()], [getattr(leaves, part) for part in NAMES]
        )

    for task, run in {"forward": forward, **({"forward+backward": both} if backward else {})}.items():
        for name in usable():
            numbers = _time(lambda run=run, name=name: run(name), runs)
            if numbers is not None:
                yield Timing(name, label, num_views, task, *numbers)


def _time(run: Callable[[], None], runs: int) -> tuple[float, float, float] | None:
    """Median and least milliseconds, and peak GiB, after two runs that are not counted; None if memory runs out."""
    try:
        run()
        run()
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
        return None
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(runs):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times), min(times), (torch.cuda.max_memory_allocated() - before) / 2**30


def passes(scene: Gaussians, num_views: int, backward: bool) -> dict[str, float]:
    """Milliseconds on the device of each kernel of the Triton rasteriser, by name, the longest first."""
    path = path_of(num_views).to(scene.means.device)
    leaves = Gaussians(*(getattr(scene, name).requires_grad_(backward) for name in NAMES))
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        views = render(leaves, path, HEIGHT, WIDTH, rasteriser="triton")
        if backward:
            torch.autograd.grad([views.colour.sum() + views.depth.sum()], [getattr(leaves, part) for part in NAMES])
        torch.cuda.synchronize()
    times: dict[str, float] = {}
    for event in profile.key_averages():
        name = re.sub(r"<.*|\(.*\)|void ", "", event.key).split("::")[-1] or event.key
        times[name] = times.get(name, 0.0) + event.self_device_time_total / 1e3
    return dict(sorted(times.items(), key=lambda item: -item[1])[:14])


def main(arguments: list[str] | None = None) -> None:
    """Check, measure, print, and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="runs of each task")
    parser.add_argument("--scenes", default=",".join(LARGE_GRIDS), help="which scenes, by number of Gaussians")
    parser.add_argument("--json", type=Path, help="where to write all numbers")
    options = parser.parse_args(arguments)
    device = torch.device("cuda")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, rasterisers: {', '.join(usable())}")

    differences = list(check(device))
    for name in usable():
        worst = max((each for each in differences if each.rasteriser == name), key=lambda each: each.relative)
        print(f"{name}: at most {worst.relative:.1e} from the twin ({worst.tensor})")

    timings, kernels = [], {}
    print(f"{'scene':8}{'views':>6}  {'task':18}{'rasteriser':12}{'median ms':>10}{'least':>9}{'peak GiB':>10}")
    for label in options.scenes.split(","):
        scene = pixel_aligned_scene(*LARGE_GRIDS[label])[0].to(device)
        for num_views in (1, 24):
            for timing in measure(scene, label, num_views, options.runs, backward=True):
                timings.append(timing)
                print(
                    f"{label:8}{num_views:6}  {timing.task:18}{timing.rasteriser:12}"
                    f"{timing.median_ms:10.2f}{timing.least_ms:9.2f}{timing.peak_gib:10.2f}",
                    flush=True,
                )
        kernels[label] = passes(scene, 24, backward=True)
    for label, times in kernels.items():
        print(f"{label}, 24 views, milliseconds by kernel:")
        for kernel, milliseconds in times.items():
            print(f"  {milliseconds:9.2f}  {kernel}")
    if options.json:
        numbers = {"differences": map(asdict, differences), "timings": map(asdict, timings)}
        options.json.write_text(json.dumps({key: list(rows) for key, rows in numbers.items()} | {"kernels": kernels}))


if __name__ == "__main__":
    main()
