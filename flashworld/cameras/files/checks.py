"""What the readers of all path files share: JSON, and the last look at what was read."""

import json
import re
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras.cameras import Cameras
from flashworld.cameras.normalisation import in_float32
from flashworld.errors import FormatError, RequestError
from flashworld.request import parse_path


def read_text(path: Path) -> str:
    """The text of a file."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FormatError(f"{path.name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FormatError(f"{path.name} is no text in UTF-8") from None


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    text = read_text(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path.name} is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise FormatError(f"{path.name} is no camera path: a JSON object is needed")
    return content


def checked(table: Float[Tensor, "n 13"], name: str) -> tuple[Cameras, Float[Tensor, "n 2"]]:
    """The cameras in float32, and the sizes of their pictures, if there is one and all could be sent in a request.

    A row is a quaternion, a position, fx, fy, cx, cy in pixels, height and width, in float64.
    """
    if len(table) == 0:
        raise FormatError(f"{name} has no cameras; one is enough")
    for index, row in enumerate(table.tolist()):
        _check(row, f"{name}: camera {index}")
    quaternions, positions, pixels, sizes = table.split([4, 3, 4, 2], dim=-1)
    intrinsics = pixels / sizes.flip(-1).repeat(1, 2)
    cameras = Cameras(torch.nn.functional.normalize(quaternions, dim=-1), positions, intrinsics)
    try:
        return in_float32(cameras), sizes
    except RequestError as error:
        raise FormatError(f"{name}: {error}") from None


def _check(row: list[float], where: str) -> None:
    """Hold a camera to the bounds of a request: beyond them numbers overflow or vanish in float32."""
    fx, fy, cx, cy, height, width = row[7:]
    view = {"quaternion": row[:4], "position": row[4:7], "fx": fx, "fy": fy, "cx": cx, "cy": cy}
    try:
        parse_path({"cameras": [view], "height": round(height), "width": round(width)})
    except RequestError as error:
        raise FormatError(f"{where}: {error.faults[0].removeprefix('cameras[0].')}") from None


def in_order(name: str) -> list[Any]:
    """Sorts the names of pictures as they were taken: frame_9 before frame_10."""
    return [_size_of(part) if index % 2 else part for index, part in enumerate(re.split(r"([0-9]+)", name))]


def _size_of(digits: str) -> tuple[int, str]:
    """Compares as the number does; Python reads no number of thousands of digits."""
    digits = digits.lstrip("0")
    return len(digits), digits
