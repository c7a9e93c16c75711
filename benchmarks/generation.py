"""Seconds of a whole run of a model by stage, from loading to the files.

Run `python -m benchmarks.generation`; `--model`, `--device` and `--exact-size` as for `flashworld generate`.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import torch

from flashworld.generation import generate
from flashworld.request import parse_request
from flashworld.weights import load

REQUEST = Path(__file__).parents[1] / "examples/requests/living-room.json"


def measure(model_name: str, device: str, exact_size: bool, folder: Path) -> Iterator[tuple[str, float]]:
    """Each stage with its seconds. The first run, which compiles kernels where none are cached, is not counted."""
    with clock() as loading:
        model = load(model_name, device=device)
    yield "load", loading()
    request = parse_request(REQUEST.read_bytes()).model_copy(update={"seed": 0})
    generate(request, model, exact_size=exact_size)
    with clock() as whole:
        scene = generate(request, model, exact_size=exact_size)
    yield from scene.record.seconds.items()
    yield "request to scene", whole()
    with clock() as writing:
        scene.save(folder / "scene.ply")
        scene.save(folder / "scene.spz")
    yield "write PLY and SPZ", writing()
    with clock() as filming:
        scene.save_video(folder / "scene.mp4")
    yield "render and write video", filming()


@contextmanager
def clock() -> Iterator:
    """Yields a function that tells the seconds since it was entered."""
    started = perf_counter()
    yield lambda: perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="tiny", help="tiny, flashworld or a folder of weights")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--exact-size", action="store_true", help="work at the request's own size")
    options = parser.parse_args()
    print(f"{options.model} on {options.device} ({torch.get_num_threads()} threads), {REQUEST.name}")
    with tempfile.TemporaryDirectory() as folder:
        for stage, seconds in measure(options.model, options.device, options.exact_size, Path(folder)):
            print(f"{stage:24}{seconds:8.2f} s")


if __name__ == "__main__":
    main()
