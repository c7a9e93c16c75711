"""From the cameras that were sent to `Cameras`, and back."""

from collections.abc import Sequence
from typing import Any

import torch

from flashworld.cameras.cameras import Cameras
from flashworld.cameras.normalisation import in_float32
from flashworld.request import CameraPath, CameraView, Fit, fit, parse_path


def from_fit(fitted: Fit) -> Cameras:
    """The cameras of a request, fitted to its picture and resolution, in float32.

    Raises:
        RequestError: a path that is too far from the origin for its movement.
    """
    return in_float32(Cameras.from_vectors(torch.from_numpy(fitted.cameras)))


def from_views(views: Sequence[CameraView], height: int, width: int) -> Cameras:
    """Cameras whose intrinsics are in pixels of a `height` x `width` picture."""
    return from_fit(fit(None, views, (height, width)))


def to_path(cameras: Cameras, height: int, width: int) -> CameraPath:
    """The path as it is sent and stored, intrinsics in pixels of a `height` x `width` picture.

    Raises:
        RequestError: cameras that no request may hold, such as a focal length below one pixel.
    """
    rows = cameras.to("cpu", torch.float64)
    pixels = rows.intrinsics * torch.tensor([width, height, width, height])
    views = [
        {"quaternion": _short(row[:4]), "position": _short(row[4:7]), "fx": fx, "fy": fy, "cx": cx, "cy": cy}
        for row, (fx, fy, cx, cy) in zip(rows.vectors().tolist(), map(_short, pixels.tolist()), strict=True)
    ]
    return parse_path({"cameras": views, "height": height, "width": width})


def _short(numbers: list[float]) -> tuple[Any, ...]:
    """The digits that float32 has: 0.1 instead of 0.10000000149011612, and no negative zero."""
    return tuple(float(f"{number:.7g}") + 0.0 for number in numbers)
