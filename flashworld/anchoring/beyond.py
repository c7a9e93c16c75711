"""What lies beyond the picture's border: its colours go on into the nearest of what is imagined, and behind all of it.

A small model does not know the surroundings well enough to meet the picture without a seam, and where no view looked
there is nothing at all. Close to the border, its own colours are the better guess; far away a backdrop of them fills
the gaps. Both are coarse on purpose, since details carried on would become streaks.
"""

import math

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate, pad

from flashworld.anchoring.cells import OPAQUE, plain_harmonics
from flashworld.anchoring.sight import beside
from flashworld.cameras import Cameras
from flashworld.cameras.rays import cast_rays
from flashworld.gaussians import Gaussians
from flashworld.geometry.harmonics import HARMONIC_OF_COLOUR

NUM_CELLS = 192
"""Coarse cells of a picture."""
REACH = 0.3
"""Radians beyond the border at which the picture's share of a colour has fallen to 1/e."""
WIDENING = 3
"""Pictures that the backdrop is wide and high; odd. It reaches half a radian beyond the border, and never behind the
camera, so that the world can be looked into from there."""
NUM_IN_BACKDROP = WIDENING**2 * NUM_CELLS
"""Gaussians of the backdrop, about: rows and columns of cells are rounded."""
DEEPENING = 1.2
"""Depth of the backdrop in the largest distance of what stands before it."""
OVERLAP = 0.6
"""Standard deviation of the backdrop's Gaussians in its cells."""


def coarse(pixels: Float[Tensor, "b 3 H W"]) -> Float[Tensor, "b 3 h w"]:
    """Mean colours of the coarse cells of pictures."""
    height, width = pixels.shape[-2:]
    cell = math.sqrt(height * width / NUM_CELLS)
    return interpolate(pixels, [max(1, round(side / cell)) for side in (height, width)], mode="area")


def carried_on(
    harmonics: Float[Tensor, "b n k 3"],
    means: Float[Tensor, "b n 3"],
    camera: Cameras,
    picture: Float[Tensor, "b 3 h w"],
) -> Float[Tensor, "b n k 3"]:
    """Harmonics of Gaussians at `means`, mixed with the colours that coarse pictures have at the nearest border.

    Those within the picture of their camera [b] keep what they have: what shows there later was hidden.
    """
    right, down, angle = beside(means.detach(), camera)
    share = ((-angle / REACH).exp() * (angle > 0))[..., None]
    places = torch.stack([2 * right - 1, 2 * down - 1], dim=-1)[:, None]
    found = grid_sample(picture, places, padding_mode="border", align_corners=False)
    mixed = (1 - share)[..., None] * harmonics
    constant = mixed[..., :1, :] + (share * HARMONIC_OF_COLOUR * rearrange(found, "b c 1 n -> b n c"))[..., None, :]
    return torch.cat([constant, mixed[..., 1:, :]], dim=-2)


def backdrop(
    camera: Cameras, picture: Float[Tensor, "b 3 h w"], farthest: Float[Tensor, " b"], num_harmonics: int
) -> Gaussians:
    """Planes behind all that is up to `farthest` from cameras [b]: coarse pictures, and around them their borders."""
    h, w = picture.shape[-2:]
    around = WIDENING // 2
    colours = pad(picture, (around * w, around * w, around * h, around * h), mode="replicate")
    height, width = colours.shape[-2:]
    fx, fy, cx, cy = camera.intrinsics.unbind(-1)
    wide = torch.stack([fx, fy, cx + around, cy + around], dim=-1) / WIDENING
    _, directions = cast_rays(Cameras(camera.quaternions, camera.positions, wide), height, width)
    depth = (DEEPENING * farthest)[:, None, None, None]
    along = -(directions * camera.rotations[:, None, None, :, 2]).sum(-1, keepdim=True)
    means = camera.positions[:, None, None] + directions * (depth / along)
    size = OVERLAP * depth[..., 0] / torch.minimum(fx * w, fy * h)[:, None, None]
    parts = (
        means,
        camera.quaternions[:, None, None].expand(-1, height, width, -1),
        size[..., None].expand(-1, height, width, 3),
        torch.full_like(means[..., 0], OPAQUE),
        plain_harmonics(colours, num_harmonics),
    )
    return Gaussians(*(part.flatten(1, 2) for part in parts))
