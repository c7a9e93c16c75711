"""What a camera sees of points: where they lie in its picture, how far beside it, and which stand before a surface."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from flashworld.cameras import Cameras


def stands_before(
    points: Float[Tensor, "b n 3"], camera: Cameras, surface: Float[Tensor, "b h w"]
) -> Bool[Tensor, "b n"]:
    """Whether cameras [b] see points before a surface, given by its distances on a grid over each picture."""
    right, down, inside = projected(points, camera)
    h, w = surface.shape[-2:]
    column, row = (right * w).long().clamp(0, w - 1), (down * h).long().clamp(0, h - 1)
    behind = surface.flatten(1).gather(1, row * w + column)
    return inside & ((points - camera.positions[:, None]).norm(dim=-1) < behind)


def beside(
    points: Float[Tensor, "b n 3"], camera: Cameras
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n"], Float[Tensor, "b n"]]:
    """Where in the pictures of cameras [b] points are seen, or would nearly be, and how far beside it they are.

    Returns:
        Right and down, 0 to 1, of the place in the picture that is nearest on its plane; and the angle in radians
        between the rays to the point and to that place, 0 in the picture.
    """
    right, down, inside = projected(points, camera)
    right, down = right.clamp(0, 1), down.clamp(0, 1)
    fx, fy, cx, cy = camera.intrinsics[:, None].unbind(-1)
    nearest = torch.stack([(right - cx) / fx, (cy - down) / fy, -torch.ones_like(right)], dim=-1)
    ray = (points - camera.positions[:, None]) @ camera.rotations
    angle = torch.atan2(torch.linalg.cross(nearest, ray).norm(dim=-1), (nearest * ray).sum(-1))
    return right, down, angle.masked_fill(inside, 0)


def projected(
    points: Float[Tensor, "b n 3"], camera: Cameras
) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b n"], Bool[Tensor, "b n"]]:
    """Where cameras [b] see points, 0 to 1 to the right and down, and whether they do."""
    x, y, z = ((points - camera.positions[:, None]) @ camera.rotations).unbind(-1)
    fx, fy, cx, cy = camera.intrinsics[:, None].unbind(-1)
    ahead = (-z).clamp(min=1e-4)
    right, down = fx * x / ahead + cx, cy - fy * y / ahead
    return right, down, (z < -1e-4) & (right > 0) & (right < 1) & (down > 0) & (down < 1)
