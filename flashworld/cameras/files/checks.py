"""What the readers of all path files share: JSON, and the last look at what was read."""

import json
import re
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras.cameras import Cameras
from flashworld.errors import FormatError


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


def checked(rows: Float[Tensor, "n 11"], name: str) -> Cameras:
    """The cameras of float64 rows (as `Cameras.vectors`) in float32, if there is one and all can see."""
    if len(rows) == 0:
        raise FormatError(f"{name} has no cameras; one is enough")
    sees = rows.isfinite().all(-1) & (rows[:, :4].norm(dim=-1) > 1e-8) & (rows[:, 7:9] > 0).all(-1)
    if not sees.all():
        index = int((~sees).nonzero()[0])
        raise FormatError(f"{name}: camera {index} has a number that is not finite, no orientation or no focal length")
    unit = torch.nn.functional.normalize(rows[:, :4], dim=-1)
    return Cameras.from_vectors(torch.cat([unit, rows[:, 4:]], dim=-1).to(torch.float32))


def in_order(name: str) -> list[Any]:
    """Sorts the names of pictures as they were taken: frame_9 before frame_10."""
    return [_size_of(part) if index % 2 else part for index, part in enumerate(re.split(r"([0-9]+)", name))]


def _size_of(digits: str) -> tuple[int, str]:
    """Compares as the number does; Python reads no number of thousands of digits."""
    digits = digits.lstrip("0")
    return len(digits), digits
