"""A board whose corners are found again in pictures: where a camera shows things, within a fraction of a pixel."""

import numpy as np
import torch
from jaxtyping import Float
from landmarks import coloured
from torch import Tensor

from flashworld.cameras import Cameras
from flashworld.gaussians import Gaussians


def corners() -> Float[Tensor, "corners 3"]:
    """Corners of a bent board of 6 x 5 fields about the origin, no two at the same depth."""
    u, v = torch.meshgrid(torch.linspace(-1, 1, 6), torch.linspace(-1, 1, 5), indexing="ij")
    return torch.stack([1.1 * u, 0.8 * v, 0.4 * u * v - 0.3 * u], dim=-1).reshape(-1, 3)


def board() -> Gaussians:
    """A small dark ball on every corner."""
    points = corners()
    num = len(points)
    quaternions = torch.tensor([1.0, 0, 0, 0]).expand(num, 4)
    colours = coloured((0.05, 0.05, 0.05), num)
    return Gaussians(points, quaternions, torch.full((num, 3), 0.02), torch.full((num,), 0.95), colours)


def visible_corners(cameras: Cameras, index: int, height: int, width: int) -> list[tuple[float, float]]:
    """Pixels of the corners that lie well inside the picture and apart from all others, by the formula of the docs."""
    fx, fy, cx, cy = (cameras.intrinsics[index] * torch.tensor([width, height, width, height])).tolist()
    x, y, z = ((corners() - cameras.positions[index]) @ cameras.rotations[index]).unbind(-1)
    u, v = cx - fx * x / z, cy + fy * y / z
    inside = (z < 0) & (u > 12) & (u < width - 12) & (v > 12) & (v < height - 12)
    pixels = torch.stack([u, v], dim=-1)
    apart = torch.cdist(pixels, pixels).fill_diagonal_(1e3).amin(-1) > 16
    return [(float(a), float(b)) for a, b in pixels[inside & apart]]


def centroid(picture: np.ndarray, near: tuple[float, float], radius: int = 6) -> tuple[float, float]:
    """Where the darkness around a place has its centre, in pixels from the upper left corner."""
    column, row = (int(value) for value in near)
    window = 255.0 - picture[row - radius : row + radius + 1, column - radius : column + radius + 1].mean(-1)
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1] + 0.5
    assert window.sum() > 100, "there is nothing"
    return column + (columns * window).sum() / window.sum(), row + (rows * window).sum() / window.sum()
