"""Section 4 of the reference: from an uploaded picture and pixel intrinsics to model inputs, as the release does it."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from flashworld.request import CameraView, decode_picture, fit, sample
from flashworld.testing.parity.comparison import Comparison, differing, largest, largest_mixed

FILE = "preprocess.safetensors"
ONE_LEVEL = 1 / 127.5 + 1e-6
"""One step of an 8-bit value on the scale -1..1: Pillow's versions resize with different last bits."""


def compare_requests(recorded: dict[str, Tensor]) -> Iterator[Comparison]:
    """Every request of the fixture, with and without a picture."""
    for case in sorted(name.removesuffix(".cameras_in") for name in recorded if name.endswith(".cameras_in")):
        tensors = {
            name.removeprefix(f"{case}."): values for name, values in recorded.items() if name.startswith(f"{case}.")
        }
        for name, difference, tolerance in _differences(tensors):
            yield Comparison(FILE, f"{case}.{name}", difference, tolerance)


def _differences(recorded: dict[str, Tensor]) -> Iterator[tuple[str, float, float]]:
    rows = recorded["cameras_in"].numpy()
    _, height, width = recorded["resolution"].tolist()
    views = [_view(row) for row in rows]
    if "png_bytes" not in recorded:
        fitted = fit(None, views, (height, width), strict=True)
        yield "cameras_out", *_cameras(fitted.cameras, recorded["cameras_out"])
        return
    picture = decode_picture(recorded["png_bytes"].numpy().tobytes(), strict=True)
    yield "image_rgb", differing(torch.as_tensor(np.asarray(picture).copy()), recorded["image_rgb"]), 0.0
    fitted = fit((picture.height, picture.width), views, (height, width), strict=True)
    assert fitted.box is not None
    left, upper, right, lower = fitted.box
    scale = max(height / picture.height, width / picture.width)
    crop = torch.tensor([scale, right - left, lower - upper], dtype=torch.float64)
    yield "scale_crop", largest(crop, recorded["scale_crop"]), 1e-9
    pixels = torch.as_tensor(sample(picture, fitted.box, (height, width)))
    yield "image_out", largest(pixels, recorded["image_out"]), ONE_LEVEL
    yield "cameras_out", *_cameras(fitted.cameras, recorded["cameras_out"])
    if "cameras_after_request" in recorded:
        after = torch.as_tensor(fitted.cameras * np.array([1] * 7 + [width, height, width, height]))
        yield "cameras_after_request", largest_mixed(after, recorded["cameras_after_request"]), 1e-6


def _cameras(rows: np.ndarray, recorded: Tensor) -> tuple[float, float]:
    return largest_mixed(torch.as_tensor(rows).float(), recorded), 1e-6


def _view(row: np.ndarray) -> CameraView:
    names = ("fx", "fy", "cx", "cy")
    return CameraView(
        quaternion=tuple(row[:4].tolist()),
        position=tuple(row[4:7].tolist()),
        **dict(zip(names, row[7:].tolist(), strict=True)),
    )
