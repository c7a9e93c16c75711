"""Rays of a camera's picture: one per cell of a grid laid over it."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from flashworld.cameras.cameras import Cameras


def cast_rays(
    cameras: Cameras, height: int, width: int, offsets: Float[Tensor, "*batch h w 2"] | None = None
) -> tuple[Float[Tensor, "*batch h w 3"], Float[Tensor, "*batch h w 3"]]:
    """Origins and unit directions, in the world, of rays through the cells of a `height` x `width` grid.

    A ray leaves the camera's centre through the centre of its cell, moved by `offsets`: right in units of cx, down in
    units of cy, so an offset of (1, 1) is the way from the picture's upper left corner to its principal point.
    """
    like = {"dtype": cameras.intrinsics.dtype, "device": cameras.intrinsics.device}
    right = ((torch.arange(width, **like) + 0.5) / width)[None, :]
    down = ((torch.arange(height, **like) + 0.5) / height)[:, None]
    fx, fy, cx, cy = rearrange(cameras.intrinsics, "... k -> k ... 1 1").unbind(0)
    if offsets is not None:
        right = right + offsets[..., 0] * cx
        down = down + offsets[..., 1] * cy
    x, y = torch.broadcast_tensors((right - cx) / fx, (cy - down) / fy)
    in_camera = torch.nn.functional.normalize(torch.stack([x, y, -torch.ones_like(x)], dim=-1), dim=-1)
    directions = torch.einsum("...ij,...hwj->...hwi", cameras.rotations, in_camera)
    origins = rearrange(cameras.positions, "... c -> ... 1 1 c").expand_as(directions)
    return origins, directions


def ray_map(cameras: Cameras, height: int, width: int) -> Float[Tensor, "*batch h w 6"]:
    """What the denoiser is told of the cameras: each cell's ray as its direction d and its line's point nearest to 0.

    That point is o - (o.d) d for the origin o, so it does not depend on where along the line the ray begins.
    """
    origins, directions = cast_rays(cameras, height, width)
    nearest = origins - (origins * directions).sum(-1, keepdim=True) * directions
    return torch.cat([directions, nearest], dim=-1)
