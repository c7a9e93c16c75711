"""`.splat`: 32 bytes per Gaussian without a header (github.com/antimatter15/splat, MIT). Read only."""

from pathlib import Path

import numpy as np
import torch

from flashworld.errors import FormatError
from flashworld.formats import blocks
from flashworld.gaussians import Gaussians
from flashworld.geometry.harmonics import CONSTANT_HARMONIC

AXES = "right down front"
"""The format states no axes; its files are made from PLY files and keep theirs."""
ROW = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("colour", "u1", 4), ("rotation", "u1", 4)])


def read(path: Path) -> Gaussians:
    """Values in `AXES`. Colours have no view dependence.

    Raises:
        FormatError: The size is not a multiple of a row's.
    """
    num, left_over = divmod(path.stat().st_size, ROW.itemsize)
    if left_over:
        raise FormatError(
            f"Not a .splat file, or truncated: {left_over} bytes follow {num:,} rows of {ROW.itemsize} bytes."
        )
    room = blocks.empty(num, 0)
    with path.open("rb") as file:
        for span in blocks.spans(num):
            rows = np.fromfile(file, ROW, span.stop - span.start)
            colour = rows["colour"].astype(np.float32) / 255
            values = [
                rows["mean"],
                blocks.unit((rows["rotation"].astype(np.float32) - 128) / 128),
                rows["scale"],
                colour[:, 3],
                (colour[:, None, :3] - 0.5) / np.float32(CONSTANT_HARMONIC),
            ]
            blocks.fill(room, span, Gaussians(*(torch.from_numpy(np.ascontiguousarray(part)) for part in values)))
    return room
