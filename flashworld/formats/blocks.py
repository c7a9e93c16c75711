"""A scene in pieces that fit a processor's cache, so that no writer or reader holds a second copy of it."""

from collections.abc import Iterator

import torch
from jaxtyping import Bool
from torch import Tensor

from flashworld.gaussians import Gaussians

ROWS = 1 << 15
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
        getattr(room, name)[span] = values


def is_drawable(gaussians: Gaussians) -> Bool[Tensor, " n"]:
    """Which Gaussians consist of finite numbers. The others have no place or size; no rasteriser can show them."""
    drawable = torch.ones(len(gaussians), dtype=torch.bool)
    for span in spans(len(gaussians)):
        for values in vars(gaussians[span]).values():
            drawable[span] &= values.flatten(1).isfinite().all(-1) if values.ndim > 1 else values.isfinite()
    return drawable


def drawable(gaussians: Gaussians) -> Gaussians:
    """The scene without the Gaussians that cannot be drawn; the same object if all can."""
    keep = is_drawable(gaussians)
    return gaussians if bool(keep.all()) else gaussians[keep]
