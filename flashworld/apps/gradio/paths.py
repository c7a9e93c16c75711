"""Camera paths as the page handles them: always a JSON text, whether from a movement, a file or a person's hand."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras import Cameras, cropped, from_views, normalise, resample
from flashworld.cameras.files import own, read_sized
from flashworld.cameras.templates import make_path
from flashworld.errors import FormatError
from flashworld.request import parse_path, stated_size

COLMAP = ("cameras.txt", "images.txt")
MOST_FILE_BYTES = 4_000_000
MOST_CAMERAS = 1024
MOST_SIDE = 100_000
"""Pixels of a picture that a path is for."""


@dataclass(frozen=True)
class ShownPath:
    """A path for drawing: its cameras in the first one's axes, all within a unit of it, and what there is to note."""

    cameras: Cameras
    aspect: float
    notes: tuple[str, ...]


def from_template(name: str, amount: float, fov: float, easing: str, frames: int, size: tuple[int, int]) -> str:
    """The path of a movement, for pictures of `size` (height, width).

    Raises:
        RequestError: A number is out of range.
    """
    return own.to_text(make_path(name, amount, frames, fov, *size, easing), *size)


def from_files(files: list[str]) -> str:
    """The path in an uploaded file: ours, a request, nerfstudio's transforms.json, or COLMAP's two text files.

    Raises:
        FormatError: None of these.
        RequestError: Ours, with faults.
    """
    paths = [Path(file) for file in files]
    if sum(path.stat().st_size for path in paths) > MOST_FILE_BYTES:
        raise FormatError(f"The file is larger than any path needs; {MOST_FILE_BYTES // 10**6} MB are allowed.")
    names = {path.name: path for path in paths}
    if names.keys() >= set(COLMAP):
        with tempfile.TemporaryDirectory() as folder:
            for name in COLMAP:
                shutil.copyfile(names[name], Path(folder) / name)
            return _of_pictures(*read_sized(folder))
    if len(paths) != 1 or paths[0].suffix.lower() != ".json":
        raise FormatError("Give one .json file, or COLMAP's cameras.txt and images.txt together.")
    content = paths[0].read_text(encoding="utf-8-sig", errors="replace")
    if '"transform_matrix"' in content:
        return _of_pictures(*read_sized(paths[0]))
    path = parse_path(_inner_request(content))
    size = (path.height, path.width) if path.height and path.width else stated_size(path.cameras) or (480, 704)
    return _text(from_views(path.cameras, round(size[0]), round(size[1])), round(size[0]), round(size[1]))


def shown(text: str) -> ShownPath:
    """A path's text, made ready to be drawn.

    Raises:
        RequestError: A fault for each sentence.
    """
    path = parse_path(text)
    stated = stated_size(path.cameras) or (480.0, 704.0)
    height, width = path.height or round(stated[0]) or 480, path.width or round(stated[1]) or 704
    cameras = from_views(path.cameras, height, width)
    relative, _ = normalise(Cameras.from_vectors(cameras.vectors()[None]))
    return ShownPath(relative[0], width / height, tuple(_notes(cameras)))


def _notes(cameras: Cameras) -> list[str]:
    travel = (cameras.positions[1:] - cameras.positions[:-1]).norm(dim=-1)
    notes = [f"{len(cameras)} camera{'s' * (len(cameras) > 1)}"]
    if len(cameras) == 1:
        notes.append("stands still")
    elif travel.sum() < 1e-6:
        notes.append("only turns: there is little depth to see without travel")
    else:
        length = f"{travel.sum().item():.3g}"
        notes.append(f"travels {length} unit{'s' * (length != '1')}")
    return notes


def _inner_request(content: str) -> str:
    """A record holds the request that made it."""
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return content
    inner = fields.get("request") if isinstance(fields, dict) else None
    return json.dumps(inner) if isinstance(inner, dict) else content


def _of_pictures(cameras: Cameras, sizes: Float[Tensor, "n 2"]) -> str:
    """The path for pictures of the first one's size; views of others are cut to its aspect, so pixels stay square."""
    height, width = (round(side) for side in sizes[0].tolist())
    return _text(cropped(cameras, sizes, (height, width)), height, width)


def _text(cameras: Cameras, height: int, width: int) -> str:
    if not (0 < height <= MOST_SIDE and 0 < width <= MOST_SIDE):
        raise FormatError(
            f"The file is for pictures of {height:.6g}x{width:.6g}; sides from 1 to {MOST_SIDE} are allowed."
        )
    if len(cameras) > MOST_CAMERAS:
        cameras = resample(cameras, torch.linspace(0, 1, MOST_CAMERAS))
    return own.to_text(cameras, height, width)
