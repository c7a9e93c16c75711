"""Seconds to write and read a scene as PLY and SPZ, beside a plain write of the same number of bytes.

Run `python -m benchmarks.formats`; `--num` sets the number of Gaussians (a full-size scene has 4,055,040), `--json`
prints one object for machines.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from flashworld.formats import load, save
from flashworld.gaussians import Gaussians

FULL_SIZE = 4_055_040


@dataclass(frozen=True)
class Timing:
    """One task: how long it took for a file of how many bytes."""

    task: str
    seconds: float
    num_bytes: int

    @property
    def megabytes_per_second(self) -> float:
        """Throughput in units of a million bytes of file."""
        return self.num_bytes / 1e6 / self.seconds


def pixel_aligned_scene(num: int) -> Gaussians:
    """A scene like the model's: rows of pixels on a wavy surface, degree 2, slowly varying values and some noise."""
    generator = torch.Generator().manual_seed(0)
    width = max(1, math.isqrt(num))
    index = torch.arange(num)
    u, v = (index % width) / width - 0.5, (index // width) / width - 0.5
    depth = 3 + torch.sin(9 * u) * torch.cos(7 * v)
    waves = torch.stack([torch.sin(5 * u + phase) * torch.cos(4 * v - phase) for phase in range(9)], dim=-1)
    colours = 0.6 * waves[:, :, None] * torch.tensor([1.0, 0.8, 0.6])
    colours[:, 1:] *= 0.1
    noise = 0.02 * torch.randn(num, 9, 3, generator=generator)
    quaternions = waves[:, :4] + 0.3 * torch.randn(num, 4, generator=generator)
    return Gaussians(
        means=torch.stack([u * depth, v * depth, -depth], dim=-1),
        quaternions=torch.nn.functional.normalize(quaternions, dim=-1),
        scales=(depth[:, None] / width) * (0.7 + 0.6 * torch.rand(num, 3, generator=generator)),
        opacities=torch.sigmoid(3 * torch.randn(num, generator=generator)),
        harmonics=colours + noise,
    )


def measure(num: int, folder: Path) -> list[Timing]:
    """Write and read one scene in `folder`, and the yardstick for each format."""
    scene, timings = pixel_aligned_scene(num), []
    for suffix in ("ply", "spz"):
        path = folder / f"scene.{suffix}"
        written = _seconds(lambda path=path: save(scene, path))
        size = path.stat().st_size
        yardstick = _seconds(lambda size=size: _write_plainly(folder / "plain", size))
        read = _seconds(lambda path=path: load(path))
        timings += [
            Timing(f"{suffix} write", written, size),
            Timing(f"{suffix} plain write", yardstick, size),
            Timing(f"{suffix} read", read, size),
        ]
        path.unlink()
    return timings


def _write_plainly(path: Path, size: int) -> None:
    """Bytes that are ready in memory, in blocks of 8 MiB."""
    block = memoryview(bytes(8 << 20))
    with path.open("wb") as file:
        for start in range(0, size, len(block)):
            file.write(block[: size - start])
    path.unlink()


def _seconds(task: Callable[[], object]) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--num", type=int, default=FULL_SIZE, help="number of Gaussians")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="disk to write to")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        timings = measure(options.num, Path(folder))
    if options.json:
        print(json.dumps({"num_gaussians": options.num, "timings": [asdict(timing) for timing in timings]}))
        return
    print(f"{options.num:,} Gaussians of degree 2 ({torch.get_num_threads()} threads)")
    for timing in timings:
        size, speed = timing.num_bytes / 1e6, timing.megabytes_per_second
        print(f"{timing.task:16}{timing.seconds:8.2f} s {size:8.1f} MB {speed:8.0f} MB/s")


if __name__ == "__main__":
    main()
