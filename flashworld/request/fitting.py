"""A picture and the cameras' intrinsics, fitted together to the resolution of a request.

The picture is cut to the target's aspect around its centre (as large as it can be) and resized.

Intrinsics are sent in pixels, but of what? Published clients send those of the uploaded picture, and the release always
reads them so; people who write the target's pixels beside a photo of another size then get a wrong field of view.
Principal points lie near the middle of the image they speak of, so a path states its own image size: about 2 cx by
2 cy. Whichever of the picture's and the target's size is nearer to that is taken; the picture's if both are equally
near. Without a picture the intrinsics are in pixels of the target.

The `strict` form reads and rounds as the release does, for comparison with its numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from jaxtyping import Float
from PIL import Image

from flashworld.request.schema import CameraView

Size = tuple[int, int]
"""Height and width in pixels."""

Box = tuple[float, float, float, float]
"""Left, upper, right and lower edge in pixels of a picture; edges may cut through pixels."""


@dataclass(frozen=True)
class Fit:
    """What of the picture is shown, and the cameras whose pictures show just that.

    A camera is a row of quaternion w x y z, position, and fx/W, fy/H, cx/W, cy/H (float64).
    """

    box: Box | None
    cameras: Float[np.ndarray, "n 11"]


def stated_size(cameras: Sequence[CameraView]) -> tuple[float, float] | None:
    """Height and width that the principal points speak of, were they central; none if one is at or outside an edge."""
    height, width = 2 * median(view.cy for view in cameras), 2 * median(view.cx for view in cameras)
    return (height, width) if height > 0 and width > 0 else None


def fit(picture: Size | None, cameras: Sequence[CameraView], target: Size, strict: bool = False) -> Fit:
    """Cut a picture to the target's aspect and express the intrinsics relative to what remains.

    The result depends on the target's aspect alone, not on its resolution, except for the size that the intrinsics are
    compared with; so a model may work at another resolution of the same aspect.

    Args:
        picture: its size, upright; none if the request has no picture.
        cameras: as sent, intrinsics in pixels (see the module's text on whose).
        target: the size asked for.
        strict: as the release: always the picture's pixels, crop rounded down to whole ones. A crop that lies a hair
            under a whole number then loses a column that the intrinsics still count. Quaternions keep their length.
    """
    pixels = np.array([[view.fx, view.fy, view.cx, view.cy] for view in cameras])
    box = None
    if picture is not None:
        box = _whole_crop(picture, target) if strict else centred_box(picture, target)
        if strict or _speak_of(cameras, picture, target) == picture:
            scale = max(target[0] / picture[0], target[1] / picture[1])
            pixels = (pixels - np.array([0, 0, box[0], box[1]])) * scale
    quaternions = np.array([view.quaternion for view in cameras])
    if not strict:
        quaternions = quaternions / np.linalg.norm(quaternions, axis=1, keepdims=True)
    positions = np.array([view.position for view in cameras])
    intrinsics = pixels / np.array([target[1], target[0]] * 2)
    return Fit(box, np.concatenate([quaternions, positions, intrinsics], axis=1))


def sample(picture: Image.Image, box: Box, size: Size) -> Float[np.ndarray, "3 h w"]:
    """The part of an RGB picture within `box`, resized (bicubic) to `size`, as values from -1 to 1."""
    height, width = size
    left, upper, right, lower = box
    # Pixels beyond the box are cut off first: the filter would mix them into the border.
    x, y = math.floor(left), math.floor(upper)
    touched = picture.crop((x, y, math.ceil(right), math.ceil(lower)))
    within = (left - x, upper - y, right - x, lower - y)
    resized = touched.resize((width, height), Image.Resampling.BICUBIC, box=within)
    return np.moveaxis(np.asarray(resized, dtype=np.float32) / 255 * 2 - 1, -1, 0)


def centred_box(picture: Size, target: Size) -> Box:
    """The largest box of the target's aspect around the centre of a picture."""
    height, width = picture
    crop_height, crop_width = float(height), float(width)
    # Products of whole numbers: the side that is kept is kept exactly, and not by the luck of rounding.
    if target[1] * height > target[0] * width:
        crop_height = width * target[0] / target[1]
    else:
        crop_width = height * target[1] / target[0]
    left, upper = (width - crop_width) / 2, (height - crop_height) / 2
    return left, upper, left + crop_width, upper + crop_height


def _whole_crop(picture: Size, target: Size) -> Box:
    height, width = picture
    scale = max(target[0] / height, target[1] / width)
    crop_height, crop_width = math.floor(target[0] / scale), math.floor(target[1] / scale)
    left, upper = (width - crop_width) // 2, (height - crop_height) // 2
    return left, upper, left + crop_width, upper + crop_height


def _speak_of(cameras: Sequence[CameraView], picture: Size, target: Size) -> Size:
    """Which of two sizes the intrinsics are in pixels of: the nearer to the one that they state."""
    stated = stated_size(cameras)
    if stated is None:
        return picture

    def distance(size: Size) -> float:
        return sum(abs(math.log(mine / other)) for mine, other in zip(stated, size, strict=True))

    return target if distance(target) < distance(picture) - 1e-9 else picture
