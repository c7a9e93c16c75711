"""A scene in pieces that fit a processor's cache, so that no writer or reader holds a second copy of it.

The pieces are worked on in NumPy: its one thread finishes a block before PyTorch's threads have met.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from flashworld.gaussians import Gaussians

ROWS = 1 << 14
"""Gaussians per block."""


def spans(num: int) -> Iterator[slice]:
    """Consecutive slices of at most `ROWS` that cover `num` rows."""
    for start in range(0, num, ROWS):
        yield slice(start, min(start + ROWS, num))


def plain(gaussians: Gaussians) -> Gaussians:
    """The values as float32 in main memory, without gradient history."""
    return gaussians.detach().to("cpu").to(torch.float32)


def empty(num: int, degree: int) -> Gaussians:
    """Room for `num` Gaussians, to be filled by `fill`."""
    widths = {"means": (3,), "quaternions": (4,), "scales": (3,), "opacities": (), "harmonics": ((degree + 1) ** 2, 3)}
    return Gaussians(**{name: torch.empty((num, *width)) for name, width in widths.items()})


def fill(room: Gaussians, span: slice, block: Gaussians) -> None:
    """Copy a block to its place in `room`."""
    for name, values in vars(block).items():
        getattr(room, name).numpy()[span] = values.numpy()


def is_drawable(gaussians: Gaussians) -> Bool[Tensor, " n"]:
    """Which Gaussians consist of finite numbers. The others have no place or size; no rasteriser can show them."""
    drawable = np.ones(len(gaussians), bool)
    for span in spans(len(gaussians)):
        for values in vars(gaussians[span]).values():
            finite = np.isfinite(values.numpy())
            if not finite.all():
                drawable[span] &= finite.reshape(len(finite), -1).all(axis=1)
    return torch.from_numpy(drawable)


def drawable(gaussians: Gaussians) -> Gaussians:
    """The scene without the Gaussians that cannot be drawn; the same object if all can."""
    keep = is_drawable(gaussians)
    return gaussians if bool(keep.all()) else gaussians[keep]


def unit(quaternions: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 4"]:
    """Quaternions of length one; zero, which some programs write, becomes no rotation."""
    wide = quaternions.astype(np.float64)
    lengths = np.sqrt(np.einsum("ni,ni->n", wide, wide))[:, None]
    turned = lengths > 0
    return np.where(turned, wide / np.where(turned, lengths, 1), [1.0, 0, 0, 0]).astype(np.float32)
