"""Our path file: `{"height": 480, "width": 704, "cameras": [{"quaternion": ..., "position": ..., "fx": ...}]}`."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras.cameras import Cameras
from flashworld.cameras.views import from_views, to_path
from flashworld.errors import FormatError
from flashworld.publish import published
from flashworld.request import parse_path, stated_size


def read(content: dict[str, Any], height: int | None, width: int | None) -> tuple[Cameras, Float[Tensor, "n 2"]]:
    """The cameras of a path or of a whole request; `height` and `width` are for a path that does not say its own."""
    path = parse_path(content)
    stated_height, stated_width = stated_size(path.cameras) or (0.0, 0.0)
    height = path.height or height or round(stated_height)
    width = path.width or width or round(stated_width)
    if not height or not width:
        raise FormatError("the path does not say of which picture its intrinsics are: add 'height' and 'width'")
    cameras = from_views(path.cameras, height, width)
    return cameras, torch.tensor([height, width], dtype=torch.float32).expand(len(cameras), 2)


def write(cameras: Cameras, path: Path, height: int, width: int) -> None:
    """Write the path as `to_text` gives it."""
    with published(path) as beside:
        beside.write_text(to_text(cameras, height, width), encoding="utf-8")


def to_text(cameras: Cameras, height: int, width: int) -> str:
    """The path as JSON in which a camera is a line of its own."""
    lines = ",\n".join("    " + view.to_json() for view in to_path(cameras, height, width).cameras)
    return f'{{\n  "height": {height},\n  "width": {width},\n  "cameras": [\n{lines}\n  ]\n}}\n'
